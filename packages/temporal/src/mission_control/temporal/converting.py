"""JSON as it was handed in: what goes to Temporal and comes back has its keys in their order."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.converter import CompositePayloadConverter, DefaultPayloadConverter, JSONPlainPayloadConverter


class OrderedJSON(JSONPlainPayloadConverter):
    """Temporal's own JSON but for the keys, which that sorts."""

    def to_payload(self, value: Any) -> Payload | None:
        """Return the payload of a JSON value."""
        data = json.dumps(value, separators=(",", ":")).encode()
        return Payload(metadata={"encoding": self.encoding.encode()}, data=data)


class MissionPayloadConverter(CompositePayloadConverter):
    """What converts the payloads of missions."""

    def __init__(self) -> None:
        *others, _ = DefaultPayloadConverter.default_encoding_payload_converters
        super().__init__(*others, OrderedJSON())


def client_of_missions(client: Client) -> Client:
    """Return a client over the same connection that converts payloads so; a codec, such as one that encrypts, stays."""
    converter = dataclasses.replace(client.data_converter, payload_converter_class=MissionPayloadConverter)
    config = client.config()
    config["data_converter"] = converter
    return Client(**config)

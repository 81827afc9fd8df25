"""The search attributes that missions are found by: registered in the namespace, once, by whoever comes first."""

from __future__ import annotations

from collections.abc import Mapping

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from mission_control.core import PersistenceError

from .rows import KEYS

_WORDS: Mapping[int, str] = {
    IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD: "Keyword",
    IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST: "KeywordList",
    IndexedValueType.INDEXED_VALUE_TYPE_DATETIME: "Datetime",
    IndexedValueType.INDEXED_VALUE_TYPE_BOOL: "Bool",
}
"""What the types are called on the command line."""


async def register_attributes(client: Client) -> None:
    """Register what is missing. Raises `PersistenceError` where that may not be done, with the commands that do it."""
    try:
        listed = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
        missing = {
            key.name: IndexedValueType.ValueType(key.indexed_value_type)
            for key in KEYS
            if key.name not in listed.custom_attributes
        }
        if missing:
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
            )
    except RPCError as error:
        if error.status is RPCStatusCode.ALREADY_EXISTS:
            return  # another process was quicker
        commands = "\n".join(
            f"  temporal operator search-attribute create --namespace {client.namespace} --name {key.name} "
            f"--type {_WORDS[key.indexed_value_type]}"
            for key in KEYS
        )
        raise PersistenceError(
            f"the search attributes of missions could not be registered in namespace {client.namespace!r} "
            f"({error.message}); have somebody run, who may:\n{commands}"
        ) from error

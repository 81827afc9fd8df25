"""What crosses the border: schemas, the JSON forms of their values, and what is wrong with a value that does not fit.

A `PayloadType` is a compiled schema: it validates what comes in, normalises what user code returns, and restores what
was stored. Nothing here knows what a mission is. Below it are only the errors, and the records that they show.
"""

from .annotations import declared_return, is_coroutine_function, refuse_generator, return_type
from .issues import code_name, field_step, found, one_line
from .json_values import copy_json, decode_json, encode_json
from .schema import PLAIN, PayloadType, Schema, payload_type, same_json
from .type_names import type_name

__all__ = [
    "PLAIN",
    "PayloadType",
    "Schema",
    "code_name",
    "copy_json",
    "declared_return",
    "decode_json",
    "encode_json",
    "field_step",
    "found",
    "is_coroutine_function",
    "one_line",
    "payload_type",
    "refuse_generator",
    "return_type",
    "same_json",
    "type_name",
]

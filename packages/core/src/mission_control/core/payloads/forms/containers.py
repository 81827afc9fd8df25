"""The forms of collections: lists, tuples, sets, and mappings with keys of one type."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, MutableSet, Sequence
from collections.abc import Set as AbstractSet
from itertools import count, repeat
from typing import Any, TypeAlias

from ..issues import MisfitError, Refused, below, expected, field_step, misfit
from ..json_values import is_mapping, kind_of, sorted_items
from .form import (
    INTEGER,
    NUMBER,
    TEXT,
    Care,
    Decode,
    Encode,
    Form,
    JsonSchema,
    UnsupportedTypeError,
    decode_parts,
    most_care,
)

_Change: TypeAlias = Callable[[Any], Any]

# What a declared collection takes typed, and what it is read into.
LISTS: dict[Any, tuple[tuple[type, ...], _Change | None]] = {
    list: ((list,), None),
    Sequence: ((list, tuple), None),
    MutableSequence: ((list,), None),
    deque: ((deque, list), deque),
    tuple: ((tuple, list), tuple),
}
SETS: dict[Any, tuple[tuple[type, ...], _Change]] = {
    set: ((set,), set),
    frozenset: ((frozenset,), frozenset),
    AbstractSet: ((AbstractSet,), frozenset),
    MutableSet: ((set,), set),
}
MAPPINGS: dict[Any, _Change | None] = {
    dict: None,
    Mapping: None,
    MutableMapping: None,
    OrderedDict: OrderedDict,
    Counter: Counter,
    defaultdict: None,
}

_HASHABLE: JsonSchema = {"type": ["null", "boolean", "number", "string"]}


def list_form(origin: Any, item: Form, name: str) -> Form:
    """A list, a tuple of any length, or what is written like one."""
    typed, build = LISTS[origin]
    known: Any = typed
    encode_item = item.encode

    def encode(value: Any) -> Any:
        return [encode_item(member) for member in value] if isinstance(value, known) else value

    return _array_form(name, item, encode, build, (origin,) if origin is tuple else typed, item.care)


def set_form(origin: Any, item: Form, name: str) -> Form:
    """A set is written as a list in the order of its items' JSON text, so that equal sets are written alike."""
    typed, build = SETS[origin]
    known: Any = (*typed, list)

    def encode(value: Any) -> Any:
        return sorted_items(item.encode(member) for member in value) if isinstance(value, known) else value

    return _array_form(name, item, encode, build, typed, max(Care.REWRITE, item.care))


def fixed_tuple_form(
    items: tuple[Form, ...],
    name: str,
    *,
    typed: type = tuple,
    build: _Change = tuple,
    required: int | None = None,
) -> Form:
    """A tuple with a type for each place; a NamedTuple may leave out the last `len(items) - required`."""
    fewest = len(items) if required is None else required
    places = str(fewest) if fewest == len(items) else f"{fewest} to {len(items)}"
    encoders = [item.encode for item in items]

    def encode(value: Any) -> Any:
        if kind_of(value) not in (typed, list) or len(value) > len(encoders):
            return value
        return [encoder(member) for encoder, member in zip(encoders, value, strict=False)]

    def reader(decoders: list[Decode]) -> Decode:
        def decode(value: Any, _: Any) -> Any:
            if kind_of(value) is not list or not fewest <= len(value) <= len(decoders):
                raise expected(f"{name} (a list of {places})", value)
            return build(decode_parts(zip(count(), decoders, value, strict=False)))

        return decode

    schema: JsonSchema = {"type": "array", "minItems": fewest, "maxItems": len(items)}
    if items:
        schema["prefixItems"] = [item.schema for item in items]
    strict, lenient = reader([item.strict for item in items]), reader([item.lenient for item in items])
    care = most_care(items, Care.NONE if fewest == len(items) else Care.REWRITE)
    return Form(name, schema, encode, strict, lenient, typed=(typed,), care=care)


def mapping_form(origin: Any, key: Form, value: Form, name: str, *, default: Any = None) -> Form:
    """A mapping is written as an object; keys that are not text are written as text. `default` is a defaultdict's."""
    build = _with_default(default) if origin is defaultdict else MAPPINGS[origin]
    write, read, names = _key_codec(key, name)
    encode_item = value.encode

    def encode(mapping: Any) -> Any:
        if not is_mapping(mapping):
            return mapping
        encoded = {write(member): encode_item(item) for member, item in mapping.items()}
        return encoded if len(encoded) == len(mapping) else Refused("two keys that are written alike")

    def reader(decode_item: Decode) -> Decode:
        def decode_entry(entry: Any, _: Any) -> Any:
            return read(entry[0]), decode_item(entry[1], None)

        def decode(mapping: Any, _: Any) -> Any:
            if kind_of(mapping) is not dict:
                raise expected(f"{name} (an object)", mapping)
            fields: dict[Any, Any] = {}
            rest, member = iter(mapping.items()), None
            try:
                for member, item in rest:
                    fields[read(member)] = decode_item(item, None)
            except Exception as error:  # as below
                parts = [(entry[0], decode_entry, entry) for entry in rest]
                return decode_parts(parts, below(field_step(member), error))
            if len(fields) != len(mapping):
                raise misfit("two keys that are read alike")
            return fields if build is None else build(fields)

        return decode

    schema = {"type": "object", "propertyNames": names, "additionalProperties": value.schema}
    return Form(
        name,
        {part: content for part, content in schema.items() if content},
        encode,
        reader(value.strict),
        reader(value.lenient),
        typed=(Mapping,) if origin in (Mapping, MutableMapping) else (origin,),
        care=value.care,
    )


def _with_default(default: Any) -> _Change:
    return lambda fields: defaultdict(default, fields)


def _array_form(
    name: str, item: Form, encode: Encode, build: _Change | None, typed: tuple[type, ...], care: Care
) -> Form:
    def reader(decode_item: Decode) -> Decode:
        def decode(value: Any, _: Any) -> Any:
            if kind_of(value) is not list:
                raise expected(f"{name} (a list)", value)
            items: list[Any] = []
            try:
                for item in value:
                    items.append(decode_item(item, None))  # noqa: PERF401 - how many there are says which one fails
            except Exception as error:  # whatever the item's own code raises is a problem of this item
                after = len(items) + 1
                parts = zip(count(after), repeat(decode_item), value[after:], strict=False)
                return decode_parts(parts, below(field_step(after - 1), error))
            return items if build is None else build(items)

        return decode

    items = item.schema or (_HASHABLE if build in (set, frozenset) else {})
    schema = {"type": "array", "items": items} if items else {"type": "array"}
    return Form(name, schema, encode, reader(item.strict), reader(item.lenient), typed=typed, care=care)


# --- keys ---------------------------------------------------------------------------------


_NUMBERS = {int: r"^(0|-?[1-9][0-9]*)$", float: r"^-?[0-9]+(\.[0-9]+)?(e[+-][0-9]+)?$"}

_KeyCodec: TypeAlias = tuple[Encode, _Change, JsonSchema]
"""How a key is written as text and read back, and what its text is like."""


def _key_codec(key: Form, name: str) -> _KeyCodec:
    if key.kinds <= {TEXT} or key.name == "any":
        return _text_keys(key)
    if key.choices is not None and key.kinds <= {TEXT, INTEGER}:
        return _choice_keys(key, name)
    if key.kinds <= {INTEGER, NUMBER} and key.name in ("int", "float"):
        return _number_keys(key, int if key.name == "int" else float)
    raise UnsupportedTypeError(
        f"{name} has keys of {key.name}, which the names of an object cannot carry; use str or int keys"
    )


def _text_keys(key: Form) -> _KeyCodec:
    def read(text: Any) -> Any:
        if type(text) is not str:
            raise expected("str as a name", text)
        return key.strict(text, None)

    return key.encode, read, {part: content for part, content in key.schema.items() if part != "type"}


def _choice_keys(key: Form, name: str) -> _KeyCodec:
    choices = key.choices or {}
    by_text = {str(value): typed for (_, value), typed in choices.items()}
    if len(by_text) != len(choices):
        raise UnsupportedTypeError(f"{name} has keys that are written alike")

    def write(member: Any) -> Any:
        encoded = key.encode(member)
        return str(encoded) if (type(encoded), encoded) in choices else encoded

    def read(text: Any) -> Any:
        if type(text) is str and text in by_text:
            return by_text[text]
        raise expected(f"{key.name} as a name", text)

    return write, read, {"enum": list(by_text)}


def _number_keys(key: Form, kind: type[int] | type[float]) -> _KeyCodec:
    def write(member: Any) -> Any:
        encoded = key.encode(member)
        if type(encoded) is bool or type(encoded) not in (int, float):
            return encoded
        try:
            return repr(key.strict(encoded, None))
        except MisfitError:
            return encoded

    def read(text: Any) -> Any:
        number = _number(text, kind)
        if number is None or repr(number) != text:
            raise expected(f"{kind.__name__} as a name (its text)", text)
        return number

    return write, read, {"pattern": _NUMBERS[kind]}


def _number(text: Any, kind: type[int] | type[float]) -> int | float | None:
    try:
        number = kind(text) if type(text) is str else None
    except ValueError:
        return None
    return None if isinstance(number, float) and not math.isfinite(number) else number

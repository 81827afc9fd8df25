"""The forms of collections: lists, tuples, sets, and mappings with keys of one type."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, MutableSet, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, TypeAlias

from ..issues import MOST_PROBLEMS, MisfitError, Problem, Refused, below, expected, field_step
from ..json_values import is_mapping, kind_of, sorted_items
from .form import ARRAY, INTEGER, NUMBER, OBJECT, TEXT, Care, Decode, Encode, Form, UnsupportedTypeError, most_care

_Change: TypeAlias = Callable[[Any], Any]

# What a declared collection takes typed, and what it is read into.
LISTS: dict[Any, tuple[tuple[type, ...], _Change | None]] = {
    list: ((list,), None),
    Sequence: ((list, tuple), None),
    MutableSequence: ((list,), None),
    deque: ((deque, list), deque),
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


def list_form(origin: Any, item: Form, name: str) -> Form:
    """A list, or what is written like one."""
    typed, build = LISTS[origin]
    return Form(
        name,
        _encode_items(typed, item.encode),
        _decode_items(name, item.strict, build),
        _decode_items(name, item.lenient, build),
        frozenset({ARRAY}),
        typed=typed,
        care=item.care,
    )


def set_form(origin: Any, item: Form, name: str) -> Form:
    """A set is written as a list in the order of its items' JSON text, so that equal sets are written alike."""
    typed, build = SETS[origin]
    known: Any = (*typed, list)

    def encode(value: Any) -> Any:
        return sorted_items(item.encode(member) for member in value) if isinstance(value, known) else value

    return Form(
        name,
        encode,
        _decode_items(name, item.strict, build),
        _decode_items(name, item.lenient, build),
        frozenset({ARRAY}),
        typed=typed,
        care=max(Care.REWRITE, item.care),
    )


def tuple_form(item: Form, name: str) -> Form:
    """A tuple of any length is written as a list."""
    return Form(
        name,
        _encode_items((tuple, list), item.encode),
        _decode_items(name, item.strict, tuple),
        _decode_items(name, item.lenient, tuple),
        frozenset({ARRAY}),
        typed=(tuple,),
        care=item.care,
    )


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
    encoders = [item.encode for item in items]

    def encode(value: Any) -> Any:
        if kind_of(value) not in (typed, list) or len(value) > len(encoders):
            return value
        return [encoder(member) for encoder, member in zip(encoders, value, strict=False)]

    return Form(
        name,
        encode,
        _decode_places(name, [item.strict for item in items], fewest, build),
        _decode_places(name, [item.lenient for item in items], fewest, build),
        frozenset({ARRAY}),
        typed=(typed,),
        care=max(Care.NONE if fewest == len(items) else Care.REWRITE, most_care(items)),
    )


def mapping_form(origin: Any, key: Form, value: Form, name: str, *, default: Any = None) -> Form:
    """A mapping is written as an object; keys that are not text are written as text. `default` is a defaultdict's."""
    build = _with_default(default) if origin is defaultdict else MAPPINGS[origin]
    write, read = _key_codec(key, name)

    def encode(mapping: Any) -> Any:
        if not is_mapping(mapping):
            return mapping
        encoded = {write(member): value.encode(item) for member, item in mapping.items()}
        return encoded if len(encoded) == len(mapping) else Refused("two keys that are written alike")

    return Form(
        name,
        encode,
        _decode_mapping(name, read, value.strict, build),
        _decode_mapping(name, read, value.lenient, build),
        frozenset({OBJECT}),
        typed=(Mapping,) if origin in (Mapping, MutableMapping) else (origin,),
        care=value.care,
    )


def _with_default(default: Any) -> _Change:
    return lambda fields: defaultdict(default, fields)


def _encode_items(typed: Any, encode_item: Encode) -> Encode:
    def encode(value: Any) -> Any:
        return [encode_item(item) for item in value] if isinstance(value, typed) else value

    return encode


def _decode_items(name: str, decode_item: Decode, build: _Change | None) -> Decode:
    def decode(value: Any, _: Any) -> Any:
        if kind_of(value) is not list:
            raise expected(f"{name} (a list)", value)
        items: list[Any] = []
        problems: list[Problem] = []
        for item in value:
            try:
                items.append(decode_item(item, None))
            except Exception as error:  # whatever the item's own code raises is a problem of this item
                problems += below(f"[{len(items)}]", error)
                items.append(None)
                if len(problems) >= MOST_PROBLEMS:
                    break
        if problems:
            raise MisfitError(problems)
        return items if build is None else build(items)

    return decode


def _decode_places(name: str, decoders: list[Decode], fewest: int, build: _Change) -> Decode:
    count = str(fewest) if fewest == len(decoders) else f"{fewest} to {len(decoders)}"

    def decode(value: Any, _: Any) -> Any:
        if kind_of(value) is not list or not fewest <= len(value) <= len(decoders):
            raise expected(f"{name} (a list of {count})", value)
        items: list[Any] = []
        problems: list[Problem] = []
        for index, (decode_item, item) in enumerate(zip(decoders, value, strict=False)):
            try:
                items.append(decode_item(item, None))
            except Exception as error:  # as above
                problems += below(f"[{index}]", error)
        if problems:
            raise MisfitError(problems)
        return build(items)

    return decode


def _decode_mapping(name: str, read: _Change, decode_item: Decode, build: _Change | None) -> Decode:
    def decode(value: Any, _: Any) -> Any:
        if kind_of(value) is not dict:
            raise expected(f"{name} (an object)", value)
        fields: dict[Any, Any] = {}
        problems: list[Problem] = []
        for member, item in value.items():
            try:
                fields[read(member)] = decode_item(item, None)
            except Exception as error:  # as above
                problems += below(field_step(member), error)
                if len(problems) >= MOST_PROBLEMS:
                    break
        if problems:
            raise MisfitError(problems)
        return fields if build is None else build(fields)

    return decode


# --- keys ---------------------------------------------------------------------------------


def _key_codec(key: Form, name: str) -> tuple[Encode, _Change]:
    """How a key is written as text, and read back."""
    if key.kinds <= {TEXT} or key.name == "any":
        return _text_keys(key)
    if key.choices is not None and key.kinds <= {TEXT, INTEGER}:
        return _choice_keys(key, name)
    if key.kinds <= {INTEGER, NUMBER} and key.name in ("int", "float"):
        return _number_keys(key, int if key.name == "int" else float)
    raise UnsupportedTypeError(
        f"{name} has keys of {key.name}, which the names of an object cannot carry; use str or int keys"
    )


def _text_keys(key: Form) -> tuple[Encode, _Change]:
    def read(text: Any) -> Any:
        if type(text) is not str:
            raise expected("str as a name", text)
        return key.strict(text, None)

    return key.encode, read


def _choice_keys(key: Form, name: str) -> tuple[Encode, _Change]:
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

    return write, read


def _number_keys(key: Form, kind: type[int] | type[float]) -> tuple[Encode, _Change]:
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

    return write, read


def _number(text: Any, kind: type[int] | type[float]) -> int | float | None:
    try:
        number = kind(text) if type(text) is str else None
    except ValueError:
        return None
    return None if isinstance(number, float) and not math.isfinite(number) else number

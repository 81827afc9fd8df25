"""The fields of a form, from a JSON Schema: a tree in which each leaf has a control of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import attrs

from mission_control.core.values import Value

from .kinds import is_list, is_object
from .naming import Steps, name_of, path_of
from .schemas import JsonSchema, Seen, merged_choices, seen
from .variants import Variant, tag_of, tags_of
from .words import help_for, help_for_either, label_of, texts_for

FieldKind: TypeAlias = Literal[
    "text",
    "long text",
    "integer",
    "number",
    "boolean",
    "date",
    "datetime",
    "time",
    "choice",
    "object",
    "list",
    "json",
]

_MOST_FIELDS = 500
"""How many fields a form may have; what is beyond is entered as JSON."""

_DEEPEST = 12
"""How many objects and lists may be around a field."""

_LONG = 200
"""From how many characters on a text needs more than a line."""

_LONG_NAMES = frozenset({"body", "comment", "comments", "description", "message", "note", "notes", "reason", "text"})


@attrs.frozen(kw_only=True)
class Field(Value):
    """One field: `path` is where it is, as core's issues say it (`$.lines[0].n`), `name` what it is sent as.

    `choices` are the texts of a choice. `children` are the fields of an object, or the one for the first item of a
    list, which `item` gives for the others. `steps` are what path and name are made of, `values` what the texts of
    the choices stand for. An object of one of several classes has the fields of all of them: `variants` are the
    classes, and the first field chooses.
    """

    steps: Steps
    label: str
    kind: FieldKind
    is_required: bool
    is_nullable: bool = False
    choices: tuple[str, ...] = ()
    values: tuple[Any, ...] = attrs.field(default=(), repr=False)
    default: Any = None
    help: str = ""
    children: tuple[Field, ...] = ()
    variants: tuple[Variant, ...] = ()

    @property
    def path(self) -> str:
        """Where the field is, as issues say it."""
        return path_of(self.steps)

    @property
    def name(self) -> str:
        """What the field is sent as."""
        return name_of(self.steps)

    @property
    def is_group(self) -> bool:
        """True for what has fields of its own, and none for itself."""
        return self.kind in ("object", "list")

    def item(self, index: int) -> Field:
        """Return the field for one item of a list, by its number from 0."""
        return _moved(self.children[0], len(self.steps), index)


def _moved(field: Field, depth: int, index: int) -> Field:
    steps = (*field.steps[:depth], index, *field.steps[depth + 1 :])
    return attrs.evolve(field, steps=steps, children=tuple(_moved(child, depth, index) for child in field.children))


def fields_of(schema: Mapping[str, Any] | None) -> Field:
    """Return the form of a value: one field for JSON where there is no schema, or none that a form can follow."""
    root: JsonSchema = {} if schema is None else schema
    field = _Form(root).field(root, (), is_required=True, refers=frozenset())
    title = root.get("title")
    return attrs.evolve(field, label=title) if isinstance(title, str) else field


class _Form:
    """One form in the making; it counts its fields."""

    def __init__(self, root: JsonSchema) -> None:
        self._root = root
        self._left = _MOST_FIELDS

    def field(self, schema: object, steps: Steps, *, is_required: bool, refers: frozenset[str]) -> Field:
        self._left -= 1
        found = seen(schema, self._root, refers)
        blank = Field(steps=steps, label=label_of(steps), kind="json", is_required=is_required)
        if found is None:
            return blank
        said: JsonSchema = found.members[0] if found.members else {}
        blank = attrs.evolve(blank, is_nullable=found.is_nullable, default=said.get("default"), help=help_for(said))
        choices = merged_choices(found.members)
        if choices:
            return attrs.evolve(blank, kind="choice", choices=texts_for(choices), values=tuple(choices))
        return self._single(blank, found, said)

    def _single(self, blank: Field, found: Seen, said: JsonSchema) -> Field:
        if not found.members:
            return attrs.evolve(blank, help="nothing, or null")
        if _is_duration(found.members):
            return attrs.evolve(blank, kind="number", help="in seconds")
        if len(found.members) != 1:
            return self._tagged(blank, found) or attrs.evolve(blank, help=help_for_either(found.members))
        children: Callable[[], tuple[Field, ...] | None] | None = {
            "object": lambda: self._fields(said, blank.steps, found.refers),
            "array": lambda: self._items(said, blank.steps, found.refers),
        }.get(str(said.get("type")))
        if children is None:
            return attrs.evolve(blank, kind=_kind(said, blank.steps))
        if len(blank.steps) >= _DEEPEST or self._left <= 0:
            return blank
        inner = children()
        if inner is None:
            return blank
        is_list = said["type"] == "array" and not said.get("prefixItems")
        return attrs.evolve(blank, kind="list" if is_list else "object", children=inner)

    def _tagged(self, blank: Field, found: Seen) -> Field | None:
        """Return one form for objects of several classes; None where they cannot be told apart, or share a name."""
        tag = tag_of(found.members)
        if tag is None or len(blank.steps) >= _DEEPEST or self._left <= 0:
            return None
        values = [value for member in found.members for value in tags_of(member, tag)]
        texts = dict(zip(map(repr, values), texts_for(values), strict=True))
        variants: list[Variant] = []
        fields: dict[str | int, Field] = {}
        for member in found.members:
            own = self._fields(member, blank.steps, found.refers) or ()
            choices = tuple(texts[repr(value)] for value in tags_of(member, tag))
            variants.append(_variant(tag, choices, own))
            for field in own:
                if _alike(fields.setdefault(field.steps[-1], field)) != _alike(field) and field.steps[-1] != tag:
                    return None
        chooser = attrs.evolve(fields.pop(tag), choices=tuple(texts.values()), values=tuple(values))
        rest = [_of_variants(field, variants) for field in fields.values()]
        return attrs.evolve(blank, kind="object", children=(chooser, *rest), variants=tuple(variants))

    def _fields(self, schema: JsonSchema, steps: Steps, refers: frozenset[str]) -> tuple[Field, ...] | None:
        """Return the fields of an object's properties; None for one of names that nobody knows before."""
        properties, required = schema.get("properties"), schema.get("required")
        if not is_object(properties) or not properties:
            return None
        names = required if is_list(required) else ()
        return tuple(
            self.field(part, (*steps, name), is_required=name in names, refers=refers)
            for name, part in properties.items()
        )

    def _items(self, schema: JsonSchema, steps: Steps, refers: frozenset[str]) -> tuple[Field, ...] | None:
        """Return the form of one item, or of each place of a tuple; None where nothing is said of the items."""
        places, fewest = schema.get("prefixItems"), schema.get("minItems")
        if is_list(places) and places:
            needed = fewest if isinstance(fewest, int) else 0
            return tuple(
                self.field(part, (*steps, place), is_required=place < needed, refers=refers)
                for place, part in enumerate(places)
            )
        if not is_object(schema.get("items")):
            return None
        return (self.field(schema["items"], (*steps, 0), is_required=True, refers=refers),)


def _variant(tag: str, choices: tuple[str, ...], fields: Sequence[Field]) -> Variant:
    names = {str(field.steps[-1]): field for field in fields}
    required = frozenset(name for name, field in names.items() if field.is_required)
    return Variant(tag=tag, choices=choices, names=frozenset(names), required=required)


def _alike(field: Field) -> Field:
    """Return what of a field has to be the same in all classes that have it."""
    return attrs.evolve(field, is_required=False, help="", default=None)


def _of_variants(field: Field, variants: Sequence[Variant]) -> Field:
    """Return a field as it is among those of all classes: which ones it is for, and whether all of them need it."""
    name = field.steps[-1]
    having = [variant for variant in variants if name in variant.names]
    is_required = all(name in variant.required for variant in variants)
    if len(having) == len(variants):
        return attrs.evolve(field, is_required=is_required)
    where = f"for {' or '.join(choice for variant in having for choice in variant.choices)}"
    return attrs.evolve(field, is_required=is_required, help="; ".join(filter(None, [field.help, where])))


def _kind(schema: JsonSchema, steps: Steps) -> FieldKind:
    kind: object = schema.get("type")
    if kind == "string":
        return _text_kind(schema, steps)
    plain: Mapping[object, FieldKind] = {"integer": "integer", "number": "number", "boolean": "boolean"}
    return plain.get(kind, "json") if isinstance(kind, str) else "json"


def _text_kind(schema: JsonSchema, steps: Steps) -> FieldKind:
    formats: Mapping[object, FieldKind] = {"date": "date", "date-time": "datetime", "time": "time"}
    kind = formats.get(schema.get("format")) if isinstance(schema.get("format"), str) else None
    if kind is not None:
        return kind
    if _is_time(schema):
        return "time"
    longest: object = schema.get("maxLength")
    if isinstance(longest, int):
        return "long text" if longest >= _LONG else "text"
    return "long text" if steps and str(steps[-1]).lower() in _LONG_NAMES and len(schema) <= 2 else "text"


def _is_time(schema: JsonSchema) -> bool:
    """True for the text of a time of day, which core describes by its pattern alone."""
    from datetime import time

    return bool(schema.get("pattern")) and schema.get("pattern") == _as_core_says(time).get("pattern")


def _is_duration(members: Sequence[JsonSchema]) -> bool:
    from datetime import timedelta

    told = [{key: part for key, part in member.items() if key not in _SAID} for member in members]
    return len(told) == 2 and told == _as_core_says(timedelta).get("anyOf")


_SAID = frozenset({"description", "default", "title"})


def _as_core_says(kind: type) -> JsonSchema:
    from mission_control.core.payloads import payload_type

    return payload_type(kind, subject="a field").json_schema or {}

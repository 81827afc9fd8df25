"""What is to be known of pydantic's classes; pydantic is never imported for it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, cast

from attrs import frozen

from ..values import Value

_WITH_FIELDS = ("model-fields", "dataclass-args", "typed-dict")


@frozen
class ModelField(Value):
    """A field of a model, or of a part of it."""

    name: str
    reads_alias: bool
    """Whether it is read by the name that it is written with."""
    is_lost: bool
    """Whether it is required, and never written."""


@frozen
class ModelFacts(Value):
    """What pydantic's core schema tells of a model and of everything that it is made of."""

    fields: tuple[ModelField, ...]
    is_compared_by_value: bool
    """Whether equal instances have equal fields, private attributes and unknown fields: no class has its own rule."""

    @property
    def by_alias(self) -> bool:
        """Whether it is written by its aliases; by its fields' names, where it does not read what it writes."""
        return all(field.reads_alias for field in self.fields)


def is_model_class(kind: type) -> bool:
    """Whether a class is a pydantic model."""
    return issubclass(kind, _base_model())


def dump_model(model: Any, *, by_alias: bool = True) -> Any:
    """The JSON form of a pydantic model by its own rules, without what it computes from its fields."""
    return model.model_dump(mode="json", by_alias=by_alias, round_trip=True, warnings=False)


@lru_cache(maxsize=1024)
def model_facts(cls: Any) -> ModelFacts:
    """What is to be known of a model."""
    nodes = list(_nodes(dict(getattr(cls, "__pydantic_core_schema__", {})), by_name=False))
    with_fields = [(node["fields"], by_name) for node, by_name in nodes if node.get("type") in _WITH_FIELDS]
    parts = [node["cls"] for node, _ in nodes if node.get("type") in ("model", "dataclass")]
    return ModelFacts(
        tuple(field for fields, by_name in with_fields for field in _declared_fields(fields, by_name=by_name)),
        all(part.__eq__ is _base_model().__eq__ for part in parts),
    )


def _base_model() -> Any:
    model: Any = getattr(sys.modules.get("pydantic"), "BaseModel", None)
    return model if isinstance(model, type) else _NoModel


class _NoModel:
    """The base of no class, as long as nobody imports pydantic."""


def _nodes(schema: Any, *, by_name: bool) -> Iterator[tuple[Mapping[str, Any], bool]]:
    """Every part of a core schema, and whether fields are read by their names there."""
    if isinstance(schema, dict):
        node = cast("dict[str, Any]", schema)
        config = node.get("config")
        if config is not None:
            by_name = config.get("validate_by_name", config.get("populate_by_name", False))
        yield node, by_name
        for name, content in node.items():
            if name not in ("metadata", "default"):
                yield from _nodes(content, by_name=by_name)
    elif isinstance(schema, (list, tuple)):
        for part in cast("Iterable[Any]", schema):
            yield from _nodes(part, by_name=by_name)


def _declared_fields(fields: Any, *, by_name: bool) -> Iterator[ModelField]:
    named: Iterable[tuple[str, Any]] = (
        cast("dict[str, Any]", fields).items() if isinstance(fields, dict) else ((it["name"], it) for it in fields)
    )
    for name, field in named:
        alias = field.get("validation_alias")
        read_as = _readable_names(name if alias is None else alias)
        if by_name:
            read_as.add(name)
        is_required = field["schema"]["type"] != "default"
        is_lost = bool(field.get("serialization_exclude")) and is_required
        yield ModelField(name, field.get("serialization_alias", name) in read_as, is_lost)


def _readable_names(alias: Any) -> set[Any]:
    """The single names among an alias, a path, or the choices of both."""
    if isinstance(alias, str):
        return {alias}
    paths: list[list[Any]] = alias if isinstance(alias[0], list) else [alias]
    return {path[0] for path in paths if len(path) == 1}

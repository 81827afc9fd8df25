"""What one definition has ahead of a mission that another does not, as people say it: both by their static forms.

By names and policies: a node that both have under one name is the same one, and of what it is given and returns only
the types' descriptions are told. Ahead is what a line that stands on a node may come to yet: the node itself, what
follows it and what follows the constructs around it, and of those the paths that it may begin anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from ..definition import NESTED, StaticNode, StaticSite, static_places, static_sites, with_article
from ..definition import template as template_of
from ..history import UNDO
from ..readable import encodable, shorten

_WIDTH = 60
"""How many characters of a value are shown."""

_FIXED: Mapping[str, str] = {"need_to": "timeout", "sleep": "duration"}
"""What of a node was fixed for a mission that stands on it."""


class StaticForm:
    """The static form of a definition, and where its nodes are."""

    def __init__(self, form: Mapping[str, Any]) -> None:
        self.form = form
        self.sites: Mapping[str, StaticSite] = static_sites(form)
        self.updates: list[str] = [update["name"] for update in form["updates"]]
        """The names of its updates."""

    @classmethod
    def of(cls, form: Mapping[str, Any]) -> StaticForm | None:
        """Return a form that was stored; None for one that is damaged."""
        try:
            return cls(form)
        except (LookupError, TypeError, AttributeError):
            return None

    def site(self, instance: str) -> StaticSite | None:
        """Return where the node of an instance is, with `undo:` before it or without; None where there is none."""
        return self.sites.get(template_of(instance.removeprefix(UNDO)))


def differences_ahead(old: StaticForm, new: StaticForm, place: str, *, begins_paths: bool) -> Iterator[str]:
    """Yield what is different ahead of a line that stands on the node of an instance, and may begin paths of that."""
    if place.startswith(UNDO):
        yield from _undos(old, new)
    else:
        yield from _from_node(old.site(place), new.site(place), template_of(place), begins_paths)
    for kind, key in (("query", "queries"), ("update", "updates")):
        yield from _handlers(kind, old.form[key], new.form[key])


def _from_node(before: StaticSite | None, after: StaticSite | None, name: str, begins_paths: bool) -> Iterator[str]:
    assert after is not None, f"who stands on {name!r} is stranded where that is no node, and nothing lies ahead of it"
    if before is None:
        yield f"{after.node['kind']} {name!r} is none of the definition that they began their last step under"
    else:
        yield from _around(name.removesuffix("[]"), before, after, begins_paths)


def _around(name: str, before: StaticSite, after: StaticSite, begins_paths: bool) -> Iterator[str]:
    """Yield what is different from a node on, and behind the constructs that it is inside of."""
    yield from _policies(name, before.node, after.node, but=_FIXED.get(before.node["kind"]))
    if begins_paths:
        yield from _paths(name, before.node, after.node)
    here, there, role = before, after, before.role
    while True:
        prefix = name[: name.rfind("/") + 1]
        yield from _line(prefix, here.nodes[here.index + 1 :], there.nodes[there.index + 1 :])
        if here.around is None or there.around is None:
            return
        here, there, name = here.around, there.around, _construct(prefix[:-1])
        if role == "round":
            yield from _node(name, here.node, there.node)
        role = here.role


def _construct(place: str) -> str:
    return place[:-2] if place.endswith("[]") else place.rpartition("/")[0]


def _line(prefix: str, old: Sequence[StaticNode], new: Sequence[StaticNode]) -> Iterator[str]:
    """Yield what is different in a line of nodes, and inside of those that both have."""
    before, after = ({node["name"]: node for node in nodes if node["kind"] != "end"} for nodes in (old, new))
    for name, node in before.items():
        if name not in after:
            yield f"{node['kind']} {prefix + name!r} is gone"
    for name, node in after.items():
        if name in before:
            yield from _node(prefix + name, before[name], node)
        else:
            yield f"{node['kind']} {prefix + name!r} is new"
    both = [name for name in before if name in after]
    now = [name for name in after if name in before]
    if both != now:
        yield f"the order is now {', '.join(repr(prefix + name) for name in now)}"


def _node(name: str, old: StaticNode, new: StaticNode) -> Iterator[str]:
    """Yield what is different in a node of one name, and inside of it."""
    if old["kind"] != new["kind"]:
        yield f"{old['kind']} {name!r} is now {with_article(new['kind'])}"
        return
    yield from _policies(name, old, new)
    yield from _paths(name, old, new)


def _policies(name: str, old: StaticNode, new: StaticNode, *, but: str | None = None) -> Iterator[str]:
    before, after = ({key: value for key, value in node.items() if key not in NESTED} for node in (old, new))
    changes = [text for key, text in _changes("", before, after) if key != but]
    if changes:
        yield f"{new['kind']} {name!r}: {', '.join(changes)}"


def _paths(name: str, old: StaticNode, new: StaticNode) -> Iterator[str]:
    inside = {text: path for text, path, _ in static_places(old)}
    now = {text: path for text, path, _ in static_places(new)}
    for text in inside | now:
        if text not in now:
            yield f"the path {name + text!r} is gone"
        elif text not in inside:
            yield f"the path {name + text!r} is new"
        else:
            yield from _line(f"{name}{text}/", inside[text], now[text])


def _changes(prefix: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the names of values that differ, with what is said of each."""
    for key in dict.fromkeys([*old, *new]):
        name = prefix + key
        before, after = cast("Any", old.get(key)), cast("Any", new.get(key))
        if before == after:
            continue
        if key.endswith("json_schema"):
            yield name, f"the fields of its {key.removesuffix('json_schema').strip('_') or 'input'} are others"
        elif {type(before), type(after)} == {dict}:
            yield from _changes(f"{name}.", before, after)
        else:
            yield name, f"{name} {_shown(before)} -> {_shown(after)}"


def _shown(value: object) -> str:
    if value is None:
        return "none"
    return shorten(encodable(value) if isinstance(value, str) else json.dumps(value), _WIDTH)


def _handlers(kind: str, old: Iterable[Any], new: Iterable[Any]) -> Iterator[str]:
    before, after = ({_name(one): one for one in handlers} for handlers in (old, new))
    for name in before | after:
        if name not in after:
            yield f"{kind} {name!r} is gone"
        elif name not in before:
            yield f"{kind} {name!r} is new"
        elif before[name] != after[name]:
            changes = [text for _, text in _changes("", before[name], after[name])]
            yield f"{kind} {name!r}: {', '.join(changes)}"


def _name(handler: Any) -> str:
    return handler if isinstance(handler, str) else handler["name"]


def _undos(old: StaticForm, new: StaticForm) -> Iterator[str]:
    """Yield what can not be undone any more."""
    for name, site in old.sites.items():
        if "undo" in site.node and name == template_of(name):
            there = new.sites.get(name)
            if there is None or "undo" not in there.node:
                yield f"{site.node['kind']} {name!r} has no undo any more"

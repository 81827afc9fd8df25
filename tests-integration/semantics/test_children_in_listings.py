"""Rule 47: the children of a mission are listed by its id."""

from __future__ import annotations

from mission_control.testing.conformance.missions import adds, child, commit, ended, ids
from storages import Forwarding, Kept, OpenCommander


async def test_children_are_listed_by_their_parent(open_commander: OpenCommander) -> None:
    """A commander lists the children of one mission, page by page, with other filters too, and goes on after any id."""
    storage = Kept(Forwarding)
    commander = await open_commander(wrap=storage)
    names = [f"{'place/' * 50}item[{number}]" for number in range(3)]
    lives = [child("p", name, **fields) for name, fields in zip(names, ({}, ended(), {}), strict=True)]
    await commit(storage.adapter, adds("p", children=lives), adds("q", children=[child("q", "other")]))
    children = [f"p/{name}" for name in names]

    assert ids(await commander.list_missions(parent_id="p")) == children
    assert ids(await commander.list_missions(parent_id="p", limit=1, after=children[0])) == children[1:2]
    assert [one.mission_id async for one in commander.iter_missions(parent_id="p", mission_name="order")] == children
    assert ids(await commander.list_missions(parent_id="x" * 300)) == []

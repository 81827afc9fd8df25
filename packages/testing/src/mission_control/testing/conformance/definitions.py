"""What `load_definition` and `list_definitions` promise: each definition once, under its fingerprint, in order."""

from __future__ import annotations

from typing import Any

import attrs

from .missions import NAMES, adds, after, commit, definition, record
from .storage import Storage, contract

STATIC: dict[str, Any] = {
    "nodes": [{"kind": "start", "name": "start"}, {"kind": "sleep", "name": "naïve \ud800 \x00", "seconds": 0.1}],
    "queries": [],
    "big": 2**70,
    "none": None,
}


class DefinitionContract:
    """Definitions beside the missions that they ran."""

    @contract
    async def test_a_definition_is_stored_under_its_fingerprint(self, storage: Storage) -> None:
        """What was committed under a fingerprint comes back as it was; others of the same name are kept apart."""
        adapter = await storage.open()
        await commit(adapter, adds("a", definition=definition("f-1", **STATIC)))
        await commit(adapter, adds("b", definition=definition("f-2")), adds("c", definition=definition("f-3", x=1)))
        assert await adapter.load_definition("f-1") == {"name": "order", **STATIC}
        assert await adapter.load_definition("f-2") == {"name": "order"}
        assert await adapter.load_definition("f-3") == {"name": "order", "x": 1}

    @contract
    async def test_an_unknown_definition_is_none(self, storage: Storage) -> None:
        """A fingerprint that was never committed gives None."""
        adapter = await storage.open()
        await commit(adapter, adds("a", definition=definition("f-1")))
        assert await adapter.load_definition("f") is None
        assert await adapter.load_definition("order") is None

    @contract
    async def test_a_definition_may_come_with_a_later_commit(self, storage: Storage) -> None:
        """A mission that goes on under another definition brings it along, and the first one stays."""
        adapter = await storage.open()
        await commit(adapter, adds("a", definition=definition("f-1", x=1)))
        await commit(adapter, adds("a", version=1, definition=definition("f-2", x=2)))
        await commit(adapter, adds("a", version=2))
        assert await adapter.load_definition("f-1") == {"name": "order", "x": 1}
        assert await adapter.load_definition("f-2") == {"name": "order", "x": 2}

    @contract
    async def test_further_definitions_come_with_an_import(self, storage: Storage) -> None:
        """All that an imported mission ran under are stored with it, each under its fingerprint; a known one stays."""
        adapter = await storage.open()
        await commit(adapter, adds("a", definition=definition("f-1", x=1)))
        further = [definition("f-1", x=2), definition("f-2", **STATIC), definition("f-4")]
        await commit(adapter, adds("b", definition=definition("f-3", x=3), definitions=further))
        adapter = await storage.reopen(adapter)
        assert await adapter.load_definition("f-1") == {"name": "order", "x": 1}
        assert await adapter.load_definition("f-2") == {"name": "order", **STATIC}
        assert await adapter.load_definition("f-3") == {"name": "order", "x": 3}
        assert await adapter.load_definition("f-4") == {"name": "order"}

    @contract
    async def test_further_definitions_of_a_stale_member_are_not_stored(self, storage: Storage) -> None:
        """They come with their mission, or not at all."""
        adapter = await storage.open()
        await commit(adapter, adds("a"))
        (outcome,) = await adapter.commit([adds("a", definitions=[definition("f-1")])])
        assert outcome is not None
        assert await adapter.load_definition("f-1") is None

    @contract
    async def test_a_known_fingerprint_is_not_stored_again(self, storage: Storage) -> None:
        """A definition comes with many missions, in one batch and over time; the first one stays."""
        adapter = await storage.open()
        await commit(
            adapter, adds("a", definition=definition("f-1", x=1)), adds("b", definition=definition("f-1", x=1))
        )
        await commit(adapter, adds("c", definition=definition("f-1", x=2)))
        await commit(adapter, adds("a", version=1, definition=definition("f-1", x=3)))
        assert await adapter.load_definition("f-1") == {"name": "order", "x": 1}

    @contract
    async def test_a_loaded_definition_belongs_to_the_caller(self, storage: Storage) -> None:
        """Changing what `load_definition` returned changes nothing in storage."""
        adapter = await storage.open()
        await commit(adapter, adds("a", definition=definition("f-1", nodes=[{"kind": "start"}])))
        for _ in range(2):
            loaded = await adapter.load_definition("f-1")
            assert loaded == {"name": "order", "nodes": [{"kind": "start"}]}
            assert loaded is not None
            loaded["nodes"][0]["kind"] = "end"
            loaded["more"] = True

    @contract
    async def test_a_committed_definition_stays_the_callers(self, storage: Storage) -> None:
        """Changing what was handed to a commit, after it has returned, changes no stored definition."""
        adapter = await storage.open()
        nodes = [1]
        await commit(adapter, adds("m-1", definition=definition("f-1", nodes=nodes)))
        nodes.append(2)
        assert await adapter.load_definition("f-1") == {"name": "order", "nodes": [1]}

    @contract
    async def test_fingerprints_are_kept_apart(self, storage: Storage) -> None:
        """Fingerprints are compared exactly, whatever they are made of."""
        adapter = await storage.open()
        for place, name in enumerate(NAMES):
            await commit(adapter, adds(f"m-{place}", definition=definition(name, place=place)))
        for place, name in enumerate(NAMES):
            assert await adapter.load_definition(name) == {"name": "order", "place": place}

    @contract
    async def test_definitions_are_listed_in_the_order_in_which_they_were_stored(self, storage: Storage) -> None:
        """All of them, each once and as it was first committed; those of one commit in its order."""
        adapter = await storage.open()
        first, second = definition("f-9", **STATIC), definition("f-1", x=1)
        await commit(adapter, adds("a", definition=first))
        further = [definition("f-9", x=3), definition("f-7"), definition("f-8")]
        await commit(adapter, adds("b", definition=second, definitions=further))
        await commit(adapter, adds("c", definition=definition("f-1", x=4)), adds("a", version=1))
        for _ in range(2):
            assert list(await adapter.list_definitions()) == [first, second, *further[1:]]
            adapter = await storage.reopen(adapter)

    @contract
    async def test_definitions_of_one_name_are_listed(self, storage: Storage) -> None:
        """Names are compared exactly; of one that no definition has there are none."""
        adapter = await storage.open()
        stored = [attrs.evolve(definition(f"f-{place}"), name=name) for place, name in enumerate((*NAMES, NAMES[0]))]
        await commit(adapter, *(adds(f"m-{place}", definition=one) for place, one in enumerate(stored)))
        for name in (*NAMES, "b"):
            assert list(await adapter.list_definitions(mission_name=name)) == [
                one for one in stored if one.name == name
            ]

    @contract
    async def test_a_listed_definition_tells_since_when_it_is_stored(self, storage: Storage) -> None:
        """That is the time of the first record of the commit that brought it first."""
        adapter = await storage.open()
        records = [record(1, at=after(7)), record(2, at=after(8))]
        await commit(adapter, adds("a", records=records, definition=definition("f-1")))
        await commit(adapter, adds("b", definition=definition("f-2"), definitions=[definition("f-1")]))
        adapter = await storage.reopen(adapter)
        assert [one.stored_at for one in await adapter.list_definitions()] == [after(7), after(1)]

    @contract
    async def test_a_listed_definition_belongs_to_the_caller(self, storage: Storage) -> None:
        """Changing what `list_definitions` returned changes nothing in storage."""
        adapter = await storage.open()
        await commit(adapter, adds("a", definition=definition("f-1", nodes=[{"kind": "start"}])))
        for _ in range(2):
            (listed,) = await adapter.list_definitions()
            assert listed == definition("f-1", nodes=[{"kind": "start"}])
            listed.static["nodes"][0]["kind"] = "end"

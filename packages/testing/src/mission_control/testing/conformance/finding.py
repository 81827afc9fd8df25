"""What `list_missions` promises of what missions are found by: each filter, all of them together, and both orders."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, combinations
from typing import Any

from mission_control.core.history import MissionFailure, MissionStatus, MissionSummary
from mission_control.core.storage import MissionQuery, PersistenceAdapter

from .listings import CREATED, create, pages
from .missions import NAMES, adds, after, child, commit, ended, fitting, ids, query, retry, signal, sleep, summary
from .storage import Storage, contract

RUNNING, WAITING, COMPLETED = MissionStatus.RUNNING, MissionStatus.WAITING, MissionStatus.COMPLETED
FAILED, CANCELLED = MissionStatus.FAILED, MissionStatus.CANCELLED

ODD = ("", "\x00", "a\x00", "a%", "_", "?", "*", "[a-z]", "'", '"', "\\", "\n", "é" * 1_000)
"""What nothing has here, and loose storage may stumble over, or take for a pattern."""

LABELS: dict[str, dict[str, str]] = {
    "m-1": {"employee": "e-17", "site": "Berlin"},
    "m-2": {"employee": "e-18", "site": "Berlin"},
    "m-3": {"Employee": "e-17", "e-17": "employee", "site": "berlin"},
    "m-4": {"employee": "e-1", "Berlin": "site"},
    "m-5": {},
    "m-6": {"employee": "e-17", "a": "b=c"},
    "m-7": {"a=b": "c"},
}
"""Labels of missions that are easily mistaken for one another, by their ids."""

STEMS = ("", "m", "m-", "m-1", "M", "%", "_", "*", "a ", "é", "e", "7", "\U0010ffff", "\ue000", "\ud7ff", "x" * 255)
"""What ids may begin with: patterns, and the last code points before and behind what UTF-8 cannot encode."""

CREATED_AT: dict[str, float] = {"a": 3, "b": 1, "c": 2, "d": 3, "e": 0, "f": 3.000001, "g": 2.999999}
"""When missions were created, in the order of their creation: the clock was set back, twice."""

FIELDS: dict[str, tuple[Any, ...]] = {
    "statuses": ((RUNNING, FAILED), (WAITING,)),
    "mission_name": ("order", "refund"),
    "labels": ({"site": "a"}, {"site": "b", "team": "x"}),
    "id_prefix": ("p/", "p"),
    "parent_id": ("p", "q"),
    "schedule": ("nightly",),
    "error": ("STEP_FAILED", "SIGNAL_TIMEOUT"),
    "since": (after(3),),
    "until": (after(6),),
}
"""What is looked for in `mixed` missions, each filter in turn."""


def failure(code: str = "STEP_FAILED") -> MissionFailure:
    """Return why a mission failed, or why it tries again."""
    return MissionFailure(message="gone wrong", at=after(2), code=code, type="ValueError")


def mixed(number: int) -> tuple[str, dict[str, Any]]:
    """Return the id and the fields of one of many missions, which have all that is looked for in every combination."""
    shapes: tuple[dict[str, Any], ...] = (
        {},
        {"waiting": signal()},
        {"waiting": retry(after(9)), "error": failure()},
        ended(FAILED),
        {**ended(FAILED), "error": failure("SIGNAL_TIMEOUT")},
        ended(),
    )
    labels: tuple[dict[str, str], ...] = ({"site": "a"}, {"site": "b", "team": "x"}, {"site": "b"}, {}, {"team": "a"})
    return ("p/{}" if number % 2 else "pq{}").format(number * 37 % 100), {
        "mission_name": ("order", "refund", "order")[number % 3],
        "labels": labels[number * 3 % 5],
        "parent_id": ("p", None, "q")[number // 2 % 3],
        "schedule": (None, "nightly")[number // 3 % 2],
        "created_at": after(number * 7 % 10),
        **shapes[number * 5 // 3 % 6],
    }


def fits(row: MissionSummary, wanted: MissionQuery) -> bool:
    """Return whether a row is what is looked for, said once more and plainly."""
    created_at = row.created_at
    assert created_at is not None
    return all(
        (
            not wanted.statuses or row.status in wanted.statuses,
            wanted.mission_name in (None, row.mission_name),
            all(row.labels.get(name) == text for name, text in wanted.labels.items()),
            wanted.id_prefix is None or row.mission_id[: len(wanted.id_prefix)] == wanted.id_prefix,
            wanted.parent_id in (None, row.parent_id),
            wanted.schedule in (None, row.schedule),
            wanted.error is None or (row.error is not None and row.error.code == wanted.error),
            wanted.since is None or created_at >= wanted.since,
            wanted.until is None or created_at < wanted.until,
        )
    )


def combined() -> Iterator[dict[str, Any]]:
    """Yield what is looked for with each two and each three filters, with all of them, and with none."""
    names = list(FIELDS)
    for chosen in chain([()], combinations(names, 2), combinations(names, 3), [tuple(names)]):
        yield {name: FIELDS[name][len(chosen) * place % len(FIELDS[name])] for place, name in enumerate(chosen)}


async def label(adapter: PersistenceAdapter) -> None:
    """Create missions with labels."""
    await commit(adapter, *(adds(name, labels=labels) for name, labels in LABELS.items()))


class FindingContract:
    """Looking for missions."""

    @contract
    async def test_missions_are_listed_by_several_statuses(self, storage: Storage) -> None:
        """With several, missions of any of them are listed, each once, in order of creation, page by page."""
        adapter = await storage.open()
        await create(adapter)
        expected = [one for place, one in enumerate(CREATED) if place % 3 != 1]
        assert await fitting(adapter, statuses=(COMPLETED, RUNNING), limit=100) == expected
        assert await fitting(adapter, statuses=(COMPLETED, RUNNING, FAILED, COMPLETED), limit=100) == expected
        found = await pages(adapter.list_missions, MissionQuery(statuses=(COMPLETED, RUNNING)), limit=3)
        assert found == [expected[:3], expected[3:6], expected[6:]]
        assert await fitting(adapter, statuses=tuple(MissionStatus), limit=100) == list(CREATED)
        both = await fitting(adapter, statuses=(WAITING, RUNNING), mission_name="order", limit=100)
        assert both == [one for place, one in enumerate(CREATED) if place % 3 != 2 and place % 2]

    @contract
    async def test_the_newest_come_first(self, storage: Storage) -> None:
        """With `newest_first`, missions are listed against the order of creation, full page by full page."""
        adapter = await storage.open()
        await create(adapter)
        newest = list(reversed(CREATED))
        for limit in (1, 4, 9, 10, 11):
            found = await pages(adapter.list_missions, MissionQuery(newest_first=True), limit=limit)
            assert found == [newest[start : start + limit] for start in range(0, len(newest), limit)]
        for place, name in enumerate(newest, 1):
            assert await fitting(adapter, newest_first=True, limit=100, after=name) == newest[place:]
        assert await fitting(adapter, newest_first=True, limit=100, after="nobody") == []

    @contract
    async def test_the_newest_of_what_fits_come_first(self, storage: Storage) -> None:
        """It goes with every filter, and behind a mission that does not fit."""
        adapter = await storage.open()
        await create(adapter)
        refunds = list(CREATED[8::-2])
        found = await pages(adapter.list_missions, MissionQuery(mission_name="refund", newest_first=True), limit=2)
        assert found == [refunds[:2], refunds[2:4], refunds[4:]]
        running = {"statuses": (RUNNING,), "newest_first": True}
        assert await fitting(adapter, limit=9, after="m-2", **running) == ["m-3", "M-8", "m-5"]
        several = {"statuses": (RUNNING, WAITING), "newest_first": True}
        assert await fitting(adapter, limit=3, after="m-2", **several) == ["é", "m-3", "m-10"]

    @contract
    async def test_missions_are_listed_by_labels(self, storage: Storage) -> None:
        """Missions that have all of those given are listed, in order of creation, page by page."""
        adapter = await storage.open()
        await label(adapter)
        assert await fitting(adapter, labels={"employee": "e-17"}, limit=9) == ["m-1", "m-6"]
        assert await fitting(adapter, labels={"site": "Berlin"}, limit=9) == ["m-1", "m-2"]
        assert await fitting(adapter, labels={"site": "Berlin", "employee": "e-17"}, limit=9) == ["m-1"]
        assert await fitting(adapter, labels={"site": "Berlin", "employee": "e-19"}, limit=9) == []
        assert await fitting(adapter, labels={}, limit=9) == list(LABELS)
        assert await pages(adapter.list_missions, query(labels={"site": "Berlin"}), limit=1) == [["m-1"], ["m-2"]]
        assert await fitting(adapter, labels={"site": "Berlin"}, newest_first=True, limit=9) == ["m-2", "m-1"]

    @contract
    async def test_labels_are_compared_exactly(self, storage: Storage) -> None:
        """Their names and their texts, which are not mistaken for one another, whatever they are made of."""
        adapter = await storage.open()
        await label(adapter)
        assert await fitting(adapter, labels={"Employee": "e-17"}, limit=9) == ["m-3"]
        assert await fitting(adapter, labels={"e-17": "employee"}, limit=9) == ["m-3"]
        assert await fitting(adapter, labels={"employee": "e-1"}, limit=9) == ["m-4"]
        assert await fitting(adapter, labels={"a": "b=c"}, limit=9) == ["m-6"]
        assert await fitting(adapter, labels={"a": "b"}, limit=9) == []
        await commit(adapter, *(adds(f"n-{place}", labels={name: name}) for place, name in enumerate(NAMES)))
        for place, name in enumerate(NAMES):
            assert await fitting(adapter, labels={name: name}, limit=9) == [f"n-{place}"]
            assert await fitting(adapter, labels={name: f"{name}."}, limit=9) == []

    @contract
    async def test_labels_are_found_for_good(self, storage: Storage) -> None:
        """A mission is found by its labels whatever it does later, by a child's own, and when storage is reopened."""
        adapter = await storage.open()
        marked: dict[str, Any] = {"labels": {"a": "b"}}
        await commit(adapter, adds("m-1", **marked), adds("m-2", children=[child("m-2", "x", **marked)]))
        await commit(adapter, adds("m-1", version=1, waiting=sleep(after(9)), **marked))
        await commit(adapter, adds("m-1", version=2, **marked, **ended()))
        assert await fitting(adapter, limit=9, **marked) == ["m-1", "m-2/x"]
        assert await fitting(await storage.reopen(adapter), limit=9, **marked) == ["m-1", "m-2/x"]

    @contract
    async def test_missions_are_listed_by_what_their_ids_begin_with(self, storage: Storage) -> None:
        """With `id_prefix`, compared exactly, in order of creation and not of the ids."""
        adapter = await storage.open()
        names = ["m-5", "\U0010ffff\U0010ffff", "m-10", "\ue000", "é-1", "m-1", "\U0010ffff", "\ud7ff2", "m.", *NAMES]
        await commit(adapter, *(adds(name) for name in names))
        for stem in STEMS:
            for newest_first in (False, True):
                expected = [name for name in names[:: -1 if newest_first else 1] if name.startswith(stem)]
                found = await fitting(adapter, id_prefix=stem, newest_first=newest_first, limit=100)
                assert found == expected
        assert await pages(adapter.list_missions, MissionQuery(id_prefix="m-1"), limit=1) == [["m-10"], ["m-1"]]
        assert await fitting(adapter, id_prefix="m-", limit=9, after="\ue000") == ["m-1"]

    @contract
    async def test_missions_are_listed_by_schedule(self, storage: Storage) -> None:
        """With `schedule`, those that exactly that one started are listed, for a slot or by a trigger."""
        adapter = await storage.open()
        await commit(adapter, adds("a", schedule="nightly", slot=after(0)), adds("b"), adds("c", schedule="Nightly"))
        await commit(adapter, adds("d", schedule="nightly"), adds("a", version=1, schedule="nightly", slot=after(0)))
        assert await fitting(adapter, schedule="nightly", limit=9) == ["a", "d"]
        assert await fitting(adapter, schedule="nightly", limit=1, after="b") == ["d"]
        assert await fitting(adapter, schedule="nightly", newest_first=True, limit=9) == ["d", "a"]
        assert await fitting(adapter, schedule="night", limit=9) == []

    @contract
    async def test_missions_are_listed_by_error(self, storage: Storage) -> None:
        """With `error`, those whose rows bear a failure of that code: they failed, were cancelled, or try again."""
        adapter = await storage.open()
        cancelled: dict[str, Any] = {**ended(CANCELLED), "error": failure("MISSION_CANCELLED")}
        await commit(adapter, adds("a", **ended(FAILED)), adds("b", **cancelled), adds("c"), adds("d", **ended()))
        await commit(adapter, adds("e", waiting=retry(after(9)), error=failure()), adds("f", **ended(FAILED)))
        assert await fitting(adapter, error="STEP_FAILED", limit=9) == ["a", "e", "f"]
        assert await fitting(adapter, error="STEP_FAILED", newest_first=True, limit=2) == ["f", "e"]
        assert await fitting(adapter, error="MISSION_CANCELLED", limit=9) == ["b"]
        assert await fitting(adapter, error="STEP", limit=9) == []
        await commit(adapter, adds("e", version=1), adds("c", version=1, **ended(FAILED)))
        assert await fitting(adapter, error="STEP_FAILED", limit=9) == ["a", "c", "f"]

    @contract
    async def test_missions_are_listed_by_when_they_were_created(self, storage: Storage) -> None:
        """At `since` or later and before `until`, exactly, in order of creation, though a clock fell back."""
        adapter = await storage.open()
        for name, seconds in CREATED_AT.items():
            await commit(adapter, adds(name, created_at=after(seconds)))
        assert await fitting(adapter, since=after(3), limit=9) == ["a", "d", "f"]
        assert await fitting(adapter, until=after(3), limit=9) == ["b", "c", "e", "g"]
        assert await fitting(adapter, since=after(3.000001), limit=9) == ["f"]
        assert await fitting(adapter, until=after(2.999999), limit=9) == ["b", "c", "e"]
        assert await fitting(adapter, since=after(2), until=after(3), limit=9) == ["c", "g"]
        assert await fitting(adapter, since=after(3), until=after(3), limit=9) == []
        assert await fitting(adapter, since=after(3), until=after(2), limit=9) == []
        assert await fitting(adapter, since=after(1), newest_first=True, limit=9) == ["g", "f", "d", "c", "b", "a"]
        assert await fitting(adapter, since=after(1), limit=2, after="b") == ["c", "d"]
        assert await fitting(adapter, until=after(3), newest_first=True, limit=2, after="f") == ["e", "c"]
        assert await pages(adapter.list_missions, MissionQuery(since=after(3)), limit=2) == [["a", "d"], ["f"]]

    @contract
    async def test_filters_are_combined(self, storage: Storage) -> None:
        """What fits all that is given is listed, in either order, page by full page, whichever filters go together."""
        adapter = await storage.open()
        rows = [summary(mission_id, **fields) for mission_id, fields in map(mixed, range(40))]
        await commit(adapter, *(adds(*one[:1], **one[1]) for one in map(mixed, range(40))))
        for wanted in combined():
            for newest_first in (False, True):
                asked = query(newest_first=newest_first, **wanted)
                found = [one.mission_id for one in rows[:: -1 if newest_first else 1] if fits(one, asked)]
                expected = [found[start : start + 7] for start in range(0, len(found), 7)]
                assert await pages(adapter.list_missions, asked, limit=7) == expected

    @contract
    async def test_what_nothing_has_finds_nothing(self, storage: Storage) -> None:
        """Whatever text is asked for, be it one that no mission could have, it is compared and not carried out."""
        adapter = await storage.open()
        await commit(adapter, adds("a", labels={"a": "a"}, schedule="a", parent_id="a", **ended(FAILED)))
        for odd in ODD:
            for field in ("mission_name", "parent_id", "schedule", "error"):
                assert await fitting(adapter, limit=9, **{field: odd}) == []
            if odd.isprintable():  # as the names and texts of labels are
                assert await fitting(adapter, labels={"a": odd}, limit=9) == []
                assert await fitting(adapter, labels={odd: "a"}, limit=9) == []
            assert await fitting(adapter, id_prefix=f"a{odd}", limit=9) == ["a"] * (not odd)
            assert ids(await adapter.list_missions(limit=9, after=odd)) == []

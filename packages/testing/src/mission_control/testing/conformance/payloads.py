"""What comes back is what was committed, to the last character, digit and microsecond."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import attrs

from mission_control.core.history import HistoryRecord, HistoryType, MissionFailure, MissionStatus
from mission_control.core.storage import MissionQuery

from .missions import (
    NAMES,
    adds,
    after,
    child_end,
    commit,
    delayed_start,
    ended,
    fitting,
    ids,
    record,
    retry,
    signal,
    sleep,
    summary,
    text,
)
from .storage import Storage, contract

ODD_TEXTS = (
    "",
    " leading and trailing ",
    "naïve, 你好, עברית, 👩‍👩‍👧, e\u0301 and \u00e9",
    "nul \x00 in the middle, and at the end \x00",
    "\x00",
    "line\nbreaks\r\n, tabs\t, \x1b, \x7f, \u2028 and \ufeff",
    "lone surrogates \ud800 and \udfff, the wrong way round \udc00\ud800",
    "\"quotes\" and 'quotes' and \\ and \\u0000 and \\ud800",
    "null",
    "{}",
    "%s {} $1 ? :name",
    "x" * 100_000,
)
NUMBERS = (
    0,
    -1,
    2**31,
    2**53 + 1,
    2**63,
    -(2**63) - 1,
    2**70,
    10**400,
    0.1,
    1.0,
    -0.0,
    5e-324,
    1.7e308,
    1e16,
    True,
    False,
)

LARGE = 2**20
"""The characters of a large text."""


class PayloadContract:
    """Round trips of everything that a record, a summary or an id may hold."""

    async def _round_trip(self, storage: Storage, *records: HistoryRecord) -> None:
        """Commit the records, each to a mission of its own, and load them."""
        adapter = await storage.open()
        names = [f"m-{place}" for place in range(len(records))]
        await commit(adapter, *(adds(name, records=[one]) for name, one in zip(names, records, strict=True)))
        for loaded, one in zip(await adapter.load(names), records, strict=True):
            assert text(loaded) == text((one,))

    async def _payloads(self, storage: Storage, values: Sequence[Any]) -> None:
        await self._round_trip(storage, *(record(1, {"value": one}) for one in values))

    @contract
    async def test_every_type_of_record_is_kept(self, storage: Storage) -> None:
        """Records of all types come back, with and without event name, attempt number and details."""
        shapes: list[tuple[HistoryType, dict[str, Any]]] = [
            *((kind, {"event_name": "pack", "attempt_number": 3}) for kind in HistoryType),
            *((kind, {}) for kind in HistoryType),
            (HistoryType.MISSION_UPDATE, {"event_name": "pack"}),
            (HistoryType.STEP_STARTED, {"event_name": "pack", "attempt_number": 2**40}),
        ]
        records = [record(1, type=kind, **fields) for kind, fields in shapes]
        await self._round_trip(storage, *records, record(1, {}))

    @contract
    async def test_odd_text_is_kept(self, storage: Storage) -> None:
        """Payloads keep every character: none, NUL, lone surrogates, quotes, other scripts."""
        await self._payloads(storage, ODD_TEXTS)

    @contract
    async def test_odd_keys_are_kept(self, storage: Storage) -> None:
        """The keys of a payload keep every character too."""
        await self._payloads(storage, [{key: {key: [key]}} for key in ODD_TEXTS])

    @contract
    async def test_numbers_are_kept(self, storage: Storage) -> None:
        """Integers of any size and floats come back exactly, and 1, 1.0 and True remain three things."""
        await self._payloads(storage, [*NUMBERS, [1, 1.0, True], {"big": 2**200}])

    @contract
    async def test_nesting_and_emptiness_are_kept(self, storage: Storage) -> None:
        """Deep structures, empty ones and None come back as they are."""
        deep: Any = None
        for level in range(150):
            deep = {"level": level, "in": deep} if level % 2 else [deep, level]
        await self._payloads(storage, [None, [], {}, [[]], [{}], {"a": None}, [None, [None]], deep])

    @contract
    async def test_a_large_payload_is_kept(self, storage: Storage) -> None:
        """A payload of a megabyte comes back whole."""
        await self._payloads(storage, ["0123456789abcdef" * (LARGE // 16), list(range(LARGE // 100))])

    @contract
    async def test_times_are_kept_to_the_microsecond(self, storage: Storage) -> None:
        """The times of records and rows come back in UTC with all their digits, centuries away too."""
        instants = [
            datetime(1970, 1, 1, tzinfo=UTC),
            datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
            datetime(2024, 2, 29, 23, 59, 59, 1, tzinfo=UTC),
            datetime(2038, 1, 19, 3, 14, 8, 999999, tzinfo=UTC),
            datetime(3024, 12, 31, 12, 0, 0, 100000, tzinfo=UTC),
        ]
        adapter = await storage.open()
        await commit(adapter, adds("m-1", records=[record(place, at=at) for place, at in enumerate(instants, 1)]))
        (loaded,) = await adapter.load(["m-1"])
        assert isinstance(loaded, tuple)
        assert [(one.at, one.at.utcoffset()) for one in loaded] == [(at, UTC.utcoffset(None)) for at in instants]
        for place, at in enumerate(instants):
            row: dict[str, Any] = {"created_at": at, "updated_at": at, "waiting": sleep(at)}
            await commit(adapter, adds(f"at-{place}", **row))
            assert await adapter.load_summary(f"at-{place}") == summary(f"at-{place}", **row)
            assert await adapter.next_due(at.replace(year=at.year - 1, day=1)) is not None

    @contract
    async def test_every_shape_of_summary_is_kept(self, storage: Storage) -> None:
        """Each kind of wait and status, open waits and due times beside it, parents and errors come back on the row."""
        bare = MissionFailure(message="", at=after(3), code="SIGNAL_TIMEOUT")
        odd = MissionFailure(message=ODD_TEXTS[2], at=after(3), code="STEP_FAILED", type="a.B", traceback=ODD_TEXTS[5])
        rows: list[dict[str, Any]] = [
            {},
            {"cursor": "start"},
            {"waiting": signal()},
            {"waiting": signal(after(30))},
            {"waiting": sleep(after(30))},
            {"waiting": delayed_start(after(30)), "cursor": "start"},
            {"waiting": retry(after(30))},
            {"waiting": child_end("m-7")},
            {"waiting": signal(), "next_due": after(20)},
            {"waiting": signal(after(30)), "next_due": after(20)},
            {"waiting": child_end("m-10"), "next_due": after(20)},
            {"next_wait": signal()},
            {"next_wait": retry(after(30)), "next_due": after(20)},
            {"next_wait": sleep(after(30))},
            {"next_wait": child_end("m-14")},
            {"parent_id": "p"},
            {"paused": True},
            {"waiting": sleep(after(30)), "paused": True},
            {"next_wait": child_end("m-18"), "paused": True},
            {"waiting": retry(after(30)), "error": bare},
            ended(),
            {"status": MissionStatus.FAILED, "error": bare},
            {"status": MissionStatus.CANCELLED, "error": odd},
            {"status": MissionStatus.FAILED, "error": attrs.evolve(odd, undo_failed=("a", ODD_TEXTS[6]))},
        ]
        adapter = await storage.open()
        await commit(adapter, *(adds(f"m-{place}", **row) for place, row in enumerate(rows)))
        found = [await adapter.load_summary(f"m-{place}") for place in range(len(rows))]
        assert found == [summary(f"m-{place}", **row) for place, row in enumerate(rows)]

    @contract
    async def test_ids_are_kept_apart(self, storage: Storage) -> None:
        """Ids of up to 255 characters are compared exactly: by case, blanks, accents, digits and quotes."""
        adapter = await storage.open()
        for place, name in enumerate(NAMES):
            await commit(adapter, adds(name, records=[record(1, {"place": place})], cursor=str(place)))
        for place, name in enumerate(NAMES):
            (loaded,) = await adapter.load([name])
            assert text(loaded) == text((record(1, {"place": place}),))
            assert await adapter.load_summary(name) == summary(name, cursor=str(place))

    @contract
    async def test_long_ids_are_kept_whole(self, storage: Storage) -> None:
        """The ids of children, their parents' and the names of what is on paths may be far longer than one name."""
        adapter = await storage.open()
        place = "/".join(["🚀" * 255] * 16)
        long = [f"{place}/{place}/{end}" for end in "ab"]
        for one in long:
            records = [record(1, event_name=one)]
            row: dict[str, Any] = {"cursor": one, "next_wait": attrs.evolve(signal(), event_name=one), "parent_id": one}
            await commit(adapter, adds(one, records=records, **row))
            (loaded,) = await adapter.load([one])
            assert text(loaded) == text(tuple(records))
            assert await adapter.load_summary(one) == summary(one, **row)
            assert await fitting(adapter, parent_id=one, limit=9) == [one]
        assert ids(await adapter.list_missions(limit=9, after=long[0])) == long[1:]

    @contract
    async def test_names_are_kept_apart(self, storage: Storage) -> None:
        """Names of missions and nodes come back whole, and missions are found by exactly their name."""
        adapter = await storage.open()
        for place, name in enumerate(NAMES):
            records = [record(1, event_name=name)]
            await commit(adapter, adds(f"m-{place}", records=records, mission_name=name, cursor=name))
        for place, name in enumerate(NAMES):
            row = summary(f"m-{place}", mission_name=name, cursor=name)
            assert list(await adapter.list_missions(MissionQuery(mission_name=name), limit=100)) == [row]
            (loaded,) = await adapter.load([f"m-{place}"])
            assert text(loaded) == text((record(1, event_name=name),))

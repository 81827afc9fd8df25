"""What storage promises of labels: they are in the row of a mission wherever that is shown, for good."""

from __future__ import annotations

from typing import Any

from mission_control.core.history import MissionStatus
from mission_control.core.storage import MissionQuery, PersistenceAdapter

from .missions import LIFE, adds, after, child, commit, ended, retry, signal, sleep, summary
from .storage import Storage, contract

MOST: dict[str, str] = {f"{number:x}" * 255: "🚀'\"" * 63 for number in range(16)}
"""As many labels as there may be, each as long as it may be."""

LABELLED: dict[str, dict[str, Any]] = {
    "a-runs": {"labels": {"employee": "e-17", "Employee": "e-18"}},
    "b-sleeps": {"labels": {"é": "None", "0": "null"}, "waiting": sleep(after(9))},
    "c-reminded": {"labels": MOST, "waiting": signal(), "next_due": after(5)},
    "d-retries": {"labels": {"{}": '{"a":1}'}, "waiting": retry(after(6))},
    "e-ends": {"labels": {"a": "'"}, **ended()},
    "f-plain": {},
}
"""Rows of missions, most of which have labels, by their ids."""

CHILD: dict[str, Any] = {"labels": {"employee": "e-17"}, **ended(MissionStatus.FAILED)}


async def listed(adapter: PersistenceAdapter, **wanted: Any) -> list[Any]:
    """Return the missions that fit, as they are listed."""
    return list(await adapter.list_missions(MissionQuery(**wanted), limit=99))


class LabelContract:
    """Labels of missions."""

    @contract
    async def test_a_mission_shows_its_labels(self, storage: Storage) -> None:
        """All of them, as they were given, in every listing; those of a child are its own."""
        adapter = await storage.open()
        parent = adds("g", children=[child("g", "a", **CHILD)])
        await commit(adapter, *(adds(name, **fields) for name, fields in LABELLED.items()), parent)
        expected = {
            name: summary(name, **fields)
            for name, fields in {**LABELLED, "g": {}, "g/a": {"parent_id": "g", **CHILD}}.items()
        }
        assert [await adapter.load_summary(name) for name in expected] == list(expected.values())
        assert await listed(adapter) == list(expected.values())
        assert await listed(adapter, statuses=(MissionStatus.COMPLETED,)) == [expected["e-ends"]]
        assert await listed(adapter, parent_id="g") == [expected["g/a"]]
        assert list(await adapter.list_strays(limit=9)) == [expected["g/a"]]
        assert list(await adapter.list_interrupted(limit=9)) == [expected[name] for name in ("a-runs", "f-plain", "g")]
        assert list(await adapter.list_scheduled(limit=9)) == [expected["d-retries"], expected["b-sleeps"]]
        in_order = [expected[name] for name in ("c-reminded", "d-retries", "b-sleeps")]
        assert list(await adapter.due(after(9), limit=9)) == in_order

    @contract
    async def test_labels_are_kept_for_good(self, storage: Storage) -> None:
        """Whatever the mission does later, and when the storage is opened again."""
        adapter = await storage.open()
        for version, fields in enumerate(LIFE):
            await commit(adapter, adds("m-1", version=version, labels=MOST, **fields))
            assert await listed(adapter) == [summary("m-1", labels=MOST, **fields)]
        assert await listed(await storage.reopen(adapter)) == [summary("m-1", labels=MOST, **LIFE[-1])]

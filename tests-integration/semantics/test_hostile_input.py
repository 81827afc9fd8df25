"""Whatever is handed in at a public entry is accepted, or refused with a documented error, and that is all (R5).

A table of values meets a table of entries. Refused means: one of our errors, or a `TypeError` or `ValueError` that is
raised on purpose and not by something inside that stumbled. Storage is the same before and after.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import math
import sqlite3
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import pytest
from attrs import define, fields

from mission_control.adapter_sqlite import SQLiteCommander, create_sqlite_persistence_adapter, open_mission_reader
from mission_control.client import create_blocking_client, create_commander_client
from mission_control.core import (
    Commander,
    MissionBuilder,
    MissionContext,
    MissionControlError,
    MissionDefinitionError,
    MissionFailedError,
    MissionHandle,
    MissionSnapshot,
    MissionStatus,
    MissionValidationError,
    NonRetryableError,
    Operations,
    RetryAfterError,
    RetryPolicy,
    Signal,
    create_commander,
    m,
)
from mission_control.runtime import create_commander_runtime
from mission_control.testing import FakeClock
from storages import prepare

PATIENCE = 30.0
"""Real seconds after which a call counts as hanging."""

BIG = 10_000_000


# The missions


@define
class Parcel:
    """What nothing in the table is."""

    address: str
    weight: float


def begin(ctx: MissionContext[Parcel]) -> str:
    return ctx.input.address


def address(ctx: MissionContext[Parcel]) -> str:
    return ctx.input.address


def weigh(ctx: MissionContext[Parcel], parcel: Parcel) -> float:
    return parcel.weight


POSTED = Signal("posted", Parcel)
SHIPPING = (
    m.define("shipping")
    .query("address", address)
    .update("weigh", Parcel, weigh)
    .start(input=Parcel, run=begin)
    .need_to(POSTED)
    .end()
)
GOOD = {"address": "here", "weight": 1.0}
NOW = datetime(2026, 1, 1, tzinfo=UTC)
FORM: dict[str, Any] = {"format": 1, "mission_id": "new", "mission_name": "shipping", "definitions": {}, "history": []}


def begin_any(ctx: MissionContext[Any]) -> str:
    return "begun"


ANYTHING = m.define("anything").start(input=Any, run=begin_any).end()


# The values


def _explode(*_: object, **__: object) -> NoReturn:
    raise ZeroDivisionError("evil")


class Evil:
    """Raises whatever it is asked."""

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _explode
    __str__ = __repr__ = __bool__ = __len__ = __iter__ = __getattr__ = __float__ = __index__ = _explode
    __hash__ = _explode
    __class__ = property(_explode)  # pyright: ignore[reportIncompatibleMethodOverride]  # the evil of it


class EvilText(str):
    """A str that raises whatever it is asked as an object."""

    __slots__ = ()
    __eq__ = __ne__ = __lt__ = __len__ = __str__ = __repr__ = __iter__ = _explode
    __hash__ = _explode


class EvilInt(int):
    """An int that cannot be compared."""

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _explode
    __hash__ = int.__hash__


class EvilDict(dict[str, object]):
    """A dict that cannot be looked into."""

    __iter__ = items = keys = __len__ = __eq__ = _explode


class EvilCallable:
    """Can be called, and nothing else."""

    __eq__ = __repr__ = __getattr__ = _explode
    __hash__ = _explode
    __signature__ = property(_explode)

    def __call__(self, *arguments: object) -> None: ...


class EvilZone(tzinfo):
    """A time zone of nowhere."""

    utcoffset = dst = tzname = _explode


class EvilDuration(timedelta):
    """A duration that does not say how long."""

    total_seconds = __repr__ = _explode


class Liar:
    """Says that it is a str."""

    __class__ = str  # type: ignore[assignment]  # the lie


class Text(str):
    """An ordinary subclass."""

    __slots__ = ()


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def _endless() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def _generator() -> Iterator[int]:
    yield 1


TEXTS = {
    "empty": "",
    "blank": " ",
    "long": "x" * 256,
    "10 MB": "x" * BIG,
    "NUL": "a\0b",
    "surrogate": "a\ud800",
    "many surrogates": "\udfff" * 300,
    "RTL": "\u202eabc\u2066",
    "combining": "e\u0301" * 120,
    "4-byte": "\U0001f600" * 200,
    "newline": "a\nb",
    "escape": "\x1b[2J",
    "SQL": "'; DROP TABLE missions; --",
    "SQL too": '" OR 1=1 --',
    "wildcard": "%",
    "status": "WAITING",
    "subclass": Text("nobody"),
    "evil text": EvilText("nobody"),
}

VALUES: Mapping[str, object] = {
    **TEXTS,
    "None": None,
    "True": True,
    "zero": 0,
    "negative": -1,
    "huge": 10**400,
    "huger": 10**5_000,
    "float": 1.5,
    "NaN": math.nan,
    "inf": math.inf,
    "-inf": -math.inf,
    "complex": 1j,
    "Decimal NaN": Decimal("NaN"),
    "Fraction": Fraction(1, 3),
    "bytes": b"\xff\0",
    "bytearray": bytearray(b"x"),
    "memoryview": memoryview(b"x"),
    "list": [1],
    "empty list": list[int](),
    "dict": {"a": 1},
    "mixed keys": {1: 2, None: 3},
    "NaN key": {math.nan: 1},
    "set": {1},
    "deep": _nested(100_000),
    "endless": _endless(),
    "generator": _generator(),
    "function": lambda: None,
    "function of two": divmod,
    "class": int,
    "exception class": ValueError,
    "type": type,
    "module": math,
    "Ellipsis": ...,
    "NotImplemented": NotImplemented,
    "object": object(),
    "naive": datetime(2020, 1, 1),  # noqa: DTZ001 - the point of it
    "first instant": datetime.min.replace(tzinfo=UTC),
    "before the first instant": datetime.min.replace(tzinfo=EvilZone()),
    "negative duration": timedelta(seconds=-1),
    "longest duration": timedelta.max,
    "evil duration": EvilDuration(1),
    "evil": Evil(),
    "evil int": EvilInt(5),
    "evil dict": EvilDict(a=1),
    "evil callable": EvilCallable(),
    "liar": Liar(),
    "Evil, the class": Evil,
    "Signal, the class": Signal,
    "builder": m.define("unfinished"),
}


# The entries


class Entries:
    """A commander on a file, and everything of it that can be called with a value."""

    def __init__(self, commander: Commander, mission: MissionHandle[Any], path: Path) -> None:
        self.commander = commander
        self.mission = mission
        self.path = path

    def call(self, entry: str, value: Any) -> object:
        return ENTRIES[entry](self, value)

    @property
    def operations(self) -> Operations:
        return self.commander.operations

    def dump(self) -> list[Any]:
        with closing(sqlite3.connect(self.path)) as connection:
            tables = ("missions", "history", "definitions", "waits", "wait_kinds")
            return [connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables]

    def idle(self) -> MissionHandle[Any]:
        return self.commander.create_mission(SHIPPING, mission_id="shipping-1")

    async def read(self, method: str, *arguments: object, **named: object) -> object:
        async with open_mission_reader(self.path) as reader:
            return await getattr(reader, method)(*arguments, **named)

    async def iterate(self, **named: Any) -> list[Any]:
        return [summary async for summary in self.commander.iter_missions(**named)]


@pytest.fixture
async def entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Entries]:
    """A commander on a file, with one mission that waits."""
    monkeypatch.chdir(tmp_path)  # some values are paths
    path = tmp_path / "missions.db"
    prepare(path)
    async with SQLiteCommander(database_path=path, definitions=[SHIPPING, ANYTHING]) as commander:
        mission = await commander.start(SHIPPING, GOOD, mission_id="shipping-1")
        yield Entries(commander, mission, path)


def _started() -> MissionBuilder[Any]:
    return m.define("x").start(input=Any, run=begin_any)


def _need_to(*arguments: Any) -> object:
    return _started().need_to(*arguments).end()


def _retried(**options: Any) -> object:
    return _started().step("s", begin_any, retry=RetryPolicy(**options)).end()


def _policy_with(name: str) -> Entry:
    return lambda on, value: _retried(**{name: value})


Entry: TypeAlias = Callable[[Entries, Any], object]

ENTRIES: Mapping[str, Entry] = {
    # commander
    "start(definition)": lambda on, value: on.commander.start(value, GOOD),
    "start(input)": lambda on, value: on.commander.start(SHIPPING, value),
    "start(field of input)": lambda on, value: on.commander.start(SHIPPING, {"address": "here", "weight": [value]}),
    "start(mission_id=)": lambda on, value: on.commander.start(SHIPPING, {"address": 5}, mission_id=value),
    "start(if_exists=)": lambda on, value: on.commander.start(SHIPPING, GOOD, mission_id="shipping-1", if_exists=value),
    "start(start_at=)": lambda on, value: on.commander.start(SHIPPING, GOOD, mission_id="shipping-1", start_at=value),
    "start(wait=)": lambda on, value: on.commander.start(SHIPPING, GOOD, mission_id="shipping-1", wait=value),
    "create_mission(definition)": lambda on, value: on.commander.create_mission(value),
    "create_mission(mission_id=)": lambda on, value: on.commander.create_mission(SHIPPING, mission_id=value),
    "register": lambda on, value: on.commander.register(value),
    "get_mission": lambda on, value: on.commander.get_mission(value),
    "inspect_mission": lambda on, value: on.commander.inspect_mission(value),
    "cancel_mission(id)": lambda on, value: on.commander.cancel_mission(value),
    "load_definition": lambda on, value: on.commander.load_definition(value),
    "list_missions(status=)": lambda on, value: on.commander.list_missions(status=value),
    "list_missions(mission_name=)": lambda on, value: on.commander.list_missions(mission_name=value),
    "list_missions(parent_id=)": lambda on, value: on.commander.list_missions(parent_id=value),
    "list_missions(one of status=)": lambda on, value: on.commander.list_missions(status=[value]),
    "list_missions(labels=)": lambda on, value: on.commander.list_missions(labels=value),
    "list_missions(id_prefix=)": lambda on, value: on.commander.list_missions(id_prefix=value),
    "list_missions(schedule=)": lambda on, value: on.commander.list_missions(schedule=value),
    "list_missions(error=)": lambda on, value: on.commander.list_missions(error=value),
    "list_missions(since=)": lambda on, value: on.commander.list_missions(since=value),
    "list_missions(until=)": lambda on, value: on.commander.list_missions(until=value),
    "list_missions(newest_first=)": lambda on, value: on.commander.list_missions(newest_first=value),
    "list_missions(one of labels=)": lambda on, value: on.commander.list_missions(labels={"a": value}),
    "list_missions(limit=)": lambda on, value: on.commander.list_missions(limit=value),
    "list_missions(after=)": lambda on, value: on.commander.list_missions(after=value),
    "list_waiting(limit=)": lambda on, value: on.commander.list_waiting(limit=value),
    "list_waiting(after=)": lambda on, value: on.commander.list_waiting(after=value),
    "list_scheduled(limit=)": lambda on, value: on.commander.list_scheduled(limit=value),
    "list_scheduled(after=)": lambda on, value: on.commander.list_scheduled(after=value),
    "iter_missions(status=)": lambda on, value: on.iterate(status=value),
    "iter_missions(id_prefix=)": lambda on, value: on.iterate(id_prefix=value),
    "iter_missions(newest_first=)": lambda on, value: on.iterate(newest_first=value),
    "iter_missions(mission_name=)": lambda on, value: on.iterate(mission_name=value),
    "list_waits(signal=)": lambda on, value: on.commander.list_waits(signal=value),
    "list_waits(mission_name=)": lambda on, value: on.commander.list_waits(mission_name=value),
    "list_waits(limit=)": lambda on, value: on.commander.list_waits(limit=value),
    "list_waits(after=)": lambda on, value: on.commander.list_waits(after=value),
    # operations, of which none is possible
    "pause_mission(id)": lambda on, value: on.operations.pause_mission(value),
    "pause_mission(by=)": lambda on, value: on.operations.pause_mission("nobody's", by=value),
    "resume_mission(id)": lambda on, value: on.operations.resume_mission(value),
    "resume_mission(by=)": lambda on, value: on.operations.resume_mission("nobody's", by=value),
    "wake_mission(id)": lambda on, value: on.operations.wake_mission(value),
    "wake_mission(path=)": lambda on, value: on.operations.wake_mission("shipping-1", path=value),
    "wake_mission(by=)": lambda on, value: on.operations.wake_mission("nobody's", by=value),
    "reopen_mission(id)": lambda on, value: on.operations.reopen_mission(value),
    "reopen_mission(step=)": lambda on, value: on.operations.reopen_mission("shipping-1", step=value),
    "reopen_mission(by=)": lambda on, value: on.operations.reopen_mission("nobody's", by=value),
    "skip_step(id)": lambda on, value: on.operations.skip_step(value, output=1),
    "skip_step(output=)": lambda on, value: on.operations.skip_step("shipping-1", output=value),
    "skip_step(step=)": lambda on, value: on.operations.skip_step("shipping-1", output=1, step=value),
    "skip_step(by=)": lambda on, value: on.operations.skip_step("nobody's", output=1, by=value),
    "export_mission": lambda on, value: on.operations.export_mission(value),
    "import_mission(form)": lambda on, value: on.operations.import_mission(value),
    "import_mission(mission_id=)": lambda on, value: on.operations.import_mission({}, mission_id=value),
    "import_mission(format)": lambda on, value: on.operations.import_mission({"format": value}),
    "import_mission(history)": lambda on, value: on.operations.import_mission({**FORM, "history": value}),
    "import_mission(record)": lambda on, value: on.operations.import_mission({**FORM, "history": [value]}),
    "import_mission(definitions)": lambda on, value: on.operations.import_mission({**FORM, "definitions": value}),
    "purge_missions(ended_before=)": lambda on, value: on.operations.purge_missions(ended_before=value),
    "purge_missions(status=)": lambda on, value: on.operations.purge_missions(ended_before=NOW, status=value),
    "purge_missions(mission_name=)": lambda on, value: on.operations.purge_missions(
        ended_before=NOW, mission_name=value
    ),
    "purge_missions(limit=)": lambda on, value: on.operations.purge_missions(ended_before=NOW, limit=value),
    "plan": lambda on, value: on.operations.plan(value),
    "plan(definition)": lambda on, value: on.operations.plan([value]),
    "doctor(repair=)": lambda on, value: on.operations.doctor(repair=value),
    "backup": lambda on, value: on.operations.backup(value),
    # handle
    "handle.start(input)": lambda on, value: on.idle().start(value),
    "handle.start(start_at=)": lambda on, value: on.idle().start(GOOD, start_at=value),
    "handle.start(wait=)": lambda on, value: on.idle().start(GOOD, wait=value),
    "signal(name)": lambda on, value: on.mission.signal(value, GOOD),
    "signal(payload)": lambda on, value: on.mission.signal(POSTED, value),
    "signal(field of payload)": lambda on, value: on.mission.signal("posted", {"address": [value], "weight": 1}),
    "signal(wait=)": lambda on, value: on.mission.signal("unknown", GOOD, wait=value),
    "query(name)": lambda on, value: on.mission.query(value),
    "update(name)": lambda on, value: on.mission.update(value, GOOD),
    "update(input)": lambda on, value: on.mission.update("weigh", value),
    "update(field of input)": lambda on, value: on.mission.update(weigh, {"address": "here", "weight": [value]}),
    "update(timeout=)": lambda on, value: on.mission.update("weigh", {"address": 5}, timeout=value),
    # reader
    "reader.inspect_mission": lambda on, value: on.read("inspect_mission", value),
    "reader.list_missions(status=)": lambda on, value: on.read("list_missions", status=value),
    "reader.list_missions(mission_name=)": lambda on, value: on.read("list_missions", mission_name=value),
    "reader.list_missions(parent_id=)": lambda on, value: on.read("list_missions", parent_id=value),
    "reader.list_missions(labels=)": lambda on, value: on.read("list_missions", labels=value),
    "reader.list_missions(id_prefix=)": lambda on, value: on.read("list_missions", id_prefix=value),
    "reader.list_missions(schedule=)": lambda on, value: on.read("list_missions", schedule=value),
    "reader.list_missions(error=)": lambda on, value: on.read("list_missions", error=value),
    "reader.list_missions(since=)": lambda on, value: on.read("list_missions", since=value),
    "reader.list_missions(until=)": lambda on, value: on.read("list_missions", until=value),
    "reader.list_missions(newest_first=)": lambda on, value: on.read("list_missions", newest_first=value),
    "reader.list_missions(limit=)": lambda on, value: on.read("list_missions", limit=value),
    "reader.list_missions(after=)": lambda on, value: on.read("list_missions", after=value),
    "reader.list_waiting(after=)": lambda on, value: on.read("list_waiting", after=value),
    "reader.list_scheduled(limit=)": lambda on, value: on.read("list_scheduled", limit=value),
    "reader.list_scheduled(after=)": lambda on, value: on.read("list_scheduled", after=value),
    "reader.list_waits(signal=)": lambda on, value: on.read("list_waits", signal=value),
    "reader.list_waits(mission_name=)": lambda on, value: on.read("list_waits", mission_name=value),
    "reader.list_waits(after=)": lambda on, value: on.read("list_waits", after=value),
    "reader.load_definition": lambda on, value: on.read("load_definition", value),
    # definitions
    "define": lambda on, value: m.define(value),
    "Signal(name)": lambda on, value: Signal(value, str),
    "Signal(schema)": lambda on, value: Signal("s", value),
    "m.query(name)": lambda on, value: m.define("x").query(value, begin_any),
    "m.query(fn)": lambda on, value: m.define("x").query("q", value),
    "m.update(name)": lambda on, value: m.define("x").update(value, Parcel, weigh),
    "m.update(schema)": lambda on, value: m.define("x").update("u", value, weigh),
    "m.update(fn)": lambda on, value: m.define("x").update("u", Parcel, value),
    "m.start(input=)": lambda on, value: m.define("x").start(input=value, run=begin_any),
    "m.start(run=)": lambda on, value: m.define("x").start(input=Any, run=value),
    "m.start(output=)": lambda on, value: m.define("x").start(input=Any, run=begin_any, output=value),
    "m.start(retry=)": lambda on, value: m.define("x").start(input=Any, run=begin_any, retry=value),
    "m.start(timeout=)": lambda on, value: m.define("x").start(input=Any, run=begin_any, timeout=value),
    "step(name)": lambda on, value: _started().step(value, begin_any),
    "step(run)": lambda on, value: _started().step("s", value),
    "step(output=)": lambda on, value: _started().step("s", begin_any, output=value).end(),
    "step(retry=)": lambda on, value: _started().step("s", begin_any, retry=value).end(),
    "step(timeout=)": lambda on, value: _started().step("s", begin_any, timeout=value).end(),
    "need_to(name)": lambda on, value: _started().need_to(value, str),
    "need_to(schema)": lambda on, value: _started().need_to("s", value).end(),
    "need_to(signal, schema)": lambda on, value: _need_to(POSTED, value),
    "need_to(timeout=)": lambda on, value: _started().need_to(POSTED, timeout=value).end(),
    "need_to(timeout_message=)": lambda on, value: _started().need_to(POSTED, timeout_message=value).end(),
    "sleep(name)": lambda on, value: _started().sleep(value, 1),
    "sleep(duration)": lambda on, value: _started().sleep("s", value).end(),
    **{f"RetryPolicy({field.name}=)": _policy_with(field.name) for field in fields(RetryPolicy)},
    "RetryPolicy.delay": lambda on, value: RetryPolicy(initial_interval=1, backoff_multiplier=2).delay(value),
    # construction
    "create_commander(definitions=)": lambda on, value: create_commander(definitions=[value]),
    "create_commander(persistence=)": lambda on, value: create_commander(persistence=value),
    "create_commander(clock=)": lambda on, value: create_commander(clock=value),
    "create_commander(create_mission_id=)": lambda on, value: create_commander(create_mission_id=value),
    "create_commander(max_concurrency=)": lambda on, value: create_commander(max_concurrency=value),
    "create_sqlite_persistence_adapter(path)": lambda on, value: create_sqlite_persistence_adapter(value),
    "create_sqlite_persistence_adapter(synchronous=)": lambda on, value: create_sqlite_persistence_adapter(
        on.path, synchronous=value
    ),
    "create_sqlite_persistence_adapter(lock_timeout=)": lambda on, value: create_sqlite_persistence_adapter(
        on.path, lock_timeout=value
    ),
    "create_commander_runtime(identity=)": lambda on, value: create_commander_runtime(identity=value),
    "create_commander_runtime(on_event=)": lambda on, value: create_commander_runtime(on_event=value),
    "create_commander_runtime(on_metric=)": lambda on, value: create_commander_runtime(on_metric=value),
    "create_commander_client(runtime=)": lambda on, value: create_commander_client(runtime=value),
    "set_next_tick_at": lambda on, value: create_commander_runtime().set_next_tick_at(value),
    "set_next_tick_in": lambda on, value: create_commander_runtime().set_next_tick_in(value),
}


def _is_deliberate(error: BaseException) -> bool:
    """True for our errors, and for a builtin one that a `raise` of ours raised."""
    if isinstance(error, MissionControlError):
        return True
    last = traceback.extract_tb(error.__traceback__)[-1]
    return type(error) in (TypeError, ValueError) and (last.line or "").startswith("raise ")


async def _outcome(on: Entries, entry: str, value: object) -> str | None:
    """Call the entry and return what is wrong with the answer, if anything."""
    try:
        answer = on.call(entry, value)
        if inspect.iscoroutine(answer):
            await asyncio.wait_for(answer, PATIENCE)
    except TimeoutError:
        return "hangs"
    except Exception as error:
        if not _is_deliberate(error):
            return f"stumbles over {error!r}"
        if not str(error):
            return f"does not say what is wrong: {type(error)}"
    return None


@pytest.mark.parametrize("entry", ENTRIES)
async def test_hostile_value_is_refused_or_accepted_and_changes_nothing(entries: Entries, entry: str) -> None:
    """No value makes an entry hang, stumble inside, or change a row."""
    before = entries.dump()

    outcomes = {name: await _outcome(entries, entry, value) for name, value in VALUES.items()}

    assert {name: problem for name, problem in outcomes.items() if problem is not None} == {}
    assert entries.dump() == before
    assert await entries.mission.status() is MissionStatus.WAITING


async def test_coroutine_in_place_of_a_value_is_refused(entries: Entries) -> None:
    """A forgotten await is refused like any other wrong value, at every entry."""
    before = entries.dump()

    async def forgotten() -> None: ...

    for entry in ENTRIES:
        value = forgotten()
        assert await _outcome(entries, entry, value) is None, entry
        value.close()
    assert entries.dump() == before


@pytest.mark.parametrize("name", VALUES)
async def test_reason_of_a_cancellation_is_a_text_or_refused(entries: Entries, name: str) -> None:
    """Whatever is given as the reason, the mission is cancelled for that text, or not at all."""
    reason: Any = VALUES[name]
    if name in TEXTS or reason is None:
        snapshot = await asyncio.wait_for(entries.mission.cancel(reason), PATIENCE)
        assert snapshot.status is MissionStatus.CANCELLED
    else:
        with pytest.raises(TypeError, match="reason"):
            await asyncio.wait_for(entries.mission.cancel(reason), PATIENCE)
        assert await entries.mission.status() is MissionStatus.WAITING


@pytest.mark.parametrize("name", VALUES)
async def test_untyped_input_is_stored_as_json_or_refused(entries: Entries, name: str) -> None:
    """A schema that takes anything takes what has a JSON form, and refuses the rest with what is wrong."""
    before = entries.dump()
    try:
        mission = await asyncio.wait_for(entries.commander.start(ANYTHING, VALUES[name]), PATIENCE)
    except MissionValidationError:
        assert entries.dump() == before
    else:
        snapshot = await mission.result()
        json.dumps(snapshot.to_dict(), allow_nan=False)
        assert snapshot.status is MissionStatus.COMPLETED


NAMES = [name for name in TEXTS if name in ("RTL", "combining", "4-byte", "SQL", "SQL too", "wildcard", "subclass")]


@pytest.mark.parametrize("text", NAMES)
async def test_unusual_text_is_a_name_and_an_id_like_any_other(tmp_path: Path, text: str) -> None:
    """What may be a name comes back exactly as it was, in every place that names have, and finds only itself."""
    name = TEXTS[text]
    definition = m.define(name).start(input=Any, run=begin_any).need_to(name, str).end()
    path = tmp_path / "missions.db"
    async with SQLiteCommander(database_path=path, definitions=[definition, SHIPPING]) as commander:
        await commander.start(SHIPPING, GOOD)
        mission = await commander.start(name, name, mission_id=name)
        await mission.signal(name, name)
    async with open_mission_reader(path) as reader:
        (summary,) = await reader.list_missions(mission_name=name)
        assert (summary.mission_id, summary.mission_name, summary.status) == (name, name, "completed")
        inspection = await reader.inspect_mission(name)
        assert inspection is not None
        assert inspection.snapshot.events[name].input == name
        assert all(type(mission_id) is str for mission_id in (summary.mission_id, summary.mission_name))


async def test_large_payloads_pass_everywhere(entries: Entries) -> None:
    """10 MB go in as an input and a signal, and come out as an output, unchanged."""
    large = "\U0001f600" + "x" * BIG

    async def begin_large(ctx: MissionContext[str]) -> str:
        return ctx.input

    definition = m.define("large").start(input=str, run=begin_large).need_to("more", str).end()
    mission = await entries.commander.start(definition, large)
    await mission.signal("more", large)

    snapshot = await mission.result()
    assert snapshot.output == large
    assert snapshot.events["more"].input == large


def test_hostile_timeout_of_a_blocking_caller_is_refused_or_waited_for() -> None:
    """However long somebody without a loop is to wait, they get an error or the result."""
    with create_blocking_client(definitions=[ANYTHING]) as client:
        mission = client.start_mission(ANYTHING, None)
        for name, value in VALUES.items():
            timeout: Any = value
            try:
                assert mission.result(timeout).status is MissionStatus.COMPLETED
            except (MissionControlError, TimeoutError) as error:
                assert "timeout" in str(error) or "within" in str(error), name  # noqa: PT017 - either is right


# What user code gives back


class EvilError(Exception):
    """An error that cannot be shown."""

    __str__ = __repr__ = _explode

    def __init__(self) -> None:
        super().__init__()
        self.__dict__["__notes__"] = 5  # which should be a list of str


class FalsyError(Exception):
    """An error that counts as nothing."""

    def __bool__(self) -> bool:
        return False


class ExitWithoutEnd(BaseException):
    """An error that is no Exception."""


def _chained() -> Exception:
    error = ValueError("the first")
    for number in range(3_000):
        following = ValueError(number)
        following.__cause__ = error
        error = following
    return error


ERRORS: Mapping[str, Callable[[], BaseException]] = {
    "evil": EvilError,
    "falsy": FalsyError,
    "no Exception": ExitWithoutEnd,
    "StopIteration": lambda: StopIteration(5),
    "StopAsyncIteration": StopAsyncIteration,
    "GeneratorExit": GeneratorExit,
    "CancelledError": asyncio.CancelledError,
    "TimeoutError": TimeoutError,
    "RecursionError": lambda: RecursionError("deep"),
    "MemoryError": MemoryError,
    "group": lambda: ExceptionGroup("several", [ValueError(1), ExceptionGroup("more", [EvilError()])]),
    "long chain": _chained,
    "surrogate": lambda: ValueError("\ud800\0"),
    "10 MB": lambda: ValueError("x" * BIG),
    "evil delay": lambda: RetryAfterError(Evil()),  # type: ignore[arg-type]  # the evil of it
    "endless delay": lambda: RetryAfterError(math.inf),
    "huge delay": lambda: RetryAfterError(10**400),
    "evil message": lambda: NonRetryableError(Evil()),
    "SyntaxError": lambda: SyntaxError("bad", ("file", 10**20, -5, EvilText("x"))),
    "UnicodeError": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "\ud800"),
}


async def _run(run: Callable[[MissionContext[Any]], object], clock: FakeClock) -> MissionSnapshot:
    """Run a mission whose second step is `run` to its end, and return that."""
    definition = m.define("user").start(input=Any, run=begin_any).step("run", run).end()
    async with create_commander(clock=clock) as commander:
        mission = await commander.start(definition, None, wait=False)
        return await asyncio.wait_for(mission.result(), PATIENCE)


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
@pytest.mark.parametrize("error", ERRORS)
async def test_whatever_user_code_raises_is_the_failure_of_its_step(
    fake_clock: FakeClock, error: str, is_async: bool
) -> None:
    """An error of any kind fails the mission with a message and a type, and nothing beyond it."""
    make = ERRORS[error]

    async def run(ctx: MissionContext[Any]) -> None:
        raise make()

    def run_on_thread(ctx: MissionContext[Any]) -> None:
        raise make()

    snapshot = await _run(run if is_async else run_on_thread, fake_clock)

    assert snapshot.status is MissionStatus.FAILED
    assert snapshot.error is not None
    assert snapshot.error.code == "STEP_FAILED"
    assert len(json.dumps(snapshot.error.to_dict())) < 500_000


@pytest.mark.parametrize("name", VALUES)
async def test_whatever_user_code_returns_is_stored_or_fails_its_mission(fake_clock: FakeClock, name: str) -> None:
    """What has no JSON form fails the mission as a payload, and everything else is its output."""
    snapshot = await _run(lambda ctx: VALUES[name], fake_clock)

    if snapshot.status is MissionStatus.FAILED:
        assert snapshot.error is not None
        assert snapshot.error.code == "MISSION_PAYLOAD_ERROR"
    else:
        json.dumps(snapshot.to_dict(), allow_nan=False)
        assert snapshot.status is MissionStatus.COMPLETED


async def test_parse_that_raises_anything_refuses_the_input(entries: Entries) -> None:
    """A schema's own code may raise whatever it likes: that is the reason for the refusal."""

    class Refusing:
        def parse(self, value: object) -> object:
            raise EvilError

    definition = m.define("refusing").start(input=Refusing(), run=begin_any).end()
    before = entries.dump()

    with pytest.raises(MissionValidationError):
        await entries.commander.start(definition, 1)

    assert entries.dump() == before


@pytest.mark.parametrize("name", ["empty", "zero", "None", "surrogate", "evil", "10 MB"])
async def test_ids_from_a_broken_generator_are_refused(name: str) -> None:
    """What `create_mission_id` returns is held to what an id may be."""
    create_mission_id: Any = lambda: VALUES[name]  # noqa: E731 - what it returns is no id
    async with create_commander(create_mission_id=create_mission_id) as commander:
        with pytest.raises(MissionDefinitionError):
            await commander.start(ANYTHING, None)

        assert await commander.list_missions() == []


async def test_failed_mission_with_an_evil_cause_is_raised_to_its_caller() -> None:
    """The error that a caller gets can be shown, whatever caused it."""

    async def run(ctx: MissionContext[Any]) -> None:
        raise EvilError

    definition = m.define("evil").start(input=Any, run=run).end()
    async with create_commander() as commander:
        with pytest.raises(MissionFailedError, match="EvilError") as raised:
            await commander.start(definition, None)

    assert isinstance(raised.value.__cause__, EvilError)

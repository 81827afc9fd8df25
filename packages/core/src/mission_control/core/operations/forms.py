"""A mission as one JSON form: what it was defined as, and all that was recorded of it.

A form is `{"format": 1, "mission_id", "mission_name", "definitions": {fingerprint: static form}, "history"}`, of the
records as storage has them, exactly: encode it with `json.dumps`, which writes ASCII unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias, cast

import attrs

from ..definition import LONGEST_NAME, StoredDefinition, checked_name, fingerprint_of, is_a
from ..errors import CorruptMissionError, MissionNotFoundError, MissionValidationError
from ..history import HistoryRecord, HistoryType, iso
from ..machine import State, fold, load
from ..payloads import PLAIN, found
from ..storage import ReadPort
from ..values import Value

FORMAT = 1

_T = HistoryType

IMPORTED = "imported"
"""The reason of the pause of a mission that was taken in."""


@attrs.frozen(kw_only=True)
class ImportedMission(Value):
    """What a form says: the records, the state that they fold to, and the definitions that they were made under."""

    records: tuple[HistoryRecord, ...]
    state: State
    definitions: tuple[StoredDefinition, ...]

    def paused(self, now: datetime, by: str | None) -> ImportedMission:
        """Return it as it is taken in: paused, with a record that says why, unless it has ended or was paused."""
        if self.state.is_terminal or self.state.is_paused:
            return self
        at = now if self.state.at is None else max(now, self.state.at)
        details = {"reason": IMPORTED} if by is None else {"reason": IMPORTED, "by": by}
        record = HistoryRecord(seq=self.state.version + 1, type=_T.MISSION_PAUSED, at=at, details=details)
        return attrs.evolve(self, records=(*self.records, record), state=fold(self.state, (record,)))


async def export_form(port: ReadPort, mission_id: str) -> dict[str, Any]:
    """Return the form of a mission. Raises `MissionNotFoundError`."""
    (history,) = await port.load([mission_id])
    if history is None:
        raise MissionNotFoundError(f"there is no mission {mission_id!r}; check its id")
    if isinstance(history, CorruptMissionError):
        raise history
    forms = {fingerprint: await port.load_definition(fingerprint) for fingerprint in _fingerprints(history)}
    return {
        "format": FORMAT,
        "mission_id": mission_id,
        "mission_name": load(mission_id, history).mission_name,
        "definitions": {fingerprint: form for fingerprint, form in forms.items() if form is not None},
        "history": [record.to_dict(exact=True) for record in history],
    }


def form_id(form: object) -> str:
    """Return the id of the mission in a form. Raises `ValueError` for what is none of ours."""
    return _head(form)[1]


def read_form(form: object, *, mission_id: str | None) -> ImportedMission:
    """Return what a form says, under another id where one is given. Raises `ValueError` for what is none of ours.

    Its children's ids begin with the mission's: they follow where that is another one. What was a child itself is
    nobody's under another id.
    """
    fields, known_id = _head(form)
    records = _records(fields)
    wanted = known_id if mission_id is None else _id(mission_id)
    if wanted != known_id:
        records = tuple(_under(record, known_id, wanted) for record in records)
    state = _folded(wanted, records)
    name = _text(fields, "mission_name")
    if state.mission_name != name:
        raise _refused(f"mission_name: it says {name!r}, and its history {state.mission_name!r}")
    return ImportedMission(records=records, state=state, definitions=tuple(_definitions(fields, records)))


# What is in it

_Fields: TypeAlias = Mapping[str, Any]


def _refused(problem: str) -> ValueError:
    return ValueError(f"the form of a mission: {problem}")


def _object(value: object, expected: str) -> dict[str, Any]:
    if type(value) is not dict:
        raise _refused(f"{expected}, found {found(value)}")
    return cast("dict[str, Any]", value)


def _head(form: object) -> tuple[_Fields, str]:
    fields = _object(form, "expected an object, as export_mission returns it")
    number = fields.get("format")
    if type(number) is not int or number < 1:
        raise _refused(f"format: expected {FORMAT}, found {found(number)}")
    if number > FORMAT:
        raise _refused(f"format: {number} is of a newer release, and this one reads {FORMAT}; upgrade mission-control")
    return fields, _id(fields.get("mission_id"))


def _id(mission_id: object) -> str:
    """Return the id of a mission; that of a child may be longer than others."""
    if not is_a(mission_id, str):
        raise _refused(f"mission_id: expected a str, found {found(mission_id)}")
    plain = str.__str__(mission_id)
    for begin in range(0, max(1, len(plain)), LONGEST_NAME):
        checked_name(plain[begin : begin + LONGEST_NAME], subject="the form of a mission: mission_id")
    return plain


def _text(fields: _Fields, name: str) -> str:
    if type(fields.get(name)) is not str:
        raise _refused(f"{name}: expected a str, found {found(fields.get(name))}")
    return cast("str", fields[name])


def _records(fields: _Fields) -> tuple[HistoryRecord, ...]:
    history: object = fields.get("history")
    if type(history) is not list or not history:
        raise _refused(f"history: expected a list of records, found {found(fields.get('history'))}")
    records: list[HistoryRecord] = []
    for index, form in enumerate(cast("list[object]", history)):
        record = _object(form, f"history[{index}]: expected an object")
        details = _object(record.get("details"), f"history[{index}]: details: expected an object")
        try:
            records.append(_record(record, details, records[-1] if records else None))
        except (LookupError, TypeError, ValueError) as error:
            problem = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise _refused(f"history[{index}]: {problem}") from error
    return tuple(records)


def _record(fields: _Fields, details: Mapping[Any, object], before: HistoryRecord | None) -> HistoryRecord:
    """Return a record as it was recorded. What it tells is the caller's: it is copied."""
    for name, kind in _KINDS.items():
        if fields[name] is not None and type(fields[name]) is not kind:
            raise TypeError(f"{name}: expected {kind.__name__} or null, found {found(fields[name])}")
    told = {_key(name): _plain(value, f"details[{name!r}]") for name, value in details.items()}
    record = HistoryRecord.from_dict({**fields, "details": told})
    expected = 1 if before is None else before.seq + 1
    if type(fields["seq"]) is not int or record.seq != expected:
        raise ValueError(f"seq: expected {expected}, found {found(fields['seq'])}")
    if before is not None and record.at < before.at:
        raise ValueError(f"at: {iso(record.at)} is before that of the record before it")
    return record


def _key(name: object) -> str:
    if type(name) is not str:
        raise TypeError(f"details: expected texts as keys, found {found(name)}")
    return name


def _plain(value: object, subject: str) -> Any:
    """Return a copy of a plain JSON value. Raises `MissionValidationError` for what is none."""
    return PLAIN.validate(value, event_name="import", subject=subject)


_KINDS: Mapping[str, type[object]] = {"event_name": str, "attempt_number": int}


def _folded(mission_id: str, records: Sequence[HistoryRecord]) -> State:
    try:
        return load(mission_id, records)
    except CorruptMissionError as error:
        raise _refused(f"history: {error}") from error


def _definitions(fields: _Fields, records: Sequence[HistoryRecord]) -> Iterator[StoredDefinition]:
    """Yield the definitions that the records name; all of them have to be there, and be what they say."""
    forms = _object(fields.get("definitions"), "definitions: expected an object")
    for fingerprint in _fingerprints(records):
        if fingerprint not in forms:
            raise _refused(f"definitions: {fingerprint!r}, which its history names, is missing")
        yield _definition(fingerprint, forms[fingerprint])


def _definition(fingerprint: str, form: object) -> StoredDefinition:
    where = f"definitions[{fingerprint!r}]"
    try:
        static = _object(_plain(form, "it"), f"{where}: expected the static form of a definition")
    except MissionValidationError as error:
        raise _refused(f"{where}: {error}") from error
    if type(static.get("name")) is not str:
        raise _refused(f"{where}: name: expected a str, found {found(static.get('name'))}")
    if fingerprint_of(static) != fingerprint:
        raise _refused(
            f"{where}: its fingerprint is {fingerprint_of(static)!r}; it was changed after it was exported, "
            f"or its keys came into another order"
        )
    return StoredDefinition(fingerprint=fingerprint, name=static["name"], static=static)


def _fingerprints(records: Sequence[HistoryRecord]) -> list[str]:
    """Return the fingerprints of the definitions that the records name, in order. Raises `ValueError` for others."""
    named = [record.details["definition"] for record in records if "definition" in record.details]
    for fingerprint in named:
        if type(fingerprint) is not str:
            raise _refused(f"history: expected a definition's fingerprint, found {found(fingerprint)}")
    return list(dict.fromkeys(named))


# Under another id

_OF_CHILDREN = frozenset({_T.CHILD_STARTED, _T.CHILD_ENDED, _T.MISSION_UNDOING, _T.MISSION_REOPENED})


def _under(record: HistoryRecord, before: str, after: str) -> HistoryRecord:
    """Return a record as that of a mission of another id would be: its children's ids begin with that."""
    details = dict(record.details)
    if record.type is _T.MISSION_CREATED:
        details.pop("parent", None)
        details.pop("awaited", None)
    elif record.type in _OF_CHILDREN:
        if "id" in details:
            details["id"] = _moved(details["id"], before, after)
        if "children" in details:
            details["children"] = [_moved(child, before, after) for child in details["children"]]
    return attrs.evolve(record, details=details)


def _moved(child: str, before: str, after: str) -> str:
    return after + child[len(before) :] if child.startswith(f"{before}/") else child

"""What other processes ask of the commander that owns a storage, and the JSON form in which it is sent.

A request is data from a stranger: `read_request` takes nothing for granted. What it asks for is checked by the owner
once more, as if a caller in its own process had asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeAlias, cast, get_args

import attrs

from ..history import NO_LABELS, Labels, MissionStatus, Record, iso, labels_of, parse_iso
from ..payloads import found
from ..values import Value

RequestKind: TypeAlias = Literal[
    "start",
    "signal",
    "update",
    "cancel",
    "end",
    "schedule",
    "reopen",
    "pause",
    "resume",
    "wake",
    "skip",
    "import",
    "purge",
    "repair",
]

MOST_PURGED = 1_000
"""How many missions one request may delete."""

ScheduleAction: TypeAlias = Literal["pause", "resume", "trigger", "backfill"]


@attrs.frozen(kw_only=True)
class StartRequest(Value):
    """Start a mission of the definition `mission_name`, with an id that its sender chose, and an input as JSON."""

    kind: ClassVar[RequestKind] = "start"

    mission_id: str
    mission_name: str
    input: Any
    if_exists: Literal["raise", "return"] = "raise"
    start_at: datetime | None = None
    by: str | None = None
    labels: Mapping[str, str] = attrs.field(default=NO_LABELS, converter=labels_of)

    @property
    def name(self) -> str:
        """The definition's name."""
        return self.mission_name


@attrs.frozen(kw_only=True)
class SignalRequest(Value):
    """Deliver a signal, with a payload as JSON."""

    kind: ClassVar[RequestKind] = "signal"

    mission_id: str
    name: str
    payload: Any
    at: str | None = None
    key: str | None = None
    by: str | None = None


@attrs.frozen(kw_only=True)
class UpdateRequest(Value):
    """Run an update, with an input as JSON; its code may take `timeout` seconds."""

    kind: ClassVar[RequestKind] = "update"

    mission_id: str
    name: str
    input: Any
    timeout: float | None = 30.0
    key: str | None = None
    by: str | None = None


@attrs.frozen(kw_only=True)
class CancelRequest(Value):
    """End the mission; answered when it has ended."""

    kind: ClassVar[RequestKind] = "cancel"

    mission_id: str
    reason: str | None = None
    by: str | None = None
    name: ClassVar[None] = None


@attrs.frozen(kw_only=True)
class EndRequest(Value):
    """Tell when the mission has ended, however that is. It asks for nothing else."""

    kind: ClassVar[RequestKind] = "end"

    mission_id: str
    name: ClassVar[None] = None


@attrs.frozen(kw_only=True)
class ScheduleRequest(Value):
    """Pause or resume the schedule `name`, trigger it at the instant `since`, or start its slots from there to `until`.

    Doing it again changes nothing. It is answered with the ids of the missions, where it starts any.
    """

    kind: ClassVar[RequestKind] = "schedule"

    name: str
    action: ScheduleAction
    since: datetime | None = None
    until: datetime | None = None
    by: str | None = None

    @property
    def mission_id(self) -> str:
        """What the ids of its missions begin with."""
        return f"{self.name}@"


@attrs.frozen(kw_only=True)
class ReopenRequest(Value):
    """Let a mission that has ended go on where its end stopped it, or from the node `step` of its main line on."""

    kind: ClassVar[RequestKind] = "reopen"

    mission_id: str
    step: str | None = None
    by: str | None = None

    @property
    def name(self) -> str | None:
        """The node."""
        return self.step


@attrs.frozen(kw_only=True)
class PauseRequest(Value):
    """Let nothing of a mission begin or fire any more."""

    kind: ClassVar[RequestKind] = "pause"

    mission_id: str
    by: str | None = None
    name: ClassVar[None] = None


@attrs.frozen(kw_only=True)
class ResumeRequest(Value):
    """Let a paused mission go on."""

    kind: ClassVar[RequestKind] = "resume"

    mission_id: str
    by: str | None = None
    name: ClassVar[None] = None


@attrs.frozen(kw_only=True)
class WakeRequest(Value):
    """End the wait for a time of a mission now: the one at the place `path`, where that is given."""

    kind: ClassVar[RequestKind] = "wake"

    mission_id: str
    path: str | None = None
    by: str | None = None

    @property
    def name(self) -> str | None:
        """The place."""
        return self.path


@attrs.frozen(kw_only=True)
class SkipRequest(Value):
    """Let a mission go on as if its step, of the instance name `step` where that is given, had returned `output`."""

    kind: ClassVar[RequestKind] = "skip"

    mission_id: str
    output: Any
    step: str | None = None
    by: str | None = None

    @property
    def name(self) -> str | None:
        """The step."""
        return self.step


@attrs.frozen(kw_only=True)
class ImportRequest(Value):
    """Take in a mission that was exported, under an id of its own."""

    kind: ClassVar[RequestKind] = "import"

    mission_id: str
    form: Any
    by: str | None = None
    name: ClassVar[None] = None


@attrs.frozen(kw_only=True)
class PurgeRequest(Value):
    """Delete up to `limit` missions that ended before an instant. It is answered with how many it was."""

    kind: ClassVar[RequestKind] = "purge"

    ended_before: datetime
    statuses: tuple[MissionStatus, ...]
    mission_name: str | None = None
    limit: int = MOST_PURGED
    by: str | None = None
    mission_id: ClassVar[str] = "*"

    @property
    def name(self) -> str | None:
        """The missions' name."""
        return self.mission_name


@attrs.frozen(kw_only=True)
class RepairRequest(Value):
    """Make what is stored of a mission beside its history what the history says. It is answered with whether it was."""

    kind: ClassVar[RequestKind] = "repair"

    mission_id: str
    by: str | None = None
    name: ClassVar[None] = None


ChangeRequest: TypeAlias = ReopenRequest | PauseRequest | ResumeRequest | WakeRequest | SkipRequest
"""What an operator asks of one mission, which its history then tells."""

OperatorRequest: TypeAlias = ChangeRequest | ImportRequest | PurgeRequest | RepairRequest
"""What an operator asks of missions."""

Request: TypeAlias = (
    StartRequest | SignalRequest | UpdateRequest | CancelRequest | EndRequest | ScheduleRequest | OperatorRequest
)


@attrs.frozen(kw_only=True)
class PostedRequest(Value):
    """A request that is durable in a mailbox.

    Ids of one sender sort as its requests were accepted. `is_awaited` says that the sender
    waits for what comes of it: a start or a signal is then answered when the mission next waits or ends.
    """

    request_id: str
    sender: str
    requested_at: datetime
    is_awaited: bool
    request: Request


@attrs.frozen(kw_only=True)
class RefusedRequest(Record):
    """A request that its owner refused, with the code and the text of the error; nothing was changed.

    `kind` is one of today's, or that of a newer release; `name` that of the definition, the signal, the update, the
    schedule, the step or the place.
    """

    request_id: str
    kind: str
    mission_id: str
    name: str | None
    code: str
    message: str
    requested_at: datetime
    refused_at: datetime


def request_form(request: Request) -> dict[str, Any]:
    """Return the JSON form of a request."""
    form = {field.name: getattr(request, field.name) for field in attrs.fields(type(request))}
    for name, value in form.items():
        if isinstance(value, datetime):
            form[name] = iso(value)
        elif isinstance(value, Labels):
            form[name] = dict(value)
        elif name == "statuses":
            form[name] = [str(one) for one in value]
    return {"kind": request.kind, **form}


def read_request(form: object) -> Request:
    """Return the request that has this JSON form. Raises `ValueError` for what is none of this release."""
    if not isinstance(form, Mapping):
        raise ValueError(f"expected an object, found {found(form)}")  # noqa: TRY004 - it is what was sent that is wrong
    fields = dict(cast("Mapping[str, Any]", form))
    kind = fields.pop("kind", None)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ValueError(f"kind: expected one of {', '.join(_KINDS)}, found {found(kind)}")
    request, checks = _KINDS[kind]
    if fields.keys() != checks.keys():
        raise ValueError(f"expected the fields {', '.join(checks)}, found {', '.join(map(repr, fields)) or 'none'}")
    return request(**{name: check(name, fields[name]) for name, check in checks.items()})


def _any(_: str, value: Any) -> Any:
    return value


def _text(name: str, value: Any) -> str:
    if type(value) is not str:
        raise ValueError(f"{name}: expected a text, found {found(value)}")
    return value


def _maybe_text(name: str, value: Any) -> str | None:
    return None if value is None else _text(name, value)


def _seconds(name: str, value: Any) -> float | None:
    if value is not None and type(value) not in (int, float):
        raise ValueError(f"{name}: expected a number of seconds or null, found {found(value)}")
    return cast("float | None", value)


def _instant(name: str, value: Any) -> datetime | None:
    text = _maybe_text(name, value)
    return None if text is None else parse_iso(text)


def _labels(name: str, value: Any) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{name}: expected an object, found {found(value)}")  # noqa: TRY004 - as above
    return {label: _text(f"{name}, {label!r}", text) for label, text in cast("Mapping[str, Any]", value).items()}


def _action(name: str, value: Any) -> str:
    text = _text(name, value)
    if text not in get_args(ScheduleAction):
        raise ValueError(f"{name}: expected one of {', '.join(get_args(ScheduleAction))}, found {text!r}")
    return text


def _instant_given(name: str, value: Any) -> datetime:
    return parse_iso(_text(name, value))


def _ends(name: str, value: object) -> tuple[MissionStatus, ...]:
    sent = found(value)
    listed = cast("list[object]", value) if isinstance(value, list) else []
    if not listed:
        raise ValueError(f"{name}: expected a list of statuses, found {sent}")
    statuses = tuple(dict.fromkeys(MissionStatus(_text(name, one)) for one in listed))
    if not all(status.is_terminal for status in statuses):
        raise ValueError(f"{name}: expected completed, failed or cancelled, found {', '.join(statuses)}")
    return statuses


def _portion(name: str, value: Any) -> int:
    if type(value) is not int or not 0 < value <= MOST_PURGED:
        raise ValueError(f"{name}: expected an int from 1 to {MOST_PURGED:,}, found {found(value)}")
    return value


_Check: TypeAlias = Callable[[str, Any], Any]

_KINDS: Mapping[str, tuple[Callable[..., Request], Mapping[str, _Check]]] = {
    "start": (
        StartRequest,
        {
            "mission_id": _text,
            "mission_name": _text,
            "input": _any,
            "if_exists": _text,
            "start_at": _instant,
            "by": _maybe_text,
            "labels": _labels,
        },
    ),
    "signal": (
        SignalRequest,
        {
            "mission_id": _text,
            "name": _text,
            "payload": _any,
            "at": _maybe_text,
            "key": _maybe_text,
            "by": _maybe_text,
        },
    ),
    "update": (
        UpdateRequest,
        {
            "mission_id": _text,
            "name": _text,
            "input": _any,
            "timeout": _seconds,
            "key": _maybe_text,
            "by": _maybe_text,
        },
    ),
    "cancel": (CancelRequest, {"mission_id": _text, "reason": _maybe_text, "by": _maybe_text}),
    "end": (EndRequest, {"mission_id": _text}),
    "schedule": (
        ScheduleRequest,
        {"name": _text, "action": _action, "since": _instant, "until": _instant, "by": _maybe_text},
    ),
    "reopen": (ReopenRequest, {"mission_id": _text, "step": _maybe_text, "by": _maybe_text}),
    "pause": (PauseRequest, {"mission_id": _text, "by": _maybe_text}),
    "resume": (ResumeRequest, {"mission_id": _text, "by": _maybe_text}),
    "wake": (WakeRequest, {"mission_id": _text, "path": _maybe_text, "by": _maybe_text}),
    "skip": (SkipRequest, {"mission_id": _text, "output": _any, "step": _maybe_text, "by": _maybe_text}),
    "import": (ImportRequest, {"mission_id": _text, "form": _any, "by": _maybe_text}),
    "purge": (
        PurgeRequest,
        {
            "ended_before": _instant_given,
            "statuses": _ends,
            "mission_name": _maybe_text,
            "limit": _portion,
            "by": _maybe_text,
        },
    ),
    "repair": (RepairRequest, {"mission_id": _text, "by": _maybe_text}),
}
"""The class of each kind, and what its fields have to be, in the order of the class."""

"""What other processes ask of the commander that owns a storage, and the JSON form in which it is sent.

A request is data from a stranger: `read_request` takes nothing for granted. What it asks for is checked by the owner
once more, as if a caller in its own process had asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeAlias, cast, get_args

import attrs

from ..history import NO_LABELS, Labels, Record, iso, labels_of, parse_iso
from ..payloads import found
from ..values import Value

RequestKind: TypeAlias = Literal["start", "signal", "update", "cancel", "end", "schedule"]

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


Request: TypeAlias = StartRequest | SignalRequest | UpdateRequest | CancelRequest | EndRequest | ScheduleRequest


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

    `kind` is "start", "signal", "update", "cancel", "schedule", or that of a newer release; `name` that of the
    definition, the signal, the update or the schedule.
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
}
"""The class of each kind, and what its fields have to be, in the order of the class."""

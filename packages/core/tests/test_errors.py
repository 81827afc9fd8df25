"""Every error can be pickled, copied and written out, with what it says and holds."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

import mission_control.core
from mission_control.core import (
    MissionCancelledError,
    MissionControlError,
    MissionFailedError,
    MissionFailure,
    MissionSnapshot,
    MissionStatus,
    MissionValidationError,
    NonRetryableError,
    RetryAfterError,
    StaleMissionError,
)

NOW = datetime(2024, 2, 29, tzinfo=UTC)
SNAPSHOT = MissionSnapshot(
    mission_id="m-1",
    mission_name="it",
    status=MissionStatus.FAILED,
    cursor="pay",
    waiting=None,
    error=MissionFailure(message="'iban'", at=NOW, code="STEP_FAILED", type="KeyError"),
    created_at=NOW,
    updated_at=NOW,
    output={"a": [1]},
)

ARGUMENTS: Mapping[str, object] = {
    "message": "what was expected, \udce9 found",
    "event_name": "pay",
    "mission_id": "m-1/billing",
    "issues": ["$.iban: required field missing"],
    "snapshot": SNAPSHOT,
    "request_id": "r-1",
    "has_owner": True,
    "delay": timedelta(seconds=5),
}
"""What the errors of the tree are made with; one that takes anything else is added here."""


def tree(*roots: type[Exception]) -> Iterator[type[Exception]]:
    """Yield the classes and all that derive from them, in every module of core."""
    for module in pkgutil.walk_packages(mission_control.core.__path__, "mission_control.core."):
        importlib.import_module(module.name)
    for root in roots:
        yield root
        yield from tree(*(kind for kind in root.__subclasses__() if kind.__module__.startswith("mission_control.")))


def made(kind: type[Exception]) -> Exception:
    """Return an error of the class, with attributes and a note, raised from another."""
    if not inspect.isfunction(kind.__init__):  # it is the builtin's
        error = kind(ARGUMENTS["message"])
    else:
        takes = inspect.signature(kind).parameters
        given = {name: ARGUMENTS[name] for name in takes}
        in_order = [given.pop(name) for name, one in takes.items() if one.kind is one.POSITIONAL_OR_KEYWORD]
        error = kind(*in_order, **given)
    error.add_note("a note")
    error.__cause__ = LookupError(lambda: None)  # which cannot be pickled
    return error


def pickled(error: Any, *, protocol: int) -> Any:
    return pickle.loads(pickle.dumps(error, protocol))


COPIES: dict[str, Callable[[Any], Any]] = {
    **{f"pickle {number}": partial(pickled, protocol=number) for number in range(pickle.HIGHEST_PROTOCOL + 1)},
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}

ERRORS = sorted(set(tree(MissionControlError, NonRetryableError, RetryAfterError)), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("make_copy", COPIES.values(), ids=COPIES.keys())
@pytest.mark.parametrize("kind", ERRORS)
def test_copy_is_the_same_error(kind: type[Exception], make_copy: Callable[[Any], Any]) -> None:
    """A copy has the class, the text, the arguments and the attributes, and no cause."""
    error = made(kind)

    copied = make_copy(error)

    assert type(copied) is kind
    assert (str(copied), copied.args, vars(copied)) == (str(error), error.args, vars(error))
    assert (copied.__cause__, copied.__context__) == (None, None)


@pytest.mark.parametrize("make_copy", COPIES.values(), ids=COPIES.keys())
def test_attributes_are_those_that_are_documented(make_copy: Callable[[Any], Any]) -> None:
    """What callers read of an error is there in its copy."""
    failed = make_copy(MissionFailedError("no", snapshot=SNAPSHOT))
    invalid = make_copy(MissionValidationError("no", event_name="go", issues=["$.a: no"]))

    assert (failed.snapshot, failed.failure, failed.code) == (SNAPSHOT, SNAPSHOT.error, "MISSION_FAILED")
    assert make_copy(MissionCancelledError("no", snapshot=SNAPSHOT)).failure == SNAPSHOT.error
    assert (invalid.event_name, invalid.issues) == ("go", ("$.a: no",))
    assert make_copy(StaleMissionError("no", mission_id="m-1")).mission_id == "m-1"
    assert (make_copy(RetryAfterError(2.5)).delay, str(make_copy(RetryAfterError(2.5, "busy")))) == (2.5, "busy")


class DeclinedError(NonRetryableError):
    """An application's own error."""

    def __init__(self, *, card: str) -> None:
        super().__init__(f"{card} was declined")
        self.card = card


class GoneError(NonRetryableError, OSError):
    """An application's own error, which is one of the system's too."""


def test_error_of_an_application_can_be_pickled_too() -> None:
    """Deriving from ours is enough, whatever `__init__` takes, and whatever else the class derives from."""
    declined = pickle.loads(pickle.dumps(DeclinedError(card="visa")))
    gone = pickle.loads(pickle.dumps(GoneError(2, "no such file", "a.txt")))

    assert (str(declined), declined.card) == ("visa was declined", "visa")
    assert (gone.errno, gone.strerror, gone.filename) == (2, "no such file", "a.txt")


@pytest.mark.parametrize("kind", list(tree(MissionControlError)))
def test_text_of_an_error_can_be_encoded(kind: type[Exception]) -> None:
    """A lone surrogate in what an error quotes is an escape in its text."""
    assert str(made(kind)).encode() == rb"what was expected, \udce9 found"


def test_issues_can_be_encoded() -> None:
    """They are sent to clients one by one."""
    error = MissionValidationError("no", event_name="go", issues=["$.a: not \udce9, \u00e9 and \U0001f600"])

    assert error.issues == ("$.a: not \\udce9, \u00e9 and \U0001f600",)

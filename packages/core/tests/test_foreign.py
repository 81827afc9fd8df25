"""Looking at what is not ours: it may raise anything, and only what ends the program goes through."""

from __future__ import annotations

from typing import Any

import pytest

from mission_control.core.foreign import carried, described, full_name, text_of, tried, words


def raising(error: BaseException) -> Any:
    def code(*_: object) -> Any:
        raise error

    return code


def test_what_is_tried_has_an_answer() -> None:
    """The value, or what is made of whatever was raised; the end of the program passes."""
    assert tried(lambda: 1, raising(ValueError())) == 1
    assert tried(raising(GeneratorExit()), lambda error: type(error)) is GeneratorExit
    for end in (KeyboardInterrupt(), SystemExit()):
        with pytest.raises(type(end)):
            tried(raising(end), lambda _: None)


def test_class_that_lies_about_its_name_has_one() -> None:
    """A metaclass answers for its classes as it likes, or not at all."""
    meta = type("Meta", (type,), {"__getattribute__": raising(ValueError())})

    assert full_name(ValueError) == "ValueError"
    assert full_name(pytest.MonkeyPatch).endswith(".MonkeyPatch")
    assert full_name(meta("Lying", (), {})).startswith("<class ")


def test_text_of_what_has_none_is_its_class() -> None:
    """A log line loses a value's text, not itself."""
    assert text_of(1) == "1"
    assert text_of(type("Mute", (), {"__str__": raising(ValueError()), "__module__": "m"})()) == "<m.Mute>"


def test_words_of_an_error() -> None:
    """Its own, or its class where it has none or cannot say them."""
    mute = type("MuteError", (Exception,), {"__str__": raising(LookupError())})()
    assert (words(ValueError("no")), words(ValueError())) == ("no", "ValueError")
    assert words(mute) == "MuteError (its __str__ raised LookupError)"
    assert described(ValueError("no")) == "ValueError: no"


def test_future_carries_what_a_coroutine_would_take_for_something_else() -> None:
    """StopIteration and GeneratorExit say something to whoever runs a coroutine: in a future they are other errors."""
    error = ValueError("no")
    assert carried(error) is error
    assert str(carried(StopIteration(1))) == "StopIteration: 1"
    assert type(carried(GeneratorExit())) is RuntimeError

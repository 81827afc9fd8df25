"""What functions declare to return, found in every kind of callable."""

from __future__ import annotations

import functools
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, NewType, NoReturn, TypeVar

import pytest
from attrs import define
from typing_extensions import TypeAliasType

from mission_control.core.errors import MissionDefinitionError
from mission_control.core.payloads.annotations import (
    declared_return,
    is_coroutine_function,
    refuse_generator,
    return_type,
)

if TYPE_CHECKING:
    import socket
    from decimal import Decimal
    from uuid import UUID as Nowhere  # noqa: N811 - a name that is not there at run time

T = TypeVar("T")


@define
class Opened:
    email: str


def declared(fn: Callable[..., object]) -> str:
    return return_type(fn, caller=sys._getframe(1), subject="step 'open'").description  # pyright: ignore[reportPrivateUsage]


def plain_function(ctx: Nowhere) -> Opened:
    return Opened("a")


async def coroutine_function(ctx: Nowhere) -> list[Opened]:
    return []


def returns_awaitable(ctx: object) -> Awaitable[int]:
    return returns_coroutine(ctx)


async def _five() -> int:
    return 5


def returns_coroutine(ctx: object) -> Coroutine[Any, Any, int]:
    return _five()


def returns_nothing(ctx: object) -> None:
    return None


def undeclared(ctx: object):  # type: ignore[no-untyped-def]  # the case under test
    return ctx


def never(ctx: object) -> NoReturn:
    raise ValueError


def decorated(fn: Callable[..., T]) -> Callable[..., T]:
    @functools.wraps(fn)
    def call(*args: object) -> T:
        return fn(*args)

    return call


class Steps:
    def method(self, ctx: Nowhere) -> Opened:
        return Opened("a")

    @classmethod
    def of_class(cls, ctx: Nowhere) -> Opened:
        return Opened("a")

    @staticmethod
    def static(ctx: Nowhere) -> Opened:
        return Opened("a")


class SyncCall:
    def __call__(self, ctx: Nowhere) -> Opened:
        return Opened("a")


class AsyncCall:
    async def __call__(self, ctx: Nowhere) -> Opened:
        return Opened("a")


DECLARED: list[tuple[Callable[..., object], str]] = [
    (plain_function, "Opened"),
    (coroutine_function, "list[Opened]"),
    (returns_awaitable, "int"),
    (returns_coroutine, "int"),
    (returns_nothing, "None"),
    (decorated(plain_function), "Opened"),
    (functools.partial(plain_function), "Opened"),
    (functools.lru_cache(plain_function), "Opened"),
    (Steps().method, "Opened"),
    (Steps.of_class, "Opened"),
    (Steps.static, "Opened"),
    (SyncCall(), "Opened"),
    (AsyncCall(), "Opened"),
    (functools.partial(AsyncCall()), "Opened"),
    (Opened, "Opened"),
    (undeclared, "any"),
    (never, "any"),
    (lambda ctx: ctx, "any"),  # pyright: ignore[reportUnknownLambdaType]
    (print, "any"),
    (dict, "any"),
]


@pytest.mark.parametrize(("fn", "name"), DECLARED)
def test_the_return_annotation_is_found(fn: Callable[..., object], name: str) -> None:
    """Bad annotations of parameters do not matter."""
    assert declared(fn) == name


def test_a_local_class_is_found_through_the_caller() -> None:
    """Tests and scripts define their classes where they use them."""

    @define
    class Local:
        x: int

    def step(ctx: object) -> Local:
        raise NotImplementedError

    assert declared(step) == "Local"


def test_a_local_class_is_found_through_the_closure() -> None:
    """A factory's functions bring their classes along."""

    def factory() -> Callable[..., object]:
        @define
        class Local:
            x: int

        def step(ctx: object) -> Local:
            return Local(1)

        return step

    assert declared(factory()) == "Local"


def test_a_name_of_the_closure_may_be_without_a_value() -> None:
    """What the function mentions may be assigned later."""

    def opened(ctx: object) -> Opened:
        return later

    assert declared(opened) == "Opened"
    later = Opened("a")


def test_a_name_of_the_caller_does_not_hide_the_function_s_own() -> None:
    """A function of a module is read with that module's names."""
    Opened = int  # noqa: N806 - hides the class on purpose

    assert declared(plain_function) == "Opened"
    assert Opened is int


def test_names_may_come_from_a_mapping() -> None:
    """A builder may hand over names instead of its frame."""

    def step(ctx: object) -> Decimal:
        raise NotImplementedError

    found = return_type(step, caller={"Decimal": Opened}, subject="step")
    assert found.description == "Opened"


def test_an_annotation_that_does_not_resolve_names_function_and_remedy() -> None:
    """The author learns that TYPE_CHECKING hides the name at run time."""

    def step(ctx: object) -> Decimal:
        raise NotImplementedError

    with pytest.raises(MissionDefinitionError) as caught:
        declared(step)
    message = str(caught.value)
    assert message.startswith("step 'open': the return annotation of 'test_an_annotation")
    assert "name 'Decimal' is not defined" in message
    assert "not only under TYPE_CHECKING, or declare nothing, or state the type of a step with output=Type" in message


def test_a_type_that_cannot_be_read_back_names_function_and_remedy() -> None:
    """A socket cannot be stored, and the error says which function returns one."""

    def step(ctx: object) -> socket.socket:
        raise NotImplementedError

    import socket

    with pytest.raises(MissionDefinitionError, match=r"step' returns socket, which cannot be stored \(socket.socket"):
        return_type(step, caller={"socket": socket}, subject="step")


def test_a_type_variable_is_refused() -> None:
    """It says nothing about what comes back."""

    def step(ctx: T) -> T:
        return ctx

    with pytest.raises(MissionDefinitionError, match="T is a type variable"):
        declared(step)


def test_a_decorator_around_nothing_callable_declares_nothing() -> None:
    """What has no annotations at all gives plain JSON."""

    def decorated(ctx: Any) -> Opened:
        return Opened("a")

    decorated.__wrapped__ = 5  # type: ignore[attr-defined]
    assert declared(decorated) == "any"


def test_generators_are_refused() -> None:
    """A step returns one value."""

    def numbers(ctx: object) -> Iterator[int]:
        yield 1

    async def stream(ctx: object) -> AsyncIterator[int]:
        yield 1

    for fn in (numbers, stream, functools.partial(numbers)):
        with pytest.raises(MissionDefinitionError, match="is a generator; return one value"):
            declared(fn)
        with pytest.raises(MissionDefinitionError, match=r"^step: .* is a generator; return one value"):
            refuse_generator(fn, subject="step")
    refuse_generator(plain_function, subject="step")


named: Any = TypeAliasType
variable: Any = T


def of_type(kind: Any) -> Callable[..., object]:
    def step(ctx: object) -> Any:
        raise NotImplementedError

    step.__annotations__["return"] = kind
    return step


@pytest.mark.parametrize(
    ("kind", "read"),
    [
        (list[int], list[int]),
        (Awaitable[bool], bool),
        (Annotated[Literal["a"], "note"], Literal["a"]),
        (named("Alias", Annotated[bool, "note"]), bool),
        (named("Box", list[variable], type_params=(variable,))[int], list[int]),
        (NewType("Name", str), str),
        (None, type(None)),
        (Any, Any),
        (NoReturn, Any),
    ],
    ids=str,
)
def test_declared_type_is_read_below_its_aliases(kind: Any, read: Any) -> None:
    """What is awaited, aliases, Annotated and NewType are looked through; nothing declared is anything."""
    assert declared_return(of_type(kind), caller=None, subject="step") == read
    assert declared_return(lambda: 5, caller=None, subject="step") is Any


def test_alias_of_itself_is_refused() -> None:
    """There is no type below it, and looking for one ends."""
    names: dict[str, Any] = {"Loop": named("Loop", int)}
    if sys.version_info >= (3, 12):
        exec("type Loop = Loop", names)  # syntax that 3.11 does not have
    else:
        object.__setattr__(names["Loop"], "__value__", names["Loop"])

    with pytest.raises(MissionDefinitionError, match=r"^step: .*Loop is an alias of itself"):
        declared_return(of_type(names["Loop"]), caller=None, subject="step")


@pytest.mark.parametrize(
    ("fn", "on_the_loop"),
    [
        (coroutine_function, True),
        (functools.partial(coroutine_function), True),
        (AsyncCall(), True),
        (functools.partial(AsyncCall()), True),
        (plain_function, False),
        (returns_coroutine, False),
        (SyncCall(), False),
        (AsyncCall, False),
        (decorated(coroutine_function), False),
        (print, False),
    ],
)
def test_only_coroutine_functions_run_on_the_loop(fn: Callable[..., object], on_the_loop: bool) -> None:
    """Everything else may block, and gets a thread."""
    assert is_coroutine_function(fn) is on_the_loop


class _Wrapper:
    """A callable that answers every look at what it wraps with `answer`, or raises it."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def __call__(self, ctx: object) -> int:
        return 5

    @property
    def __wrapped__(self) -> object:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer or self

    @property  # type: ignore[misc]  # an object may answer this as it likes
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] - an object answers as it likes
        if isinstance(self.answer, BaseException):
            raise self.answer
        return _Wrapper


@pytest.mark.parametrize(
    ("answer", "words"), [(None, "it wraps itself"), (GeneratorExit("shut"), "shut"), (ValueError(), "ValueError")]
)
def test_a_callable_that_cannot_be_looked_at_is_refused(answer: object, words: str) -> None:
    """Whatever it raises, and also where there is no end to what it wraps."""
    with pytest.raises(MissionDefinitionError, match=rf"step 'open': what _Wrapper returns cannot be read \({words}\)"):
        declared(_Wrapper(answer))


def test_a_callable_that_cannot_be_looked_at_runs_on_a_thread() -> None:
    """It does not say that it gives a coroutine."""
    assert not is_coroutine_function(_Wrapper(GeneratorExit()))


@pytest.mark.parametrize("look", [declared, is_coroutine_function])
def test_what_ends_the_program_does_so_from_a_callable_too(look: Callable[[Any], object]) -> None:
    """`KeyboardInterrupt` is nobody's definition error."""
    with pytest.raises(KeyboardInterrupt):
        look(_Wrapper(KeyboardInterrupt()))


class _Namespace:
    def __init__(self, raised: BaseException) -> None:
        self.raised = raised

    def __getattr__(self, name: str) -> Any:
        raise self.raised


def test_an_annotation_may_raise_anything() -> None:
    """What is evaluated to find the type is the user's code."""

    def opened(ctx: object) -> Any: ...

    opened.__annotations__["return"] = "somewhere.Type"
    with pytest.raises(MissionDefinitionError, match=r"does not resolve \(GeneratorExit\)"):
        return_type(opened, caller={"somewhere": _Namespace(GeneratorExit())}, subject="step 'open'")
    with pytest.raises(KeyboardInterrupt):
        return_type(opened, caller={"somewhere": _Namespace(KeyboardInterrupt())}, subject="step 'open'")

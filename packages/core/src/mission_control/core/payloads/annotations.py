"""What a function declares to return, and whether it runs on the loop."""

from __future__ import annotations

import builtins
import functools
import inspect
import types
from asyncio import Future
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Never, NoReturn, TypeVar, cast, get_args, get_origin, get_type_hints

from typing_extensions import Format, get_annotations

from ..errors import MissionDefinitionError
from ..foreign import ENDS_THE_PROGRAM
from .forms import unaliased
from .issues import found, one_line
from .json_values import kind_of
from .schema import PLAIN, PayloadType, payload_type
from .type_names import type_name

T = TypeVar("T")

_NOTHING_DECLARED = (inspect.Parameter.empty, NoReturn, Never)
_MOST_LAYERS = 1_000
_REMEDY = "or declare nothing, or state the type of a step with output=Type"


def return_type(
    fn: Callable[..., object], *, caller: types.FrameType | Mapping[str, Any] | None, subject: str
) -> PayloadType:
    """The type that a function's return annotation declares; `PLAIN` where it declares none.

    Names are looked up in the function's globals, its closure and the locals of `caller`.
    No other annotation is looked at. Raises `MissionDefinitionError`, beginning with `subject`, for an annotation
    that does not resolve, for a type that cannot be read back, and for generators.
    """
    return _looked_at(fn, subject, lambda: _return_type(fn, caller, subject))


def declared_return(
    fn: Callable[..., object], *, caller: types.FrameType | Mapping[str, Any] | None, subject: str
) -> Any:
    """The type itself, below aliases and `Annotated`; `Any` where the function declares none.

    Raises `MissionDefinitionError`, beginning with `subject`, as `return_type` does.
    """

    def read() -> Any:
        declared = _target(fn, caller, subject)[1]
        return Any if _is_nothing(declared) else unaliased(declared)

    return _looked_at(fn, subject, read)


def refuse_generator(fn: Callable[..., object], *, subject: str) -> None:
    """Raise `MissionDefinitionError`, beginning with `subject`, for what gives values one by one."""
    _looked_at(fn, subject, lambda: _refuse_generator(_annotated(fn), subject))


def _looked_at(fn: object, subject: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except (MissionDefinitionError, *ENDS_THE_PROGRAM):
        raise
    except BaseException as error:  # a user's object may do anything when it is looked at
        raise MissionDefinitionError(
            f"{subject}: what {found(fn)} returns cannot be read ({one_line(error)}); pass a plain function, {_REMEDY}"
        ) from error


def _is_nothing(declared: Any) -> bool:
    return any(declared is nothing for nothing in _NOTHING_DECLARED)


def _return_type(fn: Any, caller: types.FrameType | Mapping[str, Any] | None, subject: str) -> PayloadType:
    target, declared = _target(fn, caller, subject)
    if _is_nothing(declared):
        return PLAIN
    try:
        return payload_type(declared, subject=subject)
    except MissionDefinitionError as error:
        raise MissionDefinitionError(
            f"{subject}: {_name(target)} returns {type_name(declared)}, which cannot be stored "
            f"({_reason(error, subject)}); return something that can, {_REMEDY}"
        ) from error


def is_coroutine_function(fn: Callable[..., object]) -> bool:
    """Whether calling `fn` gives a coroutine, so that it runs on the loop: partials and callable objects included.

    A decorator counts as what it is itself, not as what it wraps.
    """
    target: Any = fn
    try:
        while isinstance(target, functools.partial):
            target = cast("functools.partial[object]", target).func
        if inspect.iscoroutinefunction(target):
            return True
        return not isinstance(target, type) and inspect.iscoroutinefunction(_call_of(target))
    except ENDS_THE_PROGRAM:
        raise
    except BaseException:  # a user's object may do anything when it is looked at
        return False


# --- finding the annotation ---------------------------------------------------------------


def _target(fn: Any, caller: types.FrameType | Mapping[str, Any] | None, subject: str) -> tuple[Any, Any]:
    """What has the return annotation, and the type that it declares."""
    target = _annotated(fn)
    _refuse_generator(target, subject)
    if not isinstance(target, type):
        return target, _declared(target, caller, subject)
    return target, inspect.Parameter.empty if target.__module__ == "builtins" else target


def _annotated(fn: Any) -> Any:
    """The function, or the class, below partials, decorators, methods and callable objects."""
    for _ in range(_MOST_LAYERS):
        if isinstance(fn, functools.partial):
            fn = cast("functools.partial[object]", fn).func
        elif isinstance(fn, (types.MethodType, staticmethod, classmethod)):
            fn = cast("Any", fn).__func__
        elif isinstance(fn, type):
            return fn
        elif hasattr(fn, "__wrapped__"):
            fn = fn.__wrapped__
        elif isinstance(fn, (types.FunctionType, types.BuiltinFunctionType)) or not _has_call(fn):
            return fn
        else:
            fn = _call_of(fn)
    raise RecursionError("it wraps itself")


def _has_call(fn: Any) -> bool:
    return isinstance(_call_of(fn), (types.FunctionType, functools.partial))


def _call_of(fn: object) -> Any:
    """What calling an object calls: the method of its class."""
    return inspect.getattr_static(kind_of(fn), "__call__", None)


def _refuse_generator(fn: Any, subject: str) -> None:
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        raise MissionDefinitionError(f"{subject}: {_name(fn)} is a generator; return one value, a list for example")


# --- resolving it -------------------------------------------------------------------------


def _declared(fn: Any, caller: types.FrameType | Mapping[str, Any] | None, subject: str) -> Any:
    declared = _resolved(fn, caller, subject)
    return declared if inspect.iscoroutinefunction(fn) else _awaited(declared)


def _resolved(fn: Any, caller: types.FrameType | Mapping[str, Any] | None, subject: str) -> Any:
    declared = _return_annotation(fn)
    if declared is inspect.Parameter.empty:
        return declared
    holder = types.SimpleNamespace(__annotations__={"return": declared})
    try:
        return get_type_hints(holder, _globals(fn), _locals(fn, caller), include_extras=True)["return"]
    except ENDS_THE_PROGRAM:
        raise
    except BaseException as error:  # evaluating an annotation may raise anything
        raise MissionDefinitionError(
            f"{subject}: the return annotation of {_name(fn)} does not resolve ({one_line(error)}); "
            f"import or define what it names at run time, not only under TYPE_CHECKING, {_REMEDY}"
        ) from error


def _return_annotation(fn: Any) -> Any:
    try:
        annotations = get_annotations(fn, format=Format.FORWARDREF)
    except TypeError:  # not something that has annotations
        return inspect.Parameter.empty
    return annotations.get("return", inspect.Parameter.empty)


def _globals(fn: Any) -> dict[str, Any]:
    return getattr(fn, "__globals__", {})


def _locals(fn: Any, caller: types.FrameType | Mapping[str, Any] | None) -> dict[str, Any]:
    """The names beside the globals; the caller's hide globals only from a function that was defined in a function."""
    seen = caller.f_locals if isinstance(caller, types.FrameType) else caller or {}
    if "<locals>" not in getattr(fn, "__qualname__", ""):
        known = _globals(fn).keys() | vars(builtins).keys()
        seen = {name: value for name, value in seen.items() if name not in known}
    return {**seen, **_closure(fn)}


def _closure(fn: Any) -> dict[str, Any]:
    code, cells = getattr(fn, "__code__", None), getattr(fn, "__closure__", None)
    if code is None or not cells:
        return {}
    names: dict[str, Any] = {}
    for name, cell in zip(code.co_freevars, cells, strict=True):
        try:
            names[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    return names


def _awaited(declared: Any) -> Any:
    """What comes out of awaiting, for a plain function that returns an awaitable."""
    origin: Any = get_origin(declared) or declared
    if isinstance(origin, type) and issubclass(origin, (Awaitable, Coroutine, Future)):
        arguments = get_args(declared)
        return arguments[-1] if arguments else inspect.Parameter.empty
    return declared


def _name(fn: Any) -> str:
    return repr(getattr(fn, "__qualname__", None) or type(fn).__qualname__)


def _reason(error: MissionDefinitionError, subject: str) -> str:
    return str(error).removeprefix(f"{subject}: ")

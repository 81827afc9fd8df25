"""Missions for people: the command `mission-control`, and the page that it serves, over one database file."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .page import create_app

__all__ = ["__version__", "create_app"]

__version__: str

if not TYPE_CHECKING:  # a checker that saw it would accept every name of this module

    def __getattr__(name: str) -> object:
        if name == "__version__":
            from importlib.metadata import version

            return version("mission-control-console")
        if name == "create_app":  # on first use: the command needs none of the page
            try:
                from .page import create_app
            except ModuleNotFoundError as error:
                what = f"the page needs {error.name}: pip install 'mission-control-console[page]'"
                raise ModuleNotFoundError(what, name=error.name) from error
            return create_app
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

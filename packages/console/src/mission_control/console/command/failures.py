"""What commands end with instead of a traceback: a message, and a status that a script can ask for."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import click


class Refused(click.ClickException):
    """It was refused, or something was found: status 1."""

    exit_code = 1


class NotThere(click.ClickException):
    """What was named is not there: status 3."""

    exit_code = 3


@contextmanager
def explained() -> Generator[None]:
    """Turn what users can cause into messages for them. Everything else is a fault of this program, and is raised."""
    try:
        yield
    except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
        raise
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        raise Refused(f"{where}{error.strerror or error}") from error
    except Exception as error:
        if (told := _told(error)) is None:
            raise
        raise told from error


def _told(error: Exception) -> click.ClickException | None:
    from mission_control.core.errors import MissionControlError, MissionNotFoundError, ScheduleNotFoundError

    if isinstance(error, MissionNotFoundError | ScheduleNotFoundError):
        return NotThere(str(error))
    # core and the system say by a ValueError that what was given is no name, no id, no path
    return Refused(str(error)) if isinstance(error, MissionControlError | ValueError) else None

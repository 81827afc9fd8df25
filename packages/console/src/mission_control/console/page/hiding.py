"""What of missions is not for everybody who may see the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import attrs

Redact: TypeAlias = Callable[[str, object], object]
"""Returns what to show of a value, given what it is: `input`, `output`, `payload`, `error`, `traceback`, `reason`."""

HIDDEN: Final = "(hidden)"
"""What stands where something is hidden."""


@attrs.frozen
class Hiding:
    """Shows values as they are, as a function returns them, or not at all."""

    redact: Redact | None = None
    hide_payloads: bool = False

    @property
    def is_active(self) -> bool:
        """True where what is shown may differ from what is stored."""
        return self.hide_payloads or self.redact is not None

    def shown(self, kind: str, value: object) -> object:
        """Return what to show of a value."""
        if value is None:
            return None
        if self.hide_payloads:
            return HIDDEN
        return value if self.redact is None else self.redact(kind, value)

    def text(self, kind: str, value: str) -> str:
        """Return what to show of a text."""
        return str(self.shown(kind, value))

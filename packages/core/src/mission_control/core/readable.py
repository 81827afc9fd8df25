"""Text as people and other programs get it: it can be written out, whatever is in it, and has a length."""

from __future__ import annotations


def encodable(text: str) -> str:
    r"""Return `text` with what UTF-8 cannot encode, a lone surrogate, as an escape: `caf\udce9.txt`."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def shorten(text: str, length: int) -> str:
    """Cut a text to at most `length` characters, the cut marked."""
    return text if len(text) <= length else text[: max(0, length - 3)] + "..."[:length]

"""What a mission is labelled with, to be found by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class Labels(Mapping[str, str]):
    """An immutable mapping of text to text, which has a hash."""

    __slots__ = ("_texts",)

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = dict(texts)

    def __getitem__(self, name: str) -> str:
        return self._texts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __hash__(self) -> int:
        return hash(frozenset(self._texts.items()))

    def __repr__(self) -> str:
        return repr(self._texts)

    def __reduce__(self) -> tuple[Any, ...]:
        return Labels, (self._texts,)


NO_LABELS = Labels({})
"""What most missions have."""


def labels_of(texts: Mapping[str, str]) -> Labels:
    """Return labels that nobody else can change."""
    if type(texts) is Labels:
        return texts
    return Labels(texts) if texts else NO_LABELS

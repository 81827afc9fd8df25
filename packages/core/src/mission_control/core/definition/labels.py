"""What may be the labels of a mission."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import cast

from ..errors import MissionDefinitionError
from ..history import NO_LABELS, Labels, labels_of
from ..payloads import found
from .names import checked_name

MOST_LABELS = 16


def checked_labels(labels: Mapping[str, str] | None, *, subject: str = "labels") -> Labels:
    """Return labels, none for None: up to 16, each a text of 1 to 255 characters for another.

    Raises `MissionDefinitionError`, naming `subject`, otherwise.
    """
    if labels is None:
        return NO_LABELS
    if not issubclass(type(cast("object", labels)), Mapping):
        raise MissionDefinitionError(f"{subject}: expected a mapping of text to text, found {found(labels)}")
    texts: dict[str, str] = {}
    for name, value in _items(cast("Mapping[object, object]", labels), subject):
        checked = checked_name(name, subject=f"{subject}, a label's name")
        texts[checked] = checked_name(value, subject=f"{subject}, {checked!r}")
    return labels_of(texts)


def _items(labels: Mapping[object, object], subject: str) -> list[tuple[object, object]]:
    try:
        items = list(islice(((name, labels[name]) for name in labels), MOST_LABELS + 1))
    except Exception as error:  # it may do anything when it is asked
        raise MissionDefinitionError(f"{subject}: they cannot be read, of a {found(labels)}") from error
    if len(items) > MOST_LABELS:
        raise MissionDefinitionError(f"{subject}: expected up to {MOST_LABELS}, found more")
    return items

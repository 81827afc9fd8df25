"""A definition's static form as a picture, with where a mission stands in it, or how many missions stand where."""

from .boxes import node_id
from .flow import END
from .marks import Mark, Marks, PlaceState
from .mermaid import mermaid
from .places import places
from .standing import standing
from .svg import stylesheet, svg
from .text import text

__all__ = [
    "END",
    "Mark",
    "Marks",
    "PlaceState",
    "mermaid",
    "node_id",
    "places",
    "standing",
    "stylesheet",
    "svg",
    "text",
]

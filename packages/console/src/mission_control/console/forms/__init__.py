"""Payloads that people fill in: the fields of a JSON Schema, what was entered as a value, and what is wrong with it."""

from .assignments import read_assignments
from .checking import check
from .fields import Field, FieldKind, fields_of
from .issue import Issue, issues_of
from .reading import Texts, tidy, value_of
from .variants import Variant
from .writing import texts_of

__all__ = [
    "Field",
    "FieldKind",
    "Issue",
    "Texts",
    "Variant",
    "check",
    "fields_of",
    "issues_of",
    "read_assignments",
    "texts_of",
    "tidy",
    "value_of",
]

"""The JSON forms of types: one form for each type, made once and shared."""

from __future__ import annotations

from .compiler import form_of
from .form import Care, Form, UnsupportedTypeError
from .scalars import ANY
from .shapes import is_record

__all__ = ["ANY", "Care", "Form", "UnsupportedTypeError", "form_of", "is_record"]

"""The JSON forms of types: one form for each type, made once and shared.

Why not cattrs' converters for all of it? They write and read attrs classes and dataclasses here, as fast as code can.
The rest was tried with them and is ours. Their collections take any iterable for a list and build an exception with
notes for each item that does not fit: a list of a million wrong items, which a web form may send, takes 20 seconds
and 1.3 GB, where ours takes 4 ms and stops after a hundred. Their unions are unions of classes, looked into when the
first value comes; a definition must know before whether the JSON of a value will tell its member. Their literals and
enums take True for 1. Their TypedDicts keep unknown fields. And whatever reads the values, a walk over the type
remains that says which types can be read back, which values have to be compared, and what the JSON Schema is: the
forms are that walk, and reading and writing are the lesser part of it.
"""

from __future__ import annotations

from .compiler import form_of, unaliased
from .form import Care, Form, UnsupportedTypeError
from .scalars import ANY
from .shapes import is_record

__all__ = ["ANY", "Care", "Form", "UnsupportedTypeError", "form_of", "is_record", "unaliased"]

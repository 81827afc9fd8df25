"""What a form sends, read within bounds."""

from __future__ import annotations

from urllib.parse import parse_qsl

import attrs
from starlette.exceptions import HTTPException
from starlette.requests import Request

MOST_BYTES = 2 * 1024 * 1024
"""How long a form may be."""
_MOST_FIELDS = 5_000


@attrs.frozen
class Form:
    """The fields of a form in their order; a name may come several times."""

    fields: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str:
        """Return the first field of a name, without spaces around it; the empty text where there is none."""
        return next((value.strip() for key, value in self.fields if key == name), "")

    def all(self, name: str) -> list[str]:
        """Return all fields of a name, as they were sent."""
        return [value for key, value in self.fields if key == name]


async def read_form(request: Request) -> Form:
    """Return what a form has sent. Raises `HTTPException` for what is none (415, 400), or too large (413)."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(415, "Expected the fields of a form (application/x-www-form-urlencoded).")
    body = await _body(request)
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:  # UnicodeDecodeError among them
        raise HTTPException(400, "The form could not be read: it has too many fields, or is not encoded.") from None
    return Form(tuple(fields))


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise HTTPException(413, f"The form is too large: at most {MOST_BYTES:,} bytes are read.")
    return bytes(body)

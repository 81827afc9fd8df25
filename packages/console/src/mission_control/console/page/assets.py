"""The files that pages refer to: few, small, in memory, and kept by browsers for good: their address says which."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

import attrs
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..drawing import stylesheet

_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}

_KEPT = {"Cache-Control": "public, max-age=31536000, immutable"}


@attrs.frozen
class Asset:
    """One file: its content, its type, and what of its address says which content that is."""

    content: bytes
    media_type: str

    @property
    def version(self) -> str:
        """The beginning of the content's hash."""
        return sha256(self.content).hexdigest()[:16]


@cache
def assets() -> dict[str, Asset]:
    """Return the files by name."""
    folder = files(__name__.rpartition(".")[0]).joinpath("static")
    own = {file.name: Asset(file.read_bytes(), _TYPES[file.name.rpartition(".")[2]]) for file in folder.iterdir()}
    return {**own, "drawing.css": Asset(stylesheet().encode(), _TYPES["css"])}


@cache
def asset_path(name: str) -> str:
    """Return the path of a file. Raises `KeyError` for a name that no file has."""
    return f"/static/{assets()[name].version}/{name}"


async def serve_asset(request: Request) -> Response:
    """Answer with a file, or that there is none."""
    asset = assets().get(request.path_params["name"])
    if asset is None or request.path_params["version"] != asset.version:
        raise HTTPException(404)
    return Response(asset.content, media_type=asset.media_type, headers=_KEPT)

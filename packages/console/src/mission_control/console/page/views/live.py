"""What an open page listens to."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ..console import Console


async def listen(console: Console, request: Request) -> Response:
    """Answer with a stream of events: that something has changed."""
    if not console.changes.has_room:
        raise HTTPException(503, "Too many pages listen at once; this one shows what there is when it is loaded.")
    headers = {"X-Accel-Buffering": "no"}
    if request.method == "HEAD":  # which nobody reads on
        return Response(media_type="text/event-stream", headers=headers)
    return StreamingResponse(console.changes.stream(), media_type="text/event-stream", headers=headers)

"""A web application with missions in it, and a deploy in the middle of one.

    hatch run example:web_application
    hatch run example:web_application -- --serve --port 8000 --database purchases.db

Without `--serve` the program plays a story with two servers, one after the other, over the same file: a SIGTERM stops
the first while a step runs and a mission waits for its approval, and the second one goes on with both.
"""

import argparse
import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from json import JSONDecodeError
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import uvicorn
from attrs import define
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter, open_mission_reader
from mission_control.core import (
    MissionAlreadyExistsError,
    MissionContext,
    MissionDefinitionError,
    MissionHandle,
    MissionSignalError,
    MissionValidationError,
    PersistenceError,
    Signal,
    m,
)
from mission_control.runtime import create_commander_runtime


@define
class Purchase:
    item: str
    cents: int


@define
class Approval:
    approved_by: str


receive_approval = Signal("receive-approval", Approval)


async def request_approval(ctx: MissionContext[Purchase]) -> str:
    return f"May we buy a {ctx.input.item}?"


async def place_order(ctx: MissionContext[Purchase]) -> str:
    await asyncio.sleep(60 if ctx.input.item == "printer" and ctx.attempt == 1 else 0)  # this supplier hangs, once
    return f"{ctx.input.item} ordered, approved by {ctx.received(receive_approval).approved_by}"


purchase = (
    m.define("purchase")
    .start(input=Purchase, run=request_approval)
    .need_to(receive_approval)
    .step("place-order", place_order)
    .end()
)


def create_application(database: Path) -> Starlette:
    """Return an application that owns `database` while it is up; in a deploy it waits until its predecessor is gone."""
    persistence = create_sqlite_persistence_adapter(database, lock_timeout=30)
    runtime = create_commander_runtime(definitions=[purchase], persistence=persistence)
    commander = runtime.commander

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with runtime:
            yield
        print("the runtime has stopped", flush=True)

    async def find(request: Request) -> MissionHandle[Any]:
        mission = await commander.get_mission(request.path_params["mission_id"])
        if mission is None:
            raise HTTPException(404)
        return mission

    async def start(request: Request) -> Response:
        mission_id = request.path_params["mission_id"]
        await commander.start(purchase, await request.json(), mission_id=mission_id, if_exists="return", wait=False)
        return PlainTextResponse("accepted", 202)

    async def approve(request: Request) -> Response:
        mission = await find(request)
        await mission.signal("receive-approval", await request.json(), wait=False)
        return PlainTextResponse("accepted", 202)

    async def show(request: Request) -> Response:
        mission = await find(request)
        snapshot = (await mission.snapshot()).to_dict()
        return JSONResponse({"status": snapshot["status"], "at": snapshot["cursor"], "output": snapshot["output"]})

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/purchases/{mission_id}", start, methods=["PUT"]),
            Route("/purchases/{mission_id}/approval", approve, methods=["POST"]),
            Route("/purchases/{mission_id}", show),
        ],
        exception_handlers={
            JSONDecodeError: answer(400),
            MissionDefinitionError: answer(422),  # no fit id for a mission
            MissionValidationError: answer(422),
            MissionAlreadyExistsError: answer(409),
            MissionSignalError: answer(409),
            PersistenceError: answer(503),
        },
    )


def answer(status: int) -> Callable[[Request, Exception], Response]:
    """Return a handler of errors: their messages are written for people, and name the fields."""
    return lambda _, error: PlainTextResponse(str(error), status)


def serve(database: Path, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        server = uvicorn.Server(uvicorn.Config(create_application(database), log_level="warning"))
        server.run(sockets=[listener])


# The story, told from outside: requests, a SIGTERM, and requests again.


@contextmanager
def served(database: Path) -> Generator[httpx.Client]:
    command = [sys.executable, __file__, "--serve", "--database", str(database)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        print(f"Server {server.pid} is at {url}")
        try:
            with httpx.Client(base_url=url, trust_env=False, event_hooks={"response": [tell]}) as client:
                yield client
        finally:
            server.terminate()
            print(f"Server {server.pid} gets a SIGTERM: {server.stdout.read().strip()}\n")


def tell(response: httpx.Response) -> None:
    request = response.request
    asked = f"{request.method:4} {request.url.path} {request.read().decode()}"
    print(f"  {asked:64} -> {response.status_code} {response.read().decode()}")


def play(database: Path) -> None:
    with served(database) as client:
        client.put("/purchases/printer-1", json={"item": "printer", "cents": 19900})
        client.put("/purchases/desk-1", json={"item": "desk", "cents": 49900})
        client.post("/purchases/printer-1/approval", json={"approved_by": "reviewer-1"})
        client.get("/purchases/printer-1")

    with served(database) as client:
        client.get("/purchases/desk-1")
        client.post("/purchases/desk-1/approval", json={"aproved_by": "reviewer-1"})
        client.post("/purchases/desk-1/approval", json={"approved_by": "reviewer-1"})
        for mission in ("desk-1", "printer-1"):
            while client.get(f"/purchases/{mission}").json()["status"] == "running":
                time.sleep(0.1)
        asyncio.run(show_timeline(database, "printer-1"))


async def show_timeline(database: Path, mission_id: str) -> None:
    async with open_mission_reader(database) as reader:  # beside the server that owns the file
        print(f"\n{await reader.inspect_mission(mission_id)}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A web application with missions in it.")
    parser.add_argument("--serve", action="store_true", help="serve until stopped, and play no story")
    parser.add_argument("--port", type=int, default=0, help="where to serve, on 127.0.0.1 (default: any free port)")
    parser.add_argument("--database", type=Path, help="a file to keep (default with --serve: purchases.db)")
    options = parser.parse_args()
    if options.serve:
        serve(options.database or Path("purchases.db"), options.port)
    elif options.database is not None:
        play(options.database)
    else:
        with TemporaryDirectory() as folder:
            play(Path(folder) / "purchases.db")

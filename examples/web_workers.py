"""A web application with two worker processes, and missions that a third process runs.

    hatch run example:web_workers
    hatch run example:web_workers -- --own --database purchases.db              (runs the missions)
    hatch run example:web_workers -- --serve --port 8000 --database purchases.db   (two workers, in another shell)

Without an option the program plays a story: requests go to both workers, the owner of the missions is killed while a
step runs, requests go on being accepted, and the owner that is started next does all that was asked for.
"""

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from json import JSONDecodeError
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import uvicorn
from attrs import define
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.supervisors import Multiprocess

from mission_control.adapter_sqlite import create_sqlite_persistence_adapter, sqlite_mailbox
from mission_control.client import create_commander_client
from mission_control.core import (
    MissionAlreadyExistsError,
    MissionContext,
    MissionDefinitionError,
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


async def own(database: Path) -> None:
    """Run the missions of a database, for whoever asks through its mailbox, until a SIGTERM."""
    persistence = create_sqlite_persistence_adapter(database, lock_timeout=30)
    runtime = create_commander_runtime(definitions=[purchase], persistence=persistence)
    async with runtime:
        print("owns the missions", flush=True)
        await runtime.run_until_stopped()


def create_worker() -> Starlette:
    """Return the application of one worker, which owns nothing and works beside an owner and without one."""
    client = create_commander_client(mailbox=sqlite_mailbox(os.environ["DATABASE"]), definitions=[purchase], by="web")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with client:
            yield

    async def start(request: Request) -> Response:
        mission_id = request.path_params["mission_id"]
        await client.start_mission(
            purchase, await request.json(), mission_id=mission_id, if_exists="return", wait=False
        )
        return answer(202, "accepted")

    async def approve(request: Request) -> Response:
        mission = await client.get_mission(request.path_params["mission_id"])
        if mission is None:
            return answer(404, "no such purchase")
        key = request.headers.get("Idempotency-Key")
        await mission.signal("receive-approval", await request.json(), key=key, wait=False)
        return answer(202, "accepted")

    async def show(request: Request) -> Response:
        inspection = await client.inspect_mission(request.path_params["mission_id"])
        if inspection is None:
            return answer(404, "no such purchase")
        state = inspection.snapshot.to_dict()
        return answer(200, {"status": state["status"], "at": state["cursor"], "output": state["output"]})

    async def refused(_: Request) -> Response:
        return answer(200, [one.to_dict() for one in await client.list_refused()])

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/purchases/{mission_id}", start, methods=["PUT"]),
            Route("/purchases/{mission_id}/approval", approve, methods=["POST"]),
            Route("/purchases/{mission_id}", show),
            Route("/refused", refused),
        ],
        exception_handlers={
            JSONDecodeError: explain(400),
            MissionDefinitionError: explain(422),  # no fit id for a mission
            MissionValidationError: explain(422),  # before anything is sent
            MissionAlreadyExistsError: explain(409),
            MissionSignalError: explain(409),
            PersistenceError: explain(503),
        },
    )


def answer(status: int, body: object) -> Response:
    """Return an answer that says which worker gave it."""
    return JSONResponse(body, status, {"Worker": str(os.getpid())})


def explain(status: int) -> Callable[[Request, Exception], Response]:
    return lambda _, error: PlainTextResponse(str(error), status)


def serve(database: Path, port: int) -> None:
    os.environ["DATABASE"] = str(database.absolute())
    sys.path.insert(0, str(Path(__file__).parent))  # the workers import the application by its name
    config = uvicorn.Config(f"{Path(__file__).stem}:create_worker", factory=True, workers=2, log_level="warning")
    with socket.create_server(("127.0.0.1", port)) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        Multiprocess(config, sockets=[listener]).run()


# The story, told from outside: requests to both workers, and an owner that is killed in the middle.


@contextmanager
def program(*options: str) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, __file__, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


@contextmanager
def owned(database: Path) -> Generator[subprocess.Popen[str]]:
    with program("--own", "--database", str(database)) as owner:
        print(f"Process {owner.pid} {first_line(owner)}")
        yield owner


@contextmanager
def served(database: Path) -> Generator[list[httpx.Client]]:
    """Serve, and yield a client for each of the workers: a connection stays with the worker that took it."""
    with program("--serve", "--database", str(database)) as server, ExitStack() as clients:
        url, found = first_line(server), dict[str, httpx.Client]()
        while len(found) < 2:
            client = clients.enter_context(httpx.Client(base_url=url, trust_env=False, timeout=30))
            found.setdefault(client.get("/refused").headers["Worker"], client)
        print(f"Two workers are at {url}")
        yield list(found.values())


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def ask(client: httpx.Client, name: str, method: str, path: str, body: object = None) -> httpx.Response:
    response = client.request(method, path, json=body)
    asked = f"{method:4} {path} {'' if body is None else response.request.read().decode()}"
    print(f"  {name} {asked:62} -> {response.status_code} {response.text}")
    return response


def play(database: Path) -> None:
    approval = {"approved_by": "reviewer-1"}
    with served(database) as (one, other):
        with owned(database) as owner:
            ask(one, "A", "PUT", "/purchases/printer-1", {"item": "printer", "cents": 19900})
            ask(other, "B", "PUT", "/purchases/desk-1", {"item": "desk", "cents": 49900})
            wait_until(one, "printer-1", "waiting")
            wait_until(one, "desk-1", "waiting")
            ask(other, "B", "POST", "/purchases/printer-1/approval", approval)
            wait_until(one, "printer-1", "running")
            owner.kill()
            print(f"Process {owner.pid} is killed while it orders the printer")

        ask(one, "A", "PUT", "/purchases/lamp-1", {"item": "lamp", "cents": 2900})
        ask(one, "A", "POST", "/purchases/desk-1/approval", {"aproved_by": "reviewer-1"})
        ask(other, "B", "POST", "/purchases/desk-1/approval", approval)
        ask(other, "B", "GET", "/purchases/desk-1")

        with owned(database):
            wait_until(one, "lamp-1", "waiting")
            ask(one, "A", "POST", "/purchases/lamp-1/approval", approval)
            for mission in ("printer-1", "desk-1", "lamp-1"):
                wait_until(other, mission, "completed")
                ask(other, "B", "GET", f"/purchases/{mission}")
            ask(one, "A", "POST", "/purchases/lamp-1/approval", approval)
            while not one.get("/refused").json():
                time.sleep(0.02)
            (refused,) = one.get("/refused").json()
            print(f"Nobody waited for its answer, and it is listed: {refused['code']} {refused['message']}")


def wait_until(client: httpx.Client, mission: str, status: str) -> None:
    while (found := client.get(f"/purchases/{mission}")).status_code != 200 or found.json()["status"] != status:
        time.sleep(0.02)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A web application with two workers, and an owner of its missions.")
    parser.add_argument("--own", action="store_true", help="run the missions until stopped, and play no story")
    parser.add_argument("--serve", action="store_true", help="serve with two workers until stopped, and play no story")
    parser.add_argument("--port", type=int, default=0, help="where to serve, on 127.0.0.1 (default: any free port)")
    parser.add_argument("--database", type=Path, help="a file to keep (default with --own, --serve: purchases.db)")
    options = parser.parse_args()
    if options.own:
        asyncio.run(own(options.database or Path("purchases.db")))
    elif options.serve:
        serve(options.database or Path("purchases.db"), options.port)
    elif options.database is not None:
        play(options.database)
    else:
        with TemporaryDirectory() as folder:
            play(Path(folder) / "purchases.db")

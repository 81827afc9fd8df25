"""Two web workers and an owner of the missions: what one is asked, the other knows, and a dead owner loses nothing."""

import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

APPROVAL = {"approved_by": "reviewer-1"}


@contextmanager
def program(example: Path, *options: str) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-I", "-W", "error", str(example), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def owner(example: Path, database: Path) -> Generator[None]:
    """Own the missions in a process that is killed in the end."""
    with program(example, "--own", "--database", str(database)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "owns the missions\n"
        yield


@contextmanager
def workers(example: Path, database: Path) -> Generator[list[httpx.Client]]:
    """Serve with two workers, yield a client for each, and check that they end as they should."""
    with program(example, "--serve", "--database", str(database)) as server, ExitStack() as clients:
        assert server.stdout is not None
        url, found = server.stdout.readline().strip(), dict[str, httpx.Client]()
        while len(found) < 2:
            client = clients.enter_context(httpx.Client(base_url=url, trust_env=False, timeout=30))
            found.setdefault(client.get("/refused").headers["Worker"], client)
        yield list(found.values())
        clients.close()
        server.terminate()
        printed, complaints = server.communicate(timeout=30)
    assert (printed, complaints) == ("", "")


def output_of(client: httpx.Client, mission_id: str) -> str:
    """Wait until the mission has completed, and return its output."""
    return str(until(client, mission_id, "completed")["output"])


def until(client: httpx.Client, mission_id: str, status: str) -> Mapping[str, Any]:
    """Wait until the mission is there, and has that status; return what the application says of it."""
    deadline = time.monotonic() + 30
    while (answer := client.get(f"/purchases/{mission_id}")).status_code == 404 or answer.json()["status"] != status:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.02)
    found: Mapping[str, Any] = answer.json()
    return found


def test_the_story_loses_nothing(run_example: Callable[..., str]) -> None:
    """What was accepted while nobody ran the missions is done by the next owner, and what was cut off is done again."""
    story = run_example()

    before, after = story.split("is killed while it orders the printer")
    assert "PUT  /purchases/lamp-1" in after
    assert "422 signal 'receive-approval' of mission 'desk-1' (purchase) does not fit Approval" in after
    assert before.count(" owns the missions") == after.count(" owns the missions") == 1
    for item in ("printer", "desk", "lamp"):
        assert f'"output":"{item} ordered, approved by reviewer-1"' in after
    assert "it is listed: MISSION_SIGNAL_ERROR mission 'lamp-1' (purchase) does not wait for" in after


def test_both_workers_accept_whatever_becomes_of_the_owner(example: Path, tmp_path: Path) -> None:
    """Requests to both, before there is an owner, beside one, and after it was killed, are all done, each once."""
    database = tmp_path / "kept.db"
    with workers(example, database) as (one, other):
        assert one.get("/purchases/p-0").status_code == 404
        for number, client in enumerate([one, other] * 3):
            desk = {"item": "desk", "cents": number}
            assert client.put(f"/purchases/p-{number}", json=desk).status_code == 202
            assert client.put(f"/purchases/p-{number}", json=desk).status_code == 202
        with owner(example, database):
            for number in range(6):
                until(one, f"p-{number}", "waiting")
        for number, client in enumerate([other, one] * 3):
            for _ in range(2):
                approved = client.post(
                    f"/purchases/p-{number}/approval", json=APPROVAL, headers={"Idempotency-Key": f"click-{number}"}
                )
                assert approved.status_code == 202
        with owner(example, database):
            outputs = [output_of(other, f"p-{number}") for number in range(6)]
        assert outputs == ["desk ordered, approved by reviewer-1"] * 6
        assert one.get("/refused").json() == other.get("/refused").json() == []


def test_requests_are_refused_with_the_fitting_status(example: Path, tmp_path: Path) -> None:
    """What a worker can tell is told at once, without an owner; the rest is accepted, and listed if it is refused."""
    database = tmp_path / "refusals.db"
    with workers(example, database) as (one, other):
        assert one.put("/purchases/p-1", json={"item": "desk"}).status_code == 422
        assert one.put("/purchases/p-1", content="{").status_code == 400
        assert one.put(f"/purchases/{'p' * 256}", json={"item": "desk", "cents": 1}).status_code == 422
        assert other.post("/purchases/p-1/approval", json=APPROVAL).status_code == 404
        assert one.put("/purchases/p-1", json={"item": "desk", "cents": 1}).status_code == 202
        assert one.put("/purchases/p-1", json={"item": "lamp", "cents": 1}).status_code == 202
        with owner(example, database):
            until(one, "p-1", "waiting")
            refused = other.post("/purchases/p-1/approval", json={"approved_by": 5})
            assert (refused.status_code, "$.approved_by: expected str, got int 5" in refused.text) == (422, True)
            deadline = time.monotonic() + 30
            while not (listed := other.get("/refused").json()):
                assert time.monotonic() < deadline
                time.sleep(0.02)
        assert [(one["kind"], one["code"]) for one in listed] == [("start", "MISSION_ALREADY_EXISTS")]

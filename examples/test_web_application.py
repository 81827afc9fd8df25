"""The web application does what it shows, and answers what a web application should."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

PRINTER = {"item": "printer", "cents": 19900}
APPROVAL = {"approved_by": "reviewer-1"}


@contextmanager
def served(example: Path, database: Path) -> Generator[httpx.Client]:
    """Serve in a process of its own, stop it with SIGTERM, and check that it stops as it should."""
    command = [sys.executable, "-I", "-W", "error", str(example), "--serve", "--database", str(database)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            with httpx.Client(base_url=server.stdout.readline().strip(), trust_env=False, timeout=30) as client:
                yield client
            server.terminate()
            printed, complaints = server.communicate(timeout=30)
        finally:
            server.kill()
    # uvicorn ends by the signal that stopped it, when everything is down.
    assert (printed, complaints, server.returncode) == ("the runtime has stopped\n", "", -signal.SIGTERM)


@pytest.fixture(scope="module")
def client(example: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[httpx.Client]:
    """A client of a server that tests share, each with missions of its own."""
    with served(example, tmp_path_factory.mktemp("served") / "missions.db") as client:
        yield client


def output_of(client: httpx.Client, mission_id: str) -> str:
    """Wait until the mission is no longer running, and return its output."""
    deadline = time.monotonic() + 30
    while (answer := client.get(f"/purchases/{mission_id}").json())["status"] == "running":
        assert time.monotonic() < deadline, answer
        time.sleep(0.02)
    assert answer["status"] == "completed"
    return str(answer["output"])


def test_the_story_goes_on_after_the_deploy(run_example: Callable[..., str]) -> None:
    """The step that the SIGTERM cut off runs again in the second server, and the waiting mission is approved there."""
    before, after, timeline, stopped = run_example().rstrip().split("\n\n")

    assert before.endswith("gets a SIGTERM: the runtime has stopped")
    assert stopped.endswith("gets a SIGTERM: the runtime has stopped")
    assert '"at":"receive-approval"' in after
    assert "422 signal 'receive-approval' of mission 'desk-1' (purchase) does not fit Approval" in after
    assert '200 {"status":"completed","at":null,"output":"desk ordered, approved by reviewer-1"}' in after
    assert "printer-1 (purchase): completed" in timeline
    assert "step-interrupted    place-order #1    reason closed" in timeline
    assert "step-succeeded      place-order #2" in timeline


def test_a_second_process_continues_the_database(example: Path, tmp_path: Path) -> None:
    """What one server accepted, the next one finishes: a step that was cut off, and a wait that was not over."""
    with served(example, tmp_path / "kept.db") as client:
        assert client.put("/purchases/p-1", json=PRINTER).status_code == 202
        assert client.put("/purchases/p-2", json={"item": "desk", "cents": 1}).status_code == 202
        assert client.post("/purchases/p-1/approval", json=APPROVAL).status_code == 202

    with served(example, tmp_path / "kept.db") as client:
        assert output_of(client, "p-1") == "printer ordered, approved by reviewer-1"
        assert client.get("/purchases/p-2").json()["status"] == "waiting"
        assert client.post("/purchases/p-2/approval", json=APPROVAL).status_code == 202
        assert output_of(client, "p-2") == "desk ordered, approved by reviewer-1"


def test_text_that_is_no_utf8_breaks_no_answer(client: httpx.Client) -> None:
    """A client may send half a surrogate pair: it is stored as it is, and shown as its escape."""
    odd = client.put("/purchases/odd", content=b'{"item": "desk \\ud83d", "cents": 1}')
    assert odd.status_code == 202
    assert client.post("/purchases/odd/approval", json=APPROVAL).status_code == 202
    assert output_of(client, "odd") == r"desk \ud83d ordered, approved by reviewer-1"
    refused = client.put("/purchases/odd", content=b'{"item": "desk \\ud83d", "cents": "\\ud83d"}')
    assert (refused.status_code, r"$.cents: expected int, got str '\ud83d'" in refused.text) == (422, True)


def test_requests_are_refused_with_the_fitting_status(client: httpx.Client) -> None:
    """A repeated start is accepted; what is malformed, unknown or out of turn is not, and breaks nothing."""
    assert client.put("/purchases/p-1", json=PRINTER).status_code == 202
    assert client.put("/purchases/p-1", json=PRINTER).status_code == 202
    assert client.put("/purchases/p-1", json={"item": "desk", "cents": 1}).status_code == 409
    assert client.put("/purchases/p-2", json={"item": "desk"}).status_code == 422
    assert client.put("/purchases/p-2", content="{").status_code == 400
    assert client.put(f"/purchases/{'p' * 256}", json=PRINTER).status_code == 422
    assert client.get("/purchases/p-2").status_code == 404
    assert client.post("/purchases/p-2/approval", json=APPROVAL).status_code == 404
    refused = client.post("/purchases/p-1/approval", json={"approved_by": 5})
    assert (refused.status_code, "$.approved_by: expected str, got int 5" in refused.text) == (422, True)
    assert client.post("/purchases/p-1/approval", json=APPROVAL).status_code == 202
    client.put("/purchases/p-3", json={"item": "desk", "cents": 1})
    client.post("/purchases/p-3/approval", json=APPROVAL)
    output_of(client, "p-3")
    assert client.post("/purchases/p-3/approval", json=APPROVAL).status_code == 409

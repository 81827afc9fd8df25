"""Two machines that run missions by way of Temporal: what one did when it was killed, the other one does again."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what still runs is looked for where Linux shows it")


def test_the_mission_completes_whichever_machine_is_killed(run_example: Callable[..., str], example: Path) -> None:
    """A step that was cut off runs again on the other machine, no other one does, and nothing is left running."""
    story = run_example()

    before, after = story.split(" is killed in the middle of that\n")
    (killed,) = re.findall(r"\w$", before)
    cut_off = re.findall(r"step-interrupted  +(devices\[\d\])  +configure #1  +reason process ended\n", after)
    told, _, timeline = after.partition("\n\n")
    assert cut_off
    assert f"  {killed}: " in before
    assert f"  {killed}: " not in told
    assert "\nada (onboarding): completed; children: ada/payroll (completed)\n" in after
    assert "signal-received     first-day/came    came               true\n" in after
    done_twice = re.findall(r"step-started  +(\S+)  +\S+ #2\n", timeline)
    assert sorted(done_twice) == sorted(cut_off)
    assert still_running(str(example)) == []
    (address,) = re.findall(r"dev server is at 127\.0\.0\.1:(\d+)\n", before)
    assert still_running(f"--port {address} ") == []


def still_running(text: str) -> list[str]:
    """Return the command lines of processes that contain a text."""
    commands: list[str] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            commands.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:  # it has ended meanwhile
            continue
    return [command for command in commands if text in command and "pytest" not in command]


def test_a_machine_says_that_it_does_not_reach_temporal(example: Path) -> None:
    """Where nobody is at the address, it ends with what went wrong."""
    command = [sys.executable, "-I", str(example), "--work", "--address", "127.0.0.1:9"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)

    assert done.returncode == 1
    assert "Connection refused" in done.stderr

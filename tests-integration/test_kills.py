"""Nothing is lost and nothing happens twice, whenever the process is killed (R1; `hatch run soak` is the long run)."""

from __future__ import annotations

from pathlib import Path

import pytest

from crash.kills import kill_and_audit


@pytest.mark.skipif("sys.platform == 'win32'", reason="kills with SIGKILL")
async def test_killed_process_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    """After kills at random moments every accepted mission ends, and no step that succeeded has run again."""
    findings = await kill_and_audit(tmp_path, kills=6, seed=1)

    assert findings.problems == []
    assert findings.counts["attempts interrupted by a kill"] > 0

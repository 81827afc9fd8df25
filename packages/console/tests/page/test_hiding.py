"""What of missions is not for everybody who may see the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .missions import Order
from .site import Site, open_site, shown

SECRET = "the-secret-customer"
PAGES = ("/missions", "/missions/bad", "/missions/o-1", "/inbox", "/waits/o-1?wait=approved", "/", "/agenda")


async def fill(site: Site) -> None:
    await site.owner.start("order", Order(SECRET, 1), mission_id="o-1")
    await site.owner.start("order", Order(SECRET, 200), mission_id="bad", wait=False)
    await site.owner.cancel_mission((await site.owner.start("order", Order(SECRET, 1))).mission_id, f"for {SECRET}")
    await site.owner.settled()


async def test_payloads_are_hidden_everywhere(database: Path) -> None:
    """No input, output, signal, message, traceback or reason is on any page; codes and places are."""
    async with open_site(database, hide_payloads=True) as site:
        await fill(site)
        for path in PAGES:
            answer = await site.get(path)
            assert answer.status_code == 200
            assert SECRET not in answer.text, path
        assert "STEP_FAILED: ValueError at check-credit" in await site.text("/missions/bad")


async def test_what_was_answered_meanwhile_is_hidden_too(database: Path) -> None:
    """An answer is a payload."""
    async with open_site(database, hide_payloads=True) as site:
        await fill(site)
        page = (await site.get("/waits/o-1?wait=approved")).text
        since = page.partition('name="since" value="')[2].partition('"')[0]
        mission = await site.client.get_mission("o-1")
        assert mission is not None
        await mission.signal("approved", {"approved": False, "reason": SECRET})
        fields = {"since": since, "v:approved": "yes", "v:reason": "x"}
        answer = await site.post("/waits/o-1?wait=approved", fields)

        assert "Somebody else was faster" in shown(answer)
        assert SECRET not in answer.text


def as_it_is(kind: str, value: object) -> object:
    return value


@pytest.mark.parametrize("options", [{"hide_payloads": True}, {"redact": as_it_is}])
async def test_there_is_no_export_of_what_is_hidden(database: Path, options: dict[str, Any]) -> None:
    """An export has all payloads, so it is not given where any may be hidden."""
    async with open_site(database, **options) as site:
        await fill(site)
        assert (await site.get("/export/o-1")).status_code == 403
        assert "/export/" not in (await site.get("/missions/o-1")).text


async def test_a_function_decides_what_is_shown(database: Path) -> None:
    """It is told what a value is, and what it returns is shown instead."""
    seen = set[str]()

    def redact(kind: str, value: object) -> object:
        seen.add(kind)
        return f"a {kind}"

    async with open_site(database, redact=redact) as site:
        await fill(site)
        for path in PAGES:
            assert SECRET not in (await site.get(path)).text, path

        assert seen >= {"input", "output", "error", "traceback"}
        assert '"a input"' in await site.text("/missions/o-1")

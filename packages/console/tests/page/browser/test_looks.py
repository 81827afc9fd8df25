"""How the pages look: on a phone, in the dark, and to a screen reader."""

from __future__ import annotations

from importlib.resources import files
from typing import Literal

import pytest
from playwright.async_api import Browser

from mission_control.core import Commander

from ..missions import MARKUP, Order, definitions

ORDER, FORKED = (definition.fingerprint for definition in definitions()[:2])
PAGES = (
    "/",
    "/missions",
    "/missions?since=nonsense",
    "/missions/o-1",
    "/missions/bad",
    "/missions/f-1",
    "/missions/nothing",
    "/inbox",
    "/waits/o-1?wait=approved",
    "/agenda",
    "/schedules",
    "/schedules/backfill/nightly",
    "/definitions",
    "/definitions/order",
    f"/definitions/compare?one={ORDER}&other={FORKED}",
    "/start/order",
)

_CHECK = """async () => (await axe.run()).violations.map(
  (one) => `${one.id} (${one.help}): ${one.nodes.map((node) => node.html).join(" ")}`)"""


@pytest.fixture
async def filled(owner: Commander) -> Commander:
    await owner.start("order", Order("bob", 1), mission_id="o-1", labels={"team": "blue"})
    await owner.start("order", Order("bob", 200), mission_id="bad", wait=False)
    await owner.start("forked", Order("bob", 1), mission_id="f-1")
    await owner.start("retrying", Order("bob", 1), mission_id="r-1")
    await owner.start("plain", Order(MARKUP, 1), mission_id="an-id-" + "that-is-long-" * 15)
    await owner.settled()
    return owner


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_accessibility_checker_finds_nothing(
    browser: Browser, address: str, filled: Commander, scheme: Literal["light", "dark"]
) -> None:
    """On any page, light or dark."""
    context = await browser.new_context(base_url=address, color_scheme=scheme, bypass_csp=True)
    page = await context.new_page()
    checker, found = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"), list[str]()
    for path in PAGES:
        await page.goto(path)
        await page.evaluate(checker)
        found += [f"{path}: {violation}" for violation in await page.evaluate(_CHECK)]
    await context.close()

    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_finds_nothing_on_what_forms_lead_to(
    browser: Browser, address: str, filled: Commander, scheme: Literal["light", "dark"]
) -> None:
    """Confirmations, outcomes, and forms that need another look."""
    context = await browser.new_context(base_url=address, color_scheme=scheme, bypass_csp=True)
    page = await context.new_page()
    checker, found = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"), list[str]()

    async def check() -> None:
        await page.evaluate(checker)
        found.extend(f"{page.url}: {violation}" for violation in await page.evaluate(_CHECK))

    await page.goto("/missions/bad")
    await page.get_by_role("button", name="Skip …").click()
    await check()
    await page.get_by_role("button", name="Skip bad").last.click()
    await check()
    await page.goto("/missions")
    await page.get_by_label("Select all on this page").check()
    await page.get_by_role("button", name="Pause …").click()
    await check()
    await page.get_by_role("button", name="Pause 5 missions").last.click()
    await check()
    await page.goto("/waits/o-1?wait=approved")
    await page.get_by_role("button", name="Answer").last.click()
    await check()
    await context.close()

    assert found == []


async def test_nothing_is_wider_than_a_phone(browser: Browser, address: str, filled: Commander) -> None:
    """At 390 pixels no page scrolls sideways."""
    context = await browser.new_context(base_url=address, viewport={"width": 390, "height": 844})
    page = await context.new_page()
    too_wide = list[str]()
    for path in PAGES:
        await page.goto(path)
        if await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            too_wide.append(path)
    await context.close()

    assert too_wide == []


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
async def test_the_ground_is_as_the_person_has_it(
    browser: Browser, address: str, scheme: Literal["light", "dark"], is_dark: bool
) -> None:
    """Light or dark, by what the system is set to."""
    context = await browser.new_context(base_url=address, color_scheme=scheme)
    page = await context.new_page()
    await page.goto("/missions")
    colour = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    await context.close()
    parts = [int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]

    assert (sum(parts) < 300) is is_dark

"""What a person on call does: finds what failed, reads why, and lets it go on; answers; and sees it move."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from playwright.async_api import Browser, Page, expect

from mission_control.core import Commander

from ..missions import Order, credit


async def test_a_failed_mission_is_found_read_and_reopened(
    page: Page, owner: Commander, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first page, by links and buttons alone."""
    await owner.start("order", Order("bob", 200), mission_id="bad", wait=False)
    await owner.settled()
    monkeypatch.setitem(credit, "is_given", True)

    await page.goto("/")
    await page.get_by_label("Missions by status").get_by_role("link", name="failed").click()
    await page.get_by_role("link", name="bad").click()
    await expect(page.get_by_role("region", name="Why it failed")).to_contain_text("no credit for bob")
    await page.get_by_text("Traceback", exact=True).click()
    await expect(page.get_by_text("Traceback (most recent call last)").first).to_be_visible()
    await page.get_by_role("button", name="Reopen …").click()
    await expect(page.get_by_role("heading", name="Reopen bad?")).to_be_visible()
    await page.get_by_role("button", name="Reopen bad").click()
    await expect(page.get_by_role("heading", name="Reopen: 1 of 1")).to_be_visible()
    await page.get_by_role("link", name="bad").click()
    await expect(page.get_by_role("region", name="Where it stands")).to_contain_text("approved waits for this signal")


async def test_a_wait_is_answered_wrongly_and_then_rightly(page: Page, owner: Commander) -> None:
    """The first wrong field has the focus, what was entered is kept, and the right answer moves the mission."""
    await owner.start("order", Order("bob", 1), mission_id="o-1")

    await page.goto("/inbox")
    await page.get_by_label("Reason").fill("good customer")
    await page.get_by_label("Level").fill("high")
    await page.get_by_label("yes").check()
    await page.get_by_role("button", name="Answer").click()
    await expect(page.get_by_role("alert")).to_contain_text("nothing was sent")
    await expect(page.get_by_label("Level")).to_be_focused()
    await expect(page.get_by_label("Reason")).to_have_value("good customer")
    await page.get_by_label("Level").fill("3")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("The answer was taken.")).to_be_visible()
    await expect(
        page.get_by_text("Nothing waits for an answer.").or_(page.get_by_text("cool-down").first)
    ).to_be_visible()


async def test_a_mission_moves_by_itself(page: Page, owner: Commander) -> None:
    """What comes appears without loading the page, and leaves open what is open, and filled in what is filled in."""
    mission = await owner.start("forked", Order("bob", 1), mission_id="f-1")
    await page.goto("/missions/f-1")
    await expect(page.get_by_text("Live", exact=True)).to_be_visible()
    await page.evaluate("window.isTheSame = true")
    records = page.get_by_role("row", name="mission created")
    await records.get_by_text("input").click()
    reason = page.get_by_label("Reason")
    await reason.fill("half a sentence")

    await mission.signal("papers", "here they are")

    await expect(page.get_by_role("row", name="signal received")).to_be_visible()
    await expect(page.get_by_label("Answer both/right/papers of f-1")).to_have_count(0)
    await expect(reason).to_have_value("half a sentence")
    await expect(reason).to_be_focused()
    await expect(records.locator("details")).to_have_attribute("open", "")
    assert await page.evaluate("window.isTheSame") is True


async def test_new_missions_appear_in_the_list(page: Page, owner: Commander) -> None:
    """What is ticked stays ticked meanwhile."""
    await owner.start("plain", Order("a", 1), mission_id="p-1")
    await page.goto("/missions")
    await expect(page.get_by_text("Live", exact=True)).to_be_visible()
    await page.get_by_label("Select p-1").check()
    await owner.start("plain", Order("a", 1), mission_id="p-2")

    await expect(page.get_by_role("link", name="p-2")).to_be_visible()
    await expect(page.get_by_label("Select p-1")).to_be_checked()
    await expect(page.get_by_text("1 selected")).to_be_visible()


async def test_all_of_a_page_are_ticked_at_once(page: Page, owner: Commander) -> None:
    """And what is asked for is confirmed with their number."""
    for number in range(3):
        await owner.start("order", Order("a", 1), mission_id=f"o-{number}")
    await page.goto("/missions")
    await page.get_by_label("Select all on this page").check()
    await page.get_by_role("button", name="Pause …").click()

    await expect(page.get_by_role("heading", name="Pause 3 missions?")).to_be_visible()


async def test_everything_is_done_by_keyboard(page: Page, owner: Commander) -> None:
    """From the first page to an answer, without a mouse, and the focus can always be seen."""
    await owner.start("order", Order("bob", 1), mission_id="o-1")
    await page.goto("/missions")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await reach(page, "Inbox")
    outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/inbox")
    await reach(page, "yes")
    await page.keyboard.press("Space")
    await page.keyboard.press("Tab")
    await page.keyboard.type("by hand")
    await reach(page, "Answer")
    await page.keyboard.press("Enter")

    await expect(page.get_by_text("The answer was taken.")).to_be_visible()


async def reach(page: Page, name: str) -> None:
    """Press the tabulator until what has that name, or value, has the focus."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        script = "(document.activeElement.value || document.activeElement.textContent).trim()"
        if await page.evaluate(script) == name:
            return
    pytest.fail(f"{name} cannot be reached by keyboard")


async def test_all_of_it_works_without_scripts(browser: Browser, address: str, owner: Commander) -> None:
    """A browser that runs none filters, answers, and cancels."""
    await owner.start("order", Order("bob", 1), mission_id="o-1")
    await owner.start("order", Order("bob", 1), mission_id="o-2")
    context = await browser.new_context(base_url=address, java_script_enabled=False)
    page = await context.new_page()
    await page.goto("/missions")
    await page.get_by_label("Id begins with").fill("o-1")
    await page.get_by_role("button", name="Filter").click()
    await page.get_by_role("link", name="o-1").click()
    await page.get_by_label("yes").check()
    await page.get_by_label("Reason").fill("without a script")
    await page.get_by_role("button", name="Answer", exact=True).last.click()
    await expect(page.get_by_text("The answer was taken.")).to_be_visible()
    await page.get_by_role("button", name="Cancel …").click()
    await page.get_by_label("Reason").fill("enough")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Cancel: 1 of 1")).to_be_visible()
    await context.close()


async def test_texts_are_copied(page: Page, owner: Commander) -> None:
    """An id is copied whole, and a payload as it is shown."""
    await owner.start("plain", Order("bob", 1), mission_id="p-1")
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.goto("/missions/p-1")
    await page.get_by_role("button", name="Copy p-1").click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == "p-1"


async def test_a_page_says_when_it_is_not_connected(page: Page, owner: Commander, address: str) -> None:
    """What is shown then may be old, and that can be seen."""
    await page.route("**/changes", lambda route: route.abort())
    await page.goto("/missions")

    await expect(page.get_by_text("Not connected")).to_be_visible()


async def test_a_mission_that_goes_is_told(page: Page, owner: Commander) -> None:
    """A page whose mission is purged while it is open says so by itself."""
    await owner.start("plain", Order("a", 1), mission_id="p-1")
    await page.goto("/missions/p-1")
    await expect(page.get_by_text("Live", exact=True)).to_be_visible()
    await owner.operations.purge_missions(ended_before=datetime.now(UTC))

    await expect(page.get_by_role("heading", name="No such mission")).to_be_visible()

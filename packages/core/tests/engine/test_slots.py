"""Slots: how many there are, and who gets the next."""

from __future__ import annotations

import asyncio

import pytest

from mission_control.core.engine.slots import Slots


async def test_slot_that_is_given_back_goes_to_the_first_who_still_wants_it() -> None:
    """Those who want it no longer are passed over."""
    slots = Slots(1)
    asked: list[str] = []

    def grant(name: str, *, wants: bool) -> bool:
        asked.append(name)
        return wants

    assert slots.take()
    slots.request(lambda: grant("first", wants=False))
    slots.request(lambda: grant("second", wants=True))
    slots.request(lambda: grant("third", wants=True))
    slots.give_back()

    assert asked == ["first", "second"]
    assert not slots.take()


async def test_slot_that_nobody_wants_is_free_again() -> None:
    """A slot that everybody refuses may be taken."""
    slots = Slots(1)
    assert slots.take()
    slots.request(lambda: False)
    slots.give_back()

    assert slots.take()


async def test_slot_granted_to_a_task_that_was_cancelled_meanwhile_is_given_back() -> None:
    """A cancellation between the grant and the task's next turn loses no slot."""
    slots = Slots(1)
    assert slots.take()
    waiting = asyncio.create_task(slots.acquire())
    await asyncio.sleep(0)
    slots.give_back()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert slots.take()


async def test_task_that_gave_up_waiting_is_passed_over() -> None:
    """A slot is not handed to a task that was cancelled while it waited."""
    slots = Slots(1)
    assert slots.take()
    waiting = asyncio.create_task(slots.acquire())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    slots.give_back()

    assert slots.take()

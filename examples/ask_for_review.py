"""A review in words, which are validated, and which may end the mission.

    hatch run example:ask_for_review -- --decision reject --comment "The dates are missing."

A step that raises ends its mission: a rejected article ends as failed, with the reviewer's words.
"""

import argparse
import asyncio
from datetime import timedelta
from typing import Literal

from attrs import Attribute, define, field

from mission_control.core import (
    MissionContext,
    MissionFailedError,
    MissionHandle,
    MissionValidationError,
    NonRetryableError,
    Signal,
    m,
)
from mission_control.in_memory_commander import InMemoryCommander


@define
class Article:
    title: str


def check_sentence(review: object, attribute: "Attribute[str]", value: str) -> None:
    if len(value.split()) < 2:
        raise ValueError(f"{attribute.name} must be a sentence, found {value!r}")


@define
class Review:
    reviewer: str
    decision: Literal["approve", "reject"]
    comment: str = field(validator=check_sentence)


receive_review = Signal("receive-review", Review)


async def ask(ctx: MissionContext[Article]) -> str:
    return f"Please review {ctx.input.title!r}."  # sent to the reviewers, in earnest


async def check_review(ctx: MissionContext[Article]) -> None:
    review = ctx.received(receive_review)
    if review.decision == "reject":
        raise NonRetryableError(f"rejected by {review.reviewer}: {review.comment}")


async def publish(ctx: MissionContext[Article]) -> str:
    return f"{ctx.input.title!r} is published: {ctx.received(receive_review).comment}"


article_review = (
    m.define("article-review")
    .start(input=Article, run=ask)
    .need_to(receive_review, timeout=timedelta(days=3), timeout_message="nobody reviewed it within three days")
    .step("check-review", check_review)
    .step("publish", publish)
    .end()
)


async def review(mission: MissionHandle[Article], decision: str, comment: str) -> None:
    """Send a review as a form has it: plain JSON, with whatever somebody typed."""
    print(f"\n{decision}: {comment!r}")
    try:
        await mission.signal("receive-review", {"reviewer": "reviewer-1", "decision": decision, "comment": comment})
        print(await mission.output())
    except MissionValidationError as error:
        print(f"{error}\nThe mission is {await mission.status()}, as before.")
    except MissionFailedError as error:
        print(error)


async def main(decision: str | None, comment: str) -> None:
    async with InMemoryCommander(definitions=[article_review]) as commander:
        mission = await commander.start(article_review, Article(title="Timers that last"))
        print((await mission.snapshot()).events["start"].output)
        if decision is None:
            await review(mission, "maybe", "I am not sure about the title.")
            await review(mission, "approve", "ok")
            await review(mission, "approve", "It reads well.")
            mission = await commander.start(article_review, Article(title="Timers that drift"))
            await review(mission, "reject", "The dates are missing.")
        else:
            await review(mission, decision, comment)
        print(f"\n{await mission.inspect()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A review in words, which may end the mission.")
    parser.add_argument("--decision", help="approve or reject (default: a story with some of each)")
    parser.add_argument("--comment", default="It reads well.", help="a sentence (default: %(default)s)")
    options = parser.parse_args()
    asyncio.run(main(options.decision, options.comment))

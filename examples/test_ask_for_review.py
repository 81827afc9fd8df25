"""The review example does what it shows."""

from collections.abc import Callable


def test_the_story_refuses_accepts_and_rejects(run_example: Callable[..., str]) -> None:
    """Two unfit reviews change nothing, an approval publishes, a rejection fails the other article."""
    asked, unknown, short, approved, rejected, timeline = run_example().split("\n\n")

    assert asked == "Please review 'Timers that last'."
    assert "$.decision: expected Literal['approve', 'reject'], got str 'maybe'" in unknown
    assert "The mission is waiting, as before." in unknown
    assert "$: comment must be a sentence, found 'ok'" in short
    assert "The mission is waiting, as before." in short
    assert "'Timers that last' is published: It reads well." in approved
    assert "mission 'mission-2' (article-review) failed at 'check-review' (STEP_FAILED)" in rejected
    assert "rejected by reviewer-1: The dates are missing." in rejected
    assert timeline.startswith("mission-2 (article-review): failed at check-review")
    assert "publish" not in timeline


def test_a_review_of_ones_own_is_sent(run_example: Callable[..., str]) -> None:
    """With arguments it is the reader's review that decides."""
    shown = run_example("--decision", "reject", "--comment", "Not this week.")

    assert "failed at 'check-review' (STEP_FAILED): NonRetryableError: rejected by reviewer-1: Not this week." in shown

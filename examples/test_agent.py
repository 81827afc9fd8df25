"""The agent example does what it shows."""

from collections.abc import Callable


def test_dangerous_tools_are_asked_for(run_example: Callable[..., str]) -> None:
    """A person is asked about each deletion, and what she says decides."""
    shown = run_example()

    assert "turns[1]: may it delete report-2019.pdf? yes\n" in shown
    assert "turns[2]: may it delete everything? no\n" in shown
    assert "report-2019.pdf deleted, as Ada allowed" in shown
    assert "Ada does not allow it" in shown
    assert "It says: one old report is gone\n" in shown


def test_budget_ends_what_goes_on_for_ever(run_example: Callable[..., str]) -> None:
    """An agent that never answers is stopped after its rounds."""
    shown = run_example()

    assert "It says: no answer within 3 rounds\n" in shown
    assert "turns/exhausted" in shown
    assert "turns[3]" not in shown.partition("dreamer (agent)")[2]

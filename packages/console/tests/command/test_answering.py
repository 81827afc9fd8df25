"""Answers to what missions wait for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mission_control.core import MissionInspection

from .conftest import Run
from .shop import owner, work_off


def inspected(database: Path, mission_id: str) -> MissionInspection:
    work_off(database)
    with owner(database) as shop:
        inspection = shop.inspect_mission(mission_id)
    assert inspection is not None
    return inspection


def test_an_answer_is_taken_and_bears_who_gave_it(owned: Path, run: Run) -> None:
    """The system's user name, unless another is given."""
    assert run("answer", "order-3", "delivered", "--data", '"reception"').stdout == "order-3: answered\n"
    assert run("answer", "order-5", "delivered", "--data", '"door"', "--by", "Dan").stdout == "order-5: answered\n"

    assert "by carol" in run("show", "order-3").stdout
    assert "by Dan" in run("show", "order-5").stdout


def test_an_answer_is_accepted_where_nobody_runs_the_missions(database: Path, run: Run) -> None:
    """It is applied when somebody does, once, however often it was given."""
    for _ in range(2):
        said = run("answer", "order-3", "delivered", "--data", '"reception"').stdout
        assert said.startswith("order-3: accepted: it will be applied when")

    (answer,) = inspected(database, "order-3").signals
    assert (answer.payload, answer.by) == ("reception", "carol")


def test_a_repeated_answer_is_harmless(owned: Path, run: Run) -> None:
    """The same command is well, too, when the mission goes on; another answer comes too late."""
    run("answer", "order-3", "delivered", "--data", '"reception"')

    assert run("answer", "order-3", "delivered", "--data", '"reception"').stdout == "order-3: answered already\n"
    late = run("answer", "order-3", "delivered", "--data", '"door"', status=1).stderr
    assert "delivered of mission order-3 was answered by carol already, " in late
    assert "What you gave was not sent." in late
    assert "was answered by carol already" in run("answer", "order-3", "delivered", status=1).stderr


def test_a_wait_that_ended_without_an_answer_is_told(database: Path, run: Run) -> None:
    """Somebody has cancelled the mission meanwhile."""
    with owner(database) as shop:
        shop.cancel_mission("order-3")

    late = run("answer", "order-3", "delivered", "--data", '"door"', status=1).stderr

    assert "delivered of mission order-3 is waited for no more" in late


def test_an_answer_that_does_not_fit_is_refused_before_it_is_sent(database: Path, run: Run) -> None:
    """What is wrong is said of each field."""
    rating = '{"stars": "many", "mood": "sad"}'
    refused = run("answer", "survey-1", "rated", "--at", "both/shop", "--data", rating, status=1)

    assert refused.stderr.splitlines() == [
        "Error: it does not fit:",
        "  $.stars: expected an integer, found 'many'",
        "  $.mood: expected one of 'happy', 'angry', found 'sad'",
        "  $.would_come_again: is missing",
    ]
    assert inspected(database, "survey-1").signals == ()


def test_an_answer_is_given_field_by_field(owned: Path, run: Run) -> None:
    """Each is read as its kind says."""
    given = ["stars=4", "mood=happy", "would_come_again=yes", "tags=quick", "tags=kind"]
    fields = [word for one in given for word in ("--field", one)]
    run("answer", "survey-1", "rated", "--at", "both/shop", *fields)

    signals = json.loads(run("show", "survey-1", "--json").stdout)["signals"]
    assert signals[0]["payload"] == {
        "stars": 4,
        "mood": "happy",
        "would_come_again": True,
        "comment": None,
        "tags": ["quick", "kind"],
    }


def test_a_field_that_is_none_is_wrong_usage(run: Run) -> None:
    """Those that there are are named; a text that its field cannot be is told as one that does not fit."""
    at = ["survey-1", "rated", "--at", "both/shop"]

    assert "there is no field 'star'" in run("answer", *at, "--field", "star=4", status=2).stderr
    assert "$.stars: expected an integer" in run("answer", *at, "--field", "stars=x", status=1).stderr


def test_an_answer_comes_from_a_file_or_what_is_piped_in(owned: Path, run: Run) -> None:
    """As JSON."""
    Path("answer.json").write_text('"reception"', "utf-8")

    run("answer", "order-3", "delivered", "--file", "answer.json")
    run("answer", "order-5", "delivered", "--file", "-", input='"door"')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": }', "--data: expected JSON: Expecting value at line 1, column 7"),
        ("NaN", "--data: expected JSON: NaN is no JSON"),
        ("[" * 100_000, "--data: expected JSON: "),
    ],
)
def test_what_is_no_json_says_where(run: Run, text: str, said: str) -> None:
    """A person finds the comma."""
    assert said in run("answer", "order-3", "delivered", "--data", text, status=1).stderr


def test_a_file_that_is_no_text_is_told(database: Path, run: Run) -> None:
    """Not with a traceback."""
    Path("answer.json").write_bytes(b'"\xff"')

    said = run("answer", "order-3", "delivered", "--file", "answer.json", status=1).stderr

    assert "answer.json: expected text in UTF-8" in said


def test_who_gives_nothing_or_too_much_is_told(run: Run) -> None:
    """Nobody is there to be asked."""
    assert "what is it? Give --data JSON" in run("answer", "order-3", "delivered", status=2).stderr
    both = ["--data", "1", "--field", "$=1"]
    assert "one of them" in run("answer", "order-3", "delivered", *both, status=2).stderr


def test_of_several_waits_one_is_to_be_named(run: Run) -> None:
    """Their places are listed."""
    said = run("answer", "survey-1", "rated", "--data", "1", status=2).stderr

    assert "say which with --at: both/shop, both/courier" in " ".join(said.split())


def test_what_no_mission_waits_for_is_told(run: Run) -> None:
    """With what it waits for; a mission that is not there is another matter."""
    said = run("answer", "order-3", "paid", "--data", "1", status=1).stderr

    assert "no wait is open for signal 'paid'; the mission waits for: delivered" in said
    run("answer", "order-33", "paid", "--data", "1", status=3)


def test_what_only_who_runs_it_can_check_is_told_as_well(owned: Path, run: Run) -> None:
    """By its check."""
    refused = run("answer", "parcel-1", "weighed", "--data", "0", status=1).stderr

    assert refused.startswith("Error: it does not fit:\n  $: ")
    assert "expected grams, more than none" in refused


def test_a_key_of_another_answer_is_refused(owned: Path, run: Run) -> None:
    """It says so."""
    rating = '{"stars": 4, "mood": "happy", "would_come_again": true}'
    run("answer", "survey-1", "rated", "--at", "both/shop", "--data", rating, "--key", "one")

    other = rating.replace("4", "3")
    assert (
        "'one'"
        in run("answer", "survey-1", "rated", "--at", "both/courier", "--data", other, "--key", "one", status=1).stderr
    )


def test_a_repeated_command_does_not_answer_the_next_question(owned: Path, run: Run) -> None:
    """Who means that names its place."""
    run("start", "tour", "--data", '"Bob"', "--id", "tour-1")
    seen = ["answer", "tour-1", "seen", "--data", "true"]
    run(*seen)

    refused = run(*seen, status=1).stderr
    assert "you gave this answer before, to stop[0]/seen, " in refused
    assert "where you mean that, name it: stop[1]/seen" in refused
    run("answer", "tour-1", "stop[1]/seen", "--data", "true")
    run(*seen, "--by", "Dan")


def test_how_it_went_as_json(owned: Path, run: Run) -> None:
    """A script asks for the state."""
    said = json.loads(run("answer", "order-3", "delivered", "--data", '"reception"', "--json").stdout)

    assert said == {"mission_id": "order-3", "state": "done", "message": "answered"}


def test_of_answers_with_one_key_one_is_taken(owned: Path, run: Run) -> None:
    """Whoever calls says which are the same."""
    for _ in range(2):
        run("answer", "order-3", "delivered", "--data", '"reception"', "--key", "parcel-7")

    assert json.loads(run("show", "order-3", "--json").stdout)["signals"][0]["key"] == "parcel-7"

"""Text for people and other programs."""

import pytest

from mission_control.core.readable import encodable, shorten


@pytest.mark.parametrize("text", ["", "plain", "naïve, 你好, 👩‍👩‍👧", "\x00\x7f"])
def test_text_that_can_be_encoded_stays_as_it_is(text: str) -> None:
    """Other scripts, signs beyond the first plane and control characters are nobody's business here."""
    assert encodable(text) == text


def test_lone_surrogates_become_escapes() -> None:
    """What a decoder of file names left, or a cut in the middle of a pair."""
    assert encodable("caf\udce9.txt \ud83d!") == r"caf\udce9.txt \ud83d!"


@pytest.mark.parametrize(
    ("length", "shown"), [(9, "some text"), (8, "some ..."), (4, "s..."), (3, "..."), (2, ".."), (1, ".")]
)
def test_cut_is_marked_and_no_longer_than_asked(length: int, shown: str) -> None:
    """The mark is of three characters, which count."""
    assert shorten("some text", length) == shown

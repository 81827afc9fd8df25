"""Signals that are kept: in order, and every version as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mission_control.core.history import Kept, KeptSignal


def kept(*signals: tuple[int, str]) -> Kept:
    """Return a version with such signals, each with its number as its payload."""
    version = Kept()
    for seq, name in signals:
        version = version.with_signal(KeptSignal(seq, name, seq))
    return version


def test_signals_of_a_name_are_taken_in_order() -> None:
    """Those of other names are left alone."""
    version = kept((3, "go"), (4, "stop"), (7, "go"))

    assert version.first("go") == KeptSignal(3, "go", 3)
    assert version.without_first("go").first("go") == KeptSignal(7, "go", 7)
    assert version.without_first("go").without_first("go").first("go") is None
    assert version.without_first("go").signals() == [KeptSignal(4, "stop", 4), KeptSignal(7, "go", 7)]
    assert version.first("other") is None


def test_none_can_be_taken_of_a_name_that_has_none() -> None:
    """Neither of one that never had any, nor of one all of which were taken."""
    with pytest.raises(LookupError, match="'go'"):
        Kept().without_first("go")
    with pytest.raises(LookupError, match="'go'"):
        kept((3, "go")).without_first("go").without_first("go")


def test_versions_are_equal_by_what_is_in_them() -> None:
    """However they came to it."""
    assert kept((3, "go"), (4, "go")).without_first("go") == kept((4, "go"))
    assert kept((3, "go")) != kept((4, "go"))
    assert kept() != []
    assert repr(kept((3, "go"))) == "Kept([KeptSignal(seq=3, name='go', payload=3)])"


def test_payloads_are_weighed_while_they_are_kept() -> None:
    """What is taken weighs nothing any more."""
    light, heavy = KeptSignal(1, "a", None), KeptSignal(2, "b", "x" * 1000)
    version = Kept().with_signal(light).with_signal(heavy)

    assert version.weight > 1000
    assert version.without_first("b").weight == 0


@given(st.data())
def test_version_that_was_handed_out_never_changes(data: st.DataObject) -> None:
    """Whichever of them the next one is made from: each reads as a list that was copied for it."""
    versions: list[tuple[Kept, list[KeptSignal]]] = [(Kept(), [])]
    for seq in range(data.draw(st.integers(0, 30))):
        version, signals = data.draw(st.sampled_from(versions[-3:]))
        name = data.draw(st.sampled_from("ab"))
        if data.draw(st.booleans()) and version.first(name) is not None:
            first = next(signal for signal in signals if signal.name == name)
            left = [signal for signal in signals if signal is not first]
            versions.append((version.without_first(name), left))
        else:
            new = KeptSignal(seq, name, seq)
            versions.append((version.with_signal(new), [*signals, new]))

    for version, signals in versions:
        assert version.signals() == signals
        assert len(version) == len(signals)
        for name in "ab":
            assert version.first(name) == next((signal for signal in signals if signal.name == name), None)

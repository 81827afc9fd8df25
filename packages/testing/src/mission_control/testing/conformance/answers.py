"""What a commit promises of the answers that it carries, where the storage has a mailbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from mission_control.core.storage import Answer, AnsweredError, MissionCommit, PersistenceAdapter

from .missions import adds, child, commit
from .storage import Storage, contract

REFUSED = AnsweredError(code="MISSION_SIGNAL_ERROR", message="no \ud800\x00", event_name="go", issues=("$: no",))
ANSWERS = {
    name: Answer(request_id=name, value=value, error=error, is_final=name != "applied")
    for name, value, error in (
        ("applied", None, None),
        ("valued", {"a": ["naïve \ud800 \x00", 2**70, 0.1]}, None),
        ("failed", None, REFUSED),
        ("other", 1, None),
        ("child's", 2, None),
    )
}


def answering(member: MissionCommit, *names: str) -> MissionCommit:
    """Return a commit that applies requests."""
    return attrs.evolve(member, answers=tuple(ANSWERS[name] for name in names))


async def known(adapter: PersistenceAdapter) -> Mapping[str, Answer] | None:
    """Return what the mailbox knows of all these requests; None where there is no mailbox."""
    mailbox = adapter.mailbox()
    return None if mailbox is None else await mailbox.known([*ANSWERS, "never"])


def some(names: Sequence[str]) -> dict[str, Answer]:
    """Return the answers to these requests."""
    return {name: ANSWERS[name] for name in names}


class AnswerContract:
    """Answers to requests of other processes, which are durable with the commit that applies them."""

    @contract
    async def test_answers_are_durable_with_their_commit(self, storage: Storage) -> None:
        """They are known once the commit is, as they were handed in, and after the storage was opened again."""
        adapter = await storage.open()
        await commit(adapter, answering(adds("a"), "applied", "valued"), adds("b"), answering(adds("c"), "failed"))
        expected = some(["applied", "valued", "failed"])
        assert await known(adapter) in (None, expected)
        await adapter.close()
        again = await storage.open()
        assert await known(again) in (None, expected)

    @contract
    async def test_answers_of_a_stale_member_are_not_written(self, storage: Storage) -> None:
        """What was not applied is not known, that of a child included; the others of the batch are."""
        adapter = await storage.open()
        await commit(adapter, adds("a"))
        family = attrs.evolve(adds("a"), children=(answering(child("a", "billing"), "child's"),))
        outcomes = await adapter.commit([answering(family, "applied"), answering(adds("b"), "other")])
        assert [outcome is None for outcome in outcomes] == [False, True]
        assert await known(adapter) in (None, some(["other"]))

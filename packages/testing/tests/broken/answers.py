"""Adapters that lose answers to requests, or give some to what was not applied."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from mission_control.core.storage.memory_mailbox import Post
from mission_control.core.storage.persistence import CommitOutcome, MissionCommit

from .memory import Memory


class LosesAnswers(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        return await self.write(*(attrs.evolve(one, answers=()) for one in batch))


class ForgetsAnswers(Memory):
    async def close(self) -> None:
        await super().close()
        self.post = Post()


class AnswersWhatIsStale(Memory):
    async def commit(self, batch: Sequence[MissionCommit], /) -> Sequence[CommitOutcome]:
        for member in batch:
            self.post.answers.update((one.request_id, one) for one in member.answers)
        return await super().commit(batch)

"""An agent: a model that asks for tools, a person who allows the dangerous ones, and a budget.

    hatch run example:agent

The model is a script, so that the program needs no network: put a real one in its place. Each answer of the model and
each tool's result is recorded, so that a crash repeats neither, and the log reads like the conversation that it was.
"""

import asyncio
from collections.abc import Sequence
from typing import Literal

from attrs import define, frozen

from mission_control.core import Commander, MissionContext, MissionDefinition, Signal, m
from mission_control.in_memory_commander import InMemoryCommander


@define
class Task:
    goal: str


@define
class Call:
    """What the model wants next: a tool with its argument, or to end with an answer."""

    tool: Literal["search", "delete", "answer"]
    argument: str


@define
class Decision:
    allowed: bool
    by: str


approval = Signal("approval", Decision)


@frozen
class ScriptedModel:
    """Stands for a language model: it says one line after the other, whatever it is told."""

    lines: Sequence[Call]

    def next(self, goal: str, results: Sequence[str]) -> Call:
        return self.lines[min(len(results), len(self.lines) - 1)]


def define_agent(model: ScriptedModel, *, most_rounds: int) -> MissionDefinition[Task]:
    """Return the definition of an agent with this model, and a budget of so many rounds."""

    async def prepare(ctx: MissionContext[Task]) -> str:
        return f"goal: {ctx.input.goal}"

    async def think(ctx: MissionContext[Task]) -> Call:
        results = [ctx.output(f"turns[{turn}]/note") for turn in range(ctx.index or 0)]
        return model.next(ctx.input.goal, results)

    async def kind(ctx: MissionContext[Task]) -> Literal["safe", "dangerous", "answer"]:
        tool = ctx.output(think).tool
        return "safe" if tool == "search" else "dangerous" if tool == "delete" else "answer"

    async def search(ctx: MissionContext[Task]) -> str:
        return f"3 pages about {ctx.output(think).argument}"

    async def delete(ctx: MissionContext[Task]) -> str:
        decision = ctx.received(approval)
        if not decision.allowed:
            return f"{decision.by} does not allow it"
        return f"{ctx.output(think).argument} deleted, as {decision.by} allowed"

    async def note(ctx: MissionContext[Task]) -> str:
        found = ctx.output(search, default=None) or ctx.output(delete, default=None)
        return found or ctx.output(think).argument

    async def is_answered(ctx: MissionContext[Task]) -> bool:
        return ctx.output(think).tool == "answer"

    async def give_up(ctx: MissionContext[Task]) -> str:
        return f"no answer within {most_rounds} rounds"

    async def conclude(ctx: MissionContext[Task]) -> str:
        return ctx.output(give_up, default=None) or ctx.outputs(note)[-1]

    turn = (
        m.path()
        .step("think", think)
        .branch(
            "kind",
            kind,
            {
                "safe": m.path().step("search", search),
                "dangerous": m.path().need_to(approval).step("delete", delete),
                "answer": m.path(),
            },
        )
        .step("note", note)
    )
    return (
        m.define("agent")
        .start(input=Task, run=prepare)
        .repeat(
            "turns",
            turn,
            until=is_answered,
            max_rounds=most_rounds,
            on_exhausted=m.path().step("give-up", give_up),
        )
        .step("conclude", conclude)
        .end()
    )


TIDY_UP = (
    Call(tool="search", argument="old reports"),
    Call(tool="delete", argument="report-2019.pdf"),
    Call(tool="delete", argument="everything"),
    Call(tool="answer", argument="one old report is gone"),
)


async def run(commander: Commander, agent: MissionDefinition[Task], mission_id: str) -> None:
    """Run the agent to its end; a person answers whatever it asks."""
    mission = await commander.start(agent, Task(goal="tidy up"), mission_id=mission_id)
    while (snapshot := await mission.snapshot()).waiting is not None:
        (position,) = snapshot.positions
        turn = (position.cursor or "").partition("/")[0]
        call = snapshot.events[f"{turn}/think"].output  # what it asks to be allowed
        allowed = call["argument"] != "everything"
        print(f"{turn}: may it {call['tool']} {call['argument']}? {'yes' if allowed else 'no'}")
        await mission.signal(approval, Decision(allowed, by="Ada"))
    print(f"It says: {await mission.output()}\n\n{await mission.inspect()}\n")


async def main() -> None:
    async with InMemoryCommander() as commander:
        await run(commander, define_agent(ScriptedModel(TIDY_UP), most_rounds=10), "patient")

    dreamer = ScriptedModel([Call(tool="search", argument="the meaning of it all")])
    async with InMemoryCommander() as commander:
        await run(commander, define_agent(dreamer, most_rounds=3), "dreamer")


if __name__ == "__main__":
    asyncio.run(main())

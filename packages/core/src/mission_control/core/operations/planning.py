"""What registering definitions would do to the missions that are under way, without registering them.

Storage groups the missions that ran under one definition by where they stand. Of a group the machine is asked, with as
much of a state as the stored form of that definition tells, whether the new one can carry it on. It says the same of
each of them: a mission has passed what is before its place. One thing rows do not tell, whether an update was taken
whose name a node ahead now bears; where that decides, and of missions that ran under several definitions or stand on
live paths or on no node of the stored form, each history is read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, Literal, TypeAlias, cast

import attrs

from ..definition import MissionDefinition, StaticSite, gathered
from ..definition import template as template_of
from ..errors import CorruptMissionError
from ..history import UNDO, EventRecord, MissionStatus, MissionSummary, Record
from ..machine import Misfit, Place, State, construct_of, find_misfit, load, standing_at
from ..storage import MissionQuery, ReadPort, Standing
from .differences import StaticForm, differences_ahead
from .pages import PAGE, Turns, paged
from .shown_plan import shown

Effect: TypeAlias = Literal["unaffected", "carried over", "stranded"]

_EXAMPLES = 5

_WORST_FIRST: tuple[Effect, ...] = ("stranded", "carried over", "unaffected")


@attrs.frozen(kw_only=True)
class PlannedGroup(Record):
    """What would become of the missions that stand on one node, having run under one definition.

    `fingerprint` is that of the definition that they last ran under, `node` their place with `[]` for the number of
    any item or round. `effect` is "unaffected", "carried over" (then `differences` says what lies ahead of them that
    did not, or does not any more), or "stranded" (then `problem` says why, and `remedy` what would help). `examples`
    are the ids of up to five of them.
    """

    mission_name: str
    fingerprint: str | None
    node: str
    count: int
    examples: tuple[str, ...]
    effect: Effect
    differences: tuple[str, ...] = ()
    problem: str | None = None
    remedy: str | None = None


@attrs.frozen(kw_only=True)
class DeployPlan(Record):
    """What definitions would do to the missions that are under way: a group for each stored definition and node.

    The worst come first. `str()` of it is for people.
    """

    groups: tuple[PlannedGroup, ...]

    @property
    def is_safe(self) -> bool:
        """True where no mission would be stranded."""
        return all(group.effect != "stranded" for group in self.groups)

    def to_dict(self, *, exact: bool = False) -> dict[str, Any]:
        """Return the plan as JSON-ready values: `is_safe`, and the groups."""
        return {"is_safe": self.is_safe, **super().to_dict(exact=exact)}

    def __str__(self) -> str:
        return shown(self.groups)


async def make_plan(port: ReadPort, definitions: Iterable[MissionDefinition[Any]]) -> DeployPlan:
    """Return what registering these definitions, and nothing beside them, would do.

    Those of the missions that they begin count as given. A mission whose definition is not given is stranded: nothing
    would carry it on. Raises `TypeError` or `MissionDefinitionError` for what are no definitions, or two of one name.
    """
    planner = _Planner(port, gathered(definitions))
    await planner.judge_groups(await port.list_standing())
    await planner.judge_unplaced()
    return DeployPlan(groups=planner.groups())


@attrs.frozen
class _Verdict:
    """What becomes of missions at one place."""

    effect: Effect
    differences: tuple[str, ...] = ()
    problem: str | None = None
    remedy: str | None = None


_UNAFFECTED = _Verdict("unaffected")

_GroupKey: TypeAlias = "tuple[str, str | None, str]"
"""Name, fingerprint and node."""

_Place: TypeAlias = "tuple[str, bool]"
"""The node that a line stands on, and whether paths of it may begin that have not."""


class _Planner:
    """Judges missions, and adds up what becomes of them."""

    def __init__(self, port: ReadPort, definitions: Mapping[str, MissionDefinition[Any]]) -> None:
        self._port = port
        self._definitions = definitions
        self._new = {name: StaticForm(definition.stored.static) for name, definition in definitions.items()}
        self._old: dict[str, StaticForm | None] = {}
        self._differences: dict[tuple[str, str | None, str, bool], tuple[str, ...]] = {}
        self._found: dict[tuple[_GroupKey, _Verdict], tuple[int, tuple[str, ...]]] = {}
        self._turns = Turns()

    def groups(self) -> tuple[PlannedGroup, ...]:
        """Return what was found, the worst first."""
        groups = (
            PlannedGroup(
                mission_name=name,
                fingerprint=fingerprint,
                node=node,
                count=count,
                examples=examples,
                **attrs.asdict(verdict),
            )
            for ((name, fingerprint, node), verdict), (count, examples) in self._found.items()
        )
        return tuple(sorted(groups, key=_rank))

    def _add(self, key: _GroupKey, verdict: _Verdict, count: int, examples: Iterable[str]) -> None:
        before, known = self._found.get((key, verdict), (0, ()))
        self._found[key, verdict] = before + count, (*known, *examples)[:_EXAMPLES]

    # By rows

    async def judge_groups(self, standing: Iterable[Standing]) -> None:
        """Judge missions by where their rows say that they stand, and read those of which these do not tell enough."""
        unclear: dict[str, set[tuple[str, str]]] = {}
        judged: dict[_GroupKey, _Verdict | None] = {}
        for group in standing:
            key = group.mission_name, group.fingerprint, template_of(group.cursor)
            if key not in judged:
                judged[key] = await self._judge_group(group)
                await self._turns.taken()
            verdict = judged[key]
            if verdict is None:
                unclear.setdefault(group.mission_name, set()).add((group.fingerprint, group.cursor))
            else:
                self._add(key, verdict, group.count, group.examples)
        for name, places in unclear.items():
            await self._read_standing(name, places)

    async def _judge_group(self, group: Standing) -> _Verdict | None:
        """Return what becomes of all missions of a group, where that can be said."""
        name = group.mission_name
        definition = self._definitions.get(name)
        if definition is None:
            return _not_registered(name)
        if definition.fingerprint == group.fingerprint and self._new[name].site(group.cursor) is not None:
            return _UNAFFECTED
        old = await self._stored(group.fingerprint)
        site = None if old is None else old.site(group.cursor)
        if old is None or site is None:
            return None
        passed = dict(_passed(group.cursor.removeprefix(UNDO), site))
        place: Place = "undo" if group.cursor.startswith(UNDO) else site.node["kind"]

        def misfit(names: Mapping[str, EventRecord | None]) -> Misfit | None:
            state = standing_at(group.cursor, place, names.items(), mission_id=group.examples[0], mission_name=name)
            return find_misfit(definition, state)

        found = misfit(passed)
        if found != misfit({**dict.fromkeys(old.updates), **passed}):
            return None  # it depends on which updates were taken
        return self._verdict(name, group.fingerprint, found, [(group.cursor, True)])

    async def _read_standing(self, mission_name: str, places: set[tuple[str, str]]) -> None:
        """Judge missions of a name one by one, those that stand at one of these places."""
        query = MissionQuery(statuses=(MissionStatus.RUNNING, MissionStatus.WAITING), mission_name=mission_name)
        cursors = {cursor for _, cursor in places}
        async for page in paged(lambda after: self._port.list_missions(query, limit=PAGE, after=after)):
            listed = [summary for summary in page if summary.cursor in cursors]
            async for state in self._read(listed):
                if (state.ran_under, state.cursor) in places:
                    await self._judge(state)

    # One by one

    async def judge_unplaced(self) -> None:
        """Judge the missions whose rows do not tell where they stand."""
        async for page in paged(lambda after: self._port.list_unplaced(limit=PAGE, after=after)):
            async for state in self._read(page):
                await self._judge(state)

    async def _read(self, summaries: Iterable[MissionSummary]) -> AsyncIterator[State]:
        """Yield the states of missions that have not ended, and are there."""
        listed = list(summaries)
        outcomes = await self._port.load([summary.mission_id for summary in listed]) if listed else ()
        for summary, outcome in zip(listed, outcomes, strict=True):
            if outcome is None:
                continue
            try:
                state = _folded(summary.mission_id, outcome)
            except CorruptMissionError:
                key = summary.mission_name, None, template_of(summary.cursor or "")
                self._add(key, _CORRUPT, 1, [summary.mission_id])
                continue
            if not state.is_terminal:
                yield state
            await self._turns.taken()

    async def _judge(self, state: State) -> None:
        name, fingerprint = state.mission_name, state.last_run
        definition = self._definitions.get(name)
        if definition is None:
            verdict = _not_registered(name)
        else:
            await self._stored(fingerprint)
            lines = (line for line in state.every_line() if line.place != "reminder")
            places = [(line.cursor or "", line.fork is None or line.fork.has_room) for line in lines]
            verdict = self._verdict(name, fingerprint, find_misfit(definition, state), places)
        self._add((name, fingerprint, template_of(state.cursor or "")), verdict, 1, [state.mission_id])

    # What is said

    def _verdict(self, name: str, fingerprint: str | None, misfit: Misfit | None, places: Iterable[_Place]) -> _Verdict:
        if misfit is not None:
            return _Verdict("stranded", problem=template_of(misfit.problem), remedy=f"{misfit.remedy}, or cancel them")
        if fingerprint == self._definitions[name].fingerprint:
            return _UNAFFECTED
        differences = dict.fromkeys(text for place in places for text in self._ahead(name, fingerprint, place))
        return _Verdict("carried over", differences=tuple(differences)) if differences else _UNAFFECTED

    def _ahead(self, name: str, fingerprint: str | None, place: _Place) -> tuple[str, ...]:
        node, begins_paths = template_of(place[0]), place[1]
        key = name, fingerprint, node, begins_paths
        if key not in self._differences:
            old, new = self._old.get(fingerprint or ""), self._new[name]
            known: Iterable[str] = ("what they ran under is not stored",)
            if old is not None:
                known = differences_ahead(old, new, node, begins_paths=begins_paths)
            self._differences[key] = tuple(known)
        return self._differences[key]

    async def _stored(self, fingerprint: str | None) -> StaticForm | None:
        wanted = fingerprint or ""
        if wanted not in self._old:
            form = await self._port.load_definition(wanted)
            self._old[wanted] = None if form is None else StaticForm.of(form)
        return self._old[wanted]


_CORRUPT = _Verdict(
    "unaffected",
    problem="their stored histories do not fold, whatever is registered",
    remedy="see what doctor says of them",
)


def _not_registered(name: str) -> _Verdict:
    return _Verdict(
        "stranded",
        problem=f"no definition of the name {name!r} is among those given",
        remedy="give one of that name too, for as long as such missions are under way, or cancel them",
    )


def _rank(group: PlannedGroup) -> tuple[object, ...]:
    place = group.mission_name, group.node, group.fingerprint or "", group.problem or "", group.differences
    return _WORST_FIRST.index(group.effect), -group.count, *place


def _folded(mission_id: str, outcome: object) -> State:
    if isinstance(outcome, CorruptMissionError):
        raise outcome
    return load(mission_id, cast("tuple[Any, ...]", outcome))


def _passed(instance: str, site: StaticSite) -> Iterator[tuple[str, EventRecord | None]]:
    """Yield what a line that stands on a node has passed, as far as that lies in one line with what may be ahead."""
    while True:
        prefix = instance[: instance.rfind("/") + 1]
        for node in site.nodes[: site.index]:
            yield prefix + node["name"], None
        if site.around is None:
            return
        instance, role, site = construct_of(prefix[:-1]), site.role, site.around
        if role == "branch":
            yield instance, EventRecord()  # what it decided
        elif role in ("round", "exhausted"):
            yield f"{instance}[0]", None

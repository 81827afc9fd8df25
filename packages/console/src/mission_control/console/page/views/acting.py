"""What is done to missions: first a page that says what will happen to how many, then how it went with each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mission_control.core import MissionInspection, PersistenceError
from mission_control.core.definition import static_sites, template

from ...reading import (
    ACTIONS,
    CANCEL,
    MOST_COUNTED,
    REOPEN,
    SKIP,
    WAKE,
    Action,
    Outcome,
    Times,
    carry_out_all,
    count_selected,
    list_selected,
    static_of,
    timed_waits,
)
from ..asking import Asked, asked
from ..console import Console
from ..entry import MORE, Entry, entered
from ..guards import Form


@attrs.frozen(kw_only=True)
class Targets:
    """The missions that are meant: those that are named, or up to 1,000 that fit a filter."""

    ids: tuple[str, ...]
    fit: Asked | None

    @property
    def single(self) -> str | None:
        """The only mission that is named; None where there may be several."""
        return self.ids[0] if self.fit is None and len(self.ids) == 1 else None


@attrs.frozen(kw_only=True)
class Options:
    """What an action asks besides, of one mission: steps, places, and an output."""

    steps: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    output: Entry | None = None
    schema: Mapping[str, Any] | None = None


async def prepare(console: Console, request: Request, form: Form) -> Response:
    """Say what will happen to which missions, and ask whether it shall."""
    action, targets = _action(form), _targets(form)
    return await _asked(console, request, form, action, targets, await _options(console, action, targets, form))


async def carry(console: Console, request: Request, form: Form) -> Response:
    """Do it, and show how it went with each."""
    action, targets = _action(form), _targets(form)
    options = await _options(console, action, targets, form)
    arguments: dict[str, Any] = {name: form.get(name) for name in ("reason", "step", "path") if form.get(name)}
    if action is SKIP:
        value, entry = entered(options.schema, form)
        if entry.issues or form.get(MORE):
            return await _asked(console, request, form, action, targets, attrs.evolve(options, output=entry))
        arguments["output"] = value
    ids = await _ids(console, targets)
    outcomes, failure = list[Outcome](), None
    try:
        async for outcome in carry_out_all(console.client, action, ids, by=console.who(request), **arguments):
            outcomes.append(outcome)
    except PersistenceError as error:  # what is done is told all the same
        failure = error
    ordered = sorted(outcomes, key=lambda one: one.is_well)
    return console.page(
        request, "outcomes.html", action=action, outcomes=ordered, failure=failure, left=len(ids) - len(outcomes)
    )


async def _asked(
    console: Console, request: Request, form: Form, action: Action, targets: Targets, options: Options
) -> Response:
    count, is_all = (len(targets.ids), True)
    if targets.fit is not None:
        count, is_all = await count_selected(console.client, targets.fit.selection)
    has_issues = options.output is not None and bool(options.output.issues)
    return console.page(
        request,
        "confirm.html",
        status=400 if has_issues else 200,
        action=action,
        targets=targets,
        options=options,
        count=count,
        is_all=is_all,
        form=form,
        fields=() if targets.fit is None else targets.fit.fields,
        takes_reason=action is CANCEL,
    )


def _action(form: Form) -> Action:
    try:
        return ACTIONS[form.get("action")]
    except KeyError:
        raise HTTPException(400, f"Expected one of {', '.join(ACTIONS)} as the action.") from None


def _targets(form: Form) -> Targets:
    if form.get("of") == "all":
        wanted = asked(form.fields, Times.current())
        if wanted.errors:
            raise HTTPException(400, "; ".join(wanted.errors.values()))
        return Targets(ids=(), fit=wanted)
    ids = tuple(dict.fromkeys(form.all("mission")))
    if not ids:
        raise HTTPException(400, "No mission is selected: tick some, or choose all that fit the filter.")
    return Targets(ids=ids, fit=None)


async def _options(console: Console, action: Action, targets: Targets, form: Form) -> Options:
    if targets.single is None or action not in (REOPEN, SKIP, WAKE):
        if action in (SKIP, WAKE):
            raise HTTPException(400, f"One mission at a time is what {action.name} is for.")
        return Options()
    inspection = await console.client.inspect_mission(targets.single)
    if inspection is None:
        return Options()
    if action is WAKE:
        return Options(places=timed_waits(inspection.snapshot))
    static = await static_of(console.client, inspection.snapshot)
    if action is REOPEN:
        return Options(steps=() if static is None else tuple(node["name"] for node in static["nodes"][:-1]))
    steps = _failed_steps(inspection)
    schema = _output_schema(static, form.get("step") or (steps[0] if steps else None))
    return Options(steps=steps, output=Entry.empty(schema), schema=schema)


def _failed_steps(inspection: MissionInspection) -> tuple[str, ...]:
    """Return the instances of steps whose last attempt failed."""
    last = {attempt.step_name: attempt.status for attempt in inspection.step_attempts}
    return tuple(name for name, status in last.items() if status in ("failed", "interrupted"))


def _output_schema(static: Mapping[str, Any] | None, step: str | None) -> Mapping[str, Any] | None:
    """Return the JSON Schema of what a step returns; None where nobody knows it."""
    site = None if static is None or step is None else static_sites(static).get(template(step))
    return None if site is None else site.node.get("output_json_schema")


async def _ids(console: Console, targets: Targets) -> tuple[str, ...]:
    if targets.fit is None:
        return targets.ids
    page = await list_selected(console.client, targets.fit.selection, limit=MOST_COUNTED)
    return tuple(mission.mission_id for mission in page.missions)

"""The views of a database, for people: missions and their waits, and records one by one."""

from __future__ import annotations

from mission_control.core.history import UNDO

from .rows import NEVER


def _printable(text: str, path: str) -> str:
    """Return the SQL of a text in JSON as UTF-8, whatever it was: half of a surrogate pair is shown as its escape."""
    escaped = text
    for old, new in ((r"'\\'", "char(1)"), (r"'\ud'", r"'\\ud'"), ("char(1)", r"'\\'")):
        escaped = f"replace({escaped}, {old}, {new})"
    found = f"json_extract({text}, '{path}')"
    return f"iif(hex({found}) GLOB '*ED[AB]*', json_extract({escaped}, '{path}'), {found})"


def _error(details: str, path: str) -> str:
    """Return the SQL of an error's class and message."""
    kind, message = (_printable(details, f"{path}.{name}") for name in ("type", "message"))
    return f"ifnull({kind} || ': ', '') || {message}"


def _path(kind: str, name: str) -> str:
    """Return the SQL of the path that a record of that type happened in: its name up to the last slash, if any.

    What `rtrim` takes away there is everything but slashes.
    """
    instance = f"iif({name} GLOB '{UNDO}*', substr({name}, {len(UNDO) + 1}), {name})"
    place = f"nullif(substr({instance}, 1, length(rtrim({instance}, replace({instance}, '/', ''))) - 1), '')"
    return f"""
        CASE WHEN {kind} IN ('path-completed', 'path-failed', 'path-stopped') THEN {name}
             WHEN instr({name}, '/') THEN {place} END
    """


def _of_commit(commit: str) -> str:
    """Return the SQL of a commit's records, one by one; what is damaged has none."""
    return f"json_each(CASE WHEN json_valid({commit}.records) THEN {commit}.records ELSE '[]' END)"


_SEQ = "h.version - json_array_length(h.records) + r.key + 1"
_AT, _TYPE, _NAME, _DETAILS = (
    "ifnull(json_extract(r.value, '$[4]'), h.at)",
    "json_extract(r.value, '$[0]')",
    "json_extract(r.value, '$[1]')",
    "json_extract(r.value, '$[3]')",
)
_FAILURE = "iif(json_valid(error), error, NULL)"
_ENDED_WITHOUT = f"""
    EXISTS (
        SELECT 1 FROM history AS later, {_of_commit("later")} AS r
        WHERE later.mission = number AND later.version >= story.version
        AND (later.records GLOB '*"path-stopped"*' OR later.records GLOB '*"signal-*')
        AND later.version - json_array_length(later.records) + r.key + 1 > seq
        AND CASE {_TYPE}
            WHEN 'path-stopped' THEN instr(event_name, {_NAME} || '/') = 1
            WHEN 'signal-received' THEN instr(event_name, {_NAME} || '/reminder[') = 1
            WHEN 'signal-timed-out' THEN instr(event_name, {_NAME} || '/reminder[') = 1
        END
    )
"""
"""A timer's path was stopped, or it was a reminder's and the wait is over. Only timers on paths are looked up."""

_REOPENED = f"""
    EXISTS (
        SELECT 1 FROM history AS later, {_of_commit("later")} AS r
        WHERE later.mission = number AND later.version >= story.version
        AND later.records GLOB '*"mission-reopened"*' AND {_TYPE} = 'mission-reopened'
        AND later.version - json_array_length(later.records) + r.key + 1 > seq
    )
"""
"""The mission had ended, and its timers with it, before it went on."""

_UNDOING = f"m.error IS NOT NULL AND (m.wait_kind IS NOT 'retry' OR m.wait_name GLOB '{UNDO}*')"
"""What backs off bears the error of its step, too."""

SINCE = f"""
    (
        SELECT {_AT} FROM history AS h, {_of_commit("h")} AS r
        WHERE h.mission = m.number AND {_NAME} = m.wait_name AND {_TYPE}
              IN ('waiting-for-signal', 'timer-scheduled', 'step-retry-scheduled', 'child-started')
        ORDER BY h.version DESC, r.key DESC LIMIT 1
    )
"""
"""When the wait in the row of a mission `m` began."""

VIEWS = {
    "mission_history": f"""
        SELECT m.mission_id, m.mission_name, {_SEQ} AS seq, {_AT} AS at, {_TYPE} AS type, {_NAME} AS event_name,
               json_extract(r.value, '$[2]') AS attempt_number, nullif({_DETAILS}, '{{}}') AS details,
               {_path(_TYPE, _NAME)} AS path
        FROM missions AS m JOIN history AS h ON h.mission = m.number, {_of_commit("h")} AS r
    """,
    "all_missions": f"""
        SELECT mission_id, mission_name, status, cursor AS step_name, wait_kind, wait_name AS waits_for, due_at,
               {_error(_FAILURE, "$")} AS error, created_at, updated_at, parent, schedule, slot, labels,
               remind_at IS '{NEVER}' AS paused
        FROM missions
    """,
    "failed_missions": f"""
        SELECT mission_id, mission_name, json_extract({_FAILURE}, '$.code') AS code,
               {_printable(_FAILURE, "$.type")} AS class, {_printable(_FAILURE, "$.message")} AS message,
               json_extract({_FAILURE}, '$.at') AS failed_at, parent
        FROM missions WHERE status = 'failed'
    """,
    "waiting_missions": f"""
        SELECT mission_id, mission_name, wait_kind, wait_name AS waits_for, due_at, attempt_number,
               {SINCE} AS since
        FROM missions AS m WHERE status = 'waiting'
    """,
    "all_schedules": """
        SELECT name, mission_name, cron, every, time_zone,
               CASE WHEN is_absent THEN 'absent' WHEN is_paused THEN 'paused' WHEN next_slot IS NOT NULL THEN 'active'
                    WHEN mission_name IS NOT NULL THEN 'ended' END AS status,
               CASE WHEN NOT is_absent AND NOT is_paused THEN next_slot END AS next_slot, queued, last_slot,
               last_mission_id,
               (SELECT status FROM missions WHERE mission_id = last_mission_id) AS last_outcome, passed_over
        FROM (
            SELECT name, json_extract(row, '$.mission_name') AS mission_name,
                   json_extract(row, '$.spec.cron') AS cron, json_extract(row, '$.spec.every') AS every,
                   json_extract(row, '$.spec.time_zone') AS time_zone, json_extract(row, '$.is_absent') AS is_absent,
                   json_extract(row, '$.is_paused') AS is_paused, json_extract(row, '$.next_slot') AS next_slot,
                   json_extract(row, '$.queued') AS queued, json_extract(row, '$.last_slot') AS last_slot,
                   json_extract(row, '$.last_mission_id') AS last_mission_id,
                   json_extract(row, '$.passed_over') AS passed_over
            FROM (SELECT name, iif(json_valid(schedule), schedule, NULL) AS row FROM schedules)
        )
    """,
    "open_waits": """
        SELECT mission_id, mission_name, event_name,
               nullif(substr(event_name, 1, max(0, length(event_name) - length(signal) - 1)), '') AS path,
               since, timeout_at
        FROM wait_kinds JOIN waits USING (kind)
    """,
    "step_attempts": f"""
        SELECT mission_id, mission_name, event_name AS step_name, attempt_number,
               CASE end_type WHEN 'step-succeeded' THEN 'succeeded' WHEN 'step-failed' THEN 'failed'
                             WHEN 'step-interrupted' THEN 'interrupted' ELSE 'running' END AS status,
               at AS started_at, end_at AS finished_at, {_error("end_details", "$.error")} AS error
        FROM (
            SELECT mission_id, mission_name, seq, at, type, event_name, attempt_number,
                   lead(type) OVER story AS end_type, lead(at) OVER story AS end_at,
                   lead(details) OVER story AS end_details
            FROM mission_history
            WHERE type IN ('step-started', 'step-succeeded', 'step-failed', 'step-interrupted')
            WINDOW story AS (PARTITION BY mission_id, event_name ORDER BY seq)
        )
        WHERE type = 'step-started' ORDER BY mission_id, seq
    """,
    "timers": f"""
        SELECT mission_id, mission_name, event_name,
               CASE WHEN event_name = 'start_at' THEN 'start_at' WHEN type = 'timer-scheduled' THEN 'sleep'
                    ELSE 'retry' END AS kind,
               CASE WHEN end_type = 'timer-fired' THEN 'completed'
                    WHEN mission_status IN ('completed', 'failed', 'cancelled') THEN 'cancelled'
                    WHEN end_type = 'step-skipped' THEN 'cancelled'
                    WHEN is_undoing AND event_name NOT GLOB '{UNDO}*' THEN 'cancelled'
                    WHEN instr(event_name, '/') AND {_ENDED_WITHOUT} THEN 'cancelled'
                    WHEN {_REOPENED} THEN 'cancelled'
                    ELSE 'scheduled' END AS status,
               at AS scheduled_at, json_extract(details, '$.due_at') AS due_at,
               CASE end_type WHEN 'timer-fired' THEN end_at END AS resumed_at
        FROM (
            SELECT m.mission_id, m.mission_name, m.number, m.status AS mission_status,
                   {_UNDOING} AS is_undoing, h.version,
                   {_SEQ} AS seq, {_AT} AS at, {_TYPE} AS type, {_NAME} AS event_name, {_DETAILS} AS details,
                   lead({_TYPE}) OVER story AS end_type, lead({_AT}) OVER story AS end_at
            FROM missions AS m JOIN history AS h ON h.mission = m.number, {_of_commit("h")} AS r
            WHERE {_TYPE} IN ('timer-scheduled', 'step-retry-scheduled', 'timer-fired', 'step-skipped')
            WINDOW story AS (PARTITION BY m.mission_id, {_NAME} ORDER BY {_SEQ})
        ) AS story
        WHERE type IN ('timer-scheduled', 'step-retry-scheduled') ORDER BY mission_id, seq
    """,
}
"""Views keep no data: every upgrade makes them anew."""

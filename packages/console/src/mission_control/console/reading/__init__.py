"""What both faces of the console read and ask, of one client: it decides nothing, and knows no SQL."""

from .actions import (
    ACTIONS,
    CANCEL,
    PAUSE,
    REOPEN,
    RESUME,
    SKIP,
    WAKE,
    Action,
    Outcome,
    accepted_message,
    carry_out,
    carry_out_all,
    outcome_of,
)
from .agenda import AgendaEntry, read_agenda
from .answering import AnsweredMeanwhileError, answer, answer_key
from .definitions import static_of
from .overview import Need, Overview, read_overview
from .selecting import MOST_COUNTED, MissionPage, Selection, count_selected, iter_pages, iter_selected, list_selected
from .standing import read_standing
from .times import Times, read_span, span
from .waits import (
    answer_to,
    find_wait,
    given_before,
    is_open,
    last_wait,
    open_waits,
    place_of,
    recorded_wait,
    timed_waits,
    wait_at,
)

__all__ = [
    "ACTIONS",
    "CANCEL",
    "MOST_COUNTED",
    "PAUSE",
    "REOPEN",
    "RESUME",
    "SKIP",
    "WAKE",
    "Action",
    "AgendaEntry",
    "AnsweredMeanwhileError",
    "MissionPage",
    "Need",
    "Outcome",
    "Overview",
    "Selection",
    "Times",
    "accepted_message",
    "answer",
    "answer_key",
    "answer_to",
    "carry_out",
    "carry_out_all",
    "count_selected",
    "find_wait",
    "given_before",
    "is_open",
    "iter_pages",
    "iter_selected",
    "last_wait",
    "list_selected",
    "open_waits",
    "outcome_of",
    "place_of",
    "read_agenda",
    "read_overview",
    "read_span",
    "read_standing",
    "recorded_wait",
    "span",
    "static_of",
    "timed_waits",
    "wait_at",
]

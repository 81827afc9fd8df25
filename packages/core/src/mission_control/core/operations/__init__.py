"""What is found out about all missions that storage has: plans of deployments, checks of what is stored, exports.

Everything here only reads, through a `ReadPort`, and knows neither a commander nor an engine. `planning` says what
definitions would do to missions that are under way, `doctor` whether what is stored beside histories is what these
say, and `forms` puts a mission into one JSON form and takes it out again.
"""

from .doctor import Finding, FindingKind, examine, right_rows, rows_of
from .forms import ImportedMission, export_form, form_id, read_form
from .planning import DeployPlan, PlannedGroup, make_plan

__all__ = [
    "DeployPlan",
    "Finding",
    "FindingKind",
    "ImportedMission",
    "PlannedGroup",
    "examine",
    "export_form",
    "form_id",
    "make_plan",
    "read_form",
    "right_rows",
    "rows_of",
]

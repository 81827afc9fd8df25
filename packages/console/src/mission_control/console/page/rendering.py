"""Pages from templates: all text is escaped, and a name that is missing is an error."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from urllib.parse import quote

import attrs
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.datastructures import QueryParams
from starlette.types import Scope

from mission_control.core import MissionFailure
from mission_control.core.readable import encodable

from ..reading import Times, span
from .assets import asset_path
from .hiding import HIDDEN, Hiding
from .links import link, path_of, path_to
from .words import failure_kind

_MOST_SHOWN = 20_000
"""How many characters of a payload are on a page."""


@attrs.frozen(kw_only=True, eq=False)
class Here:
    """Where a page is shown, and to whom: what templates ask that is not of missions."""

    scope: Scope
    read_only: bool
    form_token: str
    has_login: bool
    is_open: bool
    hiding: Hiding
    times: Times

    @property
    def path(self) -> str:
        """The path of the page."""
        return path_of(self.scope)

    def url(self, path: str, **query: str | None) -> str:
        """Return the address of a path of the page."""
        return link(self.scope, path, query.items())

    def mission(self, mission_id: str, face: str = "missions", **query: str | None) -> str:
        """Return the address of a mission, or of what `face` shows of it."""
        return link(self.scope, path_to(face, mission_id), query.items())

    def at(self, face: str, name: str) -> str:
        """Return the address of what `face` shows of something that has a name of any characters."""
        return link(self.scope, path_to(face, name))

    def asset(self, name: str) -> str:
        """Return the address of a file."""
        return link(self.scope, asset_path(name))

    def is_at(self, path: str) -> bool:
        """True where the page is one of those below a path."""
        return self.path == path or (path != "/" and self.path.startswith(f"{path}/"))

    def asks(self, name: str) -> bool:
        """True where the page's address has a field of that name."""
        return bool(QueryParams(self.scope["query_string"]).get(name))

    def missions(self, fields: Iterable[tuple[str, str]]) -> str:
        """Return the address of the list of missions with a filter."""
        return link(self.scope, "/missions", fields)

    def failure(self, failure: MissionFailure) -> str:
        """Return a failure on one line, as it may be shown."""
        return f"{failure_kind(failure)}: {self.shown('error', failure.message)}"

    def when(self, at: datetime, ago: bool = True) -> Markup:
        """Return an instant with its zone, and how far it is from now."""
        far = Markup(' <span class="ago">({})</span>').format(self.times.ago(at)) if ago else ""
        return self._time(at, self.times.shown(at)) + far

    def since(self, at: datetime) -> Markup:
        """Return how far an instant is from now; who hovers over it is told the instant."""
        return self._time(at, self.times.ago(at))

    def _time(self, at: datetime, shown: str) -> Markup:
        utc = at.astimezone(UTC)
        title = f"{utc:%Y-%m-%d %H:%M:%S} UTC"
        return Markup(f'<time datetime="{utc.isoformat()}" title="{title}">{escape(shown)}</time>')

    def hour(self, at: datetime) -> str:
        """Return the hour of an instant, in the zone in which times are shown."""
        return f"{at.astimezone(self.times.zone):%H:%M}"

    def shown(self, kind: str, text: str) -> str:
        """Return a text of a mission as it may be shown."""
        return self.hiding.text(kind, text)

    def shown_whole(self, kind: str, value: object) -> str:
        """Return a payload as JSON that people read, a traceback as it is, as far as they may be shown."""
        found = self.hiding.shown(kind, value)
        is_text = kind == "traceback" or found is HIDDEN
        whole = str(found) if is_text else json.dumps(found, ensure_ascii=False, indent=2)
        if len(whole) <= _MOST_SHOWN:
            return whole
        return f"{whole[:_MOST_SHOWN]}\n... {len(whole):,} characters in all: the export has the others"


def render(template: str, here: Here, values: Mapping[str, object]) -> str:
    """Return the text of a page, all of which can be encoded."""
    return encodable(_environment().get_template(template).render(here=here, **values))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__name__.rpartition(".")[0], "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.filters.update(anchor=anchor, span=span, failure_kind=failure_kind)
    return environment


def anchor(text: str) -> str:
    """Return a text as the id of an element: without spaces, and the same whenever it is shown."""
    return quote(text, safe="").replace("%", "_")

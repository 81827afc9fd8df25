"""The pages, a module for each: what it reads of the client, and what its template is given."""

from .addresses import routes_of

__all__ = ["routes_of"]

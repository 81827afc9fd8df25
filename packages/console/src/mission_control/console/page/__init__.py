"""The page: what one client's missions look like in a browser, and what can be done to them there.

`application` makes it of the pages in `views`, behind what is in `guards`. `serving` runs it where there is no server
of one's own, and is imported only then.
"""

from typing import TYPE_CHECKING

from .application import create_app

if TYPE_CHECKING:
    from . import serving

__all__ = ["create_app", "serving"]

"""Where the command begins, and ends: nothing that is imported is garbage, and looking for it takes a while."""

import gc


def main() -> None:
    """Run the command line, and exit."""
    gc.disable()  # until something is asked
    from .group import run

    try:
        run()
    finally:
        gc.freeze()  # the interpreter looks through everything once more when it ends

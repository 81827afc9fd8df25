"""`python -m mission_control.console.command` is `mission-control`."""

from . import main

main()

"""What no honest person or browser sends: texts, numbers, JSON and addresses that look for a hole."""

from __future__ import annotations

import os
import string

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EXAMPLES = settings(
    max_examples=int(os.environ.get("R8_EXAMPLES", "150")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
"""How much is tried in the suite; R8 is measured with `R8_EXAMPLES=3000`."""

NASTY = (
    "",
    " ",
    "\x00",
    "\ud800",
    "\u202e",
    "0" * 400,
    "x" * 10_000,
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; DROP TABLE missions; --",
    "../../../etc/passwd",
    "%00%2e%2e%2f",
    "{{7*7}}",
    "${jndi:ldap://localhost}",
    "-1",
    "1e999",
    "NaN",
    "9" * 30,
    "9999-12-31T23:59:59+00:00",
    "0001-01-01",
    "2026-02-30",
    "1000000000d",
    "null",
    "[" * 500,
    '{"a":' * 300,
    "[1, 2",
    "--help",
    "-",
    "@file",
)

ALPHABET = st.characters(exclude_categories=[])
TEXTS = st.one_of(st.sampled_from(NASTY), st.text(ALPHABET, max_size=40), st.text(string.printable, max_size=40))
"""Any text, lone surrogates included."""

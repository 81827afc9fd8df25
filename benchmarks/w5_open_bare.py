"""The floor of W5: a new process opens the file and does one indexed read. It needs nothing of ours."""

from __future__ import annotations

import json
import sqlite3
import sys
import time

begun = time.perf_counter()
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA journal_mode = WAL")
found = connection.execute("SELECT * FROM missions WHERE mission_id = ?", (sys.argv[2],)).fetchone()
ready = time.perf_counter()
assert found is not None
connection.close()
print(json.dumps({"ready": (ready - begun) * 1e3}))

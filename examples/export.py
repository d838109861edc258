"""A job for cron: all contacts as JSON lines, in a file that is replaced only when the new one is whole."""

import sys
from pathlib import Path

from wootiv import APIError, Wootiv

target = Path(sys.argv[1])
unfinished = target.with_suffix(".unfinished")
try:
    with Wootiv(timeout=20, max_retries=5) as client, unfinished.open("wb") as file:
        # .list(limit=500).concurrent(8) will fetch eight pages at a time
        file.writelines(contact.to_json() + b"\n" for contact in client.contacts.list(limit=500))
except APIError as error:
    sys.exit(f"not exported: {error}")
unfinished.replace(target)

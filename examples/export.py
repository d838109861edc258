"""A job for cron: all contacts as JSON lines, in a file that is replaced only when the new one is whole."""

import sys
from pathlib import Path

from wootiv import APIError, Wootiv

target = Path(sys.argv[1])
unfinished = target.with_suffix(".unfinished")
try:
    client = Wootiv(timeout=20, max_retries=5)
    with unfinished.open("wb") as file, client.contacts.list(limit=500).concurrent(8) as contacts:
        file.writelines(contact.to_json() + b"\n" for contact in contacts)
except APIError as error:
    sys.exit(f"not exported: {error}")
unfinished.replace(target)

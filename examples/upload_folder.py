"""Upload a folder and all that is in it, four files at a time, with `python upload_folder.py letters`."""

import sys
from pathlib import Path

from wootiv import Succeeded, Wootiv

top = Path(sys.argv[1]).resolve()
files = [file for file in top.rglob("*") if file.is_file()]
named = [(file.relative_to(top.parent).as_posix(), file) for file in files]
with Wootiv() as client, client.upload_many(named, concurrency=4) as outcomes:
    for outcome in outcomes:
        told = outcome.value.key if isinstance(outcome, Succeeded) else f"not stored: {outcome.error}"
        print(f"{files[outcome.index]} is {told}")
sys.exit(outcomes.counts.succeeded < len(files))

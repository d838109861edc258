"""The page about the sandbox says of every operation what it is."""

import re
from pathlib import Path

from differences import TABLE

from wootiv.sandbox.rows import PASSWORD

PAGE = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")


def test_the_table_tells_stateful_operations_from_examples(sandbox):
    told = {
        f"{owner}.{name}": kind
        for owner, names, kind in re.findall(r"^\| `([\w.]+)` \| ([^|]+) \| (stateful|example) \|", PAGE, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }
    assert told == {one.name: "stateful" if one.stateful else "example" for one in sandbox.app.routes}
    assert len(told) == 81


def test_the_page_tells_what_differs_from_the_engine_and_why():
    part = PAGE.partition("\n## Where it differs\n")[2].partition("\n## ")[0]
    told = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("|")][2:]
    assert told == [[one.requests, one.engine, one.sandbox, one.cause] for one in TABLE.values()]


def test_the_page_tells_the_password_and_the_counts_of_the_rows(sandbox):
    assert f"password `{PASSWORD}`" in PAGE
    counts = {path.strip("/"): len(table) for path, table in sandbox.tables.items()}
    text = PAGE.replace("\n", " ")
    for path, words in {
        "contact_group": "{} contact groups", "wspace": "{} workspaces", "user": "{} users", "role": "{} roles",
        "role-assignment/{assignment}": "{} assignments", "invitation": "{} invitations", "mailbox": "{} mailboxes",
    }.items():  # fmt: skip
        assert words.format(counts[path]) in text

"""A bulk import: add contacts from CSV, eight at a time, and tell what became of each; reads standard input."""

import csv
import sys

from msgspec import convert

from wootiv import Call, Succeeded, Wootiv, calls
from wootiv.types import Contact, NewContact


def add(row: dict[str, str]) -> Call[Contact]:
    return calls.contacts.create(**convert({**row, "metadata": {}}, NewContact))


with Wootiv() as client, client.bulk(add, csv.DictReader(sys.stdin), concurrency=8) as outcomes:
    for outcome in outcomes:
        if isinstance(outcome, Succeeded):
            print(outcome.value.id)
        else:  # Failed, Unknown or NotSent
            print(f"{type(outcome).__name__}: {outcome.item['email']}, {outcome.error}")

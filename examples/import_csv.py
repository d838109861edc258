"""A bulk import: add contacts from CSV, eight at a time, and tell which were refused; reads standard input."""

import csv
import sys
from concurrent.futures import ThreadPoolExecutor

from msgspec import convert

from wootiv import APIError, Wootiv
from wootiv.types import NewContact


def add(row: dict[str, str]) -> str:
    try:
        return client.contacts.create(**convert({**row, "metadata": {}}, NewContact)).id
    except APIError as error:
        return f"{row['email']} was not added: {error.message}"


with Wootiv() as client, ThreadPoolExecutor(8) as pool:
    # client.bulk(...) will take the place of the pool, and tell refused rows from those that may have been added
    print(*pool.map(add, csv.DictReader(sys.stdin)), sep="\n")

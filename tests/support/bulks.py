"""Bulks as either client reads them, and the one account that has to come out even."""

from collections import Counter

from wootiv import Failed, NotSent, Succeeded, Unknown, Wootiv, calls

KINDS = {"succeeded": Succeeded, "failed": Failed, "unknown": Unknown, "not_sent": NotSent}


class Reading:
    """A bulk, and what its reader got of it."""

    def __init__(self, client, get, make, items, **options):
        self.bulk = client.bulk(make, items, **options)
        self.got = []
        self._is_blocking = isinstance(client, Wootiv)
        self._get = get

    def run(self, body=lambda _: None):
        """Read it to its end, with a body for the loop; on the client's own thread or event loop."""
        if self._is_blocking:
            with self.bulk as outcomes:
                for outcome in outcomes:
                    self.got.append(outcome)
                    body(outcome)
        else:
            self._get(self.read(body))
        return self

    async def read(self, body=lambda _: None):
        async with self.bulk as outcomes:
            async for outcome in outcomes:
                self.got.append(outcome)
                body(outcome)

    @property
    def all(self):
        """Every outcome, in order of the items."""
        return sorted([*self.got, *self.bulk.unread], key=lambda outcome: outcome.index)

    def of(self, kind):
        return [outcome for outcome in self.all if isinstance(outcome, kind)]


def new_contact(email, **more):
    """A contact's creation that is known again by its email."""
    given = {"first_name": "A", "last_name": "B", "metadata": {}, "phone_number": "+44 1", "workspace_id": "w"}
    return calls.contacts.create(email=email, contact_group_id="g", **given, **more)


def emails(count, host="bulk.test"):
    return [f"{number}@{host}" for number in range(count)]


def check_account(reading, items, sandbox):
    """Hold the outcomes of a bulk of contacts against the rows of a sandbox that knows no idempotency keys.

    Each item that was read has one outcome, and these are the first ones; the counts are those of the outcomes; what
    succeeded is there once, what failed or was not sent is not there, and nothing is there twice. Gives how many there
    are of each kind, and how many of the unknown are there.
    """
    outcomes = reading.all
    assert [outcome.index for outcome in outcomes] == list(range(len(outcomes)))
    assert [outcome.item for outcome in outcomes] == items[: len(outcomes)]
    found = Counter(type(outcome) for outcome in outcomes)
    assert {name: getattr(reading.bulk.counts, name) for name in KINDS} == {
        name: found[kind] for name, kind in KINDS.items()
    }
    given = set(items)
    held = Counter(row["email"] for row in list(sandbox.tables["/contacts"]) if row["email"] in given)
    assert set(held) <= {outcome.item for outcome in outcomes}
    for outcome in outcomes:
        expected = {Succeeded: {1}, Failed: {0}, NotSent: {0}, Unknown: {0, 1}}[type(outcome)]
        assert held[outcome.item] in expected, outcome
    return found, sum(held.values()) - found[Succeeded]

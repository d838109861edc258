"""Two servers that are sent the same requests: what they answer and what they hold, and where they may differ."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
from dice import LISTED, NAMED, Asked, Rows
from differences import TABLE

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"20(?:2[6-9]|[3-9]\d)-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
"""Of today or later: the first rows and what the requests say are older."""
_TOKEN = re.compile(r"[\w-]{20,}\.[\w-]{20,}\.[\w-]{20,}")
_SLUG = re.compile(r"-[0-9a-f]{8}$")
_SIGNED = re.compile(r"^https?://[^/]*/[^/]*(/[^?]*)?(\?(?:X-Amz-[^&]*&)*X-Amz-Signature=[0-9a-f]+)?$")
_AS_IT_IS = "".join(map(chr, range(0x21, 0x7F)))
_NEW = re.compile(r"{new:(\w+):(\d+)}")


class Reply(NamedTuple):
    """An answer, with the same names on both sides for what each server makes up."""

    status: int
    content_type: str
    body: Any


class Side:
    """One of two servers, and what it made."""

    def __init__(self, client: httpx.Client, first: Rows) -> None:
        self._client = client
        self._first = first
        self.begin()

    def begin(self) -> None:
        """Forget what was made: the server holds its first rows again."""
        self._known = {one for rows in self._first.values() for row in rows for one in _UUID.findall(json.dumps(row))}
        self._names: dict[str, str] = {}
        self._made: dict[str, list[str]] = {kind: [] for kind in NAMED}
        self._token = ""

    def ask(self, asked: Asked) -> Reply:
        """Send a request, and read what comes back."""
        body = asked.body.replace(b"{token}", self._token.encode())
        headers = {"Content-Type": asked.content_type} if asked.content_type else {}
        request = self._client.build_request(asked.method, "/", content=body, headers=headers)
        # As it stands: httpx would mend what is broken in it.
        request.extensions["target"] = quote(self._with_ids(asked.target), safe=_AS_IT_IS).encode()
        answer = self._client.send(request)
        return self._read(asked, answer)

    def _with_ids(self, target: str) -> str:
        def made(found: re.Match[str]) -> str:
            ids = self._made[found[1]]
            return ids[int(found[2]) % len(ids)] if ids else "none"

        return _NEW.sub(made, target)

    def _read(self, asked: Asked, answer: httpx.Response) -> Reply:
        kind = answer.headers.get("content-type", "")
        try:
            body = answer.json() if answer.content else None
        except ValueError:
            return Reply(answer.status_code, kind, answer.text)
        if asked.method == "POST" and answer.status_code == 201:
            for row in body if isinstance(body, list) else [body]:
                if isinstance(row, dict) and "id" in row:
                    self._made[asked.target.split("/")[1]].append(row["id"])
            if isinstance(body, dict):
                self._token = body.get("refreshToken", self._token)
        if isinstance(body, dict) and isinstance(body.get("message"), list):
            body["message"].sort()  # they come in the order in which somebody wrote the fields of a body down
        return Reply(answer.status_code, kind, self._named(body))

    def _named(self, value: Any, key: str = "") -> Any:
        match value:
            case dict():
                return {name: self._named(item, name) for name, item in sorted(value.items())}
            case list() if key in ("contacts", "assignees"):  # of a relation, whose order nobody promises
                return sorted((self._named(item) for item in value), key=str)
            case list():
                return [self._named(item) for item in value]
            case str():
                return self._text(value, key)
        return value

    def _text(self, text: str, key: str) -> str:
        if key in ("signedUrl", "baseUrl"):
            return _SIGNED.sub(r"<address>\1", text)
        if key == "slug":
            text = _SLUG.sub("-<id>", text)
        text = _TOKEN.sub("<token>", _TIME.sub("<now>", text))
        for one in _UUID.findall(text):
            if one not in self._known:
                text = text.replace(one, self._names.setdefault(one, f"<id {len(self._names)}>"))
        return text

    def rows(self) -> dict[str, list[Any]]:
        """All rows: those of lists, and those that can only be fetched one by one."""
        left: dict[str, list[Any]] = {}
        for kind in LISTED:
            body = self.ask(Asked("GET", f"/{kind}?include_deleted=1")).body
            left[kind] = body["data"] if isinstance(body, dict) else body
        for kind in sorted({*NAMED} - {*LISTED}):
            ids = [row["id"] for row in self._first[kind]] + self._made[kind]
            left[kind] = [self.ask(Asked("GET", f"/{kind}/{id}")).body for id in ids]
        return left


class Count:
    """How many requests were compared, and what came of them."""

    def __init__(self) -> None:
        self.compared = 0
        self.why = Counter[str]()
        self.unexplained: list[str] = []

    def compare(self, asked: Asked, theirs: Reply, ours: Reply) -> None:
        """Compare two answers to one request."""
        self.compared += 1
        if _text(theirs) == _text(ours):
            return
        for name, difference in TABLE.items():
            if difference.explains(asked, theirs, ours):
                self.why[name] += 1
                return
        self.unexplained.append(f"{asked}\n    engine  {_text(theirs)[:600]}\n    sandbox {_text(ours)[:600]}")

    def compare_rows(self, batch: str, theirs: dict[str, list[Any]], ours: dict[str, list[Any]]) -> None:
        """Compare the rows that a batch of requests left behind."""
        for kind, rows in theirs.items():
            if _text(rows) != _text(ours[kind]):
                odd = [
                    f"{_text(a)[:500]}\n            {_text(b)[:500]}"
                    for a, b in zip(rows, ours[kind], strict=False)
                    if _text(a) != _text(b)
                ]
                self.unexplained.append(f"{kind} after {batch}: {len(rows)} and {len(ours[kind])}: {odd[:1]}")

    def table(self) -> str:
        """What is to be told of it."""
        different = sum(self.why.values())
        equal = self.compared - different - len(self.unexplained)
        lines = [f"{self.compared} requests compared: {equal} equal, {different} different"]
        lines += [f"{self.why[name]:6}  {one.requests}: {one.cause}" for name, one in TABLE.items()]
        return "\n".join(lines)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def compare(batch: str, asked: Iterable[Asked], theirs: Side, ours: Side, count: Count) -> None:
    """Send a batch to both, and compare what they answer and what it leaves behind."""
    for one in asked:
        count.compare(one, theirs.ask(one), ours.ask(one))
    count.compare_rows(batch, theirs.rows(), ours.rows())

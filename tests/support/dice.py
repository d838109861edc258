"""Requests made at random from rows, the same ones at every run: lists of all kinds, records, and what is no request.

An id that a server is to make stands in them as `{new:role:0}`: the first role that it made.
"""

import json
import random
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

Rows = dict[str, list[dict[str, Any]]]
JSON = "application/json"
FORM = "multipart/form-data; boundary=cut"

LISTED = ("contacts", "contact_group", "role", "user", "invitation", "mailbox")
NAMED = (*LISTED, "wspace", "subscription")
RELATIONS = {
    "contacts": ("contactGroup", "workspace", "contactGroup.workspace"),
    "contact_group": ("workspace", "contacts"),
    "role": ("assignees",),
    "user": (),
    "invitation": ("user",),
    "mailbox": ("workspace",),
    "wspace": ("subscription",),
    "subscription": ("workspace",),
}
# What each body holds: a name, and the kind of its value.
BODIES: dict[str, dict[str, str]] = {
    "contacts": {
        "contactGroupId": "text", "email": "text", "firstName": "text", "lastName": "text", "metadata": "object",
        "phoneNumber": "text", "workspaceId": "text",
    },
    "contact_group": {"groupName": "text", "workspaceId": "text"},
    "role": {"name": "text", "description": "text"},
    "invitation": {"category": "category", "email": "text", "payload": "object"},
    "mailbox": {
        "config": "object", "dotcom": "text", "name": "text", "objective": "text", "uniqueAddress": "text",
        "workspaceId": "text",
    },
    "wspace": {"name": "text", "ownerId": "text"},
    "subscription": {
        "endDate": "date", "planName": "plan", "startDate": "date", "status": "state", "workspaceId": "space",
    },
}  # fmt: skip
CHANGES = BODIES | {
    "mailbox": BODIES["mailbox"] | {"status": "text"},
    "wspace": BODIES["wspace"] | {"slug": "text", "workspaceMembers": "texts"},
    "subscription": BODIES["subscription"] | {"history": "list"},
}
UNINDEXED = {
    "contacts": "lastName", "contact_group": "groupName", "role": "name", "user": "lastName", "invitation": "category",
    "mailbox": "name",
}  # fmt: skip
"""A field by which the engine does not come to read rows in another order."""
WHOLE = ("contact_group", "role")
"""Whose changes want every field: their bodies are those of new ones."""
REMOVED = ("contacts", "contact_group", "role", "invitation", "mailbox")

OLD = (
    "eq", "ne", "gt", "lt", "gte", "lte", "starts", "ends", "cont", "excl", "in", "notin", "isnull", "notnull",
    "between",
)  # fmt: skip
OPERATORS = (
    *(f"${one}" for one in OLD),
    *(f"${one}L" for one in ("eq", "ne", "starts", "ends", "cont", "excl", "in", "notin")),
)
ODD = (
    "0012", "12", "42", "7", "1.50", "1.5", "1e3", "-0", "true", "false", "null", "[1,2]", '{"a":1}', "100%", "_", "%",
    "a b", "a\\b", "NaN", "9007199254740993", "ü", "日本", "🙂", "'", '"quoted"', '"a\\u007c\\u007cb"', "İ", "ß", "x",
    "2020-01-02", "2020-19-39", "2020-01-02T03:04:05.000Z",
)  # fmt: skip
TEXTS = (
    "",
    "x",
    "Ada",
    "o'x||y,%_\\",
    "日本 🙂",
    "0012",
    " both ",
    "a\nb\t",
    "<b>&amp;",
    "u\u0308",
    "2020-01-02",
    "null",
)
NUMBERS = ("0", "1", "2", "3", "7", "50", "500", "501", "1000")
NO_NUMBERS = ("x", "010", "1e2", "+5", "true", "null", "[1]", " 5", "5 ", "0x10", "1,2", '"5"', "∞", "1.50")
BROKEN = (
    "filter=x", "filter=email", "filter=email||$eq", "filter=email||$eq||", "filter=||$eq||1", "filter=email||eqq||1",
    "filter=email||$in||a,,b", "filter=email||$IN||a", "filter=email||$betweenL||a,b", "filter=email||$eq||null",
    "or=email", "or=email||$eq||", "or=email||$nope||1", "or=||$eq||1", "sort=email", "sort=,ASC", "sort=email,asc",
    "sort=email,", "sort=email,ASC,x", "join=||id", "join=workspace||id,,name", "join=workspace||", "s=", "s=1",
    's="a"', "s=null", "s={", "s=[]", "s={}", "s={}&s={}", "s=%ZZ", "fields=", "filter=", "or=", "join=", "limit=",
    "filter[a]=email||$eq||1", "filter[0]=email||$eq||x", "filter[]=email||$ne||x&filter[]=email||$ne||y",
    "filter=email||$eq||a||b", "filter=nope||$eq||1", "or=nope||$eq||1", "sort=nope,ASC", "fields=nope", "join=nope",
    "filter=workspace.name||$eq||Acme", "sort=workspace.name,ASC", "fields=id", "fields=id,id", "select=email",
    "per_page=3", "per_page=3&limit=5", "limit=5&per_page=3", "limit=3&limit=5", "page=2", "offset=2", "page=0&limit=3",
    "offset=2&page=1&limit=3", "cache=0", "cache=1", "cache=x", "include_deleted=1", "include_deleted=0",
    "include_deleted=x", "unknown=1", "Filter=email||$eq||x", "search={}", "filter=email||$eq||%", "filter=%zz||$eq||1",
    "filter=email||$between||a", "filter=email||$between||a,b,c", "filter=email||isnull", "filter=email||$isnull||x",
    "a[b][c]=1", "&&&", "=", "limit", "filter&filter", "%", "limit=5&limit=x", "limit[]=5", "limit[0]=5", "limit[a]=5",
    "filter=email||$starts", "filter=id||$in||", 's=[{"email":"x"}]', 's={"nope":1}', 's={"$not":{"email":"x"}}',
    "filter=audit||$notnull", "filter=audit.version||$gt||1", "sort=audit.version,ASC", "fields=audit",
    "fields=audit.version", "fields=audit.version,audit.date_created", "fields=email,audit.nope",
)  # fmt: skip


class Asked(NamedTuple):
    """A request, as it is sent to both."""

    method: str
    target: str
    body: bytes = b""
    content_type: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.target} {self.body[:300].decode(errors='replace')}".strip()


class Dice:
    """Makes requests of rows."""

    def __init__(self, seed: int, rows: Rows) -> None:
        self._random = random.Random(seed)
        self._rows = rows

    def batches(self) -> Iterator[tuple[str, Iterator[Asked]]]:
        """All requests: each batch begins with the first rows."""
        yield "lists", self.lists(1000)
        yield "odd queries", self.broken()
        yield "records", self.gets(150)
        for number in range(4):
            yield f"changes {number}", self.changes(130)
            yield f"new records {number}", self.makes(130)
        yield "the rest", self.odds()
        yield "nulls", self.nulls()
        yield "brackets", self.brackets(300)
        yield "heads", self.heads()

    def _one_of(self, *odds: tuple[int, str]) -> str:
        return self._random.choices([name for _, name in odds], [weight for weight, _ in odds])[0]

    def _maybe(self, chance: float) -> bool:
        return self._random.random() < chance

    # -- lists

    def _columns(self, kind: str) -> list[str]:
        own = {name for name in self._rows[kind][0] if name not in RELATIONS[kind] and name != "audit"}
        return sorted(own - {"user", "assignees"})

    def _text(self, kind: str, field: str) -> str:
        if self._maybe(0.3):
            return self._random.choice(ODD)
        cell = self._random.choice(self._rows[kind])[field]
        text = cell if isinstance(cell, str) else json.dumps(cell)
        if self._maybe(0.3) and len(text) > 3:
            start = self._random.randrange(len(text) - 2)
            text = text[start : start + 1 + self._random.randrange(6)]
        return text

    def _value(self, kind: str, field: str) -> str:
        """A value as `filter` has it: plain, or quoted as JSON."""
        text = self._text(kind, field)
        if self._maybe(0.5):
            return json.dumps(text).replace("|", "\\u007c").replace(",", "\\u002c")
        return text

    def _condition(self, kind: str) -> str:
        field = self._random.choice(self._columns(kind))
        name = self._random.choice(OPERATORS) if self._maybe(0.85) else self._random.choice(OLD)
        bare = name.removeprefix("$")
        if bare in ("isnull", "notnull"):
            return f"{field}||{name}"
        if bare == "between":
            return f"{field}||{name}||{','.join(self._value(kind, field) for _ in range(2))}"
        if bare.removesuffix("L") in ("in", "notin"):
            return f"{field}||{name}||{','.join(self._value(kind, field) for _ in range(self._random.randint(1, 4)))}"
        return f"{field}||{name}||{self._value(kind, field)}"

    def _search(self, kind: str, depth: int = 2) -> dict[str, Any]:
        if depth and self._maybe(0.4):
            key = self._random.choice(["$and", "$or"])
            tree: dict[str, Any] = {key: [self._search(kind, depth - 1) for _ in range(self._random.randrange(4))]}
            return tree | (self._search(kind, 0) if self._maybe(0.3) else {})
        return {
            self._random.choice(self._columns(kind)): self._sought(kind)
            for _ in range(self._random.choice([0, 1, 1, 2]))
        }

    def _sought(self, kind: str) -> Any:  # noqa: C901 - a case for each kind of value
        def value() -> Any:
            field = self._random.choice(self._columns(kind))
            return self._random.choice([self._random.choice(self._rows[kind])[field], self._text(kind, field)])

        def plain() -> str:
            found = value()
            return found if isinstance(found, str) else "x"

        def compared() -> dict[str, Any]:
            name = self._random.choice(OPERATORS)
            if name in ("$isnull", "$notnull"):
                return {name: self._maybe(0.7)}
            if name == "$between":
                return {name: [plain(), plain()]}
            if name.removesuffix("L") in ("$in", "$notin"):
                return {name: [plain() for _ in range(self._random.randint(1, 3))]}
            return {name: plain()}

        match self._one_of((4, "plain"), (1, "null"), (6, "compared"), (2, "two"), (2, "or"), (1, "none")):
            case "plain":
                return plain()
            case "null":
                return None
            case "compared":
                return compared()
            case "two":
                return compared() | compared()
            case "or":
                return {"$or": compared() | compared()} | (compared() if self._maybe(0.4) else {})
        return {}

    def _query(self, kind: str, *, orders: bool = True) -> str:  # noqa: C901, PLR0912 - a branch for each parameter
        """A list query; with no `orders` it is one whose answer does not hang on the order of ids."""
        given: list[tuple[str, str]] = []
        more = self._random.choice([0, 1, 1, 2])
        if self._maybe(0.25):
            given.append(("s", json.dumps(self._search(kind), ensure_ascii=self._maybe(0.5))))
        for name in ("filter", "or"):
            if self._maybe(0.45):
                given += [(name, self._condition(kind)) for _ in range(more)]
        if self._maybe(0.02):
            given += [("filter", f"id||$ne||none{n}") for n in range(self._random.choice([19, 20, 21]))]
        if orders:
            for field in self._random.sample(self._columns(kind), self._random.choice([0, 0, 1, 1, 2])):
                given.append(("sort", f"{field},{self._random.choice(['ASC', 'DESC'])}"))
            for relation in self._random.sample(RELATIONS[kind], self._random.randint(0, len(RELATIONS[kind]))):
                if self._maybe(0.5):
                    given.append(("join", relation + self._random.choice(["", "", "||id", "||name,slug", "||nope"])))
            if self._maybe(0.05):
                given.append(("join", "nothing"))
        if self._maybe(0.3):
            given.append(("fields", ",".join(self._random.sample(self._columns(kind), self._random.randint(1, 3)))))
        if not orders and kind in ("role", "invitation"):
            return "&".join(f"{name}={quote(value)}" for name, value in given)  # a slice of these goes by id
        total = len(self._rows[kind])
        limit = self._random.choice([*NUMBERS, str(total), str(total - 1)])
        given += [("limit", limit)] if self._maybe(0.6) else []
        page, offset = (
            self._random.choice(["0", "1", "2", "3", "99", f"{total // max(1, int(limit)) + 1}"]),
            self._random.choice(["0", "1", "5", str(total), "9999"]),
        )
        match self._one_of((4, "neither"), (4, "page"), (3, "offset"), (1, "both"), (1, "negative"), (1, "bad")):
            case "page":
                given.append(("page", page))
            case "offset":
                given.append(("offset", offset))
            case "both":
                given += [("offset", offset), ("page", page)]
            case "negative":
                given.append(
                    (self._random.choice(["page", "offset", "limit"]), self._random.choice(["-1", "-3", "1.5"]))
                )
            case "bad" if self._maybe(0.5):
                given.append(
                    (self._random.choice(["page", "offset", "limit", "cache"]), self._random.choice(NO_NUMBERS))
                )
        self._random.shuffle(given)
        return "&".join(f"{name}={quote(value, safe=self._random.choice(['', '|,$']))}" for name, value in given)

    def lists(self, count: int) -> Iterator[Asked]:
        """Lists of all kinds."""
        for _ in range(count):
            kind = self._random.choices(LISTED, [5, 1, 1, 2, 2, 2])[0]
            yield Asked("GET", f"/{kind}?{self._query(kind)}".removesuffix("?"))

    def broken(self) -> Iterator[Asked]:
        """Each of the odd queries, of a list of each kind that comes as an array, a page or what was not deleted."""
        for kind in ("contacts", "mailbox", "user"):
            for query in (*BROKEN, "filter=id||$gt||2020-19-39", "filter=id||$lt||2020-01-02", "or=id||$ne||true"):
                yield Asked("GET", f"/{kind}?{query}")
        digits = [row["phoneNumber"] for row in self._rows["contacts"] if (row["phoneNumber"] or "0")[0] in "123456789"]
        yield Asked("GET", f"/contacts?filter=phoneNumber||$inL||{digits[0]}")
        yield Asked("GET", f"/contacts?filter=phoneNumber||$eqL||{digits[0]}&filter=phoneNumber||$notnull")

    # -- records

    def _id(self, kind: str, made: str = "") -> str:
        if made and self._maybe(0.8):
            return f"{{new:{made}:{self._random.randrange(4)}}}"
        if self._maybe(0.06):
            return self._random.choice(
                ["nobody", "0", "a%2Fb", "%E2%82%AC", "%zz", "%FF", "'", "a b".replace(" ", "%20")]
            )
        return self._random.choice(self._rows[kind])["id"]

    def gets(self, count: int) -> Iterator[Asked]:
        """Records, some with a query of their own."""
        for _ in range(count):
            kind = self._random.choice(NAMED)
            query = ""
            if self._maybe(0.5) and kind in LISTED:
                query = f"?{self._query(kind)}"
            elif self._maybe(0.3):
                query = "?" + self._random.choice(
                    [
                        "fields=id",
                        "join=workspace",
                        "join=subscription||status",
                        "fields=name,slug",
                        "limit=1",
                        "page=2&limit=1",
                    ]
                )
            yield Asked("GET", f"/{kind}/{self._id(kind)}{query}")

    def _field(self, kind: str) -> Any:  # noqa: PLR0911 - a case for each kind of value
        match kind:
            case "object":
                return self._random.choice(
                    [{}, {"a": 1}, {"_b": [None, 1.5, {"c": "ü"}]}, {"dot.ted": True, "snake_case": ""}]
                )
            case "list":
                return self._random.choice([[], [["free", "2024-01-02"]]])
            case "texts":
                return self._random.choice([[], ["u"], ["u", "v", ""]])
            case "date":
                return self._random.choice(
                    ["2024-02-29T12:30:15.250Z", "2024-03-01", "2024-03-01T01:02:03+02:00", "2021-12-31T23:59:59.999Z"]
                )
            case "plan":
                return self._random.choice(["free", "personal_pro", "business_pro", "enterprise"])
            case "state":
                return self._random.choice(["active", "inactive", "trial", "canceled", "expired"])
            case "category":
                return self._random.choice(["invitation", "invite"])
            case "space":
                return self._random.choice(self._rows["wspace"])["id"]
        return (
            self._random.choice(TEXTS)
            if self._maybe(0.6)
            else f"{self._random.choice(TEXTS)}{self._random.randrange(10**6)}"
        )

    def _body(self, fields: dict[str, str], *, all_of_them: bool, spoilt: float) -> Any:
        given = {name: self._field(kind) for name, kind in fields.items() if all_of_them or self._maybe(0.5)}
        if self._maybe(0.3):
            given |= self._random.choice([{"id": "mine"}, {"audit": {"version": 9}}, {"nope": 1}, {"createdBy": {}}])
        if self._maybe(spoilt):
            for name in self._random.sample(sorted(fields), min(len(fields), self._random.choice([1, 1, 2]))):
                if self._maybe(0.3):
                    given.pop(name, None)
                else:
                    lists = [] if fields[name] == "list" else [[], ["x"], [1]]  # what a list holds nobody has told
                    given[name] = self._random.choice([None, None, 1, True, {}, 1.5, "2024", {"a": []}, *lists])
        return given

    def _sent(self, method: str, target: str, body: Any) -> Asked:
        return Asked(method, target, json.dumps(body, ensure_ascii=self._maybe(0.5)).encode(), JSON)

    def nulls(self) -> Iterator[Asked]:
        """Null in place of each field of each body, and each odd query of a list by the brackets in its names."""
        for kind, fields in sorted(BODIES.items()):
            for name in fields:
                whole = {one: self._field(value) for one, value in fields.items()}
                yield self._sent("POST", f"/{kind}", whole | {name: None})
        for kind, fields in sorted(CHANGES.items()):
            for name in fields if kind != "invitation" else ():
                whole = {one: self._field(value) for one, value in fields.items()} if kind in WHOLE else {}
                yield self._sent("PATCH", f"/{kind}/{self._id(kind)}", whole | {name: None})
        one = self._rows["subscription"][0]["id"]
        for name in CHANGES["subscription"]:
            yield self._sent("PATCH", "/subscription/change", {"id": one, name: None})
        for given in ({"username": None, "password": "x"}, {"username": "ada", "password": None}):
            yield self._sent("POST", "/auth/login", given)
        yield self._sent("POST", "/auth/token/refresh", {"refreshToken": None})

    def brackets(self, count: int) -> Iterator[Asked]:
        """Lists that are asked for by names with brackets, several ways at once."""
        groups = ("", "", "[]", "[]", "[0]", "[0]", "[1]", "[2]", "[19]", "[20]", "[a]", "[0][]", "[0][a]", "[")
        for _ in range(count):
            kind = self._random.choice(LISTED)
            names = self._random.sample(("filter", "or", "sort", "limit", "join", "fields"), self._random.randint(1, 2))
            given = [
                (name + self._random.choice(groups), self._bracketed(kind, name))
                for name in names
                for _ in range(self._random.choice([1, 2, 2, 3]))
            ]
            self._random.shuffle(given)
            yield Asked("GET", f"/{kind}?" + "&".join(f"{quote(name)}={quote(value)}" for name, value in given))

    def _bracketed(self, kind: str, name: str) -> str:
        match name:
            case _ if self._maybe(0.15):
                return ""
            case "filter" | "or":
                field = UNINDEXED[kind]
                value = self._random.choice(self._rows[kind])[field]
                return f"{field}||{self._random.choice(['$ne', '$gt', '$lt'])}||{value}"
            case "sort":
                return f"id,{self._random.choice(['ASC', 'DESC'])}"
            case "limit":
                return self._random.choice(["1", "7"])
            case "join":
                return self._random.choice(RELATIONS[kind] or ("nothing",))
        return ",".join(self._random.sample(self._columns(kind), 2))

    def heads(self) -> Iterator[Asked]:
        """A request for the head of each kind of answer, and heads that are as large as Node.js takes, or larger."""
        contact = self._rows["contacts"][0]["id"]
        for target in (
            "/contacts",
            "/contacts?limit=x",
            f"/contacts/{contact}",
            "/contacts/nobody",
            "/nowhere?a=b",
            "/mailbox",
        ):
            yield Asked("HEAD", target)
        for target in ("/nowhere?a=b", "/nowhere?a=b%20c&d", "/contacts/a/b?x"):
            yield Asked("GET", target)
        for size in (15_000, 17_000):  # from larger ones Node.js hangs up before it has read them whole
            yield Asked("GET", f"/nowhere?{'a' * size}")

    def changes(self, count: int) -> Iterator[Asked]:
        """Changes, deletions and recoveries of the first rows, with lists between them."""
        for _ in range(count):
            match self._one_of((4, "change"), (3, "delete"), (2, "recover"), (1, "plan"), (3, "look")):
                case "change":
                    kind = self._random.choice(sorted(set(CHANGES) - {"invitation"}))
                    body = self._body(CHANGES[kind], all_of_them=kind in WHOLE, spoilt=0.2)
                    query = self._random.choice(["", "", "", "?fields=id", "?filter=id||$eq||nope", "?join=workspace"])
                    yield self._sent("PATCH", f"/{kind}/{self._id(kind)}{query}", body)
                case "delete":
                    kind = self._random.choice(REMOVED)
                    query = self._random.choice(["", "", "", "?filter=id||$eq||nope", "?offset=1"])
                    yield Asked("DELETE", f"/{kind}/{self._id(kind)}{query}")
                case "recover":
                    yield Asked("PATCH", f"/user/recover/{self._id('user')}")
                case "plan":
                    body = self._body(CHANGES["subscription"], all_of_them=False, spoilt=0.2)
                    one = self._random.choice(self._rows["subscription"])["id"]
                    yield self._sent(
                        "PATCH", "/subscription/change", body | {"id": self._random.choice([one, one, "nobody", 1])}
                    )
                case "look":
                    yield from self.lists(1) if self._maybe(0.6) else self.gets(1)

    def makes(self, count: int) -> Iterator[Asked]:
        """New records and what becomes of them. No answer hangs on the order of the new ids."""
        for _ in range(count):
            kind = self._random.choice(sorted(BODIES))
            match self._one_of((6, "make"), (2, "many"), (3, "change"), (2, "get"), (1, "delete"), (2, "list")):
                case "make":
                    yield self._sent("POST", f"/{kind}", self._body(BODIES[kind], all_of_them=True, spoilt=0.25))
                case "many":
                    bulk = [
                        self._body(BODIES["role"], all_of_them=True, spoilt=0.1)
                        for _ in range(self._random.randrange(4))
                    ]
                    whole = self._random.choice(
                        [{"bulk": bulk}] * 6
                        + [
                            {},
                            bulk,
                            {"bulk": {}},
                            {"bulk": "x"},
                            {"bulk": [1]},
                            {"bulk": [None]},
                            {"bulk": None},
                            {"bulk": {"name": "x"}},
                            {"bulk": [[]]},
                            {"bulk": {"name": "x", "description": ""}},
                        ]
                    )
                    yield self._sent("POST", "/role/bulk", whole)
                case "change" if kind != "invitation":
                    body = self._body(CHANGES[kind], all_of_them=kind in WHOLE, spoilt=0.1)
                    yield self._sent("PATCH", f"/{kind}/{self._id(kind, kind)}", body)
                case "delete" if kind in REMOVED:
                    yield Asked("DELETE", f"/{kind}/{self._id(kind, kind)}")
                case "list":
                    kind = self._random.choice(LISTED)
                    yield Asked("GET", f"/{kind}?{self._query(kind, orders=False)}")
                case _:
                    yield Asked("GET", f"/{kind}/{self._id(kind, kind)}")

    # -- the rest

    def odds(self) -> Iterator[Asked]:
        """What is no JSON, no route or no form; logging in; uploads."""
        contact = self._rows["contacts"][0]["id"]
        for method, target in (("POST", "/contacts"), ("PATCH", f"/contacts/{contact}"), ("POST", "/role/bulk")):
            for body in (
                b"",
                b"[]",
                b"{}",
                b"null",
                b"1",
                b'"x"',
                b"{",
                b'{"a":}',
                b"nope",
                b'[{"name":"x"}]',
                b"\xff",
            ):
                yield Asked(method, target, body, JSON)
            yield Asked(method, target, b'{"name":"x"}', "text/plain")
            yield Asked(method, target, b"name=x&description=y&email=a", "application/x-www-form-urlencoded")
            yield Asked(method, target)
        yield Asked("POST", "/role", b'{"name": "a", "name": "b", "description": "\\ud83d\\ude42"}', JSON)
        yield Asked("POST", "/role", b'{"name": "a", "description": "b"}', "application/json; charset=utf-8")
        yield Asked("PATCH", "/role/nobody", b'{"name": "' + b"a" * 110_000 + b'", "description": "b"}', JSON)
        for target in (
            "/",
            "/nope",
            "/contacts/",
            "/contacts/a/b",
            "/Contacts",
            "//contacts",
            "/contacts?",
            "/contact",
        ):
            yield Asked("GET", target)
        for method, target in (
            ("PUT", "/contacts"), ("PATCH", "/contacts"), ("DELETE", "/contacts"), ("POST", f"/contacts/{contact}"),
            ("PUT", f"/contacts/{contact}"), ("POST", "/user"), ("DELETE", f"/user/{contact}"), ("PATCH", "/user/x"),
            ("DELETE", f"/wspace/{contact}"), ("GET", "/wspace"), ("GET", "/subscription"), ("GET", "/role/bulk"),
            ("PATCH", f"/invitation/{contact}"), ("DELETE", f"/subscription/{contact}"), ("GET", "/auth/login"),
        ):  # fmt: skip
            yield Asked(method, target)
        password = "correct horse 42"
        for given in (
            {"username": "ada", "password": password}, {"username": "user2", "password": password},
            {"username": "user8", "password": password}, {"username": "ada", "password": "x"},
            {"username": "nobody", "password": password}, {"username": "ada"}, {"password": password}, {},
            {"username": "", "password": ""},
        ):  # fmt: skip
            yield self._sent("POST", "/auth/login", given)
        yield self._sent("POST", "/auth/token/refresh", {"refreshToken": "{token}"})
        for given in (
            {},
            {"refreshToken": ""},
            {"refreshToken": "x"},
            {"refreshToken": "a.b.c"},
            {"refresh_token": "x"},
        ):
            yield self._sent("POST", "/auth/token/refresh", given)
        for target, field in (("upload", "file"), ("bulk_upload", "bulk")):
            for parts in (
                [part(field, "a b.txt", b"hello")], [part("path", None, b"in/here"), part(field, "x.txt", b"hello")],
                [part(field, "x.txt", b"1"), part("path", None, b"/after/")], [part(field, "empty", b"")],
                [part("nope", "x.txt", b"1")], [part("path", None, b"in")], [part(f"{field}[]", "x.txt", b"1")],
                [part(field, "one", b"1"), part(field, "two", b"2")],
            ):  # fmt: skip
                yield Asked("POST", f"/aws/buckets/{target}", b"".join(parts) + b"--cut--\r\n", FORM)
            yield Asked("POST", f"/aws/buckets/{target}", b"{}", JSON)
            yield Asked("POST", f"/aws/buckets/{target}", b"x", "multipart/form-data")


def part(name: str, filename: str | None, content: bytes) -> bytes:
    """One part of a form."""
    told = f'--cut\r\nContent-Disposition: form-data; name="{name}"'
    if filename is not None:
        told += f'; filename="{filename}"\r\nContent-Type: text/plain'
    return told.encode() + b"\r\n\r\n" + content + b"\r\n"

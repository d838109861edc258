"""What S3's signed posts and addresses say: which key, how large a file, until when; and what S3 answers. Pure."""

import base64
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs

import msgspec
from msgspec import Struct

_SECRET = frozenset(
    {"policy", "signature", "awsaccesskeyid", "x-amz-signature", "x-amz-credential", "x-amz-security-token"}
)
"""Fields and parameters, in lower case, that let whoever holds them act for somebody."""
_SHORT = 8
"""Characters below which a value is too common a word to be taken out of texts."""
_ECHOES = "AWSAccessKeyId|StringToSign|StringToSignBytes|SignatureProvided|CanonicalRequest|CanonicalRequestBytes"
_TOLD = re.compile(r"<(\w+)>([^<]*)</\1>")


class Policy(Struct, frozen=True):
    """What a signed post allows."""

    expires: datetime | None = None
    conditions: tuple[Any, ...] = ()

    def key(self, filename: str) -> str | None:
        """The key under which a file may be stored, if there is a rule for it."""
        for condition in self.conditions:
            match condition:
                case {**rules}:
                    for name, value in rules.items():
                        if str(name).lower() == "key" and isinstance(value, str):
                            return value
                case [str(how), str(name), str(value)] if name.lower() == "$key":
                    if how.lower() == "eq" or (how.lower() == "starts-with" and filename.startswith(value)):
                        return value if how.lower() == "eq" else filename
                    return value + filename
                case _:
                    pass
        return None

    def sizes(self) -> tuple[int, int] | None:
        """The fewest and the most bytes that a file may have, if there is a rule for it."""
        for condition in self.conditions:
            match condition:
                case [str(how), int(least), int(most)] if how.lower() == "content-length-range":
                    return least, most
                case _:
                    pass
        return None


def read_policy(fields: Iterable[tuple[str, str]]) -> Policy:
    """The policy among the fields of a signed post; an empty one where none can be read: S3 has the say."""
    text = next((value for name, value in fields if name.lower() == "policy"), "")
    try:
        policy = msgspec.json.decode(base64.b64decode(text))
        conditions = policy.get("conditions")
        return Policy(_moment(policy.get("expiration")), tuple(conditions) if isinstance(conditions, list) else ())
    except (ValueError, AttributeError, msgspec.DecodeError):
        return Policy()


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def expires(query: str) -> datetime | None:
    """When a signed address ends, as its query says; `None` if it does not."""
    told = {name.lower(): values[-1] for name, values in parse_qs(query).items()}
    try:
        if "expires" in told:  # of signature version 2
            return datetime.fromtimestamp(int(told["expires"]), UTC)
        begun = datetime.strptime(told["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return begun + timedelta(seconds=int(told["x-amz-expires"]))
    except (KeyError, ValueError, OverflowError):
        return None


def secrets_of(fields: Iterable[tuple[str, str]], query: str) -> frozenset[str]:
    """What no message may show of a signed post or address."""
    given = [*fields, *((name, value) for name, values in parse_qs(query).items() for value in values)]
    found = {value for name, value in given if name.lower() in _SECRET and value}
    # A credential is the id of a key, and what it is for.
    found |= {value.split("/")[0] for value in found if value.endswith("/aws4_request")}
    return frozenset(one for one in found if len(one) >= _SHORT)


def without(secrets: Iterable[str], text: str) -> str:
    """A text of S3's, which may repeat what it was sent."""
    text = re.sub(rf"<({_ECHOES})>[^<]*</\1>", r"<\1>***</\1>", text)
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def told(content: str) -> Mapping[str, str]:
    """The texts of an XML answer, by the names of their elements; empty where it is none of S3's."""
    if not re.search(r"<(Error|PostResponse)\b", content[:1000]):
        return {}
    return {name: unescape(text) for name, text in _TOLD.findall(content)}

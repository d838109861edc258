"""AWS signature version 4, made and checked.

Source: "Authenticating Requests (AWS Signature Version 4)" of the S3 API reference.
"""

import hmac
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import parse_qsl, quote

_REGION = "us-east-1"
_ALGORITHM = "AWS4-HMAC-SHA256"
_STAMP = "%Y%m%dT%H%M%SZ"
_ID = "SANDBOX"
_SECRET = "sandbox-secret"  # noqa: S105 - signs nothing of worth


def named(now: datetime) -> dict[str, str]:
    """What a signature says of itself."""
    return {
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Credential": f"{_ID}/{_scope(now.strftime('%Y%m%d'))}",
        "X-Amz-Date": now.strftime(_STAMP),
    }


def knows(credential: str) -> bool:
    """Whether a credential is of the sandbox's own key."""
    name, _, scope = credential.partition("/")
    return name == _ID and scope == _scope(scope[:8])


def sign(text: str, day: str) -> str:
    """The signature of a text."""
    key = f"AWS4{_SECRET}".encode()
    for step in _scope(day).split("/"):
        key = hmac.digest(key, step.encode(), sha256)
    return hmac.new(key, text.encode(), sha256).hexdigest()


def is_signed(text: str, credential: str, signature: str) -> bool:
    """Whether a signature is that of a text."""
    return hmac.compare_digest(sign(text, credential.split("/")[1]).encode(), signature.encode())


def signed_query(host: str, path: str, seconds: float) -> str:
    """The query with which a path can be read for so long; the path is percent-encoded."""
    begun = datetime.now(UTC) - timedelta(seconds=max(0.0, -seconds))
    pairs = [*named(begun).items(), ("X-Amz-Expires", f"{max(0, int(seconds))}"), ("X-Amz-SignedHeaders", "host")]
    return f"{_encoded(pairs)}&X-Amz-Signature={sign(_canonical(host, path, pairs), begun.strftime('%Y%m%d'))}"


def fault_of(host: str, path: str, query: str) -> tuple[int, str, str] | None:
    """Status, code and message for a signed address that may not be read; `None` if it may."""
    pairs = parse_qsl(query, keep_blank_values=True)
    given = dict(pairs)
    if "X-Amz-Signature" not in given:
        return 403, "AccessDenied", "Access Denied"
    try:
        begun = datetime.strptime(given["X-Amz-Date"], _STAMP).replace(tzinfo=UTC)
        ends = begun + timedelta(seconds=int(given["X-Amz-Expires"]))
        credential = given["X-Amz-Credential"]
    except (KeyError, ValueError):
        return 400, "AuthorizationQueryParametersError", "Query-string authentication requires all its parameters."
    if not knows(credential):
        return 403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."
    signed = [pair for pair in pairs if pair[0] != "X-Amz-Signature"]
    if not is_signed(_canonical(host, path, signed), credential, given["X-Amz-Signature"]):
        return 403, "SignatureDoesNotMatch", UNEQUAL
    if datetime.now(UTC) >= ends:
        return 403, "AccessDenied", "Request has expired"
    return None


UNEQUAL = (
    "The request signature we calculated does not match the signature you provided. Check your key and signing method."
)


def _scope(day: str) -> str:
    return f"{day}/{_REGION}/s3/aws4_request"


def _encoded(pairs: list[tuple[str, str]]) -> str:
    return "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in sorted(pairs))


def _canonical(host: str, path: str, pairs: list[tuple[str, str]]) -> str:
    """What is signed of a request for a path."""
    request = f"GET\n{path}\n{_encoded(pairs)}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
    stamp = dict(pairs).get("X-Amz-Date", "")
    return f"{_ALGORITHM}\n{stamp}\n{_scope(stamp[:8])}\n{sha256(request.encode()).hexdigest()}"

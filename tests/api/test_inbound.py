"""Inbound mail: what Postmark's webhook sends can be sent on, as it came or under our names."""

import msgspec
import pytest

from wootiv import calls

MAIL = {"from_": "ada@example.com", "subject": "Engines", "to": "box+7@example.com"}


def sent(**more):
    return msgspec.json.decode(calls.inbound.mail.create(**MAIL, **more).body)


def test_the_names_on_the_wire_are_postmarks():
    assert sent(message_id="1", html_body="<p>", from_full={"email": "ada@example.com", "name": "Ada"}) == {
        "From": "ada@example.com",
        "Subject": "Engines",
        "To": "box+7@example.com",
        "MessageID": "1",
        "HtmlBody": "<p>",
        "FromFull": {"Email": "ada@example.com", "Name": "Ada"},
    }


@pytest.mark.parametrize(
    ("name", "ours", "theirs"),
    [
        ("attachments", {"name": "a", "content": "eA==", "content_id": None}, {"ContentLength": 1, "Other": []}),
        ("bcc_full", {"email": "a@x", "mailbox_hash": ""}, {"Email": "a@x", "Name": "", "MailboxHash": ""}),
        ("cc_full", {"email": "a@x", "name": "A"}, {"Email": "a@x"}),
        ("headers", {"name": "X-Spam", "value": "No"}, {"Name": "X-Spam", "Value": "No"}),
        ("to_full", {"email": "a@x"}, {"Email": "a@x"}),
    ],
)
def test_what_is_nested_may_have_our_names_or_postmarks(name, ours, theirs):
    wire = {"content_id": "ContentID", "mailbox_hash": "MailboxHash"}
    translated = {wire.get(key, key.title()): value for key, value in ours.items()}
    (items,) = (value for key, value in sent(**{name: [ours, theirs]}).items() if isinstance(value, list))
    assert items == [translated, theirs]


@pytest.mark.parametrize(
    ("name", "other"), [("headers", "X-Spam: No"), ("attachments", ["a", 1]), ("cc_full", ["a@x"])]
)
def test_lists_of_other_things_pass_as_they_are(name, other):
    assert [other] in sent(**{name: [other]}).values()


def test_a_misspelt_name_beside_one_of_ours_is_refused():
    with pytest.raises(TypeError, match=r"unknown argument 'headers\[0\]\.valu', did you mean 'value'\?"):
        sent(headers=[{"name": "X", "valu": "y"}])
    with pytest.raises(TypeError, match=r"missing argument 'to_full\[0\]\.email'"):
        sent(to_full=[{"name": "Ada"}])

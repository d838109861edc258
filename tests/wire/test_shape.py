"""What an answer is to its user: fields, dictionaries, JSON, copies."""

import copy
import pickle
import types as kinds
from datetime import UTC, datetime
from typing import Literal, Union, get_args, get_origin

import msgspec
import pytest
from msgspec import UNSET

import wootiv.types
from wootiv.types import Audit, Contact, ContactGroup, Shape, SignedFile, SignedPost, StoredFile, Workspace

BODY = b"""{"id": "1", "audit": {"date_created": "2024-01-02T03:04:05Z", "date_deleted": null, "version": 2},
"phoneNumber": null, "primaryContact": "fax", "metadata": {"a_b": [1, {"cD": null}]},
"contactGroup": {"id": "2", "groupName": "x", "workspace": null}, "unknown": 1}"""


def read(body=BODY):
    return msgspec.json.decode(body, type=Contact)


def all_shapes(base=Shape):
    for shape in base.__subclasses__():
        if shape.__module__.startswith("wootiv."):
            yield shape
        yield from all_shapes(shape)


def members(hint):
    return get_args(hint) if get_origin(hint) in (Union, kinds.UnionType) else (hint,)


SHAPES = sorted(set(all_shapes()), key=lambda shape: shape.__name__)


def test_a_shape_converts_one_level_deep_to_a_dictionary_of_python_names():
    contact = read()
    assert dict(contact) == {
        "id": "1",
        "audit": contact.audit,
        "phone_number": None,
        "primary_contact": "fax",
        "metadata": {"a_b": [1, {"cD": None}]},
        "contact_group": contact.contact_group,
    }
    assert isinstance(contact.audit, Audit)
    assert isinstance(contact.contact_group, ContactGroup)


def test_plain_data_goes_all_the_way_down():
    created = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert read().to_dict() == {
        "id": "1",
        "audit": {"date_created": created, "date_deleted": None, "version": 2},
        "phone_number": None,
        "primary_contact": "fax",
        "metadata": {"a_b": [1, {"cD": None}]},
        "contact_group": {"id": "2", "group_name": "x", "workspace": None},
    }


def test_wire_data_and_json_hold_what_came_under_its_own_names():
    sent = {name: value for name, value in msgspec.json.decode(BODY).items() if name != "unknown"}
    assert read().to_dict(wire=True) == sent
    assert msgspec.json.decode(read().to_json()) == sent


def test_a_field_left_out_reads_none_and_is_left_out_again():
    contact = read(b'{"id": "1"}')
    assert (contact.email, contact.phone_number, contact.audit, contact.workspace) == (None, None, None, None)
    assert dict(contact) == contact.to_dict() == contact.to_dict(wire=True) == {"id": "1"}
    assert contact.to_json() == b'{"id":"1"}'


@pytest.mark.parametrize("body", [BODY, b'{"id": "1"}', b'{"id": "1", "phoneNumber": null}'])
@pytest.mark.parametrize(
    "again",
    [
        copy.copy,
        copy.deepcopy,
        lambda one: pickle.loads(pickle.dumps(one)),  # noqa: S301 - its own
        lambda one: one.replace(),
        lambda one: msgspec.json.decode(one.to_json(), type=Contact),
    ],
    ids=["copy", "deepcopy", "pickle", "replace", "json"],
)
def test_a_copy_is_equal_and_keeps_apart_null_and_left_out(body, again):
    one = read(body)
    assert again(one) == one
    assert again(one).to_json() == one.to_json()


def test_null_and_left_out_are_not_equal():
    assert read(b'{"id": "1", "phoneNumber": null}') != read(b'{"id": "1"}')


def test_replace_changes_some_fields_and_refuses_others():
    changed = read().replace(phone_number="1", email="a@b")
    assert (changed.phone_number, changed.email, changed.id) == ("1", "a@b", "1")
    assert read().phone_number is None
    with pytest.raises(TypeError, match="no field 'fone'"):
        read().replace(fone="1")


def test_shapes_are_frozen_and_hashable_where_their_fields_are():
    contact = read(b'{"id": "1", "phoneNumber": null}')
    assert len({contact, read(b'{"id": "1", "phoneNumber": null}'), read(b'{"id": "1"}')}) == 2
    with pytest.raises(AttributeError):
        contact.id = "2"
    with pytest.raises(TypeError, match="unhashable"):
        hash(read())


def test_an_open_set_of_words_takes_a_new_one():
    assert read(b'{"primaryContact": "pigeon"}').primary_contact == "pigeon"


@pytest.mark.parametrize(
    "answer",
    [
        SignedPost(fields={"Policy": "hunter2"}, url="u"),
        SignedFile(signed_url="hunter2"),
        StoredFile(signed_url="hunter2", filename="a.txt"),
    ],
)
def test_a_secret_shows_in_no_repr(answer):
    shown = f"{answer!r} {answer} {[answer]} {answer.__rich_repr__()}"
    assert "hunter2" not in shown
    assert "***" in shown


def test_a_repr_shows_what_came():
    assert repr(read(b'{"id": "1", "phoneNumber": null}')) == "Contact(id='1', phone_number=None)"


class Mine(Shape, frozen=True):
    """A shape as a user writes it, for `cast_to`."""

    name: str
    size: int | None = None


def test_a_users_own_shape_may_have_required_fields():
    mine = msgspec.json.decode(b'{"name": "a"}', type=Mine)
    assert dict(mine) == {"name": "a"}
    assert repr(mine) == "Mine(name='a')"
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b"{}", type=Mine)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
class TestEveryShape:
    """Rules that all declared shapes keep."""

    def test_only_nullable_fields_tell_null_from_left_out(self, shape):
        for field in msgspec.structs.fields(shape):
            nullable = type(None) in members(field.type)
            assert field.default is (UNSET if nullable else None), f"{shape.__name__}.{field.name}"

    def test_a_set_of_words_is_open(self, shape):
        for field in msgspec.structs.fields(shape):
            options = members(field.type)
            if any(get_origin(option) is Literal for option in options):
                assert str in options, f"{shape.__name__}.{field.name}"

    def test_an_empty_answer_reads_none_everywhere(self, shape):
        empty = msgspec.json.decode(b"{}", type=shape)
        assert [
            getattr(empty, field.name) for field in msgspec.structs.fields(shape) if getattr(empty, field.name)
        ] == []
        assert empty.to_json() == b"{}"

    def test_it_is_documented_and_can_be_imported_from_types(self, shape):
        assert shape.__doc__
        assert shape.__doc__ != Shape.__doc__
        assert getattr(wootiv.types, shape.__name__) is shape


def test_the_test_above_sees_the_shapes():
    assert {Contact, Workspace, Audit, StoredFile} <= set(SHAPES)

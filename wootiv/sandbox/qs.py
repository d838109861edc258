"""Query strings as Express reads them: lists and objects by the brackets in their names.

Source: npm qs 6.14 with Express 4's options. What an object holds is not kept: no parameter of the engine is one.
"""

import re
from enum import Enum
from typing import TypeAlias
from urllib.parse import unquote, unquote_to_bytes


class Thing(Enum):
    """An object; one that a list became by being too long goes on taking items."""

    OBJECT = "object"
    LONG_LIST = "object that a list became"


Item: TypeAlias = "str | Thing | list[Item]"
_Node: TypeAlias = "str | Thing | dict[int, _Node]"
"""A list may have holes as long as it is read."""

_MOST = 20
"""Items of a list, and indices; what goes beyond is an object."""
_GROUP = re.compile(r"\[([^\[\]]*)\]")


def read(query: str) -> dict[str, Item]:
    """The parameters of a query, in the order in which their names came first."""
    given: dict[str, list[str]] = {}
    plain = re.sub("%5[bd]", lambda found: unquote(found[0]), query, flags=re.IGNORECASE)
    for part in plain.split("&", 1000)[:1000]:
        at = part.find("]=") + 1 or part.find("=")
        name, value = (part[:at], part[at + 1 :]) if at >= 0 else (part, "")
        given.setdefault(_decoded(name), []).append(_decoded(value))
    found: dict[str, _Node] = {}
    for name, values in given.items():
        groups = _GROUP.findall(name)
        first = name.partition(f"[{groups[0]}]")[0] if groups else name
        top, inner = (first, groups) if first else (groups[0] if groups else "", groups[1:])
        node = _nested(inner, values)
        found[top] = _merged(found[top], node) if top in found else node
    return {name: _whole(node) for name, node in found.items()}


def _decoded(text: str) -> str:
    """Undo percent-encoding; text that is not well-formed stays as it is, like decodeURIComponent under qs."""
    text = text.replace("+", " ")
    if "%" not in text or re.search("%(?![0-9A-Fa-f]{2})", text):
        return text
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        return text


def _nested(groups: list[str], values: list[str]) -> _Node:
    """What one name stands for: its values, in what its brackets make."""
    node: _Node = values[0] if len(values) == 1 else _unless_long(dict(enumerate(values)))
    for group in reversed(groups):
        if group == "":
            node = node if isinstance(node, dict) or node is Thing.LONG_LIST else {0: node}
        elif not re.fullmatch("0|[1-9][0-9]*", group):
            node = Thing.OBJECT
        else:
            node = {int(group): node} if int(group) < _MOST else Thing.LONG_LIST
    return node


def _unless_long(listed: "dict[int, _Node]") -> _Node:
    return Thing.LONG_LIST if max(listed) >= _MOST else listed


def _merged(target: _Node, source: _Node) -> _Node:
    """What two names stand for together, such as `filter` and `filter[0]`."""
    if source == "" or isinstance(target, Thing):
        return Thing.LONG_LIST if source is Thing.LONG_LIST else target
    if isinstance(target, str):
        return _after(target, source)
    if isinstance(source, str):
        end = max(target) + 1
        return Thing.LONG_LIST if end > _MOST else target | {end: source}
    return source if isinstance(source, Thing) else _side_by_side(target, source)


def _after(first: str, rest: _Node) -> _Node:
    """A list of a text, and of what comes after it."""
    if rest is Thing.LONG_LIST:
        return rest
    listed: dict[int, _Node] = {0: first}
    for index, item in (rest if isinstance(rest, dict) else {0: rest}).items():
        listed[index + 1] = item
    return _unless_long(listed)


def _side_by_side(target: "dict[int, _Node]", source: "dict[int, _Node]") -> _Node:
    """Two lists in one: what has the same index in both goes to the end, or is one list too."""
    for index, item in source.items():
        if index not in target:
            target[index] = item
        elif isinstance(target[index], str) or isinstance(item, str):
            target[max(target) + 1] = item
        else:
            target[index] = _merged(target[index], item)
    return target


def _whole(node: _Node) -> Item:
    return [_whole(node[index]) for index in sorted(node)] if isinstance(node, dict) else node

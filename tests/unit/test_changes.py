"""Laws of changes: what a person did is what is sent, and nothing of anybody else's is touched."""

from __future__ import annotations

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lxdnb.models._changes import Change, as_sent, clash, difference, laid_on, own, refresh
from lxdnb.models._rows import rows_as_sent

keys = st.sampled_from(["limits.cpu", "user.a", "user.b", "é", "a.b", ""])
configs = st.dictionaries(keys, st.sampled_from(["", "1", "2", "true"]))
records = st.fixed_dictionaries(
    {
        "config": configs,
        "devices": st.dictionaries(st.sampled_from(["root", "eth0"]), configs),
        "description": st.sampled_from(["", "x", "y"]),
        "profiles": st.lists(st.sampled_from(["default", "p", "q"]), max_size=3),
    }
)


def leaves(record: dict, way: tuple[str, ...] = ()) -> dict[tuple[str, ...], object]:
    """Each value of a record by its path, told without the code under test."""
    found: dict[tuple[str, ...], object] = {}
    for key, value in record.items():
        found |= leaves(value, (*way, key)) if isinstance(value, dict) else {(*way, key): value}
    return found


@given(records, records)
def test_a_difference_laid_on_what_it_came_from_gives_what_was_wanted(before, after):
    assert laid_on(before, difference(before, after)) == after


@given(records)
def test_what_is_the_same_differs_in_nothing(record):
    assert difference(record, deepcopy(record)) == {}


@given(records, records, records)
def test_what_was_not_changed_here_stays_as_others_left_it(before, after, now):
    wanted = difference(before, after)
    kept = deepcopy(now)
    laid = leaves(laid_on(now, wanted))
    assert now == kept
    touched = set(wanted)
    theirs = {path: value for path, value in leaves(now).items() if not any(path[: len(t)] == t for t in touched)}
    assert {path: laid.get(path) for path in theirs} == theirs


@given(records, records, records)
def test_where_nothing_clashes_both_have_what_they_wanted(before, after, now):
    mine, theirs = difference(before, after), difference(before, now)
    if clash(now, mine) is not None:
        return
    laid = laid_on(now, mine)
    for path, change in mine.items():
        assert clash(laid, {path: Change(change.new, change.new)}) is None
    assert laid == laid_on(laid_on(before, theirs), mine)


@given(records, records)
def test_there_is_no_clash_where_one_alone_changed_or_both_did_the_same(before, after):
    assert clash(before, difference(before, after)) is None
    assert clash(after, difference(before, after)) is None


@given(records, keys, st.sampled_from(["mine", None]), st.sampled_from(["theirs", None]))
def test_a_key_that_both_changed_to_different_values_is_a_clash(before, key, ours, theirs):
    before["config"][key] = "old"
    mine, now = deepcopy(before), deepcopy(before)
    for record, value in ((mine, ours), (now, theirs)):
        record["config"] = {**record["config"], key: value}
        if value is None:
            del record["config"][key]
    expected = None if ours == theirs else (f"config.{key}", Change(theirs, ours))
    assert clash(now, difference(before, mine)) == expected


@given(records, records, records)
def test_a_refresh_brings_what_others_changed_and_keeps_what_was_changed_here(before, after, now):
    held = own(after)
    mine = difference(before, after)
    for name, value in held.items():
        if isinstance(value, dict | list):
            again = refresh(value, before[name], now[name])
            assert again is value
    for name in ("config", "profiles"):
        theirs_only = {path: value for path, value in leaves(now).items() if path[0] == name and path not in mine}
        told = leaves(held)
        assert {path: told.get(path) for path in theirs_only} == theirs_only
        for path, change in mine.items():
            if path[0] == name:
                assert told.get(path) == change.new


@given(records, records)
def test_a_rollback_is_a_refresh_from_what_is_held(held, now):
    mine = own(held)
    assert {name: refresh(value, value, now[name]) for name, value in mine.items()} == now


def test_part_of_a_device_that_is_gone_cannot_come_back_alone():
    wanted = difference({"devices": {"eth0": {"type": "nic"}}}, {"devices": {"eth0": {"type": "nic", "mtu": "1400"}}})
    assert clash({"devices": {}}, wanted) == ("devices.eth0.mtu", Change(None, "1400"))
    unset = difference({"devices": {"eth0": {"mtu": "1400"}}}, {"devices": {"eth0": {}}})
    assert clash({"devices": {}}, unset) is None


def test_values_are_the_servers_strings():
    class Int64(int):
        """As NumPy's: a number, and no int of Python's own making."""

    assert as_sent({"a": True, "b": False, "c": 2, "d": 1.5, "e": "x", "f": None, "g": Int64(7)}) == {
        "a": "true",
        "b": "false",
        "c": "2",
        "d": "1.5",
        "e": "x",
        "g": "7",
    }
    assert as_sent({"root": {"size": 5}}, "devices", depth=2) == {"root": {"size": "5"}}


@pytest.mark.parametrize(
    ("value", "depth", "told"),
    [
        ({"user.key": ["hunter2"]}, 1, r"config\['user.key'\] is a text, a number or a boolean"),
        ({"user.key": {"hunter2": "x"}}, 1, r"config\['user.key'\] is a text"),
        ({"user.key": b"hunter2"}, 1, "not a value of type bytes"),
        ({1: "x"}, 1, "a key of config is a str, not 1"),
        ({"root": "hunter2"}, 2, r"config\['root'\] is a dict, not a value of type str"),
        ("hunter2", 1, "config is a dict, not a value of type str"),
    ],
)
def test_what_no_server_takes_is_told_without_the_value(value, depth, told):
    with pytest.raises(TypeError, match=told) as raised:
        as_sent(value, depth=depth)
    assert "hunter2" not in str(raised.value)


PORT = {"listen_port": "80", "protocol": "tcp"}
FILLED_IN = PORT | {"description": "", "target_port": ""}


def test_rows_are_the_servers_texts_but_for_their_numbers():
    rows = [{"listen_port": 80, "target_port": None, "description": "x", "target_backend": ("a", "b")}]
    sent = rows_as_sent("ports", rows)
    assert sent == [{"listen_port": "80", "description": "x", "target_backend": ["a", "b"]}]
    assert rows_as_sent("entries", [{"ttl": 60}, {"ttl": "60"}]) == [{"ttl": 60}, {"ttl": 60}]


@pytest.mark.parametrize(
    ("rows", "error", "told"),
    [
        ("x", TypeError, "ports is a list of dicts, not str"),
        ([PORT, "80"], TypeError, r"ports\[1\] is a dict, not str"),
        ([{"listen_port": [80]}], TypeError, r"ports\[0\]\['listen_port'\] is a list of texts"),
        ([{"listen_port": True}], TypeError, r"ports\[0\]\['listen_port'\] is a text or a number"),
        ([{"description": "a\0b"}], ValueError, "NUL"),
        ([{"ttl": "soon"}], TypeError, "whole number"),
        ([{"ttl": -1}], ValueError, "0 or more"),
    ],
)
def test_what_is_no_list_of_rows_is_told(rows, error, told):
    with pytest.raises(error, match=told):
        rows_as_sent("ports", rows)


def test_what_a_server_fills_in_or_leaves_out_is_no_change_of_somebodys():
    one = {("ports",): Change([PORT], [PORT, PORT])}
    assert clash({"ports": [FILLED_IN]}, one) is None
    assert clash({"ports": [FILLED_IN, PORT]}, one) is None
    assert clash({"ports": [FILLED_IN | {"target_port": "81"}]}, one) is not None
    assert clash({"ports": []}, one) is not None
    held = own([{**PORT, "listen_port": 80}])
    assert refresh(held, [PORT], [FILLED_IN]) == [FILLED_IN]  # nobody has changed it here since it was sent
    assert held == [FILLED_IN]

"""Filters: what is sent of conditions, as texts; that servers evaluate it so is in the contract test of filters."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lxdnb.frames._filter import And, Comparison, Condition, Not, Or, conjuncts, holds, parse
from lxdnb.frames._sent import sent


@pytest.mark.parametrize(
    ("text", "of_lxd", "of_incus"),
    [
        ("status eq Running", "status eq Running", "status eq Running"),
        ("not status eq Running", "status ne Running", "status ne Running"),
        ("ephemeral eq TRUE", None, "ephemeral eq true"),
        ("ephemeral eq ''", None, None),
        ("config.user.role ne 'web server'", *['config.user.role ne "web server"'] * 2),
        ("config.user.role eq 'web  server'", None, None),
        ("config.user.role eq ''", None, None),
        ("config.user.role eq '(a|b)'", None, None),
        ("config.user.role eq ^a", None, None),
        ("config.user.role eq ä", None, None),
        (r"config.user.role eq \d+", None, None),
        ("'config.user.a b' eq x", None, None),
        ("config eq x", None, None),
        ("created_at gt 2026-01-01", None, None),
        ("foo eq x", None, None),
        ("status eq Running and created_at gt 2026-01-01", *["status eq Running"] * 2),
        ("status eq Running or created_at gt 2026-01-01", None, None),
        ("status eq Running and (name eq a or name eq b)", *["name eq a or name eq b and status eq Running"] * 2),
        ("(name eq a or name eq b) and (name eq b or name eq c)", *["name eq a or name eq b"] * 2),
        ("not (name eq a or name eq b)", *["name ne a and name ne b"] * 2),
        ("not (name eq a and not name eq b)", *["name ne a or name eq b"] * 2),
        ("name eq a or (name eq b and status eq Running)", None, None),
    ],
)
def test_what_is_sent(text, of_lxd, of_incus):
    assert sent(conjuncts(parse(text)), "lxd", "instances") == of_lxd
    assert sent(conjuncts(parse(text)), "incus", "instances") == of_incus


def test_to_whom_and_by_which_path():
    parts = conjuncts(parse("name eq a"))
    assert sent(parts, "lxd", "storage-pools") is None
    assert sent(parts, "incus", "storage-pools") == "name eq a"
    assert sent(parts, "another", "instances") is None
    by_path = {"image": "config.volatile.base_image", "name": None}.get
    assert sent(conjuncts(parse("image eq ab.* and name eq a")), "lxd", "instances", by_path) == (
        "config.volatile.base_image eq ab.*"
    )


def test_a_filter_stays_short_enough_for_a_url():
    parts = [Comparison(f"config.user.{number}", "ne", "x" * 500) for number in range(50)]
    assert len(sent(parts, "lxd", "instances")) <= 4000


FIELDS = ["name", "status", "size", "ephemeral"]
LEAVES = st.builds(
    Comparison,
    st.sampled_from(FIELDS),
    st.sampled_from(["eq", "ne"]),
    st.sampled_from(["a", "b", "(a|b)"]),
) | st.just(Comparison("name", "gt", "1"))
TREES: st.SearchStrategy[Condition] = st.recursive(
    LEAVES,
    lambda parts: (
        st.builds(Not, parts)
        | st.builds(And, st.lists(parts, min_size=2, max_size=3).map(tuple))
        | st.builds(Or, st.lists(parts, min_size=2, max_size=3).map(tuple))
    ),
    max_leaves=8,
)


def evaluated(filter: str, values: dict[str, str]) -> bool:
    """Evaluate a filter as servers do: from left to right, without precedence."""
    words = re.sub(r"\b(and|or)\b", r"|\1|", filter).split("|")
    result, joint = True, "and"
    for word in words:
        if word in ("and", "or"):
            joint = word
            continue
        field, operator, value = word.split()
        fits = bool(re.fullmatch(value, values[field], re.IGNORECASE)) == (operator == "eq")
        result = result or fits if joint == "or" else result and fits
    return result


@given(st.lists(TREES, min_size=1, max_size=3), st.fixed_dictionaries(dict.fromkeys(FIELDS, st.sampled_from("abc1"))))
def test_what_belongs_is_never_left_out(conditions, values):
    filter = sent(conditions, "lxd", "instances")
    if filter is not None and all(holds(condition, values.get) for condition in conditions):
        assert evaluated(filter, values)

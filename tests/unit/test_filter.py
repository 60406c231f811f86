"""Conditions: what is understood, what is refused and in which words, and what holds of which values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lxdnb.frames import _compare
from lxdnb.frames._filter import And, Comparison, Not, Or, check, conjuncts, fields, globs, holds, parse


def tried(call: Callable[[], object]) -> tuple[object, str | None]:
    """Return its value, or what its ValueError says; any other is one of the test."""
    try:
        return call(), None
    except ValueError as error:
        return None, str(error)


def those(text: str, **values: object) -> list[str]:
    """Return the names of the values for which a condition on `x` holds."""
    return [name for name, value in values.items() if holds(parse(text), {"x": value}.get)]


A, B, C = (Comparison(name, "eq", "1") for name in "abc")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a eq 1", A),
        ("  a\teq\n1 ", A),
        ("a eq 1 or b eq 1 and c eq 1", Or((A, And((B, C))))),
        ("(a eq 1 or b eq 1) and c eq 1", And((Or((A, B)), C))),
        ("not a eq 1 and b eq 1", And((Not(A), B))),
        ("not(a eq 1 and b eq 1)", Not(And((A, B)))),
        ("not not a eq 1", Not(Not(A))),
        ("((a eq 1))", A),
        ("a eq 1 and (b eq 1 and c eq 1)", And((A, And((B, C))))),
        ("'a' eq \"1\"", A),
        ('x ne "two words"', Comparison("x", "ne", "two words")),
        ("x ne 'say \"and\"'", Comparison("x", "ne", 'say "and"')),
        ("x eq 'and' and a eq 1", And((Comparison("x", "eq", "and"), A))),
        ('x eq ""', Comparison("x", "eq", "")),
        ("x eq it's", Comparison("x", "eq", "it's")),
        ("config.user.x=y eq OR", Comparison("config.user.x=y", "eq", "OR")),
        ("x ge 1GiB", Comparison("x", "ge", "1GiB")),
    ],
)
def test_what_a_text_says(text, tree):
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "where is empty: give a condition, as in 'status eq Running', or leave it out"),
        ("\n ", "where is empty"),
        ("status == Running", "at character 8: after 'status' '==' compares nothing: write eq"),
        ("status != Running", "write ne"),
        ("memory >= 1GiB", "write ge"),
        ("memory >1GiB", "write gt"),
        ("status=Running", "at character 1: 'status=Running' is one word: write status eq Running"),
        ("status EQ Running", "write eq"),
        ("status eqq Running", "write eq"),
        ("status contains Run", r"as in .*web.*"),
        ("status not eq Running", "write not status eq …"),
        ("status", "at character 7: after 'status' eq, ne, gt, ge, lt or le is missing, and a value"),
        ("status eq", 'at character 10: a value is missing after \'status\' eq; an empty one is ""'),
        ("status eq and", "at character 11: 'and' stands after 'status' eq where a value should be"),
        ("a eq 1 AND b eq 1", "at character 8: 'AND' joins nothing: write and"),
        ("a eq 1 && b eq 1", "write and"),
        ("a eq 1 || b eq 1", "write or"),
        ("a eq web server", "'server' stands where and, or or the end should be, or, if 'web server' is one"),
        ("a eq 1 or", "at character 10: it ends where a condition should be"),
        ("and a eq 1", "at character 1: 'and' stands where a condition should be"),
        ("(a eq 1", "at character 1: this ( is not closed"),
        ("a eq 1)", "at character 7: this ) closes nothing"),
        ("a eq c(1|2)", "at character 7: a value with parentheses stands in quotes"),
        ("a eq 'x", "at character 6: this ' opens a value that nothing closes"),
        ("a eq 'x'y", "at character 9: a blank is missing after the quotes"),
        ("'' eq x", "at character 1: the name of a field is not empty"),
        ("a eq '('", "at character 6: '(' is no regular expression: missing ) at position 1; put a backslash"),
        ("a eq c++", "put a backslash before what stands for itself, as in c\\+\\+"),
        ("a ne *", "nothing to repeat"),
        ("a gt much", "at character 6: gt compares with a number, a size such as 1GiB, a share such as 80%, or a time"),
        ("a lt 2026-13-01", "which '2026-13-01' is not"),
        ("not " * 60 + "a eq 1", "nested more than 50 deep"),
        ("(" * 60 + "a eq 1" + ")" * 60, "nested more than 50 deep"),
        ("a eq " + "x" * 2000, "a value of 2,000 characters is too long"),
        ("a eq 1 or " * 2000 + "a eq 1", "where has 20,006 characters, of which 10,000 are the most"),
        ("a eq '" + "(" * 400 + ")" * 400 + "'", "nested too deeply"),
        ("a eq '((((a{100}){100}){100}){100})'", "repeats too often"),
        ("a eq \0", "cannot hold a NUL"),
    ],
)  # fmt: skip
def test_what_is_refused_and_what_to_write(text, words):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        parse(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


NOW = datetime(2026, 11, 29, 15, 0, 30, 999_999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("x lt now", "x lt 2026-11-29T15:00:30+00:00"),
        ("x ge now-45s", "x ge 2026-11-29T14:59:45+00:00"),
        ("x gt now-90min", "x gt 2026-11-29T13:30:30+00:00"),
        ("x le now+12h", "x le 2026-11-30T03:00:30+00:00"),
        ("not (x lt now-7d)", "not x lt 2026-11-22T15:00:30+00:00"),
        ("x lt 'now - 2w'", "x lt 2026-11-15T15:00:30+00:00"),
        ("x eq now-7d", "x eq now-7d"),  # a text as any other
    ],
)
def test_now_is_a_time_where_times_are_compared(text, meant):
    assert str(parse(text, NOW)) == meant


def test_older_than_is_before_so_long_ago():
    times = {"old": datetime(2026, 11, 1, tzinfo=UTC), "new": datetime(2026, 11, 29, tzinfo=UTC), "none": None}
    older = parse("x lt now-7d", NOW)
    assert [name for name, value in times.items() if holds(older, {"x": value}.get)] == ["old"]
    # Without a time it is that of the call: nothing is kept from one to the next.
    assert those("x gt now-1h and x lt now+1h", this=datetime.now(UTC), last=times["old"]) == ["this"]


@pytest.mark.parametrize("text", ["7d", "now-7", "now-7m", "now-1y", "now-7days", "now7d", "now-999999w"])
def test_what_is_no_time_from_now(text):
    with pytest.raises(ValueError, match=r"now-7d \(s, min, h, d, w\), which|is too far away"):
        parse(f"x lt {text}")


def test_a_condition_is_a_text():
    with pytest.raises(TypeError, match="where is a str, not list"):
        parse(["name eq c1"])


# As a tree that is printed and parsed again: any field, any value that is an expression.
WORDS = st.sampled_from(
    ["a", "config.user.x y", "eq", "not", "1GiB", "50%", ".*", "it's", 'say "x"', "\\(x\\)", "ümlaut"]
)
TREES = st.recursive(
    st.builds(Comparison, WORDS, st.sampled_from(["eq", "ne"]), WORDS | st.just(""))
    | st.builds(Comparison, WORDS, st.sampled_from(["gt", "ge", "lt", "le"]), st.sampled_from(["1GiB", "2026-01-02"])),
    lambda parts: (
        st.builds(Not, parts)
        | st.builds(And, st.lists(parts, min_size=2, max_size=3).map(tuple))
        | st.builds(Or, st.lists(parts, min_size=2, max_size=3).map(tuple))
    ),
    max_leaves=12,
)  # fmt: skip
PIECES = st.sampled_from(
    [*"()\"' [*\\^$", "a", "eq", "ne", "gt", "le", "and", "or", "not", "  ", "1GiB", "5%", "{9}", "=="]
)


@given(TREES)
def test_what_is_printed_is_parsed_as_the_same(tree):
    assert parse(str(tree)) == tree


@given(st.text() | st.lists(PIECES | st.text(max_size=3)).map(" ".join) | st.lists(PIECES).map("".join))
@example("a eq \\L<x>")
@example("a eq [[a]")
@example("a gt 9999-12-31T23:59:59-14:00")
@example("a lt 9999-12-31")
@example("a lt 0001-01-01T00:00:00+14:00")
@example("a gt 1e999")
@example("a eq " + "x{9}" * 6)
def test_any_text_is_a_condition_or_a_clear_error(text):
    condition, error = tried(lambda: parse(text))
    if error is not None:
        assert error.startswith("where")
        return
    assert parse(str(condition)) == condition
    for value in (None, "", "a", "1GiB", 5, 0.5, True, pd.Timestamp("2026-11-29", tz="UTC"), ("a", "b"), ()):
        held, error = tried(lambda value=value: holds(condition, lambda _: value))
        assert held in (True, False) or error


def test_the_parts_of_which_all_must_hold():
    condition = parse("a eq 1 and (b eq 1 and (c eq 1 or a eq 1)) and not b eq 1")
    assert [str(part) for part in conjuncts(condition)] == ["a eq 1", "b eq 1", "c eq 1 or a eq 1", "not b eq 1"]
    assert fields(condition) == ("a", "b", "c")
    assert conjuncts(parse("a eq 1 or b eq 1")) == (parse("a eq 1 or b eq 1"),)


@given(TREES, st.dictionaries(WORDS, st.sampled_from(["", "a", "5", "1GiB"])))
def test_and_or_not_are_those_of_logic(tree, values):
    assert holds(Not(tree), values.get) == (not holds(tree, values.get))
    assert holds(tree, values.get) == all(holds(part, values.get) for part in conjuncts(tree))
    assert holds(And((tree, A)), values.get) == (holds(tree, values.get) and holds(A, values.get))
    assert holds(Or((tree, A)), values.get) == (holds(tree, values.get) or holds(A, values.get))


def test_texts_are_compared_by_an_expression_for_the_whole():
    several = {"web": "web", "WEB": "WEB", "web1": "web1", "old-web": "old-web", "none": None}
    assert those("x eq web", **several) == ["web", "WEB"]
    assert those("x ne web", **several) == ["web1", "old-web", "none"]
    assert those("not x eq web", **several) == ["web1", "old-web", "none"]
    assert those("x eq web.*", **several) == ["web", "WEB", "web1"]
    assert those("x eq ^web", **several) == ["web", "WEB", "web1"]
    assert those("x eq web$", **several) == ["web", "WEB", "old-web"]
    assert those("x eq 'web|web1'", **several) == ["web", "WEB", "web1"]
    assert those("x eq '[^o].*'", **several) == ["web", "WEB", "web1"]
    assert those("x eq i", dotted="İ", dotless="ı", capital="I") == ["capital"]


def test_what_is_missing_is_an_empty_text():
    several = {
        "none": None,
        "nan": float("nan"),
        "nat": pd.NaT,
        "empty": "",
        "no_members": (),
        "there": "a",
        "number": 0,
    }
    assert those('x eq ""', **several) == ["none", "nan", "nat", "empty", "no_members"]
    assert those('x ne ""', **several) == ["there", "number"]
    assert those("x gt -1", **several) == ["number"]
    assert those("not x gt -1", **several) == ["none", "nan", "nat", "empty", "no_members", "there"]


def test_numbers_sizes_and_shares_are_compared_by_value():
    several = {"less": 2**30 - 1, "same": 2**30, "more": 2**30 + 1, "none": None}
    assert those("x eq 1GiB", **several) == those("x eq 1073741824", **several) == ["same"]
    assert those("x ne 1GiB", **several) == ["less", "more", "none"]
    assert those("x gt 1GiB", **several) == ["more"]
    assert those("x ge 1GiB", **several) == ["same", "more"]
    assert those("x lt 1GiB", **several) == ["less"]
    assert those("x le 1024MiB", **several) == ["less", "same"]
    assert those("x gt 80%", low=0.79, same=0.8, high=0.81) == ["high"]
    assert those("x ge 0.8", low=0.79, same=0.8, high=0.81) == ["same", "high"]
    assert those("x lt -1.5e1", low=-16, high=-15) == ["low"]
    assert those(f"x gt {2**63}", low=2**63, high=2**63 + 1) == ["high"]


def test_what_texts_say_is_compared_by_value_where_it_is_ordered():
    several = {
        "512MiB": "512MiB",
        "2GB": "2GB",
        "75%": "75%",
        "10": "10",
        "word": "word",
        "day": "2026-11-29T15:00:00Z",
    }
    assert those("x gt 1GiB", **several) == ["2GB"]
    assert those("x lt 1GiB", **several) == ["512MiB", "10"]
    assert those("x le 9", **several) == []
    assert those("x gt 50%", **several) == ["75%"]
    assert those("x ge 2026-11-29", **several) == ["day"]


def test_times_are_of_utc_and_a_date_is_its_whole_day():
    moments = [
        "2026-11-28T23:59:59.999999999",
        "2026-11-29T00:00:00",
        "2026-11-29T23:59:59.999999999",
        "2026-11-30T00:00:00",
    ]
    several = dict(zip("abcd", (pd.Timestamp(each, tz="UTC") for each in moments), strict=True), none=None)
    assert those("x eq 2026-11-29", **several) == ["b", "c"]
    assert those("x ne 2026-11-29", **several) == ["a", "d", "none"]
    assert those("x lt 2026-11-29", **several) == ["a"]
    assert those("x le 2026-11-29", **several) == ["a", "b", "c"]
    assert those("x gt 2026-11-29", **several) == ["d"]
    assert those("x ge 2026-11-29", **several) == ["b", "c", "d"]
    assert those("x gt 2026-11-29T00:00:00Z", **several) == ["c", "d"]
    assert those("x eq 2026-11-29T01:00:00+01:00", **several) == ["b"]
    assert those("x eq '2026-11-29 00:00'", **several) == ["b"]
    assert those("x eq 2026-11-29", plain=datetime(2026, 11, 29, 12, tzinfo=UTC)) == ["plain"]
    assert those("x lt 9999-12-30", **several) == those("x gt 0001-01-01", **several) == ["a", "b", "c", "d"]
    assert those("x eq 2026-11-28T23:59:59.999999999Z", **several) == ["a"]
    assert those("x gt 2026-11-28T23:59:59.999999998", **several) == ["a", "b", "c", "d"]
    assert those("x ge 2026-11-28T23:59:59.9999999", **several) == ["a", "b", "c", "d"]
    texts = {"before": "2026-11-28T23:59:59.999999998Z", "same": "2026-11-29T00:59:59.999999999+01:00"}
    assert those("x ge 2026-11-28T23:59:59.999999999Z", **texts) == ["same"]


def test_true_false_and_lists():
    assert those("x eq true", yes=True, no=False, none=None) == ["yes"]
    assert those("x ne TRUE", yes=True, no=False, none=None) == ["no", "none"]
    assert those("x eq gpu", first=("gpu", "web"), last=("web", "gpu"), other=("web",), none=()) == ["first", "last"]
    assert those("x ne gpu", first=("gpu", "web"), other=("web",), none=()) == ["other", "none"]


@pytest.mark.parametrize(
    ("text", "dtype", "words"),
    [
        ("x eq many", "Int64", "x is a number, and 'many' is none"),
        ("x eq .*", "Float64", "x is a number, and '.*' is none, nor a share such as 80%"),
        ("x gt 50%", "Int64", "x is a number, and '50%' is none"),
        ("x gt 2026-11-29", "Int64", "x is a number, and '2026-11-29' is none"),
        ("x eq yes", "boolean", "x is true or false, and not 'yes'"),
        ("x gt 1", "boolean", "x is true or false: it is compared by eq and ne alone"),
        ("x eq today", "datetime", "x is a time, and 'today' is none: write it as 2026-11-29"),
        ("x gt 5", "datetime", "x is a time, and '5' is none"),
        ("a eq 1 or not (a eq 2 and x eq many)", "Int64", "x is a number"),
    ],
)
def test_what_is_of_another_kind_is_refused_before_anything_is_asked(text, dtype, words):
    condition = parse(text)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        check(condition, {"x": dtype, "a": "string"}.__getitem__)
    assert words in str(caught.value)
    check(parse('x eq ""'), lambda _: dtype)
    check(condition, lambda _: "string")


def test_an_expression_that_takes_for_ever_is_given_up(monkeypatch):
    monkeypatch.setattr(_compare, "SECONDS", 0.01)
    condition = parse("x eq '(a|aa)+b'")
    assert holds(condition, {"x": "aab"}.get)
    with pytest.raises(ValueError, match="takes too long on '': write a simpler one"):
        holds(parse("x eq '(?R)'"), {"x": ""}.get)
    with pytest.raises(ValueError, match=r"'\(a\|aa\)\+b' takes too long on 'aaaa.*: write a simpler one"):
        holds(condition, {"x": "a" * 200}.get)


@pytest.mark.parametrize("fraction", ["1", "123456", "1234567", "123456789"])
def test_fractions_of_a_second_are_read_to_the_nanosecond(fraction):
    moment = pd.Timestamp(f"2026-02-03T04:05:06.{fraction}Z")
    values = {"at": moment, "earlier": moment - pd.Timedelta(1, "ns"), "later": moment + pd.Timedelta(1, "ns")}
    found = [name for name in values if holds(parse(f"{name} eq 2026-02-03T04:05:06.{fraction}Z"), values.get)]
    assert found == ["at"]


def test_a_dollar_that_stands_for_itself_looks_at_the_whole_text():
    assert holds(parse(r"x eq 'five\$'"), {"x": "five$"}.get)
    assert not holds(parse(r"x eq 'five\$'"), {"x": "twenty-five$"}.get)
    assert holds(parse(r"x eq 'five$'"), {"x": "twenty-five"}.get)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("name eq web-*", "write name eq web-.* for any text there"),
        ("status eq Running and not name ne w*b*", "write name ne w.*b.* for any text there"),
        ("name eq web-.*", None),
        ("name eq [ab]*", None),
        ("name eq '(ab)*'", None),
    ],
)
def test_what_a_shell_would_have_meant_is_told(text, word):
    told = globs(parse(text))
    assert [each.partition("stands before it: ")[2] for each in told] == ([word] if word else [])

"""Columns made of values as pandas makes them itself; what does not fit is NA, and told once."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_extension_array_equal

from lxdnb.frames._arrays import array
from lxdnb.frames._columns import Column

LEAST, MOST = -(2**63), 2**63 - 1


def made(dtype: str, values: list[object]) -> tuple[Any, list[str]]:
    told: list[str] = []
    return array(Column("x", dtype), values, told.append), told


@pytest.mark.parametrize("storage", ["auto", "python"])
@pytest.mark.parametrize("values", [[], [None], ["", "ü", None, "a\0b"]])
def test_texts_are_those_of_pandas(storage, values):
    with pd.option_context("mode.string_storage", storage):
        texts, told = made("string", values)
        assert_extension_array_equal(texts, pd.array(values, dtype="string"))
    assert told == []


@pytest.mark.parametrize("values", [[], [None], [0, None, LEAST, MOST]])
def test_numbers_are_those_of_pandas(values):
    numbers, told = made("Int64", values)
    assert_extension_array_equal(numbers, pd.array(values, dtype="Int64"))
    assert told == []


def test_numbers_that_do_not_fit_are_told_together():
    numbers, told = made("Int64", [1, LEAST - 1, True, "2", MOST + 1, 3])
    assert_extension_array_equal(numbers, pd.array([1, None, None, None, None, 3], dtype="Int64"))
    assert told == [f"x: 4 values of another type, such as {LEAST - 1}"]


def test_lists_that_do_not_fit_are_told_together():
    lists, told = made("tuple", [["a", "b"], [1], None, ("a", "b"), "a", [], [{}]])
    assert list(lists) == [("a", "b"), (), (), ("a", "b"), (), (), ()]
    assert told == ["x: 3 values of another type, such as [1]"]


@pytest.mark.parametrize("wrong", [[1], ["a", None], [["a"]], [{}]])
def test_one_list_that_does_not_fit_is_told(wrong):
    lists, told = made("tuple", [["a"], wrong])
    assert list(lists) == [("a",), ()]
    assert told == [f"x: 1 value of another type, such as {wrong}"]

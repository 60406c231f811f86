"""Frames of servers that send what they should not: a wrong type costs its cell, in each field of each record."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lxdnb import frames
from lxdnb.frames._views import VIEWS
from tests.answers import change_answers

WRONG = (5, "wrong", [], [5], {}, {"a": 5}, None, True)
NAMES = {"name", "id", "uuid", "fingerprint", "type", "project", "location", "managed", "status"}
"""What tells one thing from another, or which requests are made of it."""
PROJECTS = "/1.0/projects"


def damaged(told: Any, wrong: Any) -> Any:
    """Return an answer with another value in each field of each of its records."""
    if isinstance(told, list):
        return [damaged(each, wrong) if isinstance(each, dict) else each for each in told]
    if isinstance(told, dict):
        return {key: value if key in NAMES else wrong for key, value in told.items()}
    return told


@pytest.mark.parametrize("view", sorted(VIEWS.keys() - {"metrics"}))
def test_no_field_of_a_wrong_type_costs_more_than_itself(client, server, view, monkeypatch):
    server.cli("launch", "busybox", "h-run")
    server.cli("storage", "volume", "create", "default", "h-data")
    look, columns = getattr(frames, view), list(VIEWS[view].columns)
    good = look(client, columns)
    given: list[Any] = [None]
    change_answers(client, monkeypatch, lambda path, metadata: damaged(metadata, given[0]))
    for wrong in WRONG:
        given[0] = wrong
        frame = look(client, columns)
        assert list(frame.columns) == columns, wrong
        for name in columns:
            assert str(frame[name].dtype) == str(good[name].dtype), (wrong, name)
        assert json.loads(frame.attrs["lxdnb"])["view"] == view

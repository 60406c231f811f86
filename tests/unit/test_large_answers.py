"""Large answers are read without the garbage collector, which is left as it was found whatever becomes of them."""

from __future__ import annotations

import gc
import json
import weakref

import pytest
import requests

from lxdnb import api
from lxdnb.api._answers import LARGE

RECORDS = [{"name": f"c{number}", "config": {"a": ["x" * 1000]}} for number in range(LARGE // 1000)]


def answer(body: bytes) -> requests.Response:
    response = requests.Response()
    response.status_code, response._content = 200, body
    return response


@pytest.fixture(scope="module")
def large() -> bytes:
    body = json.dumps({"type": "sync", "metadata": RECORDS}).encode()
    assert len(body) > LARGE
    return body


@pytest.fixture
def looked():
    """How many things the collector has looked at, each time."""
    counts: list[int] = []

    def note(phase, info):
        if phase == "start":
            counts.append(len(gc.get_objects(info["generation"])))

    gc.collect()
    gc.callbacks.append(note)
    yield counts
    gc.callbacks.remove(note)


def test_a_large_answer_is_not_looked_through_while_or_after_it_is_read(large, looked):
    found = api.metadata(answer(large))
    made = [[each] for each in range(5000)]  # more than the collector lets pass
    assert found == RECORDS
    assert made
    assert 0 < sum(looked) < len(RECORDS)


def test_garbage_made_before_is_gone_afterwards(large):
    class Thing:
        pass

    gc.collect()
    thing = Thing()
    thing.itself = thing
    there = weakref.ref(thing)
    del thing
    api.metadata(answer(large))
    assert there() is None


@pytest.mark.parametrize("body", [b"{}", b'{"metadata": ['])
def test_the_collector_is_back_whatever_the_answer(body):
    assert api.metadata(answer(body.ljust(LARGE))) is None
    assert gc.isenabled()


def test_where_nobody_collects_it_stays_so(large):
    gc.disable()
    try:
        assert api.metadata(answer(large)) == RECORDS
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_is_frozen_stays_frozen(large):
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        api.metadata(answer(large))
        assert gc.get_freeze_count() > frozen // 2  # some of it is gone, for nobody has it any more
    finally:
        gc.unfreeze()

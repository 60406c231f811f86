"""What a verb means for a thing by its status, and that each kind of thing is one that a view has."""

from __future__ import annotations

import pytest

from lxdnb.frames._verbs import THINGS, Status, intent, verb_of
from lxdnb.frames._views import VIEWS


@pytest.mark.parametrize("view", THINGS)
def test_the_keys_of_things_are_columns_of_their_view(view):
    kind = THINGS[view]
    assert set(kind.keys) <= set(VIEWS[view].keys)
    assert set(kind.keys) <= set(VIEWS[view].columns)
    named = {word[1:-1] for word in kind.path if word.startswith("{")}
    assert {"project", *named} == set(kind.keys)


@pytest.mark.parametrize("verb", THINGS["instances"].verbs)
def test_a_status_that_nobody_here_knows_is_the_servers_to_judge(verb):
    assert intent(verb, Status("Error")).steps == (verb,)
    assert intent(verb, Status("Freezing")).steps == (verb,)


@pytest.mark.parametrize("status", ["Running", "Frozen", "Ready"])
def test_what_runs_is_deleted_by_force_alone(status):
    refused = intent("delete", Status(status))
    assert refused.steps == ()
    assert refused.refused == f"is {status}: stop it first, or give force=True"
    assert intent("delete", Status(status), force=True).steps == ("stop", "delete")
    # A server deletes an ephemeral one when it stops: a delete after that would find nothing.
    assert intent("delete", Status(status, ephemeral=True), force=True).steps == ("stop",)


@pytest.mark.parametrize("force", [False, True])
def test_what_rests_is_deleted_as_it_is(force):
    assert intent("delete", Status("Stopped", ephemeral=True), force=force).steps == ("delete",)


def test_a_timeout_may_be_without_an_end_and_no_less():
    assert verb_of("instances", "stop", {"timeout": -1}) == ("stop", {"timeout": -1})
    with pytest.raises(ValueError, match="timeout"):
        verb_of("instances", "stop", {"timeout": -2})

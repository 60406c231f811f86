"""What a verb means for a thing by its status, and that each kind of thing is one that a view has."""

from __future__ import annotations

import pytest

from lxdnb.frames._verbs import THINGS, Status, intent
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

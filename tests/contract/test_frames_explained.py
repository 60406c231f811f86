"""What `explain` tells beside what is sent: of each view, for a client of a project and for all projects."""

from __future__ import annotations

import inspect
import re

import pytest

from lxdnb import frames
from lxdnb.frames._views import VIEWS

PROJECT = "e-lab"


@pytest.fixture
def inside(client, server):
    """A client of a project that has instances of its own, and profiles and images of the default one."""
    server.cli("project", "create", PROJECT, "-c", "features.images=false", "-c", "features.profiles=false")
    run = ("--project", PROJECT)
    server.cli("launch", "busybox", "e-run", *run)
    server.cli("init", "busybox", "e-rest", *run)
    client.use_project(PROJECT).instances.get("e-rest").snapshots.create("before", wait=True)
    return client.use_project(PROJECT)


def pattern(request: str) -> str:
    """An expression for the paths of a request; what is in braces may be any name."""
    path = request.removeprefix("GET ").partition("?")[0]
    return "[^/]+".join(map(re.escape, re.split(r"\{[a-z_]+\}", path)))


@pytest.mark.parametrize("all_projects", [False, True])
def test_nothing_is_sent_that_is_not_explained(inside, asked, all_projects):
    for view, declared in VIEWS.items():
        look = getattr(frames, view)
        everywhere = {"all_projects": all_projects} if "all_projects" in inspect.signature(look).parameters else {}
        for columns in (None, list(declared.columns)):
            told = frames.explain(inside, columns, view=view, **everywhere)["request"].dropna()
            del asked[:]
            look(inside, columns, **everywhere)
            paths = "|".join(map(pattern, told))
            assert [path for path in asked if not re.fullmatch(paths, path)] == [], (view, columns)
            plain = [path for path in asked if path in ("/1.0/projects", f"/1.0/projects/{PROJECT}")]
            # Once for which there are, and of `used_by` once more for what uses them.
            assert len(plain) <= (2 if view == "used_by" else 1), view


def test_requests_have_the_project_and_the_member_of_the_client(inside):
    told = frames.explain(inside, ["name", "memory"])["request"].tolist()
    assert told == [
        f"GET /1.0/instances?recursion=1&project={PROJECT}",
        f"GET /1.0/instances/{{name}}/state?project={PROJECT}",
    ]
    assert (
        frames.explain(inside, view="used_by")["request"]
        .tolist()
        .count(f"GET /1.0/projects/{PROJECT}?project={PROJECT}")
        == 1
    )
    assert frames.explain(inside, view="metrics")["request"].tolist() == [f"GET /1.0/metrics?project={PROJECT}"]
    told = frames.explain(inside.use_target("n2"), ["name"], all_projects=True)["request"].tolist()
    assert told == ["GET /1.0/instances?all-projects=true&target=n2"]

"""Each endpoint that takes a project, a member or all projects by the servers' specifications is asked for with it.

What our methods ask for is seen by calling each of them, by a client of a project and of a member: `use_project` and
`use_target` say these in every request. What no method asks for has its reason here.
"""

from __future__ import annotations

from typing import Any

import pytest

import lxdnb
from lxdnb.exceptions import LXDError
from tests.calls import ALL_CALLS, EXTENSIONS, call, parameters
from tests.recorder import Recorder
from tests.specification import SERVERS, endpoints

BY_API = "by client.api alone"
REASONS = {
    "GET /1.0/instances/{}/debug/memory": BY_API,
    "POST /1.0/instances/{}/console": BY_API,
    "POST /1.0/images/{}/secret": "by a copy that the other server pulls; the call that is tried pushes",
    "POST /1.0/storage-pools/{}/volumes": "the same at POST /1.0/storage-pools/{}/volumes/{}, which tells the type",
}
OTHERS = {"PUT /1.0/instances project"}
"""What is asked for only where the server has several that are to change: see test_bulk."""

CREATED_ON = {
    *("POST /1.0/instances", "POST /1.0/networks", "POST /1.0/storage-pools"),
    "POST /1.0/storage-pools/{}/volumes/{}",
}
"""Where what is made is put on one member, by a `target` of its own as well."""
WITHOUT_EXTENSION = ("instance_all_projects", "images_all_projects")


class Asked:
    """What methods ask for: each method and path, with the names of what is in its query."""

    def __init__(self, recorder: Recorder) -> None:
        self._found = [
            (each.line.partition(" ")[0], each.asked.path, {*each.asked.query}) for each in recorder.requests
        ]

    def has(self, endpoint: str, parameter: str) -> bool:
        """Whether an endpoint was asked with a parameter."""
        method, _, path = endpoint.partition(" ")
        wanted = path.strip("/").split("/")
        return any(
            method == how and parameter in query and len(wanted) == len(there) and all(map(_fits, wanted, there))
            for how, there, query in self._found
        )


def _fits(wanted: str, there: str) -> bool:
    return wanted in ("{}", there)


def asked(recorder: Recorder, client: lxdnb.Client, **more: Any) -> Asked:
    """What all methods ask for; with `more`, those that take it."""
    recorder.forget()
    for method in ALL_CALLS:
        if more.keys() <= parameters(method).keys():
            try:
                made = call(client, method, **more, **({"project": None} if method == "Client.events" else {}))
                if method == "Client.events":
                    made.connect()
            except (LXDError, KeyError, OSError, TypeError, ValueError):
                pass  # the recorder knows nothing: what counts is what it was asked
    _ = client.resources
    return Asked(recorder)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Asked]:
    """What is asked for by a client of a project and a member, with a `target`, and with `all_projects`."""
    with Recorder(tmp_path_factory.mktemp("recorder"), {*EXTENSIONS, *WITHOUT_EXTENSION}) as recorder:
        client = lxdnb.Client(recorder.endpoint)
        scoped = asked(recorder, client.use_project("p1").use_target("n2"))
        made = {
            "project": scoped,
            "target": scoped,
            "a target of its own": asked(recorder, client, target="n2"),
            "all-projects": asked(recorder, client, all_projects=True),
        }
        client.close()
        return made


@pytest.mark.parametrize("server", SERVERS)
def test_each_endpoint_is_asked_for_with_what_it_takes(found: dict[str, Asked], server: str):
    takes = {(endpoint, parameter) for endpoint, each in endpoints(server).items() for parameter in each}
    assert len(takes) > 150
    missing = {each for each in takes if not found[each[1]].has(*each)}
    unknown = {each for each in missing if each[0] not in REASONS and " ".join(each) not in OTHERS}
    assert unknown == set()
    told = {endpoint for endpoint, _ in takes}
    assert {each for each in REASONS if each in told and each not in {endpoint for endpoint, _ in missing}} == set()


@pytest.mark.parametrize("endpoint", sorted(CREATED_ON))
def test_what_is_created_is_put_on_a_member(found: dict[str, Asked], endpoint: str):
    assert all("target" in endpoints(server)[endpoint] for server in SERVERS)
    assert found["a target of its own"].has(endpoint, "target")

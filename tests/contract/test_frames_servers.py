"""Frames of several servers: one table, a column that says whose each row is, and one that is down named beside it."""

from __future__ import annotations

import gc
import json

import pandas as pd
import pytest

import lxdnb
from lxdnb import frames
from tests.servers import a_server


@pytest.fixture
def two(client, other_client, server, other_server):
    """A container on each, of the same name, and one more on the first."""
    for daemon, names in ((server, ("twin", "lone")), (other_server, ("twin",))):
        for name in names:
            daemon.cli("init", "busybox", name)
    return {"here": client, "there": other_client}


def rows(frame: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(frame["server"], frame["name"], strict=True))


def test_each_row_says_whose_it_is(two, server, other_server):
    frame = frames.instances(two)
    assert frame.columns[0] == "server"
    expected = [
        (name, record["name"])
        for name, daemon in (("here", server), ("there", other_server))
        for record in json.loads(daemon.cli("list", "--format", "json"))
    ]
    assert rows(frame) == expected
    assert expected == [("here", "lone"), ("here", "twin"), ("there", "twin")]
    alone = frames.instances(two["here"])
    assert dict(frame.dtypes.drop("server")) == dict(alone.dtypes)
    assert frames.client_of(frame, "there") is two["there"]
    assert frames.client_of(alone) is two["here"]
    del alone.attrs["lxdnb"]
    with pytest.raises(ValueError, match="give the client too"):
        frames.client_of(alone)


def test_a_client_that_nobody_kept_is_found_by_its_connections(client, server):
    server.cli("project", "create", "s-lab", "-c", "features.images=false", "-c", "features.profiles=false")
    server.cli("init", "busybox", "s-1", "--project", "s-lab")
    frame = frames.instances(client.use_project("s-lab"), ["name"])
    gc.collect()
    assert frames.client_of(frame).project == "s-lab"
    done = frames.apply(frame, "delete", progress=False)
    assert done["did"].tolist() == ["delete"]
    assert json.loads(server.cli("list", "--project", "s-lab", "--format", "json")) == []
    alone = frames.instances(lxdnb.Client(str(server.socket)), ["name"])
    gc.collect()
    with pytest.raises(ValueError, match="does not know its client any more: give the client too"):
        frames.client_of(alone)


def test_a_list_is_named_by_the_servers_or_where_they_are(two):
    clients = list(two.values())
    # Both call themselves by the name of this machine.
    assert set(frames.pools(clients, ["name"])["server"]) == {client.endpoint for client in clients}
    called = clients[0].host_info["environment"]["server_name"]
    assert rows(frames.pools(clients[:1], ["name"])) == [(called, "default")]


def test_conditions_and_explanations_are_of_each(two):
    assert rows(frames.instances(two, ["name"], where="name eq twin")) == [("here", "twin"), ("there", "twin")]
    told = frames.explain(two, ["name"])
    assert rows(told.rename(columns={"request": "name"})) == [
        ("here", "GET /1.0/instances"),
        ("there", "GET /1.0/instances"),
    ]


def test_one_that_is_down_is_named_and_stops_nobody(two, server_kind):
    with a_server(server_kind) as third:
        late = lxdnb.Client(str(third.socket))
    frame = frames.instances({**two, "late": late})
    assert rows(frame) == [("here", "lone"), ("here", "twin"), ("there", "twin")]
    (failed,) = json.loads(frame.attrs["lxdnb"])["failed"].items()
    assert failed[0] == "late"
    assert "no LXD or Incus answers at" in failed[1] or str(third.socket) in failed[1]
    assert "late" in frames.html(frame)
    nobody = frames.instances({"late": late})
    assert dict(nobody.dtypes) == dict(frame.dtypes)
    assert len(nobody) == 0
    with pytest.raises(lxdnb.exceptions.ClientConnectionFailed):
        frames.instances(late)


def test_what_are_no_clients_is_refused(client):
    for wrong in (None, "sandbox:", [client, "c1"], {"a": 1}, {1: client}, 5):
        with pytest.raises(TypeError, match=r"Client|named by str"):
            frames.instances(wrong)
    with pytest.raises(TypeError, match="'c1' is no Client"):
        frames.run(["c1", "c2"], "true")
    for wrong in (frame := frames.pools(client), frame["name"]):
        with pytest.raises(TypeError, match=f"a {type(wrong).__name__} is no Client"):
            frames.instances(wrong)
    for none in ([], {}):
        with pytest.raises(ValueError, match="no client was given"):
            frames.instances(none)
    with pytest.raises(ValueError, match="of one server"):
        frames.instances([client, client])

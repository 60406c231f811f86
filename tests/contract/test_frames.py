"""Frames: values as the server's own command line gives them, types settled whatever it holds."""

from __future__ import annotations

import json
import os

import pandas as pd
import pytest

import lxdnb
from lxdnb import frames
from lxdnb.frames import _instance_sources

# Names and dtypes of the default view, as its documentation promises them.
SCHEMA = {
    "name": "string",
    "status": "category",
    "type": "category",
    "ipv4": "object",
    "ipv6": "object",
    "memory": "Int64",
    "processes": "Int64",
    "image": "string",
    "image_description": "string",
    "profiles": "object",
    "created_at": "datetime64[ns, UTC]",
    "last_used_at": "datetime64[ns, UTC]",
    "description": "string",
}


def dtypes(frame: pd.DataFrame) -> dict[str, str]:
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}


@pytest.fixture
def mixed(client, server):
    """One running container and one that never ran."""
    server.cli("launch", "busybox", "f-run", "-c", "limits.memory=512MiB")
    server.cli("init", "busybox", "f-idle")
    server.cli("query", "-X", "PATCH", "-d", '{"description": "<b>idle</b>"}', "/1.0/instances/f-idle")


def test_values_are_those_of_the_command_line(client, server, mixed):
    told = {record["name"]: record for record in json.loads(server.cli("list", "--format", "json"))}
    frame = frames.instances(client, columns=list(frames.INSTANCE_COLUMNS)).set_index("name")
    assert list(frame.index) == list(told) == ["f-idle", "f-run"]
    for name, record in told.items():
        row, state = frame.loc[name], record["state"]
        for field in ("status", "type", "description", "architecture", "location", "project", "ephemeral"):
            assert row[field] == record[field], field
        assert row["image_description"] == record["config"]["image.description"]
        assert row["image"] == record["config"]["volatile.base_image"]
        assert row["profiles"] == tuple(record["profiles"])
        assert row["pool"] == record["expanded_devices"]["root"]["pool"]
        assert row["created_at"] == pd.Timestamp(record["created_at"])
        if record["status"] == "Running":
            assert row["pid"] == state["pid"]
            assert row["processes"] == state["processes"]
            assert row["last_used_at"] == pd.Timestamp(record["last_used_at"])
            # Both grow between the two looks, by little.
            assert row["cpu"] == pytest.approx(state["cpu"]["usage"] / 1e9, abs=0.5)
            assert row["memory"] == pytest.approx(state["memory"]["usage"], rel=0.5)
    idle = frame.loc["f-idle"]
    assert all(pd.isna(idle[name]) for name in ("memory", "processes", "cpu", "pid", "last_used_at"))
    assert (idle["ipv4"], idle["ipv6"]) == ((), ())


def test_addresses_are_those_that_the_command_line_shows(client, server):
    # Bridges are the host's: another name and another subnet for each process that tests at the same time.
    bridge, subnet = f"lxdnb-{os.getpid() % 10**7}", f"10.198.{os.getpid() % 250}"
    off = ("ipv4.nat=false", "ipv4.dhcp=false", "ipv6.address=none")
    server.cli("network", "create", bridge, f"ipv4.address={subnet}.1/24", *off)
    server.cli("launch", "busybox", "f-net", "-n", bridge)
    for address in (f"{subnet}.7/24", "fd42:1::7/64"):
        server.cli("exec", "f-net", "--", "ip", "addr", "add", address, "dev", "eth0")
    server.cli("exec", "f-net", "--", "ip", "addr", "add", f"{subnet}.9/32", "dev", "lo")
    server.cli("exec", "f-net", "--", "ip", "link", "set", "eth0", "up")
    frame = frames.instances(client, columns=["name", "ipv4", "ipv6"])
    shown = server.cli("list", "f-net", "--format", "csv", "-c", "46")
    assert frame.loc[0, "ipv4"] == (f"{subnet}.7",)
    assert frame.loc[0, "ipv6"] == ("fd42:1::7",)
    assert shown.strip() == f"{subnet}.7 (eth0),fd42:1::7 (eth0)"


def test_the_schema_is_the_same_when_empty(client, server, mixed):
    full = frames.instances(client)
    server.clear()
    empty = frames.instances(client)
    assert len(empty) == 0
    assert dtypes(full) == dtypes(empty) == SCHEMA
    assert list(empty["status"].cat.categories) == list(full["status"].cat.categories)
    everything = list(frames.INSTANCE_COLUMNS)
    assert dtypes(frames.instances(client, everything)).keys() == set(everything)
    assert len(pd.concat([full, empty])) == 2


def test_the_cheapest_requests(client, server, mixed, asked):
    frames.instances(client, ["name", "status", "image"])
    assert asked == ["/1.0/instances"]
    frames.instances(client)
    assert sorted(asked[1:]) == ["/1.0/instances", "/1.0/instances/f-run/state"]


def test_where_most_run_one_list_tells_the_states_of_all(client, server, mixed, asked, monkeypatch):
    monkeypatch.setattr(_instance_sources, "FEW", 2)
    for name in ("f-two", "f-three"):
        server.cli("launch", "busybox", name)
    told = {record["name"]: record["state"] for record in json.loads(server.cli("list", "--format", "json"))}
    frame = frames.instances(client, ["name", "pid"]).set_index("name")
    assert asked == ["/1.0/instances", "/1.0/instances"]  # one of four is stopped
    assert frame["pid"].dropna().to_dict() == {name: told[name]["pid"] for name in ("f-run", "f-two", "f-three")}
    del asked[:]
    frames.instances(client, ["name", "pid"], where="name ne f-idle")
    server.cli("stop", "-f", "f-two")
    frames.instances(client, ["name", "pid"])
    assert "/1.0/instances/f-run/state" in asked


def test_of_a_few_each_state_is_asked_for_though_all_run(client, server, asked):
    server.cli("launch", "busybox", "f-sole")
    assert frames.instances(client, ["pid"])["pid"].notna().all()
    assert asked == ["/1.0/instances", "/1.0/instances/f-sole/state"]


def test_a_condition_on_a_share_and_a_list_of_states_know_of_each_other(client, server, mixed, asked, monkeypatch):
    monkeypatch.setattr(_instance_sources, "FEW", 2)
    for name in ("f-two", "f-three"):
        server.cli("launch", "busybox", name, "-c", "limits.memory=50%")
    columns = ["name", "memory_limit", "pid"]
    frame = frames.instances(client, columns, where="name ne f-idle").set_index("name")
    del asked[:]
    chosen = frames.instances(client, columns, where="memory_limit gt 1kB").set_index("name")
    assert asked.count("/1.0/instances") == 2  # the second with the states
    assert frame["memory_limit"].notna().all()
    assert chosen["memory_limit"].to_dict() == frame["memory_limit"].to_dict()


def test_a_type_alone(client, mixed):
    assert list(frames.containers(client)["name"]) == ["f-idle", "f-run"]
    assert len(frames.virtual_machines(client)) == 0


def test_all_projects(client, server):
    server.cli("project", "create", "elsewhere", "-c", "features.profiles=false", "-c", "features.images=false")
    try:
        server.cli("launch", "busybox", "f-there", "--project", "elsewhere")
        assert len(frames.instances(client)) == 0
        frame = frames.instances(client, ["name", "project", "processes"], all_projects=True)
        assert frame.loc[0, "name"] == "f-there"
        assert frame.loc[0, "project"] == "elsewhere"
        assert frame.loc[0, "processes"] >= 1
        inside = lxdnb.Client(str(server.socket), project="elsewhere")
        assert list(frames.instances(inside)["name"]) == ["f-there"]
        server.cli("init", "busybox", "f-here")
        assert sorted(frames.instances(inside, all_projects=True)["name"]) == ["f-here", "f-there"]
        server.cli("delete", "-f", "f-there", "--project", "elsewhere")
    finally:
        server.cli("project", "delete", "elsewhere")


def test_one_that_is_deleted_meanwhile_costs_its_row_alone(client, server, mixed, monkeypatch):
    request = client._transport.request

    def racing(method, path, **options):
        response = request(method, path, **options)
        if path == "/1.0/instances":
            server.cli("delete", "-f", "f-run")
        return response

    monkeypatch.setattr(client._transport, "request", racing)
    assert list(frames.instances(client)["name"]) == ["f-idle"]


def test_a_state_that_cannot_be_told_is_na_and_named(client, server, mixed, monkeypatch):
    request = client._transport.request

    def failing(method, path, **options):
        if path.endswith("/state"):
            return request("PUT", path, json={"action": "nonsense"})  # which is no deletion, but an error
        return request(method, path, **options)

    monkeypatch.setattr(client._transport, "request", failing)
    frame = frames.instances(client).set_index("name")
    assert frame.loc["f-run", "status"] == "Running"
    assert pd.isna(frame.loc["f-run", "memory"])
    assert list(json.loads(frame.attrs["lxdnb"])["failed"]) == ["instances/f-run/state"]


def test_an_unknown_column_is_refused_before_anything_is_sent(client):
    client._transport.session.close()
    with pytest.raises(ValueError, match="did you mean 'memory'"):
        frames.instances(client, ["memry"])
    with pytest.raises(ValueError, match="there are name, status"):
        frames.instances(client, ["xyzzy"])
    with pytest.raises(TypeError, match="list of names"):
        frames.instances(client, "name")


@pytest.mark.parametrize(
    ("ask", "error", "told"),
    [
        (lambda client: frames.instances(client, all_projects="no"), TypeError, "all_projects is True or False"),
        (lambda client: frames.explain(client, all_projects=0), TypeError, "all_projects is True or False"),
        (lambda client: frames.explain(client, view=None), TypeError, "view is a str"),
        (lambda client: frames.explain(client, view="imags"), ValueError, "no view 'imags': did you mean 'images'"),
        (lambda client: frames.explain(client, view="images", source="metric"), ValueError, "not 'metric'"),
        (lambda client: frames.explain(client, view="images", source="metrics"), ValueError, "of instances alone"),
        (lambda client: frames.sample(client, columns=["nme"]), ValueError, "'nme' in sample: did you mean 'name'"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_sent(client, asked, ask, error, told):
    with pytest.raises(error, match=told):
        ask(client)
    assert asked == []


def test_a_slip_in_a_key_is_told_though_it_may_be_a_key(client, server, mixed):
    server.cli("config", "set", "f-run", "user.role", "web")
    for ask in ({"columns": ["name", "config.user.rolle"]}, {"where": "config.user.rolle eq web"}):
        (word,) = json.loads(frames.instances(client, **ask).attrs["lxdnb"])["words"]
        assert word == "config.user.rolle: none of them has it; did you mean 'config.user.role'?"
    right = frames.instances(client, ["name"], where="config.user.role eq web")
    assert list(right["name"]) == ["f-run"]
    assert json.loads(right.attrs["lxdnb"])["words"] == []
    assert json.loads(frames.instances(client, ["config.user.team"]).attrs["lxdnb"])["words"] == []


@pytest.mark.parametrize(
    ("look", "where", "word"),
    [
        (
            frames.instances,
            "status eq Runing",
            "status eq Runing: fits no status that is known here: did you mean 'Run",
        ),
        (frames.instances, "type eq vm", "type eq vm: fits no type that is known here: there are container, virtual-m"),
        (
            frames.volumes,
            "name ne x and type eq VM",
            "type eq VM: fits no type that is known here: there are custom, c",
        ),
        (frames.virtual_machines, None, ""),
        (frames.instances, "status eq r.+ and name eq nobody", ""),
        (frames.instances, "status eq Runing or name eq nobody", ""),
        (frames.instances, "not status ne Frozen and name eq nobody", ""),
    ],
)
def test_a_word_that_no_status_is_picks_nothing_and_is_told(client, look, where, word):
    frame = look(client, where=where)
    assert len(frame) == 0
    assert [told[: len(word)] for told in json.loads(frame.attrs["lxdnb"])["words"]] == [word] * bool(word)


def test_a_shells_pattern_that_picks_nothing_is_told(client, mixed):
    (word,) = json.loads(frames.instances(client, where="name eq f-*").attrs["lxdnb"])["words"]
    assert word.endswith("write name eq f-.* for any text there")
    assert json.loads(frames.instances(client, where="name eq f-.*").attrs["lxdnb"])["words"] == []


def test_the_table_is_safe_and_for_people(client, mixed):
    frame = frames.instances(client)
    page = frames.html(frame)
    assert "<b>idle</b>" not in page
    assert "&lt;b&gt;idle&lt;/b&gt;" in page
    memory = frame.loc[1, "memory"]
    assert f'title="{memory:,} bytes"' in page
    assert "●" in page
    assert frames.html(pd.DataFrame({"a": [1]})) is None
    # What pandas makes of it is pandas' to show: labels that we would drop, units that are no longer ours.
    for made in (
        frame.set_index("name"),
        frame.describe(),
        frame.groupby("status", observed=True)[["memory"]].sum(),
        frame.assign(memory=frame["memory"].astype("float64") / 2**20),
        frame.assign(memory="x"),
        pd.concat([frame, frame], axis=1),
    ):
        made.attrs = frame.attrs
        assert frames.html(made) is None
    assert frames.html(frame.drop(columns="memory")) is not None
    assert "… 60 more" in frames.html(_repeated(frame, 55))


def _repeated(frame: pd.DataFrame, times: int) -> pd.DataFrame:
    repeated = pd.concat([frame] * times, ignore_index=True)
    repeated.attrs = frame.attrs
    return repeated

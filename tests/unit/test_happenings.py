"""Events as rows: the same for both servers' ways of telling, in order, without secrets, whatever is sent."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lxdnb
from lxdnb import frames
from lxdnb.frames._happenings import EVENTS, happened, in_order

TIME = "2026-11-29T14:59:41.409843255Z"
ROOT = {"username": "root", "protocol": "unix", "address": "@"}


def lifecycle(source: str, action: str = "something-created", time: str = TIME, **said: Any) -> dict[str, Any]:
    metadata = {"action": action, "source": source, **said}
    return {"type": "lifecycle", "timestamp": time, "metadata": metadata, "location": "none", "project": "default"}


def operation(resources: Any, metadata: Any = None, **said: Any) -> dict[str, Any]:
    record = {"id": "a65abc03", "class": "task", "description": "Creating instance", "status": "Running", "err": ""}
    return {
        "type": "operation",
        "timestamp": TIME,
        "metadata": {**record, "resources": resources, "metadata": metadata, **said},
        "location": "none",
        "project": "default",
    }


def notice(action: str, time: str, **said: Any) -> dict[str, Any]:
    return {"type": "connection", "timestamp": time, "metadata": {"action": action, **said}}


# As LXD 5.0.2 and Incus 6.0.4 sent them of things of these names.
LXD = [
    ("/1.0/profiles/p%2520100%252541%25C3%25A9", "profile", "p 100%41é", None),
    ("/1.0/profiles/inner%2520%25C3%25A9%2525?project=q%25%C3%A9", "profile", "inner é%", None),
    ("/1.0/projects/q%2525%25C3%25A9", "project", "q%é", None),
    ("/1.0/images/aliases/a%252Fb%2520%25C3%25A9", "image-alias", "a/b é", None),
    ("/1.0/images/aliases/pub%2520%253Cb%253E", "image-alias", "pub <b>", None),
    (
        "/1.0/storage-pools/default/volumes/custom/q%2525%25C3%25A9_v2b?project=q%25%C3%A9",
        "volume",
        "v2b",
        "default",
    ),
    ("/1.0/storage-pools/pool%2525", "pool", "pool%", None),
]
INCUS = [
    ("/1.0/profiles/p%20100%2541%C3%A9", "profile", "p 100%41é", None),
    ("/1.0/profiles/inner%20%C3%A9%25?project=q%25%C3%A9", "profile", "inner é%", None),
    ("/1.0/images/aliases/a%2Fb%20%C3%A9", "image-alias", "a/b é", None),
    (
        "/1.0/storage-pools/default/volumes/custom/q%25%C3%A9_v2b?project=q%25%C3%A9",
        "volume",
        "v2b",
        "default",
    ),
    ("/1.0/storage-pools/pool%25", "pool", "pool%", None),
]
BOTH = [
    ("/1.0/instances/e1", "instance", "e1", None),
    ("/1.0/instances/pe?project=pj", "instance", "pe", None),
    ("/1.0/instances/e1/snapshots/s1", "snapshot", "e1/s1", None),
    ("/1.0/instances/e3/backups/backup0", "backup", "e3/backup0", None),
    ("/1.0/storage-pools/default/volumes/custom/default_a_b/snapshots/snap", "volume-snapshot", "a_b/snap", "default"),
    ("/1.0/storage-pools/default/volumes/container/c1", "volume", "c1", "default"),
    ("/1.0/networks/evbr0x", "network", "evbr0x", None),
    ("/1.0/network-acls/acl1", "network-acl", "acl1", None),
    ("/1.0/network-zones/a.example/records/rec", "record", "a.example/rec", None),
    ("/1.0/cluster/members/n2", "member", "n2", None),
    ("/1.0", "server", None, None),
    ("elsewhere", None, None, None),
]


@pytest.mark.parametrize(
    ("product", "source", "kind", "name", "pool"),
    [("lxd", *each) for each in LXD + BOTH] + [("incus", *each) for each in INCUS + BOTH],
)
def test_what_it_happened_to(product: str, source: str, kind: str | None, name: str | None, pool: str | None):
    for known in (product, None):  # also where nobody says which server it was
        record = happened(lifecycle(source), product=known)
        told = record.get("kind"), record.get("name"), record.get("pool"), record["source"]
        assert told == (kind, name, pool, source)


def test_a_lifecycle_event():
    told = lifecycle("/1.0/instances/e3", "instance-renamed", requestor=ROOT, context={"old_name": "e2"})
    row = frames.from_events([told]).iloc[0]
    assert row["time"] == pd.Timestamp(TIME)
    expected = {
        "project": "default",
        "location": "none",
        "type": "lifecycle",
        "action": "instance-renamed",
        "kind": "instance",
        "name": "e3",
        **ROOT,
        "context": '{"old_name": "e2"}',
        "source": "/1.0/instances/e3",
    }
    assert row.drop("time").dropna().to_dict() == expected
    without = frames.from_events([lifecycle("/1.0/instances/e3")]).iloc[0]  # as LXD has it at times
    assert all(pd.isna(without[name]) for name in (*ROOT, "context"))


def test_an_operation():
    of_lxd = {"containers": ["/1.0/containers/e1"], "instances": ["/1.0/instances/e1"]}
    stage = {"create_instance_from_image_unpack_progress": "Unpack: 32% (9.13MB/s)"}
    numbers = {"progress": {"percent": "32", "speed": "9126205", "stage": "create_instance_from_image_unpack"}}
    found = frames.from_events(
        [
            operation(of_lxd, stage | numbers),
            operation({"instances": ["/1.0/instances/e1"], "instances_snapshots": ["/1.0/instances/e1/snapshots/s"]}),
            operation({"container": ["/1.0/container/e1"]}),
            operation({"storage_volumes": ["/1.0/storage_volumes/e1"]}),
            operation(None, status="Failure", err="Failed getting image"),
        ]
    )
    assert list(found["kind"][:4]) == ["instance", "instance", "instance", "volume"]
    assert set(found["name"][:4]) == {"e1"}
    first, last = found.iloc[0], found.iloc[-1]
    assert (first["action"], first["status"], first["operation"]) == ("Creating instance", "Running", "a65abc03")
    assert (first["progress"], first["message"]) == (0.32, "Unpack: 32% (9.13MB/s)")
    assert json.loads(first["context"]) == stage | numbers
    assert (last["status"], last["message"]) == ("Failure", "Failed getting image")
    assert pd.isna(last["name"])
    assert pd.isna(last["progress"])


def test_a_log():
    said = {"message": "Created container", "level": "info", "context": {"instance": "e1/s1", "project": "lab"}}
    row = frames.from_events([{"type": "logging", "timestamp": TIME, "metadata": said, "location": "none"}]).iloc[0]
    expected = ["info", "Created container", "snapshot", "e1/s1", "lab"]
    assert list(row[["level", "message", "kind", "name", "project"]]) == expected


def test_no_secret_is_kept():
    told = [
        operation(None, {"fds": {"0": "s3cr3t"}, "command": ["sh"]}),
        operation(None, {"secret": "s3cr3t", "request": {"name": "tok"}}),
        operation(None, err="GET /1.0/operations/1/websocket?secret=s3cr3t"),
        {"type": "logging", "timestamp": TIME, "metadata": {"context": {"url": "/websocket?secret=s3cr3t&a=b"}}},
        {"type": "logging", "timestamp": TIME, "metadata": {"message": "/websocket?secret=s3cr3t"}},
    ]
    found = frames.from_events(told)
    assert "s3cr3t" not in found.to_csv()
    assert json.loads(found.loc[0, "context"]) == {"command": ["sh"]}
    assert json.loads(found.loc[1, "context"])["request"] == {"name": "tok"}


def test_the_schema_is_the_same_when_empty():
    full, empty = frames.from_events([lifecycle("/1.0/instances/e1")]), frames.from_events([])
    assert len(empty) == 0
    assert dict(full.dtypes) == dict(empty.dtypes)
    assert [column.name for column in EVENTS] == list(full.columns)
    assert str(full["time"].dtype) == "datetime64[ns, UTC]"
    assert str(full["progress"].dtype) == "Float64"


def test_a_frame_of_events_goes_to_a_file(tmp_path):
    told = [lifecycle("/1.0/instances/e1", context={"old_name": "é"}), operation(None), notice("lost", TIME)]
    found = frames.from_events(told)
    frames.to_parquet(found, tmp_path / "events.parquet")
    pd.testing.assert_frame_equal(frames.read_parquet(tmp_path / "events.parquet"), found)


def test_several_servers_by_time():
    def at(second: str) -> dict[str, Any]:
        return lifecycle("/1.0/instances/e1", time=f"2026-11-29T14:00:{second}+00:00")

    found = frames.from_events({"a": [at("01"), at("04")], "b": [at("02.5"), at("02"), at("03")]})
    assert list(found["server"]) == ["a", "b", "b", "b", "a"]
    assert found["time"].is_monotonic_increasing
    zoned = {**at("00"), "timestamp": "2026-11-29T16:00:02.000000001+02:00"}
    assert list(frames.from_events([at("03"), zoned, at("02")])["time"].dt.second) == [2, 2, 3]


def test_what_was_said_before_a_loss_stays_before_it():
    # The server's clock is a minute ahead of ours, then a minute behind it.
    for minute in ("15:01:00", "14:59:00"):
        said = [lifecycle(f"/1.0/instances/{name}", time=f"2026-11-29T{minute}Z") for name in ("a", "b")]
        told = [
            said[0],
            notice("lost", "2026-11-29T15:00:00Z"),
            notice("resumed", "2026-11-29T15:00:07Z", seconds=7.5),
            said[1],
        ]
        found = frames.from_events(told)
        assert list(found["action"]) == ["something-created", "lost", "resumed", "something-created"]
        assert list(found["name"].dropna()) == ["a", "b"]
        assert "nothing was heard for 7.5 s" in found.loc[2, "message"]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9), st.booleans()), max_size=12))
def test_each_event_is_there_once_and_no_server_is_torn_apart(heard):
    told: dict[str, list[Any]] = {"a": [], "b": []}
    for number, (server, second, lost) in enumerate(heard):
        time = f"2026-11-29T14:00:0{second}Z"
        told[server].append(
            (notice("lost", time) if lost else lifecycle(f"/1.0/instances/{number}", time=time)) | {"number": number}
        )
    records = in_order({name: [happened(each) | {"number": each["number"]} for each in told[name]] for name in told})
    assert sorted(record["number"] for record in records) == list(range(len(heard)))
    for name, several in told.items():
        order = [record["number"] for record in records if record["server"] == name]
        for place, event in enumerate(several):
            if event["type"] == "connection":
                before = {each["number"] for each in several[:place]}
                assert set(order[: order.index(event["number"])]) == before
    if not any(lost for _, _, lost in heard):
        times = [record["time"] for record in records]
        assert times == sorted(times)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["action", "source", "context", "requestor", "description", "resources", "metadata", "err", "message", "id"]


@given(
    st.sampled_from(["lifecycle", "operation", "logging", "connection", "security", None]),
    JSON | st.dictionaries(st.sampled_from([*FIELDS, "level", "status", "seconds"]), JSON),
    JSON,
)
def test_whatever_a_server_sends_is_a_row(kind, metadata, anything):
    event = {"type": kind, "timestamp": anything, "metadata": metadata, "project": anything, "location": anything}
    found = frames.from_events([event])
    assert len(found) == 1
    assert found["type"].isna().iloc[0] == (kind is None)
    json.loads(json.dumps(json.loads(found.attrs["lxdnb"])))


def test_progress_that_is_none():
    for metadata in ({"progress": 7}, {"progress": {"percent": "half"}}, {"x_progress": "soon"}, ["x"]):
        row = frames.from_events([operation(None, metadata)]).iloc[0]
        assert pd.isna(row["progress"])
        assert json.loads(row["context"]) == metadata


def test_what_are_no_events():
    with pytest.raises(TypeError, match="an event is what a server sent, as a dict, not 'a'"):
        frames.from_events(["a"])
    with pytest.raises(TypeError, match="events are a list of those that a server sent"):
        frames.from_events("lifecycle")
    with pytest.raises(TypeError, match="events are a list of those that a server sent"):
        frames.from_events(lifecycle("/1.0/instances/c1"))
    with closing(lxdnb.connect("sandbox:")) as lx, pytest.raises(TypeError, match="a stream has no end"):
        frames.from_events(lx.events())


def test_a_name_that_looks_quoted_is_as_incus_tells_it():
    told = lifecycle("/1.0/profiles/50%2525")
    assert happened(told, product="incus")["name"] == "50%25"
    assert happened(told, product="lxd")["name"] == "50%"

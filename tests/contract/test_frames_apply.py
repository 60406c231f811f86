"""One verb for many: what each row says beside what the command line then lists."""

from __future__ import annotations

import json
import os
import signal
import threading

import pandas as pd
import pytest

from lxdnb import frames
from tests.bridges import a_bridge
from tests.daemons import DaemonError
from tests.eventually import eventually


def statuses(server, *options: str) -> dict[str, str]:
    """The status of each instance, by the command line."""
    return {each["name"]: each["status"] for each in json.loads(server.cli("list", "--format", "json", *options))}


def told(frame: pd.DataFrame, *columns: str) -> list[tuple]:
    """The cells of some columns, row by row, None for NA."""
    cells = frame[list(columns)].astype(object)
    return [tuple(row) for row in cells.where(cells.notna(), None).itertuples(index=False)]


def words(frame: pd.DataFrame) -> list[str]:
    return json.loads(frame.attrs["lxdnb"])["words"]


def four(client, server) -> pd.DataFrame:
    """A frame of one that runs, one that is frozen, one that is stopped, and one that is gone."""
    for name in ("a-run", "a-freeze"):
        server.cli("launch", "busybox", name)
    for name in ("a-stop", "a-gone"):
        server.cli("init", "busybox", name)
    server.cli("pause", "a-freeze")
    every = frames.instances(client, ["name"])
    server.cli("delete", "a-gone")
    order = ["a-run", "a-freeze", "a-stop", "a-gone"]
    return every.set_index("name").loc[order].reset_index()


GONE = "is not there any more"
# What is done to one that runs, one that is frozen, one that is stopped: the step, and the reason where there is none.
VERBS = {
    "start": ("nothing: is Running already", "unfreeze", "start"),
    "stop": ("stop", "stop", "nothing: is Stopped already"),
    "restart": ("restart", "restart", None),
    "freeze": ("freeze", "nothing: is Frozen already", None),
    "resume": ("nothing: is Running already", "unfreeze", None),
}
LEADS = {"start": "Running", "stop": "Stopped", "restart": "Running", "freeze": "Frozen", "resume": "Running"}


@pytest.mark.parametrize("verb", VERBS)
def test_a_state_is_changed_where_it_is_another(client, server, verb):
    every = four(client, server)
    before = statuses(server)
    wanted = [*VERBS[verb], None]
    plan = frames.apply(every, verb, dry_run=True)
    assert list(plan.columns) == ["project", "name", "before", "would", "error"]
    assert set(plan.dtypes.astype(str)) == {"string"}
    assert told(plan, "name", "before") == [(name, before.get(name)) for name in every["name"]]
    assert plan["would"].astype(object).where(plan["would"].notna(), None).tolist() == wanted
    assert plan["error"].notna().tolist() == [step is None for step in wanted]
    assert words(plan) == ["dry run: nothing was done"]
    assert statuses(server) == before

    done = frames.apply(plan, verb)  # a plan is a frame of instances, too
    assert list(done.columns) == ["project", "name", "before", "did", "after", "error"]
    assert told(done, "before", "did", "error") == told(plan, "before", "would", "error")
    after = statuses(server)
    assert told(done, "name", "after") == [(name, after.get(name)) for name in every["name"]]
    led = [LEADS[verb] if step else "Stopped" for step in wanted[:3]]
    assert [after[name] for name in every["name"][:3]] == led
    assert done["error"][3] == GONE
    assert words(done) == []


@pytest.mark.parametrize("verb", ["restart", "freeze", "unfreeze", "delete"])
def test_what_is_not_even_tried_the_server_would_refuse(client, server, verb):
    plan = frames.apply(four(client, server), verb, dry_run=True)
    refused = plan[plan["error"].notna() & plan["before"].notna()]
    assert len(refused) == (2 if verb == "delete" else 1)
    for name in refused["name"]:
        change = ["-X", "PUT", "-d", json.dumps({"action": verb, "force": True}), f"/1.0/instances/{name}/state"]
        request = ["-X", "DELETE", f"/1.0/instances/{name}"] if verb == "delete" else change
        with pytest.raises(DaemonError):
            server.cli("query", "--wait", *request)


def test_delete(client, server):
    every = four(client, server)
    server.cli("launch", "busybox", "a-brief", "-e")
    every = pd.concat([every, pd.DataFrame({"name": ["a-brief"]})], ignore_index=True)
    with pytest.raises(ValueError, match="give its view too, as in view='instances'"):
        frames.apply(every, "delete", client)  # what pandas made of two says no more what it is
    done = frames.apply(every, "delete", client, view="instances")
    refused = "stop it first, or give force=True"
    assert told(done, "name", "did", "after", "error") == [
        ("a-run", None, "Running", f"is Running: {refused}"),
        ("a-freeze", None, "Frozen", f"is Frozen: {refused}"),
        ("a-stop", "delete", None, None),
        ("a-gone", "nothing: is gone already", None, None),
        ("a-brief", None, "Running", f"is Running: {refused}"),
    ]
    assert statuses(server) == {"a-run": "Running", "a-freeze": "Frozen", "a-brief": "Running"}
    done = frames.apply(done, "delete", force=True)
    assert done["did"].tolist() == [
        "stop, delete",
        "stop, delete",
        "nothing: is gone already",
        "nothing: is gone already",
        "stop",  # with which it is gone
    ]
    assert done["after"].isna().all()
    assert done["error"].isna().all()
    assert statuses(server) == {}


def test_snapshots_are_made_and_deleted(client, server, flavour):
    for name in ("a-1", "a-2"):
        server.cli("init", "busybox", name)
    every = frames.instances(client, ["name"])
    assert frames.apply(every, "snapshot", name="before")["did"].tolist() == ["snapshot"] * 2
    snapshot = {"lxd": ("snapshot",), "incus": ("snapshot", "create")}[flavour]
    server.cli(*snapshot, "a-1", "other")
    again = frames.apply(every[every["name"] == "a-2"], "snapshot", name="before")
    assert again["did"].isna().all()
    with pytest.raises(DaemonError) as refused:
        server.cli(*snapshot, "a-2", "before")
    assert again["error"][0] in str(refused.value)
    assert frames.apply(every, "snapshot")["error"].isna().all()  # the server names it

    there = frames.snapshots(client, ["instance", "name"])
    assert len(there) == 5
    done = frames.apply(there[there["name"] == "before"], "delete")
    assert told(done, "instance", "name", "before", "did", "after") == [
        ("a-1", "before", "present", "delete", None),
        ("a-2", "before", "present", "delete", None),
    ]
    left = {name: server.query(f"/1.0/instances/{name}/snapshots") for name in ("a-1", "a-2")}
    assert [len(urls) for urls in left.values()] == [2, 1]
    assert not any(url.endswith("/before") for urls in left.values() for url in urls)


def test_things_of_other_views(client, server):
    for name in ("a b", "free", "used", "gone"):
        server.cli("profile", "create", name)
    server.cli("init", "busybox", "a-1", "-p", "default", "-p", "used")
    every = frames.profiles(client, ["name"], where="name ne default")
    server.cli("profile", "delete", "gone")
    plan = frames.apply(
        every.set_index("name").loc[["a b", "free", "used", "gone"]].reset_index(), "delete", dry_run=True
    )
    assert told(plan, "before", "would", "error") == [
        ("present", "delete", None),
        ("present", "delete", None),
        ("present", None, "is in use by instance a-1"),
        (None, "nothing: is gone already", None),
    ]
    assert {each["name"] for each in server.query("/1.0/profiles?recursion=1")} == {"default", "a b", "free", "used"}
    done = frames.apply(plan, "delete")
    assert told(done, "did", "after") == [
        ("delete", None),
        ("delete", None),
        (None, "present"),
        ("nothing: is gone already", None),
    ]
    with pytest.raises(DaemonError) as refused:
        server.cli("profile", "delete", "used")
    assert done["error"][2] in str(refused.value)
    assert {each["name"] for each in server.query("/1.0/profiles?recursion=1")} == {"default", "used"}

    server.cli("storage", "volume", "create", "default", "v1")
    server.cli("storage", "volume", "create", "default", "v2")
    volumes = frames.volumes(client, where="type eq custom and name eq v1")
    assert frames.apply(volumes, "delete")["after"].isna().tolist() == [True]
    assert [each.rpartition("/")[2] for each in server.query("/1.0/storage-pools/default/volumes/custom")] == ["v2"]

    server.cli("publish", "a-1", "--alias", "mine")
    images = frames.images(client, where="aliases eq mine")
    assert frames.apply(images, "delete")[["did", "after"]].fillna("-").to_numpy().tolist() == [["delete", "-"]]
    assert [each["aliases"][0]["name"] for each in server.query("/1.0/images?recursion=1")] == ["busybox"]


DELETES = {
    "networks": "/1.0/networks/{name}",
    "profiles": "/1.0/profiles/{name}",
    "volumes": "/1.0/storage-pools/{pool}/volumes/{type}/{name}",
}


def test_a_dry_run_foresees_what_the_server_refuses(client, server):
    for name in ("free", "used"):
        server.cli("profile", "create", name)
        server.cli("storage", "volume", "create", "default", name)
    server.cli("init", "busybox", "a-1", "-p", "default", "-p", "used")
    server.cli("storage", "volume", "attach", "default", "used", "a-1", "/mnt")
    refused = []
    for view, path in DELETES.items():
        # Of networks one alone: others of the machine's come and go.
        where = "name eq lo" if view == "networks" else "name ne [0-9a-f]{64}"
        plan = frames.apply(getattr(frames, view)(client, where=where), "delete", dry_run=True)
        assert (plan["would"].isna() == plan["error"].notna()).all()
        for row in plan[plan["error"].notna()].to_dict("records"):
            with pytest.raises(DaemonError):
                server.cli("query", "-X", "DELETE", path.format_map(row))
            refused.append((view, row["name"], row["error"]))
        for row in plan[plan["error"].isna()].to_dict("records"):
            server.cli("query", "-X", "DELETE", path.format_map(row))
    assert set(refused) == {
        ("networks", "lo", "is not managed: it is not the server's to delete"),
        ("profiles", "default", "is the profile that each project has"),
        ("profiles", "used", "is in use by instance a-1"),
        ("volumes", "a-1", "is an instance's own: it goes with that"),
        ("volumes", "used", "is in use by instance a-1"),
    }


def test_networks(client, server):
    bridge = a_bridge()
    config = [f"{key}={value}" for key, value in bridge.plain.items()]
    server.cli("network", "create", bridge.name, *config)
    server.cli("profile", "create", "bridged")
    server.cli("profile", "device", "add", "bridged", "eth0", "nic", f"network={bridge.name}", "name=eth0")
    there = frames.networks(client, where=f"name eq {bridge.name}")
    done = frames.apply(there, "delete")
    assert told(done, "before", "did", "after") == [("present", None, "present")]
    with pytest.raises(DaemonError) as refused:
        server.cli("network", "delete", bridge.name)
    assert done["error"][0] in str(refused.value)
    server.cli("profile", "delete", "bridged")
    assert told(frames.apply(there, "delete"), "did", "after", "error") == [("delete", None, None)]
    assert bridge.name not in {each["name"] for each in server.query("/1.0/networks?recursion=1")}


def test_servers_and_projects(client, server, other_client, other_server):
    server.cli("project", "create", "lab", "-c", "features.profiles=false", "-c", "features.images=false")
    for options in ([], ["--project", "lab"]):
        server.cli("launch", "busybox", "a-1", *options)
    other_server.cli("launch", "busybox", "a-1")
    servers = {"here": client, "there": other_client}
    every = frames.instances(servers, ["project", "name"], all_projects=True)
    lab = every[every["project"] == "lab"]
    done = frames.apply(lab, "stop")
    assert told(done, "server", "project", "name", "after") == [("here", "lab", "a-1", "Stopped")]
    assert statuses(server) == statuses(other_server) == {"a-1": "Running"}
    assert statuses(server, "--project", "lab") == {"a-1": "Stopped"}
    with pytest.raises(ValueError, match="of all projects: keep the column 'project'"):
        frames.apply(frames.instances(client, ["name"], all_projects=True), "stop")

    other_server.kill()
    try:
        done = frames.apply(every, "freeze")
    finally:
        other_server.restart()
    assert told(done, "server", "project", "did") == [
        ("here", "default", "freeze"),
        ("here", "lab", None),
        ("there", "default", None),
    ]
    assert str(other_server.socket) in done["error"][2]
    assert statuses(server) == {"a-1": "Frozen"}
    with pytest.raises(ValueError, match="no client was given for the server 'there'"):
        frames.apply(every, "freeze", {"here": client})


def test_a_frame_knows_its_project_whichever_client_is_given(client, server, tmp_path):
    server.cli("project", "create", "lab", "-c", "features.profiles=false", "-c", "features.images=false")
    for options in ([], ["--project", "lab"]):
        server.cli("launch", "busybox", "a-1", *options)
    lab = client.use_project("lab")
    frames.to_parquet(frames.instances(lab, ["name"]), tmp_path / "lab.parquet")
    kept = frames.read_parquet(tmp_path / "lab.parquet")
    assert told(frames.run(kept, ["hostname"], client=client), "project", "exit_code") == [("lab", 0)]
    assert told(frames.apply(kept, "stop", client), "project", "name", "after") == [("lab", "a-1", "Stopped")]
    assert statuses(server) == {"a-1": "Running"}
    assert statuses(server, "--project", "lab") == {"a-1": "Stopped"}
    frames.apply(frames.instances(client, ["name"]), "freeze", lab)
    assert statuses(server) == {"a-1": "Frozen"}
    frames.apply(frames.instances(client, ["name"]), "unfreeze")
    with pytest.raises(ValueError, match="before is of the project 'lab', after of 'default': frames of one project"):
        frames.diff(kept, frames.instances(client, ["name"]))


def test_an_interrupt_begins_no_more(client, server):
    for name in ("a-1", "a-2", "a-3"):
        server.cli("launch", "busybox", name)
    every = frames.instances(client, ["name"]).sort_values("name")

    def once_one_has_ended(done: int, total: int) -> None:
        if done:
            signal.raise_signal(signal.SIGINT)

    done = frames.apply(every, "stop", parallel=1, progress=once_one_has_ended)
    assert told(done, "name", "did", "after", "error") == [
        ("a-1", "stop", "Stopped", None),
        ("a-2", None, "Running", "interrupted before it began"),
        ("a-3", None, "Running", "interrupted before it began"),
    ]
    assert words(done) == ["interrupted when 1 of 3 had ended"]
    assert statuses(server) == {"a-1": "Stopped", "a-2": "Running", "a-3": "Running"}


def test_an_interrupt_waits_for_nothing(client, server, start_server):
    """The init of a container is held by its host, so that it does not hear that it is to end."""
    server.cli("launch", "busybox", "a-1")
    init = server.query("/1.0/instances/a-1/state")["pid"]
    os.kill(init, signal.SIGSTOP)

    def once_it_is_asked_to_stop(done: int, total: int) -> None:
        if server.under_way():
            signal.raise_signal(signal.SIGINT)

    every = frames.instances(client, ["name"])
    try:
        done = frames.apply(every, "stop", force=False, timeout=600, progress=once_it_is_asked_to_stop)
        assert told(done, "did", "after") == [(None, "Running")]
        assert done["error"].tolist() == ["interrupted: the server goes on with what it was doing"]
        eventually(lambda: not any(thread.name == "lxdnb frames" for thread in threading.enumerate()))
    finally:
        os.kill(init, signal.SIGCONT)
    eventually(lambda: statuses(server) == {"a-1": "Stopped"} and server.rests())


def test_what_cannot_be_meant_is_said_before_anything_is_sent(client, server, asked):
    server.cli("init", "busybox", "a-1")
    every = frames.instances(client, ["name"])
    pools, images = frames.pools(client, ["name"]), frames.images(client, ["fingerprint"])
    asked.clear()
    wrong = {
        "there is no verb 'stpo' for instances: did you mean 'stop'": lambda: frames.apply(every, "stpo"),
        "there is no verb 'stop' for images: there is 'delete' alone": lambda: frames.apply(images, "stop"),
        "stop has no option 'forc': did you mean 'force'": lambda: frames.apply(every, "stop", forc=True),
        "freeze has no option 'force': it has none": lambda: frames.apply(every, "freeze", force=True),
        "force is True or False": lambda: frames.apply(every, "delete", force=1),
        "timeout is -1 or more": lambda: frames.apply(every, "start", timeout=-2),
        "dry_run is True or False": lambda: frames.apply(every, "delete", dry_run=1),
        "parallel is 1 or more": lambda: frames.apply(every, "delete", parallel=0),
        "'..' is no name of anything": lambda: frames.apply(every, "snapshot", name=".."),
        "there are no verbs for rows of pools": lambda: frames.apply(pools, "delete"),
        "there are no verbs for rows of instence: did you mean 'instances'": lambda: frames.apply(
            every, "delete", view="instence"
        ),
        "what it is applied to is a frame, .* not .*Client": lambda: frames.apply(client, "delete"),
        "what it is applied to is a frame, .* not 0 ": lambda: frames.apply(every["name"], "delete"),
        "known by the column 'name', which this frame lacks": lambda: frames.apply(every[[]], "delete"),
        "row 0 has no name": lambda: frames.apply(every.assign(name=pd.array([None], dtype="string")), "stop"),
    }
    for said, call in wrong.items():
        with pytest.raises((TypeError, ValueError), match=said):
            call()
    assert asked == []
    assert statuses(server) == {"a-1": "Stopped"}


def test_an_empty_frame(client, server):
    nothing = frames.instances(client, where="name eq nobody")
    done = frames.apply(nothing, "stop")
    assert done.empty
    assert list(done.columns) == ["project", "name", "before", "did", "after", "error"]
    assert set(done.dtypes.astype(str)) == {"string"}
    several = frames.apply(frames.instances({"here": client}, where="name eq nobody"), "stop", dry_run=True)
    assert list(several.columns) == ["server", "project", "name", "before", "would", "error"]

"""Saves: what was changed here reaches the server, what others changed stays, and a clash is said."""

from __future__ import annotations

import json
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import lxdnb
from lxdnb.models import _model


@pytest.fixture
def c1(client, server):
    """A stopped container, as the server has it now."""
    server.cli("init", "busybox", "c1", "-c", "user.kept=1")
    return client.containers.get("c1")


def config(server, name: str = "c1") -> dict[str, str]:
    return server.query(f"/1.0/instances/{name}")["config"]


def mine(server) -> dict[str, str]:
    return {key: value for key, value in config(server).items() if key.startswith(("user.", "limits."))}


@pytest.fixture
def meddle(client, monkeypatch):
    """Run a function between the next reading of a record and the writing of it, `times` times."""

    def arrange(function, times: int = 1):
        request, left = client._transport.request, [times]

        def between(method, path, **options):
            if method == "PUT" and left[0]:
                left[0] -= 1
                function()
            return request(method, path, **options)

        monkeypatch.setattr(client._transport, "request", between)

    return arrange


def test_changes_are_shown_and_then_sent(c1, server):
    assert c1.changes() == {}
    c1.config["limits.cpu"] = 2
    c1.config["user.flag"] = True
    del c1.config["user.kept"]
    c1.description = "mine"
    assert c1.changes() == {
        "config.limits.cpu": (None, "2"),
        "config.user.flag": (None, "true"),
        "config.user.kept": ("1", None),
        "description": ("", "mine"),
    }
    assert "config.user.kept: '1' -> None" in str(c1.changes()).splitlines()
    c1.save(wait=True)
    assert mine(server) == {"limits.cpu": "2", "user.flag": "true"}
    assert server.query("/1.0/instances/c1")["description"] == "mine"
    assert (c1.changes(), c1.dirty) == ({}, False)
    assert c1.config["user.flag"] == "true"  # it is the server's now


def test_a_change_in_place_is_a_change_and_a_sync_is_none(c1, server):
    assert c1.config.update({"user.new": "1"}) is c1.config
    assert c1.dirty
    c1.rollback()
    assert not c1.dirty
    assert "user.new" not in c1.config
    held = c1.config
    server.cli("config", "set", "c1", "user.theirs", "1")
    c1.sync()
    assert not c1.dirty
    assert held["user.theirs"] == "1"  # what a person holds is what is true
    server.cli("config", "device", "override", "c1", "root")
    c1.sync()
    c1.devices["root"]["readonly"] = False
    assert c1.changes() == {"devices.root.readonly": (None, "false")}


def test_setting_back_is_no_change(c1, server):
    c1.config["user.kept"] = "2"
    c1.config["user.kept"] = 1
    c1.description = ""
    c1.profiles.append("x")
    c1.profiles.remove("x")
    assert not c1.dirty
    server.cli("config", "set", "c1", "user.kept", "3")
    c1.sync()
    assert (c1.config["user.kept"], c1.dirty) == ("3", False)


def test_nothing_is_sent_where_nothing_was_changed(c1, asked):
    c1.save(wait=True)
    assert asked == []
    assert c1.operation is None


def test_a_clash_names_the_key_and_nothing_is_saved(c1, server):
    c1.config["user.kept"] = "ours-hunter2"
    c1.config["user.other"] = "1"
    server.cli("config", "set", "c1", "user.kept", "theirs-hunter3")
    with pytest.raises(lxdnb.SaveConflict) as raised:
        c1.save(wait=True)
    error = raised.value
    assert isinstance(error, lxdnb.exceptions.Conflict)
    assert (error.key, error.theirs, error.ours) == ("config.user.kept", "theirs-hunter3", "ours-hunter2")
    # Values may be secrets: the text, as it lands in notebooks and logs, names the key alone.
    assert "config.user.kept" in str(error)
    assert "hunter" not in str(error) + repr(error)
    again = pickle.loads(pickle.dumps(error))
    assert (again.key, again.theirs, str(again)) == (error.key, error.theirs, str(error))
    assert mine(server) == {"user.kept": "theirs-hunter3"}
    assert c1.dirty
    # As the error says: sync and another save keep ours.
    c1.sync()
    c1.save(wait=True)
    assert mine(server) == {"user.kept": "ours-hunter2", "user.other": "1"}


def test_the_same_change_on_both_sides_is_no_clash(c1, server):
    c1.config["user.kept"] = "2"
    c1.config["user.gone"] = None
    server.cli("config", "set", "c1", "user.kept", "2")
    c1.save(wait=True)
    del c1.config["user.kept"]
    server.cli("config", "unset", "c1", "user.kept")
    c1.save(wait=True)
    assert mine(server) == {}


def test_who_comes_between_is_not_overwritten(c1, server, meddle):
    number = iter(range(100))
    meddle(lambda: server.cli("config", "set", "c1", f"user.theirs{next(number)}", "1"), times=3)
    c1.config["user.mine"] = "1"
    c1.save(wait=True)
    assert mine(server) == {
        "user.kept": "1",
        "user.mine": "1",
        "user.theirs0": "1",
        "user.theirs1": "1",
        "user.theirs2": "1",
    }


def test_who_comes_between_with_the_same_key_is_a_clash(c1, server, meddle):
    meddle(lambda: server.cli("config", "set", "c1", "user.kept", "theirs"))
    c1.config["user.kept"] = "ours"
    with pytest.raises(lxdnb.SaveConflict, match=r"config\.user\.kept"):
        c1.save(wait=True)
    assert mine(server) == {"user.kept": "theirs"}


def test_who_always_comes_between_makes_save_give_up(c1, server, meddle):
    number = iter(range(1000))
    client = lxdnb.Client(str(server.socket))

    def change(value: str) -> None:
        answer = client.api.instances["c1"].patch(json={"config": {"user.theirs": value}}).json()
        if answer["type"] == "async":
            client.operations.wait_for_operation(answer["operation"])

    meddle(lambda: change(f"{next(number)}"), times=1000)
    c1.config["user.mine"] = "1"
    with pytest.raises(lxdnb.exceptions.Conflict):
        c1.save(wait=True)
    assert c1.dirty
    client.close()


def test_lists_are_one_value(c1, server):
    server.cli("profile", "create", "p")
    server.cli("profile", "create", "q")
    c1.profiles.append("p")
    c1.save(wait=True)
    assert server.query("/1.0/instances/c1")["profiles"] == ["default", "p"]
    c1.profiles = ("default", "q")
    server.cli("profile", "remove", "c1", "p")
    with pytest.raises(lxdnb.SaveConflict) as raised:
        c1.save(wait=True)
    assert (raised.value.key, raised.value.theirs) == ("profiles", ["default"])
    assert raised.value.ours == ["default", "q"]


def test_a_device_that_others_removed_does_not_come_back_in_part(c1, server):
    server.cli("config", "device", "add", "c1", "eth0", "nic", "nictype=p2p")
    c1.sync()
    c1.devices["eth0"]["mtu"] = 1400
    server.cli("config", "device", "remove", "c1", "eth0")
    with pytest.raises(lxdnb.SaveConflict, match=r"devices\.eth0\.mtu"):
        c1.save(wait=True)
    assert server.query("/1.0/instances/c1")["devices"] == {}


def test_devices_come_and_go_whole(c1, server):
    c1.devices["eth0"] = {"type": "nic", "nictype": "p2p", "mtu": 1400}
    c1.save(wait=True)
    assert server.query("/1.0/instances/c1")["devices"] == {"eth0": {"type": "nic", "nictype": "p2p", "mtu": "1400"}}
    assert c1.devices["eth0"]["mtu"] == "1400"
    del c1.devices["eth0"]
    c1.save(wait=True)
    assert server.query("/1.0/instances/c1")["devices"] == {}


def test_the_servers_own_keys_never_break_a_second_save(c1, server):
    c1.config["user.first"] = "1"
    c1.save(wait=True)
    # Each start and stop rewrites volatile.last_state.power, idmap, the host's interface names …
    before = config(server)
    server.cli("start", "c1")
    running = config(server)
    assert running["volatile.last_state.power"] == "RUNNING" != before.get("volatile.last_state.power")
    c1.config["user.second"] = "1"
    c1.save(wait=True)
    server.cli("stop", "-f", "c1")
    c1.config["user.third"] = "1"
    c1.save(wait=True)
    assert mine(server).keys() == {"user.kept", "user.first", "user.second", "user.third"}


def test_a_whole_config_keeps_the_servers_own_keys(c1, server):
    old = dict(c1.config)
    server.cli("start", "c1")
    c1.sync()
    told = {key: value for key, value in config(server).items() if key.startswith("volatile.")}
    c1.config = {"security.nesting": True}  # as in the manual
    c1.save(wait=True)
    assert config(server) == told | {"security.nesting": "true"}
    # A copy of some time ago does not set them back: servers refuse it, or would believe it.
    c1.config = old
    c1.save(wait=True)
    assert config(server) == {key: value for key, value in old.items() if not key.startswith("volatile.")} | told
    # One by one they can be changed, and taken away.
    c1.config["volatile.eth7.hwaddr"] = "00:16:3e:00:00:07"
    c1.save(wait=True)
    assert config(server)["volatile.eth7.hwaddr"] == "00:16:3e:00:00:07"
    del c1.config["volatile.eth7.hwaddr"]
    c1.save(wait=True)
    assert "volatile.eth7.hwaddr" not in config(server)


def test_a_save_that_the_server_refuses_stays_to_be_saved(c1, server):
    c1.config["limits.memory"] = "much"
    with pytest.raises(lxdnb.LXDAPIException, match="much"):
        c1.save(wait=True)
    assert c1.changes() == {"config.limits.memory": (None, "much")}
    c1.config["limits.memory"] = "64MiB"
    c1.save(wait=True)
    assert mine(server) == {"user.kept": "1", "limits.memory": "64MiB"}


def test_saves_that_nobody_waits_for_come_one_after_another(c1, server):
    for number in range(5):
        c1.config[f"user.n{number}"] = "1"
        c1.save()
        assert not c1.dirty
        assert c1.operation is not None
    c1.operation.wait()
    assert len([key for key in mine(server) if key.startswith("user.n")]) == 5


@pytest.mark.parametrize("shared", [True, False], ids=["one object", "objects of their own"])
def test_threads_that_save_at_once_lose_nothing(client, server, c1, shared):
    ready = threading.Barrier(8)

    def write(number: int):
        instance = c1 if shared else client.containers.get("c1")
        ready.wait()
        instance.config[f"user.t{number}"] = number
        instance.save(wait=number % 2 == 0)  # half of them do not wait for the end

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(8)))
    last = client.containers.get("c1")
    last.description = "last"
    last.save(wait=True)  # waits for those that nobody has waited for
    assert {key: value for key, value in mine(server).items() if key.startswith("user.t")} == {
        f"user.t{number}": str(number) for number in range(8)
    }


def test_threads_that_look_at_once_hold_one_config(c1, monkeypatch):
    both, own = threading.Barrier(2), _model.own

    def copied(value):
        made = own(value)
        both.wait(10)  # each has made its copy before one is kept
        return made

    monkeypatch.setattr(_model, "own", copied)
    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(lambda _: c1.config, range(2))
    assert one is other is c1.config


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("config", "x", "config is a dict"),
        ("profiles", "default", "profiles is a list"),
        ("profiles", [1], "profiles is a list of texts"),
        ("ephemeral", "yes", "ephemeral is True or False"),
        ("description", None, "description is a str"),
    ],
)
def test_wrong_types_are_told_when_they_are_set(c1, name, value, told):
    with pytest.raises(TypeError, match=told):
        setattr(c1, name, value)
    assert not c1.dirty


@pytest.mark.parametrize(
    ("field", "value"), [("config", {"user.x": ["hunter2"]}), ("config", {2: "x"}), ("devices", {"root": "hunter2"})]
)
def test_wrong_values_inside_are_told_before_anything_is_sent(c1, asked, field, value):
    setattr(c1, field, value)
    assert c1.dirty
    with pytest.raises(TypeError, match=field) as raised:
        c1.save()
    assert "hunter2" not in str(raised.value)
    assert asked == []
    c1.rollback()
    assert not c1.dirty


def test_what_is_the_servers_cannot_be_set_and_is_no_change(c1, asked):
    with pytest.raises(AttributeError, match="the server's to set"):
        c1.expanded_config = {}
    c1.expanded_config["user.x"] = "1"
    assert not c1.dirty
    c1.save()
    assert asked == []


def test_fields_of_a_newer_server_are_compared_as_they_are(client, server, monkeypatch, c1):
    request, sent = client._transport.request, []

    def newer(method, path, **options):
        if method == "PUT":
            sent.append(options["json"].pop("placement"))
            del options["headers"]  # the real server's ETag is of the record without it
        response = request(method, path, **options)
        if method == "GET" and path.endswith("/c1"):
            body = response.json()
            body["metadata"]["placement"] = {"racks": [1, 2], "spread": True, "hint": None}
            response._content = json.dumps(body).encode()
        return response

    monkeypatch.setattr(client._transport, "request", newer)
    instance = client.containers.get("c1")
    assert instance.placement["racks"] == [1, 2]
    assert not instance.dirty
    instance.placement["racks"].append(3)
    instance.save(wait=True)
    assert sent == [{"racks": [1, 2, 3], "spread": True, "hint": None}]

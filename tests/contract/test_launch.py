"""Launch: an instance that is ready to work with, gone at the end, and nothing left when it goes wrong."""

from __future__ import annotations

import contextlib
import functools
import inspect
import random
import re
import threading
import time
import uuid

import pytest

import lxdnb
from lxdnb.models import _create
from tests.eventually import eventually

NO_BRIDGE = {"eth0": {"type": "nic", "nictype": "bridged", "parent": "no-such-bridge"}}


def names(server) -> list[str]:
    return sorted(url.rpartition("/")[2] for url in server.query("/1.0/instances"))


@pytest.fixture
def network(server) -> str:
    """A bridge with DHCP."""
    name, subnet = f"lx{uuid.uuid4().hex[:8]}", f"10.{random.randrange(64, 128)}.{random.randrange(256)}"
    options = (f"ipv4.address={subnet}.1/24", "ipv4.nat=false", "ipv6.address=none")
    server.cli("network", "create", name, *options)
    return name


def nic(network: str) -> dict:
    return {"eth0": {"type": "nic", "name": "eth0", "network": network}}


def raise_over(instance) -> None:
    instance.freeze(wait=True)  # which makes it harder to remove
    raise ZeroDivisionError


def with_program(server, name: str, script: str) -> None:
    """Start a container that has a cloud-init of our own making."""
    server.cli("init", "busybox", name)
    push = ("file", "push", "--mode", "0755", "-", f"{name}/usr/bin/cloud-init")
    server.cli(*push, input=f"#!/bin/sh\n{script}\n".encode())
    server.cli("start", name)


def test_in_a_with_statement_it_is_ready_and_then_gone(client, server):
    with client.launch("busybox", "job", ephemeral=True) as job:
        assert server.query("/1.0/instances/job")["status"] == "Running" == job.status
        assert job.execute(["hostname"]).stdout == "job\n"
    assert names(server) == []
    with client.containers.launch("busybox", "kept") as kept:
        kept.stop(wait=True)
    assert names(server) == []
    with client.launch("busybox", "twice") as twice:
        server.cli("delete", "-f", twice.name)  # somebody was faster
    assert names(server) == []


@pytest.mark.parametrize("ephemeral", [True, False])
def test_it_is_gone_after_an_error_which_is_told(client, server, ephemeral):
    with pytest.raises(ZeroDivisionError), client.launch("busybox", "failing", ephemeral=ephemeral) as failing:
        raise_over(failing)
    assert names(server) == []


def test_what_cannot_be_removed_does_not_hide_the_error(client, server, monkeypatch):
    monkeypatch.setattr(_create, "BUSY_SECONDS", 0.2)
    protected = {"security.protection.delete": True}
    with pytest.raises(ZeroDivisionError) as raised, client.launch("busybox", "protected", config=protected):
        raise ZeroDivisionError
    assert any("protected is still there" in note for note in raised.value.__notes__)
    with pytest.raises(lxdnb.LXDAPIException, match="protected"), client.launch("busybox", "p2", config=protected):
        pass
    for name in ("protected", "p2"):
        server.cli("config", "unset", name, "security.protection.delete")


def test_only_what_was_launched_goes_into_a_with_statement(client, server):
    server.cli("init", "busybox", "mine")
    with pytest.raises(TypeError, match="not launched here"), client.instances.get("mine"):
        pass
    assert names(server) == ["mine"]
    # As with open(): when it was launched does not matter, and once it is gone it is not launched any more.
    launched = client.launch("busybox", "before")
    with launched:
        assert names(server) == ["before", "mine"]
    assert names(server) == ["mine"]
    with pytest.raises(TypeError, match="not launched here"), launched:
        pass


def test_another_that_has_got_its_name_is_not_thrown_away(client, server):
    def replace(instance) -> None:
        server.cli("delete", "-f", instance.name)
        server.cli("init", "busybox", instance.name)

    with client.launch("busybox", "job") as job:
        replace(job)
    with contextlib.suppress(ZeroDivisionError), client.launch("busybox", "other") as other:
        replace(other)
        raise ZeroDivisionError
    assert names(server) == ["job", "other"]


def test_one_request_creates_and_starts_where_the_server_can(client, server, asked):
    client.launch("busybox", "quick")
    can = "instance_create_start" in server.query("/1.0")["api_extensions"]
    assert ("/1.0/instances/quick/state" in asked) is not can
    assert server.query("/1.0/instances/quick")["status"] == "Running"


def test_a_failed_start_leaves_nothing_behind(client, server):
    for name in ("named", None):
        with pytest.raises(lxdnb.LXDAPIException, match="no-such-bridge"):
            client.launch("busybox", name, devices=NO_BRIDGE)
        assert names(server) == []


@pytest.mark.parametrize("state", ["Stopped", "Running"])
def test_somebody_elses_of_that_name_survives(client, server, state):
    server.cli("launch" if state == "Running" else "init", "busybox", "mine")
    before = server.query("/1.0/instances/mine")
    for devices in (None, NO_BRIDGE):
        with pytest.raises(lxdnb.LXDAPIException):
            client.launch("busybox", "mine", devices=devices)
    assert server.query("/1.0/instances/mine") == before
    assert before["status"] == state


@pytest.mark.parametrize("phase", ["the request", "the creation", "the start"])
def test_an_interrupt_leaves_nothing_behind(client, server, monkeypatch, phase):
    request, waits, struck = client._transport.request, [], []
    at_once = client.has_api_extension("instance_create_start")

    def interrupted(method, path, **options):
        strikes = {
            "the request": (method, path) == ("POST", "/1.0/instances"),
            "the creation": path.endswith("/wait"),
            "the start": path.endswith("/wait") and len(waits) == (0 if at_once else 1),
        }[phase]
        waits.extend([path] * path.endswith("/wait"))
        if not strikes or struck:
            return request(method, path, **options)
        struck.append(path)
        if phase != "the creation":
            request(method, path, **options)  # it got there, and nobody heard the answer
        raise KeyboardInterrupt

    monkeypatch.setattr(client._transport, "request", interrupted)
    if phase != "the start":  # a creation is waited for, and not only tried against for a while
        monkeypatch.setattr(_create, "BUSY_SECONDS", -1)
    with pytest.raises(KeyboardInterrupt):
        client.launch("busybox", "interrupted")
    assert struck
    assert names(server) == []


def test_each_launch_takes_the_same_and_hands_it_on(client, monkeypatch):
    launches = client.launch, client.instances.launch, functools.partial(lxdnb.models.Container.launch, client)
    one, two, three = (list(inspect.signature(launch).parameters.items()) for launch in launches)
    assert one == two == three
    assert [name for name, _ in one][:3] == ["image", "name", "profiles"]
    for launch in launches[:2]:
        with pytest.raises(TypeError, match=re.escape(f"{launch.__qualname__}() got an unexpected")):
            launch("busybox", ephemral=True)
    given: list[tuple] = []
    monkeypatch.setattr(lxdnb.models.Instance, "launch", lambda _, *words, **options: given.append((words, options)))
    options = {name: object() for name, parameter in one if parameter.kind is parameter.KEYWORD_ONLY}
    for launch in launches[:2]:
        launch("busybox", "c1", **options)
    assert given == [(("busybox", "c1"), options)] * 2


def test_an_image_that_is_not_there_is_named(client, server):
    for name, told in (("nope", "images.all() lists them"), ("0123abcd", "'0123abcd'"), ("images:x", "image_source(")):
        with pytest.raises(lxdnb.NotFound, match=re.escape(told)) as raised:
            client.launch(name, "never")
        assert repr(name) in str(raised.value)
    assert names(server) == []


def test_wrong_arguments_are_told_before_anything_is_sent(client, asked):
    source = {"type": "none"}
    for image, options in (
        (None, {}),
        (7, {}),
        (source, {"profiles": "default"}),
        (source, {"config": "x"}),
        (source, {"config": {"user.x": []}}),
        (source, {"devices": {"root": "x"}}),
        (source, {"name": 7}),
    ):
        with pytest.raises(TypeError):
            client.launch(image, **options)
    with pytest.raises(ValueError, match="no name"):
        client.launch(source, "..")
    with pytest.raises(TypeError, match="config is a dict"):
        client.instances.create("c1")
    for wrong in ({"ephemeral": "yes"}, {"profiles": "default"}, {"profiles": [1]}):
        with pytest.raises(TypeError, match=next(iter(wrong))):
            client.instances.create({"name": "c1", "source": source, **wrong})
    assert asked == []


def test_ready_with_an_address(client, server, network):
    container = client.containers.launch("busybox", "addressed", devices=nic(network))
    container.wait_ready(60, network=True)
    state = server.query("/1.0/instances/addressed/state")
    addresses = [each["address"] for each in state["network"]["eth0"]["addresses"] if each["scope"] == "global"]
    assert addresses
    assert addresses[0].startswith("10.")


def test_an_address_that_comes_late_is_waited_for(client, server):
    container = client.containers.launch("busybox", "late", devices={"eth0": {"type": "nic", "nictype": "p2p"}})
    with pytest.raises(lxdnb.exceptions.NotReady, match=r"late is not ready: after 0\.2 s it has no address"):
        container.wait_ready(0.2, network=True)
    give = threading.Timer(0.5, lambda: container.execute(["ip", "addr", "add", "10.9.9.9/24", "dev", "eth0"]))
    give.start()
    started = time.monotonic()
    container.wait_ready(60, network=True)
    assert time.monotonic() - started > 0.4
    give.join()


def test_what_does_not_run_is_not_ready_at_once(client, server):
    server.cli("init", "busybox", "asleep")
    asleep = client.instances.get("asleep")
    with pytest.raises(lxdnb.exceptions.NotReady, match=r"it is stopped; start\(\) starts it") as raised:
        asleep.wait_ready()
    assert isinstance(raised.value, TimeoutError)
    server.cli("start", "asleep")
    asleep.freeze(wait=True)
    with pytest.raises(lxdnb.exceptions.NotReady, match=r"it is frozen; unfreeze\(\)"):
        asleep.wait_ready()
    asleep.unfreeze(wait=True)
    asleep.wait_ready()
    assert asleep.status == "Running"
    server.cli("delete", "-f", "asleep")
    with pytest.raises(lxdnb.exceptions.NotReady, match="it is gone"):
        asleep.wait_ready()


def test_a_start_that_fails_is_not_ready_at_once_and_says_why(client, server):
    config = {"name": "broken", "source": {"type": "image", "alias": "busybox"}, "devices": NO_BRIDGE}
    broken = client.containers.create(config, wait=True)
    # Newer servers refuse the request itself, others fail in the operation.
    with contextlib.suppress(lxdnb.LXDAPIException):
        broken.start()
    with pytest.raises(lxdnb.exceptions.NotReady, match=r"it is stopped; .*no-such-bridge"):
        broken.wait_ready()


def test_a_start_that_nobody_waited_for_is_waited_for(client, server):
    server.cli("init", "busybox", "starting")
    container = client.instances.get("starting")
    container.start()
    container.wait_ready(60)
    assert server.query("/1.0/instances/starting")["status"] == "Running" == container.status
    # Long after, when the server has forgotten that operation, it is ready still.
    container.restart()
    container.operation._record["id"] = str(uuid.uuid4())
    time.sleep(2)
    container.wait_ready(60)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("exit 0", None),
        ("exit 2", None),
        ("exit 1", "its cloud-init failed"),
        ("exit 9", "exit code 9"),
        ("busybox poweroff -f; sleep 60", "it is stopped"),
    ],
)
def test_cloud_init_has_the_last_word(client, server, script, told):
    with_program(server, "clouded", f'test "$*" = "status --wait" || exit 1\n{script}')
    clouded = client.instances.get("clouded")
    if told is None:
        clouded.wait_ready(60)
    else:
        with pytest.raises(lxdnb.exceptions.NotReady, match=told):
            clouded.wait_ready(60)
    for _ in range(50):  # servers are busy for a moment with one that has turned itself off
        server.cli("delete", "-f", "clouded", check=False)
        if not names(server):
            break
        time.sleep(0.1)


def test_cloud_init_is_waited_for(client, server):
    with_program(server, "slow", "echo $$ >/run/pid; while ! test -e /run/done; do sleep 0.1; done; rm /run/done")
    slow = client.instances.get("slow")
    with pytest.raises(lxdnb.exceptions.NotReady, match="still at work"):
        slow.wait_ready(1)
    # It is not left running.
    eventually(lambda: slow.execute(["sh", "-c", "kill -0 $(cat /run/pid)"]).exit_code != 0, 30)
    finish = threading.Timer(0.5, lambda: slow.execute(["touch", "/run/done"]))
    finish.start()
    slow.wait_ready(60)
    assert slow.execute(["test", "-e", "/run/done"]).exit_code == 1
    finish.join()
    # Whoever launches has it ready when the block begins, or not at all.
    server.cli("exec", "slow", "--", "sh", "-c", "printf '#!/bin/sh\\nexit 1\\n' >/usr/bin/cloud-init")
    server.cli("stop", "-f", "slow")
    server.cli("publish", "slow", "--alias", "clouded")
    with (
        pytest.raises(lxdnb.exceptions.NotReady, match="cloud-init failed"),
        client.launch("clouded", "never", ephemeral=True),
    ):
        pytest.fail("it was not ready")
    assert names(server) == ["slow"]

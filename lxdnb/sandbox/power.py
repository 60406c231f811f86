"""Instances running and not: start, stop, restart, freeze, one or many, and what is told of their state.

https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/instances/instance_state_put
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.bodies import Shape, read
from lxdnb.sandbox.clock import timestamp
from lxdnb.sandbox.instances import STATUS_CODES, Instance, halt, known, resources_of, start, stop
from lxdnb.sandbox.metadata import fill_templates
from lxdnb.sandbox.network_cards import added_addresses, network_state
from lxdnb.sandbox.networks import INTERFACES
from lxdnb.sandbox.operations import Operation, Work
from lxdnb.sandbox.replies import Async, Refused, Reply, Request, Sync
from lxdnb.sandbox.routes import route
from lxdnb.sandbox.targets import unreachable
from lxdnb.sandbox.workload import MEMORY, memory_limit, usage

if TYPE_CHECKING:
    from lxdnb.sandbox.machines import Machine
    from lxdnb.sandbox.members import Member
    from lxdnb.sandbox.state import Host

__all__ = ["begin", "end_from_within", "state_of"]

AT_ONCE = 100  # instances that change between two turns of others
_FIELDS: dict[str, Shape] = {"action": "string", "timeout": "int", "force": "bool", "stateful": "bool"}
_DOING = {
    "start": "Starting instance",
    "stop": "Stopping instance",
    "restart": "Restarting instance",
    "freeze": "Freezing instance",
    "unfreeze": "Unfreezing instance",
}
_COUNTERS = (
    "bytes_received",
    "bytes_sent",
    "packets_received",
    "packets_sent",
    "errors_received",
    "errors_sent",
    "packets_dropped_outbound",
    "packets_dropped_inbound",
)


def state_of(host: Host, instance: Instance) -> dict[str, Any]:
    """What the server tells of its state."""
    runs = instance.started is not None
    state: dict[str, Any] = {"status": instance.status, "status_code": STATUS_CODES[instance.status]}
    memory = {"usage": 0, "usage_peak": 0}
    if host.flavour.incus:
        memory["total"] = MEMORY if runs else 0
    memory |= {"swap_usage": 0, "swap_usage_peak": 0}
    cpu = {"usage": 0}
    if host.flavour.incus:
        cpu["allocated_time"] = 2_000_000_000 if runs else 0
    processes, network = 0, None
    if instance.started is not None:
        used = usage(instance.seed, host.clock() - instance.started)
        config, devices = instance.expanded(host)
        most = memory_limit(config)
        memory |= {"usage": min(used.memory, most), "usage_peak": min(max(used.memory, used.memory_peak), most)}
        cpu["usage"], processes, network = (
            used.cpu,
            used.processes,
            {"lo": _loopback(instance)} | network_state(host, instance, devices),
        )
    state |= {"disk": {}, "memory": memory, "network": network, "pid": 0, "processes": processes, "cpu": cpu}
    state["pid"] = 2 + hash((instance.seed, instance.started)) % 4_000_000 if runs else 0
    if host.flavour.incus:
        state["started_at"] = timestamp(instance.started) if instance.started is not None else "0001-01-01T00:00:00Z"
        state["os_info"] = None
    return state


def _loopback(instance: Instance) -> dict[str, Any]:
    return {
        "addresses": [
            {"family": "inet", "address": "127.0.0.1", "netmask": "8", "scope": "local"},
            {"family": "inet6", "address": "::1", "netmask": "128", "scope": "local"},
            *added_addresses(instance, "lo"),
        ],
        "counters": dict.fromkeys(_COUNTERS, 0),
        "hwaddr": "",
        "host_name": "",
        "mtu": 65536,
        "state": "up",
        "type": "loopback",
    }


def _do(host: Host, instance: Instance, action: str, *, force: bool = True) -> None:
    """Do it at once. Raises Refused for what cannot be done as it is."""
    if action == "start":
        if instance.status == "Frozen":
            _do(host, instance, "unfreeze")
            return
        if instance.status == "Running":
            raise Refused(500, "The instance is already running")
        begin(host, instance)
    elif action == "freeze":
        if instance.status == "Frozen":
            raise Refused(500, "The container is already frozen")
        if instance.status != "Running":
            raise Refused(500, f"The {'instance' if host.flavour.incus else 'container'} isn't running")
        instance.status = "Frozen"
        host.tell("instance-paused", instance.url, instance.project)
    elif action == "unfreeze":
        if instance.status != "Frozen":
            raise Refused(500, "The container isn't running")
        instance.status = "Running"
        host.tell("instance-resumed", instance.url, instance.project)
    else:
        if instance.status == "Stopped":
            raise Refused(400, "The instance is already stopped")
        if action == "stop":
            stop(host, instance, force=force)
        else:
            halt(instance)
            start(host, instance, "instance-restarted")


def end_from_within(machine: Machine, *, again: bool, seconds: float) -> None:
    """Turn an instance off, or have it begin anew, because something that runs in it wants that."""
    host, instance = machine.host, machine.instance

    def end() -> None:
        if not machine.runs:
            return
        if not again:
            stop(host, instance, force=False, bare=True)
            return
        halt(instance)
        if not host.flavour.incus:
            host.tell("instance-shutdown", instance.url, instance.project, bare=True)
        start(host, instance, "instance-restarted", bare=True)

    host.agenda.after(seconds, end)


def begin(host: Host, instance: Instance) -> None:
    """Have it run, if it can, and its templates filled in."""
    _check_parents(host, instance)
    fill_templates(host, instance)
    start(host, instance)


def _check_parents(host: Host, instance: Instance) -> None:
    """Refuse to start what is to be on an interface that the machine does not have."""
    for name, device in instance.expanded(host)[1].items():
        parent = device.get("parent")
        if device.get("type") != "nic" or parent is None or parent in INTERFACES:
            continue
        if not any(parent in project.networks for project in host.projects.values()):
            quoted = f'"{parent}"' if device.get("nictype") == "bridged" else f"'{parent}'"
            raise Refused(500, f'Failed to start device "{name}": Parent device {quoted} doesn\'t exist')


def _action(asked: dict[str, Any]) -> str:
    action = asked.get("action", "")
    if action not in _DOING:
        raise Refused(400, f"Unknown action: '{action}'" if action else "Unknown action: ''")
    return action


@route("GET", "/1.0/instances/*/state")
def state(host: Host, request: Request, name: str) -> Reply:
    return Sync(state_of(host, known(host, request.project, name)))


@route("PUT", "/1.0/instances/*/state")
def change(host: Host, request: Request, name: str) -> Reply:
    if not host.flavour.incus:
        known(host, request.project, name)
    asked = read(request.body, "InstanceStatePut", _FIELDS)
    instance = known(host, request.project, name)
    action, force = _action(asked), asked.get("force", False)
    if host.here.evacuated and action != "stop":
        raise Refused(403, "Cluster member is evacuated")

    def work(operation: Operation) -> Work:
        yield 0.01
        _do(host, instance, action, force=force)
        if action == "start" and not host.flavour.incus:
            operation.progress(container_progress="")

    return Async(host.operations.begin(instance.project, _DOING[action], resources_of(host, name), work))


@route("PUT", "/1.0/instances")
def change_all(host: Host, request: Request) -> Reply:
    host.project(request.project)
    asked = read(request.body, "InstancesPut", {"state": _FIELDS}).get("state", {})
    action, force = _action(asked), asked.get("force", False)
    wanted = {"start": "Running", "unfreeze": "Running", "freeze": "Frozen", "stop": "Stopped", "restart": None}[action]
    every = [each for each in host.instances(request.project).values() if each.status != wanted]
    instances = [each for each in every if each.member is None or each.member.lost is None]
    lost = {each.member: each for each in every if each.member is not None and each.member.lost is not None}
    named = [each.url for each in instances if each.is_on(host)]
    urls = {"instances": named} if named else {}
    if host.cluster.enabled and not host.flavour.incus:
        urls = {"instances": named or None}

    def work(operation: Operation) -> Work:
        yield 0.01
        for number, instance in enumerate(instances):
            if number % AT_ONCE == AT_ONCE - 1:
                yield 0.0
            host.here = instance.member or host.cluster.first
            _do(host, instance, action, force=force)
        if lost:
            told = [f" - Instance: {each.name}: {_unreached(each, request.project)}\n" for each in lost]
            raise Refused(500, f"The following instances failed to update state:\n{''.join(told)}")

    return Async(host.operations.begin(request.project, _DOING[action], urls, work))


def _unreached(member: Member, project: str) -> str:
    return f'Put "https://{member.address}/1.0/instances?project={project}": {unreachable(member)}'


@route("GET", "/1.0/instances/*/debug/memory", extension="instance_debug_memory")
def memory_dump(host: Host, request: Request, name: str) -> Reply:
    if known(host, request.project, name).kind == "container":
        raise Refused(400, "Memory dumps are only supported for virtual machines")
    raise Refused(400, "A simulated virtual machine has no memory that could be dumped")

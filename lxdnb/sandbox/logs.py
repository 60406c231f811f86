"""The logs of an instance: what commands said whose output was recorded.

https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/instances/instance_logs_get
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lxdnb.sandbox.instances import known
from lxdnb.sandbox.replies import Content, Refused, Reply, Request, Sync
from lxdnb.sandbox.routes import route

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__: list[str] = []

_OWN = "lxc.log"


@route("GET", "/1.0/instances/*/logs")
def every(host: Host, request: Request, name: str) -> Reply:
    instance = known(host, request.project, name)
    names = [] if host.flavour.incus else [*(instance.logs or {})]
    own = [] if instance.last_used is None else [_OWN]
    return Sync([f"{instance.url}/logs/{each}" for each in [*own, *names]])


@route("GET", "/1.0/instances/*/logs/*")
def one(host: Host, request: Request, name: str, file: str) -> Reply:
    instance = known(host, request.project, name)
    if file == _OWN and instance.last_used is not None:
        when = datetime.fromtimestamp(instance.last_used, UTC).strftime("%Y%m%d%H%M%S.%f")[:-3]
        line = f"lxc {name} {when} WARN     sandbox - started in memory alone: this host is simulated\n"
        return Content((line.encode(),), file, "application/octet-stream")
    return _content({} if host.flavour.incus else instance.logs or {}, file)


@route("DELETE", "/1.0/instances/*/logs/*")
def delete(host: Host, request: Request, name: str, file: str) -> Reply:
    return _deleted(host, request, name, file, recorded=not host.flavour.incus)


@route("GET", "/1.0/instances/*/logs/exec-output")
def every_output(host: Host, request: Request, name: str) -> Reply:
    instance = known(host, request.project, name)
    return Sync([f"{instance.url}/logs/exec-output/{each}" for each in instance.logs or {}])


@route("GET", "/1.0/instances/*/logs/exec-output/*")
def one_output(host: Host, request: Request, name: str, file: str) -> Reply:
    return _content(known(host, request.project, name).logs or {}, file)


@route("DELETE", "/1.0/instances/*/logs/exec-output/*")
def delete_output(host: Host, request: Request, name: str, file: str) -> Reply:
    return _deleted(host, request, name, file, recorded=True)


def _content(logs: dict[str, bytearray], file: str) -> Reply:
    if file not in logs:
        raise Refused(404, "Not Found")
    return Content((bytes(logs[file]),), file, "application/octet-stream")


def _deleted(host: Host, request: Request, name: str, file: str, *, recorded: bool) -> Reply:
    instance = known(host, request.project, name)
    if not recorded or file not in (instance.logs or {}):
        raise Refused(404, "Not Found")
    instance.logs = {each: data for each, data in (instance.logs or {}).items() if each != file}
    host.tell("instance-log-deleted", instance.url, instance.project, {"file": file})
    return Sync({})

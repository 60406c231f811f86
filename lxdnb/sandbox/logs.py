"""The logs of an instance: what commands said whose output was recorded.

https://documentation.ubuntu.com/lxd/stable-5.0/rest-api/#/instances/instance_logs_get
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lxdnb.sandbox.instances import Instance, fetched, known
from lxdnb.sandbox.replies import Content, Refused, Reply, Request, Sync
from lxdnb.sandbox.routes import route

if TYPE_CHECKING:
    from lxdnb.sandbox.state import Host

__all__: list[str] = []

_OWN = "lxc.log"
_CONFIGURATION = "lxc.conf"  # which LXD shows while a container runs
_NAMES = {
    "lxd": re.compile(r"(lxc|qemu|(migration|snapshot)_.*)\.log|lxc\.conf|exec_.*", re.DOTALL),
    "incus": re.compile(r"(lxc|qemu|qemu\.early|(migration|snapshot)_.*)\.log", re.DOTALL),
}
_OUTPUTS = re.compile(r"exec_.*\.(stdout|stderr)", re.DOTALL)


def _check_log(host: Host, file: str) -> None:
    if not _NAMES[host.flavour.name].fullmatch(file):
        what = f'Log file name "{file}"' if host.flavour.incus else f"log file name {file}"
        raise Refused(400, f"{what} not valid")


def _check_output(host: Host, file: str) -> None:
    if not host.flavour.incus:
        raise Refused(404, "not found")
    if not _OUTPUTS.fullmatch(file):
        raise Refused(400, f'Exec record-output file name "{file}" not valid')


def _folder(instance: Instance, *, output: bool) -> str:
    name = instance.name if instance.project == "default" else f"{instance.project}_{instance.name}"
    return f"/simulated/containers/{name}/exec-output" if output else f"/simulated/logs/{name}"


@route("GET", "/1.0/instances/*/logs")
def every(host: Host, request: Request, name: str) -> Reply:
    if host.flavour.incus and name not in host.instances(request.project):
        where = name if request.project == "default" else f"{request.project}_{name}"
        raise Refused(404, f"open /simulated/logs/{where}: no such file or directory")
    instance = known(host, request.project, name)
    names = [] if host.flavour.incus else [*(instance.logs or {})]
    own = [] if instance.last_used is None else [_OWN]
    if _is_configured(host, instance):
        own = [_CONFIGURATION, *own]
    return Sync([f"{instance.url}/logs/{each}" for each in [*own, *names]])


@route("GET", "/1.0/instances/*/logs/*")
def one(host: Host, request: Request, name: str, file: str) -> Reply:
    instance = fetched(host, request.project, name)
    _check_log(host, file)
    if file == _OWN and instance.last_used is not None:
        when = datetime.fromtimestamp(instance.last_used, UTC).strftime("%Y%m%d%H%M%S.%f")[:-3]
        line = f"lxc {name} {when} WARN     sandbox - started in memory alone: this host is simulated\n"
        return Content((line.encode(),), file, "application/octet-stream")
    if file == _CONFIGURATION and _is_configured(host, instance):
        return Content((_configuration(instance).encode(),), file, "application/octet-stream")
    logs = {} if host.flavour.incus else instance.logs or {}
    return _content(host, logs, file, _folder(instance, output=False))


def _is_configured(host: Host, instance: Instance) -> bool:
    return not host.flavour.incus and instance.kind == "container" and instance.started is not None


def _configuration(instance: Instance) -> str:
    folder = _folder(instance, output=False)
    settings = {
        "lxc.log.file": f"{folder}/{_OWN}",
        "lxc.log.level": "warn",
        "lxc.console.buffer.size": "auto",
        "lxc.console.size": "auto",
        "lxc.console.logfile": f"{folder}/console.log",
        "lxc.autodev": "1",
        "lxc.pty.max": "1024",
        "lxc.arch": "linux64",
        "lxc.tty.max": "0",
        "lxc.uts.name": instance.name,
        "lxc.rootfs.path": f"dir:/simulated/{folder.rpartition('/')[2]}/rootfs",
    }
    return "".join(f"{key} = {value}\n" for key, value in settings.items()) + "\n"


@route("DELETE", "/1.0/instances/*/logs/*")
def delete(host: Host, request: Request, name: str, file: str) -> Reply:
    instance = fetched(host, request.project, name)
    _check_log(host, file)
    if host.flavour.incus and file in (_OWN, "qemu.log"):
        raise Refused(400, "Only log files excluding qemu.log and lxc.log may be deleted")
    if file in (_OWN, _CONFIGURATION):
        raise Refused(400, "lxc.log and lxc.conf may not be deleted")
    return _deleted(host, instance, {} if host.flavour.incus else instance.logs or {}, file, output=False)


@route("GET", "/1.0/instances/*/logs/exec-output")
def every_output(host: Host, request: Request, name: str) -> Reply:
    instance = fetched(host, request.project, name)
    if not host.flavour.incus:
        _check_log(host, "exec-output")
    if instance.last_used is None:
        raise Refused(404, f"open {_folder(instance, output=True)}: no such file or directory")
    return Sync([f"{instance.url}/logs/exec-output/{each}" for each in instance.logs or {}])


@route("GET", "/1.0/instances/*/logs/exec-output/*")
def one_output(host: Host, request: Request, name: str, file: str) -> Reply:
    instance = fetched(host, request.project, name)
    _check_output(host, file)
    return _content(host, instance.logs or {}, file, _folder(instance, output=True))


@route("DELETE", "/1.0/instances/*/logs/exec-output/*")
def delete_output(host: Host, request: Request, name: str, file: str) -> Reply:
    instance = fetched(host, request.project, name)
    _check_output(host, file)
    return _deleted(host, instance, instance.logs or {}, file, output=True)


def _content(host: Host, logs: dict[str, bytearray], file: str, folder: str) -> Reply:
    if file not in logs:
        raise Refused(404 if host.flavour.incus else 500, f"open {folder}/{file}: no such file or directory")
    return Content((bytes(logs[file]),), file, "application/octet-stream")


def _deleted(host: Host, instance: Instance, logs: dict[str, bytearray], file: str, *, output: bool) -> Reply:
    if file not in logs:
        raise Refused(404, f"remove {_folder(instance, output=output)}/{file}: no such file or directory")
    instance.logs = {each: data for each, data in logs.items() if each != file}
    host.tell("instance-log-deleted", instance.url, instance.project, {"file": file})
    return Sync({})

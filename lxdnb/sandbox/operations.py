"""Operations: what takes time, as a generator that yields the seconds until it goes on, or the gate that it waits at.

What it does before its first pause is done once the answer that told of it is out; a `Refused` that it raises is how
it fails. Servers forget an operation 5 s after its end, and so does this one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lxdnb.sandbox.access import check_project
from lxdnb.sandbox.channels import Gate
from lxdnb.sandbox.clock import timestamp
from lxdnb.sandbox.replies import Refused, Reply, Request, Sync, Waits
from lxdnb.sandbox.routes import route
from lxdnb.sandbox.urls import of_project

if TYPE_CHECKING:
    from lxdnb.sandbox.consoles import Attached
    from lxdnb.sandbox.crossings import Crossing
    from lxdnb.sandbox.execs import Session
    from lxdnb.sandbox.members import Member
    from lxdnb.sandbox.state import Host

__all__ = ["Operation", "Operations", "Work"]

Work = Generator[float | Gate, None, None]
_log = logging.getLogger("lxdnb.sandbox")
REMEMBERED = 5.0  # seconds

_CODES = {"Pending": 105, "Running": 103, "Cancelling": 104, "Success": 200, "Failure": 400, "Cancelled": 401}


class Operation:
    """One of them. `progress` changes what it tells of itself; the rest is its `Operations`' own."""

    def __init__(
        self,
        host: Host,
        project: str,
        description: str,
        resources: Mapping[str, Sequence[str] | None],
        kind: str,
        may_cancel: bool,
    ) -> None:
        self._host = host
        self.id = host.new_uuid()
        self.project, self.description, self.kind, self.may_cancel = project, description, kind, may_cancel
        self.resources = {name: None if urls is None else self._told(urls) for name, urls in resources.items()}
        self.metadata: dict[str, Any] | None = None
        self.caller = host.asking
        self.created = self.updated = host.clock()
        self.member = host.here
        self.status = "Running"
        self.failure: Refused | None = None
        self.expires: float | None = None
        """When it is good for nothing any more, for what lasts until it is used: seconds since 1970."""
        self.session: Session | Attached | None = None
        """The command that it runs, if a client has come for its streams."""
        self.crossing: Crossing | None = None
        """What goes to or comes from another server by it, if that is awaited."""
        self.vanished = False
        """Whether the member of the cluster that it was on is lost."""
        self._ended: list[Callable[[], None]] = []

    def _told(self, urls: Sequence[str]) -> list[str]:
        """Write URLs as the servers do: Incus tells the project of an instance in them."""
        if not self._host.flavour.incus:
            return list(urls)
        return [
            of_project(each, self.project) if each.startswith("/1.0/instances/") and "?" not in each else each
            for each in urls
        ]

    @property
    def url(self) -> str:
        return f"/1.0/operations/{self.id}"

    @property
    def final(self) -> bool:
        return _CODES[self.status] >= 200

    def record(self) -> dict[str, Any]:
        """What the server tells of it."""
        return {
            "id": self.id,
            "class": self.kind,
            "description": self.description,
            "created_at": timestamp(self.created),
            "updated_at": timestamp(self.updated),
            "status": self.status,
            "status_code": _CODES[self.status],
            "resources": self.resources or ({} if self._host.flavour.incus else None),
            "metadata": self.metadata,
            "may_cancel": self.may_cancel and not self.final,
            "err": self.failure.words if self.failure else "",
            "location": self.member.name,
        }

    def progress(self, **metadata: Any) -> None:
        """Tell how far it is."""
        self.metadata = {**(self.metadata or {}), **metadata}
        self._changed()

    def whenever_ended(self, call: Callable[[], None]) -> Callable[[], None]:
        """Have something called when it ends, or at once if it has; what is returned takes that back."""
        if self.final:
            call()
            return lambda: None
        self._ended.append(call)
        return lambda: self._ended.remove(call) if call in self._ended else None

    def end(self, status: str, failure: Refused | None = None) -> None:
        if self.final or self.vanished:
            return
        self.status, self.failure = status, failure
        self._changed()
        self._call()

    def vanish(self) -> None:
        """Have those who wait for its end be told that nothing is known of it."""
        self.vanished = True
        self._call()

    def _call(self) -> None:
        waiting, self._ended = self._ended, []
        for call in waiting:
            call()

    def abandon(self) -> None:
        """Have it be over without a word to anybody; a command that it runs runs on."""
        if not self.final:
            self.status = "Cancelled"
        if self.session is not None:
            self.session.outlives = True
        self._ended.clear()

    def _changed(self) -> None:
        self.updated = self._host.clock()
        self._host.events.emit("operation", self.record(), self.project)


class Operations:
    """Those under way, and those that have ended of late."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._known: dict[str, Operation] = {}
        self._works: dict[str, Work] = {}

    def begin(
        self,
        project: str,
        description: str,
        resources: Mapping[str, Sequence[str] | None],
        work: Callable[[Operation], Work],
        *,
        kind: str = "task",
        may_cancel: bool = False,
        metadata: dict[str, Any] | None = None,
        crossing: Crossing | None = None,
    ) -> Operation:
        """Begin a work, which is given its operation, and return that."""
        operation = Operation(self._host, project, description, resources, kind, may_cancel)
        operation.metadata, operation.crossing = metadata, crossing
        self._known[operation.id] = operation
        self._works[operation.id] = work(operation)
        self._host.events.emit("operation", operation.record(), project)
        self._host.agenda.after(0, lambda: self._step(operation))
        return operation

    def get(self, identifier: str) -> Operation:
        if identifier not in self._known:
            raise Refused(404, "Operation not found")
        return self._known[identifier]

    def find(self, identifier: str) -> Operation | None:
        """Return an operation, if it is known."""
        return self._known.get(identifier)

    def member_of(self, identifier: str) -> Member | None:
        """Return the member of the cluster that an operation is on."""
        return self._known[identifier].member if identifier in self._known else None

    def creations(self) -> list[Member]:
        """The members on which instances are being made, each for every one of these."""
        making = (each for each in self._known.values() if not each.final and each.description == "Creating instance")
        return [each.member for each in making]

    def tokens(self) -> list[Operation]:
        """Those that are tokens, as long as these are good."""
        return [each for each in self._known.values() if each.kind == "token" and not each.final]

    def lose(self, member: Member) -> None:
        """Have those on a member come to nothing: nobody will tell what became of them."""
        for operation in [each for each in self._known.values() if each.member is member and each.id in self._works]:
            self._works.pop(operation.id).close()
            operation.vanish()

    def forget(self, member: Member) -> None:
        """Know of none that was on a member."""
        self._known = {key: each for key, each in self._known.items() if each.member is not member}

    def all(self, project: str | None) -> list[Operation]:
        told = [each for each in self._known.values() if each.member.lost is None]
        return [each for each in told if project is None or each.project in ("", project)]

    def cancel(self, operation: Operation) -> None:
        if operation.final:
            raise Refused(400, "Only running operations can be cancelled")
        if not operation.may_cancel:
            raise Refused(400, "This operation can't be cancelled")
        self._works[operation.id].close()
        self._host.tell("operation-cancelled", operation.url, operation.project or "default")
        self._over(operation, "Cancelled")

    def doom(self, operation: Operation, percent: float) -> None:
        """Have an operation fail on its way, whatever its work is."""
        if operation.final:
            return
        self._works[operation.id].close()

        def failing() -> Work:
            told = 0.0
            while told <= percent:
                operation.progress(fs_progress=f"{told:g}%")
                yield 0.05
                told = min(percent, told + 10) if told < percent else percent + 1
            if operation.session is not None:
                operation.session.sever()
            raise Refused(500, f"It failed at {percent:g}%, as a fault of the sandbox wants it")

        self._works[operation.id] = failing()

    def forget_all(self) -> None:
        """Know of none any more: their work ends where it is."""
        known, self._known, self._works, works = self._known, {}, {}, self._works
        for operation in known.values():
            operation.abandon()
        for work in works.values():
            work.close()

    def _step(self, operation: Operation) -> None:
        if operation.final or operation.vanished:
            return
        self._host.here = operation.member
        try:
            with self._host.asked_by(operation.caller):
                pause = next(self._works[operation.id])
        except StopIteration:
            self._over(operation, "Success")
        except Refused as failure:
            self._over(operation, "Failure", failure)
        except Exception:
            _log.exception("The sandbox failed at an operation: %s", operation.description)
            self._over(operation, "Failure", Refused(500, "the sandbox failed at this: see its log"))
        else:
            again = lambda: self._step(operation)  # noqa: E731
            if isinstance(pause, Gate):
                pause.wait(lambda: self._host.agenda.after(0.0, again))
            else:
                self._host.agenda.after(pause, again)

    def _over(self, operation: Operation, status: str, failure: Refused | None = None) -> None:
        del self._works[operation.id]
        operation.end(status, failure)
        self._host.agenda.after(REMEMBERED, lambda: self._forget(operation))

    def _forget(self, operation: Operation) -> None:
        self._known.pop(operation.id, None)


# --- requests


@route("GET", "/1.0/operations")
def every(host: Host, request: Request) -> Reply:
    if request.of_all_projects and host.flavour.incus:
        if request.query.get("project"):
            raise Refused(400, "Cannot specify a project when requesting all projects")
        found = host.operations.all(None)
    else:
        found = host.operations.all(request.project)
    if request.caller.restricted and host.flavour.incus:
        found = [each for each in found if request.caller.may_use(each.project)]
    by_status: dict[str, list[Any]] = {}
    for operation in found:
        shown = operation.record() if request.recursion else operation.url
        by_status.setdefault(operation.status.lower(), []).append(shown)
    return Sync(by_status)


@route("GET", "/1.0/operations/*")
def one(host: Host, request: Request, identifier: str) -> Reply:
    return Sync(host.operations.get(identifier).record())


@route("DELETE", "/1.0/operations/*")
def cancel(host: Host, request: Request, identifier: str) -> Reply:
    found = host.operations.get(identifier)
    if found.project:
        check_project(host, request, found.project)
    host.operations.cancel(found)
    return Sync({})


@route("GET", "/1.0/operations/*/wait", for_anybody=True)
def wait(host: Host, request: Request, identifier: str) -> Reply:
    operation = host.operations.get(identifier)
    secret = (operation.metadata or {}).get("secret")
    if not secret or secret != request.query.get("secret"):  # which who has brought something by it knows
        request.caller.check_trusted()
    try:
        seconds = int(request.query.get("timeout") or -1)
    except ValueError as error:
        raise Refused(400, f'strconv.Atoi: parsing "{request.query["timeout"]}": invalid syntax') from error

    def answer() -> Sync:
        if operation.vanished:
            address = f"https://{operation.member.address}"
            cut = f'Get "{address}{request.path}?timeout={request.query.get("timeout", "-1")}": EOF'
            raise Refused(500, "unexpected EOF" if host.flavour.incus else cut)
        if host.flavour.incus:
            if operation.failure is not None:
                raise operation.failure
            if not operation.final:
                raise Refused(500, "context deadline exceeded")
        return Sync(operation.record())

    return Waits(operation.whenever_ended, None if seconds < 0 else float(seconds), answer)

"""One server that a frame asks: the only file of frames that sends requests for lists and what more they need.

It keeps what could not be told, by name, and words for people. One thing that is gone or fails costs itself alone; a
server that is lost is an error.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import unquote

from lxdnb import api
from lxdnb.exceptions import Forbidden, LXDAPIException, NotFound
from lxdnb.frames._columns import Record, mapping

if TYPE_CHECKING:
    from lxdnb.client import Client

__all__ = ["Asked", "Scope", "at_once", "restricted"]

AT_ONCE = 4  # requests under way together; a server gains nothing by more
T = TypeVar("T")
R = TypeVar("R")


class Scope(NamedTuple):
    """The parameters of a list, and the project whose things it has; None where it says itself whose each is."""

    params: dict[str, str]
    project: str | None


class Asked:
    """A server, and what it could not tell."""

    def __init__(self, client: Client, *, all_projects: bool = False) -> None:
        self.client = client
        self.all_projects = all_projects
        self.failed: dict[str, str] = {}
        self.words: list[str] = []
        # What projects have their own of is asked once, whoever wants to know.
        self._turn = threading.Lock()
        self._projects: dict[str, Record] | None = None
        self._configs: dict[str, Record] = {}
        self.listed: int | None = None
        """How many things the list had that all of this began with; None where the server left some out itself."""
        self.listed_again: Callable[[Mapping[str, str]], list[Record]] = lambda _: []
        """Asks for that list once more, with other parameters."""

    def get(self, path: Sequence[str], params: Mapping[str, Any] | None = None) -> Any:
        """Return what the answer at a path of names carries."""
        return api.metadata(self._node(path).get(params=params))

    def list(self, path: Sequence[str], params: Mapping[str, Any] | None = None) -> list[Any]:
        """Return what a list holds; what is no list, as `null`, is an empty one."""
        found = self.get(path, params)
        return found if isinstance(found, list) else []

    def records(self, path: Sequence[str], params: Mapping[str, Any] | None = None) -> list[Record]:
        """Return the records of a list; what is none is told and left out."""
        found = self.list(path, params)
        records = [each for each in found if isinstance(each, dict)]
        if len(records) < len(found):
            wrong = len(found) - len(records)
            self.words.append(f"{wrong:,} of {'/'.join(path)} {'was no record' if wrong == 1 else 'were no records'}")
        return records

    def pools(self, *, of_instances: bool = False) -> list[str]:
        """Return the names of the pools, or at least of those that instances lie on.

        Incus lists none for a client that is restricted to projects, which may still ask for each by its name: those
        then that instances and profiles have disks on. That there may be others is told, unless `of_instances`.
        """
        try:
            urls = self.list(("storage-pools",))
        except LXDAPIException as error:
            if not restricted(error):
                raise
            if not of_instances:
                self.failed["storage-pools"] = f"{error}: asked were those that instances and profiles name"
            return self._pools_of_disks()
        return [unquote(url.rpartition("/")[2]) for url in urls if isinstance(url, str)]

    def _pools_of_disks(self) -> list[str]:
        everywhere = {"all-projects": "true"} if self.all_projects else {}
        records = self.records(("instances",), {"recursion": 1, **everywhere})
        records += self.records(("profiles",), {"recursion": 1})
        devices = [mapping(record.get("expanded_devices") or record.get("devices")) for record in records]
        disks = [mapping(device) for each in devices for device in each.values()]
        return sorted({disk["pool"] for disk in disks if isinstance(disk.get("pool"), str) and disk["pool"]})

    def each(
        self,
        records: Sequence[Record],
        key: str,
        path: Callable[[Record], Sequence[str]],
        of: Callable[[Record], bool],
        params: Mapping[str, str],
        *,
        leaves: bool = True,
    ) -> list[Record]:
        """Put under `key` of each record what the server answers at its path; return those that are not gone.

        What the server fails to tell stays missing, and its reason is kept by its path, as `instances/c1/state`.
        Without `leaves` a record stays too whose path is not found.
        """
        asked = [record for record in records if of(record)]

        def ask(record: Record) -> Any:
            # The record's own project: the list may be of all projects.
            project = {"project": record["project"]} if record.get("project") else {}
            try:
                return self.get(path(record), {**params, **project})
            except LXDAPIException as error:
                return error

        gone: set[int] = set()
        for record, answer in zip(asked, at_once(ask, asked), strict=True):
            if isinstance(answer, NotFound):
                if leaves:
                    gone.add(id(record))
            elif isinstance(answer, LXDAPIException):
                elsewhere = record.get("project", "default") != "default"
                whose = f" of project {record['project']}" if elsewhere else ""
                self.failed["/".join(path(record)) + whose] = str(answer)
            else:
                record[key] = answer
        return [record for record in records if id(record) not in gone]

    def scopes(self, feature: str, extension: str) -> list[Scope]:
        """Return what to ask for, for each of the lists that tell of what the frame is about.

        Of all projects it is one list where the server has the `extension`, and else that of each project which has
        its own by the `feature`: the others have those of the default project.
        """
        if not self.all_projects:
            own = self.client.project or "default"
            return [Scope({}, own if feature == "always" else self.owner(own, feature))]
        if self.client.has_api_extension(extension):
            return [Scope({"all-projects": "true"}, None)]
        return [Scope({"project": name}, whose) for name, whose in self.projects_with(feature).items()]

    def of_scopes(
        self, path: Sequence[str], feature: str, extension: str, params: Mapping[str, Any]
    ) -> list[tuple[Scope, Any]]:
        """Return what the lists of `scopes` carry, with their scopes; a project that is gone has none."""
        scopes = self.scopes(feature, extension)

        def ask(scope: Scope) -> Any:
            try:
                return self.get(path, {**params, **scope.params})
            except NotFound:
                if "project" not in scope.params:
                    raise
                return None

        return list(zip(scopes, at_once(ask, scopes), strict=True))

    def projects_with(self, feature: str) -> dict[str, str]:
        """Return the projects to ask for things that they have their own of by a feature, and whose these are.

        Of the feature `always` it is all projects. A client that may not look at the default project is told its
        things in another one that has none of its own.
        """
        with self._turn:
            if self._projects is None:
                self._projects = {
                    project["name"]: mapping(project.get("config"))
                    for project in self.records(("projects",), {"recursion": 1})
                }
        projects = self._projects
        own = {name: name for name, config in projects.items() if feature == "always" or config.get(feature) == "true"}
        if "default" in projects:
            return {name: name for name in projects if name in own or name == "default"}
        return own | {name: "default" for name in [name for name in projects if name not in own][:1]}

    def owner(self, project: str, feature: str) -> str:
        """Return whose the things are that a project has by a feature: its own, or the default project's."""
        if project == "default":
            return project
        with self._turn:
            if project not in self._configs:
                self._configs[project] = mapping(mapping(self.get(("projects", project))).get("config"))
        return project if self._configs[project].get(feature) == "true" else "default"

    def _node(self, path: Sequence[str]) -> api.APINode:
        node = self.client.api
        for name in path:
            node = node[name]
        return node


def restricted(error: LXDAPIException) -> bool:
    """Return whether a server refuses for whom the client is. Incus calls it an error of its own for some lists."""
    return isinstance(error, Forbidden) or "restricted" in str(error)


def at_once(call: Callable[[T], R], things: Iterable[T], count: int = AT_ONCE) -> list[R]:
    """Return what `call` gives for each, several at a time, in order; an interrupt waits for none of them."""
    return api.at_once(call, things, count)

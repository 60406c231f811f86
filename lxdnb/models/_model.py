"""What every resource's object has in common: fields that load when asked for, local changes, and saving them.

An object keeps two copies of a record: as the server sent it, and as the person has made it. Their difference is what
`dirty` and `save` go by, so that a change in place counts as one and loading never does.
"""

from __future__ import annotations

import copy
import difflib
import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar
from urllib.parse import unquote, urlsplit

from lxdnb import api

if TYPE_CHECKING:
    from requests import Response

    from lxdnb.client import Client
    from lxdnb.models.operation import Operation

__all__ = ["Manager", "Model", "as_sent", "name_in"]


class Model:
    """A resource of the server, as an object.

    Its fields are attributes. Those that are not known yet are asked for at first use, all at once; a field that the
    server did not send is None, an empty list or an empty dict, by its kind; one that only a newer server has is there
    too. Setting one, or changing a dict or list in place, changes nothing on the server until `save`.
    """

    collection: ClassVar[str]
    """The API's word for the collection, as in /1.0/instances."""
    key: ClassVar[str] = "name"
    """The field that names one of them in a URL."""
    writable: ClassVar[frozenset[str]] = frozenset()
    """The fields that a PUT may change."""

    _fields: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls) -> None:
        own = {
            name: str(kind)
            for name, kind in inspect.get_annotations(cls).items()
            if not name.startswith("_") and not str(kind).startswith("ClassVar") and name != "client"
        }
        cls._fields = {**cls._fields, **own}

    def __init__(self, client: Client, **fields: Any) -> None:
        self.client = client
        self._operation: Operation | None = None
        self._loaded = False
        self._etag: str | None = None
        self._theirs: dict[str, Any] = {}
        self._ours: dict[str, Any] = {}
        self._take(fields)

    @classmethod
    def _from_record(cls, client: Client, record: Mapping[str, Any]) -> Self:
        """Make an object of a whole record, as a list with recursion=1 has it."""
        made = cls(client, **record)
        made._loaded = True
        return made

    def __getattr__(self, name: str) -> Any:
        # Only called for what is no real attribute. Names with a leading _ are Python's and IPython's questions.
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        if name not in self._ours and not self._loaded:
            self.sync()
        if name in self._ours and (self._ours[name] is not None or name not in self._fields):
            return self._ours[name]
        kind = self._fields.get(name)
        if kind is None:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{self._closest(name)}")
        empty: Any = [] if kind.startswith("list") else {} if kind.startswith("dict") else None
        if empty is not None:
            self._ours[name] = empty  # kept, so that filling it in place is a change
        return empty

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_") or name == "client" or hasattr(type(self), name):
            object.__setattr__(self, name, value)
        elif self._may_change(name) and (name in self.writable or name in self._ours):
            if not self._loaded:
                self.sync()
            self._ours[name] = value
        elif name in self._fields or name in self._ours:
            raise AttributeError(f"{name} of {type(self).__name__} is the server's to set")
        else:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{self._closest(name)}")

    def __dir__(self) -> Iterator[str]:
        yield from {*super().__dir__(), *self._fields, *self._ours}

    def __repr__(self) -> str:
        # Never asks the server: a repr is also for debuggers, logs and lists of thousands.
        status = self._ours.get("status")
        return f"<{type(self).__name__} {self._ours.get(self.key)!r}{f': {status}' if status else ''}>"

    @property
    def api(self) -> api.APINode:
        """The node of this resource in `client.api`."""
        return self.client.api[self.collection][self._name]

    @property
    def operation(self) -> Operation | None:
        """The background operation that was started last through this object, or None."""
        return self._operation

    @property
    def dirty(self) -> bool:
        """Whether something was changed here that is not saved."""
        return any(self._changed(name) for name in self._ours)

    def sync(self, rollback: bool = False) -> None:
        """Load the server's present record. What was changed here stays, unless `rollback` is true.

        Raises NotFound when the resource is gone.
        """
        response = self.api.get()
        self._take(api.metadata(response), keep_changes=not rollback)
        self._etag = response.headers.get("ETag")
        self._loaded = True

    def rollback(self) -> None:
        """Drop what was changed here, and take the server's present record."""
        self.sync(rollback=True)

    def save(self, wait: bool = False) -> None:
        """Send what was changed here, on top of what the server has now.

        Of `config`, `devices` and other dicts only the keys that were changed here are touched, so that what others
        have changed meanwhile stays. With `wait`, return when it is done. Raises Conflict if somebody changes the
        resource in the very moment.
        """
        response = self.api.get()
        record: dict[str, Any] = api.metadata(response)
        for name in self._ours:
            if self._may_change(name) and self._changed(name):
                record[name] = _merged(record.get(name), self._theirs.get(name), self._ours[name])
        body = {name: as_sent(value) for name, value in record.items() if self._may_change(name)}
        headers = {"If-Match": response.headers["ETag"]} if "ETag" in response.headers else {}
        self._started(self.api.put(json=body, headers=headers), wait)
        # What was sent is the server's now; sync() would else take it for a change if it is still being applied.
        self._take(record)
        if wait:
            self.sync()

    def delete(self, wait: bool = False) -> None:
        """Delete the resource. With `wait`, return when it is done. Raises NotFound when it is not there."""
        self._started(self.api.delete(), wait)

    @property
    def _name(self) -> str:
        return self._ours[self.key]

    def _take(self, record: Mapping[str, Any], keep_changes: bool = False) -> None:
        kept = {name: value for name, value in self._ours.items() if keep_changes and self._changed(name)}
        self._theirs = copy.deepcopy({**self._theirs, **record})
        self._ours = {**copy.deepcopy(self._theirs), **kept}

    def _may_change(self, name: str) -> bool:
        # What we do not know goes back as it came: a PUT takes away what it leaves out.
        return name in self.writable or name not in self._fields

    def _changed(self, name: str) -> bool:
        ours, theirs = self._ours.get(name), self._theirs.get(name)
        # An absent list or dict that was looked at is an empty one, which is no change.
        return as_sent(ours) != as_sent(theirs) and not (theirs is None and ours in ([], {}))

    def _started(self, response: Response, wait: bool) -> None:
        """Take note of what a write was answered with: done already, or an operation to wait for."""
        body = response.json()
        if body["type"] != "async":
            self._operation = None
            return
        self._operation = self.client.operations.from_record(body["metadata"])
        if wait:
            self._operation.wait()

    def _closest(self, name: str) -> str:
        close = difflib.get_close_matches(name, [*self._fields, *self._ours], n=1)
        return f"; did you mean {close[0]!r}?" if close else ""


M = TypeVar("M", bound=Model)


class Manager(Generic[M]):
    """The collection that a kind of resource lives in, as `client.images` and its like."""

    model: type[M]

    def __init__(self, client: Client) -> None:
        self.client = client

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.client!r}>"


def as_sent(value: Any) -> Any:
    """Return a value as the server keeps it: the values of config and devices are strings."""
    if isinstance(value, dict):
        return {key: _as_text(inner) for key, inner in value.items()}
    return value


def name_in(url: str) -> str:
    """Return the name that ends a resource's URL.

    >>> name_in("/1.0/profiles/a%20b?project=default")
    'a b'
    """
    return unquote(urlsplit(url).path.rpartition("/")[2])


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else as_sent(value)


def _merged(now: Any, before: Any, ours: Any) -> Any:
    """Lay what changed from `before` to `ours` on what is there `now`; dicts key by key, and those in them."""
    if not (isinstance(now, dict) and isinstance(ours, dict)):
        return ours
    old, new = as_sent(before if isinstance(before, dict) else {}), as_sent(ours)
    gone = old.keys() - new.keys()
    changed = {key: _merged(now.get(key), old.get(key), value) for key, value in new.items() if old.get(key) != value}
    return {**{key: value for key, value in now.items() if key not in gone}, **changed}

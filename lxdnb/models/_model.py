"""What every resource's object has in common: fields that load when asked for, local changes, and saving them.

An object keeps the record as the server sent it, and beside it the values that a person was given to change. Their
difference is what `dirty`, `changes` and `save` go by, so that a change in place counts as one and loading never does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar
from urllib.parse import unquote, urlsplit

from lxdnb import api, checks, exceptions
from lxdnb.exceptions import NotFound, OperationFailed
from lxdnb.models._changes import VOLATILE, Changes, Difference, as_sent, difference, own, refresh
from lxdnb.models._rows import rows_as_sent
from lxdnb.models._saving import lay_on_server, turn_at

if TYPE_CHECKING:
    from requests import Response

    from lxdnb.client import Client
    from lxdnb.models.operation import Operation

__all__ = ["Manager", "Model", "as_sent", "name_in"]


class Model:
    """A resource of the server, as an object.

    Its fields are attributes. Those that are not known yet are asked for at first use, all at once; a field that the
    server did not send is None, an empty list or an empty dict, by its kind; one that only a newer server has is there
    too. Setting one, or changing a dict or list in place, changes nothing on the server until `save`; a `config`
    that is set as a whole keeps the server's own `volatile.*` keys. Two objects are equal if they are the same resource
    of the same server.
    """

    NotFound = exceptions.NotFound

    collection: ClassVar[str]
    """The API's word for the collection, as in /1.0/instances."""
    key: ClassVar[str] = "name"
    """The field that names one of them in a URL."""
    writable: ClassVar[frozenset[str]] = frozenset()
    """The fields that a PUT may change."""

    client: Client
    """The client that it came by."""

    _fields: ClassVar[Mapping[str, str]] = {}
    _lay: Any = staticmethod(lay_on_server)

    def __init_subclass__(cls) -> None:
        own_fields = {
            name: str(kind)
            for name, kind in cls.__annotations__.items()
            if not name.startswith("_") and not str(kind).startswith("ClassVar")
        }
        cls._fields = {**cls._fields, **own_fields}

    def __init__(self, client: Client, **fields: Any) -> None:
        self.client = client
        self._operation: Operation | None = None
        self._renaming: tuple[str, Operation] | None = None  # from which name, and what tells how it ended
        self._loaded = False
        self._theirs: dict[str, Any] = fields
        self._ours: dict[str, Any] = {}

    @classmethod
    def _from_record(cls, client: Client, record: Mapping[str, Any], **more: Any) -> Self:
        """Make an object of a whole record, as a list with recursion=1 has it."""
        made = cls(client, **more)
        made._theirs = dict(record)
        made._loaded = True
        return made

    def __getattr__(self, name: str) -> Any:
        # Only called for what is no real attribute. Names with a leading _ are Python's and IPython's questions.
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        if name in self._ours:
            return self._ours[name]
        if name not in self._theirs and not self._loaded:
            self.sync()
        kind = self._fields.get(name)
        value = self._theirs.get(name)
        if value is None:
            if kind is None and name not in self._theirs:
                raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{self._closest(name)}")
            value = [] if _is("list", kind) else {} if _is("dict", kind) else None
        if isinstance(value, dict | list):
            # Kept, so that a change in place is a change; one for all threads that ask at once.
            return self._ours.setdefault(name, own(value))
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_") or name == "client" or hasattr(type(self), name):
            object.__setattr__(self, name, value)
            return
        if name in self.writable:
            _check_kind(name, self._fields.get(name), value)
        if not self._loaded and name not in self._theirs:
            self.sync()
        if self._may_change(name) and (name in self.writable or name in self._theirs):
            if value is not self._ours.get(name):
                self._ours[name] = own(self._completed(name, value))
        elif name in self._fields or name in self._theirs:
            raise AttributeError(f"{name} of {type(self).__name__} is the server's to set")
        else:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{self._closest(name)}")

    def __dir__(self) -> Iterator[str]:
        yield from {*super().__dir__(), *self._fields, *self._theirs}

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Yield each field's name and value, so that `dict(resource)` is its record."""
        yield from self.marshall(skip_readonly=False).items()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        # Never asks the server: a repr is also for debuggers, logs and lists of thousands.
        status = self._theirs.get("status")
        return f"<{type(self).__name__} {self._theirs.get(self.key)!r}{f': {status}' if status else ''}>"

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
        try:
            return bool(self._difference())
        except TypeError:
            return True  # a value that no server takes: save() says which

    def changes(self) -> Changes:
        """Return what was changed here and is not saved: what `save` would send.

        A dict from each path to its old and new value, None for one that is not there. Raises TypeError for a value
        that no server takes.

        >>> instance = client.instances.get("c1")
        >>> instance.config["limits.memory"] = "1GiB"
        >>> instance.changes()
        {'config.limits.memory': Change(old=None, new='1GiB')}
        """
        return Changes({".".join(path): change for path, change in self._difference().items()})

    def sync(self, rollback: bool = False) -> None:
        """Load the server's present record. What was changed here stays, unless `rollback` is true.

        Raises NotFound when the resource is gone.
        """
        self._take(self._read(self.api.get()), rollback)

    def rollback(self) -> None:
        """Drop what was changed here, and take the server's present record."""
        self.sync(rollback=True)

    def save(self, wait: bool = False) -> None:
        """Send what was changed here, on top of what the server has now; with `wait`, return when it is done.

        Nobody's change is lost: of `config`, `devices` and other dicts only the keys that were changed here are
        touched (a list, as `profiles`, is one value), and where somebody comes between, it is done again on what they
        have left. Threads may save one resource at once. Where nothing was changed nothing is sent.

        Raises SaveConflict when a value was changed here and there, and to different ones, and nothing is saved;
        TypeError for a value that no server takes; OperationFailed when the server cannot apply it, which
        without `wait` only `operation.wait()` tells.
        """
        with turn_at(self._identity()) as turn:
            wanted = self._difference()
            if not wanted:
                if wait and self._operation is not None and turn.pending is self._operation:
                    self._operation.wait()  # another thread has sent what was changed here
                self._operation = None
                return
            turn.settle()
            answer, record = self._lay(self.api, wanted, self._read, self._may_change)
            self._started(answer, wait)
            if self._operation is not None and not wait:
                turn.leave(self._operation)
            # What was sent is the server's now; else it would count as a change while it is being applied.
            self._take(record)
        if wait:
            self.sync()

    def delete(self, wait: bool = False) -> None:
        """Delete the resource. With `wait`, return when it is done. Raises NotFound when it is not there."""
        self._started(self.api.delete(), wait)

    def marshall(self, skip_readonly: bool = True) -> dict[str, Any]:
        """Return the fields as a dict of their own: those that may be changed, or with `skip_readonly=False` all."""
        if not self._loaded:
            self.sync()
        names = [*self._fields, *(name for name in self._theirs if name not in self._fields)]
        return {name: _plain(getattr(self, name)) for name in names if not skip_readonly or name in self.writable}

    def to_yaml(self) -> str:
        """Return the YAML that the command line's `show` gives for it, with what was changed here.

        >>> print(client.profiles.get("default").to_yaml())
        config: {}
        description: Default profile
        ...
        """
        from lxdnb.models._yaml import as_yaml  # here, so that `import lxdnb` does not pay for it

        return as_yaml({name: self._sent(name, getattr(self, name)) for name in self._shown()})

    def post(self, json: Any = None, wait: bool = False) -> None:
        """POST a JSON body to this resource, as its API takes it. With `wait`, return when it is done."""
        self._started(self.api.post(json=None if json is None else checks.mapping("json", json)), wait)

    def put(self, put_object: Any, wait: bool = False) -> None:
        """PUT a whole JSON body in place of what the server has, and take the record that this gives.

        What was changed here is dropped. `save` is the way that keeps what others have changed.
        """
        self.raw_put(put_object, wait)
        self.sync(rollback=True)

    def patch(self, patch_object: Any, wait: bool = False) -> None:
        """PATCH with a JSON body of what is to be changed, and take the record that this gives."""
        self.raw_patch(patch_object, wait)
        self.sync()

    def raw_put(self, put_object: Any, wait: bool = False) -> None:
        """PUT a whole JSON body, and leave this object as it is."""
        self._started(self.api.put(json=checks.mapping("put_object", put_object)), wait)

    def raw_patch(self, patch_object: Any, wait: bool = False) -> None:
        """PATCH with a JSON body, and leave this object as it is."""
        self._started(self.api.patch(json=checks.mapping("patch_object", patch_object)), wait)

    @property
    def _name(self) -> str:
        """What the server knows it by: after `_rename` without a wait, at the latest now, the end of that decides."""
        if self._renaming is not None:
            before, operation = self._renaming
            try:
                operation.wait()
            except OperationFailed:
                self._theirs[self.key] = before
            except NotFound:  # it ended so long ago that the server has forgotten it
                self._renaming = None
                try:
                    self.api.get()
                except NotFound:
                    self._theirs[self.key] = before
            self._renaming = None
        return self._theirs[self.key]

    def _rename(self, name: str, wait: bool) -> None:
        before = self._name
        self._started(self.api.post(json={"name": name}), wait)
        self._theirs[self.key] = name
        if self._operation is not None and not self._operation.done:
            self._renaming = before, self._operation

    def _identity(self) -> tuple[str | None, ...]:
        return (self.collection, self.client.api.netloc, self.client.project or "default", self._name)

    def _shown(self) -> Iterable[str]:
        """Return the fields that the command line shows."""
        if not self._loaded:
            self.sync()
        return [*self._theirs]

    def _read(self, response: Response) -> dict[str, Any]:
        """Return the record in an answer."""
        return api.metadata(response)

    def _difference(self) -> Difference:
        ours = {name: self._sent(name, value) for name, value in list(self._ours.items()) if self._may_change(name)}
        return difference(self._theirs, ours)

    def _sent(self, name: str, value: Any) -> Any:
        """Return the value of a field as the server keeps it. Raises TypeError for what it cannot."""
        kind = self._fields.get(name)
        if self._may_change(name) and _is("dict", kind):
            return as_sent(value, name, depth=2 if _is("dict[str, dict", kind) else 1)
        if self._may_change(name) and _is("list[dict", kind):
            return rows_as_sent(name, value)
        if self._may_change(name) and value:
            _check_kind(name, kind, value)  # of a list that was changed in place
        return _plain(value)

    def _completed(self, name: str, value: Any) -> Any:
        """Return what a field that is set as a whole becomes: config keeps the notes that the server makes there.

        A copy of some time ago would set them back, and one without them would take them away; servers refuse the
        one or believe the other. In place they can be changed, key by key.
        """
        if name != "config":
            return value
        kept = {key: inner for key, inner in value.items() if not str(key).startswith(VOLATILE)}
        return kept | {key: note for key, note in getattr(self, name).items() if str(key).startswith(VOLATILE)}

    def _take(self, record: Mapping[str, Any], rollback: bool = False) -> None:
        """Take a record for the server's present one. What was changed here, and is not in it, stays so.

        What a person holds of dicts and lists is changed in place, so that they go on working with what is true.
        """
        before, now = self._theirs, dict(record)
        now.setdefault(self.key, before.get(self.key))
        self._theirs, self._loaded = now, True
        for name, held in list(self._ours.items()):
            if isinstance(held, dict | list):
                empty: Any = {} if isinstance(held, dict) else []
                refresh(held, held if rollback else before.get(name) or empty, now.get(name) or empty)
            elif rollback or held in (before.get(name), now.get(name)):
                self._ours.pop(name, None)

    def _may_change(self, name: str) -> bool:
        # What we do not know goes back as it came: a PUT takes away what it leaves out.
        return name in self.writable or name not in self._fields

    def _fresh(self) -> Mapping[str, Any]:
        """Return the server's present record, and take it for that."""
        self.sync()
        return self._theirs

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
        import difflib  # here, so that `import lxdnb` does not pay for it

        close = difflib.get_close_matches(name, [*self._fields, *self._theirs], n=1)
        return f"; did you mean {close[0]!r}?" if close else ""


M = TypeVar("M", bound=Model)


class Manager(Generic[M]):
    """The collection that a kind of resource lives in, as `client.images` and its like."""

    model: type[M]

    def __init__(self, client: Client) -> None:
        self.client = client

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.client!r}>"


def name_in(url: str) -> str:
    """Return the name that ends a resource's URL.

    >>> name_in("/1.0/profiles/a%20b?project=default")
    'a b'
    """
    return unquote(urlsplit(url).path.rpartition("/")[2])


def _is(word: str, kind: str | None) -> bool:
    return kind is not None and kind.startswith(word)


def _check_kind(name: str, kind: str | None, value: Any) -> None:
    """Raise TypeError for a value that is not of a field's kind. It tells no value: that may be a secret."""
    if _is("dict", kind):
        if not isinstance(value, Mapping):
            raise TypeError(f"{name} is a dict, not {type(value).__name__}")
    elif _is("list[dict", kind):
        rows_as_sent(name, value)
    elif _is("list", kind):
        checks.texts(name, value)
    elif _is("bool", kind):
        checks.flag(name, value)
    elif _is("str", kind):
        checks.text(name, value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value

"""What the image that an instance was made of says of itself, as the instance keeps it, and the files of its templates.

Servers look at the If-Match of a PATCH and not at that of a PUT; but a PATCH only adds. So a save PATCHes, and then
PUTs only where something is to be taken away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from lxdnb import api, checks
from lxdnb.models._changes import as_sent
from lxdnb.models._model import Model
from lxdnb.models._named import Part
from lxdnb.models._source import Data, opened
from lxdnb.models._transfer import Meter, outgoing

__all__ = ["Described", "InstanceMetadata", "TemplateManager"]

FIELDS = ("when", "create_only", "template", "properties")  # of a template, in the order in which they are shown


class _Checked(api.APINode):
    """The node of the metadata, whose PUT does nothing that its If-Match forbids."""

    @classmethod
    def of(cls, node: api.APINode) -> Self:
        """Return the same node as such a one."""
        return cls(node._transport, node._path, node._scope)

    def put(self, *, is_api: bool = True, **options: Any) -> Any:
        if "If-Match" in (options.get("headers") or {}):
            wanted: Mapping[str, Any] = options["json"]
            answer = self.patch(is_api=is_api, **options)
            now = api.metadata(self.get())
            if all({*(now.get(key) or {})} <= {*(wanted.get(key) or {})} for key in ("properties", "templates")):
                return answer
        return super().put(is_api=is_api, **options)


class InstanceMetadata(Part):
    """`instance.metadata`: what its image says of itself, which each instance has for itself.

    `properties` are texts; `templates` lead from a path in the instance to a dict of `when` (a list of `create`, `copy`
    and `start`), `create_only`, `template`, which is the name of a file of `instance.templates`, and `properties`.
    `creation_date` and `expiry_date` are seconds since 1970, 0 for none.

    >>> instance = client.instances.get("c2")
    >>> instance.metadata.properties["os"] = "mine"
    >>> instance.metadata.save()
    >>> instance.templates.put("name.tpl", "{{ container.name }}")
    >>> instance.metadata.templates["/etc/name"] = {"when": ["create", "copy"], "template": "name.tpl"}
    >>> instance.metadata.save()

    https://documentation.ubuntu.com/lxd/stable-5.0/image-handling/
    """

    collection: ClassVar[str] = "metadata"
    key: ClassVar[str] = "architecture"  # none names it: there is one in each instance
    within: ClassVar[str] = "instance"
    extension: ClassVar[str | None] = "container_edit_metadata"
    writable: ClassVar[frozenset[str]] = frozenset(
        {"architecture", "creation_date", "expiry_date", "properties", "templates"}
    )

    architecture: str
    creation_date: int
    expiry_date: int
    properties: dict[str, Any]
    templates: dict[str, dict[str, Any]]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._owner!r}>"

    @property
    def api(self) -> api.APINode:
        """The node of this resource in `client.api`."""
        return _Checked.of(self._collection(self._owner))

    @property
    def instance(self) -> Model:
        """The instance whose metadata it is."""
        return self._owner

    def save(self, wait: bool = False) -> None:
        """Send what was changed here, on top of what the server has now, as `Instance.save` does; it is done at once.

        Raises SaveConflict when a value was changed here and there, TypeError and ValueError for what no server takes.
        """
        super().save(wait=True)  # and so takes what the server has filled in

    def to_yaml(self) -> str:
        """Return the YAML that `lxc config metadata show` gives for it, with what was changed here."""
        from lxdnb.models._yaml import Record, as_yaml  # here, so that `import lxdnb` does not pay for it

        shown = {name: self._sent(name, getattr(self, name)) for name in self._shown()}
        shown["templates"] = {
            path: Record({field: inner[field] for field in FIELDS if field in inner})
            for path, inner in shown["templates"].items()
        }
        return as_yaml(shown)

    def _sent(self, name: str, value: Any) -> Any:
        if name == "templates":
            templates = checks.mapping(name, value)
            return {path: _template(f"templates[{checks.shown(path)}]", inner) for path, inner in templates.items()}
        if name in ("creation_date", "expiry_date"):
            return checks.whole_number(name, value, 0)
        return super()._sent(name, value)

    def _identity(self) -> tuple[str | None, ...]:
        return (*self._owner._identity(), self.collection)


class TemplateManager:
    """`instance.templates`: the files that the templates of `instance.metadata` are filled in from.

    >>> templates = client.instances.get("c2").templates
    >>> templates.put("hostname.tpl", "{{ container.name }}")
    >>> templates.all()
    ['hostname.tpl']
    >>> templates.get("hostname.tpl")
    b'{{ container.name }}'
    >>> templates.delete("hostname.tpl")
    """

    def __init__(self, instance: Model) -> None:
        self._instance = instance

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._instance!r}>"

    def all(self) -> list[str]:
        """Return the names of the files."""
        return api.metadata(self._node().get()) or []

    def get(self, name: str) -> bytes:
        """Return what is in a file. Raises NotFound."""
        return self._node().get(is_api=False, params=_named(name)).content

    def put(self, name: str, data: Data) -> None:
        """Write a file, in place of one of that name.

        `data` is a text, bytes, the path of a file here as a `pathlib.Path`, an open file or an iterable. Raises
        LXDAPIException for a name with a / in it.
        """
        params = _named(name)
        with opened(data) as pieces:
            headers = {"Content-Type": "application/octet-stream"}
            outgoing(self._node(), pieces, Meter("template", None), headers=headers, params=params)

    def delete(self, name: str) -> None:
        """Delete a file. Raises NotFound."""
        self._node().delete(params=_named(name))

    def _node(self) -> api.APINode:
        self._instance.client.assert_has_api_extension("container_edit_metadata")
        return self._instance.api.metadata.templates


class Described(Model):
    """The part of an instance that has the metadata and templates of its image."""

    @property
    def metadata(self) -> InstanceMetadata:
        """What its image says of itself; the same object each time, so that it can be changed and saved."""
        held: InstanceMetadata = self.__dict__.setdefault("_metadata", InstanceMetadata(self.client, instance=self))
        return held

    @property
    def templates(self) -> TemplateManager:
        """The files of its templates: all, get, put, delete."""
        return TemplateManager(self)


def _named(name: str) -> dict[str, str]:
    return {"path": checks.name(name, "the name of a template")}


def _template(what: str, value: Any) -> dict[str, Any]:
    """Return a template as the server keeps it. Raises TypeError and ValueError for what is none."""
    made = dict(checks.mapping(what, value))
    for field, inner in made.items():
        here = f"{what}[{checks.shown(field)}]"
        if inner is None:
            pass  # as servers have what was not said
        elif field == "when":
            made[field] = checks.texts(here, inner)
        elif field == "create_only":
            checks.flag(here, inner)
        elif field == "template":
            checks.text(here, inner)
        elif field == "properties":
            made[field] = as_sent(inner, here)
        else:
            raise ValueError(f"{here}: a template has {', '.join(FIELDS)}")
    return made

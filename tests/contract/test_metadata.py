"""What an instance's image says of itself, and the files of its templates."""

from __future__ import annotations

import io
import json

import pytest

import lxdnb
from lxdnb.models._changes import Change


@pytest.fixture
def c1(client, server):
    server.cli("init", "busybox", "c1")
    return client.containers.get("c1")


def told(server) -> dict:
    return server.query("/1.0/instances/c1/metadata")


def change(metadata, name: str, value: object) -> None:
    setattr(metadata, name, value)
    metadata.save()


def edit(server, **fields) -> None:
    server.cli("config", "metadata", "edit", "c1", input=json.dumps({**told(server), **fields}).encode())


def test_metadata_is_changed_and_saved(c1, server):
    edit(server, properties={"os": "BusyBox", "old": "1", "kept": "yes"}, architecture="x86_64")
    metadata = c1.metadata
    assert metadata is c1.metadata
    assert (metadata.properties["os"], metadata.architecture, metadata.dirty) == ("BusyBox", "x86_64", False)
    metadata.properties["os"] = "mine"
    metadata.properties["number"] = 5
    del metadata.properties["old"]
    metadata.expiry_date = 1900000000
    assert metadata.changes() == {
        "properties.os": Change("BusyBox", "mine"),
        "properties.number": Change(None, "5"),
        "properties.old": Change("1", None),
        "expiry_date": Change(0, 1900000000),
    }
    edit(server, properties={"os": "BusyBox", "old": "1", "kept": "yes", "theirs": "2"})
    assert metadata.save() is None
    wanted = {"os": "mine", "number": "5", "kept": "yes", "theirs": "2"}
    assert (told(server)["properties"], told(server)["expiry_date"]) == (wanted, 1900000000)
    assert not metadata.dirty
    metadata.properties["os"] = "ours"
    edit(server, properties=wanted | {"os": "theirs"})
    with pytest.raises(lxdnb.SaveConflict, match=r"properties\.os"):
        metadata.save()
    assert told(server)["properties"]["os"] == "theirs"
    metadata.rollback()
    assert metadata.properties["os"] == "theirs"
    metadata.patch({"properties": {"more": "x"}})
    assert told(server)["properties"] == wanted | {"os": "theirs", "more": "x"} == metadata.properties
    metadata.put({"architecture": "armv7l"})
    assert (told(server)["properties"], told(server)["architecture"]) == ({}, "armv7l")


def test_who_comes_between_loses_nothing(c1, server, client, monkeypatch):
    """Servers do not look at the If-Match of a PUT."""
    c1.metadata.properties["ours"] = "1"
    before = told(server)["properties"]
    request, between = client._transport.request, [dict(before, theirs="2")]

    def meddled(method: str, path: str, **options):
        answer = request(method, path, **options)
        if method == "GET" and between:
            edit(server, properties=between.pop())
        return answer

    monkeypatch.setattr(client._transport, "request", meddled)
    c1.metadata.save()
    assert between == []
    assert told(server)["properties"] == before | {"ours": "1", "theirs": "2"}


def test_templates_are_filled_in(c1, server):
    c1.templates.put("name.tpl", "{{ container.name }} {{ properties.word }}\n")
    assert server.cli("config", "template", "show", "c1", "name.tpl").startswith("{{ container.name }}")
    template = {"when": ["start"], "template": "name.tpl", "properties": {"word": "wörd"}}
    c1.metadata.templates["/etc/told"] = template
    c1.metadata.save()
    assert told(server)["templates"] == {"/etc/told": template | {"create_only": False}}
    assert c1.metadata.to_yaml().strip() == server.cli("config", "metadata", "show", "c1").strip()
    c1.metadata.templates["/etc/told"]["properties"]["word"] = "other"
    assert list(c1.metadata.changes()) == ["templates./etc/told.properties.word"]
    c1.metadata.save()
    c1.start(wait=True)
    assert server.output_of("c1", "--", "cat", "/etc/told") == "c1 other\n"
    del c1.metadata.templates["/etc/told"]
    c1.metadata.save()
    assert told(server)["templates"] == {}


def test_template_files(c1, server, tmp_path):
    assert c1.templates.all() == []
    (tmp_path / "a").write_bytes(b"path")
    for data, kept in (("täxt", "täxt".encode()), (b"\0\xff", b"\0\xff"), (b"", b""), (tmp_path / "a", b"path")):
        c1.templates.put("a.tpl", data)
        assert c1.templates.get("a.tpl") == kept
    for number, data in enumerate((io.BytesIO(b"x" * 300_000), iter([b"x" * 299_999, b"x"]))):
        c1.templates.put(f"ü b?{number}", data)
        assert c1.templates.get(f"ü b?{number}") == b"x" * 300_000
    assert sorted(c1.templates.all()) == ["a.tpl", "ü b?0", "ü b?1"]
    assert all(name in server.cli("config", "template", "list", "c1") for name in c1.templates.all())
    c1.templates.delete("ü b?0")
    assert sorted(server.query("/1.0/instances/c1/metadata/templates")) == ["a.tpl", "ü b?1"]
    with pytest.raises(lxdnb.NotFound):
        c1.templates.get("ü b?0")
    with pytest.raises(lxdnb.NotFound):
        c1.templates.delete("ü b?0")
    for name in ("../metadata.yaml", "a/b"):
        for ask in (c1.templates.get, c1.templates.delete, lambda name: c1.templates.put(name, "x")):
            with pytest.raises(lxdnb.LXDAPIException, match=r"[Ii]nvalid"):
                ask(name)
    assert sorted(c1.templates.all()) == ["a.tpl", "ü b?1"]


def test_wrong_metadata_is_told_before_anything_is_sent(c1, asked):
    metadata = c1.metadata
    metadata.sync()
    asked.clear()
    template = {"when": ["create"], "template": "a.tpl"}
    for name, wrong in (
        ("creation_date", "today"),
        ("creation_date", -1),
        ("expiry_date", 1.5),
        ("properties", {"os": object()}),
        ("properties", {"os": "x\0y"}),
        ("architecture", 5),
        ("templates", {"/a": "text"}),
        ("templates", {5: template}),
        ("templates", {"/a": template | {"when": "create"}}),
        ("templates", {"/a": template | {"create_only": "yes"}}),
        ("templates", {"/a": template | {"template": 5}}),
        ("templates", {"/a": template | {"properties": ["x"]}}),
        ("templates", {"/a": template | {"whem": ["create"]}}),
    ):
        before = getattr(metadata, name)
        with pytest.raises((TypeError, ValueError), match=name):
            change(metadata, name, wrong)
        metadata._ours.pop(name, None)
        assert getattr(metadata, name) == before
    assert asked == []

"""Images as frames: what the command line's own list says of them, on each server."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import lxdnb
from lxdnb import frames
from tests.leaves import differing, leaves

SCHEMA = {
    "fingerprint": "string",
    "aliases": "object",
    "description": "string",
    "os": "string",
    "release": "string",
    "architecture": "string",
    "type": "category",
    "size": "Int64",
    "public": "boolean",
    "cached": "boolean",
    "auto_update": "boolean",
    "profiles": "object",
    "created_at": "datetime64[ns, UTC]",
    "uploaded_at": "datetime64[ns, UTC]",
    "last_used_at": "datetime64[ns, UTC]",
    "expires_at": "datetime64[ns, UTC]",
}
EXPIRY = "2040-05-06T07:08:09Z"


@pytest.fixture
def published(client, server):
    """An image of a container, with an expiry, which is public and nobody has used; its fingerprint."""
    client.instances.create({"name": "i-one", "source": {"type": "image", "alias": "busybox"}}, wait=True)
    server.cli("publish", "i-one", "--alias", "mine", "--public", "--expire", EXPIRY, "description=<b>mine</b>")
    fingerprint = server.query("/1.0/images/aliases/mine")["target"]
    server.cli("image", "alias", "create", "yours", fingerprint)
    return fingerprint


def test_values_are_those_of_the_command_line(client, server, published):
    told = {record["fingerprint"]: record for record in json.loads(server.cli("image", "list", "--format", "json"))}
    frame = frames.images(client, list(frames.VIEWS["images"].columns)).set_index("fingerprint")
    assert len(told) == 2
    assert set(frame.index) == set(told)
    for fingerprint, record in told.items():
        row, properties = frame.loc[fingerprint], record["properties"]
        for field in ("architecture", "type", "size", "public", "cached", "auto_update", "filename"):
            assert row[field] == record[field], field
        for field in ("description", "os", "release"):
            assert row[field] == properties.get(field) or (pd.isna(row[field]) and field not in properties), field
        assert row["aliases"] == tuple(alias["name"] for alias in record["aliases"])
        assert row["alias_descriptions"] == tuple(alias["description"] for alias in record["aliases"])
        assert row["profiles"] == tuple(record["profiles"])
        assert row["created_at"] == pd.Timestamp(record["created_at"])
        assert row["uploaded_at"] == pd.Timestamp(record["uploaded_at"])
        assert row["project"] == record.get("project", "default")
    mine = frame.loc[published]
    assert sorted(mine["aliases"]) == ["mine", "yours"]
    assert (mine["description"], mine["public"]) == ("<b>mine</b>", True)
    assert mine["expires_at"] == pd.Timestamp(EXPIRY)
    assert pd.isna(mine["last_used_at"])
    other = frame.drop(published).iloc[0]
    assert pd.isna(other["expires_at"])
    assert other["last_used_at"] == pd.Timestamp(told[other.name]["last_used_at"])


def test_images_join_with_the_instances_made_from_them(client, server, published):
    server.cli("init", "mine", "i-two")
    images = frames.images(client, ["fingerprint", "size"])
    instances = frames.instances(client, ["name", "image"])
    joined = instances.merge(images, left_on="image", right_on="fingerprint").set_index("name")
    sizes = {each["fingerprint"]: each["size"] for each in server.query("/1.0/images?recursion=1")}
    assert joined.loc["i-two", "size"] == sizes[published]
    assert len(joined) == 2


def test_the_schema_is_the_same_when_empty(client, published):
    full, empty = frames.images(client), frames.images(client, where="os eq nowhere")
    assert len(empty) == 0
    for frame in (full, empty):
        assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == SCHEMA
        assert list(frame["type"].cat.categories) == ["container", "virtual-machine"]


def test_each_field_is_reached_by_its_path(client, server, published):
    record = next(each for each in server.query("/1.0/images?recursion=1") if each["fingerprint"] == published)
    told = leaves(record)
    assert {"properties.description", "size", "aliases"} <= set(told)
    frame = frames.images(client, list(told), where=f"fingerprint eq {published}")
    assert differing(frame, told | {"aliases": [alias["name"] for alias in record["aliases"]]}) == {}


def test_the_requests_are_those_that_explain_tells(client, server, published, asked):
    frames.images(client)
    frames.images(client, ["fingerprint"])
    assert asked == ["/1.0/images", "/1.0/images"]
    told = [frames.explain(client, columns, view="images")["request"].tolist() for columns in (None, ["fingerprint"])]
    assert told == [["GET /1.0/images?recursion=1"], ["GET /1.0/images"]]


def test_conditions(client, published):
    for where in (
        "public eq true",
        "properties.description eq .*mine.*",
        "description ne busybox.* and type eq container",
    ):
        assert list(frames.images(client, ["fingerprint"], where=where)["fingerprint"]) == [published], where


def test_all_projects(client, server, published):
    server.cli("project", "create", "i-own", "-c", "features.images=true")
    server.cli("project", "create", "i-same", "-c", "features.images=false")
    server.cli("image", "copy", published, "local:", "--target-project", "i-own", "--alias", "theirs")
    frame = frames.images(client, ["project", "fingerprint", "aliases"], all_projects=True)
    assert {name: len(rows) for name, rows in frame.groupby("project")} == {"default": 2, "i-own": 1}
    theirs = frame[frame["project"] == "i-own"].iloc[0]
    assert (theirs["fingerprint"], theirs["aliases"]) == (published, ("theirs",))
    inside = lxdnb.Client(str(server.socket), project="i-same")
    assert len(frames.images(inside)) == 2


def test_a_wrong_type_costs_its_cell(client, published, monkeypatch):
    request = client._transport.request

    def wrong(method, path, **options):
        response = request(method, path, **options)
        body = json.loads(response.content)
        for record in body["metadata"]:
            if record["fingerprint"] == published:
                record |= {"size": "big", "aliases": "mine", "created_at": 5, "properties": []}
        response._content = json.dumps(body).encode()
        return response

    monkeypatch.setattr(client._transport, "request", wrong)
    frame = frames.images(client).set_index("fingerprint")
    assert frame.loc[published, ["size", "created_at", "description"]].isna().all()
    assert frame.loc[published, "aliases"] == ()
    assert frame["size"].notna().sum() == 1
    words = json.loads(frame.reset_index().attrs["lxdnb"])["words"]
    assert [word.split(":")[0] for word in words] == ["aliases", "size", "created_at"]

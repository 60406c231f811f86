"""Certificates, operations, warnings and hardware as frames: what the command line says of them, on each server."""

from __future__ import annotations

import json
import subprocess

import pandas as pd
import pytest

import lxdnb
from lxdnb import frames
from tests.answers import change_answers
from tests.contract.test_certificates import fingerprint, keypair
from tests.leaves import differing, leaves

SCHEMAS = {
    "certificates": {
        "name": "string",
        "type": "category",
        "fingerprint": "string",
        "restricted": "boolean",
        "projects": "object",
        "issued_at": "datetime64[ns, UTC]",
        "expires_at": "datetime64[ns, UTC]",
    },
    "members": {
        "name": "string",
        "status": "category",
        "roles": "object",
        "url": "string",
        "architecture": "string",
        "failure_domain": "string",
        "groups": "object",
        "message": "string",
        "description": "string",
    },
    "operations": {
        "id": "string",
        "class": "category",
        "description": "string",
        "status": "category",
        "resources": "object",
        "created_at": "datetime64[ns, UTC]",
        "updated_at": "datetime64[ns, UTC]",
        "may_cancel": "boolean",
        "err": "string",
    },
    "warnings": {
        "type": "string",
        "severity": "category",
        "status": "category",
        "count": "Int64",
        "last_message": "string",
        "first_seen_at": "datetime64[ns, UTC]",
        "last_seen_at": "datetime64[ns, UTC]",
        "entity": "string",
        "project": "string",
        "location": "string",
    },
    "resources": {
        "kind": "category",
        "id": "string",
        "name": "string",
        "vendor": "string",
        "size": "Int64",
        "used": "Int64",
        "numa_node": "Int64",
        "driver": "string",
        "pci_address": "string",
        "parent": "string",
    },
}
EMPTY = {
    "certificates": "name eq nobody",
    "members": "name eq nobody",
    "operations": "id eq none",
    "warnings": "type eq none",
    "resources": "id eq none",
}


def words_of(frame: pd.DataFrame) -> set[str]:
    return {word.partition(":")[0] for word in json.loads(frame.attrs["lxdnb"])["words"]}


@pytest.mark.parametrize("view", SCHEMAS)
def test_schemas_are_the_same_when_empty(client, view):
    look = getattr(frames, view)
    for frame in (look(client), look(client, where=EMPTY[view])):
        assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == SCHEMAS[view]
    assert len(frame) == 0


@pytest.fixture
def laptop(client, server, tmp_path):
    """A certificate that may see one project alone; the path of its file."""
    pair = keypair(tmp_path, "laptop")
    pem = (tmp_path / "laptop.crt").read_text()
    client.certificates.create("", pem, name="s-laptop", restricted=True, projects=["default"])
    yield pair[0]
    client.certificates.get(fingerprint(pair)).delete()


def test_certificates_are_those_of_the_command_line(client, server, laptop):
    told = {record["name"]: record for record in json.loads(server.cli("config", "trust", "list", "--format", "json"))}
    frame = frames.certificates(client, list(frames.VIEWS["certificates"].columns)).set_index("name")
    assert set(frame.index) == set(told)
    for name, record in told.items():
        for field in ("type", "fingerprint", "restricted", "certificate"):
            assert frame.loc[name, field] == record[field], field
        assert frame.loc[name, "projects"] == tuple(record["projects"])
        assert pd.isna(frame.loc[name, "description"]) == ("description" not in record)
    command = ["openssl", "x509", "-in", laptop, "-noout", "-dates"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    dates = dict(line.split("=") for line in said.splitlines())
    row = frame.loc["s-laptop"]
    assert (row["restricted"], row["projects"]) == (True, ("default",))
    assert row["issued_at"] == pd.to_datetime(dates["notBefore"], utc=True)
    assert row["expires_at"] == pd.to_datetime(dates["notAfter"], utc=True)


def test_certificates_by_path_and_by_one_request(client, server, laptop, asked):
    (record,) = (each for each in server.query("/1.0/certificates?recursion=1") if each["name"] == "s-laptop")
    assert differing(frames.certificates(client, list(record), where="name eq s-laptop"), record) == {}
    assert asked == ["/1.0/certificates"]
    assert frames.explain(client, view="certificates")["request"].tolist() == ["GET /1.0/certificates?recursion=1"]


def test_operations_are_those_of_the_command_line_without_secrets(client, server, container):
    server.cli("project", "create", "s-lab", "-c", "features.images=false", "-c", "features.profiles=false")
    server.cli("launch", "busybox", "s-two", "--project", "s-lab")
    elsewhere = lxdnb.Client(str(server.socket), project="s-lab")
    here, there = (each.start_command(["sleep", "600"]) for each in (container, elsewhere.instances.get("s-two")))
    try:
        told = {
            record["id"]: record
            for project in ("default", "s-lab")
            for record in server.query(f"/1.0/operations?recursion=1&project={project}")["running"]
            if record["class"] == "websocket"
        }
        assert len(told) == 2
        running = "status eq Running and class eq websocket"
        frame = frames.operations(client, all_projects=True, where=running).set_index("id")
        assert set(frame.index) == set(told)
        for name, record in told.items():
            row = frame.loc[name]
            for field in ("class", "description", "status", "may_cancel"):
                assert row[field] == record[field], field
            assert row["created_at"] == pd.Timestamp(record["created_at"])
            assert row["updated_at"] == pd.Timestamp(record["updated_at"])
            assert pd.isna(row["err"])
        assert sorted(frame["resources"]) == sorted([(f"instance {container.name}",), ("instance s-lab/s-two",)])
        mine = frames.operations(client, ["id", "resources", "metadata", "status_code"], where=running)
        assert mine["resources"].tolist() == [(f"instance {container.name}",)]
        assert mine["status_code"].tolist() == [103]
        assert json.loads(mine.loc[0, "metadata"])["command"] == ["sleep", "600"]
        secrets = told[mine.loc[0, "id"]]["metadata"]["fds"].values()
        assert len(secrets) > 2
        assert not any(secret in mine.loc[0, "metadata"] for secret in secrets)
        assert len(frames.operations(elsewhere, where=running)) == 1
    finally:
        here.kill()
        there.kill()


def test_operations_that_failed_say_why(client, server):
    server.cli("init", "busybox", "s-one")
    snapshots = client.api.instances["s-one"].snapshots
    client.operations.wait_for_operation(snapshots.post(json={"name": "twice"}).json()["operation"])
    operation = snapshots.post(json={"name": "twice"}).json()["operation"]
    with pytest.raises(lxdnb.LXDAPIException):
        client.operations.wait_for_operation(operation)
    told = server.query("/1.0/operations?recursion=1")["failure"]
    frame = frames.operations(client, ["id", "err", "status", "resources"], where="status eq Failure").set_index("id")
    name = operation.rpartition("/")[2]
    assert frame.loc[name, "err"] == next(record["err"] for record in told if record["id"] == name)
    assert "instance s-one" in frame.loc[name, "resources"]


def test_requests_for_operations(client, server, asked):
    frames.operations(client)
    assert asked == ["/1.0/operations"]
    assert frames.explain(client, view="operations")["request"].tolist() == ["GET /1.0/operations?recursion=1"]
    del asked[:]
    frames.operations(client, all_projects=True)
    assert asked == (["/1.0/operations"] if server.flavour == "incus" else ["/1.0/projects", "/1.0/operations"])


def test_warnings_are_those_of_the_command_line(client, server, asked):
    told = {record["uuid"]: record for record in server.query("/1.0/warnings?recursion=1")}
    frame = frames.warnings(client, list(frames.VIEWS["warnings"].columns)).set_index("uuid")
    assert asked == ["/1.0/warnings"]
    assert list(frame.index) == list(told)
    assert told
    for name, record in told.items():
        row = frame.loc[name]
        for field in ("type", "severity", "status", "count", "last_message", "location"):
            assert row[field] == record[field], field
        assert row["first_seen_at"] == pd.Timestamp(record["first_seen_at"])
        assert row["last_seen_at"] == pd.Timestamp(record["last_seen_at"])
        assert pd.isna(row["entity"])
        assert pd.isna(row["project"])
    one = next(iter(told.values()))
    frame = frames.warnings(client, list(one), where=f"uuid eq {one['uuid']}")
    assert differing(frame, leaves(one), {"project"}) == {}
    assert frames.explain(client, view="warnings")["request"].tolist() == ["GET /1.0/warnings?recursion=1"]
    inside = lxdnb.Client(str(server.socket), project="default")
    assert len(frames.warnings(inside)) == 0
    assert len(frames.warnings(inside, all_projects=True)) == len(told)


def test_a_warning_about_a_thing_names_it(client, monkeypatch):
    def about(path, metadata):
        return [record | {"entity_url": "/1.0/instances/c1?project=lab", "project": "lab"} for record in metadata]

    change_answers(client, monkeypatch, about)
    frame = frames.warnings(client)
    assert set(frame["entity"]) == {"instance lab/c1"}
    assert set(frame["project"]) == {"lab"}


def test_hardware_is_that_of_the_command_line(client, server, asked):
    told = server.query("/1.0/resources")
    frame = frames.resources(client, list(frames.VIEWS["resources"].columns))
    assert asked == ["/1.0/resources"]
    assert frames.explain(client, view="resources")["request"].tolist() == ["GET /1.0/resources"]
    kinds = frame.set_index("kind")
    socket, threads = kinds.loc["cpu"], told["cpu"]["total"]
    assert (socket["name"], socket["vendor"]) == (
        told["cpu"]["sockets"][0]["name"],
        told["cpu"]["sockets"][0]["vendor"],
    )
    assert (socket["threads"], socket["architecture"]) == (threads, told["cpu"]["architecture"])
    memory = kinds.loc["memory"]
    assert memory["size"] == told["memory"]["total"]
    assert memory["used"] == pytest.approx(told["memory"]["used"], rel=0.5)
    for kind, several in (
        ("memory-node", told["memory"]["nodes"]),
        ("disk", told["storage"]["disks"]),
        ("partition", [each for disk in told["storage"]["disks"] for each in disk["partitions"]]),
        ("network", told["network"]["cards"]),
        ("port", [each for card in told["network"]["cards"] for each in card["ports"]]),
        ("gpu", told["gpu"]["cards"]),
        ("pci", told["pci"]["devices"]),
        ("usb", told["usb"]["devices"]),
    ):
        assert (frame["kind"] == kind).sum() == len(several), kind
    disks = frame[frame["kind"] == "disk"].set_index("id")
    assert disks["size"].to_dict() == {disk["id"]: disk["size"] for disk in told["storage"]["disks"]}
    ports = frame[frame["kind"] == "port"].set_index("id")
    for card in told["network"]["cards"]:
        for port in card["ports"]:
            assert ports.loc[port["id"], "parent"] == card["pci_address"]
            assert ports.loc[port["id"], "link_detected"] == port["link_detected"]
    pci = frame[frame["kind"] == "pci"]
    assert pci["pci_address"].tolist() == [device["pci_address"] for device in told["pci"]["devices"]]


def test_each_field_of_the_hardware_is_reached_by_its_path(client, server):
    told = server.query("/1.0/resources")
    system = {name: value for name, value in told["system"].items() if name not in ("product", "vendor")}
    things = {
        "system": system,
        "cpu": {name: value for name, value in told["cpu"]["sockets"][0].items() if name not in ("cores",)},
        "memory": {name: value for name, value in told["memory"].items() if name not in ("used", "nodes")},
        "disk": told["storage"]["disks"][0],
        "network": told["network"]["cards"][0],
        "port": told["network"]["cards"][0]["ports"][0],
        "pci": told["pci"]["devices"][-1],
    }
    if "load" in told:
        # It is the machine's, and another at each look.
        load = frames.resources(client, list(told["load"]), where="kind eq load")
        assert load.iloc[0].to_dict() == pytest.approx(told["load"], rel=0.9, abs=20)
    for kind, thing in things.items():
        where = f"kind eq {kind}"
        if kind in ("disk", "port"):
            where += f" and id eq {thing['id']}"
        if kind in ("network", "pci"):
            where += f" and id eq '{thing['pci_address']}'"
        found = leaves(thing)
        frame = frames.resources(client, list(found), where=where)
        empty = {name for name, value in found.items() if value in ("", None)}
        assert set(differing(frame, found)) <= empty, kind  # what servers leave empty is NA


def test_wrong_types_cost_their_cells(client, monkeypatch):
    def wrong(path, metadata):
        if path == "/1.0/resources":
            return metadata | {
                "storage": {"disks": [{"id": "sda", "size": "big"}, 5]},
                "gpu": None,
                "pci": [],
                "usb": 5,
            }
        if path == "/1.0/operations":
            return {"running": [{"id": "1", "class": 5, "resources": {"instances": "c1"}}, None], "success": None}
        return [
            record | {"count": "many", "projects": 5, "certificate": "none", "last_seen_at": 1} for record in metadata
        ]

    change_answers(client, monkeypatch, wrong)
    hardware = frames.resources(client)
    assert hardware.loc[hardware["kind"] == "disk", "size"].isna().tolist() == [True]
    assert words_of(hardware) == {"size"}
    operations = frames.operations(client)
    assert operations["class"].isna().tolist() == [True]
    assert operations["resources"].tolist() == [()]
    assert words_of(operations) == {"class"}
    assert frames.warnings(client)["count"].isna().all()
    certificates = frames.certificates(client)
    assert certificates["expires_at"].isna().all()
    assert set(certificates["projects"]) == {()}
    assert words_of(certificates) == {"projects"}


def test_a_server_that_stands_alone_has_no_members(client, asked):
    assert len(frames.members(client)) == 0
    assert asked == []
    assert frames.members(client, ["name", "memory", "state.sysinfo.uptime"]).shape == (0, 3)

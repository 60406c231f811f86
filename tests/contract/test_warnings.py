"""Warnings: each daemon here raises some at its start, for what the machine's kernel lacks."""

from __future__ import annotations

import pytest

import lxdnb


def told(server) -> dict[str, dict]:
    return {each["uuid"]: each for each in server.query("/1.0/warnings?recursion=1")}


def test_a_warning_is_seen_acknowledged_and_deleted(client, server, asked):
    records = told(server)
    assert records
    before = len(asked)
    warnings = client.warnings.all()
    assert len(asked) == before + 1
    assert {each.uuid: dict(each) for each in warnings} == records
    assert client.use_project("default").warnings.all() == []  # they are about the machine

    first = client.warnings.get(warnings[0].uuid)
    assert first == warnings[0]
    assert first.to_yaml().strip() == server.cli("warning", "show", first.uuid).strip()
    first.acknowledge()
    assert first.status == "acknowledged" == told(server)[first.uuid]["status"]
    assert first.uuid not in server.cli("warning", "list", "--format", "csv")
    first.status = "new"
    first.save()
    assert told(server)[first.uuid] == records[first.uuid] | {"status": "new"}  # somebody else may have acknowledged it
    first.status = "resolved"
    with pytest.raises(lxdnb.LXDAPIException):
        first.save()
    assert told(server)[first.uuid]["status"] == "new"

    first.delete()
    assert told(server).keys() == records.keys() - {first.uuid}
    with pytest.raises(lxdnb.NotFound):
        client.warnings.get(first.uuid)

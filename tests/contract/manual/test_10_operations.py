"""Chapter 10: what goes on in the background. Where it says that `get()` gets a network it means an operation."""

from __future__ import annotations

import pytest

import lxdnb


def sleeping(container, seconds: float) -> str:
    """Start an operation that takes so long, and return its id."""
    request = {"command": ["sleep", str(seconds)], "wait-for-websocket": False, "interactive": False}
    return container.api.exec.post(json=request).json()["metadata"]["id"]


def test_10_1_manager_methods(client, container, server):
    operation_id = sleeping(container, 0.5)
    operation = client.operations.get(operation_id)
    record = server.query(f"/1.0/operations/{operation_id}")
    for name in ("id", "class", "description", "created_at", "resources", "may_cancel", "location"):
        assert getattr(operation, name) == record[name], name
    assert operation.status == "Running"
    waited = client.operations.wait_for_operation(operation_id)
    assert (waited.id, waited.status) == (operation_id, "Success")
    assert server.query(f"/1.0/operations/{operation_id}")["status"] == "Success"


def test_10_2_operation_object_methods(client, container, server):
    operation = client.operations.get(sleeping(container, 0.5))
    operation.wait()
    assert server.query(f"/1.0/operations/{operation.id}")["status"] == "Success"
    failing = client.containers.create({"name": container.name, "source": {"type": "none"}}).operation
    with pytest.raises(lxdnb.LXDAPIException, match="instances"):
        failing.wait()
    assert server.query(f"/1.0/operations/{failing.id}")["status"] == "Failure"

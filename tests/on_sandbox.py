"""Which contract tests run on sandboxes as well, by file; and what sandboxes cannot stand yet, with what they lack."""

from __future__ import annotations

from collections.abc import Collection

__all__ = ["SANDBOXES", "runs_on_sandboxes"]

SANDBOXES = {"sandbox": "lxd", "sandbox-incus": "incus"}
"""Each one's name among the servers of the tests, and the server that it takes after."""

FILES = frozenset(
    [
        "api", "auto", "bad_requests", "bulk", "events", "exec", "exec_live", "exec_terminal", "file_names",
        "file_trees", "files", "images", "instances", "launch", "logs", "magics", "metadata", "models",
        "network_acls", "network_forwards", "networks", "operations", "profiles", "projects", "publish", "saves",
        "sharing",
        "snapshots", "storage_backups", "storage_buckets", "storage_pools", "storage_volumes", "warnings",
        "widgets", "backups", "commands", "copies", "migrate", "storage_copies", "crossings",
        "pylxd_programs",
        "certificates", "connect", "doors", "event_classes", "identity", "logging", "names", "readme", "scopes",
        "server", "wrong_types",
        "manual/02_getting_started", "manual/03_authentication", "manual/04_events", "manual/05_certificates",
        "manual/06_containers", "manual/07_images", "manual/08_networks", "manual/09_profiles", "manual/10_operations",
        "manual/11_storage_pools", "manual/13_api",
        "cluster", "cluster_answers", "cluster_members", "cluster_programs",
        "consoles", "power", "dropin", "options", "sizes", "filters",
    ]
)  # fmt: skip
_FOLDER = "the test looks into the daemon's folder"
NOT_YET = {
    "manual/02_getting_started": {"2_1_3_a_note_about_asynchronous_operations": "it runs no process of this machine"},
    "cluster": {"another_server_joins_and_leaves": "no other server joins it"},
    "images": {
        "damage_is_seen_and_nothing_is_left": _FOLDER,
    },
}


def runs_on_sandboxes(module: str, function: str, arguments: Collection[str]) -> bool:
    """Return whether a test runs on sandboxes, by the names of its module, its function and its arguments."""
    if "start_server" in arguments and "server_kind" not in arguments:
        return False  # it is about real daemons, whichever it runs for
    if module in ("tests.notebooks.test_inventory", "tests.notebooks.test_tour"):
        return True
    package, _, file = module.rpartition(".")
    file = file.removeprefix("test_")
    if package == "tests.contract.manual":
        file = f"manual/{file}"
    return (
        package in ("tests.contract", "tests.contract.manual")
        and (file in FILES or file.partition("_")[0] == "frames")
        and function.removeprefix("test_") not in NOT_YET.get(file, {})
    )

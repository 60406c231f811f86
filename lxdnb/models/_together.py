"""Verbs that act on many instances: one request where the server can, and one result for each in any case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from lxdnb import checks
from lxdnb.exceptions import LXDAPIException, NotFound
from lxdnb.models._bulk import Outcome, each, names_of
from lxdnb.models._model import Manager, Model

__all__ = ["ActsOnMany"]

RUNNING = {"Running", "Ready"}
"""Ready is what Incus calls one that runs and has said itself that it is ready."""
AFTER = {"start": RUNNING, "unfreeze": RUNNING, "freeze": {"Frozen"}, "stop": {"Stopped"}}
"""The statuses that each action leads to; `restart` leads from running to running, and cannot be seen by them."""
FROM = {
    "start": {"Stopped"},
    "stop": {*RUNNING, "Frozen", "Error"},
    "restart": {*RUNNING, "Frozen"},
    "freeze": RUNNING,
    "unfreeze": {"Frozen"},
}
"""The statuses in which an action makes sense."""

I = TypeVar("I", bound=Model)  # noqa: E741


class ActsOnMany(Manager[I], Generic[I]):
    """The part of a collection of instances that acts on many of them."""

    def set_state(
        self,
        action: str,
        instances: Sequence[str | Model] | None = None,
        *,
        timeout: int = 30,
        force: bool = True,
        dry_run: bool = False,
    ) -> list[Outcome]:
        """Start, stop, restart, freeze or unfreeze many, and return an `Outcome` for each once all is done.

        `instances` are names or objects; None is all of them for which the action makes sense: those that are stopped
        for `start`, and so on. One that fails keeps no other from its turn. `timeout` and `force` are as for `stop`.
        With `dry_run` nothing is done, and what would be is returned.

        Raises ValueError for another action; errors of single instances are in their outcomes.

        >>> client.instances.set_state("start", dry_run=True)
        [Outcome(name='c2', error=None)]
        """
        if checks.text("action", action) not in FROM:
            raise ValueError(f"action is {', '.join(FROM)}, not {checks.shown(action)}")
        request = {"action": action, "timeout": checks.whole_number("timeout", timeout, -1)}
        request |= {"force": checks.flag("force", force)}
        checks.flag("dry_run", dry_run)  # of all that could be taken for a yes, this one must not be
        if instances is not None:
            names = names_of("instances", instances)
            return [Outcome(name) for name in names] if dry_run else self._one_by_one(names, request)
        fit = {name: kind for name, (status, kind) in self._there().items() if status in FROM[action]}
        wanted = getattr(self.model, "instance_type", None)
        names = [name for name, kind in fit.items() if wanted in (None, kind)]
        if dry_run or not names:
            return [Outcome(name) for name in names]
        at_once = action in AFTER and len(names) > 1 and len(names) == len(fit)
        if not at_once or not self.client.has_api_extension("instance_bulk_state_change"):
            return self._one_by_one(names, request)
        operation = self.client.operations.from_record(
            self.client.api.instances.put(json={"state": request}).json()["metadata"]
        )
        try:
            operation.wait()
        except LXDAPIException:
            pass  # what came of it is looked at; of one that failed its own words are asked for
        now = self._there()
        # An ephemeral one is gone once it is stopped.
        left = [name for name in names if now.get(name, ("Stopped", ""))[0] not in AFTER[action]]
        failed = {outcome.name: outcome for outcome in self._one_by_one(left, request)}
        return [failed.get(name, Outcome(name)) for name in names]

    def delete(self, instances: Sequence[str | Model], *, force: bool = False, dry_run: bool = False) -> list[Outcome]:
        """Delete many, and return an `Outcome` for each once all is done; with `force` also those that run.

        `instances` are names or objects. One that fails keeps no other from its turn. With `dry_run` nothing is done,
        and what would be is returned.

        >>> client.instances.delete(["c2", "nobody"])
        [Outcome(name='c2', error=None), Outcome(name='nobody', error=NotFound('Instance not found'))]
        """
        names = names_of("instances", instances)
        checks.flag("force", force)
        if checks.flag("dry_run", dry_run):
            return [Outcome(name) for name in names]

        def one(name: str) -> None:
            instance: Any = self._get(name)
            if force and instance.status != "Stopped":
                instance.stop(wait=True)
            try:
                instance.delete(wait=True)
            except NotFound:
                if not force:
                    raise  # else an ephemeral one is gone with its stop

        return each(names, str, one)

    def _get(self, name: str) -> Any:
        model: Any = self.model
        return model.get(self.client, name)

    def _there(self) -> dict[str, tuple[str, str]]:
        """Return the status and type of each instance of the project by its name, by one request."""
        return {each.name: (each.status, each.type) for each in self.client.instances.all()}

    def _one_by_one(self, names: Sequence[str], request: dict[str, Any]) -> list[Outcome]:
        def one(name: str) -> None:
            instance: Any = self._get(name)
            getattr(instance, request["action"])(request["timeout"], request["force"], wait=True)

        return each(names, str, one)

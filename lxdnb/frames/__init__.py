"""The server's inventory as DataFrames: records in, typed columns out, by the cheapest requests.

Every function takes a client, or several: a mapping of names to clients, or a list of them, whose frame has a `server`
column. The schema of a frame depends on what was asked for and never on what the server holds. `explain` tells the
requests before they are made. The only room that imports pandas.

| what | functions |
|---|---|
| instances | `instances`, `containers`, `virtual_machines`; their `addresses`, `config`, `devices`, `snapshots` |
| what they have | `images`, `pools`, `volumes`, `volume_snapshots`, `networks`, `leases`, `profiles`, `projects` |
| the server | `members`, `certificates`, `operations`, `warnings`, `resources`, `metrics` |
| of all these | `used_by`, what uses what; `explain`, which requests a view takes |
| over time | `diff`, `sample` (a `Sampling`), `events`, `from_events` |
| what acts | `run`, a command in many; `apply`, a verb for many |
| with frames | `to_parquet`, `read_parquet`, `html`, `text`, `outcomes`, `client_of` |

What pandas makes of a frame of these is shown as such, and acted on, for it keeps what `attrs` says; of several, as
`concat` and `merge` make one, it keeps that only where all say the same. To act on those, give `view` and `client`.

`where` picks rows, in LXD's words, by any column or field: `status eq Running and not (memory lt 1GiB or name eq c.*)`.
There are `eq`, `ne`, `gt`, `ge`, `lt`, `le`; `not` binds closer than `and`, and `and` closer than `or`. A value with
blanks or parentheses stands in quotes.

- Texts are compared as LXD does it: a value is a regular expression for the whole text, in which small and capital
  letters are the same; one that begins with `^` or ends with `$` is looked for anywhere. Of a list one member suffices.
- Numbers are compared with numbers, sizes (`1GiB`, `512MB`) and, of shares, `80%`; times with ISO 8601, of which a date
  alone is the whole day, in UTC; booleans with `true` and `false`. `gt` and the like take texts for what they say:
  `config.limits.memory ge 1GiB`.
- `gt` and the like know `now` too, with seconds, minutes, hours, days or weeks (`s`, `min`, `h`, `d`, `w`) before or
  after it: `created_at lt now-7d` is what is older than 7 days, `expires_at lt now+30d` what expires within 30.
- What is missing is an empty text: `config.user.role ne web` holds without a role, `last_used_at eq ""` for never.

What a server evaluates rightly it is sent as a filter, the rest is done here. What cannot be understood is a
ValueError, before anything is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import pandas as pd

from lxdnb import checks
from lxdnb.frames._addresses import addresses
from lxdnb.frames._apply import apply
from lxdnb.frames._build import build
from lxdnb.frames._columns import Column, closest
from lxdnb.frames._devices import config, devices
from lxdnb.frames._diff import diff
from lxdnb.frames._documented import documented
from lxdnb.frames._events import events, from_events
from lxdnb.frames._fetch import explained, frame_of
from lxdnb.frames._filter import And, parse
from lxdnb.frames._images import images
from lxdnb.frames._instances import INSTANCES
from lxdnb.frames._metrics import METRICS
from lxdnb.frames._networks import leases, networks
from lxdnb.frames._parquet import read_parquet, to_parquet
from lxdnb.frames._projects import profiles, projects
from lxdnb.frames._resources import resources
from lxdnb.frames._run import run
from lxdnb.frames._sample import Sampling, sample
from lxdnb.frames._server import certificates, members, operations, warnings
from lxdnb.frames._servers import Clients, client_of, named
from lxdnb.frames._snapshots import snapshots
from lxdnb.frames._storage import pools
from lxdnb.frames._table import html, outcomes, text
from lxdnb.frames._use import BY_METRICS
from lxdnb.frames._used_by import used_by
from lxdnb.frames._view import View
from lxdnb.frames._views import VIEWS
from lxdnb.frames._volumes import volume_snapshots, volumes

__all__ = [
    "INSTANCE_COLUMNS",
    "Clients",
    "Column",
    "Sampling",
    "addresses",
    "apply",
    "certificates",
    "client_of",
    "config",
    "containers",
    "devices",
    "diff",
    "events",
    "explain",
    "from_events",
    "html",
    "images",
    "instances",
    "leases",
    "members",
    "metrics",
    "networks",
    "operations",
    "outcomes",
    "pools",
    "profiles",
    "projects",
    "read_parquet",
    "resources",
    "run",
    "sample",
    "snapshots",
    "text",
    "to_parquet",
    "used_by",
    "virtual_machines",
    "volume_snapshots",
    "volumes",
    "warnings",
]

Source = Literal["state", "metrics"]
INSTANCE_COLUMNS: Mapping[str, Column] = INSTANCES.columns


@documented(INSTANCES)
def instances(
    clients: Clients,
    columns: Sequence[str] | None = None,
    *,
    where: str | None = None,
    all_projects: bool = False,
    source: Source = "state",
) -> pd.DataFrame:
    """Return the instances, one row each, in the server's order.

    Costs one request, and one more for each running instance where a column needs its state; `explain` tells. An
    instance that is deleted between the two has no row; a state that the server fails to tell is NA, and its reason
    stands in `attrs`.

    With `source="metrics"` the use of memory, processors and networks is what the server measured, one request for all
    that run, up to 8 seconds old; by default there are no addresses then, which only states have.

    >>> frames.instances(lx, ["name"], where="status eq Running and memory gt 1kB")["name"].tolist()
    ['c1']
    >>> frames.instances(lx, columns=["name", "status", "memory"])
      name   status   memory
    0   c1  Running   212992
    1   c2  Stopped     <NA>
    """
    return frame_of(_by(source), clients, columns, where, all_projects=all_projects)


def containers(
    clients: Clients,
    columns: Sequence[str] | None = None,
    *,
    where: str | None = None,
    all_projects: bool = False,
    source: Source = "state",
) -> pd.DataFrame:
    """Return the instances that are containers; see `instances`."""
    told = _and("type eq container", where)
    return instances(clients, columns, where=told, all_projects=all_projects, source=source)


def virtual_machines(
    clients: Clients,
    columns: Sequence[str] | None = None,
    *,
    where: str | None = None,
    all_projects: bool = False,
    source: Source = "state",
) -> pd.DataFrame:
    """Return the instances that are virtual machines; see `instances`."""
    told = _and("type eq virtual-machine", where)
    return instances(clients, columns, where=told, all_projects=all_projects, source=source)


@documented(METRICS)
def metrics(
    clients: Clients,
    columns: Sequence[str] | None = None,
    *,
    where: str | None = None,
    all_projects: bool = False,
) -> pd.DataFrame:
    """Return what servers measure, one row each: of each instance that runs or is frozen, and newer ones of themselves.

    Costs one request, or one for each member of a cluster. A server measures anew after 8 seconds: between, it tells
    the same again. Raises LXDAPIExtensionNotAvailable where it is too old to measure.

    >>> frames.metrics(lx, ["name", "metric", "value"], where="metric eq .*_procs_total")
      name           metric  value
    0   c1  lxd_procs_total    2.0
    """
    return frame_of(METRICS, clients, columns, where, all_projects=all_projects)


def explain(
    clients: Clients,
    columns: Sequence[str] | None = None,
    *,
    view: str = "instances",
    where: str | None = None,
    all_projects: bool = False,
    source: Source = "state",
) -> pd.DataFrame:
    """Return the requests that a view would make, one row each, and make none.

    | column | dtype | |
    |---|---|---|
    | request | string | method and path; NA for what is done here |
    | each | string | of which things it is made for each; NA for a request that is made once |
    | why | string | the columns that it is for |

    >>> frames.explain(lx, ["name", "memory"])["request"].tolist()
    ['GET /1.0/instances?recursion=1', 'GET /1.0/instances/{name}/state']
    """
    if checks.text("view", view) not in VIEWS:
        raise ValueError(f"there is no view {view!r}: {closest(view, VIEWS)}")
    by_source = _by(source)
    if view != INSTANCES.name and source != "state":
        raise ValueError(f"source is of instances alone: leave it out for {view}")
    rows = explained(
        by_source if view == INSTANCES.name else VIEWS[view], clients, columns, where, all_projects=all_projects
    )
    return build("explain", [Column("request"), Column("each"), Column("why")], rows, clients=named(clients))


def _by(source: str) -> View:
    views = {"state": INSTANCES, "metrics": BY_METRICS}
    if source not in views:
        raise ValueError(f"source is 'state' or 'metrics', not {source!r}")
    return views[source]


def _and(condition: str, where: str | None) -> str:
    return condition if where is None else str(And((parse(condition), parse(where))))

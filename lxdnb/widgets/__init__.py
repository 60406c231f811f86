"""Live panels: what a server tells and what a command says, as it comes, in a notebook.

Panels hold a stream or a command from the rooms below and show its tail; they ask servers nothing themselves.
"""

from lxdnb.widgets.events import EventsPanel
from lxdnb.widgets.terminal import ExecPanel

__all__ = ["EventsPanel", "ExecPanel"]

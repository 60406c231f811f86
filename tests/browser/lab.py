"""JupyterLab in Chromium, private and gone at the end: open a notebook, run it, read it back.

    with lab(folder, {"LXD_DIR": "…"}) as running:
        notebook = running.open("tour.ipynb")
        notebook.run_all()
        print(notebook.output(1))

Pure of pytest: `missing()` says why it cannot run here. The kernel is the interpreter that this runs in.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["Lab", "Notebook", "lab", "missing"]

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_NUMBERED = re.compile(r"\[\d+\]")
# The page calls a kernel idle before it is connected to it, and cells that are run then are never run. It also shows
# a long notebook's cells one after another, when it has time: one that is not shown yet cannot be read.
_READY = """() => {
  const notebook = window.jupyterapp?.shell.currentWidget;
  const kernel = notebook?.sessionContext?.session?.kernel;
  const cells = [...(notebook?.content?.model?.cells ?? [])].filter(cell => cell.type === "code").length;
  return kernel?.connectionStatus === "connected" && kernel.status === "idle"
    && cells > 0 && document.querySelectorAll(".jp-CodeCell .jp-InputArea-prompt").length === cells;
}"""
DARK, LIGHT = "JupyterLab Dark", "JupyterLab Light"


def missing() -> str | None:
    """Why no notebook can be shown here: one sentence that says what to do. None when it can."""
    for module in ("jupyterlab", "playwright"):
        try:
            __import__(module)
        except ImportError:
            return f"{module} is not installed: pip install 'lxdnb[lab,test]'"
    if _browser() is None:
        return f"no {', '.join(_BROWSERS)} on the PATH: install Chromium (Debian: chromium)"
    return None


class Notebook:
    """A notebook that is open in the browser. Cells are counted from 0, code cells alone. `page` is Playwright's."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def run_all(self, wait: bool = True, timeout: float = 60) -> None:
        """Choose Run All Cells; with `wait`, return when each cell has been run."""
        # By the menu: a key pressed just after the page says that it is ready is swallowed now and then.
        self.page.locator(".lm-MenuBar-item").get_by_text("Run", exact=True).click()
        self.page.locator(".lm-Menu-item").get_by_text("Run All Cells", exact=True).click()
        if wait:
            self.wait_until(lambda: all(map(_NUMBERED.search, self.numbers())), timeout)

    def numbers(self) -> list[str]:
        """Return what stands before each cell: `[1]:`, or `[*]:` while it runs."""
        return self.page.locator(".jp-CodeCell .jp-InputArea-prompt").all_inner_texts()

    def output(self, cell: int) -> str:
        """Return the text of a cell's output, as a person sees it."""
        return "\n".join(self.outputs(cell))

    def outputs(self, cell: int) -> list[str]:
        """Return the text of each output of a cell."""
        area = self.page.locator(".jp-CodeCell").nth(cell).locator(".jp-OutputArea-output")
        return area.all_inner_texts()

    def wait_until(self, condition: Any, timeout: float = 30) -> None:
        """Wait until `condition()` holds. Raises TimeoutError with the text of the notebook."""
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                text = self.page.locator(".jp-Notebook").inner_text()
                raise TimeoutError(f"not within {timeout:g} s; the notebook reads:\n{text}")
            self.page.wait_for_timeout(50)

    def command(self, name: str, **arguments: Any) -> None:
        """Run one of JupyterLab's own commands, such as `docmanager:save`."""
        self.page.evaluate("([name, args]) => window.jupyterapp.commands.execute(name, args)", [name, arguments])

    def theme(self, name: str) -> None:
        """Change the theme, to DARK or LIGHT."""
        self.command("apputils:change-theme", theme=name)
        self.page.wait_for_function("name => document.body.dataset.jpThemeName === name", arg=name)
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    def screenshot(self, path: Path) -> None:
        """Keep a picture of the page as a PNG file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=str(path))


class Lab:
    """A JupyterLab that runs, and a browser beside it. `url` is its address, `root` its folder of notebooks."""

    def __init__(self, url: str, root: Path, browser: Any) -> None:
        self.url, self.root = url, root
        self._browser = browser

    def open(self, path: str, width: int = 1200, height: int = 900) -> Notebook:
        """Open a notebook, a path in `root`, and return it once its kernel is ready and all its cells are shown."""
        page = self._browser.new_page(viewport={"width": width, "height": height})
        page.goto(f"{self.url}/lab/tree/{path}?reset")
        page.wait_for_function(_READY, timeout=60_000)
        return Notebook(page)


@contextlib.contextmanager
def lab(root: Path, environment: Mapping[str, str]) -> Iterator[Lab]:
    """Run JupyterLab over the notebooks in `root`, and Chromium.

    `environment` is added to the kernels' own: that is how LXD_DIR gets there. Raises RuntimeError with the server's
    log when it does not start.
    """
    from playwright.sync_api import sync_playwright

    with (
        tempfile.TemporaryDirectory(prefix="lxdnb-lab-") as private,
        _server(root, Path(private), environment) as url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=_browser(), headless=True, args=list(_QUIET))
        try:
            yield Lab(url, root, browser)
        finally:
            browser.close()


@contextlib.contextmanager
def _server(root: Path, private: Path, environment: Mapping[str, str]) -> Iterator[str]:
    folders = {
        "HOME": "home",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    own = {name: str(private / folder) for name, folder in folders.items()}
    for folder in own.values():
        os.mkdir(folder)
    chosen: dict[str, Mapping[str, object]] = {
        # Else a question about news covers the page.
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
        # Else what is out of view has no text to be read.
        "notebook-extension/tracker": {"windowingMode": "none"},
    }
    for name, setting in chosen.items():
        file = private / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(setting))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    port = _free_port()
    options = [
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={root}",
        "--IdentityProvider.token=",
        "--ServerApp.password=",
        "--ServerApp.disable_check_xsrf=True",
        "--LabApp.expose_app_in_browser=True",
    ]
    url = f"http://127.0.0.1:{port}"
    with open(private / "log", "w+b") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            env=inherited | own | dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _await(url, server, private / "log")
            yield url
        finally:
            _end(server)


def _await(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"{url}/api/status", timeout=5):
                return
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()}") from None
            time.sleep(0.1)


def _end(server: subprocess.Popen[bytes]) -> None:
    # Kernels lead process groups of their own; they end when their server tells them to, or when it is gone.
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _browser() -> str | None:
    return next(filter(None, map(shutil.which, _BROWSERS)), None)

"""The package as a whole: what is public, which way imports run, what an import costs."""

from __future__ import annotations

import builtins
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import lxdnb
from lxdnb import exceptions, frames, models

ROOT = Path(__file__).parents[2]
MODULES = ["lxdnb", *(module.name for module in pkgutil.walk_packages(lxdnb.__path__, "lxdnb."))]


@pytest.mark.parametrize("name", MODULES)
def test_all_lists_what_is_public(name: str):
    module = importlib.import_module(name)
    public = {
        attribute
        for attribute, value in vars(module).items()
        if not attribute.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == name
        and attribute not in {"load_ipython_extension", "unload_ipython_extension"}
    }
    private = name.rpartition(".")[2].startswith("_") and name != "lxdnb.models._model"
    # In the rooms of the sandbox are the handlers of requests, which their routes name, and nobody else.
    if not private and not name.startswith("lxdnb.sandbox."):
        assert public <= set(module.__all__)
    for attribute in getattr(module, "__all__", ()):
        assert hasattr(module, attribute)


def test_the_help_of_frames_names_all_of_them():
    public = {name for name in frames.__all__ if inspect.isroutine(getattr(frames, name))}
    assert public - {*re.findall("`([a-z_]+)`", (frames.__doc__ or "").partition("`where` picks")[0])} == set()


def test_no_star_import_covers_a_builtin():
    for name in {*MODULES} - {"lxdnb.models.warning"}:
        assert not {*getattr(importlib.import_module(name), "__all__", ())} & {*dir(builtins)}, name
    assert "Warning" in dir(models)
    assert models.Warning is not Warning


def test_the_package_exports_every_error():
    assert set(exceptions.__all__) <= set(lxdnb.__all__)


def test_every_error_has_the_one_root_and_a_place_in_the_tree():
    tree = (exceptions.__doc__ or "").split()
    for name in exceptions.__all__:
        assert issubclass(getattr(exceptions, name), lxdnb.LXDError)
        assert name in tree


def test_imports_run_one_way():
    program = Path(sys.executable).with_name("lint-imports")
    checked = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_client_loads_neither_pandas_nor_the_notebook():
    code = "import sys, lxdnb; print(*sorted({'pandas', 'IPython', 'ipywidgets'} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


def test_an_import_loads_what_every_program_needs():
    rarely = {"cryptography", "difflib", "html", "inspect", "lxdnb.display", "paramiko", "uuid", "websocket", "yaml"}
    code = (
        "import sys, requests; before = set(sys.modules); import lxdnb\n"
        f"print(*sorted({rarely!r} & (set(sys.modules) - before)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []

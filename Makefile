# Each target sets up what it needs. `make PYTHON=python3.12 tour` takes another Python.
PYTHON ?= python3
BIN := .venv/bin
# Tests that run at once, each with daemons of its own; they mostly wait for containers.
JOBS ?= 4

.PHONY: tour test test-ovn test-ceph lab lint bench clean

tour: .venv/.lab  ## run the tour on the daemon that answers, else on a simulated one, and write build/tour.html
	$(BIN)/python -m notebooks.tour

test: .venv/.test .venv-bench/.done  ## install the real parts and run all tests
	$(BIN)/python -m tests.install
	$(BIN)/python -m pytest -n $(JOBS)

test-ovn: .venv/.test  ## the tests that need the machine's Open vSwitch to themselves
	$(BIN)/python -m tests.install lxd incus-base busybox-static lxcfs dnsmasq-base ovn-central ovn-host openvswitch-switch
	$(BIN)/python -m pytest -m ovn

test-ceph: .venv/.test  ## the tests of buckets, which need a Ceph
	$(BIN)/python -m tests.install incus-base busybox-static lxcfs ceph-mon ceph-osd radosgw
	$(BIN)/python -m pytest -m ceph

lab: .venv/.lab  ## open the notebooks in JupyterLab
	$(BIN)/jupyter lab notebooks

lint: .venv/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: .venv/.lab .venv-bench/.done  ## measure against lxc, incus and pylxd, side by side
	$(BIN)/python -m tests.install lxd incus-base lxcfs btrfs-progs busybox-static curl
	$(BIN)/python -m tests.benchmarks

clean:
	rm -rf .venv .venv-bench build

.venv/.lab: .venv/bin/python pyproject.toml
	$(BIN)/pip install --quiet --editable '.[lab]'
	touch $@

.venv/.test: .venv/bin/python pyproject.toml
	$(BIN)/pip install --quiet --editable '.[lab,test]'
	touch $@

# pylxd as people have it, apart from our own dependencies: for tests of the drop-in, and to measure against.
.venv-bench/.done: .venv/bin/python pyproject.toml
	$(BIN)/python -m venv .venv-bench
	.venv-bench/bin/pip install --quiet $$($(BIN)/python -c \
	'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["bench"])')
	touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo 'lxdnb needs Python 3.11 or later. Name one: make PYTHON=python3.12 tour'; exit 1; }
	@if $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then $(PYTHON) -m venv .venv; \
	elif $(PYTHON) -m pip --version >/dev/null 2>&1; \
	then $(PYTHON) -m venv --without-pip .venv && $(PYTHON) -m pip --quiet --python .venv/bin/python install pip; \
	elif command -v uv >/dev/null; then uv venv --quiet --seed --python $(PYTHON) .venv; \
	elif [ -f /etc/debian_version ] && [ "$$(id -u)" = 0 ]; \
	then echo 'Installing python3-venv with apt, to make .venv'; apt-get update -q && apt-get install -y -q python3-venv && \
	$(PYTHON) -m venv .venv; \
	else echo 'This Python cannot make a .venv, and there is neither pip nor uv to help. One of them will do, without' \
	'root: see https://docs.astral.sh/uv/. Or, on Debian and Ubuntu: sudo apt install python3-venv'; exit 1; fi

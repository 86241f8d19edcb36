# Everything a developer runs. Each target installs what it needs first; Debian 12, root.
BIN := .venv/bin
KURYR := .venv/.installed
CLOUD := build/cloud/.installed
ENGINES := build/engines/.installed
LIBNETWORK := build/libnetwork/.installed
BACKENDS := build/linuxbridge/.installed
VM := build/vm/.installed

.PHONY: help setup packages root demo bench lab check test test-all exhaustive variants test-vm lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: setup ## two Docker hosts, one Neutron network, traffic between them (KEEP=1 leaves the lab up)
	$(BIN)/kuryr-lab demo $(if $(KEEP),--keep)

bench: setup $(LIBNETWORK) $(ENGINES) $(VM) ## how fast Kuryr is beside Docker's bridge and kuryr-libnetwork; into build/bench.json
	$(BIN)/kuryr-lab bench

lab: setup ## bring up a private cloud with two Docker hosts: kuryr-lab up
	$(BIN)/kuryr-lab up

check: $(KURYR) ## style, types, layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup check ## check, and the core tests
	$(BIN)/pytest -m "not exhaustive"

test-all: test $(ENGINES) $(LIBNETWORK) $(BACKENDS) ## the above, what breaks more rarely, later Dockers, other back ends
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target exhaustive variants

exhaustive: # one lab leaves half of the machine idle: the variants run beside
	$(BIN)/pytest -m "exhaustive and not vm"

variants:
	$(BIN)/pytest tests/unit/docker --transport remote
	set -e; for engine in $$($(BIN)/kuryr-lab engines | tail -n +2); do \
		$(BIN)/pytest -m engines --engine $$engine; done
	set -e; for profile in ovs linuxbridge; do \
		$(BIN)/pytest -m backends --profile $$profile; done

test-vm: setup $(VM) ## containers nested in a real virtual machine; nothing beside it: its processor is emulated
	$(BIN)/pytest tests/vm

setup: root packages $(KURYR) $(CLOUD) ## install what is missing

lock: $(KURYR) ## pin the newest versions of all dependencies in requirements/
	scripts/setup lock

clean: root ## end all labs and remove what was built
	if [ -x $(BIN)/kuryr-lab ]; then $(BIN)/kuryr-lab down --all; fi
	rm -rf build .venv

root:
	@[ "$$(id -u)" = 0 ] || { echo "error: the lab makes network namespaces and mounts: run make as root" >&2; exit 1; }

packages:
	@scripts/setup packages

$(KURYR): pyproject.toml requirements/kuryr.txt requirements/uv.txt scripts/setup | packages
	@scripts/setup kuryr
	@touch $@

$(CLOUD): requirements/cloud.in requirements/cloud.txt requirements/uv.txt scripts/setup | packages $(KURYR)
	@scripts/setup cloud
	@touch $@

$(ENGINES): scripts/setup | packages
	@scripts/setup engines
	@touch $@

$(LIBNETWORK): requirements/libnetwork.in requirements/libnetwork.txt requirements/uv.txt scripts/setup | packages $(KURYR)
	@scripts/setup libnetwork
	@touch $@

$(BACKENDS): requirements/linuxbridge.in requirements/linuxbridge.txt requirements/uv.txt scripts/setup | packages $(KURYR)
	@scripts/setup backends
	@touch $@

$(VM): scripts/setup | packages
	@scripts/setup vm
	@touch $@

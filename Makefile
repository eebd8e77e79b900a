# CondSeg's chores. `make help` lists them; each sets up what it needs first, and nothing twice.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
READY := .venv/.ready
INSTALLER_READY := .venv/.installer-ready
BUNDLE := dist/condseg/condseg
SOURCES = $(shell find condseg_app models napari_plugin installer -type f -not -path '*/__pycache__/*')

# With a screen, windows open there; without one, on a virtual one.
SCREEN := $(DISPLAY)$(WAYLAND_DISPLAY)$(filter Darwin,$(shell uname -s))
XVFB := xvfb-run -a -s "-screen 0 1600x1000x24 +extension GLX"
ON_SCREEN = $(if $(SCREEN),,$(if $(shell command -v xvfb-run),$(XVFB)))

.PHONY: help
help:  ## list what can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 26

.PHONY: setup
setup: system $(READY)  ## system libraries and .venv with the pinned packages

.PHONY: system
system:
	@installer/setup.sh system

$(READY): pyproject.toml constraints.txt installer/setup.sh | system
	@installer/setup.sh python
	@touch $@

$(INSTALLER_READY): $(READY)
	@installer/setup.sh installer
	@touch $@

.PHONY: run
run: setup  ## the app, on IMAGE=path with MODEL=name if given; without a screen a tour of it into demo-output/
ifneq ($(SCREEN),)
	$(BIN)/condseg app $(if $(IMAGE),'$(IMAGE)') $(if $(MODEL),--model '$(MODEL)')
else
	@command -v xvfb-run >/dev/null || { echo "There is neither a screen nor xvfb-run (package xvfb); see the README for the command line."; exit 1; }
	$(XVFB) $(BIN)/condseg app $(if $(IMAGE),'$(IMAGE)') $(if $(MODEL),--model '$(MODEL)') --tour demo-output
endif

.PHONY: test
test: setup  ## all tests but the installer's; ARGS=... goes to pytest
ifeq ($(or $(SCREEN),$(ARGS)),)
	@$(if $(ON_SCREEN),,echo "No screen and no xvfb-run (package xvfb): tests that open windows are left out.")
	@$(MAKE) --no-print-directory --keep-going --jobs=2 --output-sync $(if $(ON_SCREEN),test-windows) test-others
else
	$(ON_SCREEN) $(BIN)/python -m pytest -m "not installer$(if $(SCREEN)$(ON_SCREEN),, and not gui)" $(ARGS)
endif

# Two halves that take about as long, side by side: each has a screen of its own, for windows take the focus from each
# other, and one core. Each tells how it went when it is through.
.PHONY: test-windows test-others
test-windows: HALF = gui
test-others: HALF = not gui
test-windows test-others:
	OMP_NUM_THREADS=1 $(ON_SCREEN) $(BIN)/python -m pytest -m "not installer and $(HALF)"

.PHONY: soak
soak: setup  ## every control in every state of both windows, in an order of chance; SEED=n repeats one, HOST=app|napari
	@status=0; seed=$${SEED:-$$RANDOM}; for host in $(or $(HOST),app napari); do \
	$(ON_SCREEN) $(BIN)/python -m tests.window.battery $$host --long --seed $$seed || status=1; done; exit $$status

.PHONY: lint
lint: setup  ## ruff, mypy, import-linter, words of docstrings, the plugin's manifest
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/words.py condseg_app models napari_plugin
	$(BIN)/npe2 validate napari_plugin/napari_condseg/napari.yaml

.PHONY: bench
bench: setup  ## benchmarks, each a ratio in one line of JSON, into docs/benchmarks.md; ONLY=name runs one
	$(BIN)/python benchmarks/harness/run_all.py $(ONLY)

.PHONY: screenshots
screenshots: setup  ## docs/images, from the real windows
	$(ON_SCREEN) $(BIN)/python docs/screenshots.py

.PHONY: docs
docs: setup  ## docs/commands.md, from the command line's own help
	$(BIN)/python -m typer condseg_app.cli.commands utils docs --name condseg --title Commands --output docs/commands.md

.PHONY: installer
installer: $(BUNDLE)  ## one folder with the app and all it needs, for this system: dist/condseg

$(BUNDLE): $(SOURCES) | $(INSTALLER_READY)
	$(BIN)/pyinstaller --noconfirm --log-level WARN --distpath dist --workpath build installer/condseg.spec

.PHONY: test-installer
test-installer: $(BUNDLE)  ## start the frozen app and let it predict
	$(ON_SCREEN) $(BIN)/python -m pytest -m installer tests/installer $(ARGS)

.PHONY: constraints
constraints: $(READY) $(INSTALLER_READY)  ## write constraints.txt anew from what is installed in .venv
	{ grep '^#' constraints.txt; $(BIN)/pip freeze --exclude-editable --exclude pip --exclude setuptools | sed 's/+cpu$$//'; } > .venv/constraints.txt
	mv .venv/constraints.txt constraints.txt

.PHONY: clean
clean:  ## remove what was built and cached; .venv stays
	rm -rf build dist demo-output .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -path ./.venv -prune -o -name __pycache__ -type d -print0 | xargs -0 rm -rf

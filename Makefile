# make demo | test | check | format | host | truth | prepare | train | evaluate | benchmark: sets up what it needs.
#
#   PYTHON=python3.12          another Python for a new environment in .host/
#   COMFYUI_PATH=~/ComfyUI     use a ComfyUI that you have, with its Python; nothing is installed
#   HOST_VERSION=0.24.0        test on another ComfyUI: 0.30.0, 0.24.0, 0.18.2, 0.16.3
#   KMC_HOST_DIR=/big/disk     another place for .host/
#   ARGS="..."                 more arguments for the command behind the verb

PYTHON ?= python3
ARGS ?=
HOST_VERSION ?=
TESTS ?= tests
HOST_TOOL := $(PYTHON) tools/host.py
# Asked for after set-up, hence in each recipe and not here.
PY = "$$($(HOST_TOOL) path --python)"
# One sentence when a user's own Python lacks what a verb needs.
NEEDS = $(HOST_TOOL) needs

BENCHMARKS = ablations actions engines enhancer identity limits nets perception preflight prior quality retarget \
  rss smooth speed stages text tracks training viewer

.DEFAULT_GOAL := help
.PHONY: help setup browser rendering demo test check format host truth prepare train evaluate benchmark

help:
	@sed -n '1,7p' Makefile

setup:
	@$(HOST_TOOL) install $(if $(HOST_VERSION),--version $(HOST_VERSION))

browser rendering:
	@$(PYTHON) tools/system_install.py $@

demo: setup
	@$(PY) tools/demo.py $(ARGS)

test: setup browser rendering
	@$(NEEDS) pytest aiohttp
	@$(if $(HOST_VERSION),KMC_HOST_VERSION=$(HOST_VERSION)) $(PY) -m pytest $(TESTS) $(ARGS)

check: setup
	@$(NEEDS) ruff pyright importlinter
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m pyright --pythonpath $(PY)
	@$(PY) -c "from importlinter.cli import lint_imports_command; lint_imports_command()"

format: setup
	@$(NEEDS) ruff
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

host: setup
	@$(HOST_TOOL) run $(ARGS)

# make train CONFIG=configs/mini_body.toml ARGS="--minutes 60"
train: setup
	@test -n "$(CONFIG)" || { echo "Say which stage: make train CONFIG=configs/<stage>.toml"; exit 1; }
	@$(PY) -m kmc_core.training.cli train --config $(CONFIG) $(ARGS)

# make prepare ARGS="--data data/truth/train": conditions from rendered clips, once. `train` does it too.
prepare: setup
	@$(PY) -m kmc_core.training.cli prepare $(ARGS)

# make evaluate ARGS="--weights runs/mini_body/animator.safetensors"
evaluate: setup
	@$(PY) -m kmc_core.training.cli evaluate $(ARGS)

# Rendered people with exact ground truth, for training.
truth: setup rendering
	@$(NEEDS) anny moderngl scipy skimage
	@$(PY) -m kmc_core.training.truth $(ARGS)

# make -s benchmark NAME=perception QUICK=1 : the last line is one JSON object
benchmark: setup rendering
	@test -n "$(NAME)" || { echo "Say which: make benchmark NAME=<one of $(BENCHMARKS)>"; exit 1; }
	@test -f "tools/benchmarks/$(NAME).py" || { echo "No benchmark $(NAME): there are $(BENCHMARKS)"; exit 1; }
	@$(NEEDS) kmc_core anny moderngl scipy skimage
	@$(PY) tools/benchmarks/$(NAME).py $(if $(QUICK),--quick) $(ARGS)

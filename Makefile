# make demo | test | check | format | host | train | evaluate | benchmark | truth. Each sets up what it needs first.
#
#   PYTHON=python3.12          another Python for a new environment in .host/
#   COMFYUI_PATH=~/ComfyUI     use a ComfyUI that you have, with its Python; nothing is installed
#   KMC_HOST_DIR=/big/disk     another place for .host/
#   ARGS="..."                 more arguments for the command behind the verb

PYTHON ?= python3
ARGS ?=
TESTS ?= tests
HOST_TOOL := $(PYTHON) tools/host.py
# Asked for after set-up, hence in each recipe and not here.
PY = "$$($(HOST_TOOL) path --python)"

.DEFAULT_GOAL := help
.PHONY: help setup browser rendering demo test check format host train evaluate benchmark truth

help:
	@sed -n '1,6p' Makefile

setup:
	@$(HOST_TOOL) install

browser rendering:
	@$(PYTHON) tools/system_install.py $@

demo: setup
	@$(PY) tools/demo.py $(ARGS)

test: setup browser rendering
	@$(PY) -m pytest $(TESTS) $(ARGS)

check: setup
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m pyright --pythonpath $(PY)
	@$(PY) -c "from importlinter.cli import lint_imports_command; lint_imports_command()"

format: setup
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

host: setup
	@$(HOST_TOOL) run $(ARGS)

# make train CONFIG=configs/body.toml
train: setup rendering
	@test -n "$(CONFIG)" || { echo "Say which stage: make train CONFIG=configs/<stage>.toml"; exit 1; }
	@$(PY) -m kmc_core.training.cli train --config $(CONFIG) $(ARGS)

# make evaluate ARGS="--weights runs/body/ema.safetensors"
evaluate: setup rendering
	@$(PY) -m kmc_core.training.cli evaluate $(ARGS)

# Rendered people with exact ground truth, for training.
truth: setup rendering
	@$(PY) -m kmc_core.training.truth $(ARGS)

# make -s benchmark NAME=perception QUICK=1 : the last line is one JSON object
benchmark: setup rendering
	@test -n "$(NAME)" || { echo "Say which: make benchmark NAME=<one of $(basename $(notdir $(wildcard tools/benchmarks/*.py)))>"; exit 1; }
	@test -f "tools/benchmarks/$(NAME).py" || { echo "No benchmark $(NAME): there are $(basename $(notdir $(wildcard tools/benchmarks/*.py)))"; exit 1; }
	@$(PY) tools/benchmarks/$(NAME).py $(if $(QUICK),--quick) $(ARGS)

# Two commands matter: `make demo` and `make test`. Both do all set-up themselves and do nothing twice.
# The work is done by `python -m tinymlaas.toolchain`; this file only names it.

PYTHON ?= python3
BOARD ?= RPI_PICO
ARCH ?= armv6m
PYTEST_FLAGS ?= -n auto --dist loadfile

VENV := .venv/bin
TOOLCHAIN := $(VENV)/python -m tinymlaas.toolchain

# A MicroPython checkout of the user's own (1.24 or newer) instead of the pinned sources.
ifdef MICROPYTHON_DIR
export MICROPYTHON_DIR
endif

.DEFAULT_GOAL := help
.PHONY: help deps venv builds test demo demo-service lint format firmware natmod bench load fuzz coverage extras size requirements clean distclean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name text; do \
		printf '  %-14s%s\n' "$$name" "$$text"; done

deps: venv ## install compilers, emulators, Python and npm packages; fetch MicroPython
	@$(TOOLCHAIN) deps

venv:
	@host/tinymlaas/toolchain/venv.sh $(PYTHON)

builds: deps
	@$(TOOLCHAIN) all

test: builds ## build everything and run all tests (TESTS=tests/host for some of them)
	@$(VENV)/pytest $(PYTEST_FLAGS) $(TESTS)

demo: deps ## convert, deploy and run the digits model on an emulated Pico (PORT=/dev/ttyACM0: on a real one)
	@$(if $(PORT),:,$(TOOLCHAIN) firmware RPI_PICO >/dev/null)
	@$(VENV)/python -m tinymlaas.demo $(if $(PORT),--port $(PORT))

demo-service: deps ## play the whole service: server, browser, a Pico behind the gateway, a device on HTTP; pictures in build/demo-service
	@$(TOOLCHAIN) firmware RPI_PICO >/dev/null
	@$(TOOLCHAIN) firmware UNIX >/dev/null
	@$(VENV)/python -m tinymlaas.demo_service

lint: deps ## check style and types of Python and C
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy --strict host/tinymlaas
	@$(TOOLCHAIN) format --check

format: deps ## bring Python and C into the house style
	@$(VENV)/ruff check --fix --exit-zero .
	@$(VENV)/ruff format .
	@$(TOOLCHAIN) format

firmware: deps ## build firmware, BOARD=RPI_PICO; STOCK=1: without _tinyml and tinyml
	@$(TOOLCHAIN) firmware $(BOARD) $(if $(STOCK),--stock)

natmod: deps ## build _tinyml.mpy and the modules beside it, ARCH=armv6m; OPS=CONV_2D,SOFTMAX: with these operators only
	@$(TOOLCHAIN) natmod $(ARCH) $(if $(OPS),--ops $(OPS))

bench: builds ## measure every figure of docs/PERFORMANCE.md
	@$(VENV)/python -m tinymlaas.bench
	@$(VENV)/python -m tinymlaas.bench_senses

load: deps ## figures of the service: polls per second, 100000 simulated devices and a kill -9 (LOAD="--devices 2000": fewer)
	@$(VENV)/python -m tinymlaas.service.load $(LOAD)

fuzz: deps ## fuzz loader, kernels and importer, each for SECONDS=60; what is found lies in build/fuzz
	@$(TOOLCHAIN) fuzz --seconds $(or $(SECONDS),60)

coverage: deps ## which lines and branches of loader, checks and fixed-point helpers the tests reach
	@$(TOOLCHAIN) coverage

extras: deps ## install what `tinymlaas quantize` needs, EXTRA=keras, onnx or torch (default: all, 9 GB)
	@$(TOOLCHAIN) extras $(EXTRA)

size: deps ## table of the sizes of everything built
	@$(TOOLCHAIN) size

requirements: venv ## pin the newest Python packages, with hashes
	@$(VENV)/python -m pip install --quiet pip-tools
	@for set in requirements requirements-service requirements-dev requirements-train requirements-onnx; do echo "pinning $$set.txt"; \
		$(VENV)/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras --no-header \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host -o $$set.txt $$set.in || exit 1; done

clean: ## remove all outputs; downloads and the Python environment stay
	@rm -rf build

distclean: clean ## remove downloads and the Python environment too
	@rm -rf .cache .venv .venv-keras .venv-onnx .venv-torch host/emulator/node_modules

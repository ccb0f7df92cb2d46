# Two commands for a newcomer: `make evaluate` and `make test`. Each installs what it needs first.
PYTHON ?= $(shell for v in python3.11 python3.12 python3; do \
	$$v -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$v && break; done)
RUN := .venv/bin/
ARGS ?=
# Some machines forbid to keep bytecode; what pytest rewrites takes each worker a second to make anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: evaluate study test check docs examples wheel install perf conformance conformance-upstream conformance-results clean

evaluate: install  ## Two checkpoints of our own side by side in all seven dimensions, then the expert with two arms; some six minutes.
	$(RUN)pytest suites/libero_plus_generated --robust-compare=reference:reference_robust --robust-suite=libero_object --robust-budget=8,camera=20 --robust-html=evaluate.html -n 2 $(ARGS)
	$(RUN)pytest suites/bimanual --robust-model=expert -n 2
	@echo "The page of the first run: file://$(CURDIR)/evaluate.html"

STUDY ?= build/study
STUDY_BUDGET ?= 14,original=16
study: install  ## VLAs, world-action models and hybrids of a family of our own, played and compared; ten minutes on two cores.
	mkdir -p $(STUDY)
	$(RUN)pytest -c study/pyproject.toml suites/libero_plus_generated/test_comparison.py -n 2 -p no:cacheprovider \
		--robust-compare=vla-0,joint-0,inverse-0,hybrid-0 --robust-suite=libero_object,libero_spatial \
		--robust-perturbation=original,camera,robot,language,light,background,noise,layout \
		--robust-budget=$(STUDY_BUDGET) --robust-alpha-pass=1e-300 --robust-margin=0 \
		--robust-ledger=$(abspath $(STUDY))/ledger.sqlite --robust-html=$(abspath $(STUDY))/comparison.html $(ARGS)
	$(RUN)python -m study.time study/checkpoints $(STUDY)/timings.json
	$(RUN)python -m study.report $(STUDY)/ledger.sqlite $(STUDY) --timings $(STUDY)/timings.json

test: install check  ## Everything that has to be green before a change lands.
	$(RUN)pytest tests --strict-markers --strict-config -o xfail_strict=true -n 2 --dist worksteal $(ARGS)

check: install
	$(RUN)ruff check .
	$(RUN)ruff format --check .
	$(RUN)mypy

docs: install .venv/.docs  ## The site, in build/docs; what the pages take from the code is written first, and warnings are errors.
	$(RUN)python docs/generate.py
	$(RUN)sphinx-build -W --keep-going --quiet docs build/docs

.venv/.docs: .venv/.installed
	$(RUN)pip install --quiet --disable-pip-version-check --editable ".[docs]"
	touch $@

examples: install  ## Play each project of examples/ on a few episodes; some ten minutes.
	sh examples/run.sh .venv/bin

wheel:  ## Build wheel and sdist into dist/ and use the wheel from a bare environment; EXTRAS=libero plays there, too.
	PYTHON=$(PYTHON) scripts/test_wheel.sh $(EXTRAS)

install: .venv/.installed

.venv/.installed: pyproject.toml scripts/system_packages.sh
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or 3.12 found: install one, or run make PYTHON=/path/to/python3.11."; exit 1; }
	sh scripts/system_packages.sh $(PYTHON)
	$(PYTHON) -m venv .venv
	$(RUN)pip install --quiet --disable-pip-version-check --editable ".[libero,bimanual,dev]"
	touch $@

perf: install  ## Measure speed and memory; each script prints its figure last and fails when its bound is missed.
	for script in $(filter-out perf/peers.py,$(wildcard perf/*.py)); do echo "== $$script"; $(RUN)python $$script || exit 1; done

conformance: install  ## Play against the real openpi-client, vla-eval, lerobot, RoboTwin and ManiSkill, Ray, and each dialect; 4 to 8 GB, removed again.
	$(RUN)python tests/conformance/fuzz_decoders.py
	$(RUN)python tests/conformance/dialects.py
	tests/conformance/openpi_flax.sh
	tests/conformance/vla_eval.sh
	tests/conformance/lerobot.sh
	tests/conformance/lerobot_dataset.sh
	tests/conformance/maniskill.sh
	tests/conformance/cluster.sh
	tests/conformance/plugins.sh
	tests/conformance/results.sh
	tests/conformance/robotwin.sh
	tests/conformance/trackers.sh

conformance-upstream: install  ## MODEL=x_vla CHECKOUT=/data/X-VLA UPSTREAM_PYTHON=…: a card against its own repository's server, network stubbed.
	$(RUN)python tests/conformance/upstream/run.py $(MODEL) $(CHECKOUT) $(if $(UPSTREAM_PYTHON),--python $(UPSTREAM_PYTHON))

conformance-results: install  ## NAME=openvla_oft CHECKOUT=/data/openvla-oft UPSTREAM_PYTHON=…: what upstream's own loop writes, imported.
	$(RUN)python tests/conformance/upstream/results.py $(NAME) $(CHECKOUT) $(UPSTREAM_PYTHON)

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache

PYTHON ?= python3

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 14

demo: ## the whole story, offline, in a throw-away virtual environment
	@$(PYTHON) tests/tools/demo.py

test: ## the unit and behaviour tests, offline, on PYTHON (default: python3)
	@$(PYTHON) -m tests

lint: ## ruff and mypy --strict (installs them below .cache)
	@$(PYTHON) tests/tools/check.py lint

check: ## what CI runs: lint, the tests on every interpreter found, conformance
	@$(PYTHON) tests/tools/check.py

conformance: ## compare with the packaging tools themselves (installs them below .cache)
	@$(PYTHON) tests/tools/check.py conformance

coverage: ## branch coverage of envlock.py by the tests, subprocesses included (installs coverage.py below .cache)
	@$(PYTHON) tests/tools/check.py coverage

mutants: ## change envlock.py at random, thirty times, and tell which changes no test notices (hours)
	@$(PYTHON) tests/tools/mutate.py

bench: ## cost side by side with a bare start and with other tools (installs them below .cache, 3 GB)
	@for part in commands guard plot peers integrity; do $(PYTHON) tests/bench/$$part.py || exit; done

release: ## wheel and sdist of the commit, reproducible, with their sha256, in dist/ (installs the builder below .cache)
	@$(PYTHON) tests/tools/release.py

.PHONY: help demo test lint check conformance coverage mutants bench release

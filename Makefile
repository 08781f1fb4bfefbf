# Two commands: `make demo` sets everything up and runs the main job; `make test` sets everything up and passes the tests.
# PYTHON picks an interpreter (3.11 or newer); GENOMES and PROMOTERS put real data in the place of the simulated clade.

VENV := .venv
BIN := $(VENV)/bin
RUN ?= runs/demo
GENOMES ?=
PROMOTERS ?=
WORKERS ?= 2
PYTEST_ARGS ?=
PYTHON ?=
# LOCKED=1 installs the versions and hashes of .ci/locks, with which the tests passed.
LOCKED ?=
# A file's tests run on one worker, so that its fixtures are computed once.
SPREAD = -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# Compiled programs are kept between test runs: compiling is most of the time that tests take.
# Bytecode is kept too, whatever the caller's environment says: tests start many processes.
CACHE := PYTHONDONTWRITEBYTECODE= JAX_COMPILATION_CACHE_DIR=$(CURDIR)/.cache/jax \
	JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0 JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES=-1

.PHONY: install smoke demo test test-all bench docs notebooks badges package lint format clean

install: $(VENV)/.installed

# Imports, doctor, and a short train, evaluate, embed on another Python: make smoke PYTHON=python3.13
SMOKE_VENV ?= .venv-smoke
smoke:
	@PYTHON="$(PYTHON)" LOCKED="$(LOCKED)" sh .ci/make-venv $(SMOKE_VENV)
	@$(CACHE) sh .ci/smoke $(SMOKE_VENV)

$(VENV)/.installed: setup.py .ci/make-venv
	@PYTHON="$(PYTHON)" LOCKED="$(LOCKED)" sh .ci/make-venv $(VENV)
	@touch $@

demo: install
	$(BIN)/genojax demo --workdir=$(RUN) \
		$(if $(GENOMES),--genomes=$(GENOMES)) $(if $(PROMOTERS),--promoters=$(PROMOTERS))

test: install
	$(CACHE) $(BIN)/python -m pytest $(SPREAD) -m 'not slow and not gpu and not tpu and not network and not torch' $(PYTEST_ARGS)

# Everything: the slow sweeps too, and the original implementations, which need torch and so the other environment.
# ORIGINALS names a folder with clones of those that are not on PyPI; without it their tests skip and say so.
ORIGINALS ?=
test-all: install .venv-bench/.installed
	$(CACHE) $(BIN)/python -m pytest $(SPREAD) -m 'not torch and not gpu and not tpu and not network' $(PYTEST_ARGS)
	$(CACHE) GENOJAX_ORIGINALS=$(ORIGINALS) $(BENCH) -m pytest -m torch $(PYTEST_ARGS)

# All benchmarks beside their peers (experiments/benchmarks/README.md). The peers need an environment
# of their own: transformers 5 has no Flax BigBird.
BENCH := .venv-bench/bin/python
# MEGABASE names a FASTA file whose first record has 1,048,576 bases or more, for the long models.
MEGABASE ?=
# BPE names DNABERT-2's tokenizer.json.
BPE ?=
# The two-core suite measures wall time and comes first: the others leave one core to the machine's other work.
SUITES ?= two_cores main break_even anchored anchored_long long two_heads
ROUNDS ?= 2

bench: .venv-bench/.installed
	for suite in $(SUITES); do \
		$(BENCH) experiments/benchmarks/attention.py --suite $$suite --rounds $(ROUNDS) --timeout 1200 || exit 1; done
	$(BENCH) experiments/benchmarks/attention.py --suite main --malloc tuned --rounds 1 \
		--peers genojax_bigbird,hf_bigbird_torch,hf_bigbird_flax
	PYTHONPATH=. $(BENCH) experiments/benchmarks/remat.py
	PYTHONPATH=. $(BENCH) experiments/benchmarks/check_plans.py
	PYTHONPATH=. $(BENCH) experiments/benchmarks/variants.py
	$(BENCH) experiments/benchmarks/summary.py
	PYTHONPATH=. $(BENCH) experiments/benchmarks/data.py $(if $(BPE),--bpe=$(BPE))
	for suite in small full convolution saved; do \
		$(BENCH) experiments/benchmarks/enformer.py --suite $$suite --rounds $(ROUNDS) || exit 1; done
	PYTHONPATH=. $(BENCH) experiments/benchmarks/enformer_remat.py
	$(if $(MEGABASE),PYTHONPATH=. $(BENCH) experiments/benchmarks/long_context.py --fasta=$(MEGABASE))
	PYTHONPATH=. $(BENCH) experiments/benchmarks/long_context.py --memory

.venv-bench/.installed: .ci/make-venv
	@PYTHON="$(PYTHON)" sh .ci/make-venv .venv-bench bench
	@touch $@

# The pages of .github/docs as HTML in .cache/docs; a warning is an error.
docs: .venv-docs/.installed
	.venv-docs/bin/python -m sphinx -q -W --keep-going -b html -d .cache/docs-trees .github/docs .cache/docs
	@echo "open .cache/docs/index.html"

.venv-docs/.installed: setup.py .ci/make-venv
	@PYTHON="$(PYTHON)" sh .ci/make-venv .venv-docs docs
	@touch $@

# Executes the notebooks and keeps the last figure of each.
notebooks: install
	$(BIN)/python experiments/notebooks/run.py

# In a copy of the repository: links and notebooks lead to the account that holds it. Commit the change.
badges:
	@test "$(OWNER)" || { echo 'name the account: make badges OWNER=ACCOUNT'; exit 2; }
	@git grep -lI 'OWNER[/]genojax' | xargs -r sed -i 's,OWNER[/]genojax,$(OWNER)/genojax,g'

# Wheel and source archive, and the wheel in an environment of its own: imports, doctor, demo.
package:
	PYTHON="$(PYTHON)" bash .ci/package

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .cache build dist *.egg-info

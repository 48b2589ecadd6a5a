# Every target sets up what it needs. Arguments go through ARGS: make test ARGS="-k cache", make run ARGS="--port 4001"
.DEFAULT_GOAL := help
.PHONY: help run test check format eval bench mutate redisearch clients contract docs house secrets clean

BIN := .venv/bin
READY := .venv/.ready
GATEWAY := .venv/.gateway
PYTHON ?=
ARGS ?=
LITELLM ?=
UV = $(firstword $(wildcard .tools/bin/uv .tools/packages/bin/uv) uv)

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): uv.lock pyproject.toml scripts/bootstrap.sh
	@PYTHON="$(PYTHON)" scripts/bootstrap.sh developer

# Without the tools of the tests and checks; where those are set up, so is the gateway.
$(GATEWAY): uv.lock pyproject.toml scripts/bootstrap.sh
	@PYTHON="$(PYTHON)" scripts/bootstrap.sh gateway

run: $(GATEWAY) ## Start the gateway on http://localhost:4000 (Ctrl-C ends it)
	@$(BIN)/thriftgate up $(ARGS)

test: $(READY) ## Run the tests
	@$(BIN)/pytest $(ARGS)

check: $(READY) ## Check format, lint, types, import floors, generated docs and secrets
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports
	@$(BIN)/python scripts/write_docs.py --check
	@$(BIN)/python scripts/find_secrets.py

format: $(READY) ## Format the code and repair what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

eval: $(READY) ## Measure quality and savings on public data sets (ARGS="cache" for one)
	@$(BIN)/python scripts/run_evals.py $(ARGS)

bench: $(READY) ## Compare the gateway's speed with a bare LiteLLM proxy
	@$(BIN)/python scripts/run_evals.py benchmarks $(ARGS)

mutate: $(READY) ## Count the small mistakes in the pure floors that the tests notice (ARGS="--mutants 150 --seed 1")
	@uv="$$(command -v uv || echo .tools/bin/uv)"; PYTHONPATH=.:plugins nice -n 10 "$$uv" run --no-sync --with cosmic-ray==8.7.0 \
	  --with pytest-cov==7.1.0 python evals/mutation/mutate.py $(ARGS)

redisearch: $(READY) ## Get a Redis with its query engine, for the tests of the Redis cache (Linux on x86-64)
	@UV="$(UV)" scripts/query_engine.sh

clients: $(READY) ## Ask a route with every client of docs/clients.md
	@mkdir -p .tools/clients && cp tests/clients/package*.json tests/clients/.npmrc .tools/clients/
	@UV_PROJECT_ENVIRONMENT="$(CURDIR)/.tools/clients/.venv" $(UV) sync --quiet --frozen --project tests/clients
	@command -v npm >/dev/null && npm ci --silent --prefix .tools/clients || echo "clients: no npm, so none of the Node clients"
	@$(BIN)/pytest tests/proxy/test_documented_clients.py $(ARGS)

contract: $(READY) ## Run the tests of what we assume of LiteLLM on another release (LITELLM=1.109.0)
	@scripts/contract.sh "$(LITELLM)" $(ARGS)

docs: $(READY) ## Write the generated pages of docs/ anew
	@$(BIN)/python scripts/write_docs.py

house: docs ## Draw the package from its imports, in docs/architecture.md

secrets: ## Write .env with fresh secrets for docker compose (what is there stays; ARGS=--langfuse)
	@$(or $(PYTHON),python3) scripts/make_secrets.py $(ARGS)

clean: ## Remove the environment and all caches; .thriftgate/ (your data) stays
	rm -rf .venv .tools dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

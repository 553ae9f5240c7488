# The commands of this project. `make refresh` and `make test` need Python 3.11-3.13, git and make, nothing else.
PYTHON ?= python3
SOURCE ?= sample
VENV := .venv
BIN := $(VENV)/bin

export EBBTIDE_SOURCE := $(SOURCE)
export DO_NOT_TRACK := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export GX_ANALYTICS_ENABLED := false
export AIRFLOW__USAGE_DATA_COLLECTION__ENABLED := False

.PHONY: refresh test lint docs spark lock audit bench detection mutation faults up clean help

help:
	@echo "make refresh [SOURCE=sample|live|replay:FOLDER]   build and publish the warehouse"
	@echo "make test                                        run the tests"
	@echo "make lint                                        ruff, mypy, sqlfluff"
	@echo "make docs                                        make the site of the documentation in var/docs"
	@echo "make spark                                       make .venv-spark, with Spark, 480 MB; docs/spark.md"
	@echo "make lock                                        resolve requirements.lock and requirements-spark.lock again"
	@echo "make audit                                       look for known vulnerabilities in the locked packages"
	@echo "make bench                                       measure speed against the limit and against other tools"
	@echo "make faults                                      kill refreshes, fill the disk, read while builds are published, damage files (an hour)"
	@echo "make detection                                   measure how soon a retreat is found, against simpler rules"
	@echo "make mutation                                    count the planted defects that the gates catch, and their false alarms (an hour)"
	@echo "make up                                          run Airflow as services, in containers; docs/compose.md"
	@echo "make clean                                       remove var/ (built warehouses)"

# uv takes seconds where pip takes minutes, and compiles what every start would compile again where Python may not keep it;
# where packages come from an index that pip's settings name, which uv does not read, pip brings them
$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v[:2] <= (3, 13) else "Python 3.11, 3.12 or 3.13 is needed, this is %d.%d; set PYTHON=" % v[:2])'
	$(PYTHON) -m venv $(VENV)
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/uv.lock
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --require-hashes -r requirements.lock \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

refresh: $(VENV)/.installed
	@$(BIN)/ebbtide refresh

test: $(VENV)/.installed
	@env -u EBBTIDE_SOURCE $(BIN)/python -m pytest tests

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint dbt_project --processes 2

docs: $(VENV)/.installed
	@$(BIN)/python -m warehouse.site

# an environment of its own, which sees the packages of the other: Great Expectations imports PySpark wherever it is, which takes seconds at every gate
SPARK := $(VENV)-spark
spark: $(SPARK)/.installed
$(SPARK)/.installed: $(VENV)/.installed requirements-spark.lock
	$(PYTHON) -m venv --without-pip $(SPARK)
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(SPARK)/bin/python --no-deps --require-hashes -r requirements-spark.lock \
		|| $(BIN)/python -m pip --python $(SPARK)/bin/python install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-spark.lock
	@$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
		> $$($(SPARK)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/ebbtide.pth
	@touch $@

LOCKED := --universal --generate-hashes --no-header --no-emit-index-url --no-annotate --quiet
lock: $(VENV)/.installed
	$(BIN)/uv pip compile pyproject.toml --group dev $(LOCKED) --output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group dev --extra spark --constraint requirements.lock $(LOCKED) | grep -vxFf requirements.lock > requirements-spark.lock

audit: $(VENV)/.installed
	@$(BIN)/python -m tests.audit

bench: $(VENV)/.installed
	@$(BIN)/python -m benchmarks

faults: $(VENV)/.installed
	@$(BIN)/python -m tests.faults --all-marts
	@$(BIN)/python -m tests.published_readers
	@$(BIN)/python tests/fuzz.py --seconds 300

detection: $(VENV)/.installed
	@$(BIN)/python -m benchmarks.detection

mutation: $(VENV)/.installed
	@$(BIN)/python -m tests.mutation

# the source of the services stands in .env: the one of this file would come before it
up:
	@env -u EBBTIDE_SOURCE docker compose up --build --detach --wait

clean:
	rm -rf var

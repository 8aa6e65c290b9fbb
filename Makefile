# make book [SCALE=quick|laptop|paper]   execute every chapter and build _build/html/index.html
# make test                              unit tests, property tests, every notebook
# make bench                             this library against others, on this machine
# make clean                             remove what was built (.venv and finished trials stay)

PYTHON ?= python3
SCALE ?= quick

python := .venv/bin/python
# Written last, so an interrupted installation is taken up again.
installed := .venv/.installed

.PHONY: book test bench clean

book: $(installed)
	$(python) -m lib build --scale $(SCALE)

# One pytest run, so that tests/conftest.py also sets up the kernels of the notebooks.
test: $(installed)
	$(python) -m pytest tests book --nbval --nbval-current-env

bench: $(installed)
	$(python) -m pip install -q -r tests/benchmarks/requirements.txt
	$(python) -m tests.benchmarks

clean:
	rm -rf _build .pytest_cache .hypothesis

$(installed): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
		     "Name another one: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(python) -m pip install -r requirements.txt
	@touch $@

# make book [SCALE=quick|laptop|paper]   execute every chapter and build _build/html/index.html
# make pdf                               print the book to _build/pdf/book.pdf; needs Chromium or Chrome
# make install                           create .venv with all that the notebooks need
# make clean                             remove what was built, editions in _build too (.venv and finished trials stay)
#
# In the full repository; an edition for students lacks what these need:
# make test                              unit tests, property tests, every notebook
# make bench                             this library against others, on this machine
# make student [OUTPUT=folder]           the edition for students, without solutions
# make instructor [OUTPUT=folder]        the edition for instructors, with teaching notes

PYTHON ?= python3
SCALE ?= quick

python := .venv/bin/python
# Written last, so an interrupted installation is taken up again.
installed := .venv/.installed

.PHONY: book pdf install test bench student instructor clean

book: $(installed)
	$(python) -m lib build --scale $(SCALE)

# Of the book as it was last built; built first where there is none.
pdf: $(installed)
	test -e _build/html/whole-book.html || $(MAKE) book
	$(python) -m lib pdf

install: $(installed)

# One pytest run, so that tests/conftest.py also sets up the kernels of the notebooks.
test: $(installed)
	$(python) -m pytest tests book --nbval --nbval-current-env

bench: $(installed)
	$(python) -m pip install -q -r tests/benchmarks/requirements.txt
	$(python) -m pip install -q --no-deps imagecorruptions==1.1.2
	$(python) -m tests.benchmarks

student instructor: $(installed)
	$(python) -m lib $@ --output "$(or $(OUTPUT),_build/$@)" --scale $(SCALE)

clean:
	rm -rf _build .pytest_cache .hypothesis

$(installed): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
		     "Name another one: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(python) -m pip install -r requirements.txt
	@touch $@

# Everything happens in .venv, which bootstrap.py makes and keeps up to date; nothing has to be installed by hand.
PYTHON ?= python3

python := $(shell command -v '$(PYTHON)')
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# -I: neither this folder nor PYTHONPATH can put a module in front of Python's own.
ready = @test -n '$(python)' || { echo "There is no $(PYTHON): install Python 3.11 or newer, or name one: make $@ PYTHON=..."; exit 1; } >&2; \
	'$(python)' -I workbook/bootstrap.py

# A file's tests share what they set up, and a notebook's cells a kernel.
on_all_cores := -n logical --maxprocesses 4 --dist loadfile

.PHONY: help lab report book test sanitize arm wheels bench image clean

help:
	@echo "make lab       open the workbook in JupyterLab, on your own copy in my-workbook/"
	@echo "make report    run every notebook here, and write them as pages with the scoreboard: report/index.html"
	@echo "make book      write the workbook as a static site whose panels move without a kernel: book/index.html"
	@echo "make test      run every check of the project"
	@echo "make sanitize  run the tests of the kernels with sanitizers; SLICE=1: those that meet every kernel once"
	@echo "make arm       compile the kernels for 64-bit ARM and run their tests, emulated on another machine; ALL=1: all of them"
	@echo "make wheels    build the sdist and the wheels in dist/, and try them without a compiler; ALL=1: on every Python here"
	@echo "make bench     measure the kernels beside the libraries that are installed"
	@echo "make image     install the workbook, compiled, into the Python that PYTHON names, as the Dockerfile does"
	@echo "make clean     remove .venv and what was built; my-workbook/ stays"
	@echo "PYTHON=...     the Python to use, 3.11 or newer; now $(PYTHON)"

lab:
	$(ready)
	@workbook lab

report:
	$(ready) book
	@workbook report

book:
	$(ready) book
	@workbook book

test: export WORKBOOK_QUICK = 1
test:
	$(ready) test
	ruff check
	ruff format --check
	cython-lint kernels
	mypy
	pytest tests $(on_all_cores)
	pytest --nbval --nbval-current-env --nbval-sanitize-with tests/nbval_sanitize.cfg --nbval-cell-timeout 300 notebooks/ $(on_all_cores)

sanitize:
	$(ready) test
	python -P tests/sanitize.py $(if $(SLICE),--slice)

arm:
	$(ready) test
	python -P tests/arm.py $(if $(ALL),--all)

wheels: export WORKBOOK_QUICK = 1
wheels:
	$(ready) wheels
	python tests/wheels.py $(if $(ALL),--all)

bench:
	$(ready) peers
	@workbook bench

# -P: the installed package, not the sources in this folder.
image:
	'$(python)' -m pip install --no-cache-dir .
	'$(python)' -P -m workbook doctor

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

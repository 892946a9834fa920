# The commands of this project. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help serve new-article add-picture new-notice new-statement begin hand-in undo build test machine-test check bench soak lock

# Keep compiled modules even if the environment says not to: the tests start hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE

PORT ?= 8000
PYTEST_ARGS ?=
RUN := .venv/bin/python -m
TEMPLATES := theme/templates form_backend/templates devtools/templates
# What was given to a variable, as it was typed, for the shell: a dollar sign means nothing.
typed = '$(subst ','\'',$(value $(1)))'
# Nothing keeps make from a last line like "make: *** [Makefile:37: undo] Error 1", so editors are told what it is.
or_say = || { echo 'What to do is said above. The line below comes from make, and says no more.' >&2; exit 1; }
LOCK := $(RUN) uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url \
	--python-version 3.11 pyproject.toml

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1 \2/p' Makefile | awk '{ printf "%s %-13s", $$1, $$2; $$1 = $$2 = ""; print }'

serve: .venv/serve.installed ## serve the site, the forms and a mail catcher on this machine (PORT=8000)
	@exec $(RUN) devtools.serve --port $(PORT)

new-article: .venv/serve.installed ## begin a news article (TITLE="Why pipes age")
	@$(RUN) devtools.new_page article -- $(call typed,TITLE) $(or_say)

add-picture: .venv/serve.installed ## take a picture from a camera or telephone (FILE="~/Pictures/IMG_2041.HEIC")
	@$(RUN) devtools.add_picture -- $(call typed,FILE) $(or_say)

new-notice: .venv/serve.installed ## begin a security-breach notice (TITLE="A laptop was stolen")
	@$(RUN) devtools.new_page notice -- $(call typed,TITLE) $(or_say)

new-statement: .venv/serve.installed ## begin a new version of the privacy statement (DATE=2027-06-01)
	@$(RUN) devtools.new_page statement -- $(call typed,DATE) $(or_say)

begin: .venv/serve.installed ## begin a change, or go on with one (NAME="new words")
	@$(RUN) devtools.changes begin -- $(call typed,NAME) $(or_say)

hand-in: build ## build, and hand in what you changed in content/ (MESSAGE="Say when we answer")
	@$(RUN) devtools.changes hand-in -- $(call typed,MESSAGE) $(or_say)

undo: .venv/serve.installed ## take back what is not handed in, or undo a change (WHAT=content/pages/contact.md)
	@$(RUN) devtools.changes undo -- $(call typed,WHAT) $(or_say)

build: .venv/serve.installed ## build the production site into output/ (SITE_DATE=2027-01-31 builds it as of that day)
	@# Pelican's own closing line, on standard output, counts "hidden articles".
	@$(RUN) pelican -s publishconf.py --fatal warnings --log-handler plain >/dev/null $(or_say)
	@echo "Built: the website is in output/."

test: .venv/dev.installed ## run the tests (PYTEST_ARGS="-k enquiry" passes options to pytest)
	@devtools/debian-packages.sh chromium dovecot-core fonts-liberation git libnginx-mod-http-brotli-static \
		libsasl2-modules nginx openssl postfix redis-server sasl2-bin slowhttptest strace systemd w3m || \
		echo "The tests that need them are skipped."
	@$(RUN) pytest -n $$((2 * $$(getconf _NPROCESSORS_ONLN))) --dist worksteal $(PYTEST_ARGS)

machine-test: .venv/dev.installed ## set up a real Debian 13 in a virtual machine and try all of production in it (16 minutes)
	@devtools/debian-packages.sh curl dnsmasq-base e2fsprogs git mmdebstrap openssh-client pebble qemu-system-x86
	@$(RUN) pytest -p no:xdist -v --durations=0 tests/machine/machine.py $(PYTEST_ARGS)

check: .venv/dev.installed ## check style, types, imports, templates, dead code and the CI workflow
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	.venv/bin/lint-imports
	$(RUN) djlint --quiet --lint --profile jinja $(TEMPLATES)
	$(RUN) vulture
	.venv/bin/zizmor --quiet --offline --persona pedantic .github
	$(RUN) pip check

soak: .venv/dev.installed ## send 10,000 enquiries while relays and processes fail (SEED=4711 repeats the same faults)
	@devtools/debian-packages.sh libsasl2-modules postfix sasl2-bin
	@$(RUN) tests.parts.soak $(if $(SEED),--seed $(SEED))

bench: .venv/dev.installed ## measure the forms and the builds in ten minutes (docs/benchmarks.md says how to read it)
	@$(RUN) bench.forms
	@$(RUN) bench.site_builds

lock: .venv/dev.installed ## write the requirements files again from pyproject.toml
	$(LOCK) --group dev -o requirements-dev.txt
	$(LOCK) --group serve -c requirements-dev.txt -o requirements-serve.txt
	$(LOCK) -c requirements-dev.txt -o requirements.txt

.venv/%.installed: requirements-%.txt
	@PYTHON="$(PYTHON)" devtools/venv.sh $<
	@touch $@

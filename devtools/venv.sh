#!/usr/bin/env bash
# Create .venv if it is missing, and install a lock file into it: devtools/venv.sh requirements-serve.txt
# It uses $PYTHON, python3, or python3.13 down to python3.11: the first that is 3.11 or newer.
set -euo pipefail
lock=$1

fail() {
  echo "$1" >&2
  exit 1
}

find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  fail "No Python 3.11 or newer was found: install one, or name it with PYTHON=/path/to/python3."
}

make_venv() {
  local python version
  python=$(find_python)
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    devtools/debian-packages.sh "python$version-venv" ||
      fail "This Python $version cannot make a virtual environment: install the package python$version-venv."
  fi
  echo "Making .venv with Python $version."
  "$python" -m venv --clear .venv || fail "Python could not make .venv: see its message above."
}

.venv/bin/python -m pip --version >/dev/null 2>&1 || make_venv
echo "Installing $lock."
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock" ||
  fail "$lock could not be installed: see pip's message above, and check the network."

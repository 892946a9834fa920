#!/usr/bin/env bash
# Install the named Debian packages that are missing: devtools/debian-packages.sh chromium strace
# Fail and name them where it is not run as root, or not on Debian.
set -euo pipefail

installed() {
  [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=()
for package in "$@"; do
  command -v "$package" >/dev/null || installed "$package" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "Not installed: ${missing[*]} (on Debian: sudo apt-get install ${missing[*]})." >&2
  exit 1
fi
echo "Installing ${missing[*]} with apt-get."
export DEBIAN_FRONTEND=noninteractive
{ apt-get -qq update && apt-get -qq install --no-install-recommends "${missing[@]}"; } >/dev/null || {
  echo "apt-get could not install ${missing[*]}: see its message above." >&2
  exit 1
}

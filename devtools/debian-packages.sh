#!/usr/bin/env bash
# Install the named Debian packages that are missing: devtools/debian-packages.sh chromium strace
# Without the right to do so, name them and fail.
set -euo pipefail

missing=()
for package in "$@"; do
  command -v "$package" >/dev/null || dpkg-query --status "$package" >/dev/null 2>&1 || missing+=("$package")
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

#!/usr/bin/env bash
# Build the site from what editors have merged, check it and publish it: deploy/publish.sh /srv/website
#
# Only content/ is taken from the main branch: new code comes with an upgrade, by hand. Publishing is the switch of
# one symbolic link, to a build that is whole; a build that fails leaves the published one as it is.
set -euo pipefail
home=$1
cd "$(dirname "$0")/.."

git fetch --quiet origin main
git restore --source origin/main --staged --worktree -- content

release="$home/releases/$(date --utc +%Y%m%dT%H%M%SZ)"
trap 'rm -rf "$release"' ERR
.venv/bin/python -m pelican -s publishconf.py -o "$release" --fatal warnings --log-handler plain
.venv/bin/python -m form_backend.commands.check_site "$release"

ln --symbolic "$release" "$home/next"
mv --no-target-directory "$home/next" "$home/current"
echo "Published $release."

# The five newest stay, to go back to.
find "$home/releases" -mindepth 1 -maxdepth 1 | sort | head -n -5 | xargs --no-run-if-empty rm -r

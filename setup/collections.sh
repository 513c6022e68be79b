#!/usr/bin/env bash
# Puts the collections of requirements.yml into .ansible/collections, when they are missing or the file has changed: from Galaxy where it
# can be reached, else out of the `ansible` package for Python, which carries them too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The release of the package that has the versions of requirements.yml.
package='ansible==12.3.0'
folder=.ansible/collections

say() { printf '  collections: %s\n' "$*"; }
die() { printf 'collections: %s\n' "$*" >&2; exit 1; }

stamp=$(sha256sum <requirements.yml)
if [ "$(cat "$folder/.lock" 2>/dev/null)" = "$stamp" ]; then exit 0; fi

say "asking Galaxy for those of requirements.yml"
if timeout 180 .venv/bin/ansible-galaxy collection install --requirements-file requirements.yml --collections-path "$folder" --timeout 10 \
  >/dev/null 2>&1; then
  printf '%s\n' "$stamp" >"$folder/.lock"
  exit 0
fi

say "Galaxy does not answer; taking them out of the package $package (50 MB, some seconds)"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
.venv/bin/python -m pip download --quiet --no-input --no-deps --only-binary :all: --dest "$work" "$package" >"$work/pip.log" 2>&1 || {
  tail -n 3 "$work/pip.log" >&2
  die "neither Galaxy nor the package index answers; connect to one, or install requirements.yml into $folder by hand."
}
.venv/bin/python setup/unpack_collections.py "$work"/ansible-*.whl "$folder" || die "$package does not fit requirements.yml, see above."
printf '%s\n' "$stamp" >"$folder/.lock"

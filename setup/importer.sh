#!/usr/bin/env bash
# What Ansible Galaxy would say on import: builds the tarball and runs galaxy-importer on it, from an environment of its own. Every warning
# fails. ansible-lint is left out here, because setup/lint.sh runs it with the project's settings.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

setup/python.sh .cache/importer setup/importer.txt
build=$PWD/.cache/build
rm -rf "$build"
mkdir -p "$build"
.venv/bin/ansible-galaxy collection build --force --output-path "$build" >/dev/null
printf '[galaxy-importer]\nrun_ansible_lint = False\n' >"$build/galaxy-importer.cfg"

cd "$build"
export PATH="$build/../importer/bin:$PATH" GALAXY_IMPORTER_CONFIG=$build/galaxy-importer.cfg
if ! python -m galaxy_importer.main ./*.tar.gz >importer.log 2>&1 || grep -E '^(WARNING|ERROR)' importer.log >/dev/null; then
  grep -E '^(WARNING|ERROR|Traceback)' importer.log >&2 || cat importer.log >&2
  printf 'importer: Galaxy would not take the tarball as it is, see above; all of it is in %s.\n' "$build/importer.log" >&2
  exit 1
fi
printf '  importer: %s would be taken by Galaxy\n' ./*.tar.gz

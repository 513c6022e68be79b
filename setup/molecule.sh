#!/usr/bin/env bash
# The scenarios on the sandbox: all of them, or those in SCENARIO. The stack is made first, so that its progress can be seen; the
# scenario `default` finds it, and removes it at the end.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export PATH="$PWD/.venv/bin:$PATH" ANSIBLE_CONFIG=$PWD/ansible.cfg
export MOLECULE_GLOB='molecule/*/molecule.yml' MOLECULE_EPHEMERAL_DIRECTORY=$PWD/.cache/molecule
# What a killed run remembers of its stack is not true any more.
rm -rf "$MOLECULE_EPHEMERAL_DIRECTORY"
molecule/stack/stack.sh up

# The stack is proven to be like Circuit Sage before anything is proven on it.
scenarios=(default)
for folder in molecule/*/molecule.yml; do
  scenario=$(basename "$(dirname "$folder")")
  if [ "$scenario" != default ]; then scenarios+=("$scenario"); fi
done
if [ -n "${SCENARIO:-}" ]; then read -ra scenarios <<<"$SCENARIO"; fi
printf '  molecule: %s\n' "${scenarios[*]}"
# The command of each step, with all its files, is told at length by its border.
if [ ! -t 1 ]; then export NO_COLOR=1; fi
exec molecule test --no-command-borders "${scenarios[@]/#/--scenario-name=}"

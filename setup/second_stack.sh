#!/usr/bin/env bash
# The scenarios in SCENARIO on a second stack, beside those on the first. A stack has its env file and its override in its checkout, so the
# second gets a copy of what git knows or would add, in .cache, with the environment of this one. `second_stack.sh down` removes it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

copy=$PWD/.cache/second
# Not the first one's name with something after it: what belongs to a project is also told by that.
export SANDBOX_PROJECT=second-${SANDBOX_PROJECT:-circuit-sage-sandbox}
if [ "${1:-}" = down ]; then exec molecule/stack/stack.sh down; fi

# The next hundred, and the next network.
while read -r name default; do
  export "$name=$((${!name:-$default} + 100))"
done <<'PORTS'
SANDBOX_EDGE_PORT 18080
SANDBOX_EDGE_TLS_PORT 18443
SANDBOX_BACKEND_PORT 14000
SANDBOX_FRONTEND_PORT 13000
SANDBOX_POSTGRES_PORT 15432
SANDBOX_SQUARE_PORT 14010
PORTS
network=${SANDBOX_NETWORK:-172.30.83}
export SANDBOX_NETWORK=${network%.*}.$((${network##*.} + 1))

rm -rf "$copy"
mkdir -p "$copy"
git ls-files --cached --others --exclude-standard --deduplicate |
  while read -r file; do if [ -e "$file" ]; then printf '%s\n' "$file"; fi; done |
  tar --create --files-from - | tar --extract --directory "$copy"
git init --quiet "$copy"
ln -s "$PWD/.venv" "$copy/.venv"
for collection in .ansible/collections/ansible_collections/community/*; do
  mkdir -p "$copy/$(dirname "$collection")"
  ln -s "$PWD/$collection" "$copy/$collection"
done
exec "$copy/setup/molecule.sh"

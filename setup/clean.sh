#!/usr/bin/env bash
# Removes all that this project made here: the stack, its images and secrets, the environments, downloads and caches, and the engine if it
# was started by this project. The records in incidents/ stay, and so do packages of the distribution.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '  clean: %s\n' "$*"; }

if setup/engine.sh answers; then
  setup/second_stack.sh down
  molecule/stack/stack.sh down
  mapfile -t images < <({ docker images --quiet 'circuit-sage-sandbox/*'; docker images --quiet --filter label=circuit-sage.sandbox.base
    docker images --quiet --filter "label=com.docker.compose.project=${SANDBOX_PROJECT:-circuit-sage-sandbox}"; } | sort -u)
  if [ ${#images[@]} -gt 0 ]; then
    say "removing the stack's images"
    docker image rm --force "${images[@]}" >/dev/null || say "some images stay, because containers of somebody else use them"
  fi
fi
setup/engine.sh stop
# By name, for the link that git keeps stands in .ansible too.
say "removing the environments, downloads and caches"
rm -rf .venv .cache .ansible/collections/.lock .ansible/collections/.unpacking .ansible/collections/ansible_collections/community
rm -f molecule/stack/.env.production*
find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

#!/usr/bin/env bash
# Style, types and documentation: every check runs, also after one that failed, and the failed ones are named at the end. What a check
# says is shown only when it fails.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

PATH="$PWD/.venv/bin:$PATH"
export NO_COLOR=1
collection=.ansible/collections/ansible_collections/circuit_sage/incident_response
output=$(mktemp)
trap 'rm -f "$output"' EXIT
failed=()

check() { # name, command
  local name=$1 start=$SECONDS
  shift
  if "$@" >"$output" 2>&1; then
    printf '  %-28s ok, %s s\n' "$name" "$((SECONDS - start))"
  else
    printf '  %-28s FAILED, %s s\n' "$name" "$((SECONDS - start))"
    cat "$output"
    failed+=("$name")
  fi
}

# Files that git knows or would add, so that leftovers of a work tree are not looked at; a file that is deleted but still known is left out.
files() { git ls-files --cached --others --exclude-standard --deduplicate -- "$@" | while read -r file; do [ -f "$file" ] && printf '%s\n' "$file"; done; }

mapfile -t scripts < <(files '*.sh' .ci/run)
# Folders whose scripts import one another as they are, without a package.
mapfile -t programs < <(files '*.py' | grep -Ev '^(plugins|tests)/' | xargs -n 1 dirname | sort -u)

types_of_programs() {
  local folder status=0
  for folder in "$@"; do MYPYPATH=$folder:molecule/harness:molecule/stack:molecule/billing_errors/tests:molecule/default/tests:molecule/security_rotation/tests mypy "$folder"/*.py || status=1; done
  return "$status"
}

check "ruff" ruff check .
check "ruff format" ruff format --check --diff .
check "mypy (collection)" mypy "$collection/plugins"
check "mypy (tests)" env MYPYPATH=tests/unit:tests/unit/roles:bench:molecule/stack mypy tests
check "mypy (programs)" types_of_programs "${programs[@]}"
check "shellcheck" shellcheck "${scripts[@]}"
check "yamllint" yamllint --strict .
check "ansible-lint" ansible-lint --offline --nocolor
check "antsibull-changelog" antsibull-changelog lint
check "antsibull-docs" antsibull-docs lint-collection-docs --plugin-docs .
check "collection build" ansible-galaxy collection build --force --output-path .cache/build

if [ ${#failed[@]} -gt 0 ]; then
  printf 'lint: failed: %s\n' "$(IFS=,; printf '%s' "${failed[*]}")" >&2
  exit 1
fi

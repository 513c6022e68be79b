#!/usr/bin/env bash
# The drill: a healthy sandbox loses its database, db_failure.yml brings it back, and the report and the service's own answers prove it.
# With DRILL=all, an incident or ids of faults: fault after fault, measured and scored by playbooks/drill.yml. With DRILL=disaster_recovery
# the database is lost with its volume.
# With APP=DIR it is not the sandbox but the application in that folder, run from its own compose file as the sandbox is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

env_file=molecule/stack/.env.production
headline() { printf '\n── %s\n' "$*"; }
die() { printf 'drill: %s\n' "$*" >&2; exit 1; }
# What DRILL asks for, as a setting of the playbook.
asked=drill_faults
[ "${DRILL:-}" != disaster_recovery ] || asked=drill_scenario
# As JSON: in `name=value` a blank would end the value, and the rest be another setting or lost.
as_json() { .venv/bin/python -c 'import json, sys; print(json.dumps(dict(zip(sys.argv[1::2], sys.argv[2::2]))))' "$@"; }
setting() { sed -n "s/^$1=//p" "$env_file" | tail -n 1; }

if [ -n "${APP:-}" ]; then
  app=$(realpath -m -- "$APP")
  headline "A disposable stack of $app"
  molecule/stack/stack.sh up "$app"
  headline "ansible-playbook playbooks/drill.yml"
  variables=$(as_json drill_app_dir "$app" "$asked" "${DRILL:-postgres_stopped}")
  # What this shell exports would go before the generated values where a service is made anew.
  while read -r name; do unset "$name"; done < <(sed -n '/^SANDBOX_/!s/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p' \
    ".cache/app/${SANDBOX_PROJECT:-circuit-sage-sandbox}/.env.production" | grep -vxE 'HOME|PATH')
  exec .venv/bin/ansible-playbook playbooks/drill.yml --extra-vars "$variables"
fi

headline "A disposable Circuit Sage"
molecule/stack/stack.sh up

if [ -n "${DRILL:-}" ]; then
  headline "ansible-playbook playbooks/drill.yml"
  exec .venv/bin/ansible-playbook playbooks/drill.yml --extra-vars "$(as_json "$asked" "$DRILL")"
fi

headline "Its database is stopped"
.venv/bin/python molecule/stack/fault.py inject postgres_stopped
printf '  the backend cannot reach PostgreSQL any more\n'

headline "ansible-playbook playbooks/db_failure.yml"
status=0
.venv/bin/ansible-playbook playbooks/db_failure.yml || status=$?

if [ -f incidents/latest/report.md ]; then
  headline "The report: incidents/latest/report.md"
  cat incidents/latest/report.md
fi
[ "$status" = 0 ] || die "the playbook did not mend it (status $status), its account above says why; 'make stack' makes the stack anew."

headline "The proof"
.venv/bin/python molecule/stack/wait_healthy.py 5 "$(setting SANDBOX_EDGE_PORT)" "$(setting SANDBOX_EDGE_TLS_PORT)" \
  "$(setting SANDBOX_BACKEND_PORT)" "$(setting SANDBOX_SQUARE_PORT)" || die "the playbook ended well, but the service does not answer."
printf '  the backend is healthy, and the API and the pages answer through the edge at http://127.0.0.1:%s\n' "$(setting SANDBOX_EDGE_PORT)"
printf "  the stack goes on running; 'make stack-down' removes it\n"

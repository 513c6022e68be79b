#!/usr/bin/env python3
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a fault about on the sandbox, wait until it bites, and take it back: fault.py inject|revert|list [ID].

A fault is one YAML file in extensions/drill/faults/. Its shell parts run under bash with the names and functions of PRELUDE.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import yaml

STACK = Path(__file__).resolve().parent
CHECKOUT = STACK.parent.parent
FAULTS = CHECKOUT / "extensions" / "drill" / "faults"
REQUIRED = ("id", "incident", "title", "inject", "symptom", "revert", "expect")
BITE_SECONDS = 30.0
HEALTH_SECONDS = 60.0

# What a fault may use: names of containers and addresses, `compose`, `env_value NAME`, `admin_sql` (psql over the container's local
# socket to the database postgres), `login` (psql over TCP with the application's password), `health` (HTTP status of the backend), `page`
# (HTTP status of the page through nginx, 000 without an answer), `edge` (a command in the edge's container),
# `maintenance true|false`, `new_certificate NAME DAYS` (as certbot lays it out: `live` leads into the archive, whose first number is the
# pair that was served until now, and the second the new one), `old_certificate` (takes that back and has nginx serve it), `bad_release`
# (deploys an image of the project's own repository whose API answers 500), `no_release` (takes that back).
# No pipefail: a symptom looks for the words of a command that fails.
PRELUDE = r"""
set -eu
compose() {
  docker compose --env-file "$ENV_FILE" -p "$PROJECT" -f "$STACK/docker-compose.prod.yml" -f "$STACK/docker-compose.sandbox.yml" "$@"
}
env_value() { sed -n "s/^$1=//p" "$ENV_FILE" | tail -n 1; }
admin_sql() { docker exec -i "$POSTGRES" psql -X -q -A -t -v ON_ERROR_STOP=1 -U "$DB_USER" -d postgres; }
login() {
  docker exec -i -e PGPASSWORD "$POSTGRES" sh -c 'exec psql -X -q -A -t -v ON_ERROR_STOP=1 -h "$(hostname)" "$0" "$1"' "$DB_NAME" "$DB_USER"
}
health() { curl -s -o /dev/null --max-time 3 -w '%{http_code}' "$BACKEND_URL/health" || true; }
page() { curl -s -k -o /dev/null --max-time 3 -w '%{http_code}' "$EDGE_URL/" || true; }
maintenance() {
  echo "UPDATE system_settings SET value = '{\"enabled\": $1}', updated_by = NULL, updated_at = now() WHERE key = 'maintenance_mode'" |
    docker exec -i "$POSTGRES" psql -X -q -v ON_ERROR_STOP=1 -U "$DB_USER" -d "$DB_NAME"
}
new_certificate() {
  edge sh -c '
    cd /etc/letsencrypt
    mkdir -p archive/circuit-sage
    for file in fullchain privkey; do mv live/circuit-sage/$file.pem archive/circuit-sage/${file}1.pem; done
    cd archive/circuit-sage
    umask 077
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$0" -keyout privkey2.pem -out request
    printf "subjectAltName=DNS:$0" >names
    openssl x509 -req -in request -signkey privkey2.pem -days "$1" -extfile names -out fullchain2.pem
    rm request names
    for file in fullchain privkey; do ln -s ../../archive/circuit-sage/${file}2.pem ../../live/circuit-sage/$file.pem; done' "$@"
}
old_certificate() {
  edge sh -c '
    cd /etc/letsencrypt
    for file in fullchain privkey; do
      if [ -e archive/circuit-sage/${file}1.pem ]; then
        rm -f live/circuit-sage/$file.pem
        mv archive/circuit-sage/${file}1.pem live/circuit-sage/$file.pem
      fi
    done
    rm -rf archive live/circuit-sage/*~
    if service nginx status; then service nginx reload; else service nginx start; fi'
}
bad_release() {
  printf '%s\n' 'FROM circuit-sage-sandbox/backend:1' 'USER root' \
    'WORKDIR /app' \
    'RUN sed -i "s/    rows = service.pool.query(.SELECT value FROM/    raise RuntimeError(\x27failing release\x27)\n&/" maintenance.py' \
    "USER $(docker inspect -f '{{.Config.User}}' circuit-sage-sandbox/backend:1)" |
    docker build -q -t "$PROJECT/backend:1" -
  echo "SANDBOX_BACKEND_IMAGE=$PROJECT/backend:1" >>"$ENV_FILE"
  compose up -d --no-deps --no-build backend
}
no_release() {
  sed -i '/^SANDBOX_BACKEND_IMAGE=/d' "$ENV_FILE"
  compose up -d --no-deps --no-build backend
  docker images -q "$PROJECT/backend" | sort -u | xargs -r docker inspect -f '{{range .RepoTags}}{{println .}}{{end}}' |
    { grep "^$PROJECT/backend:" || true; } | xargs -r docker rmi
}
api() { curl -s -o /dev/null --max-time 3 -w '%{http_code}' "$BACKEND_URL/api/subscriptions" || true; }
edge() { docker exec -i "$EDGE" "$@"; }
DB_USER=$(env_value POSTGRES_USER)
DB_NAME=$(env_value POSTGRES_DB)
PGPASSWORD=$(env_value POSTGRES_PASSWORD)
export PGPASSWORD
"""


def environment() -> dict[str, str]:
    """The names of the sandbox, from the same SANDBOX_* variables that stack.sh reads."""
    project = os.environ.get("SANDBOX_PROJECT", "circuit-sage-sandbox")
    backend_port = os.environ.get("SANDBOX_BACKEND_PORT", "14000")
    state = CHECKOUT / ".cache" / "drill"
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {
        **os.environ,
        "STACK": str(STACK),
        "STATE": str(state),
        "ENV_FILE": str(STACK / ".env.production"),
        "PROJECT": project,
        "POSTGRES": f"{project}-db",
        "BACKEND": f"{project}-api",
        "FRONTEND": f"{project}-frontend",
        "EDGE": f"{project}-edge",
        "NETWORK": f"{project}_circuit-sage-network",
        "POSTGRES_ADDRESS": os.environ.get("SANDBOX_NETWORK", "172.30.83") + ".10",
        "BACKEND_ADDRESS": os.environ.get("SANDBOX_NETWORK", "172.30.83") + ".20",
        "BACKEND_URL": f"http://127.0.0.1:{backend_port}",
        "EDGE_URL": f"https://localhost:{os.environ.get('SANDBOX_EDGE_TLS_PORT', '18443')}",
    }


def load(identity: str) -> dict[str, t.Any]:
    """The fault of that id; the sentence for one that is not there or lacks a key goes to the caller."""
    path = FAULTS / f"{identity}.yml"
    if not path.exists():
        raise SystemExit(f"there is no fault {identity}; the faults are {', '.join(known())}")
    fault: dict[str, t.Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    missing = [key for key in REQUIRED if key not in fault]
    if missing:
        raise SystemExit(f"the fault {path.name} lacks {', '.join(missing)}")
    return fault


def known() -> list[str]:
    """The ids of the faults."""
    return sorted(path.stem for path in FAULTS.glob("*.yml"))


def shell(script: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a part of a fault; its output is kept for the error."""
    command = ["bash", "-c", PRELUDE + script]
    done = subprocess.run(command, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    if check and done.returncode:
        raise SystemExit(f"failed with status {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    return done


def wait_for(script: str, seconds: float, what: str) -> None:
    """Poll until the script succeeds, for at most that long."""
    deadline = time.monotonic() + seconds
    while shell(script, check=False).returncode:
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} within {seconds:.0f} s")
        time.sleep(0.1)


def inject(identity: str) -> None:
    """Bring the fault about and wait until it bites."""
    fault = load(identity)
    shell(fault["inject"])
    wait_for(fault["symptom"], BITE_SECONDS, f"the fault {identity} did not bite")


def revert(identity: str) -> None:
    """Take the fault back and wait until the service is healthy."""
    shell(load(identity)["revert"])
    wait_for('test "$(health)" = 200 && echo "SELECT 1" | login', HEALTH_SECONDS, "the service was not healthy again")


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("inject", "revert", "list"))
    parser.add_argument("fault", nargs="?")
    options = parser.parse_args()
    if options.action == "list":
        print("\n".join(known()))
        return 0
    if not options.fault:
        parser.error(f"which fault? One of {', '.join(known())}")
    {"inject": inject, "revert": revert}[options.action](options.fault)
    return 0


if __name__ == "__main__":
    sys.exit(main())

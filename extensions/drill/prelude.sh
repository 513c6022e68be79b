# shellcheck shell=bash
# Copyright: (c) 2026, Circuit Sage contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What goes before each shell part of a fault. It runs under bash with the names of containers, files and addresses in its environment:
# PROJECT, STACK, COMPOSE_FILES (one a line), ENV_FILE, STATE (a folder for what a fault has to remember), POSTGRES, BACKEND, FRONTEND, EDGE
# (containers), NETWORK, POSTGRES_ADDRESS, BACKEND_ADDRESS, BACKEND_URL, EDGE_URL.
# What a fault may use: names of containers and addresses, $PYTHON_IMAGE (has Python and psycopg2, whatever application is drilled), `compose`,
# `env_value NAME`, `admin_sql` (psql over the container's local socket to the database postgres), `login` (psql over TCP with the
# application's password), `health` (HTTP status of the backend), `page` (HTTP status of the page through nginx, 000 without an answer),
# `data_folder` (the database's data on the host), `edge` (a command in the edge's container),
# `maintenance true|false`, `new_certificate NAME DAYS` (as certbot lays it out: `live` leads into the archive, whose first number is the
# pair that was served until now, and the second the new one), `old_certificate` (takes that back and has nginx serve it), `bad_release`
# (deploys an image of the project's own repository whose API answers 500), `no_release` (takes that back).
# `square METHOD PATH [BODY]` (asks the simulator of Square, which only the sandbox has),
# `billing_sql` (psql as `admin_sql`, to the application's database, whose billing tables are saved in the schema drill_saved; there the view
# `billed` numbers the subscriptions of the first day), `billing_restore` (puts them back).
# `unpaid PLACE STATUS REASON` (takes the newest payment of a company with credentials of Square as not made, five days ago; PLACE numbers those
# that are active, have autopay and are billed on the first), `unpaid_at_square` (at Square too), `unpaid_value NAME` (of that payment: row, company,
# customer, card, cents, and location and merchant once it is not at Square), `intended` (the request by which it is charged), `intent STATE`
# (leaves that behind as a worker of which nobody knows the end), `paid_by_square` (Square charges it by itself), `payments_restore` (takes all of
# that back, here and there), `square_webhook KEY URL` (has Square tell its events to the edge, signed by these), `checked_webhook KEY URL` (has
# the backend check them by these), `unchecked_webhook` (takes both back).
# `attackers FIRST LAST` (a container beside the stack's, with the addresses 203.0.113.FIRST to LAST, which the edge sees), `attacker NUMBER ARGUMENT...`
# (curl from one of these addresses), `no_attackers` (takes that back, with what the edge knows of them: log, bans, rules).
# `open_rotation DONE VARIABLE=NEW...` (the journal of a rotation that was killed, and the env file as it was, kept), `no_rotation` (takes that back).
# No pipefail: a symptom looks for the words of a command that fails.
set -eu
compose() {
  local files=() file
  while IFS= read -r file; do
    case $file in /*) files+=(-f "$file") ;; *) files+=(-f "$STACK/$file") ;; esac
  done <<<"$COMPOSE_FILES"
  docker compose --env-file "$ENV_FILE" -p "$PROJECT" "${files[@]}" "$@"
}
env_value() { sed -n "s/^$1=//p" "$ENV_FILE" | tail -n 1; }
# Whatever the fault gives the role: with a millisecond one look is answered and the next is not.
admin_sql() {
  docker exec -i -e PGOPTIONS="-c statement_timeout=0 ${PGOPTIONS:-}" "$POSTGRES" psql -X -q -A -t -v ON_ERROR_STOP=1 -U "$DB_USER" -d "${1:-postgres}"
}
login() {
  docker exec -i -e PGPASSWORD "$POSTGRES" sh -c 'exec psql -X -q -A -t -v ON_ERROR_STOP=1 -h "$(hostname)" "$0" "$1"' "$DB_NAME" "$DB_USER"
}
health() { curl -s -o /dev/null --max-time 3 -w '%{http_code}' "$BACKEND_URL/health" || true; }
page() { curl -s -k -o /dev/null --max-time 3 -w '%{http_code}' "$EDGE_URL/" || true; }
maintenance() {
  echo "UPDATE system_settings SET value = '{\"enabled\": $1}', updated_by = NULL, updated_at = now() WHERE key = 'maintenance_mode'" |
    admin_sql "$DB_NAME"
}
square() { curl -sS --fail --max-time 5 -X "$1" ${3:+--data "$3"} "http://$(docker port "$PROJECT-square" 4010/tcp | head -n 1)$2"; }
# Faults of the billing change rows, and so does their remedy: they are taken back by the tables as they were before the first of them.
billing_tables="companies locations subscriptions subscription_payments"
billing_sql() {
  {
    printf '%s\n' "SELECT to_regnamespace('drill_saved') IS NULL AS unsaved \gset"
    printf '%s\n' '\if :unsaved'
    echo "BEGIN; CREATE SCHEMA drill_saved;"
    for table in $billing_tables; do echo "CREATE TABLE drill_saved.$table AS TABLE public.$table;"; done
    # So that faults at once hit different subscriptions: the ones that are billed on the first, by the order in which they are.
    echo "CREATE VIEW drill_saved.billed AS SELECT id, company_id, autopay_enabled, row_number() OVER (ORDER BY id) AS place
            FROM drill_saved.subscriptions WHERE status = 'active' AND billing_day = 1 AND deleted_at IS NULL;"
    echo "COMMIT;"
    printf '%s\n' '\endif'
    cat
  } | admin_sql "$DB_NAME"
}
billing_restore() {
  {
    printf '%s\n' "SELECT to_regnamespace('drill_saved') IS NOT NULL AS saved \gset"
    printf '%s\n' '\if :saved'
    # The tables refer to each other; without its triggers no reference is checked while they are filled.
    echo "BEGIN; SET LOCAL session_replication_role = replica;"
    for table in $billing_tables; do echo "DELETE FROM public.$table; INSERT INTO public.$table SELECT * FROM drill_saved.$table;"; done
    echo "DROP SCHEMA drill_saved CASCADE; DROP TABLE IF EXISTS circuit_sage_ops.row_change, circuit_sage_ops.square_price; COMMIT;"
    printf '%s\n' '\endif'
  } | PGOPTIONS='-c client_min_messages=warning' admin_sql "$DB_NAME"
}
# The payment and what belongs to it go into $STATE/unpaid, a name and a value in each line.
unpaid() {
  echo "SELECT 1" | billing_sql >/dev/null
  admin_sql "$DB_NAME" <<SQL >"$STATE/unpaid"
    CREATE TEMPORARY TABLE newest AS
      SELECT DISTINCT ON (p.subscription_id) p.*, s.square_customer_id, s.square_card_id
      FROM subscription_payments p JOIN subscriptions s ON s.id = p.subscription_id
      WHERE s.id = (
        SELECT b.id FROM drill_saved.billed b JOIN drill_saved.companies c ON c.id = b.company_id
        WHERE b.autopay_enabled AND c.settings #>> '{integrations,payment,credentials,accessToken}' <> ''
        ORDER BY b.id OFFSET $1 - 1 LIMIT 1)
      ORDER BY p.subscription_id, p.billing_period_start DESC;
    UPDATE subscription_payments p SET status = '$2', failure_reason = nullif('$3', ''), square_payment_id = NULL,
      updated_at = now() - interval '5 days' FROM newest n WHERE p.id = n.id;
    UPDATE subscriptions s SET status = 'past_due' FROM newest n WHERE s.id = n.subscription_id AND '$2' = 'failed';
    SELECT concat_ws(E'\n', 'row=' || id, 'subscription=' || subscription_id, 'company=' || company_id, 'square=' || square_payment_id,
      'customer=' || square_customer_id, 'card=' || square_card_id, 'cents=' || (amount * 100)::int,
      'period=' || to_char(billing_period_start AT TIME ZONE 'UTC', 'YYYY-MM')) FROM newest;
SQL
}
# At Square it was not paid either; the answer names the location and the merchant.
unpaid_at_square() {
  square POST "/_sim/payments/$(unpaid_value square)/forget" >"$STATE/forgotten"
  for name in location merchant; do
    echo "$name=$(sed -n "s/.*\"${name}_id\": \"\([^\"]*\)\".*/\1/p" "$STATE/forgotten")" >>"$STATE/unpaid"
  done
}
unpaid_value() { sed -n "s/^$1=//p" "$STATE/unpaid"; }
# The request of a first attempt, in the order in which it is digested.
intended() {
  printf '{"amount_money":{"amount":%s,"currency":"USD"},"customer_id":"%s","idempotency_key":"%s","location_id":"%s","note":"Circuit Sage, %s, attempt 1","reference_id":"%s","source_id":"%s"}' \
    "$(unpaid_value cents)" "$(unpaid_value customer)" "drill-$(unpaid_value row)" "$(unpaid_value location)" "$(unpaid_value period)" \
    "$(unpaid_value row)" "$(unpaid_value card)"
}
# As a worker leaves it: the payment is pending while its attempt has no outcome. The table is the one that payment_retry makes.
intent() {
  {
    cat <<'SQL'
      CREATE SCHEMA IF NOT EXISTS circuit_sage_ops;
      CREATE TABLE circuit_sage_ops.payment_intent (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, incident text NOT NULL, company_id uuid NOT NULL, subscription_id uuid NOT NULL,
        payment_id uuid NOT NULL, period date NOT NULL, attempt int NOT NULL, amount_cents bigint NOT NULL, currency text NOT NULL,
        card_id text NOT NULL, customer_id text NOT NULL, location_id text NOT NULL, idempotency_key text NOT NULL UNIQUE,
        request_sha256 text NOT NULL, state text NOT NULL DEFAULT 'INTENT', code text, square_payment_id text UNIQUE, status_before text NOT NULL,
        reason_before text, failed_before timestamptz, at timestamptz NOT NULL DEFAULT clock_timestamp(),
        called_at timestamptz NOT NULL DEFAULT clock_timestamp(), settled_at timestamptz, UNIQUE (subscription_id, period, attempt));
      CREATE UNIQUE INDEX payment_intent_once ON circuit_sage_ops.payment_intent (subscription_id, period)
        WHERE state IN ('INTENT', 'UNKNOWN', 'SUCCEEDED');
SQL
    cat <<SQL
      INSERT INTO circuit_sage_ops.payment_intent (incident, company_id, subscription_id, payment_id, period, attempt, amount_cents, currency,
        card_id, customer_id, location_id, idempotency_key, request_sha256, state, status_before, reason_before, failed_before, at, called_at)
      SELECT 'drill', company_id, subscription_id, id, '$(unpaid_value period)-01', 1, $(unpaid_value cents), 'USD', '$(unpaid_value card)',
        '$(unpaid_value customer)', '$(unpaid_value location)', 'drill-' || id, '$(intended | sha256sum | cut -d ' ' -f 1)', '$1', status,
        failure_reason, updated_at, now(), now()
      FROM subscription_payments WHERE id = '$(unpaid_value row)';
      UPDATE subscription_payments SET status = 'pending', failure_reason = NULL WHERE id = '$(unpaid_value row)';
SQL
  } | admin_sql "$DB_NAME"
}
payments_restore() {
  square POST /_sim/reset
  billing_restore
  echo "DROP TABLE IF EXISTS circuit_sage_ops.payment_intent, circuit_sage_ops.square_event" |
    PGOPTIONS='-c client_min_messages=warning' admin_sql "$DB_NAME"
  rm -f "$STATE/unpaid" "$STATE/forgotten"
}
paid_by_square() {
  printf '{"amount": %s, "customer_id": "%s", "card": "%s", "location_id": "%s"}' \
    "$(unpaid_value cents)" "$(unpaid_value customer)" "$(unpaid_value card)" "$(unpaid_value location)" | square POST /_sim/payments @-
}
square_webhook() {
  printf '{"url": "http://%s/api/payments/webhook/square", "signature_key": "%s", "notification_url": "%s"}' \
    "$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$EDGE")" "$1" "$2" | square POST /_sim/webhook @-
}
checked_webhook() {
  printf 'SQUARE_WEBHOOK_SIGNATURE_KEY=%s\nSQUARE_WEBHOOK_NOTIFICATION_URL=%s\n' "$1" "$2" >>"$ENV_FILE"
  compose up -d --no-deps --no-build backend
  until test "$(health)" = 200; do sleep 0.2; done
}
unchecked_webhook() {
  square POST /_sim/webhook '{"url": null}'
  sed -i '/^SQUARE_WEBHOOK_/d' "$ENV_FILE"
  rm -f "$ENV_FILE".*-payment_failure-*
  compose up -d --no-deps --no-build backend
  until test "$(health)" = 200; do sleep 0.2; done
}
new_certificate() {
  # shellcheck disable=SC2016 # for the shell in the container
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
  # shellcheck disable=SC2016 # for the shell in the container
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
    docker build -q -t "$PROJECT-release/backend:1" -
  echo "SANDBOX_BACKEND_IMAGE=$PROJECT-release/backend:1" >>"$ENV_FILE"
  compose up -d --no-deps --no-build backend
}
no_release() {
  sed -i '/^SANDBOX_BACKEND_IMAGE=/d' "$ENV_FILE"
  compose up -d --no-deps --no-build backend
  docker images -q "$PROJECT-release/backend" | sort -u | xargs -r docker inspect -f '{{range .RepoTags}}{{println .}}{{end}}' |
    { grep "^$PROJECT-release/backend:" || true; } | xargs -r docker rmi -f
}
# In place of the server of another major version stands what that one says to files that it cannot read.
new_database_release() {
  # shellcheck disable=SC2016 # for the builder and the shell in the container
  printf '%s\n' "FROM $(docker inspect -f '{{.Config.Image}}' "$POSTGRES")" 'ENV PG_MAJOR=16 PATH=/opt/16:$PATH' \
    'RUN mkdir /opt/16 && printf "%s\n" "#!/bin/sh" "echo \"\$(date -u \"+%F %T.%3N UTC\") [1] FATAL:  database files are incompatible with server\" >&2" \
      "echo \"\$(date -u \"+%F %T.%3N UTC\") [1] DETAIL:  The data directory was initialized by PostgreSQL version \$(cat \"\$PGDATA/PG_VERSION\"), which is not compatible with this version 16.4.\" >&2" \
      "exit 1" >/opt/16/postgres && chmod 0755 /opt/16/postgres' |
    docker build -q -t "circuit-sage-sandbox/postgres:16-$PROJECT" -
  echo "SANDBOX_POSTGRES_IMAGE=circuit-sage-sandbox/postgres:16-$PROJECT" >>"$ENV_FILE"
  compose up -d --no-deps --no-build postgres
}
no_database_release() {
  sed -i '/^SANDBOX_POSTGRES_IMAGE=/d' "$ENV_FILE"
  rm -f "$(dirname "$ENV_FILE")/docker-compose.incident.yml"
  compose up -d --no-deps --no-build postgres
  until docker exec "$POSTGRES" pg_isready -q; do sleep 0.2; done
  docker restart -t 5 "$BACKEND"
  docker images -q "circuit-sage-sandbox/postgres:16-$PROJECT" | xargs -r docker rmi -f
}
api() { curl -s -o /dev/null --max-time 3 -w '%{http_code}' "$BACKEND_URL/api/subscriptions" || true; }
data_folder() {
  docker inspect -f '{{range .Mounts}}{{if eq .Destination "/var/lib/postgresql/data"}}{{.Source}}{{end}}{{end}}' "$POSTGRES"
}
edge() { docker exec -i "$EDGE" "$@"; }
EDGE_LOG=/var/log/nginx/circuit-sage-access.log
EDGE_LEDGER=/var/lib/circuit-sage/ip_block.json
attackers() {
  docker run -d --name "$PROJECT-attackers" --network "$NETWORK" --cap-add NET_ADMIN --entrypoint sleep circuit-sage-sandbox/edge:1 3600
  # shellcheck disable=SC2016 # for the shell in the container
  docker exec "$PROJECT-attackers" sh -c 'for number in $(seq "$0" "$1"); do ip address add "203.0.113.$number/32" dev eth0; done' "$1" "$2"
  edge ip route replace 203.0.113.0/24 dev eth0
}
attacker() {
  local number=$1
  shift
  docker exec -i "$PROJECT-attackers" curl -s --max-time 2 --interface "203.0.113.$number" "$@"
}
no_attackers() {
  docker rm -f "$PROJECT-attackers" >/dev/null 2>&1 || true
  # shellcheck disable=SC2016 # for the shell in the container
  edge sh -c '
    grep -v -e "^203\.0\.113\." -e "\"GET /wp-" "$0" >/tmp/drill.log || true
    cat /tmp/drill.log >"$0" && rm /tmp/drill.log
    rm -f "$1" /run/circuit_sage_block.json
    if nft list table inet circuit_sage_block >/dev/null 2>&1; then nft delete table inet circuit_sage_block; fi
    ip route del 203.0.113.0/24 dev eth0 2>/dev/null || true' "$EDGE_LOG" "$EDGE_LEDGER"
}
ROTATION_JOURNAL=$(dirname "$ENV_FILE")/.circuit-sage-rotation
open_rotation() {
  local done=$1 variable variables='' separator=''
  shift
  (
    umask 077
    cp -p "$ENV_FILE" "$STATE/env_before_rotation"
    for variable in "$@"; do
      variables+="$separator\"${variable%%=*}\": {\"current\": \"$(env_value "${variable%%=*}")\", \"pending\": \"${variable#*=}\"}"
      separator=', '
    done
    printf '{"format": 1, "incident": "drill", "began_at": "%s", "direction": "forward", "done": [%s], "variables": {%s}, "role": null,
      "ended": null, "ended_at": null, "previous": {}}\n' "$(date -u +%FT%T+00:00)" "$done" "$variables" >"$ROTATION_JOURNAL"
  )
}
no_rotation() {
  if [ -e "$STATE/env_before_rotation" ]; then
    cp -p "$STATE/env_before_rotation" "$ENV_FILE"
    rm -f "$ROTATION_JOURNAL"
    compose up -d --no-deps --no-build --force-recreate backend
    until test "$(health)" = 200; do sleep 0.2; done
    rm "$STATE/env_before_rotation"
  fi
}
DB_USER=$(env_value POSTGRES_USER)
DB_NAME=$(env_value POSTGRES_DB)
PGPASSWORD=$(env_value POSTGRES_PASSWORD)
export PGPASSWORD
# shellcheck disable=SC2034 # for the faults
PYTHON_IMAGE=circuit-sage-sandbox/backend:1

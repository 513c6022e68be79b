#!/usr/bin/env bash
# The sandbox: a disposable Circuit Sage. `up` makes it (again) and seeds it, `down` removes every trace but the images and the env file,
# `seed` puts the seeded data in. The SANDBOX_* variables that write_env.py lists move its ports, its network and its name.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
env_file=${SANDBOX_ENV_FILE:-$here/.env.production}
project=${SANDBOX_PROJECT:-circuit-sage-sandbox}
images=(postgres:15 frontend:1 edge:1 backend:1 square:1)
sources_label=circuit-sage.sandbox.sources
project_label=com.docker.compose.project

say() { printf '  stack: %s\n' "$*"; }
die() { printf 'stack: %s\n' "$*" >&2; exit 1; }
# The system's own Python where there is one: a version manager's shim costs 0.1 s at each call.
python=$(PATH=/usr/bin:$PATH command -v python3) || die "python3 is missing; install it."
setting() { sed -n "s/^$1=//p" "$env_file" | tail -n 1; }
compose=(docker compose --project-directory "$here" --project-name "$project" --env-file "$env_file"
  -f "$here/docker-compose.prod.yml" -f "$here/docker-compose.sandbox.yml")

# Runs a step that talks too much: its words are shown only when it fails.
quietly() { "$@" >"$log" 2>&1 || { tail -n 20 "$log" >&2; return 1; }; }

# What belongs to the project: labelled by Compose, or named after it and not labelled as another project's.
containers() {
  docker ps -a --format "{{.ID}} {{.Names}} {{.Label \"$project_label\"}}" |
    awk -v p="$project" '$3 == p || ($3 == "" && (index($2, p "-") == 1 || index($2, p "_") == 1)) { print $1 }'
}
named_or_labelled() { # network|volume
  docker "$1" ls --format "{{.Name}} {{.Label \"$project_label\"}}" |
    awk -v p="$project" '$2 == p || ($2 == "" && (index($1, p "-") == 1 || index($1, p "_") == 1)) { print $1 }'
}

# By label and name, not by Compose: that works without the env file, and on what a killed run left half made.
remove_everything() {
  local network guest
  containers | xargs -r -P 4 -n 1 docker rm -f -v >"$log" 2>&1 || true
  for network in $(named_or_labelled network); do
    for guest in $(docker network inspect -f '{{range .Containers}}{{.Name}} {{end}}' "$network"); do
      docker network disconnect -f "$network" "$guest" >>"$log" 2>&1 || true
    done
    docker network rm "$network" >>"$log" 2>&1 || true
  done
  named_or_labelled volume | xargs -r docker volume rm >>"$log" 2>&1 || true
  local left
  left=$(containers; named_or_labelled network; named_or_labelled volume)
  [ -z "$left" ] || { tail -n 5 "$log" >&2; die "could not be removed: ${left//$'\n'/, }; Docker's reason is above."; }
}

# A stack of another checkout, or one whose env file is gone, has passwords that this env file does not know.
remove_foreign_stack() {
  local other volume
  other=$(docker ps -a --filter "label=$project_label=$project" --format '{{.Label "com.docker.compose.project.working_dir"}}' |
    grep -vxF "$here" | sort -u | head -n 1 || true)
  volume=$(docker volume ls --format '{{.Name}} {{.Label "circuit-sage.sandbox.id"}}' | grep "^${project}_postgres_data " || true)
  if [ -n "$other" ]; then
    say "removing the stack $project that was left by $other"
  elif [ -n "$volume" ] && [ "${volume#* }" != "$(setting SANDBOX_ID)" ]; then
    say "removing a stack $project that was made with another env file"
  else
    return 0
  fi
  remove_everything
}

sources_of() { # folder -> hash of its files' names, contents and executable bits
  (
    cd "$here/$1"
    find . -type f ! -name '*.pyc' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    find . -type f -perm -u+x ! -name '*.pyc' | LC_ALL=C sort
  ) | sha256sum | cut -c 1-16
}

build_images() {
  local image folder wanted found start
  for image in "${images[@]}"; do
    folder=${image%:*}
    wanted=$(sources_of "$folder")
    found=$(docker image inspect -f "{{index .Config.Labels \"$sources_label\"}}" "circuit-sage-sandbox/$image" 2>/dev/null || true)
    [ "$found" = "$wanted" ] && continue
    "$here/../../setup/base_image.sh"
    say "building the image of $folder (some 5 to 30 s)"
    start=$SECONDS
    quietly docker build --label "$sources_label=$wanted" -t "circuit-sage-sandbox/$image" "$here/$folder" ||
      die "the image of $folder could not be built; the builder's last words are above."
    say "built the image of $folder in $((SECONDS - start)) s"
  done
}

takes_writes() {
  docker exec -i "$project-db" psql -XqU "$(setting POSTGRES_USER)" -d "$(setting POSTGRES_DB)" -v ON_ERROR_STOP=1 <<'SQL'
BEGIN; SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '5s'; UPDATE system_settings SET updated_at = updated_at; ROLLBACK;
SQL
}

seed() { docker exec -i "$project-api" python3 /app/seed.py; }

start_and_prove() { # seconds
  docker ps -q --filter "label=$project_label=$project" --filter status=paused | xargs -r docker unpause >"$log" 2>&1 || return 1
  quietly timeout 120 "${compose[@]}" up -d --no-build --remove-orphans || return 1
  "$python" "$here/wait_healthy.py" "$1" "$(setting SANDBOX_EDGE_PORT)" "$(setting SANDBOX_EDGE_TLS_PORT)" \
    "$(setting SANDBOX_BACKEND_PORT)" "$(setting SANDBOX_SQUARE_PORT)" || return 1
  quietly takes_writes && quietly seed
}

up() {
  local start=$SECONDS existed ports reason
  "$python" "$here/write_env.py" "$env_file"
  remove_foreign_stack
  mapfile -t ports < <(sed -n '/^SANDBOX_[A-Z_]*_PORT=/p' "$env_file")
  "$python" "$here/check_free.py" "$project" "$(setting SANDBOX_NETWORK)" "${ports[@]}"
  build_images
  existed=$(containers)
  if [ -n "$existed" ] && ! reason=$(start_and_prove 30 2>&1 | tail -n 1); then
    say "making the stack that is there anew, because it does not serve: $reason"
    remove_everything
    existed=
  fi
  if [ -z "$existed" ]; then
    # What an incident asked of another stack.
    rm -f "$here/docker-compose.incident.yml"
    say "starting postgres, backend, frontend, edge and square (about 10 s)"
    start_and_prove 60 ||
      die "the stack did not become healthy; what is missing is above, and 'docker ps -a' and 'docker logs NAME' tell more."
  fi
  docker image prune -f --filter "label=$sources_label" >/dev/null  # what a rebuild replaced
  say "$project is up at http://127.0.0.1:$(setting SANDBOX_EDGE_PORT) (after $((SECONDS - start)) s)"
}

down() {
  local found
  found=$(containers; named_or_labelled network; named_or_labelled volume)
  [ -n "$found" ] || return 0
  remove_everything
  say "$project is removed"
}

case "${1:-}" in
  up | down | seed) ;;
  *) die "usage: stack.sh up|down|seed" ;;
esac
docker version -f '{{.Server.Version}}' >/dev/null 2>&1 ||
  die "no Docker engine answers; start one ('setup/engine.sh' can) and let this user reach it."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# One at a time in this checkout; whoever comes second waits, and then finds the work done.
exec 9<"$here"
if ! flock -n 9; then
  say "waiting for another stack.sh in $here"
  flock -w 300 9 || die "another stack.sh has been at work in $here for 300 s; end it, then try again."
fi
"$1"

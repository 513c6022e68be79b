#!/usr/bin/env bash
# The sandbox: a disposable Circuit Sage. `up` makes it (again) and seeds it, `down` removes every trace but the images and the env file,
# `seed` puts the seeded data in. The SANDBOX_* variables that write_env.py lists move its ports, its network and its name.
# `up APP` makes it of an application instead: of the compose file in the folder APP, which is only read, and an override (app_override.py).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
checkout=$(cd "$here/../.." && pwd -P)
env_file=${SANDBOX_ENV_FILE:-$here/.env.production}
project=${SANDBOX_PROJECT:-circuit-sage-sandbox}
images=(postgres:15 frontend:1 edge:1 backend:1 square:1)
source=$here
files=(docker-compose.prod.yml docker-compose.sandbox.yml)
app=
start_seconds=120
healthy_seconds=60
if [ -n "${2:-}" ]; then
  app=$(realpath -m -- "$2")
  env_file=$checkout/.cache/app/$project/.env.production
  # The backend's has the seed, and clients for the faults.
  images=(edge:1 backend:1)
  source=$app
  files=(docker-compose.prod.yml "$checkout/.cache/app/$project/docker-compose.override.yml")
  # Its images may have to be pulled, and its migrations may be many.
  start_seconds=900
  healthy_seconds=180
fi
sources_label=circuit-sage.sandbox.sources
project_label=com.docker.compose.project

say() { printf '  stack: %s\n' "$*"; }
die() { printf 'stack: %s\n' "$*" >&2; exit 1; }
# The system's own Python where there is one: a version manager's shim costs 0.1 s at each call.
python=$(PATH=/usr/bin:$PATH command -v python3) || die "python3 is missing; install it."
setting() { sed -n "s/^$1=//p" "$env_file" | tail -n 1; }
compose=(docker compose --project-directory "$source" --project-name "$project" --env-file "$env_file")
for file in "${files[@]}"; do
  case $file in /*) compose+=(-f "$file") ;; *) compose+=(-f "$source/$file") ;; esac
done

# Runs a step that talks too much: its words are shown only when it fails.
quietly() { "$@" >"$log" 2>&1 || { tail -n 20 "$log" >&2; return 1; }; }

# What belongs to the project: labelled by Compose, or named after it and not labelled as another project's.
containers() {
  docker ps -a --format "{{.ID}} {{.Names}} {{.Label \"$project_label\"}}" |
    awk -v p="$project" '$3 == p || ($3 == "" && (index($2, p "-") == 1 || index($2, p "_") == 1)) { print $1 }'
}
container_of() { docker ps -aq --filter "label=$project_label=$project" --filter "label=com.docker.compose.service=$1"; }
named_or_labelled() { # network|volume
  docker "$1" ls --format "{{.Name}} {{.Label \"$project_label\"}}" |
    awk -v p="$project" '$2 == p || ($2 == "" && (index($1, p "-") == 1 || index($1, p "_") == 1)) { print $1 }'
}

# A drill that was killed leaves a watchdog, which would take its fault back when the stack is gone. It does so now, where there still is a
# stack: a fault may have mounted something over a volume.
end_watchdog() {
  local armed=/tmp/circuit-sage-drill-$project/armed pid born
  # Only what this user wrote: everybody may make a folder of that name.
  [ -O "$armed" ] || return 0
  read -r pid born <"$armed"
  if [[ $pid =~ ^[1-9][0-9]+$ && $born = "$(cut -d ' ' -f 22 "/proc/$pid/stat" 2>/dev/null)" ]]; then
    if [ -n "$(containers)" ]; then
      say "taking back the fault of a drill that did not end (60 s at most)"
      kill -TERM -- "-$pid"
      timeout 60 tail --pid="$pid" -f /dev/null || true
    fi
    kill -KILL -- "-$pid" 2>/dev/null || true
  fi
  rm -f "$armed"
}

# By label and name, not by Compose: that works without the env file, and on what a killed run left half made.
remove_everything() {
  local network guest
  end_watchdog
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
    grep -vxF "$source" | sort -u | head -n 1 || true)
  volume=$(docker volume ls --format "{{.Name}}\t{{.Label \"$project_label\"}}\t{{.Label \"circuit-sage.sandbox.id\"}}" |
    awk -F '\t' -v p="$project" -v id="$(setting SANDBOX_ID)" '($1 == p "_postgres_data" || ($2 == p && $3 != "")) && $3 != id { print $1 }')
  if [ -n "$other" ]; then
    say "removing the stack $project that was left by $other"
  elif [ -n "$volume" ]; then
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
  docker exec -i "$(container_of postgres)" psql -XqU "$(setting POSTGRES_USER)" -d "$(setting POSTGRES_DB)" -v ON_ERROR_STOP=1 <<'SQL'
BEGIN; SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '5s'; UPDATE system_settings SET updated_at = updated_at; ROLLBACK;
SQL
}

# Waits for the schema, which the backend's migrations make. A lock ends it, so that a stack that was found is not waited for.
seed() {
  export PGOPTIONS='-c lock_timeout=2s'
  if [ -z "$app" ]; then
    docker exec -i -e PGOPTIONS "$project-api" python3 /app/seed.py
  else
    # Beside the database of an application, whose backend is not ours. Values are given by name: they are in no argument.
    DB_HOST=127.0.0.1 DB_USER=$(setting POSTGRES_USER) DB_PASSWORD=$(setting POSTGRES_PASSWORD) DB_NAME=$(setting POSTGRES_DB) \
      docker run --rm --network "container:$(container_of postgres)" --env-file "$env_file" -e PGOPTIONS \
      -e DB_HOST -e DB_USER -e DB_PASSWORD -e DB_NAME circuit-sage-sandbox/backend:1 python3 /app/seed.py
  fi
}

start_and_prove() { # seconds
  docker ps -q --filter "label=$project_label=$project" --filter status=paused | xargs -r docker unpause >"$log" 2>&1 || return 1
  quietly timeout "$start_seconds" "${compose[@]}" up -d --no-build --remove-orphans || return 1
  local ports=(SANDBOX_EDGE_PORT SANDBOX_EDGE_TLS_PORT SANDBOX_BACKEND_PORT) port
  [ -n "$app" ] || ports+=(SANDBOX_SQUARE_PORT)
  for port in "${ports[@]}"; do set -- "$@" "$(setting "$port")"; done
  "$python" "$here/wait_healthy.py" "$@" || return 1
  seed >"$log" 2>&1 || { tail -n 1 "$log" >&2; exit 1; }
  quietly takes_writes
}

# As its compose file says; the builder keeps what has not changed.
build_application() {
  say "building the images of $app (the first time this may take minutes)"
  quietly timeout 3600 "${compose[@]}" build || die "the images of $app could not be built; the builder's last words are above."
}

up() {
  local start=$SECONDS existed ports reason name
  if [ -z "$app" ]; then
    "$python" "$here/write_env.py" "$env_file"
  else
    "$checkout/.venv/bin/python" "$here/app_override.py" "$app" "$(dirname "$env_file")"
    # What this shell exports would go before the generated values.
    while read -r name; do
      case $name in HOME | PATH) ;; *) unset "$name" ;; esac
    done < <(sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p' "$env_file")
  fi
  mapfile -t ports < <(sed -n '/^SANDBOX_[A-Z_]*_PORT=/p' "$env_file")
  "$python" "$here/check_free.py" "$project" "$(setting SANDBOX_NETWORK)" "${ports[@]}"
  remove_foreign_stack
  build_images
  [ -z "$app" ] || build_application
  existed=$(containers)
  if [ -n "$existed" ] && ! reason=$(start_and_prove 30 2>&1 | tail -n 1); then
    say "making the stack that is there anew, because it does not serve: $reason"
    remove_everything
    existed=
  fi
  if [ -z "$existed" ]; then
    # What an incident asked of another stack.
    rm -f "$here/docker-compose.incident.yml"
    say "starting ${app:-postgres, backend, frontend, edge and square (about 10 s)}"
    start_and_prove "$healthy_seconds" ||
      die "the stack did not become healthy; what is missing is above, and 'docker ps -a' and 'docker logs NAME' tell more."
  fi
  docker image prune -f --filter "label=$sources_label" >/dev/null  # what a rebuild replaced
  say "$project is up at http://127.0.0.1:$(setting SANDBOX_EDGE_PORT) (after $((SECONDS - start)) s)"
}

down() {
  local found
  found=$(containers; named_or_labelled network; named_or_labelled volume)
  remove_everything
  [ -z "$found" ] || say "$project is removed"
}

case "${1:-}${app:+ APP}" in
  up | down | seed | "up APP") ;;
  *) die "usage: stack.sh up [APP]|down|seed" ;;
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

#!/usr/bin/env bash
# Starts PostgreSQL as the official image does: an empty data directory is initialised from POSTGRES_*, an initialised one is left alone
# (so a changed POSTGRES_PASSWORD has no effect on it); then the server replaces this script.
set -euo pipefail

initialise() {
  if [ -z "${POSTGRES_PASSWORD:-}" ]; then
    cat >&2 <<'END'
Error: Database is uninitialized and superuser password is not specified.
       You must specify POSTGRES_PASSWORD to a non-empty value for the
       superuser. For example, "-e POSTGRES_PASSWORD=password" on "docker run".
END
    exit 1
  fi
  local user=${POSTGRES_USER:-postgres}
  local database=${POSTGRES_DB:-$user}
  initdb --username="$user" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD")
  printf '\nhost all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"

  # The temporary server is reached through a socket of its own, so that `pg_isready` does not take it for the real one.
  local socket
  socket=$(mktemp -d)
  export PGHOST=$socket
  pg_ctl -D "$PGDATA" -o "-c listen_addresses='' -c unix_socket_directories='$socket'" -w start
  if [ "$database" != postgres ]; then
    psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$user" --dbname postgres --set db="$database" <<<'CREATE DATABASE :"db";'
  fi
  run_init_files "$user" "$database"
  pg_ctl -D "$PGDATA" -m fast -w stop
  unset PGHOST
  rm -rf "$socket"
  printf '\nPostgreSQL init process complete; ready for start up.\n\n'
}

run_init_files() {
  local sql=(psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$1" --dbname "$2")
  for file in /docker-entrypoint-initdb.d/*; do
    case $file in
      *.sh) printf '%s: running %s\n' "$0" "$file"; bash "$file" ;;
      *.sql) printf '%s: running %s\n' "$0" "$file"; "${sql[@]}" -f "$file" ;;
      *.sql.gz) printf '%s: running %s\n' "$0" "$file"; gunzip -c "$file" | "${sql[@]}" ;;
      '/docker-entrypoint-initdb.d/*') ;;  # the folder is empty
      *) printf '%s: ignoring %s\n' "$0" "$file" ;;
    esac
  done
}

wants_words_only() { # `postgres --version` and the like need no database
  local argument
  for argument in "$@"; do
    case $argument in -'?' | --help | --describe-config | -V | --version) return 0 ;; esac
  done
  return 1
}

if [ "${1:0:1}" = - ]; then set -- postgres "$@"; fi

if [ "$1" = postgres ]; then
  if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA"
    chmod 0700 "$PGDATA"
    find "$PGDATA" \! -user postgres -exec chown postgres {} +
    exec gosu postgres "${BASH_SOURCE[0]}" "$@"
  fi
  if [ -s "$PGDATA/PG_VERSION" ]; then
    printf '\nPostgreSQL Database directory appears to contain a database; Skipping initialization\n\n'
  elif ! wants_words_only "$@"; then
    initialise
  fi
fi
exec "$@"

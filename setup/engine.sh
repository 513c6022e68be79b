#!/usr/bin/env bash
# Makes a Docker engine with Compose v2 available: the one that is there, or on Debian and Ubuntu (root or sudo) one that this script
# installs and starts, also where no systemd runs. `engine.sh release` ends an engine that was started so for a test run (the mark in
# CIRCUIT_SAGE_TEST_RUN, see test.sh) once that run is over; `engine.sh stop` ends it whoever it was started for. Neither does so while
# containers of somebody else run in it.
set -euo pipefail
# shellcheck source=setup/packages.sh
. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

# What this script remembers of an engine that it started; gone after a reboot, as the engine is.
state_dir=/run/circuit-sage-sandbox
pid_file=/var/run/docker.pid
plugin_dir=/usr/libexec/docker/cli-plugins
install_sentence="install Docker Engine 20.10 or newer with the Compose v2 plugin (https://docs.docker.com/engine/install/), start it, and let this user reach it"

say() { printf '  engine: %s\n' "$*"; }
die() { printf 'engine: %s\n' "$*" >&2; exit 1; }

# A password is asked for only where somebody can type it.
may_be_root() { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || { [ -t 0 ] && command -v sudo >/dev/null && sudo -v; }; }

answers() { reason=$(timeout 10 docker version --format '{{.Server.Version}}' 2>&1 >/dev/null); }
refuses_this_user() { case $reason in *'permission denied'*) ;; *) false ;; esac; }
has_compose() { docker compose version --short 2>/dev/null | grep -Eq '^v?[2-9]'; }
# The pid of a living dockerd; the number in a file left by a killed one may belong to somebody else by now.
engine_pid() {
  local pid
  pid=$(cat "$pid_file" 2>/dev/null) && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ] && printf '%s\n' "$pid"
}

# More than for other packages: here somebody may be asked for a password.
engine_can_be_installed() { command -v apt-get >/dev/null && may_be_root; }
has_package() { apt-cache policy "$1" 2>/dev/null | grep -Eq "Candidate: (.*:)?${2:-[0-9]}"; }

install_engine() {
  engine_can_be_installed || die "no Docker engine answers, and it cannot be installed from here; $install_sentence."
  say "reading the lists of packages"
  apt_get update
  say "installing docker.io from the distribution's packages (about a minute)"
  local packages=(docker.io iptables iproute2 procps)
  # Newer releases have the client in a package of its own.
  if has_package docker-cli; then packages+=(docker-cli); fi
  install_packages "${packages[@]}" || die "docker.io could not be installed; $install_sentence."
}

# Debian 12 has no Compose v2; Debian 13's package is one static plugin that needs nothing newer than Debian 12 has. It is read from the
# machine's own mirror through lists apart, so that the machine's package sources stay as they are.
unpack_from_trixie() {
  local work mirror package
  # shellcheck disable=SC2016 # apt's own words, not the shell's
  mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 2>/dev/null | awk '$2 == "bookworm" && !n++ { print $1 }')
  [ -n "$mirror" ] || return 1
  work=$(mktemp -d)
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
  printf 'deb [signed-by=%s] %s trixie main\n' /usr/share/keyrings/debian-archive-keyring.gpg "$mirror" >"$work/trixie.list"
  local apt=(apt-get -qq -o "Dir::Etc::sourcelist=$work/trixie.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$work/lists"
    -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root -o APT::Get::List-Cleanup=0)
  as_root "${apt[@]}" update
  (cd "$work" && as_root "${apt[@]}" download docker-compose docker-buildx)
  for package in "$work"/*.deb; do as_root dpkg-deb -x "$package" "$work/root"; done
  as_root mkdir -p "$plugin_dir"
  as_root cp "$work/root$plugin_dir"/docker-* "$plugin_dir/"
  as_root rm -rf "$work"
}

install_compose() {
  local package
  engine_can_be_installed || die "Docker answers, but 'docker compose' (v2) is missing; $install_sentence."
  say "installing Compose v2"
  apt_get update
  if has_package docker-buildx; then install_packages docker-buildx; fi
  for package in docker-compose-v2 docker-compose-plugin; do
    if has_package "$package"; then install_packages "$package" && return; fi
  done
  if has_package docker-compose 2; then install_packages docker-compose && return; fi
  # shellcheck source=/dev/null
  if [ "$(. /etc/os-release && printf '%s %s' "$ID" "${VERSION_ID:-}")" = 'debian 12' ]; then unpack_from_trixie; fi
}

# Waits for an answer; a refusal of this user is one too.
wait_for_engine() {
  for _ in $(seq 120); do
    if answers || refuses_this_user; then return; fi
    sleep 0.5
  done
  as_root tail -n 5 "$state_dir/dockerd.log" >&2 2>/dev/null || true
  die "the Docker engine was started but did not answer within 60 s; its last words are above."
}

start_engine() {
  if engine_pid >/dev/null; then
    say "waiting for the Docker engine, which runs but does not answer yet"
  elif ! may_be_root; then
    die "the Docker engine is installed but does not answer; start it (for example 'sudo systemctl start docker')."
  elif [ -d /run/systemd/system ]; then
    say "starting the Docker engine"
    as_root systemctl start docker
  else
    say "starting the Docker engine (3 to 8 s)"
    as_root mkdir -p "$state_dir"
    as_root rm -f "$pid_file"
    printf '%s\n' "${CIRCUIT_SAGE_TEST_RUN:-}" | as_root tee "$state_dir/started_for" >/dev/null
    as_root env -u CIRCUIT_SAGE_TEST_RUN sh -c "setsid dockerd >$state_dir/dockerd.log 2>&1 </dev/null &"
  fi
  wait_for_engine
}

# Whoever may become root may use the engine: at once by the socket's access list, after the next login by the group.
admit_this_user() {
  say "letting $(id -un) use the Docker engine"
  command -v setfacl >/dev/null || install_packages acl
  as_root usermod -aG docker "$(id -un)"
  as_root setfacl -m "u:$(id -un):rw" /var/run/docker.sock
}

stop_engine() {
  local pid guests
  [ -e "$state_dir/started_for" ] || return 0
  if pid=$(engine_pid); then
    guests=$(docker ps --format '{{.Names}}' | tr '\n' ' ')
    if [ -n "$guests" ]; then
      say "left running, because containers of somebody else run in it: $guests"
      return
    fi
    say "stopping the engine that this project started"
    as_root kill "$pid"
    for _ in $(seq 60); do
      [ -d "/proc/$pid" ] || break
      sleep 0.5
    done
    [ ! -d "/proc/$pid" ] || die "the Docker engine (process $pid) did not stop within 30 s; its words are in $state_dir/dockerd.log."
  fi
  as_root rm -rf "$state_dir"
}

# A mark is `PROJECT PID START`: the run is over when no process has that number and that start any more.
release_engine() {
  local mark pid born
  mark=$(cat "$state_dir/started_for" 2>/dev/null) || return 0
  [ -n "$mark" ] || return 0
  read -r _ pid born <<<"$mark"
  if [ "$mark" = "${CIRCUIT_SAGE_TEST_RUN:-}" ] || [ "$(awk '{ print $22 }' "/proc/$pid/stat" 2>/dev/null)" != "$born" ]; then stop_engine; fi
}

start() {
  local ours=
  if ! answers && ! refuses_this_user; then
    command -v dockerd >/dev/null || install_engine
    start_engine
    ours=yes
  fi
  if ! answers; then
    refuses_this_user || die "the Docker engine does not answer: $reason"
    [ -n "$ours" ] || die "the Docker engine refuses $(id -un); run 'sudo usermod -aG docker $(id -un)' and log in again, or be root."
    admit_this_user
  fi
  has_compose || install_compose
  has_compose || die "'docker compose' (v2) is missing; $install_sentence."
}

case "${1:-start}" in
  start) start ;;
  stop) stop_engine ;;
  release) release_engine ;;
  answers) answers ;;
  *) die "usage: engine.sh [start|stop|release|answers]" ;;
esac

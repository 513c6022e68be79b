#!/usr/bin/env bash
# Makes a Docker engine with Compose v2 available: the one that is there, or on Debian and Ubuntu (root or sudo) one that this script
# installs and starts, also where no systemd runs. `engine.sh stop` ends an engine that this script started without systemd.
set -euo pipefail

state_dir=/run/circuit-sage-sandbox
plugin_dir=/usr/libexec/docker/cli-plugins

say() { printf '  engine: %s\n' "$*"; }
die() { printf 'engine: %s\n' "$*" >&2; exit 1; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

answers() { timeout 10 docker info >/dev/null 2>&1; }
has_compose() { docker compose version --short 2>/dev/null | grep -Eq '^v?[2-9]'; }

can_install() {
  command -v apt-get >/dev/null 2>&1 && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
}

install_sentence="install Docker Engine 20.10 or newer with the Compose v2 plugin (https://docs.docker.com/engine/install/), start it, and let this user reach it"

apt_install() { as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null; }

install_engine() {
  can_install || die "no Docker engine answers, and it cannot be installed from here; $install_sentence."
  say "installing docker.io from the distribution's packages (about a minute)"
  as_root apt-get update -qq
  apt_install docker.io iptables iproute2 procps
}

# Debian 12 has no Compose v2; Debian 13's package is one static plugin and depends on nothing newer than Debian 12 has. Its archive is
# read through lists of its own, so that the machine's package sources stay as they are.
unpack_from_trixie() {
  local work
  work=$(mktemp -d)
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
  printf 'deb [signed-by=%s] "$mirror" trixie main\n' /usr/share/keyrings/debian-archive-keyring.gpg >"$work/trixie.list"
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
  can_install || die "Docker answers, but 'docker compose' (v2) is missing; $install_sentence."
  say "installing Compose v2"
  as_root apt-get update -qq
  for package in docker-compose-v2 docker-compose-plugin; do
    if apt-cache show "$package" >/dev/null 2>&1; then apt_install "$package" && return; fi
  done
  unpack_from_trixie
}

start_engine() {
  can_install || die "the Docker engine is installed but does not answer; start it (for example 'sudo systemctl start docker')."
  if [ -d /run/systemd/system ]; then
    as_root systemctl start docker
  else
    as_root mkdir -p "$state_dir"
    as_root rm -f /var/run/docker.pid
    as_root sh -c "setsid dockerd >$state_dir/dockerd.log 2>&1 </dev/null & echo \$! >$state_dir/dockerd.pid"
  fi
  for _ in $(seq 60); do
    answers && return
    sleep 0.5
  done
  as_root tail -n 5 "$state_dir/dockerd.log" >&2 2>/dev/null || true
  die "the Docker engine was started but did not answer within 30 s; its last words are above."
}

stop_engine() {
  [ -f "$state_dir/dockerd.pid" ] || return 0
  local pid
  pid=$(cat "$state_dir/dockerd.pid")
  if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ]; then
    say "stopping the engine that this project started"
    as_root kill "$pid"
    for _ in $(seq 60); do
      [ -d "/proc/$pid" ] || break
      sleep 0.5
    done
  fi
  as_root rm -rf "$state_dir"
}

case "${1:-start}" in
  start)
    if ! answers; then
      command -v dockerd >/dev/null 2>&1 || install_engine
      say "starting the Docker engine"
      start_engine
    fi
    has_compose || install_compose
    has_compose || die "'docker compose' still does not answer; $install_sentence."
    ;;
  stop) stop_engine ;;
  *) die "usage: engine.sh [start|stop]" ;;
esac

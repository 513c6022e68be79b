# shellcheck shell=bash
# Sourced by the scripts beside it: how packages of Debian and Ubuntu are installed, by root or with sudo.

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
# Nobody is asked for a password: what does so decides for itself.
packages_can_be_installed() { command -v apt-get && { [ "$(id -u)" = 0 ] || sudo -n true; }; } >/dev/null 2>&1
# Waits for an apt that is at work: several of these scripts may run at once.
apt_get() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" >/dev/null; }
install_packages() { apt_get install -y --no-install-recommends "$@"; }

#!/usr/bin/env bash
# Makes `nft` available, with which the tests of the bans and their measurement look at the kernel's rules: on Debian and Ubuntu it is
# installed (root or sudo), elsewhere it is said what to install.
set -euo pipefail

die() { printf 'nftables: %s\n' "$*" >&2; exit 1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

PATH=$PATH:/usr/sbin:/sbin
if command -v nft >/dev/null && command -v ip >/dev/null && command -v iptables >/dev/null; then exit 0; fi
{ command -v apt-get && { [ "$(id -u)" = 0 ] || sudo -n true; }; } >/dev/null 2>&1 ||
  die "nft, ip or iptables is missing, and cannot be installed from here; install the packages nftables, iproute2 and iptables."
printf '  nftables: installing it\n'
as_root apt-get -qq -o DPkg::Lock::Timeout=300 update >/dev/null
as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends nftables iproute2 iptables \
  >/dev/null || die "nftables could not be installed; install the packages nftables, iproute2 and iptables."

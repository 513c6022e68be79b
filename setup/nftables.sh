#!/usr/bin/env bash
# Makes `nft` available, with which the tests of the bans and their measurement look at the kernel's rules: on Debian and Ubuntu it is
# installed (root or sudo), elsewhere it is said what to install.
set -euo pipefail
# shellcheck source=setup/packages.sh
. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

die() { printf 'nftables: %s\n' "$*" >&2; exit 1; }

PATH=$PATH:/usr/sbin:/sbin
if command -v nft >/dev/null && command -v ip >/dev/null && command -v iptables >/dev/null; then exit 0; fi
packages_can_be_installed ||
  die "nft, ip or iptables is missing, and cannot be installed from here; install the packages nftables, iproute2 and iptables."
printf '  nftables: installing it\n'
apt_get update
install_packages nftables iproute2 iptables ||
  die "nftables could not be installed; install the packages nftables, iproute2 and iptables."

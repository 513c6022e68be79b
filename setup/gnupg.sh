#!/usr/bin/env bash
# Makes `gpg` available, with which the tests of the evidence encrypt and read it: on Debian and Ubuntu it is installed (root or sudo), elsewhere
# it is said what to install.
set -euo pipefail
# shellcheck source=setup/packages.sh
. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

die() { printf 'gnupg: %s\n' "$*" >&2; exit 1; }

if command -v gpg >/dev/null && command -v gpg-agent >/dev/null; then exit 0; fi
packages_can_be_installed ||
  die "gpg or gpg-agent is missing, and cannot be installed from here; install the packages gpg and gpg-agent."
printf '  gnupg: installing it\n'
apt_get update
install_packages gpg gpg-agent ||
  die "gpg could not be installed; install the packages gpg and gpg-agent."

#!/usr/bin/env bash
# Makes `gpg` available, with which the tests of the evidence encrypt and read it: on Debian and Ubuntu it is installed (root or sudo), elsewhere
# it is said what to install.
set -euo pipefail

die() { printf 'gnupg: %s\n' "$*" >&2; exit 1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

if command -v gpg >/dev/null && command -v gpg-agent >/dev/null; then exit 0; fi
{ command -v apt-get && { [ "$(id -u)" = 0 ] || sudo -n true; }; } >/dev/null 2>&1 ||
  die "gpg or gpg-agent is missing, and cannot be installed from here; install the packages gpg and gpg-agent."
printf '  gnupg: installing it\n'
as_root apt-get -qq -o DPkg::Lock::Timeout=300 update >/dev/null
as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends gpg gpg-agent >/dev/null ||
  die "gpg could not be installed; install the packages gpg and gpg-agent."

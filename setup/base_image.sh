#!/usr/bin/env bash
# Makes the base image of the disposable stack available: found, pulled where a registry answers, else built from Debian's packages.
set -euo pipefail
# shellcheck source=setup/packages.sh
. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

image=debian:bookworm-slim

say() { printf '  base image: %s\n' "$*"; }
die() { printf 'base image: %s\n' "$*" >&2; exit 1; }

docker image inspect "$image" >/dev/null 2>&1 && exit 0

say "pulling $image (30 MB)"
if timeout 120 docker pull -q "$image" >/dev/null 2>&1; then exit 0; fi

say "no registry answers; building $image from Debian's packages (about 20 s)"
if ! command -v mmdebstrap >/dev/null; then
  packages_can_be_installed ||
    die "$image can be neither pulled nor built here; connect to a registry, then run 'docker pull $image'."
  say "installing mmdebstrap"
  apt_get update
  install_packages mmdebstrap debian-archive-keyring
fi
work=$(mktemp -d)
trap 'as_root rm -rf "$work"' EXIT
# The machine's own mirror where it has this release, else the one that mmdebstrap knows.
# shellcheck disable=SC2016 # apt's own words, not the shell's
mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 2>/dev/null | awk '$2 == "bookworm" && !n++ { print $1 }')
as_root mmdebstrap --quiet --variant=minbase --include=ca-certificates bookworm "$work/root.tar" ${mirror:+"$mirror"} ||
  die "$image could not be built; mmdebstrap's reason is above."
as_root cat "$work/root.tar" | docker import --change 'LABEL circuit-sage.sandbox.base=yes' - "$image" >/dev/null

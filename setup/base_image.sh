#!/usr/bin/env bash
# Makes the base image of the disposable stack available: found, pulled where a registry answers, else built from Debian's packages.
set -euo pipefail

image=debian:bookworm-slim

say() { printf '  base image: %s\n' "$*"; }
die() { printf 'base image: %s\n' "$*" >&2; exit 1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

docker image inspect "$image" >/dev/null 2>&1 && exit 0

say "pulling $image (30 MB)"
if timeout 120 docker pull -q "$image" >/dev/null 2>&1; then exit 0; fi

say "no registry answers; building $image from Debian's packages (about 20 s)"
if ! command -v mmdebstrap >/dev/null; then
  { command -v apt-get && { [ "$(id -u)" = 0 ] || sudo -n true; }; } >/dev/null 2>&1 ||
    die "$image can be neither pulled nor built here; connect to a registry, then run 'docker pull $image'."
  say "installing mmdebstrap"
  as_root apt-get -qq update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o DPkg::Lock::Timeout=300 --no-install-recommends \
    mmdebstrap debian-archive-keyring >/dev/null
fi
work=$(mktemp -d)
trap 'as_root rm -rf "$work"' EXIT
# The machine's own mirror where it has this release, else the one that mmdebstrap knows.
# shellcheck disable=SC2016 # apt's own words, not the shell's
mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 2>/dev/null | awk '$2 == "bookworm" && !n++ { print $1 }')
as_root mmdebstrap --quiet --variant=minbase --include=ca-certificates bookworm "$work/root.tar" ${mirror:+"$mirror"} ||
  die "$image could not be built; mmdebstrap's reason is above."
as_root cat "$work/root.tar" | docker import --change 'LABEL circuit-sage.sandbox.base=yes' - "$image" >/dev/null

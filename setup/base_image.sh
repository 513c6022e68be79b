#!/usr/bin/env bash
# Makes the base image of the disposable stack available: found, pulled where a registry answers, else built from Debian's packages.
set -euo pipefail

image=debian:bookworm-slim

say() { printf '  base image: %s\n' "$*"; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

docker image inspect "$image" >/dev/null 2>&1 && exit 0

say "pulling $image"
if timeout 120 docker pull -q "$image" >/dev/null 2>&1; then exit 0; fi

say "no registry answers; building $image from Debian's packages (about 20 s)"
if ! command -v mmdebstrap >/dev/null 2>&1; then
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mmdebstrap >/dev/null
fi
work=$(mktemp -d)
trap 'as_root rm -rf "$work"' EXIT
as_root mmdebstrap --quiet --variant=minbase --include=ca-certificates bookworm "$work/root.tar"
docker import "$work/root.tar" "$image" >/dev/null

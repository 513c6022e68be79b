#!/usr/bin/env bash
# Looks at the pages that the playbooks make in a headless browser: the one that is there, or on Debian one that is installed (root or
# sudo). Playwright, which drives it, has an environment of its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

die() { printf 'browser: %s\n' "$*" >&2; exit 1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
find_browser() {
  local name
  for name in ${CHROMIUM:-} chromium-headless-shell chromium google-chrome; do
    if command -v "$name"; then return; fi
  done
  return 1
}

if ! find_browser >/dev/null; then
  { command -v apt-get && { [ "$(id -u)" = 0 ] || sudo -n true; }; } >/dev/null 2>&1 ||
    die "no Chromium was found, and none can be installed from here; install Chromium or Chrome, or name it: make browser CHROMIUM=/path/to/chromium."
  printf '  browser: installing Chromium (100 MB)\n'
  as_root apt-get -qq -o DPkg::Lock::Timeout=300 update >/dev/null
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends chromium-headless-shell \
    >/dev/null || die "chromium-headless-shell could not be installed; install Chromium or Chrome, or name it: make browser CHROMIUM=/path/to/chromium."
fi
CHROMIUM=$(find_browser)
export CHROMIUM
setup/python.sh .cache/browser setup/browser.txt
exec .cache/browser/bin/python -m pytest tests/browser -q --override-ini=cache_dir=.cache/pytest-browser "$@"

#!/usr/bin/env bash
# Looks at the pages that the playbooks make in a headless browser: the one that is there, or on Debian one that is installed (root or
# sudo). Playwright, which drives it, has an environment of its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=setup/packages.sh
. setup/packages.sh

die() { printf 'browser: %s\n' "$*" >&2; exit 1; }
find_browser() {
  local name
  for name in ${CHROMIUM:-} chromium-headless-shell chromium google-chrome; do
    if command -v "$name"; then return; fi
  done
  return 1
}

if ! find_browser >/dev/null; then
  packages_can_be_installed ||
    die "no Chromium was found, and none can be installed from here; install Chromium or Chrome, or name it: make browser CHROMIUM=/path/to/chromium."
  printf '  browser: installing Chromium (100 MB)\n'
  apt_get update
  install_packages chromium-headless-shell ||
    die "chromium-headless-shell could not be installed; install Chromium or Chrome, or name it: make browser CHROMIUM=/path/to/chromium."
fi
CHROMIUM=$(find_browser)
export CHROMIUM
setup/python.sh .cache/browser setup/browser.txt
exec .cache/browser/bin/python -m pytest tests/browser -q --override-ini=cache_dir=.cache/pytest-browser "$@"

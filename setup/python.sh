#!/usr/bin/env bash
# Makes a Python environment from a lock file, when it is missing or the lock has changed: `python.sh [FOLDER LOCK]`, by default .venv from
# requirements.txt. Paths are relative to the checkout.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=setup/packages.sh
. setup/packages.sh

folder=${1:-.venv}
lock=${2:-requirements.txt}

say() { printf '  python: %s\n' "$*"; }
die() { printf 'python: %s\n' "$*" >&2; exit 1; }

# An environment cannot be moved, hence the path; a half-made one has no stamp.
stamp="$(sha256sum <"$lock") $PWD/$folder"
if [ "$(cat "$folder/.lock" 2>/dev/null)" = "$stamp" ] && "$folder/bin/python" -c '' 2>/dev/null; then exit 0; fi

# Python 3.11 to 3.13 are what ansible-core 2.19 supports. A name on the path may be a shim that runs nothing, so each one is tried; what
# counts is the interpreter behind it, since the name may lead into the very folder that is to be made anew. The distribution's own comes first:
# it is built with the compiler's profile of its use, and Ansible takes a seventh less processor time with it than with pyenv's default build.
find_python() {
  local name found without=
  for name in ${PYTHON:-} /usr/bin/python3 python3 python3.13 python3.12 python3.11; do
    found=$("$name" -c 'import sys; (3, 11) <= sys.version_info[:2] <= (3, 13) or sys.exit(1); print(sys._base_executable)' 2>/dev/null) || continue
    if makes_environments "$found" || packages_can_be_installed; then
      printf '%s\n' "$found"
      return
    fi
    without=${without:-$found}
  done
  [ -n "$without" ] && printf '%s\n' "$without"
}

makes_environments() { "$1" -c 'import ensurepip' 2>/dev/null; }

python=$(find_python) || die "no Python 3.11, 3.12 or 3.13 was found; install one, or name it: make PYTHON=/path/to/python3.12."

# Debian and Ubuntu keep ensurepip, without which no environment gets pip, in a package of its own.
if ! makes_environments "$python"; then
  package="$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
  if packages_can_be_installed; then
    say "installing $package"
    apt_get update
    install_packages "$package" ||
      die "$package could not be installed; install Python's venv module for $python."
  else
    die "$python cannot make environments; install the package $package."
  fi
fi

total=$(grep -Ec '^[A-Za-z0-9]' "$lock")
say "making $folder from $lock ($total packages, about a minute)"
rm -rf "$folder"
mkdir -p "$(dirname "$folder")"
"$python" -m venv "$folder"

# pip says little of where it is, so its lines are counted; they are kept for the case that it fails. A line for each tenth part.
log="$folder/pip.log"
count=0
tenth=$((total / 10 + 1))
export PIP_DISABLE_PIP_VERSION_CHECK=1
{ "$folder/bin/python" -m pip install --no-input --progress-bar off --no-compile --no-deps -r "$lock" 2>&1 || printf 'pip failed\n'; } |
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$log"
    case $line in
      Collecting* | Processing* | Ignoring*)
        count=$((count + 1))
        if [ $((count % tenth)) = 0 ]; then say "$count of $total packages"; fi
        ;;
      Installing*) say "unpacking them" ;;
      'pip failed') exit 1 ;;
    esac
  done || {
  tail -n 3 "$log" >&2
  die "the packages of $lock could not be installed; pip's last words are above, all of them in $log."
}
# Where Python is told to write no bytecode, as in many containers, each start of Ansible would compile it all again, for a second or two.
# Some packages hold files for other versions of Python, which cannot be compiled.
"$folder/bin/python" -m compileall -q -j 0 "$folder/lib" >/dev/null || true
printf '%s\n' "$stamp" >"$folder/.lock"

#!/usr/bin/env bash
# `ansible-test sanity` on what the tarball holds, with every test that runs without the network, and no ignore file. ansible-test wants the
# collection in a folder ansible_collections/NAMESPACE/NAME, so it gets a copy of what git knows or would add. It lives in .cache with a
# home of its own, where ansible-test keeps its environments (made in a minute, the first time) and the user's are left alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cache=$PWD/.cache/ansible-test
tree=$cache/ansible_collections/circuit_sage/incident_response
home=$cache/home
python=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')

rm -rf "$tree"
mkdir -p "$tree" "$home/.ansible/test/cache"
git ls-files --cached --others --exclude-standard --deduplicate -- . ':!.ansible' ':!molecule' ':!setup' ':!bench' |
  while read -r file; do if [ -f "$file" ]; then printf '%s\n' "$file"; fi; done |
  tar --create --files-from - | tar --extract --directory "$tree"
# A repository of its own, or ansible-test would ask the checkout's, which ignores .cache.
git init --quiet "$tree"
# The name that ansible-test gives the script it would download, with the version of pip that its release pins.
pip=$(sed -n "s/^ *pip='\(.*\)',$/\1/p" .venv/lib/python*/site-packages/ansible_test/_internal/python_requirements.py)
cp setup/get_pip_offline.py "$home/.ansible/test/cache/get_pip_${pip//./_}.py"

# pip goes on reading the user's settings and cache, which lie in the user's home.
export XDG_CONFIG_HOME=${XDG_CONFIG_HOME:-$HOME/.config} XDG_CACHE_HOME=${XDG_CACHE_HOME:-$HOME/.cache}
export PATH="$PWD/.venv/bin:$PATH" HOME=$home
log=$cache/sanity.log
cd "$tree"
# pip has much to say of the environments that it makes: only the names of the tests are shown, unless one fails.
ansible-test sanity --local --python "$python" --color no "$@" 2>&1 | tee "$log" | { grep --line-buffered '^Running sanity test' || true; } || {
  cat "$log" >&2
  exit 1
}

#!/usr/bin/env bash
# Removes what killed tests of this scenario left on the host: their clients, nginx, table and rule. `--locked` is for the one who holds
# the lock; without it, nothing is touched while a test holds it.
set -euo pipefail

# As in tests/conftest.py and tests/clients.py.
lock=/run/lock/circuit-sage-block-ips-test.lock
table=circuit_sage_block_test
mark=cs-block-ips-

# The tests need root, so nobody else left anything.
[ "$(id -u)" = 0 ] || exit 0
PATH=$PATH:/usr/sbin:/sbin
if [ "${1:-}" != --locked ]; then
  exec 9>>"$lock"
  flock -n 9 || exit 0
fi
say() { printf '  block_ips: removing %s, which a killed test left\n' "$1"; }

if command -v ip >/dev/null; then
  for namespace in $(ip netns list | awk -v mark="$mark" 'index($1, mark) == 1 { print $1 }'); do
    say "the network namespace $namespace"
    # Its cable goes with it.
    ip netns delete "$namespace"
  done
fi
if command -v nft >/dev/null && nft list tables | grep -qw "$table"; then
  say "the table $table"
  nft delete table inet "$table"
fi
if command -v iptables >/dev/null; then
  iptables -S INPUT | awk -v mark="$mark" 'index($0, mark) { sub(/^-A/, "-D"); print }' |
    while read -r rule; do
      say "the rule $rule"
      # shellcheck disable=SC2086 # its words
      iptables $rule
    done
fi
if docker version >/dev/null 2>&1; then
  for container in $(docker ps -aq --filter "name=^$mark"); do
    say "the container $container"
    docker rm --force "$container" >/dev/null
  done
fi

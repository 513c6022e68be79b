#!/usr/bin/env bash
# All checks, up to the first that fails. Ends with no container, network, volume or process of this run left, however it ends, and begins
# with the removal of what a killed run left. The mark in CIRCUIT_SAGE_TEST_RUN, which every process of a run inherits, tells whose a
# process is.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

project=${SANDBOX_PROJECT:-circuit-sage-sandbox}

die() { printf 'test: %s\n' "$*" >&2; exit 1; }
headline() { printf '\n── %s\n' "$*"; }
born() { awk '{ print $22 }' "/proc/$1/stat" 2>/dev/null; }
mark_of() { tr '\0' '\n' 2>/dev/null <"/proc/$1/environ" | sed -n 's/^CIRCUIT_SAGE_TEST_RUN=//p'; }
marked_processes() { grep -lsz '^CIRCUIT_SAGE_TEST_RUN=' /proc/[0-9]*/environ | cut -d / -f 3; }

# Ends the processes with this mark but not this one; those that do not go within 5 s are killed.
end_processes() { # mark
  local pid signal
  local -a pids
  for signal in TERM KILL; do
    for _ in $(seq 50); do
      pids=()
      for pid in $(marked_processes); do
        if [ "$pid" != $$ ] && [ "$pid" != "$BASHPID" ] && [ "$(mark_of "$pid")" = "$1" ]; then pids+=("$pid"); fi
      done
      [ ${#pids[@]} -gt 0 ] || return 0
      kill -"$signal" "${pids[@]}" 2>/dev/null
      sleep 0.1
    done
  done
}

# What a killed run of this stack left. A run that is alive keeps the stack to itself.
end_killed_runs() {
  local pid mark name owner start
  for pid in $(marked_processes); do
    mark=$(mark_of "$pid")
    read -r name owner start <<<"$mark"
    [ "$name" = "$project" ] || continue
    if [ "$(born "$owner")" = "$start" ]; then
      die "another 'make test' (process $owner) is at work on the stack $project; wait for it, or set SANDBOX_PROJECT and its ports."
    fi
    printf '  ending process %s of a run that was killed\n' "$pid"
    end_processes "$mark"
  done
}

stacks_down() {
  local status=0
  setup/second_stack.sh down || status=1
  molecule/stack/stack.sh down || status=1
  return "$status"
}

clean_up() {
  local status=$?
  trap - EXIT INT TERM HUP
  end_processes "$CIRCUIT_SAGE_TEST_RUN"
  molecule/block_ips/remove_left.sh || status=1
  if setup/engine.sh answers; then stacks_down || status=1; fi
  setup/engine.sh release || status=1
  exit "$status"
}

end_killed_runs
CIRCUIT_SAGE_TEST_RUN="$project $$ $(born $$)"
export CIRCUIT_SAGE_TEST_RUN
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
molecule/block_ips/remove_left.sh
if setup/engine.sh answers; then stacks_down; fi

# What each step waits for. Two stacks are at work at once, since a run mostly waits for one; what all stacks of a machine suffer from comes
# when the second is gone. What needs no stack goes on with what these leave of the processors, so that their times stay what they are.
declare -A after=([lint]="" [stack]="" [unit]=lint [importer]=unit [browser]=importer [sanity]=browser [molecule]=stack [second-stack]=stack
  [whole-host]="molecule second-stack")
steps=(stack lint molecule second-stack unit importer browser sanity whole-host)
aside=" lint unit importer browser sanity "
live=" stack molecule whole-host "
declare -A running=() start=() passed=() pid_of=()
summary=()
mkdir -p .cache

second=(billing_errors payment_failure block_ips rollback security_incident security_rotation triage)
first=()
for folder in molecule/*/molecule.yml; do
  scenario=$(basename "$(dirname "$folder")")
  case " default whole_host ${second[*]} " in *" $scenario "*) ;; *) first+=("$scenario") ;; esac
done

# Starts a step in the background, so that a signal to this script is heard at once. One tells of itself as it goes on; what the others
# say is kept, and told as a whole.
begin() { # step
  local -a command=("${MAKE:-make}" --no-print-directory "$(target_of "$1")")
  start[$1]=$SECONDS
  case $1 in
    molecule) command+=("SCENARIO=default ${first[*]}") ;;
    second-stack) command+=("SCENARIO=${second[*]}") ;;
    whole-host) command+=("SCENARIO=whole_host") ;;
  esac
  if [[ $aside = *" $1 "* ]]; then command=(nice -n 10 "${command[@]}"); fi
  if [[ $live = *" $1 "* ]]; then
    tell "$1"
    "${command[@]}" &
  else
    "${command[@]}" >".cache/test-$1.log" 2>&1 &
  fi
  running[$!]=$1
  pid_of[$1]=$!
}

target_of() { if [ "$1" = whole-host ]; then echo molecule; else echo "$1"; fi; }
tell() { headline "$1: $("${MAKE:-make}" --no-print-directory "describe-$(target_of "$1")")"; }

# Starts each step whose turn it is.
go_on() {
  local step earlier
  for step in "${steps[@]}"; do
    [ -z "${start[$step]:-}" ] || continue
    for earlier in ${after[$step]}; do
      [ -n "${passed[$earlier]:-}" ] || continue 2
    done
    begin "$step"
  done
}

go_on
while [ ${#running[@]} -gt 0 ]; do
  status=0
  wait -n -p pid "${!running[@]}" || status=$?
  step=${running[$pid]}
  unset "running[$pid]"
  if [[ $live != *" $step "* ]]; then tell "$step" && cat ".cache/test-$step.log"; fi
  if [ "$status" != 0 ]; then
    # An installation that is broken off would leave the machine's packages half installed.
    if [ -n "${running[${pid_of[stack]}]:-}" ]; then wait "${pid_of[stack]}"; fi
    printf '\n%s\n' "${summary[@]}"
    die "$step failed after $((SECONDS - start[$step])) s; 'make $step' runs it alone."
  fi
  passed[$step]=yes
  summary+=("$(printf '  %-12s passed in %s s' "$step" "$((SECONDS - start[$step]))")")
  printf '%s\n' "${summary[-1]}"
  go_on
done

headline "all checks passed in $SECONDS s"
printf '%s\n' "${summary[@]}"

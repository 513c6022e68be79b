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

clean_up() {
  local status=$?
  trap - EXIT INT TERM HUP
  end_processes "$CIRCUIT_SAGE_TEST_RUN"
  if setup/engine.sh answers; then molecule/stack/stack.sh down || status=1; fi
  setup/engine.sh release || status=1
  exit "$status"
}

end_killed_runs
CIRCUIT_SAGE_TEST_RUN="$project $$ $(born $$)"
export CIRCUIT_SAGE_TEST_RUN
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
if setup/engine.sh answers; then molecule/stack/stack.sh down; fi

# Those that need no stack go on beside those that do, with what these leave of the processors, so that the stack's times stay what they are.
declare -A lanes=([on_stack]="stack molecule" [aside]="lint unit importer sanity") running=() start=()
summary=()
mkdir -p .cache

# Starts the first step of what is left of a lane. In the background, so that a signal to this script is heard at once.
begin() { # lane
  local step left
  read -r step left <<<"${lanes[$1]}"
  [ -n "$step" ] || return 0
  lanes[$1]=$left
  start[$step]=$SECONDS
  if [ "$1" = aside ]; then
    nice -n 19 "${MAKE:-make}" --no-print-directory "$step" >".cache/test-$step.log" 2>&1 &
  else
    tell "$step"
    "${MAKE:-make}" --no-print-directory "$step" &
  fi
  running[$!]="$step $1"
}

tell() { headline "$1: $("${MAKE:-make}" --no-print-directory describe-"$1")"; }

begin on_stack
begin aside
while [ ${#running[@]} -gt 0 ]; do
  status=0
  wait -n -p pid "${!running[@]}" || status=$?
  read -r step lane <<<"${running[$pid]}"
  unset "running[$pid]"
  # What was said beside the others is told as a whole.
  if [ "$lane" = aside ]; then tell "$step" && cat ".cache/test-$step.log"; fi
  if [ "$status" != 0 ]; then
    # An installation that is broken off would leave the machine's packages half installed.
    for pid in "${!running[@]}"; do
      if [ "${running[$pid]}" = "stack on_stack" ]; then wait "$pid"; fi
    done
    printf '\n%s\n' "${summary[@]}"
    die "$step failed after $((SECONDS - start[$step])) s; 'make $step' runs it alone."
  fi
  summary+=("$(printf '  %-10s passed in %s s' "$step" "$((SECONDS - start[$step]))")")
  printf '%s\n' "${summary[-1]}"
  begin "$lane"
done

headline "all checks passed in $SECONDS s"
printf '%s\n' "${summary[@]}"

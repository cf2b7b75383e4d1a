#!/usr/bin/env bash
# A stage that stands still without dying: `run` kills it and starts it again,
# and the final LoRA is the undisturbed one's, byte for byte. Somebody else's
# SIGTERM to one of the processes does not end `run` either.
source "$(dirname "$0")/lib.sh"

steps=40
job reference steps=$steps save_every=5 >/dev/null
run reference

# All at once: each of them waits most of the time, for a lease to run out or
# for a stage that takes its leave.
declare -A runs victims
disturb() { # disturb NAME SIGNAL PROGRAM
  job "$1" steps=$steps save_every=5 >/dev/null
  start "$1"
  runs[$1]=$!
  wait_for_step "$1" 7
  victims[$1]="$(child_of "${runs[$1]}" "$3")" || fail "$3 does not run"
  kill "-$2" "${victims[$1]}"
}
disturb stopped1 STOP halfpipe-stage1
disturb stopped0 STOP halfpipe-stage0
disturb asked1 TERM halfpipe-stage1
disturb asked0 TERM halfpipe-stage0
disturb asked-coordinator TERM halfpipe-coordinator

# starts NAME PROCESS: how often it was started.
starts() {
  grep -cE 'msg="(stage ready|effective config)"' \
    "$scratch/$1/.halfpipe/logs/$2.log"
}

ends() { # ends NAME PROCESS
  local code=0
  wait "${runs[$1]}" || code=$?
  ((code == 0)) || fail "$1: exit code $code: $(cat "$scratch/$1.err")"
  [[ "$(starts "$1" "$2")" == 2 ]] || fail "$2 was not started again, once"
  kill -0 "${victims[$1]}" 2>/dev/null && fail "$2 of $1 was left behind"
  same_lora reference "$1"
  nothing_half_written "$scratch/$1"
  echo "identical: $1"
}
ends stopped1 stage1
ends stopped0 stage0
ends asked1 stage1
ends asked0 stage0
ends asked-coordinator coordinator

#!/usr/bin/env bash
# SIGKILL of each process in a step: the job goes on from its last checkpoint
# and the final LoRA is the undisturbed one's, byte for byte.
source "$(dirname "$0")/lib.sh"

steps=40
job reference steps=$steps save_every=5 >/dev/null
run reference

for program in halfpipe-stage1 halfpipe-stage0 halfpipe-coordinator; do
  job "$program" steps=$steps save_every=5 >/dev/null
  run_killed "$program" "$program" 7
  same_lora reference "$program"
  nothing_half_written "$scratch/$program"
  # A coordinator that is killed may forget the last fifth of a second.
  average="average"
  [[ "$program" != halfpipe-coordinator ]] || average=""
  same_curves reference "$program" "$average"
  # Only a stage's death costs steps: under a new coordinator both go on with
  # what they hold.
  held="the job goes on from what is loaded"
  if grep -q "$held" "$scratch/$program/.halfpipe/logs/stage0.log"; then
    [[ "$program" == halfpipe-coordinator ]] || fail "$program: nothing was held"
  else
    [[ "$program" != halfpipe-coordinator ]] || fail "the steps were done again"
  fi
  echo "identical after a killed $program"
done

# The command line itself: its children die with it, and the same command goes
# on.
job whole steps=$steps save_every=5 >/dev/null
start whole
pid=$!
wait_for_step whole 7
stages="$(pgrep -P $pid)"
kill -KILL $pid
wait $pid || true
for child in $stages; do
  wait_for 10 bash -c "! kill -0 $child"
done
run whole
same_lora reference whole
same_curves reference whole average

#!/usr/bin/env bash
# Ctrl-C saves the last step; the same command goes on and ends in the same LoRA.
source "$(dirname "$0")/lib.sh"

steps=40
job reference steps=$steps save_every=100 >/dev/null
run reference

job stopped steps=$steps save_every=100 >/dev/null
start stopped
pid=$!
wait_for_step stopped 7
kill -INT $pid
code=0
wait $pid || code=$?
((code == 6)) || fail "expected exit code 6, got $code"
[[ -n "$(ls -d "$scratch"/stopped/step-*)" ]] || fail "no step was saved"
grep -Eq '^  saved at step [0-9]+; the same command goes on$' \
  "$scratch/stopped.err" || fail "not said: $(cat "$scratch/stopped.err")"
nothing_half_written "$scratch/stopped"
no_lora "$scratch/stopped"
run stopped
same_lora reference stopped

# Twice: at once.
job twice steps=100000 save_every=100000 >/dev/null
start twice
pid=$!
wait_for_step twice 3
kill -INT $pid
kill -INT $pid
code=0
wait $pid || code=$?
((code == 130 || code == 6)) || fail "expected exit code 130, got $code"
pgrep -f "$scratch" >/dev/null && fail "a process is left"
# It may have hit the first one's save: what that left under its temporary name
# is removed by the same command, which goes on.
start twice
pid=$!
wait_for 60 grep -q '"type":"step"' "$scratch/twice.out"
nothing_half_written "$scratch/twice"
kill -KILL $pid

#!/usr/bin/env bash
# A paused job frees its stages for another one and, resumed, ends in the LoRA
# that it would have had. Saved on request, it has a checkpoint more. Both over a
# service whose coordinator is killed while somebody watches.
source "$(dirname "$0")/lib.sh"

is() { grep -q "\"state\": \"$2\"" < <(hp show "$1" -o json); }

# steps_of JOB N: whether the job has done that many.
steps_of() {
  hp show "$1" -o json | python3 -c \
    'import json, sys; sys.exit(json.load(sys.stdin)["steps_done"] < int(sys.argv[1]))' "$2"
}

# checkpoints JOB: how many it has.
checkpoints() {
  hp show "$1" -o json | python3 -c \
    'import json, sys; print(len(json.load(sys.stdin)["checkpoints"]))'
}

job undisturbed steps=80 save_every=1000 >/dev/null
run undisturbed

service
stages

job paused steps=80 save_every=1000 >/dev/null
job other steps=2 >/dev/null
says 'nothing was queued' hp submit "$scratch/paused.yaml" --validate-only
[[ "$(hp list --all -o json)" == "[]" ]] || fail "a job that was only validated"
hp submit "$scratch/paused.yaml" --id paused --no-wait >/dev/null
hp watch paused -o json >"$scratch/watch.out" 2>"$scratch/watch.err" &
watcher=$!
children+=("$watcher")
wait_for 60 steps_of paused 5
hp submit "$scratch/other.yaml" --id other --no-wait --priority 5 >/dev/null
is other queued || fail "a running job was pushed off its stages"

says saving hp save paused || fail "save"
has_saved() { [[ "$(checkpoints paused)" == 1 ]]; }
wait_for 30 has_saved

start=$SECONDS
says 'resume paused' hp pause paused || fail "pause"
wait_for 20 is paused paused
((SECONDS - start < 8)) || fail "the pause took $((SECONDS - start)) s"
wait_for 60 is other 'done'
[[ "$(checkpoints paused)" == 2 ]] || fail "the pause did not save"
no_lora "$scratch/paused"

# The watch goes on with the job, over a coordinator that is killed.
kill -KILL "$coordinator"
service "$HALFPIPE_ADDRESS"
is paused paused || fail "the restart forgot the pause"
says "going on after step" hp resume paused || fail "resume"
code=0
wait "$watcher" || code=$?
((code == 0)) || fail "watch: exit code $code: $(cat "$scratch/watch.err")"
python3 - "$scratch/watch.out" <<'PYTHON' || fail "the watch has gaps"
import json, sys
events = [json.loads(line) for line in open(sys.argv[1])]
cursors = [event["cursor"] for event in events if "cursor" in event]
assert cursors == list(range(1, len(cursors) + 1)), cursors
states = [event["state"] for event in events if event["type"] == "state"]
assert "pausing" in states and "paused" in states, states
steps = [event for event in events if event["type"] == "step"]
assert steps[0]["next_checkpoint_step"] == 80, steps[0]
lines = [event for event in events if event["type"] == "log"]
assert {0, 1} <= {line["stage"] for line in lines}, lines
PYTHON
same_lora undisturbed paused
# Not by a pipe: grep ends at its first match, before the writer does.
grep -q 'stage 1: ' < <(hp logs paused) || fail "logs without the stages' lines"
grep -q '^default  *1  *cpu' < <(hp stages) || fail "stages"

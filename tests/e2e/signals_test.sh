#!/usr/bin/env bash
# SIGHUP and SIGPIPE: a terminal that closes saves and ends `run`, nohup keeps it
# going, and so does a reader that leaves; a daemon reloads and goes on.
source "$(dirname "$0")/lib.sh"

# no_process_of NAME: nothing of that run is left.
no_process_of() { ! pgrep -f "$scratch/$1[/.]" >/dev/null; }

# saved_step NAME: of the newest checkpoint.
saved_step() {
  local newest
  newest="$(find "$scratch/$1" -maxdepth 1 -name 'step-*' -printf '%f\n' | sort | tail -1)"
  echo $((10#${newest#step-}))
}

job reference steps=40 save_every=1000 >/dev/null
run reference

# A terminal whose window is closed: the shell's session gets SIGHUP from the
# kernel, and the job's process one more from the shell. Without a save of its
# own the job has none: save_every is far away.
job closed steps=40 save_every=1000 >/dev/null
python3 - "$HP_BIN/halfpipe" run "$scratch/closed.yaml" -o json >"$scratch/closed.out" <<'END' &
import os, pty, select, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen = b""
while b'"type":"step","steps_done":7,' not in seen:
    select.select([terminal], [], [])
    seen += os.read(terminal, 65536)
os.kill(pid, 1)
os.close(terminal)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print("code", code)
END
terminal=$!
children+=("$terminal")
wait "$terminal" || fail "the terminal: $(cat "$scratch/closed.out")"
grep -q '^code 6$' "$scratch/closed.out" || fail "$(cat "$scratch/closed.out")"
step="$(saved_step closed)"
((step >= 7)) || fail "saved step $step of at least 7"
wait_for 10 no_process_of closed
run closed
same_lora reference closed
nothing_half_written "$scratch/closed"
echo "closed: saved step $step, identical"

# Under nohup SIGHUP is ignored, as whoever wrote nohup wants.
job kept steps=40 save_every=1000 >/dev/null
nohup "$HP_BIN/halfpipe" run "$scratch/kept.yaml" -o json \
  >"$scratch/kept.out" 2>"$scratch/kept.err" &
kept=$!
children+=("$kept")
wait_for_step kept 7
kill -HUP "$kept"
code=0
wait "$kept" || code=$?
((code == 0)) || fail "nohup: exit code $code: $(cat "$scratch/kept.err")"
same_lora reference kept

# Whoever read the progress has gone: the training goes on.
job unread steps=40 save_every=1000 >/dev/null
timeout 180 "$HP_BIN/halfpipe" run "$scratch/unread.yaml" -o json \
  2>"$scratch/unread.err" | head -1 >"$scratch/unread.out" || true
wait_for 10 no_process_of unread
same_lora reference unread

# Daemons. Without metrics nothing else would ignore SIGPIPE.
token() {
  "$HP_BIN/halfpipe-coordinator" token add --tokens "$scratch/tokens" \
    --role "$1" --name "$2" >"$scratch/$2.token" 2>/dev/null
  chmod 600 "$scratch/$2.token"
}
token submit sam
token stage gpu
cat >"$scratch/service.yaml" <<END
listen_address: 127.0.0.1:0
metrics_address: ""
state_dir: $scratch/state
log_level: info
tokens: $scratch/tokens
roots: {data: [$scratch], models: [$scratch], outputs: [$scratch]}
END
coordinator --config "$scratch/service.yaml"
HALFPIPE_TOKEN_FILE="$scratch/gpu.token" stages
stage0="${children[-2]}"
stage1="${children[-1]}"
export HALFPIPE_TOKEN_FILE="$scratch/sam.token"
job long steps=100000 save_every=100000 >/dev/null
hp submit "$scratch/long.yaml" --id long --no-wait >/dev/null
steps_past() {
  (($(hp show long -o json | sed -n 's/^  "steps_done": \([0-9]*\),/\1/p') > $1))
}
wait_for 60 steps_past 2

for process in "$coordinator" "$stage0" "$stage1"; do
  kill -HUP "$process"
  kill -PIPE "$process"
done
wait_for 20 grep -q 'settings read again' "$scratch/coordinator.log"
wait_for 20 grep -q 'asked to read the settings again' "$scratch/stage0.log"
wait_for 20 grep -q 'asked to read the settings again' "$scratch/stage1.log"
wait_for 60 steps_past 10
[[ "$(hp show long -o json | sed -n 's/^  "restarts": \([0-9]*\),/\1/p')" == 0 ]] ||
  fail "a signal cost a restart"

# A broken file changes nothing, and is said.
cp "$scratch/service.yaml" "$scratch/service.kept"
echo "nonsense: [" >>"$scratch/service.yaml"
kill -HUP "$coordinator"
wait_for 20 grep -q 'the settings cannot be read' "$scratch/coordinator.log"
sed 's/log_level: info/log_level: error/' "$scratch/service.kept" >"$scratch/service.yaml"
kill -HUP "$coordinator"
wait_for 20 steps_past 12
lines_now() { wc -l <"$scratch/coordinator.log"; }
said="$(lines_now)"
hp pause long >/dev/null
is_paused() { hp show long -o json | grep -q '"state": "paused"'; }
wait_for 30 is_paused
hp resume long >/dev/null
wait_for 60 steps_past 14
[[ "$(lines_now)" == "$said" ]] || fail "the log level was not read again"

# A watch that nobody reads ends, and the job does not.
start=$SECONDS
timeout 60 "$HP_BIN/halfpipe" watch long -o json 2>/dev/null | head -1 >/dev/null ||
  fail "watch | head: ${PIPESTATUS[*]}"
((SECONDS - start < 30)) || fail "the watch took $((SECONDS - start)) s"
wait_for 20 steps_past 16
hp cancel long --now >/dev/null

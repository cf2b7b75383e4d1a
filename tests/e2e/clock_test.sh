#!/usr/bin/env bash
# The wall clock is set back by a day under a service whose job trains, and then
# forward by three: nothing that takes time notices. By a preloaded library,
# which stands for the administrator and for the kernel (HP_WALL_CLOCK_LAYER).
source "$(dirname "$0")/lib.sh"
: "${HP_WALL_CLOCK_LAYER:?}"

# set_clock SECONDS: so many more than the real clock's.
set_clock() {
  python3 - "$scratch/clock" "$1" <<'END'
import os, struct, sys
with os.fdopen(os.open(sys.argv[1], os.O_RDWR | os.O_CREAT), "r+b") as file:
    file.write(struct.pack("<q", int(sys.argv[2])))
END
}
set_clock 0

# layered COMMAND...: with that clock.
layered() { LD_PRELOAD="$HP_WALL_CLOCK_LAYER" HP_WALL_CLOCK="$scratch/clock" "$@"; }

# What the service manager hears, a line a message.
python3 - "$scratch/notify" >"$scratch/pings" <<'END' &
import socket, sys
heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
heard.bind(sys.argv[1])
while True:
    print(heard.recv(4096).decode().replace("\n", " "), flush=True)
END
children+=($!)
wait_for 10 test -S "$scratch/notify"

token() { # token ROLE NAME
  "$HP_BIN/halfpipe-coordinator" token add --tokens "$scratch/tokens" \
    --role "$1" --name "$2" >"$scratch/$2.token" 2>/dev/null
  chmod 600 "$scratch/$2.token"
}
token submit sam
token stage gpu
cat >"$scratch/service.yaml" <<END
listen_address: 127.0.0.1:0
metrics_address: 127.0.0.1:0
state_dir: $scratch/state
lease_seconds: 3
tokens: $scratch/tokens
roots: {data: [$scratch], models: [$scratch], outputs: [$scratch]}
END
NOTIFY_SOCKET="$scratch/notify" WATCHDOG_USEC=3000000 \
  layered coordinator --config "$scratch/service.yaml"
HALFPIPE_TOKEN_FILE="$scratch/gpu.token" layered stages
stage1="${children[-1]}"
export HALFPIPE_TOKEN_FILE="$scratch/sam.token"
health="http://$(sed -n 's/.* metrics=\([^ ]*\).*/\1/p' "$scratch/coordinator.out")/healthz"

# field NAME: of the job.
field() {
  hp show long -o json |
    python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}
steps_past() { (($(field steps_done) > $1)); }
restarts_are() { [[ "$(field restarts)" == "$1" ]]; }
pings_past() { (($(grep -c WATCHDOG=1 "$scratch/pings") > $1)); }
is_in() { HALFPIPE_TOKEN_FILE="$scratch/$1.token" hp list; }
is_out() { ! is_in "$1"; }
healthy() {
  python3 -c 'import sys, urllib.request as r; r.urlopen(sys.argv[1], timeout=1)' "$health"
}

# goes_on NAME: what must not stop, with limits far below a day.
goes_on() {
  # One a second. Abseil looks at the wall clock every few seconds only, so a
  # few of them would say nothing.
  wait_for 40 pings_past $(($(grep -c WATCHDOG=1 "$scratch/pings") + 12))
  wait_for 60 steps_past $(($(field steps_done) + 3))
  wait_for 5 healthy
  token read "$1"
  wait_for 10 is_in "$1"
  "$HP_BIN/halfpipe-coordinator" token remove --tokens "$scratch/tokens" \
    --name "$1" >/dev/null 2>&1
  wait_for 10 is_out "$1"
}

job long steps=100000 save_every=100000 >/dev/null
hp submit "$scratch/long.yaml" --id long --no-wait >/dev/null
wait_for 60 steps_past 2
goes_on before
restarts="$(field restarts)"

set_clock -86400
yesterday="$(date -u -d '-1 day' +%Y-%m-%d)"
goes_on back
restarts_are "$restarts" || fail "a step back took a stage's lease"
# What is shown is the wall clock's.
grep -q "^time=$yesterday\|\"$yesterday\|$yesterday" "$scratch/coordinator.log" ||
  fail "the log does not show the wall clock: $(tail -3 "$scratch/coordinator.log")"
# A stage that stands still loses its lease, a day ago or not, and comes back.
kill -STOP "$stage1"
wait_for 60 restarts_are $((restarts + 1))
kill -CONT "$stage1"
wait_for 60 steps_past $(($(field steps_done) + 3))
restarts="$(field restarts)"

set_clock 172800
goes_on forward
restarts_are "$restarts" || fail "a step forward ended a stage's lease"

kill -TERM "$coordinator"
code=0
timeout 30 tail --pid="$coordinator" -f /dev/null || fail "it does not end"
wait "$coordinator" || code=$?
((code == 0)) || fail "exit code $code"
grep -q STOPPING=1 "$scratch/pings" || fail "no STOPPING=1"
compgen -G "$scratch/long/step-*" >/dev/null || fail "the last step was not saved"

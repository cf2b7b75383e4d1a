#!/usr/bin/env bash
# Run by systemd_test.sh in a booted systemd. The root is an overlay that is
# thrown away, so that everything may be installed where it belongs.
#
#   HP_LIBRARIES  the folders of libtorch and what it needs, divided by colons
set -euo pipefail
: "${HP_BIN:?}" "${HP_SOURCE:?}" "${HP_LIBRARIES?}"
units="$HP_SOURCE/deploy/systemd"
coordinator=halfpipe-coordinator
stage0=halfpipe-stage@0 stage1=halfpipe-stage@1

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

say() { printf '%4d s: %s\n' "$SECONDS" "$*"; }

# property UNIT NAME
property() { systemctl show -P "$2" "$1.service"; }

# is UNIT NAME VALUE
is() { [[ "$(property "$1" "$2")" == "$3" ]]; }

expect() { is "$@" || fail "$1: $2 is $(property "$1" "$2"), not $3"; }

wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || fail "waited too long for: $*"
    sleep 0.1
  done
}

# status_says UNIT PATTERN
status_says() { [[ "$(property "$1" StatusText)" =~ $2 ]]; }

# submit NAME STEPS: queues a job; its output is /srv/halfpipe/NAME.
submit() {
  cat >"/srv/halfpipe/$1.yaml" <<END
name: $1
model: {random: {variant: tiny-t2v}}
lora: {rank: 4}
data: {height: 64, width: 48, frames: 9, random: {samples: 5}}
train: {steps: $2, micro_batches: 4, seed: 0}
pipeline: {device: cpu, dtype: fp32}
output: {dir: /srv/halfpipe/$1, save_every: {steps: 20}, formats: [diffsynth]}
END
  halfpipe submit "/srv/halfpipe/$1.yaml" --id "$1" --no-wait >/dev/null
}

steps_of() {
  halfpipe show "$1" -o json |
    sed -n '0,/"steps_done"/s/.*"steps_done": *\([0-9]*\).*/\1/p'
}

past_step() { (($(steps_of "$1") >= $2)); }

# A pipe would end halfpipe early, which pipefail reports; so everywhere below.
state_is() { grep -q "\"state\": *\"$2\"" < <(halfpipe show "$1" -o json); }

# lora NAME: the digest of what the job made.
lora() { sha256sum </srv/halfpipe/"$1"/lora.diffsynth.safetensors; }

# started_again UNIT N: it has been restarted N times and is there.
started_again() { is "$1" NRestarts "$2" && is "$1" ActiveState active; }

# drop_in UNIT LINE...: more settings for its [Service].
drop_in() {
  local unit="$1"
  shift
  mkdir -p "/etc/systemd/system/$unit.service.d"
  printf '[Service]\n' >"/etc/systemd/system/$unit.service.d/test.conf"
  printf '%s\n' "$@" >>"/etc/systemd/system/$unit.service.d/test.conf"
}

# --- installed as the packages do it
for program in halfpipe halfpipe-coordinator halfpipe-stage0 halfpipe-stage1; do
  ln -sf "$HP_BIN/$program" "/usr/bin/$program"
done
install -Dm644 "$units/halfpipe.sysusers" /usr/lib/sysusers.d/halfpipe.conf
install -Dm644 "$units/halfpipe.tmpfiles" /usr/lib/tmpfiles.d/halfpipe.conf
systemd-sysusers halfpipe.conf
systemd-tmpfiles --create halfpipe.conf
[[ "$(stat -c %U:%G:%a /srv/halfpipe)" == halfpipe:halfpipe:2775 ]] ||
  fail "/srv/halfpipe: $(stat -c %U:%G:%a /srv/halfpipe)"
install -Dm644 "$units/service.yaml" /etc/halfpipe/service.yaml
printf '%s\n' HALFPIPE_DEVICE=cpu "LD_LIBRARY_PATH=$HP_LIBRARIES" \
  >/etc/halfpipe/stage.env
install -m644 "$units"/*.service /etc/systemd/system/
# Shorter limits, so that the test does not wait for minutes. A heartbeat may
# take ten seconds while the coordinator is away.
drop_in "$coordinator" WatchdogSec=5
drop_in halfpipe-stage@ WatchdogSec=15
systemctl daemon-reload
for unit in "$coordinator" "$stage0" "$stage1"; do
  systemd-analyze verify --man=no --recursive-errors=no "$unit.service"
done

# --- readiness
systemctl start "$stage0" # before its coordinator
status_says "$stage0" "waits for the coordinator" ||
  fail "status of a stage alone: $(property "$stage0" StatusText)"
systemctl start "$coordinator"
# Ready means that it listens: no waiting here.
halfpipe list >/dev/null || fail "started, and does not answer"
systemctl start "$stage1"
wait_for 20 status_says "$coordinator" "0 running, 0 queued, 2 stages"
wait_for 20 status_says "$stage0" idle
say "ready, in any order"

# --- confined
for unit in "$coordinator" "$stage0" "$stage1"; do
  pid="$(property "$unit" MainPID)"
  for line in NoNewPrivs:1 Seccomp:2 CapEff:0000000000000000; do
    grep -q "^${line%%:*}:[[:space:]]*${line#*:}\$" "/proc/$pid/status" ||
      fail "$unit: $(grep "^${line%%:*}:" "/proc/$pid/status"), not $line"
  done
  [[ "$(stat -c %U "/proc/$pid")" == halfpipe ]] || fail "$unit is not halfpipe's"
done

# --- a job to its end, undisturbed
submit calm 120
wait_for 120 state_is calm done
say "a job ran to its end"

# --- the same, killed and starved
submit rough 120
wait_for 60 past_step rough 10
kill -KILL "$(property "$stage1" MainPID)"
wait_for 20 started_again "$stage1" 1
wait_for 60 past_step rough 30
kill -KILL "$(property "$coordinator" MainPID)"
wait_for 20 started_again "$coordinator" 1
wait_for 60 past_step rough 50
stopped_at=$SECONDS
kill -STOP "$(property "$stage0" MainPID)" # pings no more, and does not end
wait_for 60 started_again "$stage0" 1
grep -q 'Watchdog timeout (limit 15s)' < <(journalctl -u "$stage0") ||
  fail "stage 0 was not ended by its watchdog"
say "a starved stage was started again after $((SECONDS - stopped_at)) s"
wait_for 60 past_step rough 70
kill -STOP "$(property "$coordinator" MainPID)"
wait_for 30 started_again "$coordinator" 2
grep -q 'Watchdog timeout (limit 5s)' < <(journalctl -u "$coordinator") ||
  fail "the coordinator was not ended by its watchdog"
wait_for 120 state_is rough done
[[ "$(lora calm)" == "$(lora rough)" ]] || fail "another LoRA than undisturbed"
say "killed and starved, it is the same LoRA"

# --- stopped in the middle of a job, and started again
submit long 100000
wait_for 60 past_step long 30
begin=$SECONDS
systemctl stop "$coordinator" "$stage0" "$stage1"
for unit in "$coordinator" "$stage0" "$stage1"; do
  expect "$unit" Result success
  expect "$unit" ExecMainStatus 0
done
((SECONDS - begin < 20)) || fail "stopping took $((SECONDS - begin)) s"
say "stopped in $((SECONDS - begin)) s"
systemctl start "$coordinator" "$stage0" "$stage1"
(($(steps_of long) >= 30)) || fail "the job lost steps: $(steps_of long)"
wait_for 60 past_step long "$(($(steps_of long) + 10))"
halfpipe cancel long >/dev/null
wait_for 30 state_is long cancelled

# --- the journal knows what a line is about
found="$(journalctl -o json HALFPIPE_JOB=rough HALFPIPE_RANK=1)"
grep -q '"SYSLOG_IDENTIFIER":"halfpipe-stage1"' <<<"$found" ||
  fail "no entries of stage 1 by job and rank"
grep -q '"HALFPIPE_' < <(journalctl -p warning..warning -o json -u "$stage1") ||
  fail "no warnings by priority"
say "entries of the journal have fields"

# --- exit codes
systemctl stop "$stage0" "$stage1" "$coordinator"
# ended_with UNIT CODE: failed for good, without another try.
ended_with() {
  wait_for 20 is "$1" ActiveState failed
  sleep 3 # RestartSec is 2
  expect "$1" ExecMainStatus "$2"
  expect "$1" NRestarts 0
  systemctl reset-failed "$1"
}
echo 'nonsense: 1' >>/etc/halfpipe/service.yaml
! systemctl start "$coordinator" 2>/dev/null || fail "started with a bad config"
ended_with "$coordinator" 3
sed -i '/nonsense/d' /etc/halfpipe/service.yaml
echo HALFPIPE_DEVICE=cuda:7 >/etc/halfpipe/stage-1.env
! systemctl start "$stage1" 2>/dev/null || fail "started without a device"
ended_with "$stage1" 69
rm /etc/halfpipe/stage-1.env
systemctl start "$coordinator"
echo HALFPIPE_METRICS=127.0.0.1:9700 >/etc/halfpipe/stage-1.env # taken
! systemctl start "$stage1" 2>/dev/null || fail "started without its port"
ended_with "$stage1" 2
rm /etc/halfpipe/stage-1.env
systemctl stop "$coordinator"
say "2, 3 and 69 are final"

# 75: the store is taken, for a while.
setpriv --reuid halfpipe --regid halfpipe --clear-groups halfpipe-coordinator \
  --listen-address 127.0.0.1:0 --metrics-address off \
  --state-dir /var/lib/halfpipe >/dev/null 2>&1 &
holder=$!
wait_for 20 test -e /proc/$holder/exe
sleep 1
! systemctl start "$coordinator" 2>/dev/null || fail "two on one store"
wait_for 20 is "$coordinator" ExecMainStatus 75
kill "$holder"
wait_for 30 is "$coordinator" ActiveState active
(($(property "$coordinator" NRestarts) >= 1)) || fail "75 was not tried again"
say "75 was tried again"
systemctl stop "$coordinator"

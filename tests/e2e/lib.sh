# shellcheck shell=bash
# Sourced by the end-to-end tests: real processes on the CPU, a small random
# model. Each test gets a scratch folder, and leaves no process behind.
#
#   HP_BIN    the folder with the programs
#   HP_MODEL  the folder that make_inputs.sh filled: model/ and clips/, for the
#             tests that read weights and media
#   HP_SOURCE the repository
set -euo pipefail
: "${HP_BIN:?}" "${HP_MODEL:?}" "${HP_SOURCE:?}"

# Messages of tools in English, files as a usual user makes them, and none of the
# settings that this user has for a service of their own or for the way out to
# the internet: Python's clients would look for 127.0.0.1 there.
export LC_ALL=C.UTF-8 TZ=UTC
umask 022
for variable in "${!HALFPIPE_@}"; do unset "$variable"; done
unset variable NOTIFY_SOCKET JOURNAL_STREAM
unset {http,https,grpc,all}_proxy {HTTP,HTTPS,ALL}_PROXY

# In /tmp whatever TMPDIR says: sockets need short names.
scratch="$(mktemp -d /tmp/halfpipe-e2e-XXXXXX)"
children=()

clean_up() {
  local status=$?
  local pid
  for pid in "${children[@]}"; do
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true # else bash reports the kill as an accident
  done
  # A process that a sanitizer ends is started again, like any other.
  if grep -rIqE 'SUMMARY: [A-Za-z]+Sanitizer:' "$scratch"; then
    echo "FAILED: a sanitizer has reported" >&2
    status=1
  fi
  if ((status != 0)); then
    # What the processes said is worth more than what the test says.
    find "$scratch" -name '*.log' -size +0 -printf '--- %p\n' \
      -exec tail -n 15 {} \; >&2
  fi
  rm -rf "$scratch"
  exit "$status"
}
trap clean_up EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# says PATTERN COMMAND...: whether the command succeeds and prints it. Not by a
# pipe: grep -q closes it at the first match, and the command may die of that.
says() {
  local pattern="$1" text
  shift
  text="$("$@")" || return
  grep -q -- "$pattern" <<<"$text"
}

# needs_oracles: skips the test (code 77 for ctest) on a machine without them.
needs_oracles() {
  "${HP_PYTHON:?}" -c 'import diffusers, peft, torch, yaml' 2>/dev/null && return
  echo "SKIPPED: $HP_PYTHON lacks the oracles; run scripts/setup --oracles"
  exit 77
}

# job NAME [KEY=VALUE ...]: writes $scratch/NAME.yaml, a job on made-up samples
# with output in $scratch/NAME, and prints its path. Keys and their defaults:
job() {
  local name="$1" pair
  shift
  local steps=6 micro_batches=4 schedule=1f1b split_at=auto stages=2 save_every=2
  local model="{random: {variant: tiny-t2v}}" seed=0 extra=""
  local data="{height: 64, width: 48, frames: 9, random: {samples: 5}}"
  for pair in "$@"; do local "${pair%%=*}=${pair#*=}"; done
  cat >"$scratch/$name.yaml" <<END
name: e2e
model: $model
lora: {rank: 4}
data: $data
train: {steps: $steps, micro_batches: $micro_batches, seed: $seed}
pipeline: {stages: $stages, schedule: $schedule, split_at: $split_at, device: cpu, dtype: fp32}
output: {dir: $scratch/$name, save_every: {steps: $save_every}, formats: [diffsynth, comfyui]}
$extra
END
  echo "$scratch/$name.yaml"
}

# The model and clips on disk, as values for `job`.
# shellcheck disable=SC2034  # used by the tests
dit="$HP_MODEL/model/high_noise_model"
# shellcheck disable=SC2034  # used by the tests
whole_model="{dit: $dit, text_encoder: $HP_MODEL/model/models_t5_umt5.safetensors, \
tokenizer: $HP_MODEL/model/google/umt5-xxl, vae: $HP_MODEL/model/Wan2.1_VAE.safetensors}"

# clips DIR: made-up samples' place in a job, taken by clips of a folder.
clips() { echo "{path: $1, height: 64, width: 48, frames: 9}"; }

# run NAME [OPTION ...]: `halfpipe run` of a job that must succeed.
run() {
  local name="$1"
  shift
  timeout 180 "$HP_BIN/halfpipe" run "$scratch/$name.yaml" "$@" \
    >"$scratch/$name.out" 2>"$scratch/$name.err" ||
    fail "halfpipe run $name: exit code $?: $(cat "$scratch/$name.err")"
}

# start NAME: the same in the background, events as JSON in NAME.out; $! is it.
start() {
  "$HP_BIN/halfpipe" run "$scratch/$1.yaml" -o json \
    >"$scratch/$1.out" 2>"$scratch/$1.err" &
  children+=($!)
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || fail "waited too long for: $*"
    sleep 0.05
  done
}

# hp ARGUMENT...: the client, of which nothing here takes long.
hp() { timeout 300 "$HP_BIN/halfpipe" "$@"; }

# coordinator OPTION...: starts one. $coordinator is its process id, and
# HALFPIPE_ADDRESS, which programs read, where it listens.
coordinator() {
  : >"$scratch/coordinator.out"
  "$HP_BIN/halfpipe-coordinator" "$@" >"$scratch/coordinator.out" \
    2>>"$scratch/coordinator.log" &
  coordinator=$!
  children+=("$coordinator")
  wait_for 20 grep -q '^listening' "$scratch/coordinator.out"
  HALFPIPE_ADDRESS="$(sed -n 's/^listening address=\([^ ]*\).*/\1/p' \
    "$scratch/coordinator.out")"
  export HALFPIPE_ADDRESS
}

# self_signed DIR: DIR/server.key and DIR/server.crt, for this machine.
self_signed() {
  mkdir -p "$1"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -keyout "$1/server.key" -out "$1/server.crt" -days 2 -subj /CN=localhost \
    -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" 2>/dev/null
  chmod 600 "$1/server.key"
}

# service [ADDRESS]: a coordinator that keeps its jobs in $scratch/state.
service() {
  coordinator --listen-address "${1:-127.0.0.1:0}" \
    --metrics-address 127.0.0.1:0 --state-dir "$scratch/state"
}

# stages [METRICS_ADDRESS [OPTION ...]]: starts both of the service's, on the CPU.
stages() {
  local rank metrics="${1:-127.0.0.1:0}"
  shift $(($# > 0))
  for rank in 0 1; do
    "$HP_BIN/halfpipe-stage$rank" --coordinator "$HALFPIPE_ADDRESS" \
      --device cpu --metrics-address "$metrics" "$@" \
      >"$scratch/stage$rank.log" 2>&1 &
    children+=($!)
  done
}

# run_killed NAME PROGRAM STEP: a job that must succeed though PROGRAM gets SIGKILL
# once it has shown STEP.
run_killed() {
  local pid victim code=0
  start "$1"
  pid=$!
  wait_for_step "$1" "$3"
  victim="$(child_of $pid "$2")" || fail "$2 does not run"
  kill -KILL "$victim"
  wait $pid || code=$?
  ((code == 0)) || fail "killed $2: exit code $code: $(cat "$scratch/$1.err")"
}

# wait_for_step NAME N: until `start NAME` has shown step N.
wait_for_step() {
  wait_for 120 grep -q "\"type\":\"step\",\"steps_done\":$2," "$scratch/$1.out"
}

# child_of PID PROGRAM: the process id of a started program.
child_of() { pgrep -P "$1" -f "/$2( |\$)"; }

# lora NAME: the digests of a job's exported files.
lora() {
  local files=("$scratch/$1"/lora.*.safetensors)
  [[ -s "${files[0]}" ]] || fail "$1 has no LoRA file"
  (cd "$scratch/$1" && sha256sum lora.*.safetensors)
}

same_lora() {
  [[ "$(lora "$1")" == "$(lora "$2")" ]] || fail "the LoRAs of $1 and $2 differ"
}

# same_curves A B [average]: metrics.jsonl of both has every step once, with the
# same losses, gradient norms and learning rates; with `average` the last
# checkpoints have the same smoothed loss, too.
same_curves() {
  python3 - "$scratch/$1" "$scratch/$2" "${3:-}" <<'END' || fail "$2: other curves than $1"
import glob, json, sys


def rows(out):
    with open(out + "/metrics/metrics.jsonl") as lines:
        return [(row["step"], row["loss"], row["grad_norm"], row["learning_rate"])
                for row in map(json.loads, lines)]


def average(out):
    newest = sorted(glob.glob(out + "/step-*/manifest.json"))[-1]
    with open(newest) as manifest:
        return json.load(manifest)["loss_average"]


first, second, with_average = sys.argv[1:]
steps = [row[0] for row in rows(first)]
assert steps == list(range(1, len(steps) + 1)), steps
assert rows(first) == rows(second), (rows(first), rows(second))
if with_average:
    assert average(first) == average(second), (average(first), average(second))
END
}

# nothing_half_written DIR: no temporary file or folder is left in it.
nothing_half_written() {
  local left
  [[ -d "$1" ]] || return 0
  left="$(find "$1" -name '*.tmp*' -o -name '.tmp-*')"
  [[ -z "$left" ]] || fail "left behind: $left"
}

# no_lora DIR
no_lora() {
  local left
  [[ -d "$1" ]] || return 0
  left="$(find "$1" -maxdepth 1 -name 'lora.*')"
  [[ -z "$left" ]] || fail "a failed job wrote $left"
}

# expect_error CODE PATTERN COMMAND...: it ends within a minute and a half with
# that code and says why, once, on standard error.
expect_error() {
  local code="$1" pattern="$2" got=0
  shift 2
  timeout 90 "$@" >"$scratch/error.out" 2>"$scratch/error.err" || got=$?
  ((got == code)) ||
    fail "expected exit code $code, got $got from: $* $(cat "$scratch/error.err")"
  grep -Eq -e "$pattern" "$scratch/error.err" ||
    fail "no '$pattern' in: $(cat "$scratch/error.err")"
  [[ "$(grep -c '^halfpipe' "$scratch/error.err")" == 1 ]] ||
    fail "not one clear error: $(cat "$scratch/error.err")"
}

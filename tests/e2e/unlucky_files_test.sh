#!/usr/bin/env bash
# What is no file in a file's place: named pipes, devices without an end,
# sockets, folders. Each is named, nothing waits for it or reads without end.
# And state folders that are full, cannot be written, or are somebody's already.
#
# The small disk is a tmpfs in a mount namespace of this test's own.
if [[ -z "${HP_OWN_NAMESPACE:-}" ]]; then
  if ! unshare --map-root-user --mount true 2>/dev/null; then
    echo "SKIPPED: this machine lets nobody make a mount namespace"
    exit 77
  fi
  HP_OWN_NAMESPACE=1 exec unshare --map-root-user --mount "$0"
fi
source "$(dirname "$0")/lib.sh"

# make KIND PATH: that, in the place of a file.
make() {
  rm -rf "$2"
  case $1 in
    pipe) mkfifo "$2" ;;
    device) ln -s /dev/zero "$2" ;;
    socket) (cd "$(dirname "$2")" && python3 -c 'import socket, sys
socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$(basename "$2")") ;;
    folder) mkdir "$2" ;;
  esac
}

# refused PATTERN COMMAND...: exit code 3, in time, even where a signal that asks
# would not end it.
refused() {
  local pattern="$1" code=0
  shift
  timeout -k 2 60 "$@" >"$scratch/refused.out" 2>"$scratch/refused.err" || code=$?
  ((code == 3)) ||
    fail "exit code $code, not 3, from: $* $(cat "$scratch/refused.err")"
  grep -Eq -e "$pattern" "$scratch/refused.err" ||
    fail "no '$pattern' in: $(cat "$scratch/refused.err")"
}

# coordinate OPTION...: a coordinator that must not get as far as to listen.
coordinate() {
  refused "$1" "$HP_BIN/halfpipe-coordinator" --listen-address 127.0.0.1:0 \
    --metrics-address off "${@:2}"
}

# --- the files of a job, all at once, and the job itself
for kind in pipe device socket folder; do
  cp -r "$dit" "$scratch/$kind-dit"
  make $kind "$(echo "$scratch/$kind-dit"/*.index.json)"
  cp -r "$HP_MODEL/clips" "$scratch/$kind-clips"
  make $kind "$scratch/$kind-clips/clip-1.txt"
  make $kind "$scratch/$kind-clips/clip-2.mp4"
  for file in t5.safetensors vae.safetensors lora.safetensors list.csv; do
    make $kind "$scratch/$kind-$file"
  done
  make $kind "$scratch/$kind.model"
  job "$kind" data="$(clips "$scratch/$kind-clips")" model="{dit: $scratch/$kind-dit, \
text_encoder: $scratch/$kind-t5.safetensors, tokenizer: $scratch/$kind.model, \
vae: $scratch/$kind-vae.safetensors}" >/dev/null
  sed -i "s|rank: 4|rank: 4, init_from: $scratch/$kind-lora.safetensors|" \
    "$scratch/$kind.yaml"
  for command in check run; do
    refused "model.dit: .*" "$HP_BIN/halfpipe" $command "$scratch/$kind.yaml"
    for words in "model.dit: .*index.json" "model.text_encoder: .*$kind-t5" \
      "model.tokenizer: .*$kind.model" "model.vae: .*$kind-vae" \
      "lora.init_from: .*$kind-lora"; do
      grep -Eq -e "$words" "$scratch/refused.err" ||
        fail "$command, $kind: no '$words' in: $(cat "$scratch/refused.err")"
    done
  done
  no_lora "$scratch/$kind"

  make $kind "$scratch/$kind-job.yaml"
  refused "$kind-job.yaml is a" "$HP_BIN/halfpipe" check "$scratch/$kind-job.yaml"
  refused "$kind-job.yaml is a" "$HP_BIN/halfpipe" run "$scratch/$kind-job.yaml"
  refused "$kind-job.yaml is a" "$HP_BIN/halfpipe" submit "$scratch/$kind-job.yaml"
  coordinate "$kind-job.yaml is a" --config "$scratch/$kind-job.yaml"
  HALFPIPE_TOKEN_FILE="$scratch/$kind-job.yaml" \
    refused "token: .*$kind-job.yaml is a" "$HP_BIN/halfpipe" list
  HALFPIPE_CA="$scratch/$kind-job.yaml" \
    refused "$kind-job.yaml" "$HP_BIN/halfpipe" list
  printf 'tokens: %s\nroots: {data: [/srv], models: [/srv], outputs: [/srv]}\n' \
    "$scratch/$kind-job.yaml" >"$scratch/service.yaml"
  coordinate "$kind-job.yaml" --config "$scratch/service.yaml" \
    --state-dir "$scratch/never"
  echo "refused: each $kind"
done

# --- a data set's: the list that a key names, a caption, a clip
for kind in pipe device; do
  for list in "" list.csv; do
    data="$(clips "$scratch/$kind-clips")"
    [[ -z "$list" ]] || data="${data%\}}, metadata: $scratch/$kind-$list}"
    job "data" model="$whole_model" data="$data" >/dev/null
    pattern="$kind-${list:-clips/clip-1.txt: is no regular file}"
    refused "$pattern" "$HP_BIN/halfpipe" check "$scratch/data.yaml"
    [[ -n "$list" ]] || grep -q "clip-2.mp4: is no regular file" "$scratch/refused.err" ||
      fail "no clip-2.mp4: $(cat "$scratch/refused.err")"
  done
done
echo "refused: captions, clips and lists"

# --- what a shell makes of a command is a job file all the same
job piped steps=1 >/dev/null
timeout 120 "$HP_BIN/halfpipe" check --quick <(sleep 0.2; cat "$scratch/piped.yaml") \
  >"$scratch/check.out" || fail "a job file of a shell's: exit code $?"
timeout 120 "$HP_BIN/halfpipe" check --quick /dev/stdin <"$scratch/piped.yaml" \
  >"$scratch/check.out" || fail "a job file from standard input: exit code $?"

# --- a checkpoint in which somebody has put a pipe is not waited for
job pierced steps=4 save_every=2 >/dev/null
run pierced
make pipe "$scratch/pierced/step-00000004/manifest.json"
sed -i 's/steps: 4/steps: 6/' "$scratch/pierced.yaml"
code=0
timeout -k 2 120 "$HP_BIN/halfpipe" run "$scratch/pierced.yaml" \
  >"$scratch/pierced.out" 2>"$scratch/pierced.err" || code=$?
((code == 0 || code == 1 || code == 3)) ||
  fail "a pipe in a checkpoint: exit code $code: $(cat "$scratch/pierced.err")"
echo "a pipe in a checkpoint: exit code $code, $(tail -2 "$scratch/pierced.err")"

# --- a state folder belongs to one coordinator, by whatever path
service
first=$coordinator
ln -s "$scratch/state" "$scratch/link"
for path in "$scratch/state" "$scratch/link"; do
  code=0
  timeout -k 2 60 "$HP_BIN/halfpipe-coordinator" --listen-address 127.0.0.1:0 \
    --metrics-address off --state-dir "$path" >"$scratch/second.out" 2>&1 || code=$?
  # 75, for the first one may be about to end: a restart tries ten times.
  ((code == 75)) || fail "a second one: exit code $code: $(cat "$scratch/second.out")"
  grep -q "process $first).*another halfpipe-coordinator" "$scratch/second.out" ||
    fail "who has it? $(cat "$scratch/second.out")"
  ! grep -q '^listening' "$scratch/second.out" || fail "both serve"
done
hp list >/dev/null || fail "the first one does not answer"
kill -TERM "$first"
wait "$first" || fail "the first one: exit code $?"
echo "refused: a second coordinator"

# --- a state folder without room: at the start, and while a job trains
job reference steps=60 >/dev/null
run reference
job full steps=60 >/dev/null
state="$scratch/small"
mkdir "$state"
mount -t tmpfs -o size=4m tmpfs "$state"
fill() { dd if=/dev/zero of="$state/ballast" bs=4k 2>/dev/null || true; }
fill
code=0
timeout -k 2 60 "$HP_BIN/halfpipe-coordinator" --listen-address 127.0.0.1:0 \
  --metrics-address off --state-dir "$state" >"$scratch/small.out" 2>&1 || code=$?
((code == 75 || code == 3)) ||
  fail "a full folder: exit code $code: $(cat "$scratch/small.out")"
grep -q "$state" "$scratch/small.out" || fail "no name: $(cat "$scratch/small.out")"
echo "a full folder at the start: exit code $code: $(tail -1 "$scratch/small.out")"
rm "$state/ballast"
coordinator --listen-address 127.0.0.1:0 --metrics-address off --state-dir "$state"
stages
hp submit "$scratch/full.yaml" --id full --no-wait >/dev/null
steps_past() {
  (($(hp show full -o json | sed -n 's/^  "steps_done": \([0-9]*\),/\1/p') > $1))
}
wait_for 60 steps_past 3
fill
sleep 5
kill -0 "$coordinator" || fail "it ended: $(tail -3 "$scratch/coordinator.log")"
rm "$state/ballast"
ended() { hp show full -o json | grep -q '"state": "\(done\|failed\)"'; }
wait_for 120 ended
same_lora reference full
kill -TERM "$coordinator"
wait "$coordinator" || fail "exit code $?"
umount "$state"
echo "identical: a job whose service had no room for its events"

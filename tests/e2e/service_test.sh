#!/usr/bin/env bash
# A service as an operator starts it, and the commands that talk to it.
source "$(dirname "$0")/lib.sh"

service
stages

# layers_are RANK PATTERN: whether the stage says that it holds so many blocks.
layers_are() {
  local address
  address="$(sed -n 's/.* metrics=\([^ ]*\).*/\1/p' "$scratch/stage$1.log" | head -1)"
  python3 -c 'import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode())' \
    "http://$address/metrics" |
    grep -q "^halfpipe_stage_layers{stage=\"$1\"} $2\$"
}

job first steps=4 >/dev/null
hp submit "$scratch/first.yaml" --id first --label who=me \
  >"$scratch/first.out" || fail "submit: exit code $?"
[[ "$(head -1 "$scratch/first.out")" == first ]] || fail "no id"
lora first >/dev/null
# The same again is harmless; another job under this id is refused.
[[ "$(hp submit "$scratch/first.yaml" --id first --label who=me --no-wait)" == first ]]
job changed steps=5 >/dev/null
expect_error 1 "first" "$HP_BIN/halfpipe" submit "$scratch/changed.yaml" --id first

job long steps=100000 save_every=100000 split_at=1 >/dev/null
[[ "$(hp submit "$scratch/long.yaml" --id long --no-wait)" == long ]]
says '^first ' hp list --state 'done' || fail "list --state"
[[ "$(hp list --label who=me -o json | grep -c '"id"')" == 1 ]] || fail "labels"
wait_for 60 bash -c "'$HP_BIN/halfpipe' show long -o json | grep -q '\"state\": \"running\"'"
# What Prometheus reads while the job runs: the four blocks of tiny-t2v.
wait_for 20 layers_are 0 1
wait_for 20 layers_are 1 3
says long hp cancel long || fail "cancel"
code=0
hp watch long >"$scratch/watch.out" 2>&1 || code=$?
((code == 6)) || fail "watch of a cancelled job: exit code $code"
wait_for 20 layers_are 0 0
wait_for 20 layers_are 1 0
grep -q 'done' < <(hp logs first) || fail "logs"
hp resume long >/dev/null || fail "resume"
hp cancel long --now >/dev/null
expect_error 1 "" "$HP_BIN/halfpipe" resume first
expect_error 3 "nobody" "$HP_BIN/halfpipe" show nobody
for command in list "watch first" "logs first" "logs -f first"; do
  start=$SECONDS
  # shellcheck disable=SC2086  # a command and its arguments
  expect_error 4 "127.0.0.1:1" "$HP_BIN/halfpipe" $command \
    --address 127.0.0.1:1 --timeout 2
  ((SECONDS - start < 10)) || fail "$command took $((SECONDS - start)) s"
done
expect_error 3 "nobody" "$HP_BIN/halfpipe" watch nobody

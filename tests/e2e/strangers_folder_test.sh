#!/usr/bin/env bash
# An output folder in which other programs keep folders of their own, some with
# names as halfpipe's, and two jobs that come to one folder by two paths.
source "$(dirname "$0")/lib.sh"

# keep NAME: a folder of somebody else's in the output folder.
keep() {
  mkdir -p "$scratch/shared/$1/deep"
  echo "years of work" >"$scratch/shared/$1/deep/thesis.txt"
}
names=(.tmp-mine .tmp-step-00000002 .tmp-removed-step-00000002 .tmp-delete-old
  damaged-step-00000002 backup)
for name in "${names[@]}"; do keep "$name"; done
ln -s "$scratch/shared/backup" "$scratch/shared/.tmp-step-00000009"

job shared steps=6 save_every=2 "extra=" >/dev/null
run shared
lora shared >/dev/null
for name in "${names[@]}"; do
  [[ "$(cat "$scratch/shared/$name/deep/thesis.txt")" == "years of work" ]] ||
    fail "$name of somebody else's was touched"
done
[[ -L "$scratch/shared/.tmp-step-00000009" ]] || fail "their link was removed"
# What is halfpipe's own does go: a save that was interrupted.
mkdir "$scratch/shared/.tmp-step-00000008"
touch "$scratch/shared/.tmp-step-00000008/.halfpipe-owner"
sed -i 's/steps: 6/steps: 8/' "$scratch/shared.yaml"
run shared
[[ ! -e "$scratch/shared/.tmp-step-00000008" ]] || fail "our own leftover stays"

# Two jobs of one service, one of them through a link: one after the other.
service
stages
mkdir "$scratch/one"
ln -s "$scratch/one" "$scratch/two"
job one steps=100000 save_every=100000 >/dev/null
job two steps=4 >/dev/null
hp submit "$scratch/one.yaml" --id one --no-wait >/dev/null
state_of() { hp show "$1" -o json | sed -n 's/^  "state": "\(.*\)",/\1/p'; }
is_state() { [[ "$(state_of "$1")" == "$2" ]]; }
wait_for 60 is_state one running
# A second pair, or the pair itself would be what it waits for.
for rank in 0 1; do
  "$HP_BIN/halfpipe-stage$rank" --coordinator "$HALFPIPE_ADDRESS" --pair other \
    --device cpu --metrics-address 127.0.0.1:0 >"$scratch/other$rank.log" 2>&1 &
  children+=($!)
done
hp submit "$scratch/two.yaml" --id two --no-wait >/dev/null
waits() { hp show two -o json | grep -q 'writes to the same folder'; }
wait_for 60 waits
is_state one running || fail "the first job is $(state_of one)"
# A `run` through the link does not come in beside it either.
code=0
timeout 90 "$HP_BIN/halfpipe" run "$scratch/two.yaml" >"$scratch/run.out" 2>&1 || code=$?
((code != 0)) || fail "a run wrote into the service's folder"
grep -q "is held by another" "$scratch/run.out" || fail "$(cat "$scratch/run.out")"
is_state one running || fail "the first job is $(state_of one)"
hp cancel one --now >/dev/null
gone_on() { ! waits; }
wait_for 60 gone_on

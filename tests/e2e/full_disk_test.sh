#!/usr/bin/env bash
# A disk that is full when a checkpoint is due: the job waits for room, loses
# nothing, and ends in the undisturbed LoRA, byte for byte.
#
# The disk is a small tmpfs in a mount namespace of this test's own.
if [[ -z "${HP_OWN_NAMESPACE:-}" ]]; then
  if ! unshare --map-root-user --mount true 2>/dev/null; then
    echo "SKIPPED: this machine lets nobody make a mount namespace"
    exit 77
  fi
  HP_OWN_NAMESPACE=1 exec unshare --map-root-user --mount "$0"
fi
source "$(dirname "$0")/lib.sh"

steps=12
job reference steps=$steps save_every=4 >/dev/null
run reference

job full steps=$steps save_every=4 >/dev/null
mkdir "$scratch/full"
mount -t tmpfs -o size=16m tmpfs "$scratch/full"
dd if=/dev/zero of="$scratch/full/ballast" bs=64k 2>/dev/null || true
"$HP_BIN/halfpipe" run "$scratch/full.yaml" -o json --workdir "$scratch/work" \
  >"$scratch/full.out" 2>"$scratch/full.err" &
pid=$!
children+=($pid)
wait_for 120 grep -q "waits for room on a full disk" "$scratch/full.out"
sleep 7 # one attempt more, in vain
kill -0 $pid || fail "the job did not wait: $(cat "$scratch/full.err")"
[[ -z "$(ls -d "$scratch"/full/step-* 2>/dev/null)" ]] ||
  fail "a checkpoint on a full disk"
rm "$scratch/full/ballast"
code=0
wait $pid || code=$?
((code == 0)) || fail "exit code $code: $(cat "$scratch/full.err")"
same_lora reference full
nothing_half_written "$scratch/full"
grep -q '"state":"failed"' "$scratch/full.out" && fail "the job failed"
umount "$scratch/full"

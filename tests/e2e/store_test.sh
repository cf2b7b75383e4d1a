#!/usr/bin/env bash
# The job database of a service on a bad day: damaged in every way, gone, taken
# by another, on a disk that is full or cannot be written; and after many jobs.
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

state="$scratch/state"
database="$state/halfpipe.db"

# sql STATEMENT: on the database, by no program of ours.
sql() { python3 -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1]); db.executescript(sys.argv[2]); db.close()' "$database" "$1"; }

# stop [SIGNAL]: ends the coordinator; $code is how.
stop() {
  kill -"${1:-TERM}" "$coordinator" 2>/dev/null || true
  code=0
  wait "$coordinator" || code=$?
}

# refused PATTERN: a start ends with code 3 and says so, without serving.
refused() {
  local got=0
  timeout 60 "$HP_BIN/halfpipe-coordinator" --listen-address 127.0.0.1:0 \
    --metrics-address off --state-dir "$state" >"$scratch/refused.out" \
    2>"$scratch/refused.err" || got=$?
  ((got == 3)) || fail "exit code $got, not 3: $(cat "$scratch/refused.err")"
  grep -q -- "$1" "$scratch/refused.err" ||
    fail "no '$1' in: $(cat "$scratch/refused.err")"
  ! grep -q '^listening' "$scratch/refused.out" || fail "it was served"
}

copies() { find "$state/backups" -name 'halfpipe-*.db' | wc -l; }
has_copies() { [[ "$(copies)" == "$1" ]]; }
has_copy() { compgen -G "$state/backups/halfpipe-$1-*"; }

# submit ID [OPTION...]: a job that nobody takes.
submit() {
  job "$1" >/dev/null
  hp submit "$scratch/$1.yaml" --id "$1" --no-wait "${@:2}" >/dev/null ||
    fail "submit $1"
}

# --- a copy at each start, seven of them
service
for id in a b c; do submit "$id"; done
wait_for 20 has_copies 1
stop
((code == 0)) || fail "exit code $code"
for ((i = 2; i <= 9; ++i)); do
  service
  wait_for 20 has_copy "00000$i"
  stop
done
has_copies 7 || fail "$(copies) copies"
[[ -z "$(find "$state/backups" -name '*unfinished*')" ]] || fail "left behind"
"$HP_BIN/halfpipe-coordinator" check --state-dir "$state" >"$scratch/check.out" ||
  fail "check of a whole one: exit code $?"
grep -q '3 jobs, 0 set aside, 0 records' "$scratch/check.out" || fail "check"
[[ "$(grep -c '^copy .*whole, 3 jobs' "$scratch/check.out")" == 7 ]] || fail "copies"

# --- damaged files are refused, the copies stay, and the way back is one
cp "$database" "$scratch/whole.db"
size="$(stat -c %s "$database")"
damages=(
  'truncate -s 0 F'
  'truncate -s "$((size / 2))" F'
  'truncate -s "$((size - 4096))" F'
  'rm F'
  'dd if=/dev/zero of=F bs=100 count=1 conv=notrunc'
  'dd if=/dev/zero of=F bs=4096 seek=2 count=1 conv=notrunc'
  'dd if=/dev/urandom of=F bs=4096 seek=3 count=1 conv=notrunc'
  'head -c "$size" /dev/urandom >F'
)
for damage in "${damages[@]}"; do
  cp "$scratch/whole.db" "$database"
  eval "${damage//F/\"\$database\"}" 2>/dev/null
  refused 'cp backups/halfpipe-000009-'
  has_copies 7 || fail "a copy went: $damage"
done
code=0
"$HP_BIN/halfpipe-coordinator" check --state-dir "$state" \
  >"$scratch/check.out" 2>&1 || code=$?
((code == 3)) || fail "check of a damaged one: exit code $code"
way="$(sed -n 's/.*as the .*: \(cd .*halfpipe\.db\) ; and start.*/\1/p' \
  "$scratch/refused.err" | head -1)"
[[ -n "$way" ]] || fail "no way back in: $(cat "$scratch/refused.err")"
bash -c "$way" || fail "the way back: $way"
service
[[ "$(hp list -o json | grep -c '"id"')" == 3 ]] || fail "jobs were lost"

# --- a record that cannot be read holds up nobody
stop
sql "UPDATE jobs SET body = x'ff' WHERE id = 'c'"
service
metrics="$(sed -n 's/^listening .* metrics=//p' "$scratch/coordinator.out")"
says '^c  *failed .*damaged' hp list || fail "the damaged job is not listed"
says '^b  *queued' hp list || fail "the others are not listed"
"$HP_BIN/halfpipe-coordinator" healthcheck --metrics-address "$metrics" ||
  fail "not healthy"
wait_for 20 says '^c ' hp list --state failed
code=0
"$HP_BIN/halfpipe-coordinator" check --state-dir "$state" >"$scratch/check.out" \
  2>&1 || code=$?
((code == 3)) || fail "check of a damaged record: exit code $code"
hp delete c >/dev/null || fail "delete"
expect_error 3 "no job" "$HP_BIN/halfpipe" show c
expect_error 1 "cancel" "$HP_BIN/halfpipe" delete b
hp cancel b >/dev/null
hp delete b >/dev/null || fail "delete of a cancelled job"

# --- damage that comes while it runs ends it, with the jobs' steps saved
for ((i = 0; i < 40; ++i)); do submit "more-$i"; done
sql 'PRAGMA wal_checkpoint(TRUNCATE)'
python3 - "$database" <<'END'
import os, sys
with open(sys.argv[1], "r+b") as f:
    for page in range(1, os.path.getsize(sys.argv[1]) // 4096):
        f.seek(page * 4096)
        f.write(b"\0" * 4096)
END
hp list >/dev/null 2>&1 || true
wait_for 30 bash -c "! kill -0 $coordinator"
code=0
wait "$coordinator" || code=$?
((code == 3)) || fail "damage while it runs: exit code $code"
grep -q 'is damaged, and is not served' "$scratch/coordinator.log" || fail "no word"
newest="$(find "$state/backups" -name 'halfpipe-*.db' | sort | tail -1)"
rm -f "$database"-*
cp "$newest" "$database"

# --- a folder belongs to one coordinator, whatever becomes of its lock file
service
first=$coordinator
for lock in there gone; do
  [[ $lock == there ]] || rm "$state/halfpipe.lock"
  code=0
  timeout 60 "$HP_BIN/halfpipe-coordinator" --listen-address 127.0.0.1:0 \
    --metrics-address off --state-dir "$state/." >"$scratch/second.out" \
    2>&1 || code=$?
  ((code == 75)) || fail "a second one: exit code $code: $(cat "$scratch/second.out")"
  grep -q 'another halfpipe-coordinator' "$scratch/second.out" || fail "no reason"
done
hp list >/dev/null || fail "the first one does not answer"
coordinator=$first
stop
((code == 0)) || fail "the first one: exit code $code"

# --- growth: files of 255 KB, cancelled, and queued
rm -rf "$state"
memory_of() { awk '/^VmRSS/ {print $2}' "/proc/$1/status"; }
service
job big >/dev/null
head -c 250000 /dev/zero | tr '\0' '#' >>"$scratch/big.yaml"
for ((i = 0; i < 100; ++i)); do
  hp submit "$scratch/big.yaml" --id "big-$i" --no-wait >/dev/null
  # What the first ones bring along is no growth.
  ((i != 20)) || before="$(memory_of "$coordinator")"
done
grown=$(($(memory_of "$coordinator") - before))
((grown < 8 * 1024)) || fail "80 queued jobs took $grown KiB"
for ((i = 0; i < 100; ++i)); do hp cancel "big-$i" >/dev/null; done
stop
size="$(stat -c %s "$database")"
((size < 2 * 1024 * 1024)) || fail "100 cancelled jobs took $size bytes"
# The same request is known by its digest, another under its name refused.
cat >"$scratch/service.yaml" <<END
limits: {queued_bytes: 1MiB}
retention: {ended_jobs: 30}
END
coordinator --config "$scratch/service.yaml" --listen-address 127.0.0.1:0 \
  --metrics-address off --state-dir "$state"
[[ "$(hp submit "$scratch/big.yaml" --id big-99 --no-wait)" == big-99 ]] ||
  fail "the same job is another one after a restart"
few() { [[ "$(hp list --all -o json | grep -c '"id"')" == 30 ]]; }
wait_for 30 few
for ((i = 0; i < 4; ++i)); do
  hp submit "$scratch/big.yaml" --id "new-$i" --no-wait >/dev/null || fail "new-$i"
done
expect_error 1 "limits.queued_bytes" "$HP_BIN/halfpipe" submit \
  "$scratch/big.yaml" --id new-4 --no-wait
stop

# --- a small disk that is full, and then cannot be written
mkdir "$scratch/small"
mount -t tmpfs -o size=4m tmpfs "$scratch/small"
state="$scratch/small"
service() {
  coordinator --listen-address 127.0.0.1:0 --metrics-address 127.0.0.1:0 \
    --state-dir "$state"
}
service
submit kept
dd if=/dev/zero of="$state/ballast" bs=4k 2>/dev/null || true
job refused >/dev/null
full() { ! hp submit "$scratch/refused.yaml" --no-wait 2>"$scratch/full.err"; }
wait_for 60 full
grep -q 'full' "$scratch/full.err" || fail "no reason: $(cat "$scratch/full.err")"
says '^kept ' hp list || fail "a full disk: no answer"
rm "$state/ballast"
hp submit "$scratch/refused.yaml" --id later --no-wait >/dev/null ||
  fail "there is room, and no job is taken"
stop
((code == 0)) || fail "exit code $code"
mount -o remount,ro "$state"
code=0
timeout 60 "$HP_BIN/halfpipe-coordinator" --listen-address 127.0.0.1:0 \
  --metrics-address off --state-dir "$state" >"$scratch/ro.out" 2>&1 || code=$?
((code == 3)) || fail "a folder that cannot be written: exit code $code"
grep -q "$state" "$scratch/ro.out" || fail "no name: $(cat "$scratch/ro.out")"
mount -o remount,rw "$state"
service
says '^later ' hp list || fail "the jobs of the full disk"
stop
umount "$state"

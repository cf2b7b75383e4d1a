#!/usr/bin/env bash
# The real doctor with the real stage program, on a machine with or without GPU.
source "$(dirname "$0")/lib.sh"

mkdir "$scratch/disk"
code=0
"$HP_BIN/halfpipe" doctor --disk "$scratch/disk" --disk-mib 8 -o json \
  >"$scratch/doctor.json" 2>"$scratch/doctor.err" || code=$?
((code == 0 || code == 1)) || fail "exit code $code: $(cat "$scratch/doctor.err")"
python3 - "$scratch/doctor.json" "$code" \
  "$("$HP_BIN/halfpipe-stage0" --version)" <<'END'
import json, sys
report = json.load(open(sys.argv[1]))
findings = {f["subject"]: f for f in report["findings"]}
assert report["schema"] == 1
assert (report["verdict"] == "FAIL") == (sys.argv[2] == "1"), report["verdict"]
for subject in ("system", "halfpipe", "programs", "driver", "libraries",
                "locked memory", "host memory", "shared memory", "port 50700",
                "port 9700", "disk", "clock", "cpu arithmetic"):
    assert subject in findings, subject
# The stage programs are in a mode in which the CPU's products are reproducible.
arithmetic = findings["cpu arithmetic"]
assert arithmetic["found"].startswith("mkl "), arithmetic
assert arithmetic["verdict"] == "info", arithmetic
assert findings["programs"]["verdict"] == "ok", findings["programs"]
parts = ["torch 2."]
if "CUDA none" not in sys.argv[3]:  # a sanitized build is without
    parts += ["cuda 13.", "nccl 2."]
for part in parts:
    assert part in findings["libraries"]["found"], findings["libraries"]
assert any(s.startswith("gpu") for s in findings), "GPUs, or that there is none"
for f in report["findings"]:
    assert f["verdict"] in ("ok", "info", "warn", "FAIL"), f
    assert f["advice"] or f["verdict"] in ("ok", "info"), f
END
[[ -z "$(ls -A "$scratch/disk")" ]] || fail "the disk test left a file"
"$HP_BIN/halfpipe" doctor --disk /proc/nowhere --disk-mib 1 \
  >"$scratch/doctor.txt" && fail "a disk that is not there is no failure"
grep -q "^FAIL  disk" "$scratch/doctor.txt" || fail "$(cat "$scratch/doctor.txt")"

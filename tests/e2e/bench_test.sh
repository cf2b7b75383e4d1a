#!/usr/bin/env bash
# `halfpipe bench` prints one object with the contract's keys and sane values.
source "$(dirname "$0")/lib.sh"

for stages in 1 2; do
  timeout 300 "$HP_BIN/halfpipe" bench --variant tiny-t2v --layers 4 \
    --height 64 --width 64 --frames 5 --micro-batches 2 --steps 2 --rank 4 \
    --stages $stages --device cpu -o json \
    >"$scratch/bench.json" 2>"$scratch/bench.err" ||
    fail "bench --stages $stages: $? $(cat "$scratch/bench.err")"
  /usr/bin/python3 - "$scratch/bench.json" $stages <<'END' || fail "the report"
import json
import sys

report = json.load(open(sys.argv[1]))
assert list(report) == ["schema", "config", "s_per_step", "s_per_sample",
                        "bubble_ratio", "stages"], list(report)
assert len(report["stages"]) == int(sys.argv[2])
assert report["s_per_step"] > 0
assert abs(report["s_per_sample"] * 2 - report["s_per_step"]) < 1e-9
assert 0 <= report["bubble_ratio"] <= 1
for stage in report["stages"]:
    assert 0 < stage["busy_ratio"] <= 1, stage
    assert (stage["link_bytes"] > 0) == (len(report["stages"]) == 2), stage
    assert "kernel_seconds" not in stage, stage
END
done

timeout 300 "$HP_BIN/halfpipe" bench --variant tiny-t2v --layers 4 --height 64 \
  --width 64 --frames 5 --micro-batches 2 --steps 2 --rank 4 --stages 2 \
  --device cpu --profile --trace "$scratch/trace.json" -o json >"$scratch/bench.json" 2>"$scratch/bench.err" ||
  fail "bench --profile: $? $(cat "$scratch/bench.err")"
/usr/bin/python3 - "$scratch/trace.json" <<'END' || fail "the trace"
import json
import sys

events = [e for e in json.load(open(sys.argv[1]))["traceEvents"]
          if e["ph"] == "X"]
for stage in (0, 1):
    names = [e["name"] for e in events if e["pid"] == stage]
    # Two micro-batches forward and backward through each segment, and a step.
    for name in ("0F0", "0B1", "2F0") if stage == 0 else ("1F0", "1B1"):
        assert name in names, (stage, name, names)
    assert all(e["dur"] >= 0 and e["ts"] >= 0 for e in events)
END
/usr/bin/python3 - "$scratch/bench.json" <<'END' || fail "the profile"
import json
import sys

report = json.load(open(sys.argv[1]))
groups = ["linear", "lora", "attention_forward", "attention_backward", "norm",
          "qk_norm", "activation"]
for stage in report["stages"]:
    kernels, actions = stage["kernel_seconds"], stage["action_seconds"]
    for group in groups:
        assert kernels[group] > 0, (group, kernels)
    # Only stage 0 has the head.
    assert (kernels["head"] > 0) == (stage["stage"] == 0), kernels
    assert set(actions) == {"forward", "backward", "optimizer"}, actions
    # The groups are within the actions, and with what is idle they are a step.
    known = sum(kernels[group] for group in groups) + kernels["head"]
    assert known <= sum(actions.values()) * 1.01, (kernels, actions)
    assert sum(kernels.values()) <= report["s_per_step"] * 2, kernels
END

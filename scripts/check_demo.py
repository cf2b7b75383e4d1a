#!/usr/bin/env python3
"""Checks what scripts/demo has trained: check_demo.py OUT.

Prints the loss of each tenth of the steps, from the files of `run --record`,
and the LoRA file. Fails unless the last quarter's mean loss is below 0.8 of the
first tenth's, and the file holds a trained pair for each of the model's 40
targets. Needs nothing but Python.
"""

import array
import collections
import json
import math
import pathlib
import re
import sys

MOST_OF_FIRST_LOSS = 0.8
TARGETS = 40  # 4 blocks, 8 attention layers and 2 of the feed-forward net each


def floats_of(dtype, data):
    """The values of F32 and BF16 tensors, on a little-endian machine."""
    if dtype == "BF16":  # the upper half of a float32
        halves = array.array("H", data)
        data = array.array("I", (half << 16 for half in halves)).tobytes()
    return array.array("f", data)


def read_safetensors(path, only=None):
    """{name: its values} of a file's F32 and BF16 tensors, or of one."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    tensors = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        # Integers: nothing that is checked here.
        if name == "__metadata__" or entry["dtype"] not in ("F32", "BF16"):
            continue
        if only not in (None, name):
            continue
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = floats_of(entry["dtype"], data[begin:end])
    return tensors


def mean(values):
    return sum(values) / len(values)


def losses(record):
    """The mean loss of each step, in order."""
    steps = collections.defaultdict(list)
    for path in record.rglob("step-*-mb-*.safetensors"):
        step = int(re.search(r"step-(\d+)-mb-", path.name).group(1))
        steps[step].append(read_safetensors(path, "loss")["loss"][0])
    return [mean(steps[step]) for step in sorted(steps)]


def check_losses(record):
    values = losses(record)
    if len(values) < 10:
        return f"{record} holds {len(values)} steps, expected at least 10"
    tenth = len(values) // 10
    means = [mean(values[i:i + tenth]) for i in range(0, 10 * tenth, tenth)]
    print("loss, a tenth of the steps each:",
          " ".join(f"{value:.3f}" for value in means))
    last = mean(values[-(len(values) // 4):])
    if not last < MOST_OF_FIRST_LOSS * means[0]:
        return f"the loss went from {means[0]:.3f} to {last:.3f} only"
    return None


def check_lora(output):
    found = sorted(output.rglob("lora.diffsynth.safetensors"),
                   key=lambda path: path.stat().st_mtime)
    if not found:
        return f"no lora.diffsynth.safetensors below {output}"
    tensors = read_safetensors(found[-1])
    downs = {n for n in tensors if n.endswith(".lora_A.default.weight")}
    ups = {n.replace(".lora_A.", ".lora_B.") for n in downs}
    if len(downs) != TARGETS or set(tensors) != downs | ups:
        return f"{found[-1]} has {len(tensors)} tensors, expected {2 * TARGETS}"
    for name, values in tensors.items():
        if not all(map(math.isfinite, values)) or not any(values):
            return f"{found[-1]}: {name} is not trained"
    print(f"LoRA: {found[-1]} ({found[-1].stat().st_size} bytes)")
    return None


def main():
    out = pathlib.Path(sys.argv[1])
    problems = [problem for problem in (check_losses(out / "record"),
                                        check_lora(out / "output")) if problem]
    for problem in problems:
        print(f"check_demo: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Checks what scripts/demo has trained: check_demo.py OUT.

Prints the loss of each tenth of the steps, from the files of `run --record`,
and the LoRA file. Fails unless the last quarter's mean loss is below 0.8 of the
first tenth's, and the file holds a trained pair for each of the model's 40
targets.
"""

import collections
import json
import pathlib
import re
import sys

import numpy as np

MOST_OF_FIRST_LOSS = 0.8
TARGETS = 40  # 4 blocks, 8 attention layers and 2 of the feed-forward net each


def read_safetensors(path):
    """{name: float32 array} of a file with F32 and BF16 tensors."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        if entry["dtype"] == "BF16":  # the upper half of a float32
            bits = np.frombuffer(data[begin:end], "<u2").astype("<u4") << 16
            values = bits.view("<f4")
        elif entry["dtype"] == "F32":
            values = np.frombuffer(data[begin:end], "<f4")
        else:
            continue  # integers: nothing that is checked here
        tensors[name] = values.reshape(entry["shape"])
    return tensors


def losses(record):
    """The mean loss of each step, in order."""
    steps = collections.defaultdict(list)
    for path in record.rglob("step-*-mb-*.safetensors"):
        step = int(re.search(r"step-(\d+)-mb-", path.name).group(1))
        steps[step].append(float(read_safetensors(path)["loss"].reshape(())))
    return [float(np.mean(steps[step])) for step in sorted(steps)]


def check_losses(record):
    values = losses(record)
    if len(values) < 10:
        return f"{record} holds {len(values)} steps, expected at least 10"
    tenth = len(values) // 10
    means = [np.mean(values[i:i + tenth]) for i in range(0, 10 * tenth, tenth)]
    print("loss, a tenth of the steps each:",
          " ".join(f"{mean:.3f}" for mean in means))
    last = np.mean(values[-(len(values) // 4):])
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
        if not np.isfinite(values).all() or not values.any():
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

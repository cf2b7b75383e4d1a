#!/usr/bin/env python3
"""PyPI's tensorboard and json read the curves of a job that was killed.

Usage: tensorboard_test.py CURVE_WRITER

Exits with 77 where the package is in neither this Python nor HP_PYTHON's.
"""

import json
import math
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

try:
    from tensorboard.backend.event_processing.event_accumulator import (
        EventAccumulator)
except ImportError as error:
    python = os.environ.get("HP_PYTHON", "")
    if os.path.exists(python) and not os.environ.get("HP_IN_VENV"):
        os.environ["HP_IN_VENV"] = "1"
        os.execv(python, [python, *sys.argv])
    print(f"skipped: no tensorboard here ({error}); "
          f"scripts/setup --oracles installs it")
    sys.exit(77)


def train(writer, folder, first, last, mark):
    """Steps `first` to `last`, whose process is then killed."""
    done = subprocess.run([writer, folder, str(first), str(last), str(mark)])
    assert done.returncode == -signal.SIGKILL, done


def cut_short(folder):
    """What a killed machine leaves: half a line, half a record."""
    with open(folder / "metrics.jsonl", "ab") as lines:
        lines.write(b'{"step":31,"time":17646')
    last = sorted(folder.glob("*tfevents*"))[-1]
    with open(last, "ab") as events:
        events.write(b"\x18\0\0\0\0\0\0\0\xa3\x7fhalf")


def expect(found, wanted, what):
    if found != wanted:
        sys.exit(f"{what}: found {found}, wanted {wanted}")


def main():
    writer = sys.argv[1]
    with tempfile.TemporaryDirectory() as out:
        folder = pathlib.Path(out) / "metrics"
        # The job is killed at step 30, goes on from its checkpoint of step 20,
        # and once more from that of step 40.
        train(writer, out, 1, 30, 1000)
        cut_short(folder)
        train(writer, out, 21, 40, 2000)
        train(writer, out, 41, 50, 3000)
        mark = {step: 1000 if step <= 20 else 2000 if step <= 40 else 3000
                for step in range(1, 51)}
        tens = [step for step in mark if step % 10 == 0]
        wanted = {
            "train/loss": [(s, mark[s] + s) for s in mark],
            "train/grad_norm": [(s, 0.25) for s in mark],
            "train/step_seconds": [(s, 1.5) for s in mark],
            "memory/stage0_peak_bytes": [(s, 2.0 * 2**30) for s in mark],
            "memory/stage1_peak_bytes": [(s, 3.0 * 2**30) for s in mark],
            "validation/loss": [(s, mark[s] + s + 0.5) for s in tens],
            "validation/loss_t978": [(s, mark[s] + s) for s in tens],
            "validation/loss_t200": [(s, mark[s] + s + 1.0) for s in tens],
        }

        # The folder above, as in `tensorboard --logdir out`, has no events of
        # its own: each folder below is a run.
        events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
        events.Reload()
        expect(sorted(events.Tags()["scalars"]),
               sorted([*wanted, "train/learning_rate"]), "tags")
        for tag, points in wanted.items():
            expect([(p.step, p.value) for p in events.Scalars(tag)], points,
                   tag)
        for point in events.Scalars("train/learning_rate"):
            assert math.isclose(point.value, 1e-4, rel_tol=1e-6), point
            assert point.wall_time == 1764630000.0 + point.step, point

        rows = [json.loads(line)
                for line in (folder / "metrics.jsonl").read_text().splitlines()]
        steps = [row for row in rows if "loss" in row]
        expect([(r["step"], r["loss"]) for r in steps], wanted["train/loss"],
               "metrics.jsonl")
        expect([(r["step"], r["validation_loss"]) for r in rows
                if "validation_loss" in r], wanted["validation/loss"],
               "validations in metrics.jsonl")
        expect({(r["learning_rate"], r["stage1_peak_bytes"]) for r in steps},
               {(1e-4, 3 * 2**30)}, "figures in metrics.jsonl")
    print("50 steps and 5 validations, each of them once")


if __name__ == "__main__":
    main()

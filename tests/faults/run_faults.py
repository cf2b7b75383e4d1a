#!/usr/bin/env python3
"""Disturbs jobs in every way that a service meets, and compares their LoRAs.

    run_faults.py --bin build/dev/bin --layer build/dev/tests/libfault_layer.so \
        --kills 100 --seed 1

A coordinator and both stages run on the CPU, supervised as systemd does it.
Faults are drawn from the seed: SIGKILL; SIGSTOP, then SIGCONT; every socket of
a process closed; a full disk for a while; a process killed at, or half through,
one of its writes, syncs, renames (so that over many of them every point of a
commit is hit); a committed checkpoint damaged behind the service's back.

Every job has to end, with the LoRA of the undisturbed one, byte for byte; no
committed checkpoint may be damaged but by us; nothing half-written may be left.
"""
import argparse
import collections
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

PROGRAMS = ["halfpipe-coordinator", "halfpipe-stage0", "halfpipe-stage1"]
STEPS = 60
SAVE_EVERY = 3
# So many steps after a fault without a restart: it did no harm.
STEPS_UNDISTURBED = 8
# A job has to get one step further than ever before within this.
PATIENCE_S = 120

JOB = """\
name: faults
model: {{random: {{variant: tiny-t2v}}}}
lora: {{rank: 4}}
data: {{height: 64, width: 48, frames: 9, random: {{samples: 5}}}}
train: {{steps: {steps}, micro_batches: 2, seed: 0}}
pipeline: {{device: cpu, dtype: fp32}}
output: {{dir: {out}, save_every: {{steps: {every}}}, formats: [diffsynth]}}
"""


class Failure(Exception):
    pass


class Process:
    """A program that is started again whenever it ends."""

    def __init__(self, argv, environment, log):
        self.argv, self.environment, self.log = argv, environment, log
        self.starts = 0
        self.child = None
        self.next_start = 0.0
        self.gave_up = False

    def poll(self):
        if self.child is not None and self.child.poll() is not None:
            if self.child.returncode in (2, 3, 69):
                self.gave_up = True  # systemd would not try again either
                return
            self.child = None
            self.next_start = time.monotonic() + 0.1
        if self.child is None and time.monotonic() >= self.next_start:
            with open(self.log, "ab") as log:
                self.child = subprocess.Popen(
                    self.argv, env=self.environment, stdout=log, stderr=log)
            self.starts += 1

    def signal(self, number):
        if self.child is not None:
            self.child.send_signal(number)

    def kill(self):
        if self.child is not None:
            self.child.kill()
            self.child.wait()


class Service:
    """The three processes, and the command line that talks to them."""

    def __init__(self, scratch, programs, layer):
        self.scratch = scratch
        self.programs = programs
        self.plan = scratch / "plan"
        self.address = f"unix:{scratch}/socket"
        # By its name: LD_PRELOAD is a list that blanks divide.
        folders = [str(layer.parent), os.environ.get("LD_LIBRARY_PATH", "")]
        environment = dict(os.environ, LD_PRELOAD=layer.name,
                           LD_LIBRARY_PATH=":".join(filter(None, folders)),
                           HP_FAULT_PLAN=str(self.plan), OMP_NUM_THREADS="1")
        config = scratch / "service.yaml"
        config.write_text("lease_seconds: 3\n")
        arguments = {
            "halfpipe-coordinator": [
                "--config", str(config), "--listen-address", self.address,
                "--metrics-address", "off", "--state-dir",
                str(scratch / "state")],
        }
        self.processes = {}
        for name in PROGRAMS:
            argv = [str(programs / name)] + arguments.get(name, [
                "--coordinator", self.address, "--device", "cpu",
                "--metrics-address", "127.0.0.1:0"])
            self.processes[name] = Process(argv, environment,
                                           scratch / f"{name}.log")
        self.stopping = threading.Event()
        self.supervisor = threading.Thread(target=self.supervise)
        self.supervisor.start()

    def supervise(self):
        while not self.stopping.wait(0.05):
            for process in self.processes.values():
                process.poll()

    def check_logs(self):
        """A process that a sanitizer ends is started again, like any other."""
        for log in sorted(self.scratch.glob("*.log")):
            if re.search(r"SUMMARY: \w+Sanitizer:",
                         log.read_text(errors="replace")):
                raise Failure(f"a sanitizer's report is in {log}")

    def stop(self):
        self.stopping.set()
        self.supervisor.join()
        for process in self.processes.values():
            process.kill()

    def halfpipe(self, *arguments):
        """The exit code and standard output; tries again while nobody
        answers."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            done = subprocess.run(
                [str(self.programs / "halfpipe"), *arguments, "--address",
                 self.address, "--timeout", "10"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            if done.returncode != 4 or time.monotonic() > deadline:
                return done
            time.sleep(0.2)


class Watch:
    """Follows one job; reconnects by itself while the coordinator is away."""

    def __init__(self, service, job):
        self.service, self.job = service, job
        self.changed = threading.Condition()
        self.cursor = 0
        self.best = 0
        self.committed = 0
        self.state = "queued"
        self.reason = ""
        self.events = []  # (time, event)
        self.closed = False
        self.thread = threading.Thread(target=self.follow)
        self.thread.start()

    def follow(self):
        while not self.closed:
            self.child = subprocess.Popen(
                [str(self.service.programs / "halfpipe"), "watch", self.job,
                 "-o", "json", "--after", str(self.cursor), "--address",
                 self.service.address], stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, text=True)
            for line in self.child.stdout:
                try:
                    self.note(json.loads(line))
                except json.JSONDecodeError:
                    break
            self.child.wait()
            time.sleep(0.1)

    def note(self, event):
        with self.changed:
            cursor = event.get("cursor", self.cursor)
            if cursor not in (self.cursor, self.cursor + 1):
                raise Failure(f"event {cursor} follows {self.cursor}")
            self.cursor = cursor
            if event.get("type") == "step":
                self.best = max(self.best, event["steps_done"])
            elif event.get("type") == "checkpoint":
                self.committed = max(self.committed,
                                     event["checkpoint"]["steps_done"])
            elif event.get("type") == "state":
                self.state = event["state"]
                self.reason = event["reason"]
            self.events.append((time.monotonic(), event))
            self.changed.notify_all()

    def wait(self, condition, seconds):
        deadline = time.monotonic() + seconds
        with self.changed:
            while not self.changed.wait_for(condition, 1):
                for name, process in self.service.processes.items():
                    if process.gave_up:
                        raise Failure(f"{name} will not start: see its log")
                if time.monotonic() > deadline:
                    return False
        return True

    def ended(self):
        return self.state in ("done", "failed", "cancelled")

    def close(self):
        self.closed = True
        self.child.kill()
        self.thread.join()


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_folder(out, damaged):
    """Every committed checkpoint is what its manifest says."""
    for manifest in out.glob("step-*/manifest.json"):
        if manifest.parent.name in damaged:
            continue
        for entry in json.loads(manifest.read_text())["files"]:
            if digest(manifest.parent / entry["name"]) != entry["sha256"]:
                raise Failure(f"{manifest.parent} is damaged: {entry['name']}")
    left = [p for p in out.rglob("*")
            if ".tmp" in p.name and ".halfpipe" not in p.parts]
    if left:
        raise Failure(f"left behind: {left}")


class FaultTest:
    def __init__(self, service, seed):
        self.service = service
        self.random = random.Random(seed)
        self.recoveries = []
        self.lost = []
        self.counts = collections.Counter()
        self.absorbed = 0
        self.reference = None

    def submit(self, name):
        out = self.service.scratch / name
        path = self.service.scratch / f"{name}.yaml"
        path.write_text(JOB.format(out=out, steps=STEPS, every=SAVE_EVERY))
        done = self.service.halfpipe("submit", str(path), "--id", name,
                                     "--no-wait")
        if done.returncode != 0:
            raise Failure(f"submit: {done.stderr}")
        return out, Watch(self.service, name)

    def finish(self, name, out, watch, damaged):
        watch.wait(watch.ended, 300)
        if watch.state != "done":
            raise Failure(f"{name} is {watch.state}: {watch.reason}")
        watch.close()
        found = digest(out / "lora.diffsynth.safetensors")
        if self.reference is None:
            self.reference = found
        if found != self.reference:
            raise Failure(f"the LoRA of {name} is another one")
        check_folder(out, damaged)

    def run_undisturbed(self):
        out, watch = self.submit("reference")
        try:
            self.finish("reference", out, watch, set())
        finally:
            watch.close()

    # The faults. Each returns when it was done, or None when it could not be.

    def fault_kill(self, target):
        self.service.processes[target].signal(signal.SIGKILL)
        return time.monotonic()

    def fault_stop(self, target):
        process = self.service.processes[target].child
        if process is None:
            return None
        at = time.monotonic()
        process.send_signal(signal.SIGSTOP)
        # Shorter and longer than the lease.
        time.sleep(self.random.choice([0.3, 1.0, 5.0]))
        process.send_signal(signal.SIGCONT)
        return at

    def plan(self, target, kind, last, milliseconds=0):
        plan = self.service.plan
        draft = plan.with_suffix(".draft")
        draft.write_text(
            f"{target} {kind} {self.random.randint(1, last)} {milliseconds}\n")
        draft.rename(plan)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if not plan.exists():
                return time.monotonic()
            time.sleep(0.01)
        plan.unlink(missing_ok=True)
        return None

    def fault_torn(self, target):
        return self.plan(target, "torn", 30)

    def fault_sockets(self, target):
        return self.plan(target, "sockets", 5)

    def fault_full(self, target):
        return self.plan(target, "nospace", 20, self.random.choice([50, 1500]))

    def fault_damage(self, target, out, damaged):
        """A bit of the newest checkpoint flips while its reader dies."""
        folders = sorted(out.glob("step-*"), key=lambda p: p.stat().st_mtime)
        if len(folders) < 2:
            return None
        # Not the LoRA: the job's result is a hard link to it, and where the job
        # has just ended nothing would ever write another.
        shards = sorted(folders[-1].glob("stage*.safetensors"))
        if not shards:
            return None  # it is just being pruned
        shard = self.random.choice(shards)
        try:
            with open(shard, "r+b") as file:
                file.seek(shard.stat().st_size - 3)
                byte = file.read(1)
                file.seek(-1, os.SEEK_CUR)
                file.write(bytes([byte[0] ^ 1]))
        except FileNotFoundError:
            return None  # it was just pruned
        damaged.add(folders[-1].name)
        return self.fault_kill(target)

    def disturb(self, name, out, watch, damaged):
        target = self.random.choice(PROGRAMS)
        kind = self.random.choice(
            ["kill", "kill", "stop", "torn", "torn", "sockets", "full",
             "damage"])
        time.sleep(self.random.uniform(0, 0.5))
        with watch.changed:
            best = watch.best
            seen = len(watch.events)
        if kind == "damage":
            target = self.random.choice(PROGRAMS[1:])
            at = self.fault_damage(target, out, damaged)
        else:
            at = getattr(self, f"fault_{kind}")(target)
        if at is None:
            return
        self.counts[f"{kind} {target.removeprefix('halfpipe-')}"] += 1

        # Whether the job noticed: its pair formed again, or it was queued.
        def disrupted():
            return next((i for i, (_, event) in enumerate(watch.events)
                         if i >= seen and event.get("type") == "state" and
                         event["state"] in ("preparing", "queued")), None)

        if not watch.wait(lambda: disrupted() is not None or watch.ended() or
                          watch.best >= best + STEPS_UNDISTURBED, PATIENCE_S):
            raise Failure(f"{name}: neither a step nor a restart within "
                          f"{PATIENCE_S} s of {kind} of {target}")
        again = disrupted()
        if again is None:
            if not watch.ended():
                self.absorbed += 1
            print(f"{name}: {kind} {target} at step {best}: no restart",
                  flush=True)
            return
        before = max((event["steps_done"] for _, event in watch.events[:again]
                      if event.get("type") == "step"), default=0)

        def steps():
            return [(when, event["steps_done"])
                    for when, event in watch.events[again:]
                    if event.get("type") == "step"]

        if not watch.wait(lambda: watch.ended() or
                          any(step > before for _, step in steps()),
                          PATIENCE_S):
            raise Failure(f"{name}: not further within {PATIENCE_S} s of "
                          f"{kind} of {target}; {watch.state}: {watch.reason}")
        beyond = [when for when, step in steps() if step > before]
        if beyond:
            self.recoveries.append(beyond[0] - at)
            self.lost.append(max(0, before - steps()[0][1] + 1))
            print(f"{name}: {kind} {target} at step {before}: "
                  f"{self.recoveries[-1]:.2f} s, {self.lost[-1]} steps again",
                  flush=True)

    def run_job(self, number, most):
        """Disturbs one job until it ends, at most so often."""
        name = f"job-{number}"
        out, watch = self.submit(name)
        damaged = set()
        before = sum(self.counts.values())
        try:
            while sum(self.counts.values()) - before < most:
                mark = watch.committed
                # Only what has gained something since is worth a new fault.
                if not watch.wait(
                        lambda: watch.committed > mark or watch.ended() or
                        (mark == 0 and watch.best > 0), PATIENCE_S):
                    raise Failure(f"{name} stands still: {watch.state} "
                                  f"{watch.reason}")
                if watch.ended():
                    break
                self.disturb(name, out, watch, damaged)
            self.finish(name, out, watch, damaged)
        finally:
            watch.close()

    def report(self):
        print(f"\n{sum(self.counts.values())} faults:")
        for what, count in sorted(self.counts.items()):
            print(f"  {count:4} {what}")
        print(f"recovered in {statistics.median(self.recoveries):.2f} s "
              f"(median), {max(self.recoveries):.2f} s (worst): until one step "
              "further than ever before")
        print(f"steps done again: {sum(self.lost)} in all, "
              f"{statistics.median(self.lost):.0f} (median), "
              f"{max(self.lost)} (worst); a checkpoint every {SAVE_EVERY}")
        print(f"without a restart: {self.absorbed}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--layer", type=pathlib.Path, required=True)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", action="store_true",
                        help="leave the scratch folder")
    options = parser.parse_args()
    # In /tmp whatever TMPDIR says: sockets need short names.
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="halfpipe-faults-",
                                            dir="/tmp"))
    service = Service(scratch, options.bin.resolve(), options.layer.resolve())
    test = FaultTest(service, options.seed)
    failed = True
    try:
        test.run_undisturbed()
        number = 0
        while sum(test.counts.values()) < options.kills:
            test.run_job(number,
                         options.kills - sum(test.counts.values()))
            number += 1
        service.check_logs()
        print(f"{number} jobs, every LoRA the undisturbed one's")
        test.report()
        failed = False
    except Failure as failure:
        print(f"FAILED (seed {options.seed}): {failure}", file=sys.stderr)
        for log in sorted(scratch.glob("*.log")):
            print(f"--- {log.name}", file=sys.stderr)
            print("\n".join(log.read_text(errors="replace").splitlines()[-15:]),
                  file=sys.stderr)
    finally:
        service.stop()
        if not options.keep and not failed:
            shutil.rmtree(scratch)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

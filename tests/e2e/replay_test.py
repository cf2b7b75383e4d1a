#!/usr/bin/env python3
"""Replays a recorded training run with diffusers, peft and torch's AdamW.

  replay_test.py JOB.yaml RECORD

RECORD is what `halfpipe run JOB.yaml --record RECORD` wrote (docs/recording.md)
for a float32 job on a model with the original names. Nothing of halfpipe is
used but its files:

  inputs     noise, timestep, weight and target of each micro-batch follow from
             the seed, the schedule and the recorded latents
  gradients  at the recorded weights of each step, and the loss: within 1e-4
  weights    of a run of torch's own AdamW, clipping and learning rates from
             the first recorded weights on, after each step: within 1e-3
  exports    are the last weights, alpha / rank where it belongs, in bf16

Exits with 1 and one line for each difference. Before it says that all is well
it damages each kind of file in memory and expects to notice.
"""

import argparse
import math
import pathlib
import sys

import numpy as np
import torch
import yaml
from diffusers.optimization import get_scheduler
from peft import LoraConfig, inject_adapter_in_model
from safetensors.torch import load_file

import wan_oracle

GRADIENT_TOLERANCE = 1e-4
WEIGHT_TOLERANCE = 1e-3
# Transcendental functions and sums in another order, nothing else.
INPUT_TOLERANCE = 1e-5
TABLE_SIZE = 1000
NOISE, TIMESTEP = 1, 2  # purposes of a random stream


def difference(ours, theirs):
    """||a - b|| / ||b||, the parity contract's: 0 where both are nothing."""
    a, b = ours.double(), theirs.double()
    if a.shape != b.shape:
        return math.inf
    distance, size = (a - b).norm().item(), b.norm().item()
    if size < 1e-12:
        return 0.0 if distance <= 1e-7 else math.inf
    return distance / size if math.isfinite(distance) else math.inf


class Comparison:
    """Collects what differs, and how far the rest was off at most."""

    def __init__(self):
        self.problems = []
        self.worst = {}

    def check(self, group, what, ours, theirs, tolerance):
        value = difference(ours, theirs)
        self.worst[group] = max(value, self.worst.get(group, 0.0))
        if not value <= tolerance:
            self.problems.append(f"{what}: {value:.3g}, allowed {tolerance:g}")


class Record:
    """The files of one folder: microbatches[step][m], weights and grads[step]
    by module and half, the two stages joined."""

    def __init__(self, folder, steps, microbatches):
        self.microbatches, self.weights, self.grads = [], [], []
        for step in range(steps):
            self.microbatches.append([
                load_file(folder / f"step-{step}-mb-{m}.safetensors")
                for m in range(microbatches)])
            tensors = {}
            for path in sorted(folder.glob(f"step-{step}-stage-*.safetensors")):
                tensors.update(load_file(path))
            self.weights.append(self._part(tensors, "lora."))
            self.grads.append(self._part(tensors, "grad."))

    @staticmethod
    def _part(tensors, prefix):
        return {key.removeprefix(prefix): tensor
                for key, tensor in tensors.items() if key.startswith(prefix)}


def load_shards(checkpoint):
    """The weights in a checkpoint, under the record's names."""
    tensors = {}
    for path in sorted(checkpoint.glob("stage*.safetensors")):
        tensors.update(load_file(path))
    return {key.removeprefix("lora.") + ".default.weight": tensor
            for key, tensor in tensors.items() if key.startswith("lora.")}


# --- Inputs ------------------------------------------------------------------


def philox(counter, key):
    """Philox4x32-10 on arrays of uint64 that hold 32 bits each."""
    mask = np.uint64(0xFFFFFFFF)
    c, k = list(counter), list(key)
    for _ in range(10):
        first = np.uint64(0xD2511F53) * c[0]
        second = np.uint64(0xCD9E8D57) * c[2]
        c = [(second >> np.uint64(32)) ^ c[1] ^ k[0], second & mask,
             (first >> np.uint64(32)) ^ c[3] ^ k[1], first & mask]
        k = [(k[0] + np.uint64(0x9E3779B9)) & mask,
             (k[1] + np.uint64(0xBB67AE85)) & mask]
    return np.stack(c, axis=-1).reshape(-1)


def uniforms(seed, step, microbatch, purpose, count):
    blocks = -(-count // 4)
    zeros = np.zeros(blocks, np.uint64)
    counter = [np.arange(blocks, dtype=np.uint64), zeros + np.uint64(step),
               zeros + np.uint64(microbatch), zeros + np.uint64(purpose)]
    key = [zeros + np.uint64(seed & 0xFFFFFFFF), zeros + np.uint64(seed >> 32)]
    words = philox(counter, key)[:count]
    return (words >> np.uint64(8)).astype(np.float64) / 2**24


def normals(seed, step, microbatch, shape):
    count = math.prod(shape)
    pairs = uniforms(seed, step, microbatch, NOISE, count + count % 2)
    radius = np.sqrt(-2.0 * np.log(1.0 - pairs[0::2]))
    angle = 2.0 * math.pi * pairs[1::2]
    values = np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1)
    return torch.from_numpy(values.reshape(-1)[:count]).reshape(shape)


def timestep_table(options):
    """(1000 timesteps, their weights) of the shifted schedule."""
    u = 1.0 - np.arange(TABLE_SIZE) / TABLE_SIZE
    shift = options["shift"]
    timesteps = TABLE_SIZE * shift * u / (1.0 + (shift - 1.0) * u)
    if options["weighting"] == "none":
        return timesteps, np.ones(TABLE_SIZE)
    bell = np.exp(-2.0 * ((timesteps - TABLE_SIZE / 2) / TABLE_SIZE) ** 2)
    bell -= bell.min()
    return timesteps, bell * TABLE_SIZE / bell.sum()


def check_inputs(job, record, comparison):
    options, seed = job["train"]["timesteps"], job["train"]["seed"]
    timesteps, weights = timestep_table(options)
    begin = int(options["min_boundary"] * TABLE_SIZE)
    count = int(options["max_boundary"] * TABLE_SIZE) - begin
    for step, microbatches in enumerate(record.microbatches):
        for m, recorded in enumerate(microbatches):
            where = f"step {step} micro-batch {m}"
            u = uniforms(seed, step, m, TIMESTEP, 1)[0]
            index = begin + min(int(u * count), count - 1)
            expected = {
                "noise": normals(seed, step, m, recorded["latents"].shape),
                "timestep": torch.tensor([timesteps[index]]),
                "weight": torch.tensor(weights[index]),
                "target": recorded["noise"] - recorded["latents"],
            }
            for name, value in expected.items():
                comparison.check("inputs", f"{where} {name}", recorded[name],
                                 value, INPUT_TOLERANCE)


# --- Model -------------------------------------------------------------------


class Reference:
    """diffusers' model with peft's LoRA; tensors under the record's names."""

    def __init__(self, folder, lora, keys):
        model = wan_oracle.load_model(folder)
        names = {key: self._name(key) for key in keys}
        modules = {name.rsplit(".lora_", 1)[0] for name in names.values()}
        self._model = inject_adapter_in_model(
            LoraConfig(r=lora["rank"], lora_alpha=lora["alpha"],
                       target_modules=sorted(modules)), model)
        parameters = {name: parameter
                      for name, parameter in self._model.named_parameters()
                      if parameter.requires_grad}
        # Every trained tensor is in the record, and no other one.
        assert set(parameters) == set(names.values())
        self.parameters = {key: parameters[name] for key, name in names.items()}

    @staticmethod
    def _name(key):
        module, ending = key.split(".lora_", 1)
        return f"{wan_oracle.diffusers_name(module)}.lora_{ending}"

    def set_weights(self, weights):
        with torch.no_grad():
            for key, parameter in self.parameters.items():
                parameter.copy_(weights[key])

    def gradients(self, microbatches):
        """The losses; the gradients of their mean go to the parameters."""
        losses = []
        for parameter in self.parameters.values():
            parameter.grad = None
        for recorded in microbatches:
            sigma = recorded["timestep"] / TABLE_SIZE
            inputs = dict(recorded, latents=(1.0 - sigma) * recorded["latents"]
                          + sigma * recorded["noise"])
            prediction = wan_oracle.predict(self._model, inputs)
            target = recorded["noise"] - recorded["latents"]
            loss = recorded["weight"] * torch.nn.functional.mse_loss(
                prediction, target)
            (loss / len(microbatches)).backward()
            losses.append(loss.detach())
        return losses


def check_gradients(reference, record, comparison, steps):
    for step in steps:
        reference.set_weights(record.weights[step])
        microbatches = record.microbatches[step]
        for m, loss in enumerate(reference.gradients(microbatches)):
            comparison.check("loss", f"step {step} micro-batch {m} loss",
                             microbatches[m]["loss"], loss, GRADIENT_TOLERANCE)
        for key, parameter in reference.parameters.items():
            comparison.check("gradients", f"step {step} gradient of {key}",
                             record.grads[step][key], parameter.grad,
                             GRADIENT_TOLERANCE)


def check_training(train, reference, record, last, comparison):
    """Trains from the first weights on; returns the norms before clipping."""
    reference.set_weights(record.weights[0])
    parameters = list(reference.parameters.values())
    optimizer = torch.optim.AdamW(
        parameters, lr=train["optimizer"]["learning_rate"], eps=1e-8,
        betas=(0.9, 0.999), weight_decay=train["optimizer"]["weight_decay"])
    rates = get_scheduler(
        train["lr_schedule"]["type"], optimizer,
        num_warmup_steps=train["lr_schedule"]["warmup_steps"],
        num_training_steps=train["steps"])
    norms = []
    for step, expected in enumerate(record.weights[1:] + [last], start=1):
        reference.gradients(record.microbatches[step - 1])
        norms.append(torch.nn.utils.clip_grad_norm_(
            parameters, train["max_grad_norm"]).item())
        optimizer.step()
        rates.step()
        for key, parameter in reference.parameters.items():
            comparison.check("weights", f"after step {step}: {key}",
                             expected[key], parameter.detach(),
                             WEIGHT_TOLERANCE)
    return norms


# --- Exports -----------------------------------------------------------------


def check_exports(job, last, comparison):
    """Bit for bit: the last weights in bf16, with alpha folded or beside."""
    lora, output = job["lora"], pathlib.Path(job["output"]["dir"])
    diffsynth = load_file(output / "lora.diffsynth.safetensors")
    comfyui = load_file(output / "lora.comfyui.safetensors")
    for key, weight in last.items():
        folded = weight * (lora["alpha"] / lora["rank"] if "_B." in key else 1)
        comparison.check("exports", f"lora.diffsynth {key}", diffsynth.pop(key),
                         folded.bfloat16(), 0.0)
        name = "diffusion_model." + key.replace(".default", "")
        comparison.check("exports", f"lora.comfyui {name}", comfyui.pop(name),
                         weight.bfloat16(), 0.0)
    modules = {key.split(".lora_")[0] for key in last}
    for module in modules:
        name = f"diffusion_model.{module}.alpha"
        comparison.check("exports", f"lora.comfyui {name}", comfyui.pop(name),
                         torch.tensor(float(lora["alpha"])), 0.0)
    comparison.problems += [f"surplus in an export: {name}"
                            for name in (*diffsynth, *comfyui)]


# --- The test itself ---------------------------------------------------------


def check_that_damage_is_noticed(job, reference, record, last):
    """What can be changed without the checks above noticing: nothing."""

    def seen(check, *arguments):
        comparison = Comparison()
        check(*arguments, comparison)
        return bool(comparison.problems)

    unnoticed = []
    recorded = record.microbatches[-1][-1]
    for name in ("noise", "timestep", "weight", "target"):
        kept = recorded[name]
        recorded[name] = kept * (1 + 1e-4)
        if not seen(check_inputs, job, record):
            unnoticed.append(name)
        recorded[name] = kept

    def one_step(comparison):
        check_gradients(reference, record, comparison,
                        [len(record.grads) - 1])

    key = next(iter(last))
    grads = record.grads[-1]
    for tensors, name in ((grads, key), (recorded, "loss")):
        kept = tensors[name]
        tensors[name] = kept * (1 + 2 * GRADIENT_TOLERANCE)
        if not seen(one_step):
            unnoticed.append(name)
        tensors[name] = kept
    train = job["train"]
    for option, other in (
            ("max_grad_norm", math.inf),
            ("optimizer", dict(train["optimizer"], weight_decay=0.0)),
            ("lr_schedule", dict(train["lr_schedule"], warmup_steps=1))):
        if not seen(check_training, dict(train, **{option: other}), reference,
                    record, last):
            unnoticed.append(f"train.{option}")
    damaged = dict(last, **{key: last[key] * (1 + 2**-6)})
    if not seen(check_exports, job, damaged):
        unnoticed.append("an export")
    return unnoticed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("job", type=pathlib.Path)
    parser.add_argument("record", type=pathlib.Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    job = yaml.safe_load(arguments.job.read_text())
    train = job["train"]
    steps = train["steps"]
    record = Record(arguments.record, steps, train["micro_batches"])
    last = load_shards(
        pathlib.Path(job["output"]["dir"]) / f"step-{steps:08}")
    assert last and set(last) == set(record.weights[0]) == set(record.grads[0])
    reference = Reference(pathlib.Path(job["model"]["dit"]), job["lora"], last)

    comparison = Comparison()
    check_inputs(job, record, comparison)
    check_gradients(reference, record, comparison, range(steps))
    norms = check_training(train, reference, record, last, comparison)
    check_exports(job, last, comparison)
    if not max(norms) > train["max_grad_norm"]:
        comparison.problems.append(
            f"nothing was clipped: norms {norms}, the job proves too little")
    comparison.problems += [
        f"a damaged {what} is not noticed" for what in
        check_that_damage_is_noticed(job, reference, record, last)]

    for group, worst in comparison.worst.items():
        print(f"{group}: largest difference {worst:.2g}")
    print("norms:", " ".join(f"{norm:.3g}" for norm in norms))
    for problem in comparison.problems:
        print(f"replay_test: {problem}", file=sys.stderr)
    return 1 if comparison.problems else 0


if __name__ == "__main__":
    sys.exit(main())

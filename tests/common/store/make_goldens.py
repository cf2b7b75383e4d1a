"""Writes the files of testdata/: what torch.save and safetensors really write.

Run from this folder with torch 2.11, numpy and safetensors 0.8:

    python make_goldens.py

The output is the same on every run, but for the storage key in legacy.pth (an
address), which nothing reads. The tests read the files; they never run
this script.
"""

import collections
import os
import pathlib

import torch
from safetensors.torch import save_file

OUT = pathlib.Path(__file__).parent / "testdata"

DTYPES = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "I16": torch.int16,
    "I32": torch.int32,
    "I64": torch.int64,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "F64": torch.float64,
}


class RunsACommand:
    """What a hostile pickle looks like."""

    def __reduce__(self):
        return (os.system, ("echo a restricted reader must not run this",))


def layout():
    """One key of metadata: the library does not order several."""
    tensors = {}
    for name, dtype in DTYPES.items():
        tensors["b." + name] = torch.tensor([1, 0, 1]).to(dtype)
        tensors["a." + name] = torch.tensor([[0, 1]]).to(dtype)
    tensors["scalar"] = torch.tensor(0.5)
    tensors["empty"] = torch.zeros(0, 4)
    tensors['quote " backslash \\ tab \t umlaut ü'] = torch.tensor([2.0])
    save_file(tensors, OUT / "layout.safetensors", {"format": "pt"})


def state_dict():
    base = torch.arange(12, dtype=torch.float32)
    state = collections.OrderedDict()
    state["linear.weight"] = torch.nn.Parameter(base[:6].reshape(2, 3))
    state["linear.bias"] = base[6:9]  # a view: same storage, another offset
    state["half"] = torch.tensor([1.0, -2.5]).bfloat16()
    state["scalar"] = torch.tensor(7, dtype=torch.int64)
    state["thin"] = base.reshape(12, 1)[3:5]
    state["empty"] = torch.zeros(0, 3)
    state._metadata = collections.OrderedDict({"": {"version": 1}})
    return state


def main():
    torch.manual_seed(0)
    OUT.mkdir(exist_ok=True)
    layout()
    torch.save(state_dict(), OUT / "ordered_dict.pth")
    nested = {"state_dict": dict(state_dict())}
    torch.save(nested, OUT / "nested_protocol4.pth", pickle_protocol=4)
    torch.save({"w": torch.ones(2), "epoch": 3, "note": "x", "rate": 0.5,
                "big": 2**40, "low": -5, "none": None, "yes": True},
               OUT / "scalars.pth")
    torch.save({"model": {"w": torch.ones(2)}, "epoch": 3},
               OUT / "training_state.pth")
    torch.save({"t": torch.ones(2, 3).t()}, OUT / "transposed.pth")
    torch.save({"q": torch.ones(2).to(torch.float8_e4m3fn)}, OUT / "fp8.pth")
    torch.save({"w": torch.ones(2), "x": RunsACommand()}, OUT / "hostile.pth")
    torch.save({"w": torch.ones(2)}, OUT / "legacy.pth",
               _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    main()

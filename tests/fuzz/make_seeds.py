#!/usr/bin/env python3
"""Writes the seeds of tests/fuzz/corpus: one small valid file of each kind.

Needs protoc. What a fuzzer finds is added by hand, under a name that says what
it was; this script leaves other files alone.
"""
import json
import pathlib
import struct
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CORPUS = HERE / "corpus"


def write(target, name, content):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str):
        content = content.encode()
    (folder / name).write_bytes(content)


def safetensors(header, data=b""):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def message(number, proto, kind, text):
    """`number` is the index in messages_fuzz.cc's table."""
    encoded = subprocess.run(
        ["protoc", f"-I{ROOT}/proto", f"--encode=halfpipe.v1.{kind}",
         f"halfpipe/v1/{proto}.proto"],
        input=text.encode(), stdout=subprocess.PIPE, check=True).stdout
    write("messages", f"{number:02}_{kind}", bytes([number]) + encoded)


def main():
    testdata = ROOT / "tests/common/store/testdata"
    for path in sorted(testdata.glob("*.pth")):
        write("pickle", path.stem, path.read_bytes())
    write("pickle", "plain",
          b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01K\x01X\x01\x00\x00\x00b"
          b"q\x02]q\x03(K\x02M\x00\x01eu.")
    write("safetensors", "layout", (testdata / "layout.safetensors").read_bytes())
    write("safetensors", "two", safetensors(
        {"__metadata__": {"format": "pt"},
         "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
         "b": {"dtype": "BF16", "shape": [3], "data_offsets": [16, 22]}},
        bytes(22)))
    write("safetensors", "empty", safetensors({}))
    write("manifest", "whole", json.dumps({
        "schema": 1, "step": 4, "config_digest": "c" * 64,
        "data_digest": "d" * 64, "data_cursor": 16, "threads": 1, "split": 2,
        "stages": 2,
        "files": [{"name": "stage0.safetensors", "bytes": 10,
                   "sha256": "0" * 64}]}))
    for path in sorted((ROOT / "examples").glob("*.yaml")):
        write("job_yaml", path.stem, path.read_bytes())
    write("job_yaml", "wrong", "nmae: x\ntrain: {steps: -1, seed: 1.0e+99}\n"
          "data: {path: [1, 2], random: {samples: 3}}\n")
    write("metadata", "csv", '\0video,prompt\na.mp4,"a ""red"" fox"\n'
          '\nb.mp4,"two\nlines"\n')
    write("metadata", "json",
          '\1[{"video": "a.mp4", "prompt": "a fox", "extra": [1]}, {}]')
    write("metadata", "jsonl", '\2{"video": "a.mp4", "prompt": "a \\u00e9"}\n'
          '\n{"image": "b.png", "prompt": ""}\n')
    step = ("steps_done: 1 steps_total: 9 loss: 0.5 stages {rank: 1 "
            "idle_ratio: 0.5 actions {action: '1F3' start_seconds: 1 "
            "end_seconds: 2}}")
    job = ("id: 'a' name: 'n' kind: JOB_KIND_TRAIN state: JOB_STATE_FAILED "
           "labels {key: 'k' value: 'v'} error {code: 8 message: 'disk'} "
           "created_unix_ms: 1 ended_unix_ms: 2 last_step {%s} checkpoints "
           "{steps_done: 2 directory: '/x' bytes: 3} exports: '/y'" % step)
    message(0, "jobs", "Job", job)
    message(1, "jobs", "JobEvent", "cursor: 3 step {%s}" % step)
    message(2, "jobs", "CreateJobRequest",
            "id: 'a' kind: JOB_KIND_TRAIN config_yaml: 'name: x' "
            "join_timeout_seconds: 1.5")
    message(3, "jobs", "ListJobsRequest",
            "states: JOB_STATE_DONE labels {key: 'a' value: 'b'} page_size: 3")
    message(4, "jobs", "ListJobsResponse", "jobs {%s}" % job)
    message(5, "jobs", "GetServerInfoResponse", "version: '1'")
    message(6, "stages", "RegisterRequest",
            "identity {pair: 'default' rank: 1 incarnation: 7} pid: 3")
    message(7, "stages", "StageCommand", "sequence: 1 epoch: 2 save {}")
    message(7, "stages", "StageCommand", "sequence: 1 epoch: 2 step {}")
    message(8, "stages", "ReportRequest",
            "sequence: 1 epoch: 2 status_code: 8 status_message: 'x' "
            "pin_refusal {pinned_bytes: 1 asked_bytes: 2}")
    message(8, "stages", "ReportRequest", "sequence: 1 epoch: 2 end {}")
    message(9, "stages", "HeartbeatRequest", "identity {pair: 'p' rank: 1}")
    message(10, "stages", "HeartbeatResponse", "epoch: 4")
    message(11, "jobs", "Job", job)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Submits a job to a halfpipe service and watches it, with grpcio alone.

  halfpipe_client.py JOB.yaml [--address HOST:PORT] [--id ID] [--ca FILE]
                     [--token-file FILE]

Prints a line for each event and ends with 0 when the job is done, 1 when it
failed, 6 when it was cancelled. Needs grpcio and grpcio-tools:

  pip install grpcio grpcio-tools

The stubs are made from proto/halfpipe/v1/jobs.proto when this starts; for a
program of your own you may as well generate them once:

  python -m grpc_tools.protoc -Iproto --python_out=. --grpc_python_out=. \\
      proto/halfpipe/v1/jobs.proto

docs/protocol.md says what each call and field means.
"""

import argparse
import pathlib
import sys
import time

import grpc

PROTO_ROOT = pathlib.Path(__file__).resolve().parents[2] / "proto"
sys.path.insert(0, str(PROTO_ROOT))
jobs, services = grpc.protos_and_services("halfpipe/v1/jobs.proto")

CALL_SECONDS = 10
PATIENCE_SECONDS = 30  # for a service that is away while it is watched


def state_name(state):
    return jobs.JobState.Name(state).removeprefix("JOB_STATE_").lower()


def event_text(event):
    """One line for a person, or None for an event that needs none."""
    kind = event.WhichOneof("what")
    if kind == "state":
        reason = f": {event.state.reason}" if event.state.reason else ""
        return state_name(event.state.state) + reason
    if kind == "step":
        step = event.step
        return (f"step {step.steps_done}/{step.steps_total}  loss "
                f"{step.loss:.4f}  {step.step_seconds:.2f} s  "
                f"{step.eta_seconds:.0f} s left")
    if kind == "encoding":
        return (f"encoding {event.encoding.samples_done}/"
                f"{event.encoding.samples_total}")
    if kind == "checkpoint":
        return f"checkpoint {event.checkpoint.directory}"
    if kind == "validation":
        return f"validation loss {event.validation.loss:.4f}"
    if kind == "log":
        return event.log.text
    return None  # a later release's event


class Client:
    """The calls that a submit needs. Closes its channel with `with`."""

    def __init__(self, address, ca=None, token=None):
        if ca is None:
            self._channel = grpc.insecure_channel(address)
        else:
            credentials = grpc.ssl_channel_credentials(ca.read_bytes())
            self._channel = grpc.secure_channel(address, credentials)
        self._stub = services.TrainingServiceStub(self._channel)
        self._metadata = (
            (("authorization", f"Bearer {token}"),) if token else ())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._channel.close()

    def create(self, path, job_id=""):
        """Queues a job file; relative paths in it start from its folder. With
        an id of your own it may be repeated: the same content is the same job.
        """
        request = jobs.CreateJobRequest(
            id=job_id,
            kind=jobs.JOB_KIND_TRAIN,
            config_yaml=path.read_text(),
            file_name=str(path),
            base_dir=str(path.resolve().parent))
        return self._stub.CreateJob(request, timeout=CALL_SECONDS,
                                    metadata=self._metadata).job

    def get(self, job_id):
        return self._stub.GetJob(jobs.GetJobRequest(id=job_id),
                                 timeout=CALL_SECONDS,
                                 metadata=self._metadata).job

    def watch(self, job_id, after_cursor=0):
        """Every event of a job until its last, each once: a lost connection is
        made again and goes on behind the last cursor.
        """
        cursor, last_seen = after_cursor, time.monotonic()
        while True:
            request = jobs.WatchJobRequest(id=job_id, after_cursor=cursor,
                                           follow=True)
            try:
                for response in self._stub.WatchJob(request,
                                                    metadata=self._metadata):
                    cursor, last_seen = response.event.cursor, time.monotonic()
                    yield response.event
                return
            except grpc.RpcError as error:
                away = time.monotonic() - last_seen > PATIENCE_SECONDS
                if error.code() != grpc.StatusCode.UNAVAILABLE or away:
                    raise
                time.sleep(1)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("job", type=pathlib.Path)
    parser.add_argument("--address", default="127.0.0.1:50700")
    parser.add_argument("--id", default="")
    parser.add_argument("--ca", type=pathlib.Path,
                        help="speak TLS; who signed the service's certificate")
    parser.add_argument("--token-file", type=pathlib.Path)
    args = parser.parse_args()
    token = args.token_file.read_text().strip() if args.token_file else None
    try:
        with Client(args.address, args.ca, token) as client:
            job = client.create(args.job, args.id)
            print(f"job {job.id}", flush=True)
            for event in client.watch(job.id):
                text = event_text(event)
                if text:
                    print(text, flush=True)
            job = client.get(job.id)
    except grpc.RpcError as error:
        # A job file's problems come this way, all of them, one a line.
        sys.exit(f"{error.code().name}: {error.details()}")
    for path in job.exports:
        print(f"LoRA: {path}")
    if job.state == jobs.JOB_STATE_FAILED:
        print(f"failed: {job.error.message or job.reason}", file=sys.stderr)
    return {jobs.JOB_STATE_DONE: 0, jobs.JOB_STATE_CANCELLED: 6}.get(
        job.state, 1)


if __name__ == "__main__":
    sys.exit(main())

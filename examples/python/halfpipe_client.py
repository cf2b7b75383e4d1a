#!/usr/bin/env python3
"""Submits a job to a halfpipe service and watches it.

  halfpipe_client.py JOB.yaml [--address HOST:PORT] [--id ID] [--ca FILE]
                     [--token-file FILE]

Prints a line for each event and ends with 0 when the job is done, 1 when it
failed, 6 when it was cancelled. Needs the Python client:

  pip install 'halfpipe-trainer[client]'     # or the wheel's file

in a checkout, without the programs:

  scripts/wheel --client /tmp/client && export PYTHONPATH=/tmp/client
  pip install grpcio protobuf

docs/protocol.md says what each field means.
"""

import argparse
import dataclasses
import pathlib
import sys

from halfpipe_trainer.client import (Client, Connection, ServiceError,
                                     event_text, jobs)


def connection_of(args):
    """What the options say, and where they say nothing, the environment."""
    connection = Connection.from_environment()
    given = {"address": args.address, "ca": args.ca}
    if args.token_file:
        given["token"] = args.token_file.read_text().strip()
    return dataclasses.replace(
        connection, **{name: value for name, value in given.items() if value})


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("job", type=pathlib.Path)
    parser.add_argument("--address", default="")
    parser.add_argument("--id", default="")
    parser.add_argument("--ca", type=pathlib.Path,
                        help="speak TLS; who signed the service's certificate")
    parser.add_argument("--token-file", type=pathlib.Path)
    args = parser.parse_args()
    try:
        with Client(connection=connection_of(args)) as client:
            job = client.create(args.job, args.id)
            print(f"job {job.id}", flush=True)
            for event in client.watch(job.id):
                text = event_text(event)
                if text:
                    print(text, flush=True)
            job = client.get(job.id)
    except ServiceError as error:
        # A job file's problems come this way, all of them, one a line.
        sys.exit(str(error))
    for path in job.exports:
        print(f"LoRA: {path}")
    if job.state == jobs.JOB_STATE_FAILED:
        print(f"failed: {job.error.message or job.reason}", file=sys.stderr)
    return {jobs.JOB_STATE_DONE: 0, jobs.JOB_STATE_CANCELLED: 6}.get(
        job.state, 1)


if __name__ == "__main__":
    sys.exit(main())

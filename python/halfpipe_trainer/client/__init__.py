"""A client of a halfpipe service: `Client`, and `AsyncClient` for asyncio.

    from halfpipe_trainer.client import Client

    with Client.from_environment() as client:
        job = client.create("job.yaml")
        for event in client.watch(job.id):
            print(event_text(event) or "")
        print(client.get(job.id).exports)

What the calls take and give are the messages of halfpipe/v1/jobs.proto, which
`jobs` holds; docs/protocol.md says what each field means. Needs grpcio and
protobuf: pip install 'halfpipe-trainer[client]'.
"""

try:
    from .v1 import jobs_pb2 as jobs
except ImportError as error:
    raise ImportError(
        f"{error}: halfpipe_trainer.client needs grpcio and protobuf, which "
        "pip install 'halfpipe-trainer[client]' brings, and code that "
        "scripts/wheel makes of halfpipe/v1/jobs.proto") from error

from ._async_client import AsyncClient
from ._client import Client
from ._connection import Connection, ServiceError
from ._words import event_text, has_ended, state_name

Job = jobs.Job
JobEvent = jobs.JobEvent

__all__ = ["AsyncClient", "Client", "Connection", "Job", "JobEvent",
           "ServiceError", "event_text", "has_ended", "jobs", "state_name"]

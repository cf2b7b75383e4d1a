"""The client for asyncio; its calls are those of Client, awaited."""

import asyncio
import time
from typing import Any, AsyncIterator, Iterable, List, Mapping, Optional

import grpc
import grpc.aio

from . import _requests
from ._connection import (DEFAULT_ADDRESS, PATIENCE_SECONDS, Connection,
                          PathLike, ServiceError)
from .v1 import jobs_pb2 as jobs
from .v1 import jobs_pb2_grpc


class AsyncClient:
    """Calls of a service. Every call may raise ServiceError, and waits at most
    `timeout` seconds for its answer. Belongs to the event loop that it was made
    in. Closes its channel with `async with`."""

    def __init__(self, address: str = DEFAULT_ADDRESS, *,
                 connection: Optional[Connection] = None,
                 timeout: float = 10.0) -> None:
        """`connection`, where it is given, has the address too."""
        self._connection = connection or Connection(address)
        self._timeout = timeout
        credentials = self._connection.credentials()
        target, options = self._connection.address, self._connection.options()
        self._channel = (
            grpc.aio.insecure_channel(target, options) if credentials is None
            else grpc.aio.secure_channel(target, credentials, options))
        self._stub: Any = jobs_pb2_grpc.TrainingServiceStub(self._channel)

    @classmethod
    def from_environment(cls, timeout: float = 10.0) -> "AsyncClient":
        """By the command line's variables (Connection.from_environment)."""
        return cls(connection=Connection.from_environment(), timeout=timeout)

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._channel.close()

    async def create(self, job_file: PathLike, job_id: str = "",
                     **fields: Any) -> jobs.Job:
        """Queues a job file; `fields` are further ones of CreateJobRequest
        (labels, priority, validate_only, ...). With an id of your own it may be
        repeated: the same content is the same job."""
        request = _requests.create_job(job_file, job_id, **fields)
        return (await self._call("CreateJob", request)).job

    async def get(self, job_id: str) -> jobs.Job:
        return (await self._call("GetJob", jobs.GetJobRequest(id=job_id))).job

    async def list(self, states: Iterable["jobs.JobState"] = (),
                   labels: Optional[Mapping[str, str]] = None,
                   ) -> AsyncIterator[jobs.Job]:
        """All jobs that match, newest first, without their config."""
        page, wanted = "", tuple(states)
        while True:
            answer = await self._call(
                "ListJobs", _requests.list_jobs(wanted, labels, page))
            for job in answer.jobs:
                yield job
            page = answer.next_page_token
            if not page:
                return

    async def watch(self, job_id: str, after_cursor: int = 0,
                    follow: bool = True) -> AsyncIterator[jobs.JobEvent]:
        """A job's events until its last one, each once: a lost connection is
        made again for up to half a minute, and goes on behind the last event.
        Without `follow` only those that are stored."""
        cursor, last_seen = after_cursor, time.monotonic()
        while True:
            request = _requests.watch_job(job_id, cursor, follow)
            try:
                async for answer in self._stub.WatchJob(
                        request, metadata=self._connection.metadata()):
                    cursor, last_seen = answer.event.cursor, time.monotonic()
                    yield answer.event
                return
            except grpc.RpcError as error:
                away = time.monotonic() - last_seen > PATIENCE_SECONDS
                if error.code() != grpc.StatusCode.UNAVAILABLE or away:
                    raise ServiceError.of(error) from None
                await asyncio.sleep(1)

    async def wait(self, job_id: str) -> jobs.Job:
        """The job once it has ended (has_ended)."""
        async for _ in self.watch(job_id):
            pass
        return await self.get(job_id)

    async def cancel(self, job_id: str, now: bool = False) -> jobs.Job:
        """`now`: without saving the last step."""
        request = jobs.CancelJobRequest(id=job_id, now=now)
        return (await self._call("CancelJob", request)).job

    async def pause(self, job_id: str) -> jobs.Job:
        request = jobs.PauseJobRequest(id=job_id)
        return (await self._call("PauseJob", request)).job

    async def resume(self, job_id: str, replace: bool = False,
                     accept_data: bool = False) -> jobs.Job:
        request = jobs.ResumeJobRequest(id=job_id, replace=replace,
                                        accept_data=accept_data)
        return (await self._call("ResumeJob", request)).job

    async def save(self, job_id: str) -> jobs.Job:
        return (await self._call("SaveJob", jobs.SaveJobRequest(id=job_id))).job

    async def delete(self, job_id: str) -> jobs.Job:
        """The job as it was."""
        request = jobs.DeleteJobRequest(id=job_id)
        return (await self._call("DeleteJob", request)).job

    async def trace(self, job_id: str, steps: int = 0) -> List[jobs.StepTrace]:
        """Of at most so many last steps; 0: of all that the service holds."""
        request = jobs.GetTraceRequest(id=job_id, steps=steps)
        return [*(await self._call("GetTrace", request)).steps]

    async def page_ticket(self) -> jobs.CreatePageTicketResponse:
        return await self._call("CreatePageTicket",
                                jobs.CreatePageTicketRequest())

    async def server_info(self) -> jobs.GetServerInfoResponse:
        return await self._call("GetServerInfo", jobs.GetServerInfoRequest())

    async def _call(self, name: str, request: Any) -> Any:
        try:
            return await getattr(self._stub, name)(
                request, timeout=self._timeout,
                metadata=self._connection.metadata())
        except grpc.RpcError as error:
            raise ServiceError.of(error) from None

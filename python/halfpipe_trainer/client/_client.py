"""The client for programs without asyncio."""

import time
from typing import Any, Iterable, Iterator, List, Mapping, Optional

import grpc

from . import _requests
from ._connection import (DEFAULT_ADDRESS, PATIENCE_SECONDS, Connection,
                          PathLike, ServiceError)
from .v1 import jobs_pb2 as jobs
from .v1 import jobs_pb2_grpc


class Client:
    """Calls of a service. Every call may raise ServiceError, and waits at most
    `timeout` seconds for its answer. May be used by several threads. Closes its
    channel with `with`."""

    def __init__(self, address: str = DEFAULT_ADDRESS, *,
                 connection: Optional[Connection] = None,
                 timeout: float = 10.0) -> None:
        """`connection`, where it is given, has the address too."""
        self._connection = connection or Connection(address)
        self._timeout = timeout
        credentials = self._connection.credentials()
        target, options = self._connection.address, self._connection.options()
        self._channel = (
            grpc.insecure_channel(target, options) if credentials is None
            else grpc.secure_channel(target, credentials, options))
        self._stub: Any = jobs_pb2_grpc.TrainingServiceStub(self._channel)

    @classmethod
    def from_environment(cls, timeout: float = 10.0) -> "Client":
        """By the command line's variables (Connection.from_environment)."""
        return cls(connection=Connection.from_environment(), timeout=timeout)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._channel.close()

    def create(self, job_file: PathLike, job_id: str = "",
               **fields: Any) -> jobs.Job:
        """Queues a job file; `fields` are further ones of CreateJobRequest
        (labels, priority, validate_only, ...). With an id of your own it may be
        repeated: the same content is the same job."""
        request = _requests.create_job(job_file, job_id, **fields)
        return self._call("CreateJob", request).job

    def get(self, job_id: str) -> jobs.Job:
        return self._call("GetJob", jobs.GetJobRequest(id=job_id)).job

    def list(self, states: Iterable["jobs.JobState"] = (),
             labels: Optional[Mapping[str, str]] = None) -> Iterator[jobs.Job]:
        """All jobs that match, newest first, without their config."""
        page = ""
        while True:
            answer = self._call("ListJobs",
                                _requests.list_jobs(states, labels, page))
            yield from answer.jobs
            page = answer.next_page_token
            if not page:
                return

    def watch(self, job_id: str, after_cursor: int = 0,
              follow: bool = True) -> Iterator[jobs.JobEvent]:
        """A job's events until its last one, each once: a lost connection is
        made again for up to half a minute, and goes on behind the last event.
        Without `follow` only those that are stored."""
        cursor, last_seen = after_cursor, time.monotonic()
        while True:
            request = _requests.watch_job(job_id, cursor, follow)
            try:
                for answer in self._stub.WatchJob(
                        request, metadata=self._connection.metadata()):
                    cursor, last_seen = answer.event.cursor, time.monotonic()
                    yield answer.event
                return
            except grpc.RpcError as error:
                away = time.monotonic() - last_seen > PATIENCE_SECONDS
                if error.code() != grpc.StatusCode.UNAVAILABLE or away:
                    raise ServiceError.of(error) from None
                time.sleep(1)

    def wait(self, job_id: str) -> jobs.Job:
        """The job once it has ended (has_ended)."""
        for _ in self.watch(job_id):
            pass
        return self.get(job_id)

    def cancel(self, job_id: str, now: bool = False) -> jobs.Job:
        """`now`: without saving the last step."""
        return self._call("CancelJob",
                          jobs.CancelJobRequest(id=job_id, now=now)).job

    def pause(self, job_id: str) -> jobs.Job:
        return self._call("PauseJob", jobs.PauseJobRequest(id=job_id)).job

    def resume(self, job_id: str, replace: bool = False,
               accept_data: bool = False) -> jobs.Job:
        return self._call("ResumeJob", jobs.ResumeJobRequest(
            id=job_id, replace=replace, accept_data=accept_data)).job

    def save(self, job_id: str) -> jobs.Job:
        return self._call("SaveJob", jobs.SaveJobRequest(id=job_id)).job

    def delete(self, job_id: str) -> jobs.Job:
        """The job as it was."""
        return self._call("DeleteJob", jobs.DeleteJobRequest(id=job_id)).job

    def trace(self, job_id: str, steps: int = 0) -> List[jobs.StepTrace]:
        """Of at most so many last steps; 0: of all that the service holds."""
        request = jobs.GetTraceRequest(id=job_id, steps=steps)
        return list(self._call("GetTrace", request).steps)

    def page_ticket(self) -> jobs.CreatePageTicketResponse:
        return self._call("CreatePageTicket", jobs.CreatePageTicketRequest())

    def server_info(self) -> jobs.GetServerInfoResponse:
        return self._call("GetServerInfo", jobs.GetServerInfoRequest())

    def _call(self, name: str, request: Any) -> Any:
        try:
            return getattr(self._stub, name)(
                request, timeout=self._timeout,
                metadata=self._connection.metadata())
        except grpc.RpcError as error:
            raise ServiceError.of(error) from None

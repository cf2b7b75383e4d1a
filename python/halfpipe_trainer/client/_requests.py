"""The requests that need more than an id, for both clients."""

import pathlib
from typing import Any, Iterable, Mapping, Optional

from ._connection import PathLike
from .v1 import jobs_pb2 as jobs


def create_job(job_file: PathLike, job_id: str, **fields: Any,
               ) -> jobs.CreateJobRequest:
    """Of a job file; relative paths in it start from its folder."""
    path = pathlib.Path(job_file)
    fields.setdefault("kind", jobs.JOB_KIND_TRAIN)
    return jobs.CreateJobRequest(
        id=job_id, config_yaml=path.read_text(encoding="utf-8"),
        file_name=str(path), base_dir=str(path.resolve().parent), **fields)


def list_jobs(states: Iterable["jobs.JobState"],
              labels: Optional[Mapping[str, str]], page_token: str,
              ) -> jobs.ListJobsRequest:
    return jobs.ListJobsRequest(states=list(states), labels=dict(labels or {}),
                                page_token=page_token)


def watch_job(job_id: str, cursor: int, follow: bool) -> jobs.WatchJobRequest:
    return jobs.WatchJobRequest(id=job_id, after_cursor=cursor, follow=follow)

"""Jobs and events in words."""

from typing import Optional

from .v1 import jobs_pb2 as jobs

_ENDED = (jobs.JOB_STATE_DONE, jobs.JOB_STATE_FAILED, jobs.JOB_STATE_CANCELLED)


def state_name(state: "jobs.JobState") -> str:
    """"running" of JOB_STATE_RUNNING; the number of a later release's state."""
    try:
        return jobs.JobState.Name(state).replace("JOB_STATE_", "", 1).lower()
    except ValueError:
        return str(int(state))


def has_ended(job: jobs.Job) -> bool:
    """Whether the job will change no more unless somebody resumes it."""
    return job.state in _ENDED


def event_text(event: jobs.JobEvent) -> Optional[str]:
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
        return str(event.log.text)
    return None  # a later release's event

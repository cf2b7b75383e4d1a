#!/usr/bin/env python3
"""halfpipe_trainer.client against a service that answers from memory. The real
one: tests/e2e/python_client_test.sh. Needs scripts/setup --oracles (grpcio)."""

import asyncio
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

try:
    import google.protobuf  # pylint: disable=unused-import
    import grpc
except ImportError:
    print("SKIPPED: no grpcio; run scripts/setup --oracles")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
made = tempfile.TemporaryDirectory()
subprocess.run([ROOT / "scripts/wheel", "--client", made.name], check=True)
sys.path.insert(0, made.name)

# pylint: disable=wrong-import-position
from halfpipe_trainer import client as hp
from halfpipe_trainer.client.v1 import jobs_pb2_grpc


class FakeService(jobs_pb2_grpc.TrainingServiceServicer):
    """Notes what it is asked; its stream breaks after the first event."""

    def __init__(self):
        self.asked = []
        self.metadata = {}
        self.breaks = 1

    def _job(self, request, context):
        self.asked.append(request)
        self.metadata = dict(context.invocation_metadata())
        return hp.Job(id=request.id, state=hp.jobs.JOB_STATE_DONE)

    def CreateJob(self, request, context):
        if "broken" in request.config_yaml:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "line 1\nline 2")
        return hp.jobs.CreateJobResponse(job=self._job(request, context))

    def GetJob(self, request, context):
        return hp.jobs.GetJobResponse(job=self._job(request, context))

    def CancelJob(self, request, context):
        return hp.jobs.CancelJobResponse(job=self._job(request, context))

    def ListJobs(self, request, context):
        page = int(request.page_token or 0)
        return hp.jobs.ListJobsResponse(
            jobs=[hp.Job(id=f"job-{page}")],
            next_page_token=str(page + 1) if page < 2 else "")

    def WatchJob(self, request, context):
        for cursor in range(request.after_cursor + 1, 4):
            yield hp.jobs.WatchJobResponse(event=hp.JobEvent(cursor=cursor))
            if self.breaks:
                self.breaks -= 1
                context.abort(grpc.StatusCode.UNAVAILABLE, "gone")


class ClientTest(unittest.TestCase):
    def setUp(self):
        self.service = FakeService()
        server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        jobs_pb2_grpc.add_TrainingServiceServicer_to_server(self.service,
                                                            server)
        self.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        self.addCleanup(server.stop, None)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.job = self.folder / "job.yaml"
        self.job.write_text("name: x\n")

    def test_create_sends_the_file_and_where_it_is(self):
        with hp.Client(self.address) as client:
            job = client.create(self.job, "mine", labels={"a": "b"}, priority=3)
        self.assertEqual(job.id, "mine")
        self.assertTrue(hp.has_ended(job))
        request, = self.service.asked
        self.assertEqual(request.config_yaml, "name: x\n")
        self.assertEqual(request.base_dir, str(self.folder.resolve()))
        self.assertEqual(request.kind, hp.jobs.JOB_KIND_TRAIN)
        self.assertEqual((dict(request.labels), request.priority),
                         ({"a": "b"}, 3))

    def test_a_refusal_has_code_and_message(self):
        self.job.write_text("broken\n")
        with hp.Client(self.address) as client:
            with self.assertRaises(hp.ServiceError) as raised:
                client.create(self.job)
        self.assertEqual(raised.exception.code,
                         grpc.StatusCode.INVALID_ARGUMENT)
        self.assertEqual(raised.exception.message, "line 1\nline 2")

    def test_each_event_comes_once_over_a_lost_connection(self):
        with hp.Client(self.address) as client:
            self.assertEqual([e.cursor for e in client.watch("x")], [1, 2, 3])
        self.service.breaks = 1
        with hp.Client(self.address) as client:
            self.assertEqual([e.cursor for e in client.watch("x", 1)], [2, 3])

    def test_all_pages_are_listed(self):
        with hp.Client(self.address) as client:
            self.assertEqual([job.id for job in client.list()],
                             ["job-0", "job-1", "job-2"])

    def test_the_environment_says_where_and_who(self):
        token = self.folder / "token"
        token.write_text("secret\n")
        with mock.patch.dict(os.environ, {"HALFPIPE_ADDRESS": self.address,
                                          "HALFPIPE_TOKEN_FILE": str(token)}):
            with hp.Client.from_environment() as client:
                client.cancel("x", now=True)
        self.assertEqual(self.service.metadata["authorization"],
                         "Bearer secret")
        self.assertTrue(self.service.asked[0].now)

    def test_the_same_awaited(self):
        async def use():
            async with hp.AsyncClient(self.address) as client:
                job = await client.create(self.job, "mine")
                listed = [job.id async for job in client.list()]
                events = [e.cursor async for e in client.watch("x")]
                with self.assertRaises(hp.ServiceError):
                    self.job.write_text("broken\n")
                    await client.create(self.job)
                return job, listed, events

        job, listed, events = asyncio.run(use())
        self.assertEqual(job.id, "mine")
        self.assertEqual(listed, ["job-0", "job-1", "job-2"])
        self.assertEqual(events, [1, 2, 3])

    def test_both_clients_have_the_same_calls(self):
        def calls(client):
            return {name for name in vars(client) if not name.startswith("_")}

        self.assertEqual(calls(hp.Client), calls(hp.AsyncClient))
        for name in (rpc.name for rpc in hp.jobs.DESCRIPTOR.services_by_name[
                "TrainingService"].methods):
            word = {"GetServerInfo": "server_info", "GetTrace": "trace",
                    "CreatePageTicket": "page_ticket", "ListJobs": "list"}.get(
                        name, name.removesuffix("Job").lower())
            self.assertIn(word, calls(hp.Client))

    def test_words(self):
        self.assertEqual(hp.state_name(hp.jobs.JOB_STATE_RUNNING), "running")
        self.assertEqual(hp.state_name(99), "99")
        event = hp.JobEvent(step=hp.jobs.StepProgress(steps_done=2,
                                                      steps_total=9, loss=0.5))
        self.assertTrue(hp.event_text(event).startswith("step 2/9  loss 0.5000"))
        self.assertIsNone(hp.event_text(hp.JobEvent()))


if __name__ == "__main__":
    unittest.main()

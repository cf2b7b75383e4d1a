#!/usr/bin/env python3
"""Breaks a copy of the monitoring files in one place at a time: each is found."""

import pathlib
import shutil
import tempfile
import unittest

import check_monitoring

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = ("deploy", "docs/runbook.md", "docs/metrics.md", "tests/deploy")
ALERTS = "deploy/prometheus/alerts.yml"
RUNBOOK = "docs/runbook.md"


class CheckMonitoringTest(unittest.TestCase):

    def findings(self, check, name=None, old="", new=""):
        """Of a copy in which `old` has become `new` in the file `name`."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for file in FILES:
                target = root / file
                target.parent.mkdir(parents=True, exist_ok=True)
                copy = (
                    shutil.copytree if (ROOT / file).is_dir() else shutil.copy
                )
                copy(ROOT / file, target)
            if name:
                text = (root / name).read_text()
                self.assertIn(old, text)
                (root / name).write_text(text.replace(old, new, 1))
            return "\n".join(check(root))

    def test_alert_without_entry(self):
        found = self.findings(
            check_monitoring.check_runbook,
            RUNBOOK,
            "## HalfpipeDiskLow",
            "## HalfpipeDiskFull",
        )
        self.assertIn("no entry for the alert HalfpipeDiskLow", found)
        self.assertIn("there is no alert HalfpipeDiskFull", found)
        self.assertIn("no heading for #halfpipedisklow", found)

    def test_link_to_another_entry(self):
        found = self.findings(
            check_monitoring.check_runbook,
            ALERTS,
            "runbook.md#halfpipestagegone",
            "runbook.md#halfpipedisklow",
        )
        self.assertIn("HalfpipeStageGone: its runbook_url", found)

    def test_severity(self):
        found = self.findings(
            check_monitoring.check_runbook,
            ALERTS,
            "severity: critical",
            "severity: bad",
        )
        self.assertIn("severity is warning or critical", found)

    def test_metric_of_a_rule(self):
        found = self.findings(
            check_monitoring.check_names,
            ALERTS,
            "halfpipe_nonfinite_steps_total",
            "halfpipe_nan_steps_total",
        )
        self.assertIn("halfpipe_nan_steps_total is not in docs", found)

    def test_metric_of_a_panel(self):
        found = self.findings(
            check_monitoring.check_names,
            "deploy/grafana/dashboards/halfpipe-job.json",
            "halfpipe_grad_norm{",
            "halfpipe_gradient_norm{",
        )
        self.assertIn("halfpipe-job.json: Gradient norm", found)

    def test_metric_that_nobody_shows(self):
        found = self.findings(
            check_monitoring.check_names,
            "docs/metrics.md",
            "| `halfpipe_queue_depth`",
            "| `halfpipe_new_thing` | gauge |\n| `halfpipe_queue_depth`",
        )
        self.assertIn("no panel and no rule shows halfpipe_new_thing", found)

    def test_dashboard_changed_by_hand(self):
        found = self.findings(
            check_monitoring.check_dashboards,
            "deploy/grafana/dashboards/halfpipe-pair.json",
            '"title": "Power"',
            '"title": "Watts"',
        )
        self.assertIn("not what make_dashboards.py writes", found)

    def test_panels_that_overlap(self):
        found = self.findings(
            check_monitoring.check_dashboards,
            "deploy/grafana/dashboards/halfpipe-pair.json",
            '"x": 4',
            '"x": 3',
        )
        self.assertIn('"Imbalance" has no room', found)


if __name__ == "__main__":
    unittest.main()

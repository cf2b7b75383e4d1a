#!/usr/bin/env python3
"""The pictures are in step with what they show, and the tables that quote a figure of
bench/README.md quote it as it stands there."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
from xml.etree import ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "pictures.py"
sys.path.insert(0, str(ROOT / "scripts"))
import pictures  # noqa: E402


def quotes(page):
    """(line, cells, row's name, run) of each table row that ends in (bench: NAME, run X)."""
    for line in page.read_text().splitlines():
        match = re.search(r"\| bench: (.+?)(?:, run (\w))? \|$", line)
        if match:
            cells = [cell.strip() for cell in line.split("|")[1:-2]]
            yield line, cells, match[1], match[2]


class PicturesTest(unittest.TestCase):

    def setUp(self):
        self.bench = pictures.Bench(pictures.BENCH.read_text())

    def test_are_in_step(self):
        result = subprocess.run([sys.executable, SCRIPT, "--check"],
                                capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_a_step_takes_what_the_bench_took(self):
        for name, where, run in (("sequential_m8", "`sequential` (the cards take turns)", "e"),
                                 ("interleaved_m8", "`interleaved`, two chunks", "a")):
            step = pictures.computed_step(self.bench, name)
            seconds = max(entry[5] for entry in step) / 8
            measured = self.bench.seconds(where, run)
            self.assertAlmostEqual(seconds / measured, 1, delta=0.05, msg=name)

    def test_no_card_does_two_things_at_once(self):
        for name in ("sequential_m8", "1f1b_m8", "interleaved_m8"):
            step = pictures.computed_step(self.bench, name)
            for rank in range(2):
                own = sorted(entry[4:] for entry in step if entry[0] == rank)
                for (_, end), (start, _) in zip(own, own[1:]):
                    self.assertLessEqual(end, start + 1e-9, name)

    def test_draws_a_recorded_step(self):
        events = [{"name": "thread_name", "ph": "M", "pid": 0, "tid": 0},
                  {"name": "0F0", "ph": "X", "ts": 0, "dur": 5e5, "pid": 0, "tid": 0},
                  {"name": "0SF0", "ph": "X", "ts": 5e5, "dur": 10, "pid": 0, "tid": 1},
                  {"name": "1F0", "ph": "X", "ts": 6e5, "dur": 5e5, "pid": 1, "tid": 0}]
        with tempfile.TemporaryDirectory() as folder:
            trace, out = pathlib.Path(folder, "t.json"), pathlib.Path(folder, "t.svg")
            trace.write_text(json.dumps({"traceEvents": events}))
            subprocess.run([sys.executable, SCRIPT, "--trace", trace, out], check=True)
            picture = out.read_text()
        ElementTree.fromstring(picture)
        self.assertIn("1.1 s a step", picture)
        self.assertEqual(picture.count('class="forward"'), 3)  # one is the legend's

    def test_quoted_figures_are_the_benchs(self):
        for name, least in (("README.md", 6), ("docs/guide_small_cards.md", 6)):
            found = list(quotes(ROOT / name))
            self.assertGreaterEqual(len(found), least, name)
            for line, cells, row, run in found:
                there = self.bench.rows[(row, run) if run else row]
                figures = [cell for cell in cells[1:] if re.fullmatch(r"[\d. /]+", cell)]
                self.assertTrue(figures, line)
                for figure in re.findall(r"[\d.]+", " ".join(figures)):
                    self.assertRegex(" | ".join(there),
                                     rf"(?<![\d.]){re.escape(figure)}(?![\d.])", line)


if __name__ == "__main__":
    unittest.main()

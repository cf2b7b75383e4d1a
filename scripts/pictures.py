#!/usr/bin/env python3
"""Draws the pictures of README.md from what they show, so that they cannot drift.

  scripts/pictures.py                      writes docs/two_cards.svg and docs/speed.svg
  scripts/pictures.py --check              exits with 1 if they are not what is there
  scripts/pictures.py --trace FILE OUT     draws a recorded step into OUT: FILE is what
                                           `halfpipe trace -o` or `bench --trace` wrote

docs/two_cards.svg is computed, not recorded: the printed lists of a schedule
(tests/common/pipeline/golden), run as common/pipeline/simulate.h runs them, with a
block's times from bench/README.md. docs/speed.svg has rows of bench/README.md.
Needs nothing but Python.
"""

import argparse
import json
import pathlib
import re
import sys
from xml.sax.saxutils import escape

ROOT = pathlib.Path(__file__).resolve().parent.parent
BENCH = ROOT / "bench" / "README.md"
LISTS = ROOT / "tests" / "common" / "pipeline" / "golden"

BLOCKS_A_STAGE = 20
LINK_SECONDS = 0.0006

# Readable on light and dark paper; blue and orange are those of the service's page.
STYLE = """<style>
text { font: 12px system-ui, "DejaVu Sans", sans-serif; fill: #57606a; }
.title { font-weight: 600; fill: #24292f; }
.number { font-size: 8px; fill: #ffffff; text-anchor: middle; }
.end { text-anchor: end; }
.lane { fill: #8b949e; fill-opacity: .15; }
.forward { fill: #3573b1; }
.backward { fill: #b8651b; }
.other { fill: #8b949e; }
@media (prefers-color-scheme: dark) {
  text { fill: #9da7b1; }
  .title { fill: #e6edf3; }
}
</style>"""


class Bench:
    """The tables of bench/README.md: each row by its first and its last column."""

    def __init__(self, text):
        self.rows = {}
        for line in text.splitlines():
            cells = [cell.strip().replace("**", "") for cell in line.split("|")[1:-1]]
            if len(cells) > 1:
                self.rows.setdefault((cells[0], cells[-1]), cells)
                self.rows.setdefault(cells[0], cells)

    def seconds(self, name, run=None):
        """s/sample of a row of the first table, or of a peer."""
        cells = self.rows[(name, run) if run else name]
        return float(cells[3] if run else cells[1])

    def block(self):
        """Forward and backward of one block, nothing recomputed, in seconds."""
        cell = self.rows["block, nothing recomputed"][2]
        return [float(part) / 1000 for part in cell.split("/")]

    def head(self):
        """Head, loss and embeddings of one micro-batch, in seconds."""
        row = self.rows["head, loss and embeddings; copies between tensors"]
        return float(row[2]) / 1000 * BLOCKS_A_STAGE


# --- a step, computed

def parse(action):
    """"0SF3" as (0, "SF", 3); NORM and STEP, which take no time, are none."""
    match = re.fullmatch(r"(\d+)([SR]?[FB])(\d+)", action)
    return (int(match[1]), match[2], int(match[3])) if match else None


def simulate(lists, seconds):
    """[(rank, segment, "F" or "B", micro-batch, start, end)], and each rank's lanes.

    seconds(segment, op) is what an action takes. On each rank compute and transfers
    run in the order of their list; a transfer occupies both ranks.
    """
    head = max(action[0] for actions in lists for action in actions)
    compute = [[a for a in actions if len(a[1]) == 1] for actions in lists]
    transfers = [[a for a in actions if len(a[1]) == 2] for actions in lists]
    end, link_free, free, done = {}, 0.0, [0.0, 0.0], []

    def needs(segment, op, batch):
        if op == "F":
            return (segment, "RF", batch) if segment else None
        return (head, "F", batch) if segment == head else (segment, "RB", batch)

    while any(compute) or any(transfers):
        before = len(end)
        if transfers[0] and transfers[1]:
            pair = transfers[0][0], transfers[1][0]
            segment, op, batch = next(a for a in pair if a[1][0] == "S")
            made = end.get((segment, op[1], batch))
            if made is not None:
                link_free = max(made, link_free) + LINK_SECONDS
                for rank in range(2):
                    end[transfers[rank].pop(0)] = link_free
        for rank in range(2):
            while compute[rank]:
                segment, op, batch = compute[rank][0]
                ready = needs(segment, op, batch)
                if ready and ready not in end:
                    break
                start = max(free[rank], end[ready] if ready else 0.0)
                free[rank] = start + seconds(segment, op)
                end[compute[rank].pop(0)] = free[rank]
                done.append((rank, segment, op, batch, start, free[rank]))
        if len(end) == before:
            raise SystemExit("the lists never end")
    return done


def computed_step(bench, name):
    """A step of a schedule's printed lists at a block's measured times."""
    lines = (LISTS / f"{name}.txt").read_text().split("\n")[:2]
    lists = [[a for a in map(parse, line.split()) if a] for line in lines]
    head = max(action[0] for actions in lists for action in actions)
    forward, backward = bench.block()
    blocks = 2 * BLOCKS_A_STAGE / head

    def seconds(segment, op):
        if segment == head:  # its backward is two products for one
            return bench.head() * (1 / 3 if op == "F" else 2 / 3)
        return blocks * (forward if op == "F" else backward)

    return simulate(lists, seconds)


def recorded_step(path):
    """The same of a trace: its first step, compute alone."""
    done = []
    for event in json.loads(pathlib.Path(path).read_text())["traceEvents"]:
        action = parse(event["name"]) if event["ph"] == "X" else None
        if action and len(action[1]) == 1:
            start = event["ts"] / 1e6
            done.append((event["pid"], *action, start, start + event["dur"] / 1e6))
    first = {}
    for entry in done:  # of several steps, the first time that an action comes
        first.setdefault(entry[:4], entry)
    return list(first.values())


# --- drawing

def svg(width, height, title, body):
    return "\n".join(
        [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
         f'width="{width}" height="{height}" role="img">',
         f"<title>{escape(title)}</title>", STYLE, *body, "</svg>", ""])


def text(x, y, words, kind=""):
    kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{kind}>{escape(words)}</text>'


def box(x, y, width, height, kind):
    return (f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
            f'height="{height:.1f}" class="{kind}"/>')


LEFT, RIGHT, LANE = 52, 8, 20


def lanes(step, top, scale, width):
    """Two rows, one a card, with a box for each forward and backward."""
    body = []
    for rank in range(2):
        y = top + rank * (LANE + 4)
        body += [text(LEFT - 6, y + 14, f"GPU {rank}", "end"),
                 box(LEFT, y, width - LEFT - RIGHT, LANE, "lane")]
        for own, _, op, batch, start, end in step:
            if own != rank:
                continue
            length = (end - start) * scale
            body.append(box(LEFT + start * scale, y + 1, max(0.4, length - 0.6), LANE - 2,
                            "forward" if op == "F" else "backward"))
            if length > 6:
                body.append(text(LEFT + start * scale + length / 2, y + 13,
                                 str(batch + 1), "number"))
    return body


def step_picture(panels, foot):
    """panels: (title, step) under each other, on one scale of time."""
    width, height = 760, 84 * len(panels) + 44
    longest = max(entry[5] for _, step in panels for entry in step)
    scale = (width - LEFT - RIGHT) / longest
    body = []
    for number, (title, step) in enumerate(panels):
        top = 84 * number
        seconds = max(entry[5] for entry in step)
        body += [text(LEFT, top + 15, f"{title}: {seconds:.1f} s a step", "title"),
                 *lanes(step, top + 24, scale, width)]
    foot_y = 84 * len(panels) + 12
    x = LEFT
    for kind, words in (("forward", "forward"), ("backward", "backward")):
        body += [box(x, foot_y - 9, 10, 10, kind), text(x + 15, foot_y, words)]
        x += 80
    body += [text(x + 10, foot_y, foot[0]), text(LEFT, foot_y + 18, foot[1])]
    return svg(width, height, "What each card does in a step", body)


def two_cards(bench):
    return step_picture(
        [("The cards take turns", computed_step(bench, "sequential_m8")),
         ("halfpipe (interleaved, two pieces of the model on each card)",
          computed_step(bench, "interleaved_m8"))],
        ("Numbers: the 8 clips of one step. Grey: the card waits.",
         "Computed as `halfpipe plan` does, from the times of a block on an H200 in "
         "bench/README.md."))


SPEEDS = (  # what, colour, row of bench/README.md, its run
    ("one H200", "other", "one card", "a"),
    ("two, torch's own pipelining", "other",
     "torch.distributed.pipelining 1F1B, M = 8", None),
    ("two, data parallel, compiled", "other",
     "data parallel, compiled, a full copy on each GPU", None),
    ("two, halfpipe", "forward", "`interleaved`, beside the peers below", "h"),
    ("… held to 22 GiB a card", "forward",
     "within 22 GiB, host 64 GiB, `interleaved`", "f"),
    ("… fp8 weights, 14.5 GiB a card", "forward",
     "`fp8`, within 14.5 GiB, host 48 GiB, `interleaved`", "f"),
    ("… multiplying in fp8", "forward", "`fp8_compute`, `interleaved`", "i"),
)


def speed(bench):
    width, left, row = 760, 220, 26
    rows = [(name, kind, bench.seconds(where, run)) for name, kind, where, run in SPEEDS]
    scale = (width - left - 60) / max(seconds for _, _, seconds in rows)
    body = [text(left, 15, "Seconds a sample, which is one clip (less is better)", "title")]
    for number, (name, kind, seconds) in enumerate(rows):
        y = 26 + number * row
        body += [text(left - 8, y + 14, name, "end"),
                 box(left, y, seconds * scale, row - 6, kind),
                 text(left + seconds * scale + 6, y + 14, f"{seconds:.2f}")]
    foot = 26 + len(rows) * row + 14
    body.append(text(left, foot, "Wan2.2-I2V-A14B's sizes, 480×832×49, rank 32: rows of "
                                 "bench/README.md."))
    return svg(width, foot + 10, "Seconds a sample", body)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--trace", nargs=2, metavar=("FILE", "OUT"))
    options = parser.parse_args()
    if options.trace:
        source, out = options.trace
        panel = ("A recorded step", recorded_step(source))
        pathlib.Path(out).write_text(
            step_picture([panel], ("Numbers: the micro-batches. Grey: the card waits.",
                                   pathlib.Path(source).name)))
        return 0
    bench = Bench(BENCH.read_text())
    wrong = []
    for name, picture in (("two_cards", two_cards(bench)), ("speed", speed(bench))):
        path = ROOT / "docs" / f"{name}.svg"
        if not options.check:
            path.write_text(picture)
        elif not path.exists() or path.read_text() != picture:
            wrong.append(f"docs/{name}.svg is out of step: run scripts/pictures.py")
    print("\n".join(wrong), end="\n" if wrong else "", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

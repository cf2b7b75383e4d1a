#!/usr/bin/env python3
"""Writes dashboards/*.json from boards/*.py.

  deploy/grafana/make_dashboards.py            # writes
  deploy/grafana/make_dashboards.py --check    # fails where a file differs

Change dashboards in boards/: not the JSON, and not in Grafana, which has them
read-only.
"""

import argparse
import json
import pathlib
import sys

from boards import job, overview, pair

FOLDER = pathlib.Path(__file__).resolve().parent / "dashboards"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--check", action="store_true", help="fail where a file differs"
    )
    check = parser.parse_args().check
    made = {
        f'{board["uid"]}.json': json.dumps(board, indent=1) + "\n"
        for board in (overview.board(), job.board(), pair.board())
    }
    bad = [path.name for path in FOLDER.glob("*") if path.name not in made]
    for name, text in made.items():
        path = FOLDER / name
        if not check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            bad.append(name)
    if bad:
        sys.exit(f"{FOLDER}: not what make_dashboards.py writes: {sorted(bad)}")


if __name__ == "__main__":
    main()

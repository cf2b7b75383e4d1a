#!/usr/bin/env python3
"""Compares captures of a terminal with the blocks of a document, or writes them.

Usage: terminal_docs.py DOCUMENT FOLDER [--update]

FOLDER has a file NAME.COLUMNS for each capture. DOCUMENT has for each
  <!-- capture NAME.COLUMNS -->
  ```
  ...
  ```
Times, ids, paths and numbers are left out of the comparison: they change from
run to run.
"""

import difflib
import pathlib
import re
import sys

BLOCK = re.compile(r"<!-- capture (\S+) -->\n```\n(.*?)```\n", re.DOTALL)
# What changes, and what stands for it; in this order.
MASKS = [
    (r"https?://\S+", "URL"),
    (r"(unix:)?/tmp/[^\s,:;)]+", "PATH"),
    (r"-([0-9a-f]{12}|[0-9a-f]{8})\b", "-ID"),
    # Which of the stages is there first.
    (r"(?m)^queued.*\n", ""),
    (r"\[[#.]+\]", "[BAR]"),
    (r"\b(\d+[dhms])+\b", "TIME"),
    (r"\d[\d.]*(e[+-]?\d+)?", "N"),
    (r" +", " "),
]


def masked(text):
    for pattern, replacement in MASKS:
        text = re.sub(pattern, replacement, text)
    return text.splitlines()


def main():
    document, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    update = sys.argv[3:] == ["--update"]
    captures = {path.name: path.read_text() for path in folder.iterdir()}
    text = document.read_text()
    shown = dict(BLOCK.findall(text))
    wrong = [f"{name}: {document} has no block for it" for name in captures
             if name not in shown]
    wrong += [f"{name}: nothing captures it" for name in shown
              if name not in captures]
    if update and not wrong:
        document.write_text(BLOCK.sub(
            lambda block: f"<!-- capture {block[1]} -->\n```\n"
                          f"{captures[block[1]]}```\n", text))
        return 0
    for name in sorted(shown.keys() & captures.keys()):
        difference = list(difflib.unified_diff(
            masked(shown[name]), masked(captures[name]), f"{document} {name}",
            "the terminal", lineterm="", n=1))
        if difference:
            wrong.append("\n".join(difference))
    if wrong:
        print("\n".join(wrong), "\nHP_UPDATE_DOCS=1 writes the blocks anew",
              file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

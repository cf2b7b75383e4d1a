#!/usr/bin/env python3
"""Writes docs/protocol.md out of the .proto files, so that it cannot drift.

  scripts/protocol_page.py            writes the page
  scripts/protocol_page.py --check    exits with 1 if it is not what is there

The comments of the .proto files are the text; this puts them into tables.
Needs nothing but Python.
"""

import argparse
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "protocol.md"
FILES = ("jobs.proto", "stages.proto")

HEAD = """# The wire contract

Generated from `proto/halfpipe/v1` by `scripts/protocol_page.py`; a test keeps it in
step. Package `halfpipe.v1`, proto3, gRPC over HTTP/2 on the coordinator's
`listen_address`.

A client in any language starts from `jobs.proto`: `examples/python` submits a job and
watches it with grpcio. `stages.proto` is between the programs of one release; a client
has no use for it.

- **Errors** are gRPC status codes; each call names its own below. Only UNAVAILABLE is
  worth a retry. The message is for people, cut to 1,024 bytes.
- **Who may call**: with tokens, `authorization: Bearer TOKEN` in the call's metadata;
  UNAUTHENTICATED without a valid one, PERMISSION_DENIED where its role does not suffice
  ([security.md](security.md)).
- **Repeating**: CreateJob with an id of the caller's own, and every call that asks for a
  state, may be repeated. WatchJob goes on from the last cursor that was seen.
- **Change**: fields and values are added, never renumbered or reused; an unknown field is
  to be ignored. 0 or empty is "not given" unless the field says otherwise.
"""


def comment_before(lines, index):
    """The comment that ends on the line above `index`, as one text."""
    block = []
    while index > 0 and lines[index - 1].strip().startswith("//"):
        index -= 1
        block.insert(0, lines[index].strip()[2:].strip())
    return " ".join(block)


def cell(text):
    return text.replace("|", "\\|")


def calls(lines, index):
    """The rpcs of the service that starts at `index`."""
    found = []
    while lines[index].strip() != "}":
        # A long one goes on in the next line.
        match = re.match(r"\s*rpc (\w+)\((\w+)\)\s+returns \((stream )?"
                         r"(\w+)\);", "\n".join(lines[index:index + 2]))
        if match:
            name, request, stream, response = match.groups()
            found.append((name, request, (stream or "") + response,
                          comment_before(lines, index)))
        index += 1
    return found


FIELD = re.compile(r"\s*((?:optional |repeated )?(?:map<[^>]*>|\w+)) (\w+) = "
                   r"(\d+)(?: \[[^]]*\])?;\s*(?://\s*(.*))?$")
VALUE = re.compile(r"\s*(\w+) = (\d+);\s*(?://\s*(.*))?$")


def rows(lines, index, pattern):
    """(match, meaning) of each field or value of the block at `index`."""
    found, oneof, depth = [], "", 0
    while True:
        line = lines[index]
        opened = re.match(r"\s*oneof (\w+) \{", line)
        if opened:
            oneof, depth = opened.group(1), depth + 1
        elif line.strip() == "}":
            if depth == 0:
                return found
            oneof, depth = "", depth - 1
        match = pattern.match(line)
        if match:
            before = comment_before(lines, index)
            after = match.groups()[-1] or ""
            # A comment behind a field may go on under it.
            following = index + 1
            while after and re.match(r"\s{20,}//", lines[following]):
                after += " " + lines[following].strip()[2:].strip()
                following += 1
            meaning = " ".join(text for text in (before, after) if text)
            if oneof:
                meaning = f"one of `{oneof}`. {meaning}".strip()
            found.append((match, meaning))
        index += 1


def section(path):
    lines = path.read_text().splitlines()
    about = []
    for line in lines:
        if not line.startswith("//"):
            break
        about.append(line[2:].strip())
    text = [f"\n## {path.name}\n\n" + "\n".join(about).strip() + "\n"]
    for index, line in enumerate(lines):
        start = re.match(r"(service|message|enum) (\w+) \{(\}?)", line)
        if not start:
            continue
        kind, name, empty = start.groups()
        text.append(f"\n### {name}\n")
        about = comment_before(lines, index)
        if about:
            text.append(f"\n{about}\n")
        if empty:
            text.append("\nHas no field.\n")
        elif kind == "service":
            text.append("\n| call | takes | gives | |\n"
                        "| --- | --- | --- | --- |\n")
            for call, request, response, meaning in calls(lines, index + 1):
                text.append(f"| `{call}` | {request} | {response} | "
                            f"{cell(meaning)} |\n")
        elif kind == "message":
            text.append("\n| field | no. | type | meaning |\n"
                        "| --- | --- | --- | --- |\n")
            for match, meaning in rows(lines, index + 1, FIELD):
                kind_, field, number, _ = match.groups()
                text.append(f"| `{field}` | {number} | {cell(kind_)} | "
                            f"{cell(meaning)} |\n")
        else:
            text.append("\n| value | no. | |\n| --- | --- | --- |\n")
            for match, meaning in rows(lines, index + 1, VALUE):
                text.append(f"| `{match.group(1)}` | {match.group(2)} | "
                            f"{cell(meaning)} |\n")
    return "".join(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    page = HEAD + "".join(
        section(ROOT / "proto" / "halfpipe" / "v1" / name) for name in FILES)
    if not check:
        PAGE.write_text(page)
    elif not PAGE.exists() or PAGE.read_text() != page:
        sys.exit("docs/protocol.md is not what the .proto files say: run "
                 "scripts/protocol_page.py")


if __name__ == "__main__":
    main()

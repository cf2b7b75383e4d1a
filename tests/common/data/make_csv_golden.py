"""Writes golden/csv_cases.json: files as people leave them, as pandas reads them.

Run from this folder with pandas installed. pandas.read_csv with skipinitialspace
is the reference; what it keeps of blanks around a field is cut off on both sides,
as prompts and paths are trimmed where they are used.
"""
import csv
import io
import json
import random
from pathlib import Path

import pandas

TEXTS = [
    "a.mp4", "clips/b.mp4", "a test card", "a test card, moving", "", "nan", "12",
    'the "old" bars', '"', '""', "two\nlines", "two\r\nlines", "old\rmac", "tab\there",
    "caf\u00e9", "\u4e00\u53ea\u732b", "\u201cquoted\u201d", "semi;colon", "#", "it's",
    "back\\slash", " blanks ", "a,b,c", "NULL", "\U0001f431", "-", "'x, y'",
]


def field(draw, text):
    """One way to write a field so that it reads as `text`, blanks aside."""
    before = draw.choice(["", "", " ", "   "])
    must = any(c in text for c in ',"\r\n') or text != text.strip() or not text
    if not must and draw.random() < 0.6:
        return before + text + draw.choice(["", "", " "])
    after = draw.choice(["", "", " ", "  "])
    return before + '"' + text.replace('"', '""') + '"' + after


def case(seed):
    draw = random.Random(seed)
    columns = draw.randint(2, 4)
    end = draw.choice(["\n", "\n", "\r\n", "\r"])
    lines = []
    for _ in range(draw.randint(1, 6)):
        if draw.random() < 0.15:
            lines.append(draw.choice(["", "  "]))
        # A first field of nothing but blanks in quotes is no blank line.
        lines.append(",".join(field(draw, draw.choice(TEXTS)) for _ in range(columns)))
    text = end.join(lines) + draw.choice([end, end, "", end * 2])
    table = pandas.read_csv(io.StringIO(text, newline=""), header=None, dtype=str,
                            keep_default_na=False, skipinitialspace=True,
                            quoting=csv.QUOTE_MINIMAL)
    rows = [["" if value is None or value != value else value.strip(" \t\r\n\v\f")
             for value in row] for row in table.values.tolist()]
    return {"text": text, "rows": rows}


if __name__ == "__main__":
    cases = [case(seed) for seed in range(600)]
    Path("golden").mkdir(exist_ok=True)
    Path("golden/csv_cases.json").write_text(
        "[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
    print(len(cases), "cases, pandas", pandas.__version__)

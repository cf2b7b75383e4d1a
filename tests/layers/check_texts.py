#!/usr/bin/env python3
"""Refuses a program that asks a text for people what happened.

Usage: check_texts.py [ROOT]

Progress is StageProgress and a failure is Failure (docs/decisions/0080): the
message of a status, a reason and an activity are for people, and no program
looks for words in one. This finds, in a file of the programs and of what they
link, a search or a comparison with a word (absl::StrContains, StartsWith,
ConsumePrefix, find, a regular expression, ==) in
  - message(), error_message(), what() or ToString() of a status or exception,
  - anything called activity, reason, message, error, problem or status_text,
  - a variable that one of these was put into.
Texts of others (CUDA's, NCCL's, libtorch's, gRPC's) have no type where they
come in: tests/layers/foreign_texts.txt lists, with a reason, the lines that give
them one. It prints one line a finding and exits with 1 if there is any.
"""

import pathlib
import re
import sys

import check_layers

FOLDERS = check_layers.UNIT_FOLDERS

SEARCH = re.compile(
    r"\b(?:Str(?:ings)?Contains\w*|StartsWith\w*|EndsWith\w*|Consume(?:Prefix|"
    r"Suffix)|Strip(?:Prefix|Suffix)|HasPrefix|regex_\w+|(?:Full|Partial)Match)"
    r"\s*\(|(?:\.|->)(?:r?find\w*|starts_with|ends_with|contains|compare)\s*\(")
# Calls and names that give a text for people.
CALLS = (r"(?:\.|->)(?:message|error_message|status_message|what|"
         r"what_without_backtrace|ToString)\(\)")
NAMES = (r"\b(?:activity|reason|message|status_text|error|error_text|problem)_?\b"
         r"(?!\()")
# With a word, not with another text or nothing.
WORD = r'(?:"[^"]+"|k[A-Z]\w*)'


def code_of(text):
    """The text without comments; every line keeps its number."""
    def blank(match):
        found = match.group(0)
        if found.startswith('"') or found.startswith("'"):
            return found
        return re.sub(r"[^\n]", " ", found)
    return re.sub(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*|'
                  r"/\*.*?\*/|^[ \t]*#[^\n]*", blank, text,
                  flags=re.S | re.M)


def statements(code):
    """(line, statement) of all of them, roughly: up to ; or a brace."""
    line, start, begin = 1, 0, 1
    quoted = False
    for index, sign in enumerate(code):
        if sign == '"' and code[index - 1] != "\\":
            quoted = not quoted
        if sign == "\n":
            line += 1
        if sign in ";{}" and not quoted:
            yield begin, code[start:index]
            start, begin = index + 1, line
    yield begin, code[start:]


def bare(text):
    """With blanks for what stands in quotes."""
    return re.sub(r'"(?:\\.|[^"\\\n])*"',
                  lambda match: '"' + " " * (len(match.group(0)) - 2) + '"',
                  text)


def tainted(parts):
    """The variables of a file that a text for people is put into."""
    found = set()
    for _, part in parts:
        part = bare(part)
        for pattern in (
                r"[\w>&*] (\w+) = (?:\([^()]*\) \?[^:]*: )?"
                r"(?:std::string\()?[\w.\->*()_\[\]]*" + CALLS,
                r"\bstring(?:_view)?[ &]+(\w+)[({][^;]*" + CALLS,
                r"\bfor \((?:[^:;]|::)*[ &](\w+)\s*:(?!:)[^;]*" + CALLS):
            found.update(re.findall(pattern, part))
    return found


def arguments_of(part, start):
    """What stands in the brackets that open before `start`."""
    depth, index = 1, start
    while index < len(part) and depth:
        depth += {"(": 1, ")": -1}.get(part[index], 0)
        index += 1
    return part[start:index - 1]


def findings_in(text):
    """(line, statement) of each finding in a file."""
    line = 1
    # A variable is one of its function: its brace ends at the line's start.
    for chunk in re.split(r"(?<=\n)(?=\}[^\n]*\n)", code_of(text)):
        for number, part in findings_in_function(chunk):
            yield line + number - 1, " ".join(part.split())[:100]
        line += chunk.count("\n")


def findings_in_function(code):
    parts = list(statements(code))
    variables = tainted(parts)
    texts = CALLS + "|" + NAMES
    if variables:
        texts += r"|\b(?:" + "|".join(sorted(variables)) + r")\b(?!\()"
    compared = re.compile(rf"(?:{texts})\s*[!=]=\s*{WORD}|"
                          rf"{WORD}\s*[!=]=\s*[\w.\->]*(?:{texts})")
    for line, part in parts:
        at = next((number for number, expression in searches(part, line)
                   if re.search(texts, expression)), None)
        if at is None and (match := compared.search(part)):
            at = line + part[:match.start()].count("\n")
        if at is not None:
            yield at, part


def searches(part, line):
    """(line, what is searched, and for what) of each search in it."""
    part = bare(part)
    for match in SEARCH.finditer(part):
        head = ""
        if match.group(0)[0] in ".-":  # a method: its object is searched
            before = re.search(r"[\w.\->()\[\]:]*$", part[:match.start()])
            head = before.group(0) if before else ""
        yield (line + part[:match.start()].count("\n"),
               head + "." + arguments_of(part, match.end()))


def read_reasons(listed):
    """{(path, words of the line): reason}; yields what is wrong with it."""
    reasons = {}
    if listed.exists():
        for number, line in enumerate(listed.read_text().splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            path, _, rest = line.partition(": ")
            words, _, reason = rest.rpartition(" -- ")
            if not words.strip() or not reason.strip():
                yield f"{listed.name}:{number}: not 'path: words -- reason'"
                continue
            reasons[path.strip(), words.strip()] = reason.strip()
    return reasons


def check(root):
    reasons = yield from read_reasons(root / "tests/layers/foreign_texts.txt")
    used = set()
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".h", ".cc", ".cu", ".cuh"):
                continue
            name = path.relative_to(root).as_posix()
            text = path.read_text(encoding="utf-8")
            for number, part in findings_in(text):
                listed = next((key for key in reasons
                               if key[0] == name and key[1] in part), None)
                if listed is not None:
                    used.add(listed)
                    continue
                yield (f"{name}:{number}: looks for words in a text for "
                       f"people: {part}")
    for path, words in sorted(reasons.keys() - used):
        yield f"foreign_texts.txt: {path}: {words} is not there: delete it"


def main(arguments):
    here = pathlib.Path(__file__).resolve()
    root = pathlib.Path(arguments[0]) if arguments else here.parents[2]
    findings = list(check(root))
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

#!/usr/bin/env python3
"""Checks that the sources of each library may be compiled as one.

Usage: check_unity.py [ROOT]

Preset release compiles a library's sources in batches (CMake's unity builds), so
what a source hides must have a name of its own in its library. Refused is a name
that two of its sources have at file scope, or a source and a header it may meet:
  - a function, whatever its parameters: another batch is another overload,
  - a constant, a type, an alias of something else,
  - a macro of a source.
It reads the sources with patterns, not as a compiler: a build of preset release
has the last word. One line a finding; exits with 1 if there is any.
"""

import collections
import pathlib
import re
import sys

import check_layers

TOPS = check_layers.UNIT_FOLDERS

# Comments, strings and characters: nothing in them is a name.
QUIET = re.compile(
    r"//[^\n]*|/\*.*?\*/|R\"([^(]*)\(.*?\)\1\"|\"(?:\\.|[^\"\\\n])*\""
    r"|(?<!\d)'(?:\\.|[^'\\\n])+'",
    re.S,
)
MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.M)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", re.M)
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)
NAMESPACE = re.compile(r"(?:inline\s+)?(?:namespace\b\s*([\w:]*)|extern \"\")\s*$")
TEMPLATE = re.compile(r"^(?:template\s*<(?:[^<>]|<[^<>]*>)*>\s*)+")
ALIAS = re.compile(r"(?:using|namespace)\s+(\w+)\s*=\s*(.+)$", re.S)
TYPE = re.compile(r"(?:struct|class|union|enum(?:\s+class)?)\s+(\w+)")
FUNCTION = re.compile(r"([\w:~]+)\s*\($")
VARIABLE = re.compile(r"\s(\w+)\s*(?:\[[^\]]*\]\s*)*$")


def statements(text):
    """(statement, whether it is hidden) of all at the scope of a namespace."""
    scopes, begin, at = [], 0, 0
    while (stop := re.compile(r"[{};]").search(text, at)) is not None:
        statement = text[begin : stop.start()].strip()
        begin = at = stop.end()
        if stop.group() == "}":
            if scopes:
                scopes.pop()
            continue
        namespace = NAMESPACE.match(statement)
        if stop.group() == "{" and namespace:
            scopes.append(namespace.group(1))  # None: extern "C"
            continue
        yield statement, "" in scopes
        if stop.group() == "{":
            begin = at = end_of_block(text, at)
            if not is_function(statement):  # the block is an initialiser or a type
                begin = at = text.find(";", at) + 1 or len(text)


def end_of_block(text, at):
    """Where the block ends whose first character is at `at`."""
    depth = 1
    while depth and at < len(text):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        at += 1
    return at


def is_function(statement):
    statement = TEMPLATE.sub("", statement)
    return "(" in statement.split("=")[0] and not TYPE.match(statement)


def name_of(statement, hidden):
    """(name, what an alias stands for or None, whether hidden), or None."""
    statement = re.sub(r"\[\[[^\]]*\]\]", "", statement).strip()
    statement = TEMPLATE.sub("", statement)
    if match := ALIAS.match(statement):
        return match.group(1), " ".join(match.group(2).split()), hidden
    if re.match(r"(using|friend|extern|static_assert)\b", statement):
        return None
    match = TYPE.match(statement)
    if match and not is_function(statement):
        return match.group(1), None, hidden
    head = statement.split("=")[0]
    hidden = hidden or re.match(r"static\b", head) is not None
    if "(" in head:
        match = FUNCTION.search(head[: head.index("(") + 1])
        if match and "::" not in match.group(1):
            return match.group(1), None, hidden
        return None
    if match := VARIABLE.search(head.rstrip()):
        return match.group(1), None, hidden
    return None


class Source:
    """The names of one file at the scope of a namespace."""

    def __init__(self, path):
        text = path.read_text(encoding="utf-8")
        self.includes = INCLUDE.findall(text)
        text = QUIET.sub(
            lambda m: " " if m.group().startswith("/") else '""', text
        )
        self.hidden = {name: None for name in MACRO.findall(text)}
        self.public = set()
        for statement, hidden in statements(DIRECTIVE.sub("", text)):
            found = name_of(statement, hidden)
            if found is None:
                continue
            name, alias, hidden = found
            if hidden:
                self.hidden[name] = alias
            else:
                self.public.add(name)


class Tree:
    """The sources below a root, read once each."""

    def __init__(self, root):
        self.root = root
        self._sources = {}

    def source(self, name):
        if name not in self._sources:
            path = self.root / name
            self._sources[name] = Source(path) if path.is_file() else None
        return self._sources[name]

    def headers_of(self, names):
        """The headers of ours that these files include, however deeply."""
        seen, open_names = set(), list(names)
        while open_names:
            source = self.source(open_names.pop())
            for included in source.includes if source else ():
                if included not in seen and self.source(included):
                    seen.add(included)
                    open_names.append(included)
        return seen

    def libraries(self):
        """{library: [its .cc files]}; a list in a variable is read with all."""
        result = {}
        for top in TOPS:
            for cmake in sorted((self.root / top).rglob("CMakeLists.txt")):
                folder = cmake.parent
                text = re.sub(r"#.*", "", cmake.read_text())
                calls = re.findall(r"halfpipe_library\(\s*(\w+)([^)]*)\)", text)
                lists = re.findall(r"set\((\w+)([^)]*)\)", text)
                for library, words in calls:
                    for variable, value in lists:
                        words = words.replace("${%s}" % variable, value)
                    result[library] = [
                        (folder / word).relative_to(self.root).as_posix()
                        for word in words.split()
                        if word.endswith(".cc") and (folder / word).is_file()
                    ]
        return result


def clashes(tree, names):
    """[(name, [files])] of what these sources may not both hide."""
    found = collections.defaultdict(dict)
    public = collections.defaultdict(list)
    for name in names:
        source = tree.source(name)
        for hidden, alias in source.hidden.items():
            found[hidden][name] = alias
        for shown in source.public:
            public[shown].append(name)
    for header in tree.headers_of(names):
        for shown in tree.source(header).public:
            public[shown].append(header)
    for hidden, files in sorted(found.items()):
        same_alias = len(set(files.values())) == 1 and None not in files.values()
        others = [file for file in public[hidden] if file not in files]
        if (len(files) > 1 and not same_alias) or others:
            yield hidden, sorted(files) + sorted(others)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    tree = Tree(root)
    bad = 0
    for library, names in sorted(tree.libraries().items()):
        for name, files in clashes(tree, names):
            print(f"{library}: '{name}' is in {', '.join(files)}")
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

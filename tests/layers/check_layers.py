#!/usr/bin/env python3
"""Checks the sources against the table in cmake/Layers.cmake.

Usage: check_layers.py [ROOT]

CMake refuses a forbidden link edge; this refuses what it cannot see:
  - an #include of a layer or a library that is not in the file's row,
  - a file that reaches torch and protobuf or gRPC, even through other headers
    (libtorch carries its own old protobuf headers: the two do not mix),
  - std::string_view, which Debian's Abseil does not convert to its own,
  - a macro without the prefix HP_: libtorch defines LOG, CHECK and more,
  - a look at the wall clock, or a wait until one of its hours, unless
    tests/layers/wall_clock.txt says why: it may step, and nothing else may stop,
  - a .cc without a test, unless tests/layers/untested.txt says why.
It prints one line a finding and exits with 1 if there is any.
"""

import pathlib
import re
import sys

# The folders of sources whose rules are checked, and the part of them that
# needs a test. bench/ and tests/ may link anything, but not both walls' sides.
UNIT_FOLDERS = ("common", "stage", "coordinator", "client", "decode", "stage0",
                "stage1")
ALL_FOLDERS = UNIT_FOLDERS + ("tests", "bench")

# What an #include in <> or "" belongs to, by the names of Dependencies.cmake.
# The first match counts.
LIBRARIES = [
    (r"(c10|ATen)/cuda/", "c10_cuda"),
    (r"(torch|ATen|c10|caffe2)/", "torch"),
    (r"(cuda|cudnn|cublas|cupti|nvml|nvtx3/)", "cuda"),
    (r"nccl", "nccl"),
    (r"(grpc|grpcpp|grpc\+\+|google/protobuf)/", "grpc"),
    (r".*\.(pb|grpc\.pb)\.h$", "grpc"),
    (r"absl/", "absl"),
    (r"openssl/", "crypto"),
    (r"yaml-cpp/", "yaml"),
    (r"nlohmann/", "json"),
    (r"CLI/", "cli11"),
    (r"sqlite3", "sqlite"),
    (r"prometheus/", "prometheus"),
    (r"httplib\.h", "httplib"),
    (r"microhttpd\.h", "microhttpd"),
    (r"lib(av\w+|sw\w+)/", "ffmpeg"),
    (r"seccomp\.h|linux/seccomp\.h|linux/filter\.h", "seccomp"),
    (r"sentencepiece", "sentencepiece"),
    (r"utf8proc", "utf8proc"),
]
TORCH_SIDE = {"torch", "c10_cuda"}
PROTOBUF_SIDE = {"grpc"}

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


def read_rows(layers_cmake):
    """The table: {layer: set of what it may use}."""
    text = re.sub(r"#.*", "", layers_cmake.read_text())
    return {
        name: set(deps.split())
        for name, deps in re.findall(r"set\(HP_LAYER_(\w+)\s+([^)]*)\)", text)
    }


def read_libraries(folder):
    """{source name: layer} out of the folder's halfpipe_library() calls."""
    cmake = folder / "CMakeLists.txt"
    if not cmake.exists():
        return {}
    text = re.sub(r"#.*", "", cmake.read_text())
    layers = {}
    for call in re.findall(r"halfpipe_library\(([^)]*)\)", text):
        words = call.split()
        layer, section = words[0], None
        sources = []
        for word in words[1:]:
            if word in ("SRCS", "DEPS", "PRIVATE_DEPS", "LAYER"):
                section = word
            elif section == "LAYER":
                layer = word
            elif section == "SRCS":
                sources.append(word)
        for source in sources:
            layers[source] = layer
    return layers


class Tree:
    """The sources below a root, with their includes."""

    def __init__(self, root):
        self.root = root
        self.rows = read_rows(root / "cmake/Layers.cmake")
        self.includes = {}  # path -> [(line, included)]
        self.texts = {}
        for top in ALL_FOLDERS:
            for path in sorted((root / top).rglob("*")):
                if path.suffix in (".h", ".cc", ".cu", ".cuh"):
                    self._read(path)
        self._libraries = {}

    def _read(self, path):
        name = path.relative_to(self.root).as_posix()
        lines = path.read_text(encoding="utf-8").splitlines()
        self.texts[name] = lines
        self.includes[name] = [
            (number, match.group(1))
            for number, line in enumerate(lines, 1)
            if (match := INCLUDE.match(line))
        ]

    def layers_of(self, name):
        """The layers a file may belong to: of its library, else its folder."""
        path = pathlib.PurePosixPath(name)
        folder = path.parent.as_posix()
        if folder not in self._libraries:
            self._libraries[folder] = read_libraries(self.root / folder)
        libraries = self._libraries[folder]
        for suffix in (".cc", ".cu"):
            if path.stem + suffix in libraries:
                return {libraries[path.stem + suffix]}
        if libraries:  # a header alone: any library of its folder may own it
            return set(libraries.values())
        return {self._row_of(path.parts[:-1])}

    def _row_of(self, folders):
        """The row of the innermost folder that has one: common/base has base,
        stage/kernels/cuda has stage_kernels."""
        own = folders[1:] if folders[0] == "common" else folders
        for count in range(len(own), 0, -1):
            if "_".join(own[:count]) in self.rows:
                return "_".join(own[:count])
        return "_".join(own) or folders[0]

    def layer_owning(self, included):
        """What an #include needs in the row: names, any of which will do."""
        for pattern, name in LIBRARIES:
            if re.match(pattern, included):
                return {name}
        if included.split("/")[0] in UNIT_FOLDERS:
            return self.layers_of(included)
        return set()

    def closure(self, name):
        """{library: the chain of includes that leads to it} for one file."""
        found, seen, stack = {}, set(), [(name, (name,))]
        while stack:
            current, chain = stack.pop()
            if current in seen:
                continue
            seen.add(current)
            for _, included in self.includes.get(current, ()):
                for owner in self.layer_owning(included):
                    found.setdefault(owner, chain + (included,))
                stack.append((included, chain + (included,)))
        return found


def check_includes(tree):
    for name, includes in tree.includes.items():
        if name.split("/")[0] not in UNIT_FOLDERS or name.endswith("main.cc"):
            continue
        own = tree.layers_of(name)
        unknown = own - tree.rows.keys()
        if unknown:
            yield f"{name}: cmake/Layers.cmake has no row for {sorted(unknown)}"
            continue
        allowed = set.union(own, *(tree.rows[layer] for layer in own))
        for number, included in includes:
            needed = tree.layer_owning(included)
            if needed and not needed & allowed:
                yield (f"{name}:{number}: layer violation: {sorted(own)} may "
                       f"not use {sorted(needed)} ({included})")


def check_wall(tree):
    for name in tree.includes:
        found = tree.closure(name)
        torch = next((found[n] for n in TORCH_SIDE if n in found), None)
        protobuf = next((found[n] for n in PROTOBUF_SIDE if n in found), None)
        if torch and protobuf:
            yield (f"{name}: sees torch ({' > '.join(torch[1:])}) and protobuf "
                   f"({' > '.join(protobuf[1:])})")


def check_string_view(tree):
    for name, lines in tree.texts.items():
        for number, line in enumerate(lines, 1):
            code = line.split("//")[0]
            if re.search(r"\bstd::string_view\b|<string_view>", code):
                yield f"{name}:{number}: std::string_view; use absl::string_view"


def check_macros(tree):
    for name, lines in tree.texts.items():
        for number, line in enumerate(lines, 1):
            match = re.match(r"\s*#\s*define\s+(\w+)", line)
            if match and not match.group(1).startswith("HP_"):
                yield f"{name}:{number}: macro {match.group(1)} lacks HP_"


WALL_CLOCK = re.compile(
    r"absl::Now\b|\bsystem_clock\b|\bCLOCK_REALTIME\b|WithDeadline\(|"
    r"\bgettimeofday\(|\btime\((nullptr|NULL|0)\)|ToChronoTime\(")


def check_clock(tree):
    reasons = yield from read_reasons(tree.root / "tests/layers/wall_clock.txt")
    found = set()
    for name, lines in tree.texts.items():
        if name.split("/")[0] not in UNIT_FOLDERS:
            continue
        for number, line in enumerate(lines, 1):
            if not WALL_CLOCK.search(line):
                continue
            found.add(name)
            if name not in reasons:
                yield (f"{name}:{number}: the wall clock; use SteadyNow() and "
                       f"...WithTimeout(), or give a reason in wall_clock.txt")
    for name in sorted(reasons.keys() - found):
        yield f"wall_clock.txt: {name} does not need its line: delete it"


def read_reasons(listed):
    """{path: reason} of a file of such lines; yields what is wrong in it."""
    reasons = {}
    if listed.exists():
        for number, line in enumerate(listed.read_text().splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            path, _, reason = line.partition(":")
            reasons[path.strip()] = reason.strip()
            if not reason.strip():
                yield f"{listed.name}:{number}: {path.strip()} has no reason"
    return reasons


def check_tested(tree):
    listed = tree.root / "tests/layers/untested.txt"
    reasons = yield from read_reasons(listed)
    untested = {name for name in tree.includes if _lacks_test(tree, name)}
    for name in sorted(untested - reasons.keys()):
        yield (f"{name}: no test; expected tests/{name[:-3]}_test.cc, or one in "
               f"that folder that includes {name[:-3]}.h")
    for name in sorted(reasons.keys() - untested):
        yield f"{listed.name}: {name} is gone or tested: delete its line"


def _lacks_test(tree, name):
    if name.split("/")[0] not in UNIT_FOLDERS or not name.endswith(".cc"):
        return False
    path = pathlib.PurePosixPath("tests") / name
    if path.name == "main.cc":  # tests/e2e runs the programs
        return False
    if path.with_name(path.stem + "_test.cc").as_posix() in tree.includes:
        return False
    header = name[:-3] + ".h"
    return not any(
        pathlib.PurePosixPath(test).parent == path.parent
        and test.endswith("_test.cc")
        and any(included == header for _, included in includes)
        for test, includes in tree.includes.items())


def main(arguments):
    here = pathlib.Path(__file__).resolve()
    root = pathlib.Path(arguments[0]) if arguments else here.parents[2]
    tree = Tree(root)
    findings = [
        finding
        for check in (check_includes, check_wall, check_string_view,
                      check_macros, check_clock, check_tested)
        for finding in check(tree)
    ]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

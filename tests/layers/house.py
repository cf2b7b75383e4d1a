#!/usr/bin/env python3
"""Checks that the house stays as it was built (docs/architecture.md).

Usage: house.py [--root ROOT] [--targets FILE]

  single-use  common/ is what two programs or more use: no target there has one
              program as its user, no .cc there a header that one reaches
  torch       no folder has targets that may see torch and targets that may not
  upward      the rows of cmake/Layers.cmake name rows above them, the #include
              lines keep to the rows, no folders include each other in a circle
  folder-size no folder has more than 30 .cc and .cu files directly in it
  one-name    no two types have one name, whatever their namespaces
  class-size  no class of coordinator/ has more than 15 data members or 30
              methods, unless class_size.txt says why

FILE is targets.tsv of a build folder, which cmake/LinkGraph.cmake writes at
configure time; without it the two rules on targets are left out. It prints one
line a finding and exits with 1 if there is any. scripts/house prints the
figures behind the rules.
"""

import argparse
import collections
import pathlib
import sys

import cc_types
import check_layers

PRODUCT = check_layers.UNIT_FOLDERS
MOST_FILES = 30
MOST_DATA_MEMBERS = 15
MOST_METHODS = 30

# The executables, by the program that they count as, and where what only that
# program uses belongs.
PROGRAMS = {
    "halfpipe": "halfpipe",
    "halfpipe-coordinator": "halfpipe-coordinator",
    "halfpipe-stage0": "halfpipe-stage0/1",
    "halfpipe-stage1": "halfpipe-stage0/1",
    "halfpipe-decode": "halfpipe-decode",
}
PROGRAM_OF_FOLDER = {
    "client": "halfpipe",
    "coordinator": "halfpipe-coordinator",
    "stage": "halfpipe-stage0/1",
    "stage0": "halfpipe-stage0/1",
    "stage1": "halfpipe-stage0/1",
    "decode": "halfpipe-decode",
}
HOME = {
    "halfpipe": "client/",
    "halfpipe-coordinator": "coordinator/",
    "halfpipe-stage0/1": "stage/",
    "halfpipe-decode": "decode/",
}


def folder_of(name):
    return pathlib.PurePosixPath(name).parent.as_posix()


def is_product(name):
    return name.split("/")[0] in PRODUCT


# ---------------------------------------------------------------- targets

Target = collections.namedtuple("Target", "type folders links public_links")


class Targets:
    """The link graph that cmake/LinkGraph.cmake has written."""

    def __init__(self, text):
        self.complete = False  # has every program
        self.by_name = {}
        for line in text.splitlines():
            if line.startswith("#"):
                self.complete |= line == "# complete"
                continue
            name, kind, *lists = line.split("\t")
            self.by_name[name] = Target(
                kind, *([word for word in field.split(",") if word]
                        for field in lists))

    def product(self):
        """{name: target} of what is built of the product's folders."""
        return {name: target for name, target in self.by_name.items()
                if any(is_product(folder) for folder in target.folders)}

    def programs(self):
        """{name: the programs that it is linked into, directly or not}."""
        users = {name: set() for name in self.by_name}
        for executable, program in PROGRAMS.items():
            if executable in self.by_name:
                for name in self._closure([executable], "links"):
                    users[name].add(program)
        return users

    def sees_torch(self, name):
        """Whether torch's headers are in reach of the target's sources."""
        links = self.by_name[name].links
        return "hp_dep_torch" in self._closure(links, "public_links")

    def _closure(self, names, field):
        seen, rest = set(), list(names)
        while rest:
            name = rest.pop()
            if name in self.by_name and name not in seen:
                seen.add(name)
                rest.extend(getattr(self.by_name[name], field))
        return seen


def check_target_users(targets):
    if not targets.complete:
        return
    missing = sorted(PROGRAMS.keys() - targets.by_name.keys())
    if missing:
        yield (f"tests/layers/house.py: single-use: the build has no "
               f"{missing}: correct PROGRAMS")
        return
    users = targets.programs()
    for name, target in targets.product().items():
        in_common = [f for f in target.folders if f.split("/")[0] == "common"]
        if not in_common or len(users[name]) > 1:
            continue
        if not users[name]:
            yield (f"{in_common[0]}: single-use: no program links {name}: "
                   f"delete it, or move it to tests/")
            continue
        program, = users[name]
        yield (f"{in_common[0]}: single-use: only {program} links {name}: move "
               f"it to {HOME[program]}, or to a target that another links too")


def check_torch_folders(targets):
    folders = collections.defaultdict(lambda: ([], []))
    for name, target in targets.product().items():
        for folder in target.folders:
            folders[folder][targets.sees_torch(name)].append(name)
    for folder, (without, with_torch) in sorted(folders.items()):
        if without and with_torch:
            yield (f"{folder}: torch: {', '.join(with_torch)} may see it and "
                   f"{', '.join(without)} may not: put them in two folders")


# --------------------------------------------------------------- #includes

def includes_of(tree, name):
    """[(line, file of the product)] that the file includes."""
    return [(number, included) for number, included in tree.includes[name]
            if is_product(included) and included in tree.includes]


def implementations(tree):
    """{header: the sources that may be behind it}.

    A source belongs to the header of its name. One without (parts of a class
    share a header) may belong to each header of its folder that it includes, or
    of the folder above: rather a user too many than a file reported that others
    need.
    """
    sources = collections.defaultdict(list)
    for name in tree.includes:
        if not is_product(name) or not name.endswith((".cc", ".cu")):
            continue
        headers = [name.rpartition(".")[0] + ".h"]
        if headers[0] not in tree.includes:
            included = [header for _, header in includes_of(tree, name)]
            own = folder_of(name)
            headers = [h for h in included if folder_of(h) == own] or [
                h for h in included if folder_of(h) == folder_of(own)]
        for header in headers:
            sources[header].append(name)
    return sources


def file_programs(tree):
    """{file: the programs that reach it by #include lines}; sources too."""
    sources = implementations(tree)
    users = collections.defaultdict(set)
    for program in sorted(set(PROGRAM_OF_FOLDER.values())):
        rest = [name for name in tree.includes
                if PROGRAM_OF_FOLDER.get(name.split("/")[0]) == program]
        while rest:
            name = rest.pop()
            if program not in users[name]:
                users[name].add(program)
                rest.extend(included for _, included in includes_of(tree, name))
                rest.extend(sources[name])
    return users


def check_file_users(tree):
    listed = tree.root / "tests/layers/single_use.txt"
    reasons = yield from check_layers.read_reasons(listed)
    users = file_programs(tree)
    single = {name for name in tree.includes
              if name.startswith("common/") and name.endswith((".cc", ".cu"))
              and len(users[name]) == 1}
    for name in sorted(single - reasons.keys()):
        program, = users[name]
        yield (f"{name}: single-use: only {program} reaches it: move it to "
               f"{HOME[program]}, or give a reason in single_use.txt")
    for name in sorted(reasons.keys() - single):
        yield f"{listed.name}: {name} does not need its line: delete it"


def folder_arrows(tree):
    """{(folder, folder that it includes): [(file, line, included)]}.

    Without each main.cc: it is above everything of its program, wherever it
    stands.
    """
    arrows = collections.defaultdict(list)
    for name in tree.includes:
        if not is_product(name) or name.endswith("/main.cc"):
            continue
        for number, included in includes_of(tree, name):
            if folder_of(included) != folder_of(name):
                arrows[folder_of(name), folder_of(included)].append(
                    (name, number, included))
    return dict(arrows)


def circles(arrows):
    """The sets of folders of which each reaches each other."""
    below = collections.defaultdict(set)
    for start, end in arrows:
        below[start].add(end)

    def reached(start):
        seen, rest = set(), [start]
        while rest:
            for folder in below[rest.pop()] - seen:
                seen.add(folder)
                rest.append(folder)
        return seen

    reach = {folder: reached(folder) for folder in list(below)}
    return sorted({tuple(sorted(other for other in reach[folder]
                                if folder in reach.get(other, ())))
                   for folder in reach if folder in reach[folder]})


def check_circles(tree):
    arrows = folder_arrows(tree)
    for circle in circles(arrows):
        inside = {arrow: lines for arrow, lines in arrows.items()
                  if arrow[0] in circle and arrow[1] in circle}
        # Those with the fewest lines are the likely ones to turn round.
        shown = sorted(inside.items(), key=lambda item: (len(item[1]), item[0]))
        text = "; ".join(
            f"{start} > {end}: {len(lines)} ({lines[0][0]}:{lines[0][1]} "
            f"includes {lines[0][2]})" for (start, end), lines in shown)
        yield (f"{', '.join(circle)}: upward: these folders include each "
               f"other; move a file, or what it needs, so that the arrows "
               f"point one way: {text}")


def check_table_order(tree):
    rows = list(tree.rows)
    for place, name in enumerate(rows):
        for dep in sorted(tree.rows[name]):
            if dep in rows[place:]:
                yield (f"cmake/Layers.cmake: upward: '{name}' may use '{dep}', "
                       f"whose row is not above it: move the row up, or take "
                       f"the word out")


def check_include_lines(tree):
    for finding in check_layers.check_includes(tree):
        yield (f"{finding}: upward: move the file, or what it needs, down; "
               f"cmake/Layers.cmake has the table")


# ------------------------------------------------------------ folders, names

def source_counts(tree):
    """{folder: number of .cc and .cu files directly in it}."""
    return collections.Counter(
        folder_of(name) for name in tree.includes
        if name.endswith((".cc", ".cu")))


def check_folder_size(tree):
    for folder, count in sorted(source_counts(tree).items()):
        if count > MOST_FILES:
            yield (f"{folder}: folder-size: {count} .cc and .cu files, at most "
                   f"{MOST_FILES}: divide it into folders by what they are for")


def check_one_name(tree):
    places = collections.defaultdict(list)
    for name, lines in tree.texts.items():
        if is_product(name):
            for line, qualified in cc_types.types_defined("\n".join(lines)):
                places[qualified.rpartition("::")[2]].append(
                    (name, line, qualified))
    for short, found in sorted(places.items()):
        if len({name for name, _, _ in found}) > 1:
            first, *others = [f"{name}:{line} ({qualified})"
                              for name, line, qualified in found]
            yield (f"{first}: one-name: {short} is also a type in "
                   f"{', '.join(others)}: make them one, or name each for what "
                   f"it is")


def check_class_size(tree):
    listed = tree.root / "tests/layers/class_size.txt"
    reasons = yield from check_layers.read_reasons(listed)
    large = {}
    for name, lines in sorted(tree.texts.items()):
        if name.split("/")[0] != "coordinator":
            continue
        for line, short, data, methods in cc_types.class_sizes(
                "\n".join(lines)):
            if data > MOST_DATA_MEMBERS or methods > MOST_METHODS:
                large[f"{name} {short}"] = (
                    f"{name}:{line}: class-size: {short} has {data} data "
                    f"members and {methods} methods, at most "
                    f"{MOST_DATA_MEMBERS} and {MOST_METHODS}: give what "
                    f"belongs together an object of its own")
    for key in sorted(large.keys() - reasons.keys()):
        yield large[key]
    for key in sorted(reasons.keys() - large.keys()):
        yield f"{listed.name}: {key} does not need its line: delete it"


# ---------------------------------------------------------------------- main

SOURCE_CHECKS = (check_file_users, check_table_order, check_include_lines,
                 check_circles, check_folder_size, check_one_name,
                 check_class_size)
TARGET_CHECKS = (check_target_users, check_torch_folders)


def main(arguments):
    here = pathlib.Path(__file__).resolve()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=here.parents[2])
    parser.add_argument("--targets", type=pathlib.Path)
    options = parser.parse_args(arguments)
    tree = check_layers.Tree(options.root)
    findings = [f for check in SOURCE_CHECKS for f in check(tree)]
    if options.targets:
        targets = Targets(options.targets.read_text())
        findings += [f for check in TARGET_CHECKS for f in check(targets)]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

#!/usr/bin/env python3
"""scripts/make_sbom, and the list of wheels it reads."""

import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
WHEELS = ROOT / "deploy/libtorch/libtorch.txt"


class SbomTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.tree = pathlib.Path(self.folder.name) / "tree"
        (self.tree / "bin").mkdir(parents=True)
        shutil.copy("/bin/true", self.tree / "bin/program")
        (self.tree / "bin/script").write_text("#!/bin/sh\n")

    def make(self, *more):
        out = self.tree.parent / "sbom.json"
        subprocess.run(
            [sys.executable, ROOT / "scripts/make_sbom", "--name", "demo",
             "--version", "1.2.3", "--commit", "abc", "--tree", self.tree,
             "--out", out, *more], check=True)
        return out.read_text()

    def test_programs_packages_and_wheels(self):
        bom = json.loads(self.make("--wheels", WHEELS, "--header-only",
                                   "libcli11-dev"))
        self.assertEqual((bom["bomFormat"], bom["specVersion"]),
                         ("CycloneDX", "1.5"))
        self.assertRegex(bom["serialNumber"], "^urn:uuid:[0-9a-f-]{36}$")
        root = bom["metadata"]["component"]
        self.assertEqual((root["name"], root["version"]), ("demo", "1.2.3"))
        parts = {part["name"]: part for part in bom["components"]}
        self.assertNotIn("bin/script", parts)
        self.assertEqual(
            parts["bin/program"]["hashes"][0]["content"],
            hashlib.sha256(
                (self.tree / "bin/program").read_bytes()).hexdigest())
        self.assertTrue(parts["libc6"]["purl"].startswith("pkg:deb/debian/"))
        self.assertIn("libcli11-dev", parts)
        self.assertEqual(parts["torch"]["purl"], "pkg:pypi/torch@2.11.0")
        self.assertRegex(parts["torch"]["hashes"][0]["content"],
                         "^[0-9a-f]{64}$")
        references = [part["bom-ref"] for part in bom["components"]]
        self.assertEqual(len(references), len(set(references)))
        self.assertEqual(bom["dependencies"][0]["dependsOn"], references)

    def test_a_copied_library_is_its_package(self):
        library = next(pathlib.Path("/lib").glob("*/libz.so.1"))
        (self.tree / "lib").mkdir()
        shutil.copy(library, self.tree / "lib/libz.so.1")
        names = [part["name"] for part in json.loads(self.make())["components"]]
        self.assertIn("lib/libz.so.1", names)
        self.assertIn("zlib1g", names)

    def test_the_same_tree_gives_the_same_bytes(self):
        self.assertEqual(self.make(), self.make())


class LockTest(unittest.TestCase):
    def test_the_wheels_are_those_of_the_build(self):
        """On a difference: scripts/lock."""
        pinned = {}
        for name in ("build", "cuda"):
            text = (ROOT / f"scripts/requirements-{name}.txt").read_text()
            text = re.sub(r"#.*| *\\\n *--hash=\S+", "", text)
            for line in text.splitlines():
                words = line.split()
                if len(words) == 3 and not words[2].startswith("lib"):
                    continue  # a compiler or a header
                if words and not line.startswith("numpy"):
                    wheel, version = words[len(words) // 2].split("==")
                    pinned[wheel] = version
        locked = dict(re.findall(r"^(\S+)==(\S+) ", WHEELS.read_text(), re.M))
        self.assertEqual(locked, pinned)
        self.assertEqual(
            len(re.findall(r"--hash=sha256:[0-9a-f]{64}$", WHEELS.read_text(),
                           re.M)), len(locked))


if __name__ == "__main__":
    unittest.main()

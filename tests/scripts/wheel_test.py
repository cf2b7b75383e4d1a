#!/usr/bin/env python3
"""scripts/wheel on a made-up bundle: what is in the archive, and what pip makes
of it. tests/e2e/wheel_test.sh does it with the real programs."""

import base64
import csv
import hashlib
import importlib.machinery
import importlib.util
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERSION = "1.2.0"
INFO = f"halfpipe_trainer-{VERSION}.dist-info"
# A program that says what it was started with.
PROGRAM = """#!/bin/sh
case "$1" in
  --version) printf '%s 1.2.0\\ncommit abc, built for nothing\\n' NAME ;;
  completion) echo "# for $2" ;;
  process) echo "$$ $HP_TORCH_LIB" && exit 7 ;;
  read) cat ;;
  pipe) kill -PIPE $$ ;;
esac
"""


def load(name, path):
    loader = importlib.machinery.SourceFileLoader(name, str(path))
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


sys.dont_write_bytecode = True
wheel = load("wheel", ROOT / "scripts/wheel")
launch = load("launch", ROOT / "python/halfpipe_trainer/_launch.py")


class Scratch(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.scratch = pathlib.Path(folder.name)

    def make_bundle(self):
        bundle = self.scratch / "bundle"
        (bundle / "bin").mkdir(parents=True)
        (bundle / "lib").mkdir()
        for name in wheel.PROGRAMS:
            program = bundle / "bin" / name
            program.write_text(PROGRAM.replace("NAME", name))
            program.chmod(0o755)
        library = next(pathlib.Path("/lib").glob("*/libz.so.1"))
        shutil.copy(library, bundle / "lib/libz.so.1")
        shutil.copy(library, bundle / "lib" / wheel.MODULE)
        return bundle

    def make_wheel(self, bundle, out="out"):
        done = subprocess.run(
            [ROOT / "scripts/wheel", "--bundle", bundle, "--out",
             self.scratch / out], capture_output=True, text=True, check=False,
            env={**os.environ, "SOURCE_DATE_EPOCH": "1700000001"})
        self.assertEqual(done.returncode, 0, done.stderr)
        return pathlib.Path(done.stdout.strip())


class ArchiveTest(Scratch):
    def setUp(self):
        super().setUp()
        if not hasattr(ArchiveTest, "content"):
            ArchiveTest.path = self.make_wheel(self.make_bundle())
            ArchiveTest.content = self.path.read_bytes()
        self.archive = zipfile.ZipFile(io.BytesIO(self.content))

    def text(self, name):
        return self.archive.read(name).decode()

    def test_name_and_metadata(self):
        self.assertEqual(
            self.path.name, f"halfpipe_trainer-{VERSION}-py3-none-"
            "manylinux_2_36_x86_64.whl")
        lines = self.text(f"{INFO}/METADATA").splitlines()
        for line in ("Name: halfpipe-trainer", f"Version: {VERSION}",
                     "Requires-Dist: torch==2.11.0"):
            self.assertIn(line, lines)
        for line in lines:
            if line.startswith("License-File: "):
                self.text(f"{INFO}/licenses/{line.split(': ')[1]}")
        self.assertIn("halfpipe = halfpipe_trainer._launch:halfpipe\n",
                      self.text(f"{INFO}/entry_points.txt"))

    def test_record_has_every_file(self):
        rows = list(csv.reader(io.StringIO(self.text(f"{INFO}/RECORD"))))
        self.assertEqual([row[0] for row in rows], self.archive.namelist())
        for name, digest, size in rows[:-1]:
            content = self.archive.read(name)
            found = base64.urlsafe_b64encode(
                hashlib.sha256(content).digest()).decode().rstrip("=")
            self.assertEqual((digest, int(size)),
                             (f"sha256={found}", len(content)), name)
        self.assertEqual(rows[-1], [f"{INFO}/RECORD", "", ""])

    def test_files_have_one_time_and_their_modes(self):
        for entry in self.archive.infolist():
            # Two seconds are a zip archive's tick.
            self.assertEqual(entry.date_time, (2023, 11, 14, 22, 13, 20))
            program = entry.filename.startswith("halfpipe_trainer/bin/")
            self.assertEqual(entry.external_attr >> 16,
                             0o100755 if program else 0o100644, entry.filename)

    def test_the_same_bundle_gives_the_same_bytes(self):
        again = self.make_wheel(self.make_bundle())
        self.assertEqual(self.content, again.read_bytes())

    def test_licences_and_parts(self):
        parts = self.text(f"{INFO}/licenses/PARTS.md")
        self.assertRegex(parts, r"\| zlib1g \| \S+ \| zlib \| \S+ \| libz.so.1 ")
        self.assertIn("| libcli11-dev |", parts)
        self.assertIn("zlib", self.text(f"{INFO}/licenses/debian/zlib.copyright"))
        bom = json.loads(self.text(f"{INFO}/sboms/halfpipe.cdx.json"))
        names = {part["name"] for part in bom["components"]}
        self.assertLessEqual({"lib/libz.so.1", "zlib1g", "torch"}, names)

    def test_client_completion_and_manual(self):
        names = self.archive.namelist()
        for name in ("_client.py", "v1/jobs_pb2.py", "v1/jobs_pb2.pyi",
                     "v1/jobs.proto", "v1/jobs_pb2_grpc.py"):
            self.assertIn(f"halfpipe_trainer/client/{name}", names)
        self.assertNotIn("from halfpipe", self.text(
            "halfpipe_trainer/client/v1/jobs_pb2_grpc.py"))
        share = f"halfpipe_trainer-{VERSION}.data/data/share"
        self.assertEqual(self.text(
            f"{share}/bash-completion/completions/halfpipe"), "# for bash\n")
        self.assertIn(f"{share}/man/man1/halfpipe.1.gz", names)
        self.assertFalse([name for name in names if "__pycache__" in name])


class RefusalTest(Scratch):
    def test_versions(self):
        for own, spelt in (("1.2.0", "1.2.0"), ("1.2.0+5", "1.2.0+5"),
                           ("0.1.0-dev.245", "0.1.0.dev245"),
                           ("1.2.0-rc.1", "1.2.0rc1")):
            self.assertEqual(wheel.wheel_version(own), spelt)
        with self.assertRaises(SystemExit):
            wheel.wheel_version("unknown")

    def test_only_the_decoder_may_load_what_is_gpl(self):
        wheel.check_gpl({"libavcodec.so.59": {wheel.DECODER},
                         "libz.so.1": {"halfpipe"}})
        for library in ("libavcodec.so.59", "libswscale.so.6", "libx264.so.164"):
            with self.assertRaises(SystemExit):
                wheel.check_gpl({library: {wheel.DECODER, "halfpipe-stage0"}})

    def test_the_wrappers_want_the_torch_that_the_wheel_requires(self):
        text = (ROOT / "deploy/libtorch/env.sh").read_text()
        self.assertIn(f"pip install torch=={wheel.torch_version()}'", text)
        self.assertIn(f'"" | {wheel.torch_version()} | ', text)

    def test_a_bundle_without_a_program_is_refused(self):
        bundle = self.make_bundle()
        (bundle / "bin" / wheel.DECODER).unlink()
        with self.assertRaises(SystemExit):
            wheel.Bundle(bundle)

    def test_a_library_of_nobody_is_refused(self):
        bundle = self.make_bundle()
        (bundle / "lib/libz.so.1").rename(bundle / "lib/libnobodys-own.so.9")
        done = subprocess.run(
            [ROOT / "scripts/wheel", "--bundle", bundle, "--out", self.scratch],
            capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("libnobodys-own.so.9", done.stderr)


class LauncherTest(Scratch):
    def test_an_old_c_library_is_named(self):
        for said in ("glibc 2.36", "glibc 2.41", "glibc 3.0"):
            self.assertEqual(launch.c_library_problem(said), "")
        self.assertIn("glibc 2.35", launch.c_library_problem("glibc 2.35"))
        self.assertIn("Ubuntu 22.04", launch.c_library_problem("glibc 2.35"))
        self.assertIn("another C library", launch.c_library_problem(""))

    def test_torch_is_found_by_its_library(self):
        lib = self.scratch / "second/torch/lib"
        lib.mkdir(parents=True)
        (self.scratch / "first/torch").mkdir(parents=True)
        folders = [str(self.scratch / name) for name in ("first", "second")]
        self.assertEqual(launch.find_torch(folders), "")
        (lib / "libtorch_cpu.so").touch()
        self.assertEqual(launch.find_torch(folders), str(lib))


class InstallTest(Scratch):
    """By pip, into an environment of its own."""

    def setUp(self):
        super().setUp()
        if launch.c_library_problem(os.confstr("CS_GNU_LIBC_VERSION")):
            self.skipTest("this system's glibc is older than the wheel's")
        self.venv = self.scratch / "venv"
        subprocess.run([sys.executable, "-m", "venv", self.venv], check=True)
        self.before = self.files()
        path = self.make_wheel(self.make_bundle())
        self.pip("install", "--no-deps", "--no-index", path)

    def pip(self, *arguments):
        subprocess.run([self.venv / "bin/python", "-m", "pip", "-q",
                        "--disable-pip-version-check", *arguments], check=True)

    def files(self):
        return {path for path in self.venv.rglob("*")
                if "__pycache__" not in path.parts}

    def start(self, *arguments, name="halfpipe", **options):
        return subprocess.Popen([self.venv / "bin" / name, *arguments],
                                stdout=subprocess.PIPE, text=True, **options)

    def test_the_program_takes_over_the_process(self):
        lib = self.scratch / "torch/lib"
        lib.mkdir(parents=True)
        (lib / "libtorch_cpu.so").touch()
        environment = {**os.environ, "PYTHONPATH": str(self.scratch)}
        environment.pop("HP_TORCH_LIB", None)
        with self.start("process", env=environment) as process:
            said = process.communicate()[0].split()
        self.assertEqual(said, [str(process.pid), str(lib)])
        self.assertEqual(process.returncode, 7)
        environment["HP_TORCH_LIB"] = "/mine"
        with self.start("process", env=environment) as process:
            self.assertEqual(process.communicate()[0].split()[1], "/mine")

    def test_standard_input_and_signals_are_the_programs(self):
        with self.start("read", stdin=subprocess.PIPE) as process:
            self.assertEqual(process.communicate("a line\n")[0], "a line\n")
        with self.start("pipe") as process:
            process.communicate()
        self.assertEqual(process.returncode, -signal.SIGPIPE)

    def test_every_program_is_there_and_nothing_is_left(self):
        for name in wheel.PROGRAMS:
            with self.start("--version", name=name) as process:
                self.assertIn(f"{name} {VERSION}", process.communicate()[0])
        completion = "share/bash-completion/completions/halfpipe"
        self.assertTrue((self.venv / completion).exists())
        self.pip("uninstall", "-y", "halfpipe-trainer")
        left = [path for path in self.files() - self.before if path.is_file()]
        self.assertEqual(left, [])


if __name__ == "__main__":
    unittest.main()

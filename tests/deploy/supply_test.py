#!/usr/bin/env python3
"""What is fetched is named by its hash, and what has keys writes no core file
(decision 77), by the files of deploy/ and scripts/."""

import pathlib
import re
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCKER = ROOT / "deploy/docker"
PINNED = r"[^@\s]+@sha256:[0-9a-f]{64}"


def joined(path):
    """The lines of a file that have something to say, with what continues
    them."""
    text = re.sub(r"\s*\\\n\s*", " ", path.read_text())
    lines = (re.sub(r"(^|\s)#.*", "", line).strip()
             for line in text.splitlines())
    return [line for line in lines if line]


class ImagesTest(unittest.TestCase):
    def test_the_dockerfile_has_no_base_of_its_own(self):
        lines = joined(DOCKER / "Dockerfile")
        self.assertEqual(lines[:3], ["ARG BASE_IMAGE",
                                     "FROM ${BASE_IMAGE} AS base",
                                     "ARG BASE_IMAGE"])
        # Before anything else it looks at what it was given.
        self.assertRegex(lines[3], r"^RUN .*\$BASE_IMAGE.*exit 1")
        stages = {"scratch"}
        for line in lines:
            if not line.startswith("FROM "):
                continue
            _, base, _, name = line.split()
            if base != "${BASE_IMAGE}":
                self.assertIn(base, stages, line)
            stages.add(name)
        copied = {stage for line in lines
                  for stage in re.findall(r"--from=(\S+)", line)}
        self.assertLessEqual(copied, stages)

    def test_the_form_that_it_takes(self):
        (check,) = [line for line in joined(DOCKER / "Dockerfile")
                    if "grep -qE" in line]
        pattern = re.search(r"grep -qE '([^']+)'", check).group(1)
        pattern = pattern.replace("[:space:]", r"\s")
        digest = "sha256:" + "0123456789abcdef" * 4
        for good in (f"debian@{digest}", f"docker.io/library/debian@{digest}",
                     f"localhost:5000/base:12@{digest}", digest):
            self.assertRegex(good, pattern)
        for bad in ("", "debian", "debian:bookworm-slim", "@" + digest,
                    f"debian@{digest}0", f"debian@{digest[:-1]}",
                    f"debian@{digest.upper()}", f"debian:{digest}",
                    f"debian@debian@{digest}", f"a b@{digest}", digest[7:]):
            self.assertNotRegex(bad, pattern)

    def test_the_committed_base(self):
        """There is none before the first scripts/release_images."""
        path = DOCKER / "base_image.env"
        if path.exists():
            (line,) = joined(path)
            self.assertRegex(line, f"^BASE_IMAGE={PINNED}$")

    def test_what_compose_builds_has_the_same_base(self):
        services = yaml.safe_load(
            (DOCKER / "common.yaml").read_text())["services"]
        self.assertEqual(len(services), 2)
        for service in services.values():
            self.assertEqual(service["build"]["args"],
                             {"BASE_IMAGE": "${BASE_IMAGE:-}"})
        for path in DOCKER.glob("compose*.yaml"):
            self.assertNotIn("dockerfile:", path.read_text())

    def test_libtorch_is_the_locked_one(self):
        text = " ".join(joined(DOCKER / "Dockerfile"))
        self.assertIn("halfpipe-install-libtorch --prefix /opt/torch ", text)
        self.assertIn("COPY --from=libtorch /opt/torch /opt/torch ", text)
        self.assertIn("HP_TORCH_LIB=/opt/torch/torch/lib ", text)
        self.assertNotIn("site-packages", text)


class RequirementsTest(unittest.TestCase):
    """On a failure: scripts/lock."""

    def test_each_version_has_its_hashes(self):
        lists = sorted((ROOT / "scripts").glob("requirements-*.txt"))
        self.assertEqual(len(lists), 3)
        for path in [*lists, ROOT / "deploy/libtorch/libtorch.txt"]:
            for line in joined(path):
                with self.subTest(file=path.name, line=line):
                    self.assertRegex(
                        line, r"^((build|full) +)?[\w.-]+==[\w.+]+"
                        r"( +[\w./+-]+)?( --hash=sha256:[0-9a-f]{64})+$")

    def test_a_wheel_has_the_same_hashes_in_every_list(self):
        known = {}
        for path in sorted((ROOT / "scripts").glob("requirements-*.txt")):
            for line in joined(path):
                pin = re.search(r"\S+==\S+", line).group()
                hashes = re.findall(r"sha256:(\w+)", line)
                self.assertEqual(known.setdefault(pin, hashes), hashes, pin)
        for line in joined(ROOT / "deploy/libtorch/libtorch.txt"):
            pin, digest = line.split(" --hash=sha256:")
            self.assertEqual(known[pin][0], digest, pin)

    def test_pip_is_never_without_hashes(self):
        for path in (ROOT / "scripts/setup",
                     ROOT / "deploy/libtorch/halfpipe-install-libtorch"):
            calls = [line for line in joined(path)
                     if re.search(r"-m pip install", line)]
            self.assertEqual(len(calls), 1, path)
            for option in ("--require-hashes", "--no-deps",
                           "--only-binary=:all:"):
                self.assertIn(option, calls[0], path)


class CoreFilesTest(unittest.TestCase):
    def test_units(self):
        units = sorted((ROOT / "deploy").rglob("*.service"))
        self.assertEqual(len(units), 2)
        for path in units:
            limits = [line for line in joined(path)
                      if line.startswith("LimitCORE")]
            self.assertEqual(limits, ["LimitCORE=0"], path.name)

    def test_containers(self):
        common = yaml.safe_load(
            (DOCKER / "common.yaml").read_text())["services"]
        for path in sorted(DOCKER.glob("c*.yaml")):
            services = yaml.safe_load(path.read_text())["services"]
            for name, service in services.items():
                base = common[service["extends"]["service"]] \
                    if "extends" in service else {}
                # A service's limits are added to those that it extends.
                limits = base.get("ulimits", {}) | service.get("ulimits", {})
                with self.subTest(file=path.name, service=name):
                    self.assertEqual(limits.get("core"), 0)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""docs/protocol.md is in step with the .proto files, and names all of them."""

import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class ProtocolPageTest(unittest.TestCase):

    def test_is_in_step(self):
        result = subprocess.run(
            [sys.executable, ROOT / "scripts" / "protocol_page.py", "--check"],
            capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_names_every_field_call_and_value(self):
        page = (ROOT / "docs" / "protocol.md").read_text()
        for proto in (ROOT / "proto" / "halfpipe" / "v1").glob("*.proto"):
            text = re.sub(r"//.*", "", proto.read_text())
            names = re.findall(r"(?:message|enum|service|rpc) (\w+)", text)
            names += re.findall(r"(\w+) = \d+", text)
            self.assertGreater(len(names), 50)
            for name in names:
                self.assertRegex(page, rf"\b{name}\b", proto.name)
        # As many rows as fields, values and calls: none is read as another.
        count = sum(
            len(re.findall(r"^\s*(?:rpc \w+\(|[^=/]*\w+ = \d+)",
                           proto.read_text().replace("syntax", "// syntax"),
                           re.M))
            for proto in (ROOT / "proto" / "halfpipe" / "v1").glob("*.proto"))
        self.assertEqual(len(re.findall(r"^\| `", page, re.M)), count)


if __name__ == "__main__":
    unittest.main()

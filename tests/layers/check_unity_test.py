#!/usr/bin/env python3
"""Plants one clash at a time in a small library: each must be found."""

import contextlib
import io
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

import check_unity

CMAKE = """
set(more b.cc)  # a list of its own
halfpipe_library(base
  SRCS a.cc ${more}
  DEPS absl)
"""
FIRST = """
#include "common/base/a.h"
namespace halfpipe {
namespace {
constexpr int kMost = 3;
using Json = nlohmann::json;
template <typename T, typename U = std::vector<T>>
bool IsGood(const T& value) { return value > kMost; }
struct Place { int at = 0; };
}  // namespace
bool A::Go() { return IsGood(1); }
}  // namespace halfpipe
"""


def hidden(text):
    return f"namespace halfpipe {{\nnamespace {{\n{text}\n}}\n}}\n"


class CheckUnityTest(unittest.TestCase):

    def run_on(self, second, header=""):
        files = {
            "common/base/CMakeLists.txt": CMAKE,
            "common/base/a.h": "namespace halfpipe {\n" + header + "}\n",
            "common/base/a.cc": FIRST,
            "common/base/b.cc": second,
        }
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = pathlib.Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                with mock.patch.object(sys, "argv", ["check_unity.py", folder]):
                    code = check_unity.main()
        return code, output.getvalue()

    def assert_found(self, name, *args):
        code, output = self.run_on(*args)
        self.assertEqual((code, output.count("\n")), (1, 1), output)
        self.assertIn(f"'{name}'", output)

    def test_names_of_their_own_pass(self):
        second = hidden('const char* kText = "kMost; }";\n'
                        "int Other() { int kMost = 1; return kMost; }")
        self.assertEqual(self.run_on(second), (0, ""))

    def test_the_same_alias_twice_passes(self):
        self.assertEqual(self.run_on(hidden("using Json = nlohmann::json;")), (0, ""))

    def test_another_alias(self):
        self.assert_found("Json", hidden("using Json = nlohmann::ordered_json;"))

    def test_constant(self):
        self.assert_found("kMost", hidden("constexpr double kMost{2.0};"))

    def test_overload(self):
        self.assert_found("IsGood", hidden("bool IsGood(double, int) { return true; }"))

    def test_static_function(self):
        self.assert_found("IsGood", "static bool IsGood() { return true; }\n")

    def test_type(self):
        self.assert_found("Place", hidden("class Place final { int kMost; };"))

    def test_macro(self):
        self.assert_found("kMost", "#define kMost 4\n")

    def test_name_of_a_header(self):
        code, output = self.run_on("", "void Place(int at);\n")
        self.assertEqual(code, 1, output)
        self.assertIn("common/base/a.h", output)

    def test_member_of_a_header_passes(self):
        header = 'extern "C" {\n}\nclass A {\n public:\n  void Place();\n};\n'
        self.assertEqual(self.run_on("", header), (0, ""))


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Plants one violation at a time in a small tree: each must be found."""

import contextlib
import io
import pathlib
import tempfile
import unittest

import check_layers

LAYERS = """
set(HP_LAYER_base absl)  # a comment (with brackets)
set(HP_LAYER_wan base absl
    torch)
set(HP_LAYER_rpc base absl grpc)
set(HP_LAYER_stage_compute base wan)
"""
CLEAN = {
    "cmake/Layers.cmake": LAYERS,
    "common/base/file.h": "#include <string>\n",
    "common/base/file.cc": '#include "common/base/file.h"\n',
    "common/wan/dit.h": "#include <ATen/Tensor.h>\n",
    "common/wan/dit.cc": '#include "common/wan/dit.h"\n'
                         '#include "common/base/file.h"\n',
    "common/rpc/client.h": "#include <grpcpp/grpcpp.h>\n",
    "stage0/CMakeLists.txt": "halfpipe_library(stage0_compute\n"
                             "  LAYER stage_compute SRCS compute.cc\n"
                             "  DEPS wan)\n",
    "stage0/compute.cc": '#include "common/wan/dit.h"\n',
    "tests/common/base/file_test.cc": '#include "common/base/file.h"\n',
    "tests/common/wan/block_test.cc": '#include "common/wan/dit.h"\n',
    "tests/layers/untested.txt": "# comment\nstage0/compute.cc: e2e runs it\n",
}


class CheckLayersTest(unittest.TestCase):

    def run_on(self, changes):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {**CLEAN, **changes}.items():
                path = pathlib.Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                code = check_layers.main([folder])
        return code, output.getvalue()

    def assert_found(self, changes, *parts):
        code, output = self.run_on(changes)
        self.assertEqual(code, 1, output)
        self.assertEqual(output.count("\n"), 1, output)
        for part in parts:
            self.assertIn(part, output)

    def test_clean_tree_passes(self):
        self.assertEqual(self.run_on({}), (0, ""))

    def test_upward_include(self):
        self.assert_found(
            {"common/base/file.cc": '#include "common/wan/shape.h"\n',
             "common/wan/shape.h": "\n"},
            "common/base/file.cc:1", "'base'", "'wan'")

    def test_library_outside_the_row(self):
        self.assert_found(
            {"common/base/file.h": "\n#include <yaml-cpp/yaml.h>\n"},
            "common/base/file.h:2", "'yaml'")

    def test_row_of_a_process_library(self):
        self.assert_found(
            {"stage0/compute.cc": '#include "common/rpc/client.h"\n'},
            "stage0/compute.cc:1", "'stage_compute'", "'rpc'")

    def test_wall_clock(self):
        self.assert_found(
            {"common/base/file.cc": '#include "common/base/file.h"\n'
                                    "auto end = absl::Now() + limit;\n"},
            "common/base/file.cc:2", "SteadyNow")
        self.assert_found(
            {"common/base/file.cc": '#include "common/base/file.h"\n'
                                    "changed_.WaitWithDeadline(&mutex_, end);\n"},
            "common/base/file.cc:2", "WithTimeout")
        self.assertEqual(self.run_on(
            {"common/base/file.cc": '#include "common/base/file.h"\n'
                                    "Show(absl::Now());\n",
             "tests/layers/wall_clock.txt": "common/base/file.cc: shows it\n"}),
            (0, ""))
        self.assert_found(
            {"tests/layers/wall_clock.txt": "common/base/file.cc: showed it\n"},
            "wall_clock.txt", "does not need")

    def test_torch_and_protobuf_through_headers(self):
        self.assert_found(
            {"stage0/main.cc": '#include "common/wan/dit.h"\n'
                               '#include "common/rpc/client.h"\n'},
            "stage0/main.cc", "sees torch", "protobuf")

    def test_generated_header_counts_as_protobuf(self):
        self.assert_found(
            {"tests/common/wan/block_test.cc":
                 '#include "common/wan/dit.h"\n'
                 '#include "proto/halfpipe/v1/jobs.pb.h"\n'},
            "sees torch")

    def test_string_view(self):
        self.assert_found(
            {"common/base/file.h": "// std::string_view is banned\n"
                                   "void F(std::string_view s);\n"},
            "common/base/file.h:2", "absl::string_view")

    def test_macro_without_prefix(self):
        self.assert_found({"common/base/file.h": "#define CHECK(x) (x)\n"},
                          "common/base/file.h:1", "CHECK")

    def test_source_without_test(self):
        self.assert_found({"common/base/log.cc": "\n"},
                          "common/base/log.cc: no test")

    def test_stale_or_unexplained_exception(self):
        self.assert_found(
            {"tests/layers/untested.txt": CLEAN["tests/layers/untested.txt"]
                                          + "common/base/file.cc: why not\n"},
            "common/base/file.cc is gone or tested")
        self.assert_found(
            {"tests/layers/untested.txt": "stage0/compute.cc\n"},
            "has no reason")

    def test_folder_without_row(self):
        self.assert_found(
            {"common/extra/x.h": "#include <string>\n"}, "no row", "extra")


if __name__ == "__main__":
    unittest.main()

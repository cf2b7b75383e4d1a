#!/usr/bin/env python3
"""Plants one violation of each rule in a small tree: each must be refused."""

import contextlib
import io
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import cc_types
import house

ROOT = pathlib.Path(__file__).resolve().parents[2]

LAYERS = """
set(HP_LAYER_base absl)
set(HP_LAYER_store base absl)
set(HP_LAYER_kernels base store torch)
set(HP_LAYER_wan base store kernels torch)
set(HP_LAYER_coordinator base store)
set(HP_LAYER_client base store)
set(HP_LAYER_decode base)
"""
CLEAN = {
    "cmake/Layers.cmake": LAYERS,
    "common/base/file.h": "namespace halfpipe {\nstruct File {};\n}\n",
    "common/base/file.cc": '#include "common/base/file.h"\n'
                           "namespace {\nstruct Open {};\n}\n",
    "common/store/archive.h": '#include "common/base/file.h"\n',
    "common/store/archive.cc": '#include "common/store/archive.h"\n'
                               "namespace {\nstruct Open {};\n}\n",
    "common/store/archive_parts.cc": '#include "common/store/archive.h"\n',
    "stage/kernels/CMakeLists.txt": "halfpipe_library(kernels SRCS norm.cc)\n",
    "stage/kernels/norm.h": '#include "common/store/archive.h"\n',
    "stage/kernels/norm.cc": '#include "stage/kernels/norm.h"\n',
    "stage/wan/CMakeLists.txt": "halfpipe_library(wan SRCS block.cc)\n",
    "stage/wan/block.cc": '#include "stage/kernels/norm.h"\n',
    "coordinator/main.cc": '#include "coordinator/run/job.h"\n',
    "coordinator/options.h": "",
    "coordinator/run/job.h": '#include "common/store/archive.h"\n'
                             '#include "coordinator/options.h"\n',
    "client/main.cc": '#include "common/store/archive.h"\n',
    "decode/main.cc": '#include "common/base/file.h"\n',
}
# name, type, folders, links, links that its users see
TARGETS = """\
# complete
hp_dep_torch\tINTERFACE_LIBRARY\t.\t\t
hp_dep_cuda\tINTERFACE_LIBRARY\t.\t\t
hp_dep_c10_cuda\tINTERFACE_LIBRARY\t.\thp_dep_torch\thp_dep_torch
hp_base\tSTATIC_LIBRARY\tcommon/base\t\t
hp_store\tSTATIC_LIBRARY\tcommon/store\thp_base\thp_base
hp_kernels\tSTATIC_LIBRARY\tstage/kernels\thp_store,hp_dep_c10_cuda\thp_store
hp_wan\tSTATIC_LIBRARY\tstage/wan\thp_kernels,hp_dep_torch\thp_kernels,hp_dep_torch
hp_serve\tSTATIC_LIBRARY\tstage/serve\thp_wan\t
halfpipe\tEXECUTABLE\tclient\thp_store\t
halfpipe-coordinator\tEXECUTABLE\tcoordinator\thp_store\t
halfpipe-stage0\tEXECUTABLE\tstage0\thp_serve\t
halfpipe-stage1\tEXECUTABLE\tstage1\thp_serve\t
halfpipe-decode\tEXECUTABLE\tdecode\thp_base\t
"""
MADE_UP_BUILD = """
cmake_minimum_required(VERSION 3.25)
project(made_up LANGUAGES CXX)
include("@ROOT@/cmake/LinkGraph.cmake")
set(HP_WITH_TORCH ON)
set(HP_WITH_CUDA ON)
add_library(hp_dep_torch INTERFACE)
add_subdirectory(common/store)
add_subdirectory(stage)
add_subdirectory(tests)
hp_write_link_graph("${CMAKE_BINARY_DIR}/targets.tsv")
"""


def write(folder, files):
    for name, text in files.items():
        path = pathlib.Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


class HouseTest(unittest.TestCase):

    def run_on(self, changes, targets=TARGETS):
        with tempfile.TemporaryDirectory() as folder:
            write(folder, {**CLEAN, **changes, "targets.tsv": targets})
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                code = house.main(["--root", folder, "--targets",
                                   str(pathlib.Path(folder) / "targets.tsv")])
        return code, output.getvalue()

    def assert_refused(self, changes, *parts, targets=TARGETS):
        code, output = self.run_on(changes, targets)
        self.assertEqual(code, 1, output)
        self.assertEqual(output.count("\n"), 1, output)
        for part in parts:
            self.assertIn(part, output)

    def test_clean_tree_passes(self):
        self.assertEqual(self.run_on({}), (0, ""))

    # --- single-use

    def test_target_of_common_with_one_program(self):
        self.assert_refused(
            {}, "common/auth: single-use", "only halfpipe-coordinator links "
            "hp_auth", "move it to coordinator/",
            targets=TARGETS.replace("coordinator\thp_store",
                                    "coordinator\thp_store,hp_auth")
            + "hp_auth\tSTATIC_LIBRARY\tcommon/auth\thp_base\thp_base\n")

    def test_both_stages_are_one_program(self):
        self.assert_refused(
            {}, "only halfpipe-stage0/1 links hp_gpu", "move it to stage/",
            targets=TARGETS.replace("stage/wan\t", "stage/wan\thp_gpu,")
            + "hp_gpu\tSTATIC_LIBRARY\tcommon/gpu\thp_base\thp_base\n")

    def test_target_of_common_without_a_program(self):
        self.assert_refused(
            {}, "no program links hp_auth",
            targets=TARGETS + "hp_auth\tSTATIC_LIBRARY\tcommon/auth\t\t\n")

    def test_a_build_of_some_programs_says_nothing_of_users(self):
        self.assertEqual(self.run_on(
            {}, targets=TARGETS.replace("# complete\n", "").replace(
                "client\thp_store", "client\t")), (0, ""))

    def test_program_that_the_build_does_not_have(self):
        self.assert_refused(
            {}, "the build has no ['halfpipe-decode']",
            targets=TARGETS.replace("halfpipe-decode", "halfpipe-decoder"))

    def test_file_of_common_with_one_program(self):
        planted = {
            "common/store/pages.h": "",
            "common/store/pages.cc": '#include "common/store/pages.h"\n',
            "coordinator/run/job.cc": '#include "coordinator/run/job.h"\n'
                                      '#include "common/store/pages.h"\n',
        }
        self.assert_refused(planted, "common/store/pages.cc: single-use: only "
                            "halfpipe-coordinator reaches it",
                            "move it to coordinator/")
        self.assertEqual(self.run_on(
            {**planted, "tests/layers/single_use.txt":
                        "common/store/pages.cc: the client's come next\n"}),
            (0, ""))

    def test_stale_or_unexplained_exception(self):
        self.assert_refused(
            {"tests/layers/single_use.txt": "common/store/archive.cc: once\n"},
            "single_use.txt: common/store/archive.cc does not need its line")
        self.assert_refused(
            {"common/store/pages.h": "",
             "common/store/pages.cc": '#include "common/store/pages.h"\n',
             "client/main.cc": '#include "common/store/pages.h"\n',
             "tests/layers/single_use.txt": "common/store/pages.cc\n"},
            "common/store/pages.cc has no reason")

    def test_file_that_shares_a_header_is_used_with_it(self):
        # Reached by the coordinator and the client through archive.h alone.
        self.assertEqual(self.run_on(
            {"common/store/words.h": "",
             "common/store/words.cc": '#include "common/store/words.h"\n',
             "common/store/archive_parts.cc":
                 '#include "common/base/file.h"\n'
                 '#include "common/store/words.h"\n'
                 '#include "common/store/archive.h"\n'}), (0, ""))

    # --- torch

    def test_folder_half_of_which_may_see_torch(self):
        self.assert_refused(
            {}, "stage/wan: torch: hp_wan may see it and hp_wan_names may not",
            targets=TARGETS
            + "hp_wan_names\tSTATIC_LIBRARY\tstage/wan\thp_base\thp_base\n")

    def test_torch_through_what_a_library_shows(self):
        # hp_wan shows it and hp_kernels, which links it as well, does not.
        more = "hp_more\tSTATIC_LIBRARY\tstage/wan\t{0}\t{0}\n"
        self.assertEqual(
            self.run_on({}, targets=TARGETS + more.format("hp_wan")), (0, ""))
        self.assert_refused(
            {}, "hp_more may not",
            targets=TARGETS + more.format("hp_kernels"))

    # --- upward

    def test_upward_include_line(self):
        self.assert_refused(
            {"common/store/archive.cc": '#include "common/store/archive.h"\n'
                                        '#include "coordinator/options.h"\n'},
            "common/store/archive.cc:2: layer violation", "'coordinator'",
            "upward")

    def test_row_that_names_one_below_it(self):
        self.assert_refused(
            {"cmake/Layers.cmake": LAYERS.replace("base absl)",
                                                  "base absl decode)", 1)},
            "cmake/Layers.cmake: upward: 'base' may use 'decode'")

    def test_circle_of_folders_within_a_layer(self):
        self.assert_refused(
            {"coordinator/options.h": '#include "coordinator/run/phase.h"\n',
             "coordinator/run/phase.h": ""},
            "coordinator, coordinator/run: upward",
            "coordinator/options.h:1 includes coordinator/run/phase.h",
            "coordinator/run/job.h:2 includes coordinator/options.h")

    def test_circle_of_three_folders(self):
        self.assert_refused(
            {"client/local/a.h": '#include "client/lora/b.h"\n',
             "client/lora/b.h": '#include "client/doctor/c.h"\n',
             "client/doctor/c.h": '#include "client/local/a.h"\n'},
            "client/doctor, client/local, client/lora: upward")

    # --- folder-size

    def test_folder_with_too_many_files(self):
        files = {f"client/lora/{number}.{'cu' if number % 2 else 'cc'}": ""
                 for number in range(30)}
        self.assertEqual(self.run_on(files), (0, ""))
        self.assert_refused({**files, "client/lora/last.cc": ""},
                            "client/lora: folder-size: 31")
        # Those of a folder in it are not directly in it.
        self.assertEqual(self.run_on({**files, "client/lora/in/last.cc": ""}),
                         (0, ""))

    # --- one-name

    def test_two_types_of_one_name(self):
        self.assert_refused(
            {"coordinator/run/job.h": "namespace halfpipe::coordinator {\n"
                                      "class File final : public Base {\n"
                                      "};\n}\n"},
            "common/base/file.h:2 (halfpipe::File)", "one-name: File",
            "coordinator/run/job.h:2 (halfpipe::coordinator::File)")
        self.assert_refused(
            {"coordinator/run/job.cc":
                 "namespace halfpipe {\nenum class File : int { kOpen };\n}\n"},
            "one-name: File")

    def test_what_is_no_second_type(self):
        self.assertEqual(self.run_on(
            {"coordinator/run/job.cc":
                 "// struct File { in a comment }\n"
                 'const char* kText = R"(struct File { })" "struct File {";\n'
                 "const int kMany = 1'000;\n"
                 "struct File;\n"
                 "template <typename T>\nstruct File<std::vector<T>> {};\n"
                 "struct File OpenFile() {\n  struct File {};\n}\n"
                 "class Job {\n  struct File {\n  };\n};\n"
                 "struct Job::File {\n};\n"
                 "namespace {\nclass File {};\n}  // namespace\n"
                 "template <class File>\nvoid Use(File file) {}\n"}), (0, ""))


    # --- class-size

    JOB = "#ifndef X\n#define X\nnamespace halfpipe {\nclass Job {\n public:\n"

    def with_job(self, members, listed=""):
        return {"coordinator/run/job.h": self.JOB + members + "};\n}\n#endif\n",
                "tests/layers/class_size.txt": listed}

    def test_class_with_too_many_data_members(self):
        data = "".join(f"  std::map<int, std::function<void(int)>> m{i}_;\n"
                       for i in range(14))
        data += "  int last_ ABSL_GUARDED_BY(mutex_) = F(1);\n"
        self.assertEqual(self.run_on(self.with_job(data)), (0, ""))
        more = self.with_job(data + "  std::vector<int> one_{1, 2};\n")
        self.assert_refused(more, "coordinator/run/job.h:4: class-size: Job",
                            "16 data members and 0 methods")
        # Other programs' classes are not measured.
        self.assertEqual(self.run_on(
            {"client/job.h": more["coordinator/run/job.h"]}), (0, ""))

    def test_class_with_too_many_methods(self):
        methods = "".join(f"  void Do{i}() {{ if (a) {{ b(); }} }}\n"
                          f" private:\n  [[nodiscard]] virtual "
                          f"std::function<int(int)> Get{i}() const = 0;\n"
                          for i in range(15))
        methods += ("  explicit Job(int a) : a_{a}, b_(a) {}\n  ~Job();\n"
                    "  struct Inner { void Do(); int x = 0; };\n"
                    "  enum class Kind { kOne };\n  class Other;\n"
                    "  using Map = std::map<int, int>;\n"
                    "  static constexpr int kMost = 3;\n")
        self.assertEqual(self.run_on(self.with_job(methods)), (0, ""))
        more = methods + "  template <typename T>\n  void One(T x);\n"
        self.assert_refused(self.with_job(more),
                            "0 data members and 31 methods")
        self.assertEqual(self.run_on(self.with_job(
            more, "coordinator/run/job.h Job: a reason\n")), (0, ""))
        self.assert_refused(
            self.with_job(methods, "coordinator/run/job.h Job: a reason\n"),
            "class_size.txt: coordinator/run/job.h Job does not need")


class FiguresTest(unittest.TestCase):
    """What scripts/house prints of a tree and a build."""

    def figures(self, with_targets):
        with tempfile.TemporaryDirectory() as folder:
            write(folder, CLEAN)
            if with_targets:
                write(folder, {"build/targets.tsv": TARGETS})
            done = subprocess.run(
                [sys.executable, str(ROOT / "scripts/house"), "--root", folder,
                 folder + "/build"], capture_output=True, text=True, check=True)
        return [line.split() for line in done.stdout.splitlines()]

    def test_figures(self):
        lines = self.figures(with_targets=True)
        self.assertIn(["common/base", "7", "1", "1", "1"], lines)
        self.assertIn(["all", "21", "8", "5", "5"], lines)
        self.assertIn("arrows between folders: 5, of 5 #include lines; folders "
                      "that include each other: 0".split(), lines)
        self.assertIn(["hp_store", "halfpipe,", "coordinator,", "stage0/1",
                       "common/store"], lines)
        self.assertIn(["hp_kernels", "sees", "stage0/1", "stage/kernels"], lines)

    def test_says_which_build_is_missing(self):
        self.assertIn("missing;", sum(self.figures(with_targets=False), []))


class TypesDefinedTest(unittest.TestCase):

    def assert_types(self, text, *names):
        self.assertEqual([name for _, name in cc_types.types_defined(text)],
                         list(names))

    def test_forms(self):
        self.assert_types("struct A { int x; };\nclass B final {\n};\n"
                          "enum class C { kOne };\nunion D { int x; };\n",
                          "A", "B", "C", "D")
        self.assert_types("class ABSL_LOCKABLE A { };\n"
                          "class alignas(64) B { };\n"
                          "struct [[nodiscard]] C { };\n"
                          "template <typename T, int n = 3> class D { };\n"
                          "static constexpr struct E { int x; } kTable[] = {};\n",
                          "A", "B", "C", "D", "E")

    def test_namespaces(self):
        self.assert_types(
            'extern "C" {\nstruct A {};\n}\nnamespace a::b {\nstruct B {};\n'
            "inline namespace c {\nstruct C {};\n}\n"
            "namespace {\nnamespace d {\nstruct D {};\n}\n}\n}\nstruct E {};\n",
            "A", "a::b::B", "a::b::c::C", "E")

    def test_branches_that_each_open_a_bracket(self):
        self.assert_types(
            "#if HP_WITH_CUDA\nint F(int x) {\n#else\nint F() {\n#endif\n}\n"
            "struct A {};\n", "A")


@unittest.skipUnless("HP_CMAKE" in os.environ, "ctest names the CMake")
class LinkGraphTest(unittest.TestCase):
    """What cmake/LinkGraph.cmake writes of a made-up build."""

    def test_links_of_a_build(self):
        with tempfile.TemporaryDirectory() as folder:
            write(folder, {
                "CMakeLists.txt": MADE_UP_BUILD.replace("@ROOT@", str(ROOT)),
                "common/store/CMakeLists.txt":
                    "add_library(hp_store STATIC archive.cc)\n",
                "common/store/archive.cc": "",
                "stage/CMakeLists.txt":
                    "add_library(hp_wan STATIC wan/block.cc wan/head.cc)\n"
                    "target_link_libraries(hp_wan PUBLIC hp_store\n"
                    "                             PRIVATE hp_dep_torch m)\n"
                    "add_library(halfpipe-pieces MODULE pieces/module.cc)\n"
                    "add_dependencies(hp_wan halfpipe-pieces)\n"
                    "add_custom_target(hp_values)\n"
                    'file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/made.cc" "")\n'
                    "add_library(hp_proto STATIC\n"
                    '            "${CMAKE_CURRENT_BINARY_DIR}/made.cc")\n',
                "stage/wan/block.cc": "",
                "stage/wan/head.cc": "",
                "stage/pieces/module.cc": "",
                "tests/CMakeLists.txt": "add_library(hp_fake INTERFACE)\n",
            })
            build = pathlib.Path(folder) / "build"
            done = subprocess.run(
                [os.environ["HP_CMAKE"], "-S", folder, "-B", str(build)],
                capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            targets = house.Targets((build / "targets.tsv").read_text())
        self.assertTrue(targets.complete)
        self.assertEqual(targets.by_name, {
            "hp_dep_torch": house.Target("INTERFACE_LIBRARY", ["."], [], []),
            "hp_store": house.Target("STATIC_LIBRARY", ["common/store"], [], []),
            "hp_wan": house.Target(
                "STATIC_LIBRARY", ["stage/wan"],
                ["hp_store", "hp_dep_torch", "halfpipe-pieces"], ["hp_store"]),
            "halfpipe-pieces": house.Target("MODULE_LIBRARY", ["stage/pieces"],
                                            [], []),
            "hp_proto": house.Target("STATIC_LIBRARY", ["stage"], [], []),
        })
        self.assertTrue(targets.sees_torch("hp_wan"))


if __name__ == "__main__":
    unittest.main()

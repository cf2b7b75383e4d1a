#!/usr/bin/env python3
"""Plants one search in a text for people at a time: each must be found."""

import contextlib
import io
import pathlib
import tempfile
import unittest

import check_texts

LIST = "tests/layers/foreign_texts.txt"


class CheckTextsTest(unittest.TestCase):

    def run_on(self, body, reasons="", name="coordinator/runner.cc"):
        with tempfile.TemporaryDirectory() as folder:
            for path, text in ((name, body), (LIST, reasons)):
                path = pathlib.Path(folder) / path
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                code = check_texts.main([folder])
        return code, output.getvalue()

    def assert_found(self, line, name="coordinator/runner.cc"):
        code, output = self.run_on(f"void F() {{\n  {line}\n}}\n", name=name)
        self.assertEqual(code, 1, line)
        self.assertIn(f"{name}:", output)
        self.assertEqual(output.count("\n"), 1, output)

    def assert_clean(self, text):
        self.assertEqual(self.run_on(text), (0, ""))

    def test_what_this_repository_once_did(self):
        for line in (
                'if (absl::StrContains(status.message(), "nccl")) return;',
                'return absl::IsFailedPrecondition(status) &&\n'
                '    absl::StrContains(status.message(), "non-finite");',
                'if (absl::StrContains(reason, "non-finite")) Count();',
                'if (!absl::ConsumePrefix(&activity, "encoding clips ")) return;',
                'if (mark.activity == kJoining) return;',
                'auto found = elsewhere_.find(KindOf(mark.activity));',
                'const bool looks = absl::StartsWith(progress.activity, "look");'):
            self.assert_found(line)
            self.assert_found(line, name="client/progress.cc")

    def test_other_ways_to_do_it(self):
        for line in (
                'if (status.message().find("disk") != npos) return;',
                'if (job->error.message() == "out of memory") return;',
                'if (status.ToString().starts_with("UNAVAILABLE")) return;',
                'if (std::regex_search(reason_, kPattern)) return;',
                'if ("idle" == stage.activity) return;',
                'const std::string words(status.message());\n'
                '  if (absl::EndsWith(words, "lost")) return;',
                'const absl::string_view text = failure.message();\n'
                '  if (absl::StrContains(text, "lost")) return;',
                'for (absl::string_view line : StrSplit(s.message(), "n")) {\n'
                '    if (absl::StrContains(line, "lost")) return; }'):
            self.assert_found(line)

    def test_what_is_no_search_in_a_text(self):
        self.assert_clean(
            '#include "common/base/status.h"\n'
            '// absl::StrContains(status.message(), "nccl") is refused\n'
            'void F() {\n'
            '  Log(absl::StrCat("reason: ", status.message()));\n'
            '  if (absl::StartsWith(stage.device, "cuda")) return;\n'
            '  auto found = by_epoch_.find(epoch);\n'
            '  if (change.reason != known.reason) Emit(change.reason);\n'
            '  if (reason.empty()) return;\n'
            '  Say("absl::StrContains(status.message(), 1)");\n'
            '}\n')

    def test_a_variable_is_one_of_its_function(self):
        self.assert_clean(
            'void F() {\n  std::string text(status.message());\n}\n\n'
            'void G(std::string text) {\n  auto at = text.find(1);\n}\n')

    def test_a_foreign_text_needs_a_reason_and_a_use(self):
        body = ('void F() {\n'
                '  if (absl::StrContains(e.what(), "CUDA error")) return;\n}\n')
        path = "coordinator/runner.cc"
        self.assertEqual(
            self.run_on(body, f'{path}: "CUDA error" -- CUDA has no type\n'),
            (0, ""))
        code, output = self.run_on(body, f'{path}: "CUDA error"\n')
        self.assertEqual(code, 1)
        self.assertIn("not 'path: words -- reason'", output)
        code, output = self.run_on("", f"{path}: gone -- it was there\n")
        self.assertEqual(code, 1)
        self.assertIn("delete it", output)


if __name__ == "__main__":
    unittest.main()

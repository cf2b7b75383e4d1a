// Data folders as they were reported: what is read of each, or said.
#include <algorithm>
#include <ostream>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/data/metadata.h"
#include "common/data/temporary_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

// ROOT in a text is the folder, OTHER another one with a clip.
struct Case {
  const char* name;
  std::vector<std::pair<std::string, std::string>> files;  // beside the clips
  int samples;                                             // 0: it is refused
  std::string said;  // part of the problems, or of the warnings
  int lines = -1;    // of the problems, if they are counted
};

void PrintTo(const Case& given, std::ostream* out) { *out << given.name; }

std::string Utf16(const std::string& text) {
  std::string bytes = "\xFF\xFE";
  for (const char c : text) bytes += {c, '\0'};
  return bytes;
}

Case Csv(const char* name, const std::string& text, int samples,
         const std::string& said = "", int lines = -1) {
  return {name, {{"metadata.csv", text}}, samples, said, lines};
}

Case Lines(const char* name, const std::string& text, int samples,
           const std::string& said = "", int lines = -1) {
  return {name, {{"metadata.jsonl", text}}, samples, said, lines};
}

const std::string kTwoRows =
    "{\"video\": \"clip-1.mp4\", \"prompt\": \"clip 1\"}\n"
    "{\"video\": \"clip-2.mp4\", \"prompt\": \"clip 2\"}\n";

// metadata.csv as spreadsheets, pandas and hand editing leave it.
const std::vector<Case> kCsvCases = {
    Csv("space-after-quote",
        "video,prompt\nclip-1.mp4,\"a test card\" \nclip-2.mp4,\"bars\"  \n",
        2),
    Csv("space-before-quote",
        "video,prompt\nclip-1.mp4, \"a test card\"\nclip-2.mp4, \"bars\"\n", 2),
    Csv("space-before-quote-comma",
        "video,prompt\nclip-1.mp4, \"a card, moving\"\nclip-2.mp4, \"b\"\n", 2),
    Csv("spaces-after-comma",
        "video, prompt\nclip-1.mp4, a card\nclip-2.mp4, bars\n", 2),
    Csv("prompt-first-space-path",
        "prompt, video\na card, clip-1.mp4\nbars, clip-2.mp4\n", 2),
    Csv("semicolon",
        "video;prompt\nclip-1.mp4;\"a card, moving\"\nclip-2.mp4;bars\n", 0,
        "metadata.csv:1: the fields are separated by semicolons", 1),
    Csv("tab", "video\tprompt\nclip-1.mp4\ta card\nclip-2.mp4\tbars\n", 0,
        "metadata.csv:1: the fields are separated by tabs", 1),
    Csv("bom-crlf",
        "\xEF\xBB\xBFvideo,prompt\r\nclip-1.mp4,\"a card, moving\"\r\n"
        "clip-2.mp4,\"two\r\nlines\"\r\n",
        2),
    Csv("utf16", Utf16("video,prompt\nclip-1.mp4,a card\n"), 0,
        "metadata.csv: is UTF-16, not UTF-8: save it as UTF-8", 1),
    Csv("gbk",
        "video,prompt\nclip-1.mp4,\xD2\xBB\xD6\xBB\xC3\xA8\n"
        "clip-2.mp4,\xD2\xBB\xD6\xBB\xB9\xB7\n",
        0, "metadata.csv:3: is not UTF-8", 1),
    Csv("cp1252",
        "video,prompt\nclip-1.mp4,caf\xE9 \x96 at night\nclip-2.mp4,bars\n", 0,
        "metadata.csv:2: is not UTF-8: 'clip-1.mp4,caf\\xE9 \\x96 at night'",
        1),
    Csv("pandas-index",
        ",video,prompt\n0,clip-1.mp4,a card\n1,clip-2.mp4,bars\n", 2),
    Csv("excel-empty-rows",
        "video,prompt\nclip-1.mp4,a card\nclip-2.mp4,bars\n,\n,\n", 2),
    Csv("caps", "Video,Prompt\nclip-1.mp4,a card\nclip-2.mp4,bars\n", 0,
        "metadata.csv:1: column names have small letters here", 1),
    Csv("no-header", "clip-1.mp4,a card\nclip-2.mp4,bars\n", 0,
        "metadata.csv:1: has no header: its first line names clip-1.mp4", 1),
    Csv("header-only", "video,prompt\n", 0,
        "metadata.csv: holds no samples; expected a row for each clip", 1),
    Csv("twice-header",
        "video,prompt,prompt\nclip-1.mp4,a card,second\nclip-2.mp4,b,other\n",
        0, "metadata.csv:1: the column 'prompt' is there twice", 1),
    Csv("mac-cr", "video,prompt\rclip-1.mp4,a card\rclip-2.mp4,bars\r", 2),
    Csv("smart-quotes",
        "video,prompt\nclip-1.mp4,\xE2\x80\x9C"
        "a card, moving\xE2\x80\x9D\nclip-2.mp4,bars\n",
        0, "metadata.csv:2: expected 2 fields, found 3; put straight quotes",
        1),
    Csv("backslash-quote",
        "video,prompt\nclip-1.mp4,\"the \\\"old\\\" bars\"\nclip-2.mp4,b\n", 0,
        "metadata.csv:2: text after a closing quote; double a quote that "
        "belongs to the text (\"\", not \\\")",
        1),
    Csv("both-columns",
        "video,image,prompt\nclip-1.mp4,clip-1.png,a card\nclip-2.mp4,,b\n", 0,
        "metadata.csv:2: names a video and an image; expected one", 1),
    Csv("input-image",
        "video,input_image,end_image,prompt\nclip-1.mp4,a.png,b.png,a card\n"
        "clip-2.mp4,a.png,b.png,bars\n",
        2, "metadata.csv: the columns end_image, input_image are not read"),
    Csv("absolute",
        "video,prompt\nROOT/clip-1.mp4,a card\nROOT/clip-2.mp4,bars\n", 2),
    Csv("absolute-outside", "video,prompt\nOTHER/clip-9.mp4,a card\n", 1),
    {"backslashes",
     {{"sub/clip-4.mp4", "x"},
      {"metadata.csv", "video,prompt\nsub\\clip-4.mp4,a card\n"}},
     1,
     ""},
    Csv("windows-drive", "video,prompt\nC:\\data\\clips\\clip-1.mp4,a card\n",
        0,
        "metadata.csv:2: 'C:\\data\\clips\\clip-1.mp4' is a path of a "
        "Windows machine"),
    Csv("no-extension", "video,prompt\nclip-1,a card\n", 0,
        "(clip-1.mp4 is there)"),
    Csv("duplicate-rows",
        "video,prompt\nclip-1.mp4,a card\nclip-1.mp4,a card\nclip-1.mp4,x\n", 3,
        "metadata.csv:3: clip-1.mp4 is named again"),
    Csv("nan-prompt", "video,prompt\nclip-1.mp4,\nclip-2.mp4,nan\n", 0,
        "metadata.csv:2: the prompt is empty", 1),
    Csv("nul", std::string("video,prompt\nclip-1.mp4,a \0card\n", 32), 0,
        "metadata.csv:2: holds a NUL byte", 1),
};

// The lists of other trainers.
const std::vector<Case> kJsonCases = {
    Lines("musubi",
          "{\"video_path\": \"ROOT/clip-1.mp4\", \"caption\": \"clip 1\"}\n"
          "{\"video_path\": \"ROOT/clip-2.mp4\", \"caption\": \"clip 2\"}\n",
          2),
    Lines("hf",
          "{\"file_name\": \"clip-1.mp4\", \"text\": \"clip 1\"}\n"
          "{\"file_name\": \"clip-2.mp4\", \"text\": \"clip 2\"}\n",
          2),
    {"dp-captions",
     {{"captions.json",
       "{\"clip-1.mp4\": [\"clip 1\", \"the clip no 1\"], \"clip-2.mp4\": "
       "[\"clip 2\", \"the clip no 2\"]}"}},
     4,
     "each of them is a sample, 4 instead of 2"},
    Lines("list-prompt",
          "{\"video\": \"clip-1.mp4\", \"prompt\": [\"a\", \"b\"]}\n", 0,
          "metadata.jsonl:1: the prompt is a list; expected one text", 1),
    Lines("null-prompt", "{\"video\": \"clip-1.mp4\", \"prompt\": null}\n", 0,
          "metadata.jsonl:1: the prompt is null; expected one text", 1),
    Lines("number-prompt", "{\"video\": \"clip-1.mp4\", \"prompt\": 12}\n", 0,
          "metadata.jsonl:1: the prompt is a number; expected one text", 1),
    Lines("bom", "\xEF\xBB\xBF" + kTwoRows, 2),
    {"bom-json",
     {{"metadata.json",
       "\xEF\xBB\xBF[{\"video\": \"clip-1.mp4\", \"prompt\": \"clip\"}]"}},
     1,
     ""},
    Lines("array-in-jsonl",
          "[{\"video\": \"clip-1.mp4\", \"prompt\": \"clip\"}, "
          "{\"video\": \"clip-2.mp4\", \"prompt\": \"clip\"}]",
          2),
    {"jsonl-in-json", {{"metadata.json", kTwoRows}}, 2, ""},
    {"trailing-comma",
     {{"metadata.json",
       "[{\"video\": \"clip-1.mp4\", \"prompt\": \"clip\"},\n]\n"}},
     0,
     "metadata.json:2: is not valid JSON: a comma before the closing ']'",
     1},
    Lines("video-list",
          "{\"video\": [\"clip-1.mp4\"], \"prompt\": \"clip 1\"}\n", 0,
          "metadata.jsonl:1: video is a list; expected the path of one file",
          1),
    Lines("crlf", absl::StrReplaceAll(kTwoRows, {{"\n", "\r\n"}}), 2),
    Lines("unicode-escape",
          "{\"video\": \"clip-1.mp4\", \"prompt\": \"\\u4e00 \\ud83d\\udc31\"}",
          1),
    Lines("lone-surrogate",
          "{\"video\": \"clip-1.mp4\", \"prompt\": \"a \\ud83d cat\"}\n"
          "{\"video\": \"clip-2.mp4\", \"prompt\": \"b\"}\n",
          0, "metadata.jsonl:1: is not valid JSON: ", 1),
    Lines("utf16", Utf16(kTwoRows), 0, "metadata.jsonl: is UTF-16", 1),
    {"finetrainers",
     {{"videos.txt", "clip-1.mp4\nclip-2.mp4\n"},
      {"prompts.txt", "one\ntwo\n"},
      {"LICENSE.txt", "licence\n"}},
     2,
     ""},
    {"videox-fun",
     {{"metadata.json",
       "[{\"file_path\": \"clip-1.mp4\", \"text\": \"clip number 1\", "
       "\"type\": \"video\"}]"}},
     1,
     ""},
    {"videox-fun-control",
     {{"metadata.json",
       "[{\"file_path\": \"clip-1.mp4\", \"text\": \"clip number 1\", "
       "\"control_file_path\": \"c.mp4\"}]"}},
     1,
     "the column control_file_path is not read"},
};

const std::vector<std::pair<std::string, std::string>> kCaptions = {
    {"clip-1.txt", "a test card"}, {"clip-2.txt", "bars"}};

Case Beside(const char* name,
            std::vector<std::pair<std::string, std::string>> files, int samples,
            const std::string& said = "", int lines = -1) {
  files.insert(files.begin(), kCaptions.begin(), kCaptions.end());
  return {name, std::move(files), samples, said, lines};
}

// What else lies in folders of clips, and names that are not UTF-8.
const std::vector<Case> kFolderCases = {
    Beside("readme", {{"README.txt", "my data set"}, {"LICENSE.txt", "MIT"}}, 2,
           "README.txt: is left out: it looks like documentation"),
    Beside("apple",
           {{"._clip-1.mp4", "\0"},
            {".DS_Store", ""},
            {"Thumbs.db", ""},
            {"__MACOSX/._clip-1.mp4", "x"}},
           2),
    Beside("unknown", {{"film.rmvb", "x"}, {"film.txt", "a film"}}, 0,
           "film.txt: is the caption of film.rmvb, which is no known kind", 1),
    Beside("unknown-nocaption", {{"film.rmvb", "x"}}, 2,
           "film.rmvb: is left out: it is no known kind of media"),
    Beside("upper", {{"CLIP-3.MP4", "x"}, {"CLIP-3.TXT", "zoom"}}, 3),
    Beside("double", {{"clip-3.mp4", "x"}, {"clip-3.mp4.txt", "zoom"}}, 0,
           "expected clip-3.txt beside it: rename clip-3.mp4.txt", 1),
    Beside("caption", {{"clip-3.mp4", "x"}, {"clip-3.caption", "zoom"}}, 0,
           "expected clip-3.txt beside it: rename clip-3.caption", 1),
    Beside("jsoncap", {{"clip-3.mp4", "x"}, {"clip-3.json", "{}"}}, 0,
           "write the text of clip-3.json into it", 1),
    Beside("stem", {{"clip-1.png", "x"}}, 3,
           "clip-1.txt: is the caption of clip-1.mp4 and clip-1.png"),
    Beside("ctrl", {{"control/clip-1.mp4", "x"}, {"mask/clip-1.mp4", "x"}}, 0,
           "move their folder out of the data folder", 2),
    Beside("meta", {{"metadata.json", "{\"repo\": \"me/clips\"}"}}, 2,
           "metadata.json: is not read: it is no list of clips"),
    Beside("metahf",
           {{"metadata.csv", "file_name,text\nclip-1.mp4,a\nclip-2.mp4,b\n"}},
           2, "2 .txt files beside the clips are not read"),
    Beside("subset", {{"metadata.csv", "video,prompt\nclip-1.mp4,one\n"}}, 1,
           "does not name 1 of the clips and images"),
    {"bytes-csv",
     {{"caf\xE9.mp4", "x"},
      {"metadata.csv", "video,prompt\ncaf\xE9.mp4,a test card\n"}},
     0,
     "metadata.csv:2: is not UTF-8: 'caf\\xE9.mp4,a test card'",
     1},
    {"bytes-missing",
     {{"metadata.csv", "video,prompt\ncaf\xE9.mp4,a test card\n"}},
     0,
     "metadata.csv:2: is not UTF-8: 'caf\\xE9.mp4,a test card'",
     1},
    Beside("bytes-folder", {{"caf\xE9.mp4", "x"}, {"caf\xE9.txt", "a card"}}, 0,
           "/caf\\xE9.mp4: the file's name is not UTF-8: rename it", 1),
    Beside("bytes-orphan", {{"caf\xE9.txt", "x"}}, 0,
           "/caf\\xE9.txt: the file's name is not UTF-8: rename it", 1),
    Beside("bytes-nocap", {{"caf\xE9.mp4", "x"}}, 0,
           "/caf\\xE9.mp4: the file's name is not UTF-8: rename it", 1),
};

class FolderCasesTest : public ::testing::TestWithParam<Case> {};

TEST_P(FolderCasesTest, IsReadOrNamed) {
  const Case& given = GetParam();
  TemporaryFolder other;
  other.Write("clip-9.mp4", "x");
  TemporaryFolder folder;
  for (const char* clip : {"clip-1.mp4", "clip-2.mp4"}) {
    folder.Write(clip, "x");
  }
  for (const auto& [name, text] : given.files) {
    folder.Write(name, absl::StrReplaceAll(text, {{"ROOT", folder.path()},
                                                  {"OTHER", other.path()}}));
  }
  std::vector<std::string> warnings;
  const auto samples = LoadSamples({.root = folder.path(),
                                    .metadata = "",
                                    .missing = nullptr,
                                    .warnings = &warnings});
  if (given.samples > 0) {
    ASSERT_TRUE(samples.ok()) << samples.status();
    EXPECT_EQ(samples->size(), static_cast<size_t>(given.samples));
    EXPECT_THAT(absl::StrJoin(warnings, "\n"), HasSubstr(given.said));
    return;
  }
  EXPECT_EQ(samples.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string problems(samples.status().message());
  EXPECT_THAT(problems, HasSubstr(given.said));
  EXPECT_THAT(problems, HasSubstr(folder.path()));
  if (given.lines >= 0) {
    EXPECT_EQ(std::count(problems.begin(), problems.end(), '\n') + 1,
              given.lines)
        << problems;
  }
}

std::string NameOf(const ::testing::TestParamInfo<Case>& info) {
  return absl::StrReplaceAll(info.param.name, {{"-", "_"}});
}

INSTANTIATE_TEST_SUITE_P(Csv, FolderCasesTest, ::testing::ValuesIn(kCsvCases),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Json, FolderCasesTest, ::testing::ValuesIn(kJsonCases),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Folder, FolderCasesTest,
                         ::testing::ValuesIn(kFolderCases), NameOf);

}  // namespace
}  // namespace halfpipe

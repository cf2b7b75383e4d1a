// The part of folder_maker.h that writes metadata.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/data/readable_text.h"
#include "fuzz/folder_maker.h"
#include "nlohmann/json.hpp"

namespace halfpipe {
namespace {

// The columns of one tool.
struct Columns {
  std::string media;
  std::string caption;
};

const std::vector<Columns> kTools = {
    {"video", "prompt"},    {"image", "prompt"},   {"video_path", "caption"},
    {"file_name", "text"},  {"file_path", "text"}, {"image_path", "caption"},
    {"file_name", "prompt"}};

struct Row {
  std::string media;
  std::string caption;
  std::string problem;  // what is said of it; "": it is a sample
  nlohmann::json odd;   // not null: in the caption's place, in JSON
};

enum class Form { kCsv, kJson, kJsonLines, kMapping, kLists };

class RowsFolder {
 public:
  RowsFolder(std::string root, Draw* draw)
      : root_(std::move(root)),
        draw_(draw),
        form_(static_cast<Form>(draw->Below(5))),
        columns_(draw->From(kTools)) {}

  MadeFolder Make() {
    const bool is_fine = draw_->OneIn(2);
    for (size_t i = 1 + draw_->Below(6); i > 0; --i) {
      rows_.push_back(is_fine || !draw_->OneIn(3) ? Good() : Wrong());
    }
    switch (form_) {
      case Form::kCsv:
        WriteCsv();
        break;
      case Form::kJson:
        WriteJson();
        break;
      case Form::kJsonLines:
        WriteJsonLines();
        break;
      case Form::kMapping:
        WriteMapping();
        break;
      case Form::kLists:
        WriteLists();
    }
    return std::move(made_);
  }

 private:
  Row Good() {
    // A list has a name a line, and JSON's mapping any name once.
    std::string name =
        absl::StrReplaceAll(GoodName(draw_, ++number_), {{"\n", " "}});
    const std::string folder = draw_->OneIn(3) ? "sub dir/" : "";
    const std::string path = absl::StrCat(folder, name, ".mp4");
    WriteTo(absl::StrCat(root_, "/", path), "media");
    Row row{.media = path, .caption = Caption(), .problem = "", .odd = {}};
    switch (draw_->Below(5)) {
      case 0:
        row.media = absl::StrCat(root_, "/", path);
        break;
      case 1:
        row.media = absl::StrCat("./", path);
        break;
      case 2:
        row.media = absl::StrReplaceAll(path, {{"/", "\\"}});
        break;
      case 3:  // the other form of Unicode
        row.media = absl::StrReplaceAll(
            path,
            {{"caf\xC3\xA9", "cafe\xCC\x81"}, {"cafe\xCC\x81", "caf\xC3\xA9"}});
        break;
      default:
        break;
    }
    return row;
  }

  std::string Caption() {
    std::string caption = GoodCaption(draw_);
    if (form_ != Form::kLists) return caption;
    return std::string(
        WithoutMark(absl::StrReplaceAll(caption, {{"\n", " "}, {"\r", ""}})));
  }

  Row Wrong() {
    Row row = Good();
    switch (draw_->Below(6)) {
      case 0:
        row.media = absl::StrCat("gone-", number_, ".mp4");
        row.problem = row.media + " does not exist";
        break;
      case 1:
        row.media = absl::StrCat("../", number_, ".mp4");
        row.problem = "is outside the data folder";
        break;
      case 2:
        row.media = "C:\\clips\\a.mp4";
        row.problem = "is a path of a Windows machine";
        break;
      case 3:
        row.media = absl::StrCat("film-", number_, ".rmvb");
        WriteTo(absl::StrCat(root_, "/", row.media), "media");
        row.problem = "is no known kind of media";
        break;
      case 4:
        row.media = absl::StrCat("http://x/", number_, ".mp4");
        row.problem = "is a URL";
        break;
      default:
        if (form_ == Form::kLists) return row;
        row.caption = draw_->From<std::string>({"", "  ", "\xC2\xA0"});
        row.problem = "the prompt is empty";
        if (form_ != Form::kCsv && draw_->OneIn(2)) {
          row.odd =
              draw_->OneIn(2) ? nlohmann::json(12) : nlohmann::json::object();
          row.problem = "; expected one text";
        }
    }
    return row;
  }

  void Account(const Row& row, const std::string& file, int line) {
    if (row.problem.empty()) {
      ++made_.samples;
    } else {
      made_.problems.push_back(absl::StrCat(file, ":", line, ": "));
      made_.problems.push_back(row.problem);
    }
  }

  // Somebody's way to write a field.
  std::string Field(const std::string& text) {
    const bool must = text.find_first_of(",\"\r\n") != std::string::npos ||
                      text.empty() || text.front() == ' ' || text.back() == ' ';
    if (!must && draw_->OneIn(2)) {
      return absl::StrCat(draw_->OneIn(3) ? " " : "", text);
    }
    return absl::StrCat(draw_->OneIn(3) ? " " : "", "\"",
                        absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"",
                        draw_->OneIn(3) ? "  " : "");
  }

  void WriteCsv() {
    const std::string end = draw_->From<std::string>({"\n", "\r\n", "\r"});
    const std::string file = root_ + "/metadata.csv";
    std::string text = draw_->OneIn(3) ? "\xEF\xBB\xBF" : "";
    if (draw_->OneIn(8)) return WriteWrongHeader(file, text, end);
    const bool more = draw_->OneIn(3);
    absl::StrAppend(&text, columns_.media, draw_->OneIn(3) ? ", " : ",",
                    columns_.caption, more ? ",input_image" : "", end);
    int line = 2;
    for (const Row& row : rows_) {
      if (draw_->OneIn(5)) {
        text += end;
        ++line;
      }
      Account(row, file, line);
      absl::StrAppend(&text, Field(row.media), ",", Field(row.caption),
                      more ? ",x.png" : "", end);
      line += 1 + static_cast<int>(
                      std::count(row.caption.begin(), row.caption.end(), '\n'));
    }
    if (draw_->OneIn(3)) absl::StrAppend(&text, ",", end, ",", end);
    if (more) made_.warnings.push_back("the column input_image is not read");
    WriteTo(file, text);
  }

  // One problem, whatever the rows hold.
  void WriteWrongHeader(const std::string& file, std::string text,
                        const std::string& end) {
    const std::vector<std::pair<std::string, std::string>> headers = {
        {"video;prompt", "separated by semicolons"},
        {"video\tprompt", "separated by tabs"},
        {"Video,Prompt", "small letters"},
        {"clip-1.mp4,a test card", "has no header"},
        {"video,prompt,prompt", "twice"},
        {"one,two", "no column names the clips"}};
    const auto& [header, problem] = draw_->From(headers);
    absl::StrAppend(&text, header, end);
    for (int i = 0; i < 828; ++i) absl::StrAppend(&text, "a;b,c", end);
    made_.problems = {absl::StrCat(file, ":1: "), problem};
    WriteTo(file, text);
  }

  nlohmann::json Object(const Row& row) {
    nlohmann::json object = {{columns_.media, row.media},
                             {columns_.caption, row.caption}};
    if (!row.odd.is_null()) object[columns_.caption] = row.odd;
    if (draw_->OneIn(3)) object["fps"] = 16;
    return object;
  }

  void WriteJson() {
    const std::string file = root_ + "/metadata.json";
    std::string text = draw_->OneIn(3) ? "\xEF\xBB\xBF" : "";
    text += "[";
    int line = 1;
    for (size_t i = 0; i < rows_.size(); ++i) {
      Account(rows_[i], file, line);
      absl::StrAppend(&text, Object(rows_[i]).dump(),
                      i + 1 < rows_.size() ? ",\n" : "]\n");
      ++line;
    }
    WriteTo(file, text);
  }

  void WriteJsonLines() {
    const std::string file = root_ + "/metadata.jsonl";
    const std::string end = draw_->OneIn(3) ? "\r\n" : "\n";
    std::string text = draw_->OneIn(3) ? "\xEF\xBB\xBF" : "";
    int line = 1;
    for (const Row& row : rows_) {
      Account(row, file, line++);
      absl::StrAppend(&text, Object(row).dump(), end);
    }
    WriteTo(file, text);
  }

  void WriteMapping() {
    const std::string file = root_ + "/captions.json";
    std::vector<std::string> entries;
    bool has_more = false;
    for (const Row& row : rows_) {
      nlohmann::json captions = row.caption;
      if (!row.odd.is_null()) {
        captions = nlohmann::json::array({row.odd});
      } else if (draw_->OneIn(2)) {
        captions = nlohmann::json::array({row.caption});
        if (row.problem.empty() && draw_->OneIn(2)) {
          captions.push_back("another caption");
          ++made_.samples;
          has_more = true;
        }
      }
      entries.push_back(absl::StrCat(nlohmann::json(row.media).dump(), ": ",
                                     captions.dump()));
      Account(row, file, static_cast<int>(entries.size()) + 1);
    }
    if (has_more) made_.warnings.push_back("several captions for some clips");
    WriteTo(file, absl::StrCat("{\n", absl::StrJoin(entries, ",\n"), "}\n"));
  }

  void WriteLists() {
    const std::string clips = root_ + "/videos.txt";
    const std::string captions =
        absl::StrCat(root_, "/",
                     draw_->From<std::string>(
                         {"prompts.txt", "prompt.txt", "captions.txt"}));
    std::string names;
    std::string texts;
    int line = 1;
    for (const Row& row : rows_) {
      Account(row, clips, line++);
      absl::StrAppend(&names, row.media, "\n");
      absl::StrAppend(&texts, row.caption, "\r\n");
    }
    if (draw_->OneIn(6)) {
      texts += "one too many\n";
      made_.problems = {absl::StrCat(clips, ": has "), "lines, and "};
    }
    WriteTo(clips, names);
    WriteTo(captions, texts);
  }

  const std::string root_;
  Draw* draw_;
  const Form form_;
  const Columns columns_;
  std::vector<Row> rows_;
  MadeFolder made_;
  int number_ = 0;
};

}  // namespace

MadeFolder MakeRowsFolder(const std::string& root, Draw* draw) {
  return RowsFolder(root, draw).Make();
}

}  // namespace halfpipe

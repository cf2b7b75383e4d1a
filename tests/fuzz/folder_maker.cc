#include "fuzz/folder_maker.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/data/readable_text.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kKinds = {".mp4", ".MP4", ".mov",  ".mkv",
                                         ".gif", ".png", ".jpeg", ".WebP"};

// No caption, whoever reads it.
const std::vector<std::string> kNoCaptions = {
    "",
    " \t\r\n",
    "\xEF\xBB\xBF",
    "\xEF\xBB\xBF \xC2\xA0\xE3\x80\x80\n",
    std::string("\xFF\xFE"
                "a\0 \0c\0",
                8),
    std::string("\xFE\xFF\0a\0 ", 6),
    "caf\xE9 \x96 at night",
    "\xD2\xBB\xD6\xBB\xB9\xB7",
    std::string("a \0cat", 6),
    "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"};

// Makes one folder item by item.
class CaptionFolder {
 public:
  CaptionFolder(std::string root, Draw* draw)
      : root_(std::move(root)), draw_(draw) {}

  MadeFolder Make() {
    using Maker = void (CaptionFolder::*)();
    const std::vector<Maker> fine = {
        &CaptionFolder::Good,        &CaptionFolder::Good,
        &CaptionFolder::Linked,      &CaptionFolder::TwoOfAName,
        &CaptionFolder::OfSystems,   &CaptionFolder::Documentation,
        &CaptionFolder::UnknownKind, &CaptionFolder::LinkBack,
        &CaptionFolder::Irrelevant,  &CaptionFolder::OtherForm};
    const std::vector<Maker> wrong = {&CaptionFolder::NoCaption,
                                      &CaptionFolder::BrokenCaption,
                                      &CaptionFolder::BadlyNamed,
                                      &CaptionFolder::BadlyNamedFolder,
                                      &CaptionFolder::Orphan,
                                      &CaptionFolder::CaptionOfUnknown,
                                      &CaptionFolder::LinkToNothing,
                                      &CaptionFolder::Pipe,
                                      &CaptionFolder::CaptionByOtherName};
    Good();
    for (size_t i = 1 + draw_->Below(8); i > 0; --i) {
      (this->*draw_->From(fine))();
    }
    if (draw_->OneIn(2)) {
      for (size_t i = 1 + draw_->Below(3); i > 0; --i) {
        (this->*draw_->From(wrong))();
      }
    }
    return std::move(made_);
  }

 private:
  // A new path without extension, maybe in a folder of its own.
  std::string Path() {
    const std::string folder = draw_->OneIn(3) ? "sub dir/" : "";
    return absl::StrCat(root_, "/", folder, GoodName(draw_, ++number_));
  }

  void Write(const std::string& path, const std::string& content = "media") {
    WriteTo(path, content);
  }

  void Problem(const std::string& what) {
    made_.problems.push_back(Shown(what));
  }

  void Warning(const std::string& what) {
    made_.warnings.push_back(Shown(what));
  }

  void Good() {
    const std::string path = Path();
    Write(path + draw_->From(kKinds));
    Write(path + (draw_->OneIn(6) ? ".TXT" : ".txt"), GoodCaption(draw_));
    ++made_.samples;
  }

  void Linked() {
    const std::string path = Path();
    Write(root_ + ".files/clip.mp4");
    Write(path + ".txt", GoodCaption(draw_));
    fs::create_symlink(root_ + ".files/clip.mp4", path + ".mp4");
    ++made_.samples;
  }

  // A clip out of an archive made on macOS, with a caption that is not.
  void OtherForm() {
    ++number_;
    Write(absl::StrCat(root_, "/cafe\xCC\x81-", number_, ".mp4"));
    Write(absl::StrCat(root_, "/caf\xC3\xA9-", number_, ".txt"),
          GoodCaption(draw_));
    ++made_.samples;
  }

  void TwoOfAName() {
    const std::string path = Path();
    Write(path + ".mp4");
    Write(path + ".png");
    Write(path + ".txt", GoodCaption(draw_));
    made_.samples += 2;
    Warning(path + ".txt: is the caption of");
  }

  void OfSystems() {
    for (const char* name : {"._clip.mp4", ".DS_Store", "Thumbs.db",
                             "__MACOSX/clip.mp4", "@eaDir/a/b.jpg"}) {
      if (draw_->OneIn(2)) Write(absl::StrCat(root_, "/", name));
    }
  }

  void Documentation() {
    const std::string path = absl::StrCat(
        root_, "/",
        draw_->From<std::string>({"README.txt", "LICENSE.txt", "notes.txt"}));
    if (fs::exists(path)) return;
    Write(path, draw_->OneIn(2) ? "words" : "caf\xE9");
    Warning(path + ": is left out: it looks like documentation");
  }

  void UnknownKind() {
    const std::string path = Path() + ".rmvb";
    Write(path);
    Warning(path + ": is left out: it is no known kind of media");
  }

  void LinkBack() {
    const std::string path = absl::StrCat(root_, "/link", ++number_);
    fs::create_directory_symlink(
        draw_->From<std::string>({".", "..", root_, "../.."}), path);
    Warning(path + ": is ");
  }

  void Irrelevant() {
    const std::string path = Path();
    Write(path + ".md");
    Write(absl::StrCat(root_, "/x", number_, "\xE9.md"));
    fs::create_directories(path + "\xE9");
  }

  void NoCaption() {
    const std::string path = Path() + draw_->From(kKinds);
    Write(path);
    Problem(path + ": has no caption");
  }

  void CaptionByOtherName() {
    const std::string path = Path();
    Write(path + ".mp4");
    Write(path + draw_->From<std::string>({".mp4.txt", ".caption", ".json"}));
    Problem(path + ".mp4: has no caption; expected ");
  }

  void BrokenCaption() {
    const std::string path = Path();
    Write(path + draw_->From(kKinds));
    Write(path + ".txt", draw_->From(kNoCaptions));
    Problem(path + ".txt: the prompt ");
  }

  void BadlyNamed() {
    const std::string path =
        absl::StrCat(root_, "/", BadName(draw_, ++number_));
    Write(path + ".mp4");
    if (draw_->OneIn(2)) Write(path + ".txt", GoodCaption(draw_));
    Problem(path + ".mp4: the file's name is not UTF-8");
  }

  void BadlyNamedFolder() {
    const std::string folder =
        absl::StrCat(root_, "/", BadName(draw_, ++number_));
    Write(folder + "/clip.mp4");
    Write(folder + "/clip.txt", GoodCaption(draw_));
    Problem(folder + ": the folder's name is not UTF-8");
  }

  void Orphan() {
    const std::string path = Path() + ".txt";
    Write(path, GoodCaption(draw_));
    Problem(path + ": is a caption without its clip");
  }

  void CaptionOfUnknown() {
    const std::string path = Path();
    Write(path + ".rmvb");
    Write(path + ".txt", GoodCaption(draw_));
    Problem(path + ".txt: is the caption of ");
  }

  void LinkToNothing() {
    const std::string path = Path();
    Write(path + ".txt", GoodCaption(draw_));
    fs::create_symlink("/nowhere/clip\xE9.mp4", path + ".mp4");
    Problem(path + ".mp4: is a link to /nowhere/clip\xE9.mp4");
  }

  void Pipe() {
    const std::string path = Path();
    Write(path + ".txt", GoodCaption(draw_));
    mkfifo((path + ".mp4").c_str(), 0600);
    Problem(path + ".mp4: is no regular file");
  }

  const std::string root_;
  Draw* draw_;
  MadeFolder made_;
  int number_ = 0;
};

// Another text, a few bytes from `text`.
std::string Damaged(std::string text, Draw* draw) {
  for (size_t i = 1 + draw->Below(4); i > 0; --i) {
    const size_t at = draw->Below(text.size() + 1);
    static constexpr absl::string_view kTelling(
        "\",\n\r;\t{}[]:\\ \0\xEF\xBB\xBF", 17);
    const char byte = draw->OneIn(2) ? static_cast<char>(draw->Below(256))
                                     : kTelling[draw->Below(17)];
    switch (draw->Below(4)) {
      case 0:
        text.resize(at);
        break;
      case 1:
        text.insert(at, 1, byte);
        break;
      case 2:
        text.erase(at, 1 + draw->Below(8));
        break;
      default:
        if (at < text.size()) text[at] = byte;
    }
  }
  return text;
}

}  // namespace

void WriteTo(const std::string& path, const std::string& content) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

std::string GoodName(Draw* draw, int number) {
  return absl::StrCat(
      draw->From<std::string>({"clip", "a clip", "a,clip", "\"clip\"", "-clip",
                               "clip.v1", "caf\xC3\xA9", "cafe\xCC\x81",
                               "\xE7\x8C\xAB", "\xF0\x9F\x90\xB1", "clip'; x",
                               "CLIP", "#clip", "100%", "a\nb"}),
      "-", number);
}

std::string BadName(Draw* draw, int number) {
  return absl::StrCat(
      draw->From<std::string>({"caf\xE9", "\xD2\xBB\xB9\xB7", "\xED\xA0\xBD",
                               "x\xC3", "\xFF\xFE", "\xF8\x88\x80\x80\x80"}),
      "-", number);
}

std::string GoodCaption(Draw* draw) {
  return draw->From<std::string>(
      {"a test card", "a test card, moving\n",
       "\xEF\xBB\xBF"
       "with a mark\r\n",
       "\xE4\xB8\x80\xE5\x8F\xAA\xE7\x8C\xAB", "two\nlines", "caf\xC3\xA9",
       "the \"old\" bars", "a; b | c\td", "  blanks around  ",
       "an emoji \xF0\x9F\x90\xB1"});
}

MadeFolder MakeCaptionFolder(const std::string& root, Draw* draw) {
  return CaptionFolder(root, draw).Make();
}

MadeFolder MakeDamagedFolder(const std::string& root, Draw* draw) {
  MadeFolder made = draw->OneIn(4) ? MakeCaptionFolder(root, draw)
                                   : MakeRowsFolder(root, draw);
  std::vector<std::string> texts;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const std::string extension = entry.path().extension().string();
    const bool is_text = extension == ".txt" || extension == ".csv" ||
                         extension == ".json" || extension == ".jsonl";
    if (is_text && entry.is_regular_file()) {
      texts.push_back(entry.path().string());
    }
  }
  std::sort(texts.begin(), texts.end());
  for (const std::string& path : texts) {
    if (const auto text = ReadFile(path); text.ok() && draw->OneIn(2)) {
      WriteTo(path, Damaged(*text, draw));
    }
  }
  made.is_random = true;
  return made;
}

}  // namespace halfpipe

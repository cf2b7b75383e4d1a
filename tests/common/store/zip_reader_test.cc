#include "common/store/zip_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/common/store/memory_file.h"
#include "tests/common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

// Little-endian `value` in `size` bytes.
std::string Le(uint64_t value, int size) {
  std::string bytes;
  for (int i = 0; i < size; ++i) {
    bytes.push_back(static_cast<char>(value >> (8 * i) & 0xff));
  }
  return bytes;
}

struct EntrySpec {
  std::string name;
  std::string content;
  int method = 0;
  int flags = 0;
};

// Writes archives record by record. With `zip64` every number that may is
// moved to a zip64 field, as in an archive beyond 4 GiB.
class ZipBuilder {
 public:
  explicit ZipBuilder(bool zip64 = false) : zip64_(zip64) {}

  void Add(const EntrySpec& entry) {
    const uint64_t offset = body_.size();
    const uint64_t bytes = entry.content.size();
    absl::StrAppend(&body_, Le(0x04034b50, 4), Le(20, 2), Le(entry.flags, 2),
                    Le(entry.method, 2), Le(0, 8), Le(bytes, 4), Le(bytes, 4),
                    Le(entry.name.size(), 2), Le(3, 2), entry.name, "pad",
                    entry.content);
    const uint64_t small = zip64_ ? 0xffffffff : bytes;
    // A field of another kind goes first: it must be passed over.
    const std::string extra =
        zip64_ ? absl::StrCat(Le(9, 2), Le(1, 2), "x", Le(1, 2), Le(24, 2),
                              Le(bytes, 8), Le(bytes, 8), Le(offset, 8))
               : "";
    absl::StrAppend(&directory_, Le(0x02014b50, 4), Le(20, 2), Le(20, 2),
                    Le(entry.flags, 2), Le(entry.method, 2), Le(0, 8),
                    Le(small, 4), Le(small, 4), Le(entry.name.size(), 2),
                    Le(extra.size(), 2), Le(0, 2), Le(0, 8),
                    Le(zip64_ ? 0xffffffff : offset, 4), entry.name, extra);
    ++entries_;
  }

  std::string Build(absl::string_view comment = "") const {
    const uint64_t start = body_.size();
    std::string out = absl::StrCat(body_, directory_);
    if (zip64_) {
      const uint64_t end64 = out.size();
      absl::StrAppend(&out, Le(0x06064b50, 4), Le(44, 8), Le(45, 2), Le(45, 2),
                      Le(0, 8), Le(entries_, 8), Le(entries_, 8),
                      Le(directory_.size(), 8), Le(start, 8));
      absl::StrAppend(&out, Le(0x07064b50, 4), Le(0, 4), Le(end64, 8),
                      Le(1, 4));
    }
    const uint64_t count = zip64_ ? 0xffff : entries_;
    absl::StrAppend(
        &out, Le(0x06054b50, 4), Le(0, 4), Le(count, 2), Le(count, 2),
        Le(zip64_ ? 0xffffffff : directory_.size(), 4),
        Le(zip64_ ? 0xffffffff : start, 4), Le(comment.size(), 2), comment);
    return out;
  }

 private:
  bool zip64_;
  std::string body_;
  std::string directory_;
  uint64_t entries_ = 0;
};

class ZipReaderTest : public testing::Test {
 protected:
  absl::StatusOr<std::map<std::string, ZipEntry>> Read(
      const std::string& bytes) {
    MemoryFile memory(bytes);  // stays readable through file_
    file_ = RandomAccessFile::Open(memory.path()).value();
    return ReadZipDirectory(*file_);
  }

  std::shared_ptr<const RandomAccessFile> file_;
};

TEST_F(ZipReaderTest, FindsEveryEntry) {
  for (bool zip64 : {false, true}) {
    ZipBuilder builder(zip64);
    builder.Add({"a/one", "first"});
    builder.Add({"a/", ""});
    builder.Add({"a/two", "second one"});
    for (const char* comment : {"", "a comment"}) {
      auto entries = Read(builder.Build(comment));
      ASSERT_TRUE(entries.ok()) << entries.status();
      ASSERT_EQ(entries->size(), 2u);
      const ZipEntry& two = entries->at("a/two");
      EXPECT_EQ(file_->ReadStringAt(two.offset, two.bytes).value(),
                "second one");
    }
  }
}

TEST_F(ZipReaderTest, RefusesEntriesThatAreNotPlain) {
  ZipBuilder deflated;
  deflated.Add({"x", "content", 8, 0});
  EXPECT_THAT(MessageOf(Read(deflated.Build()).status()),
              HasSubstr("'x' is compressed"));
  ZipBuilder encrypted;
  encrypted.Add({"x", "content", 0, 1});
  EXPECT_TRUE(absl::IsInvalidArgument(Read(encrypted.Build()).status()));
}

TEST_F(ZipReaderTest, RefusesANameGivenTwice) {
  ZipBuilder builder;
  builder.Add({"x", "1"});
  builder.Add({"x", "2"});
  EXPECT_THAT(MessageOf(Read(builder.Build()).status()),
              HasSubstr("'x' is there twice"));
}

TEST_F(ZipReaderTest, RefusesWhatIsNoZip) {
  EXPECT_TRUE(absl::IsDataLoss(Read("").status()));
  EXPECT_TRUE(absl::IsDataLoss(Read(std::string(100000, 'x')).status()));
}

TEST_F(ZipReaderTest, NoChangeOfOneByteBreaksTheReader) {
  for (bool zip64 : {false, true}) {
    ZipBuilder builder(zip64);
    builder.Add({"a/one", "first"});
    builder.Add({"a/two", "second one"});
    const std::string whole = builder.Build();
    for (size_t at = 0; at < whole.size(); ++at) {
      for (int change : {0x01, 0x80, 0xff}) {
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ change);
        auto entries = Read(changed);
        if (!entries.ok()) continue;
        for (const auto& [name, entry] : *entries) {
          ASSERT_LE(entry.offset, whole.size());
          ASSERT_LE(entry.bytes, whole.size() - entry.offset);
        }
      }
    }
  }
}

}  // namespace
}  // namespace halfpipe

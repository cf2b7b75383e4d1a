// A machine that loses power leaves a write-ahead log that ends anywhere. What
// the store then finds: every change before the cut, whole, and no other.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "common/base/file.h"
#include "coordinator/store/job_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

constexpr size_t kHeaderBytes = 32;
constexpr size_t kFrameHeaderBytes = 24;

uint32_t BigEndian(const std::string& bytes, size_t offset) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) {
    value = (value << 8) | static_cast<uint8_t>(bytes[offset + i]);
  }
  return value;
}

// Where each transaction of the log's present generation ends. (Frames of the
// one before may follow, with another salt.)
std::vector<size_t> CommitEnds(const std::string& wal) {
  const size_t page = BigEndian(wal, 8);
  std::vector<size_t> ends;
  size_t at = kHeaderBytes;
  while (at + kFrameHeaderBytes + page <= wal.size() &&
         wal.compare(at + 8, 8, wal, 16, 8) == 0) {
    const bool commits = BigEndian(wal, at + 4) != 0;
    at += kFrameHeaderBytes + page;
    if (commits) ends.push_back(at);
  }
  return ends;
}

Job MakeJob(int64_t number) {
  Job job;
  job.id = absl::StrCat("job-", number);
  job.config_yaml = std::string(static_cast<size_t>(300 * number % 5000), 'x');
  return job;
}

JobEvent Event(int64_t cursor) {
  JobEvent event;
  event.cursor = cursor;
  event.what = LogLine{LogSeverity::kInfo, absl::StrCat("event ", cursor)};
  return event;
}

// Change number n, from 0, in three kinds. Each leaves traces in several rows.
absl::Status Change(JobStore* store, int64_t n) {
  Job job = MakeJob(n / 3);
  job.last_cursor = n % 3 + 1;
  switch (n % 3) {
    case 0:
      return store->Wait(
          store->QueueCreate({store->NextNumber(), job, {}}, {Event(1)}));
    case 1:
      return store->Update(job, {Event(2)});
    default:
      return store->CommitCheckpoint(job, {n, "/x", absl::UnixEpoch(), 1},
                                     {Event(3)});
  }
}

// How many of the changes are there. Fails the test where one is there by half
// or without one before it.
int64_t CountChanges(const JobStore& store, int64_t made) {
  int64_t found = 0;
  bool gap = false;
  for (int64_t n = 0; n < made; n += 3) {
    const auto stored = store.Get(MakeJob(n / 3).id);
    if (absl::IsNotFound(stored.status())) {
      gap = true;
      continue;
    }
    EXPECT_TRUE(stored.ok()) << stored.status();
    if (!stored.ok()) return -1;
    EXPECT_FALSE(gap) << "a change without the ones before it";
    EXPECT_EQ(store.Config(stored->job.id).value_or("none"),
              MakeJob(n / 3).config_yaml);
    const int64_t here = stored->job.last_cursor;
    const auto events = store.Events(stored->job.id, 0, 100);
    EXPECT_TRUE(events.ok()) << events.status();
    EXPECT_EQ(static_cast<int64_t>(events->size()), here) << "half a change";
    EXPECT_EQ(stored->job.checkpoints.size(), here == 3 ? 1u : 0u);
    found += here;
    gap = here < 3;
  }
  return found;
}

class TornLogTest : public ::testing::Test {
 protected:
  TornLogTest() {
    std::filesystem::remove_all(directory_);
    auto store = JobStore::Open(directory_ + "/whole", /*log_pages=*/1000);
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  void Make(int64_t changes) {
    for (; changes > 0; --changes) {
      ASSERT_TRUE(Change(store_.get(), made_++).ok());
    }
  }

  // What is on the disk now, without any goodbye.
  void Take() {
    database_ = *ReadFile(directory_ + "/whole/halfpipe.db");
    wal_ = *ReadFile(directory_ + "/whole/halfpipe.db-wal");
    ends_ = CommitEnds(wal_);
    ASSERT_LE(static_cast<int64_t>(ends_.size()), made_ + 10);
  }

  // How many changes a log that is good up to `bytes` must hold.
  int64_t Promised(size_t bytes) const {
    const auto lost =
        ends_.end() - std::upper_bound(ends_.begin(), ends_.end(), bytes);
    return made_ - static_cast<int64_t>(lost);
  }

  // Opens a copy with this log, which is good up to `good` bytes.
  void Check(const std::string& wal, size_t good) {
    const std::string torn = directory_ + "/torn";
    std::filesystem::remove_all(torn);
    ASSERT_TRUE(MakeDirectories(torn).ok());
    std::ofstream(torn + "/halfpipe.db") << database_;
    std::ofstream(torn + "/halfpipe.db-wal") << wal;
    auto store = JobStore::Open(torn);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_EQ(CountChanges(**store, made_),
              std::max(Promised(good), int64_t{0}))
        << "good up to byte " << good << " of " << wal_.size();
    if (++checked_ % 10 != 0) return;
    // And it goes on from there.
    Job job = MakeJob(1000);
    EXPECT_TRUE((*store)->Create(job, {}).ok());
    EXPECT_TRUE((*store)->Get(job.id).ok());
  }

  // Byte offsets around the end of each frame, and in the middle of it.
  std::vector<size_t> Places() const {
    const size_t page = BigEndian(wal_, 8);
    std::vector<size_t> places;
    for (size_t at = kHeaderBytes; at <= ends_.back();
         at += kFrameHeaderBytes + page) {
      places.insert(places.end(), {at - 1, at, at + 1, at + 9, at + page / 2});
    }
    std::erase_if(places, [this](size_t at) { return at > ends_.back(); });
    return places;
  }

  const std::string directory_ = ::testing::TempDir() + "/torn_log_test";
  std::unique_ptr<JobStore> store_;
  int64_t made_ = 0;
  int checked_ = 0;
  std::string database_;
  std::string wal_;
  std::vector<size_t> ends_;
};

TEST_F(TornLogTest, ALogThatEndsAnywhere) {
  Make(9);
  Take();
  for (const size_t cut : Places()) {
    // Without a whole header there is no log; the tables themselves came with
    // the first transactions of the same log.
    if (Promised(cut) < 0) continue;
    Check(wal_.substr(0, cut), cut);
  }
}

TEST_F(TornLogTest, ALogWhoseTailWasNeverWritten) {
  // The file has its length, but its last blocks are zeros.
  Make(9);
  Take();
  for (const size_t cut : Places()) {
    if (Promised(cut) < 0) continue;
    std::string wal = wal_;
    std::fill(wal.begin() + static_cast<ptrdiff_t>(cut), wal.end(), '\0');
    Check(wal, cut);
  }
}

TEST_F(TornLogTest, AFlippedBitEndsTheLogThere) {
  Make(9);
  Take();
  for (const size_t place : Places()) {
    if (Promised(place) < 0 || place >= wal_.size()) continue;
    std::string wal = wal_;
    wal[place] = static_cast<char>(wal[place] ^ 0x10);
    Check(wal, place);
  }
}

TEST_F(TornLogTest, BehindTheTailLieFramesOfAnEarlierGeneration) {
  // So many that the log is copied into the file and begins anew.
  Make(600);
  Take();
  while (ends_.size() > 40 || ends_.size() < 4) {
    Make(1);
    Take();
  }
  ASSERT_GT(wal_.size(), ends_.back()) << "no old frames to be confused by";
  std::vector<size_t> places = Places();
  for (size_t i = 0; i < places.size(); i += 7) {
    std::string wal = wal_;
    // Blocks of the new generation that never came: the old ones are there.
    wal.replace(places[i], ends_.back() - places[i],
                std::string(ends_.back() - places[i], '\x5a'));
    Check(wal, places[i]);
  }
}

}  // namespace
}  // namespace halfpipe

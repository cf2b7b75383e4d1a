#include "common/jobs/recent_lines.h"

#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"

namespace halfpipe {

void RecentLines::Add(LogLevel level, absl::string_view text) {
  if (level < LogLevel::kInfo) return;
  absl::MutexLock lock(&mutex_);
  lines_.push_back({level, std::string(text.substr(0, kMostBytes))});
  Shorten();
}

void RecentLines::Shorten() {
  while (lines_.size() > kMostLines) {
    lines_.pop_front();
    ++lost_;
  }
}

std::vector<StageLine> RecentLines::Take() {
  absl::MutexLock lock(&mutex_);
  std::vector<StageLine> taken;
  if (lost_ > 0) {
    taken.push_back(
        {LogLevel::kWarning,
         absl::StrCat(lost_, " lines are only in the stage's log")});
  }
  lost_ = 0;
  taken.insert(taken.end(), std::make_move_iterator(lines_.begin()),
               std::make_move_iterator(lines_.end()));
  lines_.clear();
  return taken;
}

void RecentLines::PutBack(std::vector<StageLine> lines) {
  absl::MutexLock lock(&mutex_);
  lines_.insert(lines_.begin(), std::make_move_iterator(lines.begin()),
                std::make_move_iterator(lines.end()));
  Shorten();
}

}  // namespace halfpipe

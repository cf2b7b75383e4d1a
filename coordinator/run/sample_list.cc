#include "coordinator/run/sample_list.h"

#include <deque>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/store/strict_json.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kDepth = 3;  // list, samples, sample
constexpr size_t kMostNames = 10;

using Content = std::pair<std::string, std::string>;  // latents, context

Content ContentOf(const ListedSample& sample) {
  return {sample.latents, sample.context};
}

// The indexes of each content, in the list's order.
std::map<Content, std::deque<size_t>> ByContent(const SampleList& list) {
  std::map<Content, std::deque<size_t>> places;
  for (size_t i = 0; i < list.samples.size(); ++i) {
    places[ContentOf(list.samples[i])].push_back(i);
  }
  return places;
}

std::string FileName(const std::string& path) {
  return fs::path(path).filename().string();
}

std::string NameIn(const std::string& root, const std::string& path) {
  const fs::path inside =
      fs::path(path).lexically_relative(fs::path(root).lexically_normal());
  const bool within = !inside.empty() && *inside.begin() != "..";
  return within ? inside.string() : path;
}

// The samples of `list` without a like in `other`, by name.
std::multimap<std::string, ListedSample> WithoutLike(const SampleList& list,
                                                     const SampleList& other) {
  std::map<Content, std::deque<size_t>> likes = ByContent(other);
  std::multimap<std::string, ListedSample> left;
  for (const ListedSample& sample : list.samples) {
    std::deque<size_t>& places = likes[ContentOf(sample)];
    if (places.empty()) {
      left.emplace(sample.name, sample);
    } else {
      places.pop_front();
    }
  }
  return left;
}

std::string WhatChanged(const ListedSample& before, const ListedSample& now) {
  const bool clip = before.latents != now.latents;
  const bool caption = before.context != now.context;
  return absl::StrCat(now.name, clip && caption ? " (clip and caption)"
                                : clip          ? " (clip)"
                                                : " (caption)");
}

absl::StatusOr<std::string> TextOf(const json& object, const char* field) {
  const auto found = object.find(field);
  if (found != object.end() && found->is_string()) {
    return found->get<std::string>();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      kSampleListName, ": the field \"", field, "\" is missing or no string"));
}

void AppendPart(const std::vector<std::string>& names, absl::string_view what,
                std::vector<std::string>* parts) {
  if (names.empty()) return;
  std::vector<std::string> shown(
      names.begin(),
      names.begin() + static_cast<int64_t>(std::min(names.size(), kMostNames)));
  if (names.size() > kMostNames) {
    shown.push_back(absl::StrCat(names.size() - kMostNames, " more"));
  }
  parts->push_back(absl::StrCat(
      names.size(), names.size() == 1 ? " sample was " : " samples were ", what,
      " (", absl::StrJoin(shown, ", "), ")"));
}

}  // namespace

SampleList ListSamples(const std::string& data_path, const std::string& digest,
                       const std::vector<SampleRef>& samples) {
  SampleList list{digest, {}};
  list.samples.reserve(samples.size());
  for (const SampleRef& sample : samples) {
    list.samples.push_back({NameIn(data_path, sample.media_path),
                            FileName(sample.latents_path),
                            FileName(sample.context_path)});
  }
  return list;
}

std::string ToJson(const SampleList& list) {
  json samples = json::array();
  for (const ListedSample& sample : list.samples) {
    samples.push_back({{"name", sample.name},
                       {"latents", sample.latents},
                       {"context", sample.context}});
  }
  const json root = {{"digest", list.digest}, {"samples", std::move(samples)}};
  return root.dump(0, ' ', false, json::error_handler_t::replace) + "\n";
}

absl::StatusOr<SampleList> SampleListFromJson(absl::string_view text) {
  HP_ASSIGN_OR_RETURN(const json root, ParseStrictJson(text, kDepth));
  const auto samples = root.find("samples");
  if (!root.is_object() || samples == root.end() || !samples->is_array()) {
    return absl::InvalidArgumentError(
        absl::StrCat(kSampleListName, ": the list of samples is missing"));
  }
  SampleList list;
  HP_ASSIGN_OR_RETURN(list.digest, TextOf(root, "digest"));
  for (const json& value : *samples) {
    if (!value.is_object()) {
      return absl::InvalidArgumentError(
          absl::StrCat(kSampleListName, ": a sample is no object"));
    }
    ListedSample sample;
    HP_ASSIGN_OR_RETURN(sample.name, TextOf(value, "name"));
    HP_ASSIGN_OR_RETURN(sample.latents, TextOf(value, "latents"));
    HP_ASSIGN_OR_RETURN(sample.context, TextOf(value, "context"));
    list.samples.push_back(std::move(sample));
  }
  return list;
}

SampleChanges CompareSamples(const SampleList& before, const SampleList& now) {
  std::multimap<std::string, ListedSample> gone = WithoutLike(before, now);
  SampleChanges changes;
  size_t clips = 0;
  size_t captions = 0;
  for (const auto& [name, sample] : WithoutLike(now, before)) {
    const auto was = gone.find(name);
    if (was == gone.end()) {
      changes.added.push_back(name);
    } else {
      changes.changed.push_back(WhatChanged(was->second, sample));
      if (was->second.latents != sample.latents) ++clips;
      if (was->second.context != sample.context) ++captions;
      gone.erase(was);
    }
  }
  for (const auto& [name, sample] : gone) changes.removed.push_back(name);
  const size_t all = now.samples.size();
  changes.every_clip = all > 1 && clips == all;
  changes.every_caption = all > 1 && captions == all;
  return changes;
}

std::string ChangesText(const SampleChanges& changes) {
  std::vector<std::string> parts;
  AppendPart(changes.added, "added", &parts);
  AppendPart(changes.removed, "removed", &parts);
  AppendPart(changes.changed, "changed", &parts);
  std::string text = absl::StrJoin(parts, ", ");
  if (changes.every_clip) {
    absl::StrAppend(&text, "; every clip: is model.vae another one?");
  }
  if (changes.every_caption) {
    absl::StrAppend(&text,
                    "; every caption: is model.text_encoder or "
                    "model.tokenizer another one?");
  }
  return text;
}

std::optional<std::vector<size_t>> OrderOf(const SampleList& before,
                                           const SampleList& now) {
  if (before.samples.size() != now.samples.size()) return std::nullopt;
  std::map<Content, std::deque<size_t>> places = ByContent(now);
  std::vector<size_t> order;
  order.reserve(before.samples.size());
  for (const ListedSample& sample : before.samples) {
    std::deque<size_t>& likes = places[ContentOf(sample)];
    if (likes.empty()) return std::nullopt;
    order.push_back(likes.front());
    likes.pop_front();
  }
  return order;
}

}  // namespace halfpipe

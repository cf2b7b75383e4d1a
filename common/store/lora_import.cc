#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/store/lora_archive.h"
#include "common/store/lora_file.h"

namespace halfpipe {

absl::StatusOr<LoraFile> ImportLora(const std::string& path, LoraScale scale) {
  HP_ASSIGN_OR_RETURN(const LoraArchive archive, LoraArchive::Open(path));
  const LoraContents& contents = archive.contents();
  if (!contents.second_expert.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        path,
        " holds the LoRAs of both experts: ", contents.second_expert.size(),
        " keys, such as '", contents.second_expert.front(),
        "', are the second one's; save each expert's keys in a file of its "
        "own"));
  }
  LoraFile file;
  file.metadata = archive.metadata();
  // It was read: a scale that is now elsewhere must not be applied again.
  file.metadata.erase(kDiffusersConfigKey);
  file.warning = archive.ScaleWarning();
  file.dtype = archive.NarrowestDType();
  for (const auto& [module, stored] : contents.modules) {
    HP_ASSIGN_OR_RETURN(LoraModule read, archive.Read(module, scale));
    file.modules.push_back(std::move(read));
  }
  for (const auto& [tensor, key] : contents.differences) {
    HP_ASSIGN_OR_RETURN(LoraDifference read, archive.ReadDifference(tensor));
    file.differences.push_back(std::move(read));
  }
  return file;
}

}  // namespace halfpipe

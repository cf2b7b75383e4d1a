#include "common/rpc/message_text.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/status.h"
#include "common/base/valid_text.h"

namespace halfpipe {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Of a value in an error.
constexpr size_t kMostShown = 200;

// Strings that are only read by people, within halfpipe.v1.
constexpr absl::string_view kForPeople[] = {
    "CreateJobRequest.file_name",
    "EncodeResult.rejected",
    "EncodingProgress.activity",
    "EndCommand.reason",
    "GetServerInfoResponse.listen_address",
    "GetServerInfoResponse.metrics_address",
    "GetServerInfoResponse.state_dir",
    "GetServerInfoResponse.version",
    "HeartbeatRequest.activity",
    "Job.reason",
    "JobError.message",
    "LogLine.text",
    "RegisterRequest.arithmetic",
    "RegisterRequest.device_name",
    "RegisterRequest.host",
    "RegisterRequest.version",
    "ReportRequest.status_message",
    "ScanResult.problems",
    "ScanResult.warnings",
    "StageLine.text",
    "StageState.activity",
    "StageState.device_name",
    "StageState.host",
    "StageState.version",
    "StateChange.reason",
};

bool IsForPeople(const FieldDescriptor& field) {
  absl::string_view name = field.full_name();
  constexpr absl::string_view kPackage = "halfpipe.v1.";
  name.remove_prefix(std::min(name.size(), kPackage.size()));
  return std::find(std::begin(kForPeople), std::end(kForPeople), name) !=
         std::end(kForPeople);
}

absl::Status Refuse(const FieldDescriptor& field, absl::string_view value) {
  std::string shown = ValidText(value.substr(0, kMostShown));
  if (value.size() > kMostShown) absl::StrAppend(&shown, "...");
  return absl::InvalidArgumentError(absl::StrCat(
      field.name(), " is not UTF-8 text and cannot be sent: '", shown,
      "'; rename what it names, or save the file as UTF-8"));
}

absl::Status MakeValid(Message* message);

// One string: `index` is -1 for a field that is not repeated.
absl::Status MakeStringValid(const FieldDescriptor& field, int index,
                             Message* message) {
  const Reflection* reflection = message->GetReflection();
  std::string scratch;
  const std::string& value =
      index < 0 ? reflection->GetStringReference(*message, &field, &scratch)
                : reflection->GetRepeatedStringReference(*message, &field,
                                                         index, &scratch);
  if (!FirstInvalidByte(value).has_value()) return absl::OkStatus();
  if (!IsForPeople(field)) return Refuse(field, value);
  std::string valid = ValidText(value);
  if (index < 0) {
    reflection->SetString(message, &field, std::move(valid));
  } else {
    reflection->SetRepeatedString(message, &field, index, std::move(valid));
  }
  return absl::OkStatus();
}

// The field's value, or its value at `index`.
absl::Status MakeValueValid(const FieldDescriptor& field, int index,
                            Message* message) {
  if (field.type() == FieldDescriptor::TYPE_STRING) {
    return MakeStringValid(field, index, message);
  }
  const Reflection* reflection = message->GetReflection();
  return MakeValid(
      index < 0 ? reflection->MutableMessage(message, &field)
                : reflection->MutableRepeatedMessage(message, &field, index));
}

absl::Status MakeValid(Message* message) {
  const Reflection* reflection = message->GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(*message, &fields);
  for (const FieldDescriptor* field : fields) {
    const bool holds_text =
        field->type() == FieldDescriptor::TYPE_STRING ||
        field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (!holds_text) continue;
    if (!field->is_repeated()) {
      HP_RETURN_IF_ERROR(MakeValueValid(*field, -1, message));
      continue;
    }
    const int count = reflection->FieldSize(*message, field);
    for (int i = 0; i < count; ++i) {
      HP_RETURN_IF_ERROR(MakeValueValid(*field, i, message));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status MakeTextValid(Message* message) { return MakeValid(message); }

}  // namespace halfpipe

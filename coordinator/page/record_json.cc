#include "coordinator/page/record_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace halfpipe {
namespace {

using Json = nlohmann::ordered_json;

std::string Text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// With six digits, as no screen shows more; a number that is none is null.
Json Short(double value) {
  if (!std::isfinite(value)) return {};
  double rounded = 0.0;
  if (!absl::SimpleAtod(absl::StrFormat("%.6g", value), &rounded)) return {};
  return rounded;
}

Json ValidationsJson(const std::vector<ValidationResult>& results) {
  Json list = Json::array();
  for (const ValidationResult& result : results) {
    Json bands = Json::array();
    for (const ValidationBand& band : result.bands) {
      bands.push_back({Short(band.timestep), Short(band.loss)});
    }
    list.push_back({{"steps_done", result.steps_done},
                    {"loss", Short(result.loss)},
                    {"is_best", result.is_best()},
                    {"bands", bands}});
  }
  return list;
}

const char* SeverityName(LogSeverity severity) {
  switch (severity) {
    case LogSeverity::kInfo:
      return "info";
    case LogSeverity::kWarning:
      return "warning";
    case LogSeverity::kError:
      return "error";
  }
  return "";
}

}  // namespace

std::string StepsJson(const JobRecord& record, int64_t from, int64_t to,
                      size_t most) {
  Json points = Json::array();
  for (const StepPoint& point : record.steps().Between(from, to, most)) {
    points.push_back({point.steps_done, point.steps, Short(point.loss),
                      Short(point.least_loss), Short(point.most_loss),
                      Short(point.smoothed), Short(point.grad_norm),
                      Short(point.learning_rate)});
  }
  Json json;
  json["fields"] = {"steps_done", "steps",        "loss",
                    "least_loss", "most_loss",    "smoothed_loss",
                    "grad_norm",  "learning_rate"};
  json["points"] = points;
  json["validations"] = ValidationsJson(record.validations());
  return Text(json);
}

std::string LogJson(const JobRecord& record) {
  Json lines = Json::array();
  for (const RecordedLine& line : record.lines()) {
    lines.push_back(
        {{"time", absl::ToDoubleSeconds(line.time - absl::UnixEpoch())},
         {"severity", SeverityName(line.severity)},
         {"stage", line.stage.has_value() ? Json(*line.stage) : Json()},
         {"text", line.text}});
  }
  Json json;
  json["lines"] = lines;
  return Text(json);
}

std::string SettingsJson(const std::string& yaml) {
  Json json;
  json["yaml"] = yaml;
  return Text(json);
}

std::string FilesJson(const std::vector<OfferedFolder>& folders) {
  Json list = Json::array();
  for (const OfferedFolder& folder : folders) {
    Json files = Json::array();
    for (const OfferedFile& file : folder.files) {
      // As text: more digits than a browser's numbers have.
      files.push_back({{"name", file.name},
                       {"bytes", file.bytes},
                       {"changed", absl::StrCat(file.changed_ns)}});
    }
    list.push_back({{"path", folder.path},
                    {"steps_done", folder.steps_done},
                    {"files", files}});
  }
  Json json;
  json["folders"] = list;
  return Text(json);
}

}  // namespace halfpipe

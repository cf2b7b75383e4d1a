#include "stage/curves/job_curves.h"

#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"
#include "stage/curves/curve_folder.h"
#include "stage/curves/jsonl_curve.h"
#include "stage/curves/tensorboard_curve.h"

namespace halfpipe {
namespace {

std::unique_ptr<CurveFile> NewCurveFile(CurveFormat format,
                                        const std::string& folder) {
  if (format == CurveFormat::kJsonl) {
    return std::make_unique<JsonlCurve>(folder);
  }
  return std::make_unique<TensorBoardCurve>(folder);
}

}  // namespace

JobCurves::JobCurves(OutputConfig output)
    : output_(std::move(output)), forms_(output_.metrics.size()) {}

absl::Status JobCurves::Open() {
  if (!folder_.empty()) return absl::OkStatus();
  HP_ASSIGN_OR_RETURN(folder_, OpenCurveFolder(output_.dir));
  for (size_t i = 0; i < forms_.size(); ++i) {
    forms_[i].file = NewCurveFile(output_.metrics[i], folder_);
  }
  return absl::OkStatus();
}

absl::Status JobCurves::WriteWaiting(Form* form) {
  while (!form->waiting.empty()) {
    HP_RETURN_IF_ERROR(form->file->Write(form->waiting.front()));
    form->waiting.pop_front();
  }
  return absl::OkStatus();
}

void JobCurves::Write(const CurveRow& row) {
  if (forms_.empty()) return;
  for (Form& form : forms_) {
    form.waiting.push_back(row);
    if (form.waiting.size() > kMostWaiting) form.waiting.pop_front();
  }
  absl::Status status = Open();
  if (status.ok()) {
    for (Form& form : forms_) status.Update(WriteWaiting(&form));
  }
  Tell(status);
}

void JobCurves::Sync() {
  absl::Status status;
  for (Form& form : forms_) {
    if (form.file != nullptr) status.Update(form.file->Sync());
  }
  if (!status.ok()) Tell(status);
}

void JobCurves::Tell(const absl::Status& status) {
  if (status.ok()) {
    has_told_ = false;
    return;
  }
  if (std::exchange(has_told_, true)) return;
  LogWarning(
      "the job's curves cannot be written; the training goes on, and "
      "they are tried again with every step",
      {{"folder", folder_.empty() ? output_.dir : folder_},
       {"error", status.message()}});
}

}  // namespace halfpipe

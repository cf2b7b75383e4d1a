// docs/config.md out of the tables of fields.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/config/job_config.h"
#include "common/config/job_fields.h"

namespace halfpipe {
namespace {

std::string Cell(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"|", "\\|"}});
}

std::string DefaultCell(const Field& field) {
  if (field.role.required) return "required";
  std::string written = field.value->Write();
  return written == "\"\"" ? "empty" : absl::StrCat("`", written, "`");
}

void AppendTable(const std::vector<Field>& fields, std::string* out) {
  absl::StrAppend(out, "| key | value | default | meaning |\n",
                  "| --- | --- | --- | --- |\n");
  for (const Field& field : fields) {
    absl::StrAppend(out, "| `", field.key, "` | ", Cell(field.value->Allowed()),
                    " | ", Cell(DefaultCell(field)), " | ", Cell(field.doc));
    if (field.role.in_digest()) absl::StrAppend(out, " *");
    absl::StrAppend(out, " |\n");
  }
}

constexpr absl::string_view kIntroduction =
    R"(# The configuration files

Generated from the tables in `common/config`; a test keeps it in step.

Every problem of a file is reported at once, one line each, as
`file:line: key: what is wrong, what is allowed`. An unknown key is an error
and the message names the nearest right one. A dot in a key below stands for
nesting: `lora.rank` is `rank` in the mapping `lora`. Relative paths start from
the folder of the job file.

## The job file

Keys marked * decide the resulting LoRA: they are part of the config digest
that a checkpoint carries, and a job cannot be resumed with others.

)";

}  // namespace

std::string ConfigReferenceMarkdown() {
  JobConfig job;
  ServiceConfig service;
  std::string text(kIntroduction);
  AppendTable(JobFields(&job), &text);
  absl::StrAppend(&text,
                  "\n## The service file\n\n"
                  "For `halfpipe-coordinator --config FILE`. Every key has a "
                  "default.\n\n");
  AppendTable(ServiceFields(&service), &text);
  return text;
}

}  // namespace halfpipe

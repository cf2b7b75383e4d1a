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

void AppendTable(const std::vector<Field>& fields, bool with_class,
                 std::string* out) {
  absl::StrAppend(out, "| key | value | default |", with_class ? " edit |" : "",
                  " meaning |\n", "| --- | --- | --- |",
                  with_class ? " --- |" : "", " --- |\n");
  for (const Field& field : fields) {
    absl::StrAppend(out, "| `", field.key, "` | ", Cell(field.value->Allowed()),
                    " | ", Cell(DefaultCell(field)), " | ");
    if (with_class) {
      absl::StrAppend(out, KeyClassName(field.role.key_class), " | ");
    }
    absl::StrAppend(out, Cell(field.doc), " |\n");
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

You may edit, move and rename a job's file: as long as it trains the same, the
job goes on from its last checkpoint. The column *edit* says what happens if you
change the value of a key in a job that has begun:

| edit | what happens |
| --- | --- |
| free | nothing: the job goes on, and ends in the same bytes |
| machine | the job goes on, and says that the last bits may differ |
| content | files may be moved and renamed; if their content has changed, the job is refused (for data, `--accept-data` goes on) |
| extends | the job goes on from its last checkpoint to the new number of steps; fewer than are done are refused |
| decides | the LoRA would be another one: the job is refused, with the old and the new value. Give it another `output.dir`, or add `--replace` |

)";

}  // namespace

std::string ConfigReferenceMarkdown() {
  JobConfig job;
  ServiceConfig service;
  std::string text(kIntroduction);
  AppendTable(JobFields(&job), /*with_class=*/true, &text);
  absl::StrAppend(&text,
                  "\n## The service file\n\n"
                  "For `halfpipe-coordinator --config FILE`. Every key has a "
                  "default.\n\n");
  AppendTable(ServiceFields(&service), /*with_class=*/false, &text);
  return text;
}

}  // namespace halfpipe

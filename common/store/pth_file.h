// Files of torch.save in its zip form (.pth, .pt, .bin since torch 1.6): a
// pickle `<root>/data.pkl` that describes tensors over the plain records
// `<root>/data/<key>`. Source: torch/serialization.py of PyTorch 2.11.
#ifndef HP_COMMON_STORE_PTH_FILE_H_
#define HP_COMMON_STORE_PTH_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/store/archive_contents.h"

namespace halfpipe {

// The tensors of a state dict: a dict or OrderedDict of tensors, or one under
// the single entry state_dict, module or model_state. Scalars, strings and
// None beside tensors are skipped. Nothing in the file is executed.
// InvalidArgument names what is refused and what to do: the old form without a
// zip, names outside the list of pickle_machine.h, tensors that are not
// contiguous or go past their storage, big-endian data. DataLoss: truncated.
[[nodiscard]] absl::StatusOr<ArchiveContents> ListPth(const std::string& path);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_PTH_FILE_H_

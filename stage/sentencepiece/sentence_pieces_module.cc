// The module's side of sentence_pieces_abi.h. No other file of the project
// includes SentencePiece; this one includes nothing else of it.
#include <sentencepiece_processor.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "stage/sentencepiece/sentence_pieces_abi.h"

namespace {

using Processor = sentencepiece::SentencePieceProcessor;

const Processor& Model(const void* model) {
  return *static_cast<const Processor*>(model);
}

void SetError(const std::string& text, char* error, size_t error_size) {
  std::snprintf(error, error_size, "%s", text.c_str());
}

}  // namespace

void* HpSentencePiecesLoad(const char* file, char* error, size_t error_size) {
  try {
    auto model = std::make_unique<Processor>();
    const auto status = model->Load(file);
    if (status.ok()) return model.release();
    SetError(status.ToString(), error, error_size);
  } catch (const std::exception& thrown) {
    SetError(thrown.what(), error, error_size);
  }
  return nullptr;
}

void HpSentencePiecesFree(void* model) {
  delete static_cast<Processor*>(model);
}

int HpSentencePiecesEncode(const void* model, const char* text,
                           size_t text_size, int* ids, size_t capacity,
                           char* error, size_t error_size) {
  try {
    std::vector<int> result;
    const auto status =
        Model(model).Encode(std::string(text, text_size), &result);
    if (status.ok()) {
      std::copy_n(result.begin(), std::min(capacity, result.size()), ids);
      return static_cast<int>(result.size());
    }
    SetError(status.ToString(), error, error_size);
  } catch (const std::exception& thrown) {
    SetError(thrown.what(), error, error_size);
  }
  return -1;
}

int HpSentencePiecesPadId(const void* model) { return Model(model).pad_id(); }

int HpSentencePiecesEosId(const void* model) { return Model(model).eos_id(); }

int HpSentencePiecesCount(const void* model) {
  return Model(model).GetPieceSize();
}

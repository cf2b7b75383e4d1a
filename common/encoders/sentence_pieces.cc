#include "common/encoders/sentence_pieces.h"

#include <sentencepiece_processor.h>

#include <exception>

namespace halfpipe {
namespace {

bool Succeeded(const sentencepiece::util::Status& status, std::string* error) {
  if (!status.ok()) *error = status.ToString();
  return status.ok();
}

}  // namespace

SentencePieces::SentencePieces()
    : processor_(std::make_unique<sentencepiece::SentencePieceProcessor>()) {}

SentencePieces::~SentencePieces() = default;

std::unique_ptr<SentencePieces> SentencePieces::Load(const std::string& file,
                                                     std::string* error) {
  try {
    std::unique_ptr<SentencePieces> pieces(new SentencePieces);
    if (Succeeded(pieces->processor_->Load(file), error)) return pieces;
  } catch (const std::exception& thrown) {
    *error = thrown.what();
  }
  return nullptr;
}

bool SentencePieces::Encode(const std::string& text, std::vector<int>* ids,
                            std::string* error) const {
  try {
    return Succeeded(processor_->Encode(text, ids), error);
  } catch (const std::exception& thrown) {
    *error = thrown.what();
    return false;
  }
}

int SentencePieces::pad_id() const { return processor_->pad_id(); }

int SentencePieces::eos_id() const { return processor_->eos_id(); }

}  // namespace halfpipe

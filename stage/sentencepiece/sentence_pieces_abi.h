// The C interface of libhalfpipe-sentencepiece.so, the module that holds the
// SentencePiece library. Debian's libsentencepiece exports the symbols of its
// own, older protobuf; loaded beside gRPC's protobuf in the usual way it takes
// their place and the process crashes at start. So it lives in a module that
// is loaded with its symbols bound to itself.
#ifndef HP_STAGE_SENTENCEPIECE_SENTENCE_PIECES_ABI_H_
#define HP_STAGE_SENTENCEPIECE_SENTENCE_PIECES_ABI_H_

#include <cstddef>

extern "C" {

// Loads a model; nullptr, and why in `error` (zero-terminated, cut to its
// size), if that fails.
void* HpSentencePiecesLoad(const char* file, char* error, size_t error_size);
void HpSentencePiecesFree(void* model);

// Writes up to `capacity` ids of the text and returns how many there are (call
// again with more room if that is more), or -1 with `error` filled.
int HpSentencePiecesEncode(const void* model, const char* text,
                           size_t text_size, int* ids, size_t capacity,
                           char* error, size_t error_size);

int HpSentencePiecesPadId(const void* model);
int HpSentencePiecesEosId(const void* model);

// How many pieces the model has.
int HpSentencePiecesCount(const void* model);

}  // extern "C"

#endif  // HP_STAGE_SENTENCEPIECE_SENTENCE_PIECES_ABI_H_

//===- Status.cpp - Errors with a message of their own --------------------===//
//
// An error is one block: the struct, then its text.
//
//===----------------------------------------------------------------------===//

#include "runtime/Status.h"

#include <cstdlib>
#include <cstring>

struct attnrt_error {
  int32_t code;
  const char *message;
};

using namespace attn::rt;

static constexpr attnrt_error kOutOfMemory = {ATTNRT_OUT_OF_MEMORY,
                                              "out of memory"};

attnrt_status attn::rt::outOfMemory() noexcept { return &kOutOfMemory; }

attnrt_status attn::rt::makeError(int32_t code,
                                  const std::string &message) noexcept {
  size_t bytes = message.size() + 1;
  void *block = std::malloc(sizeof(attnrt_error) + bytes);
  if (!block)
    return outOfMemory();
  char *text = static_cast<char *>(block) + sizeof(attnrt_error);
  std::memcpy(text, message.c_str(), bytes);
  return new (block) attnrt_error{code, text};
}

int32_t attnrt_status_code(attnrt_status status) {
  return status ? status->code : ATTNRT_OK;
}

const char *attnrt_status_message(attnrt_status status) {
  return status ? status->message : "ok";
}

void attnrt_status_free(attnrt_status status) {
  if (status != &kOutOfMemory)
    std::free(const_cast<attnrt_error *>(status));
}

//===- Status.h - Errors with a message of their own -----------*- C++ -*-===//

#ifndef RUNTIME_STATUS_H
#define RUNTIME_STATUS_H

#include "runtime/attnrt.h"

#include <new>
#include <string>

namespace attn::rt {

/// Returns an error that the caller owns. Falls back to a constant
/// out-of-memory error, so it never throws.
attnrt_status makeError(int32_t code, const std::string &message) noexcept;

/// The error of a failed allocation; a constant.
attnrt_status outOfMemory() noexcept;

inline std::string toText(const char *text) { return text; }
inline std::string toText(const std::string &text) { return text; }
template <typename T> std::string toText(T number) {
  return std::to_string(number);
}

/// Returns an error whose message is `parts`, one after another.
template <typename... Parts>
attnrt_status fail(int32_t code, const Parts &...parts) {
  return makeError(code, (std::string() + ... + toText(parts)));
}
template <typename... Parts> attnrt_status invalid(const Parts &...parts) {
  return fail(ATTNRT_INVALID_ARGUMENT, parts...);
}

/// Runs `body`, which returns a status, at the C boundary: an exception of the
/// standard library becomes an error.
template <typename Body> attnrt_status guarded(Body body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc &) {
    return outOfMemory();
  } catch (...) {
    return makeError(ATTNRT_INTERNAL, "unexpected C++ exception");
  }
}

} // namespace attn::rt

#endif // RUNTIME_STATUS_H

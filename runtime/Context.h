//===- Context.h - What outlives a call ------------------------*- C++ -*-===//

#ifndef RUNTIME_CONTEXT_H
#define RUNTIME_CONTEXT_H

#include "runtime/Cpu.h"
#include "runtime/Cuda.h"
#include "runtime/attnrt_program.h"

#include <atomic>
#include <mutex>
#include <vector>

namespace attn::rt {

/// Memory aligned to ATTNRT_ALIGNMENT.
struct Block {
  char *data = nullptr;
  size_t bytes = 0;
};

} // namespace attn::rt

struct attnrt_context {
  attnrt_context();
  ~attnrt_context();

  /// Returns a block of at least `bytes` bytes, a kept one if there is one that
  /// is not far too large. Throws std::bad_alloc.
  attn::rt::Block acquire(size_t bytes);

  /// Keeps `block` for reuse, or frees it when enough is kept.
  void release(attn::rt::Block block) noexcept;

  /// Frees what is kept.
  void trim() noexcept;

  const attn::rt::Cpu cpu;

  /// Opened when a call first wants a CUDA device.
  attn::rt::Cuda cuda;

  /// How many threads a call uses unless it says otherwise.
  const int32_t threads;

  /// How many of them are at work now, so that calls made at the same time
  /// share them.
  std::atomic<int32_t> busyThreads{0};

private:
  /// Bounded, so that one large call does not hold its memory for good.
  const size_t maxKeptBytes;

  std::mutex mutex;
  std::vector<attn::rt::Block> kept; ///< guarded by `mutex`
  size_t keptBytes = 0;              ///< guarded by `mutex`
};

namespace attn::rt {

/// A block of the context for one scope.
class Loan {
public:
  Loan(attnrt_context &context, size_t bytes)
      : context(context), block(bytes ? context.acquire(bytes) : Block()) {}
  ~Loan() {
    if (block.data)
      context.release(block);
  }
  Loan(const Loan &) = delete;
  Loan &operator=(const Loan &) = delete;

  /// NULL when 0 bytes were asked for.
  char *data() const { return block.data; }

private:
  attnrt_context &context;
  Block block;
};

} // namespace attn::rt

#endif // RUNTIME_CONTEXT_H

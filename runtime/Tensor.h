//===- Tensor.h - A tensor argument as addresses ---------------*- C++ -*-===//

#ifndef RUNTIME_TENSOR_H
#define RUNTIME_TENSOR_H

#include "runtime/attnrt_program.h"

#include <string>

namespace attn::rt {

/// Returns the name of a type as a spec writes it: "bf16", "ui8", "f32x4".
std::string getTypeName(DLDataType type);

/// Returns the type that the spec gives to `arg`.
DLDataType getType(const attnrt_arg_desc &arg);

/// Returns the list of `numbers` in brackets.
std::string getListText(const int64_t *numbers, int64_t count);

/// The elements of a tensor argument in memory.
struct View {
  const attnrt_arg_desc *arg;
  const int64_t *extents;
  const int64_t *strides; ///< in elements
  uintptr_t data;         ///< of the element whose coordinates are all 0
  bool isEmpty;           ///< whether an extent is 0

  /// The bytes from the lowest to behind the highest element.
  uintptr_t begin = 0, end = 0;

  int64_t getElementBytes() const { return (arg->type_bits + 7) / 8; }

  /// Sets `begin` and `end`; returns false if they are no addresses.
  bool computeRange();

  /// Returns whether `data` is no multiple of the element's size.
  bool isMisaligned() const { return data % getElementBytes() != 0; }

  /// Returns whether every stride is at least the span of the smaller ones, so
  /// that no two elements share memory.
  bool isNested() const;
};

/// Writes the strides of a compact row-major tensor.
void getCompactStrides(const int64_t *extents, int64_t count, int64_t *strides);

/// Returns whether no byte belongs to both. May say false of views that
/// interleave in a way that has no common period.
bool areDisjoint(const View &a, const View &b);

} // namespace attn::rt

#endif // RUNTIME_TENSOR_H

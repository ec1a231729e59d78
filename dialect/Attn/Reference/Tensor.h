//===- Tensor.h - Tensors of the reference --------------------------------===//

#ifndef DIALECT_ATTN_REFERENCE_TENSOR_H
#define DIALECT_ATTN_REFERENCE_TENSOR_H

#include "dialect/Attn/Reference/Coordinates.h"
#include "dialect/Attn/Reference/ElementType.h"
#include <cstdint>
#include <vector>

namespace attn::reference {

/// An input where it lies: any element type, any strides. Not owned.
struct InputTensor {
  ElementType type = ElementType::F64;
  const void *base = nullptr;
  std::vector<int64_t> extents;
  std::vector<int64_t> strides; // in elements
};

/// An input with packed strides.
InputTensor makeInput(ElementType type, const void *base,
                      std::vector<int64_t> extents);

/// A part of a tensor: for every point of `box`, in row-major order, the value,
/// a bound of the error that a correct kernel may make in it (EvaluateOptions::
/// errors), and whether it is present. An absent value is 0.
struct Tensor {
  Tensor() = default;
  Tensor(CoordinateBox box, double value, bool present, bool withErrors);

  /// The place of a point of the box; -1 for a point outside.
  int64_t getOffset(const std::vector<int64_t> &point) const;
  /// The point at a place.
  std::vector<int64_t> getPoint(int64_t offset) const;

  CoordinateBox box;
  std::vector<int64_t> strides;
  std::vector<double> values;
  std::vector<double> errors;   // empty without errors: all 0
  std::vector<uint8_t> present; // empty: present everywhere
};

} // namespace attn::reference

#endif // DIALECT_ATTN_REFERENCE_TENSOR_H

//===- Npy.h - NumPy's file format ----------------------------------------===//
//
// Versions 1.0 to 3.0, little-endian, C and Fortran order. NumPy has no bf16
// and no f8: a bf16 tensor is written as its bits in uint16 ('<u2') and an f8
// one as its bits in uint8 ('|u1'). So '<u2' (and the '|V2' that ml_dtypes
// writes) is read as bf16, and '|u1' as ui8, whose bits the caller may take for
// f8.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECT_ATTN_REFERENCE_NPY_H
#define DIALECT_ATTN_REFERENCE_NPY_H

#include "dialect/Attn/Reference/Tensor.h"
#include <optional>
#include <string>
#include <vector>

namespace attn::reference {

struct NpyArray {
  ElementType type = ElementType::F32;
  std::vector<int64_t> extents;
  std::vector<int64_t> strides; // in elements
  std::vector<char> bytes;

  InputTensor getTensor() const {
    return {type, bytes.data(), extents, strides};
  }
};

/// Returns nothing, and what is wrong in `error`, where the file can't be read.
std::optional<NpyArray> readNpy(const std::string &path, std::string &error);

/// Writes a tensor in C order. Returns what is wrong, or an empty string.
std::string writeNpy(const std::string &path, const InputTensor &tensor);

} // namespace attn::reference

#endif // DIALECT_ATTN_REFERENCE_NPY_H

//===- TileRegisters.h - AMX's instructions ---------------------*- C++ -*-===//
//
// A register has up to 16 rows of 64 bytes. LLVM assigns registers and sets
// their shapes up once in a function, where none may have two.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TARGET_CPU_TILEREGISTERS_H
#define LIB_TARGET_CPU_TILEREGISTERS_H

#include "lib/Target/CPU/KernelLowering.h"

namespace attn::cpu {

/// Rows of a register, and bytes of one of its rows.
constexpr int64_t tileRows = 16, tileBytes = 64;

class TileRegisters {
public:
  explicit TileRegisters(KernelLowering &k) : k(k) {}

  mlir::Value zero(int64_t rows);
  /// `rows` rows of `bytes` bytes, `stride` bytes apart.
  mlir::Value load(mlir::Value pointer, mlir::Value stride, int64_t rows,
                   int64_t bytes);
  void store(mlir::Value sums, mlir::Value pointer, mlir::Value stride,
             int64_t rows);
  /// `sums` and the products of `rows` rows of `bytes` bytes of bf16 or i8, and
  /// of as many pairs or fours of rows of `right` as these have.
  mlir::Value multiply(mlir::Value sums, mlir::Value left, mlir::Value right,
                       mlir::Type element, int64_t rows, int64_t bytes);

private:
  KernelLowering &k;

  mlir::Value number(int64_t n);
  mlir::Value call(llvm::StringRef name, mlir::ValueRange operands);
};

} // namespace attn::cpu

#endif // LIB_TARGET_CPU_TILEREGISTERS_H

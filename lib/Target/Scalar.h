//===- Scalar.h - What the scalar language means, in arith ------*- C++ -*-===//
//
// attn's own scalar operations, the conversions of element types and the
// functions that no instruction computes, as arith and math operations that
// have one. Each works on a scalar or on a vector of them alike.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TARGET_SCALAR_H
#define LIB_TARGET_SCALAR_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace attn {

/// `element`, or a vector of it of the shape of `like`.
mlir::Type getTypeLike(mlir::Type like, mlir::Type element);
/// A number in every element of `type`.
mlir::Value makeConstant(mlir::ImplicitLocOpBuilder &b, mlir::Type type,
                         double number);
/// An integer in every element of `type`.
mlir::Value makeInteger(mlir::ImplicitLocOpBuilder &b, mlir::Type type,
                        int64_t number);

/// The type that arithmetic on elements of `type` is done in (S8).
mlir::Type getWideType(mlir::Type type);
/// The type that an element of `type` has in memory: signless, whole bytes,
/// and f16 as the only narrow float.
mlir::Type getMemoryType(mlir::Type type);
/// The type that an element of a tile has in scratch: i1 takes a byte, bf16 is
/// its bits.
mlir::Type getScratchType(mlir::Type element);
/// What was loaded from memory as `getMemoryType(element)`, widened.
mlir::Value widenElement(mlir::ImplicitLocOpBuilder &b, mlir::Value bits,
                         mlir::Type element);
/// The inverse (S8): rounds floats to nearest even; from float to integer
/// truncates and saturates; between integers keeps the low bits.
mlir::Value narrowElement(mlir::ImplicitLocOpBuilder &b, mlir::Value value,
                          mlir::Type element);

/// The larger (smaller) one; NaN if one is. `kept` is the operand that a chain
/// of these runs through.
mlir::Value emitMax(mlir::ImplicitLocOpBuilder &b, mlir::Value kept,
                    mlir::Value other);
mlir::Value emitMin(mlir::ImplicitLocOpBuilder &b, mlir::Value kept,
                    mlir::Value other);

/// The largest (smallest) of `kept` and all of `others`, vectors alike; NaN if
/// one is. Tests for NaN two at a time, and `kept` waits for one comparison.
mlir::Value emitExtreme(mlir::ImplicitLocOpBuilder &b, bool isMax,
                        mlir::Value kept, mlir::ValueRange others);

/// Whether two -inf make -inf in this difference (S6): all that reads it is an
/// exponential.
bool isGuardedDifference(mlir::Operation *op);

/// Instructions that shorten an expansion.
struct ScalarTarget {
  /// AVX-512's vscalefps: x times two to the power of an integral float.
  bool hasScalef = false;
  /// Whether exponentials need no more than what bf16 tells apart: a relative
  /// error of 8e-5, where bf16 rounds by 4e-3.
  bool hasRoughExp = false;
  /// PTX's ex2.approx for exponentials in f32: a relative error of 2^-22 for
  /// 2^x, and of 2^-22 + |x| * 2^-24 for exp(x).
  bool hasExp2 = false;
  /// PTX's rcp.approx for quotients in f32, of divisors from 2^-126 to 2^126: a
  /// relative error of 2^-22. Many quotients by one number take one.
  bool hasReciprocal = false;
};

/// Emits `op` on other operands (scalars or vectors of the types of its own).
/// Returns null, without an error, for what has no expansion here.
mlir::Value emitScalarOp(mlir::ImplicitLocOpBuilder &b, mlir::Operation *op,
                         mlir::ValueRange operands, ScalarTarget target = {});

} // namespace attn

#endif // LIB_TARGET_SCALAR_H

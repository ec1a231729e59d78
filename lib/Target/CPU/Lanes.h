//===- Lanes.h - A map's region on several vectors at once ------*- C++ -*-===//
//
// Inside a map, a value is *uniform* (the same for all lanes: a scalar),
// *linear* (an index that grows by a constant from lane to lane: a scalar and
// that constant), or *varying* (vectors). What is uniform stays scalar until a
// vector needs it; coordinates stay linear until something else than a
// comparison or a sum needs them.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TARGET_CPU_LANES_H
#define LIB_TARGET_CPU_LANES_H

#include "lib/Target/CPU/KernelLowering.h"

namespace attn::cpu {

struct LaneValue {
  enum Kind { Uniform, Linear, Varying };
  Kind kind = Uniform;
  mlir::Value scalar; ///< uniform: the value; linear: that of lane 0
  int64_t slope = 0;  ///< linear: from one lane to the next
  llvm::SmallVector<mlir::Value> vectors; ///< varying

  static LaneValue uniform(mlir::Value value) {
    return {Uniform, value, 0, {}};
  }
  static LaneValue linear(mlir::Value first, int64_t slope) {
    return slope == 0 ? uniform(first) : LaneValue{Linear, first, slope, {}};
  }
  /// A number, or one vector.
  static LaneValue make(mlir::Value value) {
    return mlir::isa<mlir::VectorType>(value.getType()) ? varying({value})
                                                        : uniform(value);
  }
  static LaneValue varying(llvm::SmallVector<mlir::Value> vectors) {
    return {Varying, {}, 0, std::move(vectors)};
  }
};

/// Emits a region for `numVectors` vectors of lanes.
class LaneEmitter {
public:
  LaneEmitter(KernelLowering &k, int64_t numVectors)
      : target(k.scalarTarget), k(k), b(k.b), numVectors(numVectors) {}

  ScalarTarget target;

  /// What `tile.coord` of each rank is.
  llvm::SmallDenseMap<mlir::StringAttr, LaneValue, 4> coordinates;

  void bind(mlir::Value value, LaneValue lanes) { values[value] = lanes; }
  /// Makes quotients by `divisor`, which is neither 0 nor so large or small
  /// that its reciprocal is not normal, products with that.
  void bindReciprocal(mlir::Value divisor, LaneValue reciprocal) {
    reciprocals[divisor] = reciprocal;
  }
  /// Emits every operation whose result is not bound, but for the terminator.
  mlir::LogicalResult emit(mlir::Block &block);
  LaneValue get(mlir::Value value);
  /// The vector number `index` of `value`; a scalar is broadcast.
  mlir::Value getVector(const LaneValue &value, int64_t index);

private:
  KernelLowering &k;
  mlir::ImplicitLocOpBuilder &b;
  int64_t numVectors;
  llvm::DenseMap<mlir::Value, LaneValue> values, reciprocals;

  bool emitProduct(DivOp op);
  mlir::LogicalResult emitOp(mlir::Operation *op);
  bool emitLinear(mlir::Operation *op);
  LaneValue compareLinear(mlir::arith::CmpIPredicate predicate,
                          const LaneValue &x, const LaneValue &y);
  LaneValue castLinear(const LaneValue &value, mlir::FloatType type);
  mlir::LogicalResult emitRead(tile::ReadOp op);
  mlir::Value emitOn(mlir::Operation *op, mlir::ValueRange operands,
                     mlir::Type like);
  /// `slope` times the lanes' numbers in the vector number `index`.
  mlir::Value makeSteps(mlir::Type element, int64_t slope, int64_t index);
};

} // namespace attn::cpu

#endif // LIB_TARGET_CPU_LANES_H

//===- BoxEvaluator.h - What a filter may be over a box ---------*- C++ -*-===//
//
// Interval arithmetic on the expressions of a filter. Coordinates have the
// bounds of the box. What is read from tensors at coordinates of the box has
// the least and the greatest of the values there, which a `tile.bounds` finds
// at run time.
//
// Integers wrap (S8), bounds do not: arithmetic in i32 has the bounds of that
// type where the 64-bit bounds of its result are not in it; arithmetic on what
// is read of an i64 tensor has none, unless it is inside of a `tile.bounds`,
// which computes each value as it is.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_MAPPING_BOXEVALUATOR_H
#define LIB_MAPPING_BOXEVALUATOR_H

#include "dialect/Attn/AttnOps.h"
#include "dialect/Tile/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"

namespace attn {

/// Whether a condition may hold somewhere, and must hold everywhere.
struct Truth {
  mlir::Value some, every;
};

/// Bounds of a rank, half open; null where there is none.
struct RankRange {
  mlir::Value lo, hi;
};

/// Ranges of a rank, outside all of which a condition is false.
struct RankRanges {
  llvm::SmallVector<RankRange, 2> ranges;
  /// Whether they came of every part of the condition; else some `or` was
  /// taken for all that lies between.
  bool isExact = true;
};

/// Emits what the box of a `tile.range` or `tile.test` says of its filter,
/// before that operation.
class BoxEvaluator {
public:
  BoxEvaluator(mlir::OpBuilder &builder, mlir::Location loc,
               mlir::ArrayAttr ranks, llvm::ArrayRef<int64_t> sizes,
               mlir::ValueRange offsets);

  Truth getTruth(mlir::Value condition);
  /// The same of a tile of `rank` that is in one of `getRanges`, which are
  /// exact or not.
  Truth getTruthWithin(mlir::Value condition, mlir::StringAttr rank,
                       bool isExact);
  /// The ranges of `rank`, which is none of the box, outside which `condition`
  /// is false: one or two.
  RankRanges getRanges(mlir::Value condition, mlir::StringAttr rank);
  /// The first coordinate of one of the box's ranks.
  mlir::Value getOffset(mlir::StringAttr rank) { return box[rank].offset; }
  /// All that two ranges have, and what lies between.
  RankRange getHull(RankRange a, RankRange b);

private:
  /// Inclusive bounds of an integer over the box.
  struct Bounds {
    mlir::Value lo, hi;
    /// Whether they may be any i64; else they are far from those that wrap.
    bool isWide = false;
  };
  /// One of the box's ranks.
  struct Side {
    int64_t size;
    mlir::Value offset;
    Bounds bounds;
  };
  /// An integer as `sign` times the coordinate of a rank and the rest. `holds`
  /// says at run time that it is: that nothing wraps; null: it is.
  struct Linear {
    int sign;
    Bounds rest;
    mlir::Value holds;
  };

  std::optional<Bounds> getBounds(mlir::Value value);
  std::optional<Bounds> combine(mlir::Operation *op, const Bounds &a,
                                const Bounds &b);
  std::optional<Bounds> readBounds(mlir::Value value);
  std::optional<Bounds> narrow(mlir::Type type, Bounds bounds);
  mlir::Value isIn(mlir::Type type, mlir::Value lo, mlir::Value hi);
  std::optional<Linear> splitLinear(mlir::Value value, mlir::StringAttr rank);
  bool isRanged(mlir::Value condition, mlir::StringAttr rank);
  RankRange getRange(mlir::arith::CmpIOp cmp, mlir::StringAttr rank);
  RankRange intersect(RankRange a, RankRange b);
  Truth compareBounds(mlir::arith::CmpIPredicate predicate, const Bounds &a,
                      const Bounds &b);
  RankRange solve(mlir::arith::CmpIPredicate predicate, const Linear &left,
                  const Linear &right);
  mlir::Value subtractLoosely(mlir::Value x, mlir::Value y);
  mlir::Value cloneUniform(mlir::Value value);

  mlir::Value constant(int64_t value) {
    return mlir::arith::ConstantIndexOp::create(builder, loc, value);
  }
  mlir::Value boolean(bool value) {
    return mlir::arith::ConstantIntOp::create(builder, loc, value, 1);
  }
  mlir::Value add(mlir::Value a, mlir::Value b) {
    return mlir::arith::AddIOp::create(builder, loc, a, b);
  }
  mlir::Value sub(mlir::Value a, mlir::Value b) {
    return mlir::arith::SubIOp::create(builder, loc, a, b);
  }
  mlir::Value min(mlir::Value a, mlir::Value b) {
    return mlir::arith::MinSIOp::create(builder, loc, a, b);
  }
  mlir::Value max(mlir::Value a, mlir::Value b) {
    return mlir::arith::MaxSIOp::create(builder, loc, a, b);
  }
  mlir::Value both(mlir::Value a, mlir::Value b) {
    return mlir::arith::AndIOp::create(builder, loc, a, b);
  }
  mlir::Value either(mlir::Value a, mlir::Value b) {
    return mlir::arith::OrIOp::create(builder, loc, a, b);
  }
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b) {
    return mlir::arith::SelectOp::create(builder, loc, condition, a, b);
  }
  mlir::Value compare(mlir::arith::CmpIPredicate predicate, mlir::Value a,
                      mlir::Value b) {
    return mlir::arith::CmpIOp::create(builder, loc, predicate, a, b);
  }

  mlir::OpBuilder &builder;
  mlir::Location loc;
  llvm::SmallDenseMap<mlir::StringAttr, Side> box;
  mlir::IRMapping uniform;
};

} // namespace attn

#endif // LIB_MAPPING_BOXEVALUATOR_H

//===- ExpressionEmitter.h - Einsum expressions and presence, in tiles ----===//
//
// Rewrites the scalar expressions of Einsums as expressions of tile
// coordinates, and says under which conditions a point is present (S2 to S4).
//
//===----------------------------------------------------------------------===//

#ifndef LIB_MAPPING_EXPRESSIONEMITTER_H
#define LIB_MAPPING_EXPRESSIONEMITTER_H

#include "dialect/Tile/TileOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"
#include <functional>

namespace attn {

/// The coordinate of each rank variable at the point at hand.
using Coordinates = llvm::SmallDenseMap<mlir::StringAttr, mlir::Value, 8>;

/// The coordinates that loops count, by the rank that each walks.
using LoopCoordinates = llvm::SmallDenseMap<mlir::Value, mlir::StringAttr, 2>;

/// Emits a read: gives the element, or null where the reader can't be emitted
/// here (a filter over a box cannot read an element that varies inside it).
using ReadHandler = std::function<mlir::Value(ReadOp)>;

/// Gives a scalar argument of the cascade as a value of the kernel.
using ScalarHandler = std::function<mlir::Value(mlir::Value)>;

class ExpressionEmitter {
public:
  /// `scalars` maps the cascade's scalar arguments to the kernel's.
  ExpressionEmitter(mlir::OpBuilder &builder, EinsumOp einsum,
                    const Coordinates &coordinates, ScalarHandler scalars,
                    ReadHandler reads)
      : builder(builder), einsum(einsum), coordinates(coordinates),
        scalars(std::move(scalars)), reads(std::move(reads)) {}

  /// The value that `value`, of the Einsum's region, has at the point; null
  /// where a read was not possible.
  mlir::Value emit(mlir::Value value);

private:
  mlir::OpBuilder &builder;
  EinsumOp einsum;
  const Coordinates &coordinates;
  ScalarHandler scalars;
  ReadHandler reads;
  llvm::DenseMap<mlir::Value, mlir::Value> emitted;
};

/// A condition on the presence of a point (S4): an i1 over tile coordinates,
/// and the coordinates that it mentions. A null value is a condition that could
/// not be emitted here.
struct PresenceCondition {
  mlir::Value value;
  llvm::SmallSetVector<mlir::StringAttr, 4> vars;
};

/// Emits the conditions under which the points of an Einsum are present: the
/// conjuncts of its filter, and one for each access, which is inside its
/// tensor's extents and reads something present.
class PresenceEmitter {
public:
  /// Reads an element at coordinates of the Einsum that reads it.
  using ReadAt =
      std::function<mlir::Value(EinsumOp, ReadOp, const Coordinates &)>;
  using Producer = std::function<EinsumOp(mlir::Value)>;

  /// `producer` finds the Einsum that makes a tensor, or null where the tensor
  /// is present everywhere (an input, a state).
  PresenceEmitter(mlir::OpBuilder &builder, const LoopCoordinates &loops,
                  Producer producer, ScalarHandler scalars, ReadAt reads)
      : builder(builder), loops(loops), producer(std::move(producer)),
        scalars(std::move(scalars)), reads(std::move(reads)) {}

  llvm::SmallVector<PresenceCondition> emit(EinsumOp einsum,
                                            const Coordinates &coordinates);

private:
  void emitBounds(ReadOp read, unsigned dim, mlir::Value index,
                  llvm::SmallVectorImpl<mlir::Value> &conditions);
  void emitProducer(EinsumOp maker, mlir::ValueRange indices, ReadOp read,
                    llvm::SmallVectorImpl<mlir::Value> &conditions);
  mlir::Value conjoin(mlir::Location loc,
                      llvm::ArrayRef<mlir::Value> conditions);

  llvm::SmallSetVector<mlir::StringAttr, 4>
  getMentioned(mlir::ValueRange values, const Coordinates &coordinates);

  mlir::OpBuilder &builder;
  const LoopCoordinates &loops;
  Producer producer;
  ScalarHandler scalars;
  ReadAt reads;
  unsigned depth = 0;
};

/// The rank variables on whose tile coordinates `value` depends, or on what
/// `loops` count.
llvm::SmallSetVector<mlir::StringAttr, 4>
getCoordinateVars(mlir::Value value,
                  const LoopCoordinates &loops = LoopCoordinates());

} // namespace attn

#endif // LIB_MAPPING_EXPRESSIONEMITTER_H

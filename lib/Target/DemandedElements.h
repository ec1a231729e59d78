//===- DemandedElements.h - Which elements of a tile are used ---*- C++ -*-===//
//
// The last tile of a rank reaches past the rank's extent, and a short sequence
// fills a part of one tile. What lies there is stored nowhere, filtered out of
// reductions, or multiplied by a zero that a filter left: it need not be loaded
// or computed. This analysis finds along which ranks that is so. It goes from
// the uses of a tile to the tile, through loops, to a fixed point.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TARGET_DEMANDEDELEMENTS_H
#define LIB_TARGET_DEMANDEDELEMENTS_H

#include "dialect/Tile/TileOps.h"

namespace attn {

class DemandedElements {
public:
  DemandedElements() = default;
  explicit DemandedElements(tile::KernelOp kernel);

  /// The coordinate of the first element of `tile` along `rank`, if no element
  /// at the rank's extent or past it is used; null if one may be.
  mlir::Value getOrigin(mlir::Value tile, mlir::StringAttr rank) const;
  /// The same of the products that `contract` sums along `rank`: those at the
  /// extent or past it must be left out, one factor being undefined there.
  static mlir::Value getOrigin(tile::ContractOp contract,
                               mlir::StringAttr rank);
  /// Whether `condition`, in a map, implies that the coordinate of `rank` is
  /// below its extent.
  static bool isBelowExtent(mlir::Value condition, mlir::StringAttr rank);
  /// Where what `map` makes is not zero, as a condition in its region: what is
  /// 0 elsewhere. Null for a map that may be anything anywhere, or for none.
  static mlir::Value getNonzeroFilter(tile::MapOp map);
  /// The same of the points that `map` reduces along `rank`.
  static mlir::Value getOrigin(tile::MapOp map, mlir::StringAttr rank);

private:
  using Element = std::pair<mlir::Value, mlir::StringAttr>;

  void visit(mlir::Operation *op);
  void visit(tile::MapOp map);
  void visit(tile::ContractOp contract);
  void visit(tile::StoreOp store);
  /// Takes one more use of `tile` along `rank` in: one that uses what `origin`
  /// says, or what is used of `of`.
  void demand(mlir::Value tile, mlir::StringAttr rank, mlir::Value origin);
  void demandAs(mlir::Value tile, mlir::StringAttr rank, mlir::Value of);
  void demandAll(mlir::Value tile);

  /// Null where all is used; no entry where no use has been seen.
  llvm::DenseMap<Element, mlir::Value> origins;
  bool hasChanged = false;
};

} // namespace attn

#endif // LIB_TARGET_DEMANDEDELEMENTS_H

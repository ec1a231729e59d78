//===- InPlace.cpp - Tiles worked on where a view has them ----------------===//
//
// A tile that is only read element by element, or only stored, needs no copy in
// scratch where the view has its elements as they are wanted: all inside and of
// the tile's type. Only the run shows whether that is so, and then
// - what a contraction broadcasts is in place if it has scratch's own strides,
//   which are part of the code, also where the tile reaches past an extent
//   that the contraction's loops stop at;
// - what maps read, what is stored, and rows longer than the tile that a
//   contraction broadcasts, if the last rank's elements lie one after the
//   other. The other strides are values then, the view's or scratch's, and the
//   same code works on either.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/Move.h"
#include "lib/Target/FusedAccumulator.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

Value MoveLowering::hasLayout(bool isCut) {
  if (tile.layout.numPanels > 1)
    return makeInteger(b, b.getI1Type(), 0);
  Value result = isCut ? isUsedInside : isWhole;
  for (auto [dimension, stride] : llvm::zip(dimensions, tile.layout.strides))
    result = k.both(result, arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                                  dimension.stride,
                                                  k.constant(stride)));
  return result;
}

Value MoveLowering::isContiguous() {
  return k.both(isWhole,
                arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                      dimensions.back().stride, k.constant(1)));
}

Buffer MoveLowering::choosePlace(Value isInPlace, bool hasStrides) {
  Buffer place = tile;
  place.pointer = arith::SelectOp::create(b, isInPlace, base, tile.pointer);
  if (!hasStrides)
    return place;
  place.scratch = tile.pointer;
  for (auto [index, dimension] : llvm::enumerate(dimensions)) {
    bool isLane = int64_t(index) == tile.layout.panelPosition;
    Value inView = dimension.stride;
    Value inScratch = k.constant(tile.layout.strides[index]);
    if (isLane) {
      inView = k.constant(tile.layout.panelVectors * k.unit.lanes);
      inScratch = k.constant(tile.layout.panelStride);
    }
    bool isUnit = !isLane && index + 1 == dimensions.size();
    place.strides.push_back(
        isUnit ? Value()
               : b.createOrFold<arith::SelectOp>(isInPlace, inView, inScratch));
  }
  return place;
}

LogicalResult MoveLowering::runUnless(Value condition) {
  LogicalResult result = success();
  k.when(condition, [] {}, [&] { result = run(); });
  return result;
}

//===----------------------------------------------------------------------===//
// Which tiles
//===----------------------------------------------------------------------===//

/// Whether memory and scratch have the same elements.
static bool hasSameElements(tile::ViewType view, tile::TileType type) {
  return view.getElementType() == type.getElementType() &&
         !type.getElementType().isInteger(1) && !type.getRanks().empty();
}

/// Whether all that reads a tile are contractions that broadcast its elements
/// one by one.
static bool isOnlyBroadcast(tile::LoadOp op, StringAttr laneRank) {
  if (laneRank && op.getResult().getType().getRankPosition(laneRank) >= 0)
    return false;
  return llvm::all_of(op->getUses(), [&](OpOperand &use) {
    auto contract = dyn_cast<tile::ContractOp>(use.getOwner());
    return contract && use.get() != contract.getAcc();
  });
}

/// Whether contractions read a broadcast tile up to where what is used of it
/// ends, and no further: along the rows, and along what they sum over.
static bool isReadToItsEnd(tile::LoadOp op, StringAttr laneRank) {
  return llvm::all_of(op->getUsers(), [&](Operation *user) {
    auto type = cast<tile::ContractOp>(user).getResult().getType();
    return llvm::count_if(type.getRanks(), [&](StringAttr rank) {
             return rank != laneRank;
           }) <= 1;
  });
}

/// Whether all that reads a tile are maps, which take any strides.
static bool isOnlyMapped(tile::LoadOp op) {
  return llvm::all_of(op->getUsers(), [](Operation *user) {
    auto map = dyn_cast<tile::MapOp>(user);
    return map && !isFusedAccumulator(map);
  });
}

/// Whether a broadcast tile has parts of rows: those of the view are longer, so
/// that it never has scratch's strides.
static bool hasPartsOfRows(tile::LoadOp op) {
  tile::TileType type = op.getResult().getType();
  auto last = cast<StringAttr>(op.getDims()[op.getDims().size() - 1]);
  if (!type.getElementType().isF32() || type.getRanks().back() != last)
    return false;
  StringAttr rank = op.getView().getType().getRanks().back();
  auto kernel = op->getParentOfType<tile::KernelOp>();
  return llvm::none_of(kernel.getRanks().getAsRange<RankAttr>(),
                       [&](RankAttr declared) {
                         return declared.getName() == rank &&
                                declared.getKind() == RankKind::Fixed &&
                                declared.getValue() <= type.getSizes().back();
                       });
}

//===----------------------------------------------------------------------===//
// Loads
//===----------------------------------------------------------------------===//

LogicalResult KernelLowering::lowerLoad(tile::LoadOp op) {
  if (isMoved(op))
    return success();
  MoveLowering move(*this, op.getView(), op.getResult(), op.getOffsets(),
                    op.getDims(), /*isStore=*/false);
  tile::TileType type = op.getResult().getType();
  if (isReadCrosswise(op)) {
    crosswise[op.getResult()] = move.getCrosswise();
    return move.runUnless(crosswise[op.getResult()].isInPlace);
  }
  bool isSame = hasSameElements(op.getView().getType(), type);
  bool isBroadcast = isSame && isOnlyBroadcast(op, getLaneRank());
  bool isMapped = isSame && isOnlyMapped(op) &&
                  hasLanesLast(type, op.getDims(), getLaneRank(), unit);
  if (!isBroadcast && !isMapped) {
    return move.run();
  }
  bool hasStrides = isMapped || hasPartsOfRows(op);
  Value isInPlace = hasStrides
                        ? move.isContiguous()
                        : move.hasLayout(isReadToItsEnd(op, getLaneRank()));
  places[op.getResult()] = move.choosePlace(isInPlace, hasStrides);
  return move.runUnless(isInPlace);
}

//===----------------------------------------------------------------------===//
// Stores
//===----------------------------------------------------------------------===//

/// Computes where a result is to be stored before the result is made.
void KernelLowering::hoistOffsets() {
  IRRewriter rewriter(b.getContext());
  kernel.walk([&](Operation *op) {
    if (!isa<tile::MapOp, tile::ContractOp>(op))
      return;
    tile::StoreOp store = getOnlyStore(op);
    if (store && failed(moveValueDefinitions(rewriter, store.getOffsets(), op)))
      placedLate.insert(store);
  });
}

/// Lets `op`, a map or a contraction, write its result to the view that it is
/// stored to.
void KernelLowering::placeResult(Operation *op) {
  tile::StoreOp store = getOnlyStore(op);
  if (!store || placedLate.contains(store))
    return;
  tile::TileType type = store.getTile().getType();
  if (!hasSameElements(store.getView().getType(), type) ||
      !hasLanesLast(type, store.getDims(), getLaneRank(), unit))
    return;
  MoveLowering move(*this, store.getView(), store.getTile(), store.getOffsets(),
                    store.getDims(), /*isStore=*/true);
  Value isInPlace = both(isWanted(store), move.isContiguous());
  places[store.getTile()] = move.choosePlace(isInPlace, /*hasStrides=*/true);
  writtenInPlace[store] = isInPlace;
}

/// Whether the caller gave the output that `op` stores.
Value KernelLowering::isWanted(tile::StoreOp op) {
  Value null = LLVM::ZeroOp::create(b, framePointer.getType());
  return LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::ne,
                              getView(op.getView()).pointer, null);
}

LogicalResult KernelLowering::lowerStore(tile::StoreOp op) {
  if (isMoved(op))
    return success();
  Value isLeft = isWanted(op);
  if (Value isInPlace = writtenInPlace.lookup(op))
    isLeft = both(isLeft, arith::XOrIOp::create(
                              b, isInPlace, makeInteger(b, b.getI1Type(), 1)));
  LogicalResult result = success();
  when(isLeft, [&] {
    result = MoveLowering(*this, op.getView(), op.getTile(), op.getOffsets(),
                          op.getDims(), /*isStore=*/true)
                 .run();
  });
  return result;
}

//===----------------------------------------------------------------------===//
// Maps on the way
//===----------------------------------------------------------------------===//

LogicalResult KernelLowering::lowerMoved(tile::MapOp map, Operation *move) {
  if (auto load = dyn_cast<tile::LoadOp>(move))
    return MoveLowering(*this, load.getView(), map.getResult(),
                        load.getOffsets(), load.getDims(), /*isStore=*/false,
                        map)
        .run();
  auto store = cast<tile::StoreOp>(move);
  LogicalResult result = success();
  when(isWanted(store), [&] {
    result = MoveLowering(*this, store.getView(), map.getResult(),
                          store.getOffsets(), store.getDims(),
                          /*isStore=*/true, map)
                 .run();
  });
  return result;
}

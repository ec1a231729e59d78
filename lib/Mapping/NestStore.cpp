//===- NestStore.cpp - Results of one kernel, to memory -------------------===//

#include "lib/Mapping/NestEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn;

/// Makes the coordinates at which `einsum`'s result is absent 0 (S7).
FailureOr<Value> NestEmitter::zeroAbsent(EinsumOp einsum, Value tile,
                                         const Scope &scope) {
  FailureOr<SmallVector<Dim>> all = getDims(einsum, scope);
  if (failed(all))
    return failure();
  SmallVector<Dim> dims;
  for (const Dim &dim : *all)
    if (!einsum.getReducer(dim.rank))
      dims.push_back(dim);
  Location loc = einsum.getLoc();
  Type type = cast<tile::TileType>(tile.getType()).getElementType();
  tile::MapOp map = createMap(loc, dims, {}, tile, type);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(&map.getBody().front());
  Value element = map.getBody().getArgument(0);
  Coordinates coordinates = getUniformCoordinates();
  for (const Dim &dim : dims)
    coordinates[dim.rank] =
        tile::CoordOp::create(builder, loc, builder.getIndexType(), dim.rank);
  for (auto reducer : einsum.getReducers().getAsRange<ReduceAttr>())
    coordinates[reducer.getVar()] = tile::CoordOp::create(
        builder, loc, builder.getIndexType(),
        builder.getStringAttr("reduced." + reducer.getVar().getValue()));
  PresenceEmitter presence = createPresence(
      [&](EinsumOp owner, ReadOp read, const Coordinates &at) -> Value {
        return readTileOrView(map, owner, read, at);
      });
  Value present;
  for (PresenceCondition &condition : presence.emit(einsum, coordinates)) {
    bool culls = llvm::any_of(condition.vars, [](StringAttr var) {
      return var.getValue().starts_with("reduced.");
    });
    if (culls)
      continue;
    if (!condition.value)
      return einsum.emitOpError("depends on the presence of a tensor that its "
                                "nest does not have at hand");
    present = present ? Value(arith::AndIOp::create(builder, loc, present,
                                                    condition.value))
                      : condition.value;
  }
  if (!present) {
    tile::YieldOp::create(builder, loc, element, Value());
    map.erase();
    return tile;
  }
  Value zero = arith::ConstantOp::create(
      builder, loc, builder.getZeroAttr(element.getType()));
  Value value = arith::SelectOp::create(builder, loc, present, element, zero);
  tile::YieldOp::create(builder, loc, value, Value());
  return map.getResult();
}

SmallVector<ArrayAttr> NestEmitter::getGroups(Value tensor) {
  SmallVector<ArrayAttr> groups;
  if (auto einsum = tensor.getDefiningOp<EinsumOp>())
    llvm::append_range(groups, einsum.getOut().getAsRange<ArrayAttr>());
  else
    for (StringAttr rank : cast<attn::TensorType>(tensor.getType()).getRanks())
      groups.push_back(builder.getArrayAttr(rank));
  return groups;
}

LogicalResult NestEmitter::store(Value tensor, Value view,
                                 ArrayRef<ArrayAttr> groups,
                                 const Scope &scope) {
  Location loc = nest.getLoc();
  Value tile = tiles.lookup(tensor);
  if (!tile)
    return nest.emitOpError("has a result that is not at hand where it is "
                            "stored");
  if (auto einsum = tensor.getDefiningOp<EinsumOp>()) {
    FailureOr<Value> whole = zeroAbsent(einsum, tile, scope);
    if (failed(whole))
      return failure();
    tile = *whole;
  }
  // Along each rank of the result: the tile's first coordinate there.
  auto tileType = cast<tile::TileType>(tile.getType());
  SmallVector<Value> offsets;
  SmallVector<Attribute> dims;
  for (ArrayAttr group : groups) {
    Value offset;
    StringAttr dim = builder.getStringAttr("");
    for (auto var : group.getAsRange<StringAttr>()) {
      Value origin = var == scope.streamed ? scope.offset : origins.lookup(var);
      if (!origin)
        origin = constant(0);
      if (tileType.getRankPosition(var) >= 0)
        dim = var;
      if (offset) {
        Value extent =
            tile::ExtentOp::create(builder, loc, builder.getIndexType(), var);
        offset = arith::MulIOp::create(builder, loc, offset, extent);
        origin = arith::AddIOp::create(builder, loc, offset, origin);
      }
      offset = origin;
    }
    offsets.push_back(offset);
    dims.push_back(dim);
  }
  tile::StoreOp::create(builder, loc, tile, view, offsets,
                        builder.getArrayAttr(dims));
  return success();
}

LogicalResult NestEmitter::storeResults(ArrayRef<Destination> destinations) {
  Operation *yield = nest.getBody().front().getTerminator();
  for (const Destination &destination : destinations) {
    Value value = yield->getOperand(destination.result);
    if (storedAsMade.count(value))
      continue;
    if (failed(store(value, destination.view, getGroups(value), Scope())))
      return failure();
  }
  return success();
}

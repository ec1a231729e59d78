//===- NestEinsum.cpp - One Einsum as a map over tiles --------------------===//

#include "lib/Mapping/NestEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn;

/// `value` rounded to the element type `written`, and widened again.
Value NestEmitter::roundTo(Type written, Value value) {
  if (written == value.getType() || !isa<FloatType>(written))
    return value;
  return CastOp::create(builder, value.getLoc(), getComputeType(written), value,
                        TypeAttr::get(written), UnitAttr());
}

tile::MapOp NestEmitter::createMap(Location loc, ArrayRef<Dim> dims,
                                   ArrayRef<ReduceAttr> reducers,
                                   ValueRange inputs, Type element) {
  SmallVector<Dim> resultDims;
  SmallVector<Attribute> ranks, reduced;
  SmallVector<int64_t> extents;
  SmallVector<Value> offsets;
  for (const Dim &dim : dims) {
    ranks.push_back(dim.rank);
    extents.push_back(dim.size);
    offsets.push_back(dim.offset);
    auto *reducer = llvm::find_if(reducers, [&](ReduceAttr reducer) {
      return reducer.getVar() == dim.rank;
    });
    if (reducer == reducers.end())
      resultDims.push_back(dim);
    else
      reduced.push_back(*reducer);
  }
  auto map = tile::MapOp::create(
      builder, loc, getTileType(resultDims, element),
      builder.getArrayAttr(ranks), builder.getDenseI64ArrayAttr(extents),
      builder.getArrayAttr(reduced), offsets, inputs, Value());
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(&map.getBody());
  for (Value input : inputs)
    block->addArgument(cast<tile::TileType>(input.getType()).getElementType(),
                       loc);
  return map;
}

Value NestEmitter::emitMap(Location loc, ArrayRef<Dim> dims, ValueRange inputs,
                           Type element, std::optional<ReduceAttr> reducer,
                           ElementEmitter emit) {
  tile::MapOp map = createMap(
      loc, dims, reducer ? ArrayRef(*reducer) : ArrayRef<ReduceAttr>(), inputs,
      element);
  OpBuilder::InsertionGuard guard(builder);
  Block &block = map.getBody().front();
  builder.setInsertionPointToEnd(&block);
  auto [value, filter] = emit(map, block.getArguments());
  if (reducer && map.getReducers().empty() && filter) {
    // The rank is walked in a loop: this is its one point.
    Value identity = arith::ConstantOp::create(
        builder, loc, getIdentity(reducer->getKind(), value.getType()));
    value = arith::SelectOp::create(builder, loc, filter, value, identity);
    filter = {};
  }
  tile::YieldOp::create(builder, loc, value, filter);
  return map.getResult();
}

/// A reduction's result, rounded where the Einsum has an element type of its
/// own.
Value NestEmitter::emitRounded(EinsumOp einsum, Value tile,
                               ArrayRef<Dim> dims) {
  Type written = einsum.getResult().getType().getElementType();
  Type element = cast<tile::TileType>(tile.getType()).getElementType();
  if (written == element || !isa<FloatType>(written))
    return tile;
  return emitMap(einsum.getLoc(), dims, tile, getComputeType(written),
                 std::nullopt, [&](tile::MapOp, ValueRange args) {
                   return Element{roundTo(written, args.front()), Value()};
                 });
}

/// Inputs as tiles: what the nest makes, and what is loaded here.
NestEmitter::EinsumInputs NestEmitter::gatherInputs(EinsumOp einsum,
                                                    ArrayRef<Dim> dims,
                                                    const Scope &scope) {
  EinsumInputs inputs;
  auto addTile = [&](ReadOp read, Value tile) {
    auto *it = llvm::find(inputs.tiles, tile);
    inputs.tileOf[read] = it - inputs.tiles.begin();
    if (it == inputs.tiles.end())
      inputs.tiles.push_back(tile);
  };
  for (auto read : einsum.getBody().getOps<ReadOp>()) {
    Value tensor = getTensor(einsum, read);
    if (Value tile = tiles.lookup(tensor)) {
      addTile(read, tile);
      continue;
    }
    Access access = classify(einsum, read, dims, scope);
    if (access.isUniform)
      inputs.uniformOf[read] = readUniform(einsum, read);
    else if (access.isTile)
      addTile(read,
              tile::LoadOp::create(builder, einsum.getLoc(),
                                   getTileType(access.tileDims, read.getType()),
                                   externals.lookup(tensor), access.offsets,
                                   builder.getArrayAttr(access.dims)));
    else if (Value gathered = gatherTile(einsum, read, dims))
      addTile(read, gathered);
  }
  return inputs;
}

/// An element, inside the region of a map: of an input tile, of a value that is
/// the same all over the tile, or else of a view, at the point's coordinates.
Value NestEmitter::readElement(EinsumOp einsum, ReadOp read, Block *block,
                               const EinsumInputs &inputs,
                               const Coordinates &coordinates) {
  auto input = inputs.tileOf.find(read);
  if (input != inputs.tileOf.end())
    return block->getArgument(input->second);
  if (Value uniform = inputs.uniformOf.lookup(read))
    return uniform;
  return readAt(einsum, read, coordinates, [&](ReadOp inner) {
    return readElement(einsum, inner, block, inputs, coordinates);
  });
}

/// The condition on a point of a reduction, null where all count: the end of
/// the streamed rank, and the filters that mention a reduced variable.
FailureOr<Value>
NestEmitter::emitReductionFilter(EinsumOp einsum, const Scope &scope,
                                 const Coordinates &coordinates,
                                 PresenceEmitter::ReadAt reads) {
  Location loc = einsum.getLoc();
  auto isReduced = [&](StringAttr var) {
    return einsum.getReducer(var).has_value();
  };
  bool streams = scope.streamed && isReduced(scope.streamed);
  Value filter;
  auto addCondition = [&](Value condition) {
    filter = filter
                 ? Value(arith::AndIOp::create(builder, loc, filter, condition))
                 : condition;
  };
  if (streams && scope.filtered) {
    Value extent = tile::ExtentOp::create(builder, loc, builder.getIndexType(),
                                          scope.streamed);
    addCondition(arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt,
                                       coordinates.lookup(scope.streamed),
                                       extent));
  }
  PresenceEmitter presence = createPresence(std::move(reads));
  for (PresenceCondition &condition : presence.emit(einsum, coordinates)) {
    if (!condition.value)
      return einsum.emitOpError("depends on the presence of a tensor that its "
                                "nest does not have at hand");
    // Where the stream has tested that its filters hold everywhere.
    bool covered =
        streams && !scope.filtered && condition.vars.contains(scope.streamed);
    if (llvm::any_of(condition.vars, isReduced) && !covered)
      addCondition(condition.value);
  }
  return filter;
}

/// What no target lowers, or this stage can't say.
static LogicalResult checkSupported(EinsumOp einsum) {
  for (auto reducer : einsum.getReducers().getAsRange<ReduceAttr>())
    if (reducer.getKind() == ReducerKind::ArgMax)
      return einsum.emitOpError(
          "reduces by argmax, which no target lowers yet");
  Type written = einsum.getResult().getType().getElementType();
  if (written != getComputeType(written) && !isa<FloatType>(written))
    return einsum.emitOpError("makes ")
           << written << " elements inside a nest, which cannot be lowered yet";
  return success();
}

FailureOr<Value> NestEmitter::emitEinsum(EinsumOp einsum, const Scope &scope) {
  Location loc = einsum.getLoc();
  FailureOr<SmallVector<Dim>> dims = getDims(einsum, scope);
  if (failed(dims) || failed(checkSupported(einsum)))
    return failure();
  EinsumInputs inputs = gatherInputs(einsum, *dims, scope);

  auto reducers =
      llvm::to_vector(einsum.getReducers().getAsRange<ReduceAttr>());
  Type written = einsum.getResult().getType().getElementType();
  // A reduction is made of what its points are, then rounded.
  Type made = reducers.empty() ? written : einsum.getValue().getType();
  tile::MapOp map =
      createMap(loc, *dims, reducers, inputs.tiles, getComputeType(made));

  // The region: the Einsum's expression over tile coordinates.
  OpBuilder::InsertionGuard guard(builder);
  Block *block = &map.getBody().front();
  builder.setInsertionPointToEnd(block);
  Coordinates coordinates = getUniformCoordinates();
  for (const Dim &dim : *dims)
    coordinates[dim.rank] =
        tile::CoordOp::create(builder, loc, builder.getIndexType(), dim.rank);
  auto readHere = [&](ReadOp read) {
    return readElement(einsum, read, block, inputs, coordinates);
  };
  ExpressionEmitter expression(
      builder, einsum, coordinates, [&](Value v) { return getScalar(v); },
      readHere);
  Value value = expression.emit(einsum.getValue());
  if (!value)
    return einsum.emitOpError("reads a tensor that is not at hand in its nest");
  // `: f16` on an Einsum rounds: its points, or what they are reduced to.
  if (reducers.empty()) {
    tile::YieldOp::create(builder, loc, roundTo(written, value), Value());
    return map.getResult();
  }
  FailureOr<Value> filter = emitReductionFilter(
      einsum, scope, coordinates,
      [&](EinsumOp owner, ReadOp read, const Coordinates &at) {
        if (owner == einsum)
          return readHere(read);
        return readTileOrView(map, owner, read, at);
      });
  if (failed(filter))
    return failure();
  if (map.getReducers().empty() && *filter) {
    // Reduced in loops only: this is one point of each result.
    Value identity = arith::ConstantOp::create(
        builder, loc,
        getIdentity(reducers.front().getReducer(), value.getType(), einsum));
    value = arith::SelectOp::create(builder, loc, *filter, value, identity);
    filter = Value();
  }
  tile::YieldOp::create(builder, loc, value, *filter);
  builder.setInsertionPointAfter(map);
  llvm::erase_if(*dims, [&](const Dim &dim) {
    return einsum.getReducer(dim.rank).has_value();
  });
  return emitRounded(einsum, map.getResult(), *dims);
}

//===- NestStream.cpp - Streams and iterations as loops -------------------===//

#include "lib/Mapping/NestEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// States
//===----------------------------------------------------------------------===//

/// The tile ranks of a tensor of the nest, by its type.
SmallVector<NestEmitter::Dim>
NestEmitter::getTensorDims(attn::TensorType type) {
  SmallVector<Dim> dims;
  std::optional<Dim> lanes;
  for (StringAttr rank : type.getRanks()) {
    if (isWalked(rank))
      continue;
    auto *it = llvm::find(grid.ranks, rank);
    if (it == grid.ranks.end()) {
      int64_t extent = getCascade(nest).getFixedExtent(rank).value_or(1);
      dims.push_back({rank, extent, constant(0)});
      continue;
    }
    Dim dim{rank, grid.sizes[it - grid.ranks.begin()], origins.lookup(rank)};
    if (rank == grid.lanes)
      lanes = dim;
    else if (dim.size > 1)
      dims.push_back(dim);
  }
  if (lanes)
    dims.push_back(*lanes);
  return dims;
}

SmallVector<Value> NestEmitter::fillStates(StreamOp stream) {
  SmallVector<Value> states;
  for (auto [init, arg] : llvm::zip(stream.getInits().getAsRange<FloatAttr>(),
                                    stream.getStep().getArguments())) {
    auto type = cast<attn::TensorType>(arg.getType());
    Type element = getComputeType(type.getElementType());
    TypedAttr value;
    if (isa<FloatType>(element)) {
      value = builder.getFloatAttr(element, init.getValueAsDouble());
    } else {
      // Saturates: of max, -inf is the least integer.
      llvm::APSInt integer(element.getIntOrFloatBitWidth(),
                           /*isUnsigned=*/element.isInteger(1));
      bool isExact;
      init.getValue().convertToInteger(integer, llvm::APFloat::rmTowardZero,
                                       &isExact);
      value = builder.getIntegerAttr(element, integer);
    }
    states.push_back(
        tile::FillOp::create(builder, stream.getLoc(),
                             getTileType(getTensorDims(type), element), value));
  }
  return states;
}

//===----------------------------------------------------------------------===//
// Filters over boxes
//===----------------------------------------------------------------------===//

/// The tiled ranks that a stream's filters may mention, but for its own.
SmallVector<NestEmitter::Dim> NestEmitter::getBox(StreamOp stream) {
  SmallVector<Dim> box;
  CascadeOp cascade = getCascade(nest);
  stream.getStep().walk([&](EinsumOp einsum) {
    for (auto var : einsum.getVars().getAsRange<StringAttr>()) {
      bool known = var == stream.getRankAttr() ||
                   llvm::any_of(box, [&](Dim &dim) { return dim.rank == var; });
      if (known || isWalked(var))
        continue;
      auto *it = llvm::find(grid.ranks, var);
      if (it != grid.ranks.end()) {
        int64_t size = grid.sizes[it - grid.ranks.begin()];
        if (size > 1 || var == grid.lanes)
          box.push_back({var, size, origins.lookup(var)});
      } else if (std::optional<int64_t> extent = cascade.getFixedExtent(var)) {
        box.push_back({var, *extent, constant(0)});
      }
    }
  });
  return box;
}

/// The filter of one reduction of a stream, or null where it has none.
Value NestEmitter::emitReduction(EinsumOp einsum, StringAttr streamed,
                                 const Coordinates &coordinates,
                                 BoxFilter &filter) {
  // Only what is the same in all tiles of the stream can be read here.
  auto read = [&](EinsumOp owner, ReadOp op, const Coordinates &at) -> Value {
    Value element = readAt(owner, op, at);
    return element && !getCoordinateVars(element).contains(streamed) ? element
                                                                     : Value();
  };
  PresenceEmitter presence = createPresence(read);
  Value all;
  for (PresenceCondition &condition : presence.emit(einsum, coordinates)) {
    if (!condition.value) {
      filter.isOpen = true;
      continue;
    }
    if (!condition.vars.contains(streamed))
      continue;
    all = all ? Value(arith::AndIOp::create(builder, einsum.getLoc(), all,
                                            condition.value))
              : condition.value;
  }
  return all;
}

NestEmitter::BoxFilter NestEmitter::emitBoxFilter(StreamOp stream,
                                                  Region &region, bool ofAll) {
  BoxFilter filter;
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&region);
  Location loc = stream.getLoc();
  Coordinates coordinates = getUniformCoordinates();
  auto addCoordinate = [&](StringAttr rank) {
    coordinates[rank] =
        tile::CoordOp::create(builder, loc, builder.getIndexType(), rank);
  };
  for (const Dim &dim : getBox(stream))
    addCoordinate(dim.rank);
  StringAttr streamed = stream.getRankAttr();
  addCoordinate(streamed);

  Value joined;
  bool unfiltered = false;
  int64_t numJoins = 0;
  // A point of a reduction, or one that a list may choose, needs all of
  // `einsums` to be present.
  auto join = [&](ArrayRef<EinsumOp> einsums) {
    Value mine;
    for (EinsumOp einsum : einsums)
      if (Value present = emitReduction(einsum, streamed, coordinates, filter))
        mine =
            mine ? arith::AndIOp::create(builder, loc, mine, present) : present;
    unfiltered |= !mine;
    if (!mine || !joined) {
      joined = mine ? mine : joined;
    } else if (ofAll) {
      joined = arith::AndIOp::create(builder, loc, joined, mine);
    } else {
      joined = arith::OrIOp::create(builder, loc, joined, mine);
      ++numJoins;
    }
  };
  stream.getStep().walk([&](Operation *op) {
    auto einsum = dyn_cast<EinsumOp>(op);
    if (einsum && einsum.getReducer(streamed))
      join(einsum);
    auto topk = dyn_cast<TopKOp>(op);
    if (topk && topk.getFromAttr() == streamed)
      join(llvm::map_to_vector(topk->getOperands(), [](Value tensor) {
        return tensor.getDefiningOp<EinsumOp>();
      }));
  });
  // A reduction over all points needs every tile.
  if (unfiltered && !ofAll)
    joined = {};
  filter.hasFilter = joined != nullptr;
  filter.hasOr = llvm::range_size(region.getOps<arith::OrIOp>()) > numJoins;
  Value extent =
      tile::ExtentOp::create(builder, loc, builder.getIndexType(), streamed);
  Value inside = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt,
                                       coordinates[streamed], extent);
  if (joined)
    inside = arith::AndIOp::create(builder, loc, joined, inside);
  tile::YieldOp::create(builder, loc, Value(), inside);
  return filter;
}

//===----------------------------------------------------------------------===//
// Streams
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<Value>>
NestEmitter::emitStep(StreamOp stream, ValueRange states, const Scope &scope) {
  for (auto [arg, state] : llvm::zip(stream.getStep().getArguments(), states))
    tiles[arg] = state;
  Block &step = stream.getStep().front();
  if (failed(emitOps(step, scope)))
    return failure();
  SmallVector<Value> next;
  Operation *yield = step.getTerminator();
  for (auto [index, value] : llvm::enumerate(yield->getOperands())) {
    if (index < stream.getNumStates()) {
      next.push_back(tiles.lookup(value));
      continue;
    }
    auto views = storedAsMade.find(stream.getResult(index));
    if (views == storedAsMade.end()) {
      stream.emitOpError("result ") << index << " is not stored by its nest";
      return failure();
    }
    for (Value view : views->second)
      if (failed(store(value, view, getGroups(value), scope)))
        return failure();
  }
  return next;
}

tile::TestOp NestEmitter::createTest(StreamOp stream, const Dim &part,
                                     bool isOpen, bool ofAll) {
  SmallVector<Attribute> ranks;
  SmallVector<int64_t> extents;
  SmallVector<Value> offsets;
  SmallVector<Dim> box = getBox(stream);
  box.push_back(part);
  for (const Dim &dim : box) {
    ranks.push_back(dim.rank);
    extents.push_back(dim.size);
    offsets.push_back(dim.offset);
  }
  // What is stored coordinate by coordinate visits every tile.
  bool isRanged = stream.getNumResults() == stream.getNumStates();
  auto test = tile::TestOp::create(
      builder, stream.getLoc(), builder.getI1Type(), builder.getI1Type(),
      builder.getArrayAttr(ranks), builder.getDenseI64ArrayAttr(extents),
      offsets, isOpen ? builder.getUnitAttr() : UnitAttr(),
      isRanged ? part.rank : StringAttr());
  emitBoxFilter(stream, test.getBody(), ofAll);
  return test;
}

/// One tile of the stream: its body without filters where they hold
/// everywhere, with filters else.
FailureOr<SmallVector<Value>> NestEmitter::emitTile(StreamOp stream,
                                                    ValueRange states,
                                                    const Dim &part,
                                                    bool isOpen) {
  Location loc = stream.getLoc();
  Value every = createTest(stream, part, isOpen, /*ofAll=*/true).getEvery();
  auto branch = scf::IfOp::create(builder, loc, states.getTypes(), every,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  Scope scope{part.rank, part.offset, part.size};
  for (bool filtered : {false, true}) {
    scope.filtered = filtered;
    builder.setInsertionPointToStart(filtered ? branch.elseBlock()
                                              : branch.thenBlock());
    FailureOr<SmallVector<Value>> next = emitStep(stream, states, scope);
    if (failed(next))
      return failure();
    // Without a state there is a terminator already.
    if (!states.empty())
      scf::YieldOp::create(builder, loc, *next);
  }
  return SmallVector<Value>(branch.getResults());
}

/// What a turn of the stream's loop does: a tile, or the one coordinate that
/// streams inside of this one are to go through; nothing where no filter holds.
FailureOr<SmallVector<Value>> NestEmitter::emitChunk(StreamOp stream,
                                                     ValueRange states,
                                                     const Dim &part,
                                                     BoxFilter filter) {
  Location loc = stream.getLoc();
  auto emitHere = [&]() -> FailureOr<SmallVector<Value>> {
    return isWalked(part.rank) ? emitStep(stream, states, Scope())
                               : emitTile(stream, states, part, filter.isOpen);
  };
  bool skips =
      filter.hasFilter && stream.getNumResults() == stream.getNumStates();
  if (!skips)
    return emitHere();
  // Where there is but one filter, CSE makes this and the test of all one.
  Value some =
      createTest(stream, part, filter.isOpen, /*ofAll=*/false).getSome();
  auto visit = scf::IfOp::create(builder, loc, states.getTypes(), some,
                                 /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(visit.elseBlock());
  scf::YieldOp::create(builder, loc, states);
  builder.setInsertionPointToStart(visit.thenBlock());
  FailureOr<SmallVector<Value>> next = emitHere();
  if (failed(next))
    return failure();
  scf::YieldOp::create(builder, loc, *next);
  return SmallVector<Value>(visit.getResults());
}

static bool containsStream(StreamOp stream) {
  return !stream.getStep().getOps<StreamOp>().empty();
}

/// The coordinates of its rank that a stream takes at a time. A stream of
/// streams takes one, which is then the same all over the inner ones' tiles.
int64_t NestEmitter::getStep(StreamOp stream) {
  if (containsStream(stream))
    return 1;
  int64_t size = sizes.stream;
  // A fixed rank needs no tile larger than itself.
  if (std::optional<int64_t> extent =
          getCascade(nest).getFixedExtent(stream.getRankAttr()))
    while (size / 2 >= *extent && size > 1)
      size /= 2;
  return size;
}

LogicalResult NestEmitter::emitStream(StreamOp stream, StreamPart part) {
  Location loc = stream.getLoc();
  StringAttr rank = stream.getRankAttr();
  int64_t size = getStep(stream);
  SmallVector<Value> states = fillStates(stream);

  SmallVector<Attribute> ranks;
  SmallVector<int64_t> extents;
  SmallVector<Value> offsets;
  for (const Dim &dim : getBox(stream)) {
    ranks.push_back(dim.rank);
    extents.push_back(dim.size);
    offsets.push_back(dim.offset);
  }
  Region body;
  BoxFilter filter = emitBoxFilter(stream, body, /*ofAll=*/false);
  bool collects = stream.getNumResults() > stream.getNumStates();
  // Either part of an `or` may leave coordinates, and none between them.
  bool hasGap = !collects && filter.hasOr;
  // Tiles begin at the first coordinate that is left; in parts of a stream, and
  // before and after a gap, at multiples of their size.
  int64_t alignment = part.split || hasGap ? size : 1;
  SmallVector<Type> gapTypes(hasGap ? 2 : 0, builder.getIndexType());
  auto range = tile::RangeOp::create(
      builder, loc, builder.getIndexType(), builder.getIndexType(), gapTypes,
      rank, builder.getI64IntegerAttr(alignment), builder.getArrayAttr(ranks),
      builder.getDenseI64ArrayAttr(extents), offsets);
  range.getBody().takeBody(body);
  Value lo = range.getLo(), hi = range.getHi();
  Value step = constant(size);
  if (collects) {
    // Every coordinate of what is collected is stored.
    lo = constant(0);
    hi = tile::ExtentOp::create(builder, loc, builder.getIndexType(), rank);
  }
  if (part.split)
    restrictToPart(part, rank, lo, hi, step);

  auto loop = scf::ForOp::create(builder, loc, lo, hi, step, states);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  Value coordinate = loop.getInductionVar();
  if (hasGap) {
    Value isBefore = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::slt, coordinate, range.getGap()[0]);
    Value behind =
        arith::AddIOp::create(builder, loc, coordinate, range.getGap()[1]);
    coordinate =
        arith::SelectOp::create(builder, loc, isBefore, coordinate, behind);
  }
  bool walks = containsStream(stream);
  if (walks) {
    origins[rank] = coordinate;
    loops[coordinate] = rank;
  }
  FailureOr<SmallVector<Value>> next = emitChunk(
      stream, loop.getRegionIterArgs(), {rank, size, coordinate}, filter);
  if (failed(next))
    return failure();
  if (walks) {
    origins.erase(rank);
    loops.erase(coordinate);
  }
  if (!states.empty())
    scf::YieldOp::create(builder, loc, *next);
  for (unsigned i = 0, e = stream.getNumStates(); i != e; ++i)
    tiles[stream.getResult(i)] = loop.getResult(i);
  return success();
}

//===----------------------------------------------------------------------===//
// Split streams
//===----------------------------------------------------------------------===//

static StreamOp getStream(NestOp nest) {
  return *nest.getBody().getOps<StreamOp>().begin();
}

Value NestEmitter::countParts(const StreamPart &part) {
  if (part.count)
    return constant(part.count);
  return tile::ExtentOp::create(builder, nest.getLoc(), builder.getIndexType(),
                                part.split);
}

void NestEmitter::restrictToPart(const StreamPart &part, StringAttr rank,
                                 Value &lo, Value &hi, Value &step) {
  Location loc = nest.getLoc();
  Value turn = arith::MulIOp::create(builder, loc, countParts(part), step);
  if (part.takesTurns) {
    // The first tile from `lo` on whose number is the part's, modulo the count.
    Value first = arith::MulIOp::create(builder, loc, part.index, step);
    Value rest = arith::RemSIOp::create(builder, loc, lo, turn);
    Value isBefore = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::slt, first, rest);
    Value next =
        arith::SelectOp::create(builder, loc, isBefore, turn, constant(0));
    Value moved = arith::AddIOp::create(
        builder, loc, arith::SubIOp::create(builder, loc, first, rest), next);
    lo = arith::AddIOp::create(builder, loc, lo, moved);
    step = turn;
    return;
  }
  // Chunks of whole tiles: ceil(extent / (count * size)) each.
  Value extent =
      tile::ExtentOp::create(builder, loc, builder.getIndexType(), rank);
  Value tiles = arith::CeilDivSIOp::create(builder, loc, extent, turn);
  Value chunk = arith::MulIOp::create(builder, loc, tiles, step);
  Value first = arith::MulIOp::create(builder, loc, part.index, chunk);
  Value last = arith::AddIOp::create(builder, loc, first, chunk);
  lo = arith::MaxSIOp::create(builder, loc, lo, first);
  hi = arith::MinSIOp::create(builder, loc, hi, last);
}

LogicalResult NestEmitter::emitPart(StreamPart part, ValueRange stateViews) {
  StreamOp stream = getStream(nest);
  for (Operation &op : nest.getBody().front()) {
    if (&op == stream)
      break;
    auto einsum = dyn_cast<EinsumOp>(&op);
    FailureOr<Value> tile = emitEinsum(einsum, Scope());
    if (failed(tile))
      return failure();
    tiles[einsum.getResult()] = *tile;
  }
  if (failed(emitStream(stream, part)))
    return failure();
  origins[part.split] = part.index;
  for (auto [result, view] : llvm::zip(stream.getResults(), stateViews)) {
    SmallVector<ArrayAttr> groups{builder.getArrayAttr(part.split)};
    llvm::append_range(groups, getGroups(result));
    if (failed(store(result, view, groups, Scope())))
      return failure();
  }
  return success();
}

LogicalResult NestEmitter::emitMerge(StreamPart part, ValueRange stateViews,
                                     ArrayRef<Destination> destinations) {
  StreamOp stream = getStream(nest);
  Location loc = stream.getLoc();
  for (Operation &op : nest.getBody().front().without_terminator()) {
    if (auto einsum = dyn_cast<EinsumOp>(&op)) {
      FailureOr<Value> tile = emitEinsum(einsum, Scope());
      if (failed(tile))
        return failure();
      tiles[einsum.getResult()] = *tile;
      continue;
    }
    auto loop = scf::ForOp::create(builder, loc, constant(0), countParts(part),
                                   constant(1), fillStates(stream));
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(loop.getBody());
    Block &merge = stream.getMerge().front();
    unsigned numStates = stream.getNumStates();
    for (unsigned i = 0; i != numStates; ++i) {
      tiles[merge.getArgument(i)] = loop.getRegionIterArg(i);
      BlockArgument right = merge.getArgument(numStates + i);
      auto type = cast<attn::TensorType>(right.getType());
      SmallVector<Dim> dims = getTensorDims(type);
      SmallVector<Value> offsets{loop.getInductionVar()};
      SmallVector<Attribute> names{builder.getStringAttr("")};
      bool isInside = true;
      for (StringAttr rank : type.getRanks()) {
        auto *dim = llvm::find_if(
            dims, [&](const Dim &dim) { return dim.rank == rank; });
        bool tiled = dim != dims.end();
        // A task begins inside.
        isInside &= !tiled || dim->size == 1 ||
                    getCascade(nest).getFixedExtent(rank) == dim->size;
        Value origin = origins.lookup(rank);
        offsets.push_back(origin ? origin : constant(0));
        names.push_back(tiled ? rank : builder.getStringAttr(""));
      }
      auto load = tile::LoadOp::create(
          builder, loc,
          getTileType(dims, getComputeType(type.getElementType())),
          stateViews[i], offsets, builder.getArrayAttr(names));
      load.setInside(isInside);
      tiles[right] = load;
    }
    if (failed(emitOps(merge, Scope())))
      return failure();
    SmallVector<Value> merged;
    for (Value value : merge.getTerminator()->getOperands())
      merged.push_back(tiles.lookup(value));
    scf::YieldOp::create(builder, loc, merged);
    for (unsigned i = 0; i != numStates; ++i)
      tiles[stream.getResult(i)] = loop.getResult(i);
  }
  return storeResults(destinations);
}

//===----------------------------------------------------------------------===//
// Iterations
//===----------------------------------------------------------------------===//

LogicalResult NestEmitter::emitIterate(IterateOp iterate) {
  Location loc = iterate.getLoc();
  StringAttr rank = iterate.getRankAttr();
  SmallVector<Value> inits;
  for (Value init : iterate.getInits()) {
    if (Value known = tiles.lookup(init)) {
      inits.push_back(known);
      continue;
    }
    // A tensor from outside: a tile of it.
    auto type = cast<attn::TensorType>(init.getType());
    SmallVector<Dim> dims = getTensorDims(type);
    SmallVector<Value> offsets;
    SmallVector<Attribute> names;
    for (StringAttr dimRank : type.getRanks()) {
      bool tiled = llvm::any_of(
          dims, [&](const Dim &dim) { return dim.rank == dimRank; });
      Value origin = origins.lookup(dimRank);
      offsets.push_back(origin ? origin : constant(0));
      names.push_back(tiled ? dimRank : builder.getStringAttr(""));
    }
    inits.push_back(tile::LoadOp::create(
        builder, loc, getTileType(dims, getComputeType(type.getElementType())),
        externals.lookup(init), offsets, builder.getArrayAttr(names)));
  }
  Value extent =
      tile::ExtentOp::create(builder, loc, builder.getIndexType(), rank);
  auto loop =
      scf::ForOp::create(builder, loc, constant(0), extent, constant(1), inits);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  Block &body = iterate.getBody().front();
  origins[rank] = loop.getInductionVar();
  for (auto [arg, state] :
       llvm::zip(body.getArguments(), loop.getRegionIterArgs()))
    tiles[arg] = state;
  if (failed(emitOps(body, Scope())))
    return failure();
  SmallVector<Value> next;
  unsigned numStates = iterate.getInits().size();
  for (auto [index, value] :
       llvm::enumerate(body.getTerminator()->getOperands())) {
    if (index < numStates) {
      next.push_back(tiles.lookup(value));
      continue;
    }
    // The value's own ranks, and the carried one where the result has it.
    SmallVector<ArrayAttr> groups = getGroups(value);
    auto type = cast<attn::TensorType>(iterate.getResult(index).getType());
    groups.insert(groups.begin() + type.getRankPosition(rank),
                  builder.getArrayAttr(rank));
    for (Value view : storedAsMade.lookup(iterate.getResult(index)))
      if (failed(store(value, view, groups, Scope())))
        return failure();
  }
  if (numStates)
    scf::YieldOp::create(builder, loc, next);
  origins.erase(rank);
  for (unsigned i = 0; i != numStates; ++i)
    tiles[iterate.getResult(i)] = loop.getResult(i);
  return success();
}

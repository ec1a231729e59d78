//===- NestEmitter.cpp - Einsums, accesses and stores of one kernel -------===//

#include "lib/Mapping/NestEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// The grid
//===----------------------------------------------------------------------===//

/// Variables that share a product rank with others, on some left-hand side.
static llvm::SmallPtrSet<Attribute, 4> getGrouped(NestOp nest) {
  llvm::SmallPtrSet<Attribute, 4> grouped;
  nest.walk([&](EinsumOp einsum) {
    for (auto group : einsum.getOut().getAsRange<ArrayAttr>())
      if (group.size() > 1)
        grouped.insert(group.begin(), group.end());
  });
  return grouped;
}

/// Whether the accesses of `read` depend on `var`.
static bool readsAlong(ReadOp read, StringAttr var) {
  SetVector<Value> slice(read.getIndices().begin(), read.getIndices().end());
  for (unsigned i = 0; i != slice.size(); ++i) {
    Operation *op = slice[i].getDefiningOp();
    if (!op)
      continue;
    if (auto found = dyn_cast<RankVarOp>(op))
      if (found.getRankAttr() == var)
        return true;
    slice.insert(op->operand_begin(), op->operand_end());
  }
  return false;
}

/// Whether the nest gains from a tile of `rows` besides the lanes. Where a
/// result has other tile ranks there are rows already. A product of a tensor
/// without the lanes and one without the rows uses each element of both many
/// times; a nest that reduces nothing has more to do in a task.
static bool wantsRows(NestOp nest, StringAttr lanes, StringAttr rows,
                      ArrayRef<StringAttr> parallel) {
  bool hasOthers = false, reduces = false, reuses = false;
  nest.walk([&](EinsumOp einsum) {
    hasOthers |= llvm::any_of(einsum.getOutVars(), [&](StringAttr var) {
      return !llvm::is_contained(parallel, var);
    });
    reduces |= !einsum.getReducers().empty();
    bool lacksLanes = false, lacksRows = false;
    einsum.getBody().walk([&](ReadOp read) {
      lacksLanes |= !readsAlong(read, lanes);
      lacksRows |= !readsAlong(read, rows);
    });
    reuses |= lacksLanes && lacksRows;
  });
  return !hasOthers && (reuses || !reduces);
}

GridChoice attn::chooseGrid(NestOp nest, const TileSizes &sizes) {
  GridChoice grid;
  CascadeOp cascade = getCascade(nest);
  for (auto rank : nest.getParallel().getAsRange<StringAttr>()) {
    grid.ranks.push_back(rank);
    grid.sizes.push_back(1);
  }
  llvm::SmallPtrSet<Attribute, 4> grouped = getGrouped(nest);
  auto choose = [&](unsigned position, int64_t wanted) {
    std::optional<int64_t> extent =
        cascade.getFixedExtent(grid.ranks[position]);
    // A fixed extent is spanned in equal parts.
    while (extent && wanted / 2 >= *extent && wanted > 1)
      wanted /= 2;
    grid.sizes[position] = wanted;
  };
  for (unsigned i = grid.ranks.size(); i-- > 0;) {
    if (grouped.contains(grid.ranks[i]))
      continue;
    grid.lanes = grid.ranks[i];
    choose(i, sizes.lanes);
    if (i > 0 && !grouped.contains(grid.ranks[i - 1]) &&
        wantsRows(nest, grid.lanes, grid.ranks[i - 1], grid.ranks))
      choose(i - 1, sizes.rows);
    break;
  }
  return grid;
}

//===----------------------------------------------------------------------===//
// Tile ranks
//===----------------------------------------------------------------------===//

Value NestEmitter::constant(int64_t value) {
  return arith::ConstantIndexOp::create(builder, nest.getLoc(), value);
}

FailureOr<SmallVector<NestEmitter::Dim>>
NestEmitter::getDims(EinsumOp einsum, const Scope &scope) {
  SmallVector<Dim> dims;
  std::optional<Dim> lanes;
  CascadeOp cascade = getCascade(nest);
  for (auto var : einsum.getVars().getAsRange<StringAttr>()) {
    auto *it = llvm::find(grid.ranks, var);
    if (it != grid.ranks.end()) {
      int64_t size = grid.sizes[it - grid.ranks.begin()];
      Dim dim{var, size, origins.lookup(var)};
      if (var == grid.lanes)
        lanes = dim;
      else if (size > 1)
        dims.push_back(dim);
      continue;
    }
    if (var == scope.streamed) {
      dims.push_back({var, scope.size, scope.offset});
      continue;
    }
    std::optional<int64_t> extent = cascade.getFixedExtent(var);
    if (!extent) {
      einsum.emitOpError("iterates over rank `")
          << var.getValue()
          << "`, which has no fixed extent and is neither parallel nor "
             "streamed here";
      return failure();
    }
    dims.push_back({var, *extent, constant(0)});
  }
  if (lanes)
    dims.push_back(*lanes);
  return dims;
}

tile::TileType NestEmitter::getTileType(ArrayRef<Dim> dims, Type element) {
  SmallVector<StringAttr> ranks;
  SmallVector<int64_t> extents;
  for (const Dim &dim : dims) {
    ranks.push_back(dim.rank);
    extents.push_back(dim.size);
  }
  return tile::TileType::get(builder.getContext(), ranks, extents, element,
                             tile::Space::Scratch);
}

Coordinates NestEmitter::getUniformCoordinates() {
  Coordinates uniform;
  for (auto [rank, origin] : origins) {
    auto *it = llvm::find(grid.ranks, rank);
    bool isTiled =
        it != grid.ranks.end() &&
        (grid.sizes[it - grid.ranks.begin()] > 1 || rank == grid.lanes);
    if (!isTiled)
      uniform[rank] = origin;
  }
  return uniform;
}

EinsumOp NestEmitter::getProducer(Value tensor) {
  Operation *op = tensor.getDefiningOp();
  if (auto other = dyn_cast_or_null<NestOp>(op)) {
    unsigned index = cast<OpResult>(tensor).getResultNumber();
    op = other.getBody()
             .front()
             .getTerminator()
             ->getOperand(index)
             .getDefiningOp();
  }
  return dyn_cast_or_null<EinsumOp>(op);
}

//===----------------------------------------------------------------------===//
// Accesses
//===----------------------------------------------------------------------===//

/// The variables that an index expression uses.
static SmallVector<StringAttr> getVars(Value index) {
  SmallVector<StringAttr> vars;
  SmallVector<Value> worklist{index};
  while (!worklist.empty()) {
    Value next = worklist.pop_back_val();
    Operation *op = next.getDefiningOp();
    if (!op)
      continue;
    if (auto var = dyn_cast<RankVarOp>(op))
      vars.push_back(var.getRankAttr());
    llvm::append_range(worklist, op->getOperands());
  }
  return vars;
}

/// Splits `index` into the variable `var`, plus and minus terms without it.
/// Returns false where `var` is not simply added.
static bool splitIndex(Value index, StringAttr var,
                       SmallVectorImpl<Value> &plus,
                       SmallVectorImpl<Value> &minus) {
  if (auto found = index.getDefiningOp<RankVarOp>())
    return found.getRankAttr() == var;
  Operation *op = index.getDefiningOp();
  if (!isa_and_nonnull<arith::AddIOp, arith::SubIOp>(op))
    return false;
  Value left = op->getOperand(0), right = op->getOperand(1);
  bool onLeft = llvm::is_contained(getVars(left), var);
  bool onRight = llvm::is_contained(getVars(right), var);
  bool isSub = isa<arith::SubIOp>(op);
  if (onLeft == onRight || (onRight && isSub))
    return false;
  (isSub ? minus : plus).push_back(onLeft ? right : left);
  return splitIndex(onLeft ? left : right, var, plus, minus);
}

Value NestEmitter::readUniform(EinsumOp einsum, ReadOp read) {
  Value tensor =
      einsum.getInputs()[cast<BlockArgument>(read.getTensor()).getArgNumber()];
  Value view = externals.lookup(tensor);
  if (!view)
    return {};
  Coordinates uniform = getUniformCoordinates();
  ExpressionEmitter expression(
      builder, einsum, uniform, [&](Value v) { return getScalar(v); },
      [&](ReadOp inner) { return readUniform(einsum, inner); });
  SmallVector<Value> indices;
  for (Value index : read.getIndices()) {
    Value emitted = expression.emit(index);
    if (!emitted)
      return {};
    if (!emitted.getType().isIndex())
      emitted = arith::IndexCastOp::create(builder, read.getLoc(),
                                           builder.getIndexType(), emitted);
    indices.push_back(emitted);
  }
  return tile::ReadOp::create(builder, read.getLoc(),
                              TypeRange{read.getType(), builder.getI1Type()},
                              view, indices)
      .getResult();
}

NestEmitter::Access NestEmitter::classify(EinsumOp einsum, ReadOp read,
                                          ArrayRef<Dim> dims,
                                          const Scope &scope) {
  Access access;
  Coordinates uniform = getUniformCoordinates();
  ExpressionEmitter expression(
      builder, einsum, uniform, [&](Value v) { return getScalar(v); },
      [&](ReadOp inner) { return readUniform(einsum, inner); });
  int64_t elements = 1;
  for (Value index : read.getIndices()) {
    SmallVector<StringAttr> vars = getVars(index);
    const Dim *varying = nullptr;
    for (const Dim &dim : dims) {
      unsigned uses = llvm::count(vars, dim.rank);
      if (!uses)
        continue;
      // One variable an index, one index a variable.
      if (varying || uses > 1 ||
          llvm::any_of(access.tileDims,
                       [&](const Dim &d) { return d.rank == dim.rank; }))
        return access;
      varying = &dim;
    }
    SmallVector<Value> plus, minus;
    if (varying) {
      if (!splitIndex(index, varying->rank, plus, minus))
        return access;
    } else {
      plus.push_back(index);
    }
    Value offset = varying ? varying->offset : Value();
    auto accumulate = [&](Value term, bool negative) -> bool {
      Value emitted = expression.emit(term);
      if (!emitted)
        return false;
      if (!offset && !negative)
        offset = emitted;
      else if (negative)
        offset = arith::SubIOp::create(builder, read.getLoc(),
                                       offset ? offset : constant(0), emitted);
      else
        offset = arith::AddIOp::create(builder, read.getLoc(), offset, emitted);
      return true;
    };
    for (Value term : plus)
      if (!accumulate(term, /*negative=*/false))
        return access;
    for (Value term : minus)
      if (!accumulate(term, /*negative=*/true))
        return access;
    access.offsets.push_back(offset);
    access.dims.push_back(varying ? varying->rank : builder.getStringAttr(""));
    if (varying) {
      access.tileDims.push_back(*varying);
      elements *= varying->size;
    }
  }
  access.isUniform = access.tileDims.empty();
  access.isTile = !access.isUniform && elements <= sizes.maxElements &&
                  !read.getType().isInteger(1);
  // The lanes come last.
  llvm::stable_sort(access.tileDims, [&](const Dim &a, const Dim &b) {
    return (a.rank == grid.lanes) < (b.rank == grid.lanes);
  });
  return access;
}

/// An element of a view at coordinates of `owner`, which reads it; null where
/// the tensor is no view, or an index can't be said.
Value NestEmitter::readAt(EinsumOp owner, ReadOp read, const Coordinates &at) {
  Value tensor =
      owner.getInputs()[cast<BlockArgument>(read.getTensor()).getArgNumber()];
  Value view = externals.lookup(tensor);
  if (!view)
    return {};
  ExpressionEmitter indexer(
      builder, owner, at, [&](Value v) { return getScalar(v); },
      [&](ReadOp inner) { return readAt(owner, inner, at); });
  SmallVector<Value> indices;
  for (Value index : read.getIndices())
    indices.push_back(indexer.emit(index));
  if (llvm::is_contained(indices, Value()))
    return {};
  return tile::ReadOp::create(builder, read.getLoc(),
                              TypeRange{read.getType(), builder.getI1Type()},
                              view, indices)
      .getResult();
}

//===----------------------------------------------------------------------===//
// Einsums
//===----------------------------------------------------------------------===//

/// `value` rounded to the element type `written`, and widened again.
Value NestEmitter::roundTo(Type written, Value value) {
  if (written == value.getType() || !isa<FloatType>(written))
    return value;
  return CastOp::create(builder, value.getLoc(), getComputeType(written), value,
                        TypeAttr::get(written), UnitAttr());
}

tile::MapOp NestEmitter::createElementwise(Location loc, Value tile,
                                           ArrayRef<Dim> dims) {
  SmallVector<Attribute> ranks;
  SmallVector<int64_t> extents;
  SmallVector<Value> offsets;
  for (const Dim &dim : dims) {
    ranks.push_back(dim.rank);
    extents.push_back(dim.size);
    offsets.push_back(dim.offset);
  }
  auto type = cast<tile::TileType>(tile.getType());
  auto map =
      tile::MapOp::create(builder, loc, type, builder.getArrayAttr(ranks),
                          builder.getDenseI64ArrayAttr(extents),
                          builder.getArrayAttr({}), offsets, tile, Value());
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&map.getBody(), {}, type.getElementType(), loc);
  return map;
}

/// A reduction's result, rounded where the Einsum has an element type of its
/// own.
Value NestEmitter::emitRounded(EinsumOp einsum, Value tile,
                               ArrayRef<Dim> dims) {
  Type written = einsum.getResult().getType().getElementType();
  Type element = cast<tile::TileType>(tile.getType()).getElementType();
  if (written == element || !isa<FloatType>(written))
    return tile;
  tile::MapOp map = createElementwise(einsum.getLoc(), tile, dims);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(&map.getBody().front());
  tile::YieldOp::create(builder, einsum.getLoc(),
                        roundTo(written, map.getBody().getArgument(0)),
                        Value());
  return map.getResult();
}

FailureOr<Value> NestEmitter::emitEinsum(EinsumOp einsum, const Scope &scope) {
  Location loc = einsum.getLoc();
  FailureOr<SmallVector<Dim>> dims = getDims(einsum, scope);
  if (failed(dims))
    return failure();
  SmallVector<Dim> resultDims;
  for (const Dim &dim : *dims)
    if (!einsum.getReducer(dim.rank))
      resultDims.push_back(dim);
  for (auto reducer : einsum.getReducers().getAsRange<ReduceAttr>())
    if (reducer.getKind() == ReducerKind::ArgMax) {
      einsum.emitOpError("reduces by argmax, which no target lowers yet");
      return failure();
    }

  // Inputs as tiles: what the nest makes, and what is loaded here.
  SmallVector<Value> inputs;
  llvm::DenseMap<Operation *, unsigned> inputOf;
  llvm::DenseMap<Operation *, Value> uniformOf;
  auto addInput = [&](ReadOp read, Value tile) {
    auto *it = llvm::find(inputs, tile);
    inputOf[read] = it - inputs.begin();
    if (it == inputs.end())
      inputs.push_back(tile);
  };
  for (Operation &op : einsum.getBody().front()) {
    auto read = dyn_cast<ReadOp>(&op);
    if (!read)
      continue;
    Value tensor =
        einsum
            .getInputs()[cast<BlockArgument>(read.getTensor()).getArgNumber()];
    if (Value tile = tiles.lookup(tensor)) {
      addInput(read, tile);
      continue;
    }
    Access access = classify(einsum, read, *dims, scope);
    if (access.isUniform)
      uniformOf[read] = readUniform(einsum, read);
    else if (access.isTile)
      addInput(read,
               tile::LoadOp::create(
                   builder, loc, getTileType(access.tileDims, read.getType()),
                   externals.lookup(tensor), access.offsets,
                   builder.getArrayAttr(access.dims)));
  }

  SmallVector<Attribute> ranks;
  SmallVector<int64_t> extents;
  SmallVector<Value> offsets;
  for (const Dim &dim : *dims) {
    ranks.push_back(dim.rank);
    extents.push_back(dim.size);
    offsets.push_back(dim.offset);
  }
  SmallVector<Attribute> reducers;
  for (Attribute reducer : einsum.getReducers())
    if (llvm::is_contained(ranks, cast<ReduceAttr>(reducer).getVar()))
      reducers.push_back(reducer);
  Type element = getComputeType(einsum.getResult().getType().getElementType());
  if (einsum.getResult().getType().getElementType() != element &&
      !isa<FloatType>(element)) {
    einsum.emitOpError("makes ")
        << einsum.getResult().getType().getElementType()
        << " elements inside a nest, which cannot be lowered yet";
    return failure();
  }
  auto map = tile::MapOp::create(
      builder, loc, getTileType(resultDims, element),
      builder.getArrayAttr(ranks), builder.getDenseI64ArrayAttr(extents),
      builder.getArrayAttr(reducers), offsets, inputs, Value());

  // The region: the Einsum's expression over tile coordinates.
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(&map.getBody());
  for (Value input : inputs)
    block->addArgument(cast<tile::TileType>(input.getType()).getElementType(),
                       loc);
  Coordinates coordinates = getUniformCoordinates();
  for (const Dim &dim : *dims)
    coordinates[dim.rank] =
        tile::CoordOp::create(builder, loc, builder.getIndexType(), dim.rank);
  std::function<Value(ReadOp)> readElement = [&](ReadOp read) -> Value {
    auto input = inputOf.find(read);
    if (input != inputOf.end())
      return block->getArgument(input->second);
    if (Value uniform = uniformOf.lookup(read))
      return uniform;
    // The general access: an element of a view.
    Value tensor =
        einsum
            .getInputs()[cast<BlockArgument>(read.getTensor()).getArgNumber()];
    Value view = externals.lookup(tensor);
    if (!view)
      return {};
    ExpressionEmitter inner(
        builder, einsum, coordinates, [&](Value v) { return getScalar(v); },
        readElement);
    SmallVector<Value> indices;
    for (Value index : read.getIndices()) {
      Value emitted = inner.emit(index);
      if (!emitted)
        return {};
      indices.push_back(emitted);
    }
    return tile::ReadOp::create(builder, loc,
                                TypeRange{read.getType(), builder.getI1Type()},
                                view, indices)
        .getResult();
  };
  ExpressionEmitter expression(
      builder, einsum, coordinates, [&](Value v) { return getScalar(v); },
      readElement);
  Value value = expression.emit(einsum.getValue());
  if (!value) {
    einsum.emitOpError("reads a tensor that is not at hand in its nest");
    return failure();
  }
  // `: f16` on an Einsum rounds: its points, or what they are reduced to.
  if (reducers.empty())
    value = roundTo(einsum.getResult().getType().getElementType(), value);

  Value filter;
  auto addCondition = [&](Value condition) {
    filter = filter
                 ? Value(arith::AndIOp::create(builder, loc, filter, condition))
                 : condition;
  };
  if (!reducers.empty()) {
    auto isReduced = [&](StringAttr var) {
      return einsum.getReducer(var).has_value();
    };
    if (scope.streamed && isReduced(scope.streamed) && scope.filtered) {
      Value extent = tile::ExtentOp::create(
          builder, loc, builder.getIndexType(), scope.streamed);
      addCondition(arith::CmpIOp::create(builder, loc,
                                         arith::CmpIPredicate::slt,
                                         coordinates[scope.streamed], extent));
    }
    PresenceEmitter presence(
        builder, [&](Value tensor) { return getProducer(tensor); },
        [&](Value v) { return getScalar(v); },
        [&](EinsumOp owner, ReadOp read, const Coordinates &at) -> Value {
          if (owner == einsum)
            return readElement(read);
          return readAt(owner, read, at);
        });
    for (Condition &condition : presence.emit(einsum, coordinates)) {
      bool culls = llvm::any_of(condition.vars, isReduced);
      // Where the stream has tested that its filters hold everywhere.
      bool covered = scope.streamed && !scope.filtered &&
                     isReduced(scope.streamed) &&
                     condition.vars.contains(scope.streamed);
      if (condition.value && culls && !covered)
        addCondition(condition.value);
      if (!condition.value) {
        einsum.emitOpError("depends on the presence of a tensor that its nest "
                           "does not have at hand");
        return failure();
      }
    }
  }
  tile::YieldOp::create(builder, loc, value, filter);
  if (reducers.empty())
    return map.getResult();
  builder.setInsertionPointAfter(map);
  return emitRounded(einsum, map.getResult(), resultDims);
}

//===----------------------------------------------------------------------===//
// Stores
//===----------------------------------------------------------------------===//

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
  tile::MapOp map = createElementwise(loc, tile, dims);
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
  PresenceEmitter presence(
      builder, [&](Value tensor) { return getProducer(tensor); },
      [&](Value v) { return getScalar(v); },
      [&](EinsumOp owner, ReadOp read, const Coordinates &at) -> Value {
        Value tensor = owner.getInputs()[cast<BlockArgument>(read.getTensor())
                                             .getArgNumber()];
        Value made = tiles.lookup(tensor);
        if (!made || owner != einsum)
          return readAt(owner, read, at);
        // A nest reads what it makes in place.
        map.getInputsMutable().append(made);
        return map.getBody().front().addArgument(
            cast<tile::TileType>(made.getType()).getElementType(), loc);
      });
  Value present;
  for (Condition &condition : presence.emit(einsum, coordinates)) {
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

LogicalResult NestEmitter::emitOps(Block &block, const Scope &scope) {
  for (Operation &op : block.without_terminator()) {
    if (auto einsum = dyn_cast<EinsumOp>(&op)) {
      FailureOr<Value> tile = emitEinsum(einsum, scope);
      if (failed(tile))
        return failure();
      tiles[einsum.getResult()] = *tile;
    } else if (auto stream = dyn_cast<StreamOp>(&op)) {
      if (failed(emitStream(stream, StreamPart())))
        return failure();
    } else if (auto iterate = dyn_cast<IterateOp>(&op)) {
      if (failed(emitIterate(iterate)))
        return failure();
    } else {
      return op.emitOpError("cannot be mapped to tiles yet");
    }
  }
  return success();
}

LogicalResult NestEmitter::emit(ArrayRef<Destination> destinations) {
  for (const Destination &destination : destinations) {
    Value value =
        nest.getBody().front().getTerminator()->getOperand(destination.result);
    // States are stored in the end, what is collected as it is made.
    auto result = dyn_cast<OpResult>(value);
    auto stream = value.getDefiningOp<StreamOp>();
    auto iterate = value.getDefiningOp<IterateOp>();
    if ((stream && result.getResultNumber() >= stream.getNumStates()) ||
        (iterate && result.getResultNumber() >= iterate.getInits().size()))
      storedAsMade[value] = destination.view;
  }
  if (failed(emitOps(nest.getBody().front(), Scope())))
    return failure();
  return storeResults(destinations);
}

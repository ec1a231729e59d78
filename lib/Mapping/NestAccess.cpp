//===- NestAccess.cpp - Tile ranks and accesses of one kernel -------------===//

#include "lib/Mapping/NestEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn;

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
    if (isWalked(var))
      continue;
    if (var == scope.streamed) {
      Dim dim{var, scope.size, scope.offset};
      if (var == grid.lanes)
        lanes = dim;
      else
        dims.push_back(dim);
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

bool NestEmitter::isWalked(StringAttr rank) {
  return llvm::any_of(loops, [&](auto &loop) { return loop.second == rank; });
}

PresenceEmitter NestEmitter::createPresence(PresenceEmitter::ReadAt reads) {
  return PresenceEmitter(
      builder, loops, [&](Value tensor) { return getProducer(tensor); },
      [&](Value v) { return getScalar(v); }, std::move(reads));
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
  Value view = externals.lookup(getTensor(einsum, read));
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

/// What a general access reads (`K[table[b, m1], m0, e]`), as a tile along the
/// ranks that it mentions, so that points that differ in other ranks share it
/// and a contraction may take it. Null where it mentions all ranks of the
/// Einsum: then every point reads for itself.
Value NestEmitter::gatherTile(EinsumOp einsum, ReadOp read,
                              ArrayRef<Dim> dims) {
  SmallVector<StringAttr> vars;
  for (Value index : read.getIndices())
    llvm::append_range(vars, getVars(index));
  SmallVector<Dim> own;
  int64_t elements = 1;
  for (const Dim &dim : dims)
    if (llvm::is_contained(vars, dim.rank)) {
      own.push_back(dim);
      elements *= dim.size;
    }
  if (own.empty() || own.size() == dims.size() ||
      elements > sizes.maxElements || read.getType().isInteger(1))
    return {};
  Value tile =
      emitMap(einsum.getLoc(), own, {}, read.getType(), std::nullopt,
              [&](tile::MapOp, ValueRange) {
                Coordinates coordinates = getUniformCoordinates();
                for (const Dim &dim : own)
                  coordinates[dim.rank] = tile::CoordOp::create(
                      builder, read.getLoc(), builder.getIndexType(), dim.rank);
                return Element{readAt(einsum, read, coordinates), Value()};
              });
  auto map = tile.getDefiningOp<tile::MapOp>();
  if (map.getYield().getValue())
    return tile;
  map.erase();
  return {};
}

Value NestEmitter::readTile(tile::MapOp map, EinsumOp owner, ReadOp read,
                            const Coordinates &at) {
  Value made = tiles.lookup(getTensor(owner, read));
  if (!made)
    return {};
  auto type = cast<tile::TileType>(made.getType());
  SmallVector<StringAttr> vars;
  for (Value index : read.getIndices())
    llvm::append_range(vars, getVars(index));
  for (StringAttr rank : type.getRanks()) {
    Value position = at.lookup(rank);
    auto coord = position ? position.getDefiningOp<tile::CoordOp>() : nullptr;
    if (!coord || coord.getRankAttr() != rank ||
        !llvm::is_contained(vars, rank))
      return {};
  }
  map.getInputsMutable().append(made);
  return map.getBody().front().addArgument(type.getElementType(),
                                           read.getLoc());
}

/// The view of `tensor`, which another nest may store under another name; null
/// where there is none.
Value NestEmitter::lookupStored(Value tensor) {
  if (Value view = externals.lookup(tensor))
    return view;
  auto other = dyn_cast<NestOp>(tensor.getParentRegion()->getParentOp());
  if (!other || other == nest)
    return {};
  ValueRange made = other.getBody().front().getTerminator()->getOperands();
  for (auto [value, result] : llvm::zip_equal(made, other.getResults()))
    if (value == tensor)
      return externals.lookup(result);
  return {};
}

/// An element of a view at coordinates of `owner`, which reads it; null where
/// the tensor is no view, or an index can't be said.
Value NestEmitter::readAt(EinsumOp owner, ReadOp read, const Coordinates &at,
                          ReadHandler inner) {
  Value view = lookupStored(getTensor(owner, read));
  if (!view)
    return {};
  ExpressionEmitter indexer(
      builder, owner, at, [&](Value v) { return getScalar(v); },
      inner ? inner : [&](ReadOp other) { return readAt(owner, other, at); });
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

/// What `read`, in the region of `map`, gives at each of its points, made in
/// front of it where fewer of its ranks say which element that is: a tile along
/// those, or one value. Null where an index is more than a coordinate.
Value NestEmitter::readAhead(tile::MapOp map, tile::ReadOp read) {
  SmallVector<Value> offsets;
  SmallVector<Attribute> dims;
  SmallVector<Dim> own;
  int64_t elements = 1;
  for (Value index : read.getIndices()) {
    if (auto coord = index.getDefiningOp<tile::CoordOp>()) {
      StringAttr rank = coord.getRankAttr();
      auto *it = llvm::find(map.getRanks(), rank);
      if (it == map.getRanks().end() || llvm::is_contained(dims, rank))
        return {};
      int64_t size = map.getSizes()[it - map.getRanks().begin()];
      elements *= size;
      own.push_back({rank, size, map.getOffset(rank)});
      offsets.push_back(own.back().offset);
      dims.push_back(rank);
      continue;
    }
    if (map.getBody().isAncestor(index.getParentRegion()))
      return {};
    offsets.push_back(index);
    dims.push_back(builder.getStringAttr(""));
  }
  if (own.size() == map.getRanks().size() || elements > sizes.maxElements)
    return {};
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(map);
  Type type = read.getResult().getType();
  if (own.empty())
    return builder.clone(*read)->getResult(0);
  if (type.isInteger(1))
    return {};
  // The lanes come last.
  llvm::stable_sort(own, [&](const Dim &a, const Dim &b) {
    return (a.rank == grid.lanes) < (b.rank == grid.lanes);
  });
  Value tile =
      tile::LoadOp::create(builder, read.getLoc(), getTileType(own, type),
                           read.getView(), offsets, builder.getArrayAttr(dims));
  map.getInputsMutable().append(tile);
  return map.getBody().front().addArgument(type, read.getLoc());
}

/// An element of a tile at the point of `map`, or of a view at indices that may
/// be elements of either.
Value NestEmitter::readTileOrView(tile::MapOp map, EinsumOp owner, ReadOp read,
                                  const Coordinates &at) {
  if (Value made = readTile(map, owner, read, at))
    return made;
  Value element = readAt(owner, read, at, [&](ReadOp index) {
    return readTileOrView(map, owner, index, at);
  });
  if (!element)
    return {};
  auto found = cast<tile::ReadOp>(element.getDefiningOp());
  Value ahead = readAhead(map, found);
  if (ahead)
    found.erase();
  return ahead ? ahead : element;
}

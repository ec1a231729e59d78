//===- NestList.cpp - Lists of the best entries, as maps over tiles -------===//
//
// A list is two tiles: values, and their coordinates, which are -1 where there
// is no entry. It is chosen one entry after the other. In the order of
// attn.topk (the larger value first, then the smaller coordinate, NaN last) the
// next entry is the first of those after the last one: a maximum of values,
// then a minimum of coordinates. So nothing has to be sorted, moved or marked,
// and a list of two lists is chosen like one of a tile. An entry costs two or
// three reductions of all that it is chosen from, and one more for each
// payload: that of the only point at the entry's coordinate.
//
//===----------------------------------------------------------------------===//

#include "lib/Mapping/NestEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace attn;

/// The coordinate of what is no entry, after all others.
static constexpr int32_t noEntry = std::numeric_limits<int32_t>::max();

static Value makeLeast(OpBuilder &b, Location loc, Type type) {
  return arith::ConstantOp::create(b, loc, getIdentity(ReducerKind::Max, type));
}

static Value makeNoEntry(OpBuilder &b, Location loc) {
  return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(noEntry));
}

static Value compare(OpBuilder &b, Location loc, arith::CmpFPredicate ofFloats,
                     arith::CmpIPredicate ofIntegers, Value x, Value y) {
  if (isa<FloatType>(x.getType()))
    return arith::CmpFOp::create(b, loc, ofFloats, x, y);
  return arith::CmpIOp::create(b, loc, ofIntegers, x, y);
}

static Value isEqual(OpBuilder &b, Location loc, Value x, Value y) {
  return compare(b, loc, arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq, x,
                 y);
}

static Value isEntry(OpBuilder &b, Location loc, Value coordinate) {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, coordinate,
                               makeNoEntry(b, loc));
}

//===----------------------------------------------------------------------===//
// What is chosen from
//===----------------------------------------------------------------------===//

/// The points of `readers` as entries: where one is absent, there is none. The
/// first has the values, the others payloads, over the same ranks.
FailureOr<NestEmitter::Entries>
NestEmitter::getEntries(ArrayRef<EinsumOp> readers, StringAttr along,
                        const Scope &scope) {
  EinsumOp chosen = readers.front();
  Location loc = chosen.getLoc();
  FailureOr<SmallVector<Dim>> dims = getDims(chosen, scope);
  if (failed(dims))
    return failure();
  Value tile = tiles.lookup(chosen.getResult());
  Type element = cast<tile::TileType>(tile.getType()).getElementType();
  bool hasFailed = false;
  auto emitPart = [&](bool ofCoordinates) {
    return emitMap(
        loc, *dims, tile, ofCoordinates ? builder.getI32Type() : element,
        std::nullopt, [&](tile::MapOp map, ValueRange args) {
          Coordinates at = getCoordinates(loc, *dims);
          Value value = args.front(), none = makeLeast(builder, loc, element);
          if (ofCoordinates) {
            value = CastOp::create(
                builder, loc, builder.getI32Type(), at.lookup(along),
                TypeAttr::get(builder.getI32Type()), builder.getUnitAttr());
            none = makeNoEntry(builder, loc);
          }
          for (EinsumOp reader : readers)
            hasFailed |=
                failed(selectPresent(reader, scope, at, map, none, value));
          return Element{value, {}};
        });
  };
  Entries entries{emitPart(false), emitPart(true), {}, along, *dims};
  for (EinsumOp payload : readers.drop_front())
    entries.payloads.push_back(tiles.lookup(payload.getResult()));
  if (hasFailed)
    return failure();
  return entries;
}

/// The condition that a point of `reader` is present; null where all are.
FailureOr<Value> NestEmitter::emitPresence(EinsumOp reader, const Scope &scope,
                                           const Coordinates &coordinates,
                                           tile::MapOp map) {
  Location loc = reader.getLoc();
  Value all;
  auto add = [&](Value condition) {
    all = all ? Value(arith::AndIOp::create(builder, loc, all, condition))
              : condition;
  };
  Value streamed =
      scope.streamed ? coordinates.lookup(scope.streamed) : Value();
  if (streamed && scope.filtered) {
    Value extent = tile::ExtentOp::create(builder, loc, builder.getIndexType(),
                                          scope.streamed);
    add(arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, streamed,
                              extent));
  }
  PresenceEmitter presence =
      createPresence([&](EinsumOp owner, ReadOp read, const Coordinates &at) {
        return readTileOrView(map, owner, read, at);
      });
  for (PresenceCondition &condition : presence.emit(reader, coordinates)) {
    if (!condition.value)
      return reader.emitOpError("depends on the presence of a tensor that its "
                                "nest does not have at hand");
    bool covered =
        streamed && !scope.filtered && condition.vars.contains(scope.streamed);
    if (!covered)
      add(condition.value);
  }
  return all;
}

/// Replaces `value` by `none` where the point of `reader` at `coordinates` is
/// absent.
LogicalResult NestEmitter::selectPresent(EinsumOp reader, const Scope &scope,
                                         const Coordinates &coordinates,
                                         tile::MapOp map, Value none,
                                         Value &value) {
  FailureOr<Value> present = emitPresence(reader, scope, coordinates, map);
  if (failed(present))
    return failure();
  if (*present)
    value = arith::SelectOp::create(builder, reader.getLoc(), *present, value,
                                    none);
  return success();
}

/// The coordinates of an element of a tile of `dims`, in the region of a map.
Coordinates NestEmitter::getCoordinates(Location loc, ArrayRef<Dim> dims) {
  Coordinates coordinates = getUniformCoordinates();
  for (const Dim &dim : dims)
    coordinates[dim.rank] =
        tile::CoordOp::create(builder, loc, builder.getIndexType(), dim.rank);
  return coordinates;
}

/// The entries of a list: its values, coordinates and payloads. Where an Einsum
/// makes a part of it, there is none where that is absent.
FailureOr<NestEmitter::Entries> NestEmitter::getEntries(ValueRange parts,
                                                        StringAttr along,
                                                        const Scope &scope) {
  Location loc = parts[0].getLoc();
  SmallVector<Dim> dims =
      getTensorDims(cast<attn::TensorType>(parts[0].getType()));
  SmallVector<Value> list{tiles.lookup(parts[0]), tiles.lookup(parts[1])};
  Type element = cast<tile::TileType>(list[0].getType()).getElementType();
  bool hasFailed = false;
  auto emitPart = [&](bool ofCoordinates) {
    return emitMap(
        loc, dims, list, ofCoordinates ? builder.getI32Type() : element,
        std::nullopt, [&](tile::MapOp map, ValueRange args) {
          Value zero = arith::ConstantOp::create(builder, loc,
                                                 builder.getI32IntegerAttr(0));
          Value isNone = arith::CmpIOp::create(
              builder, loc, arith::CmpIPredicate::slt, args[1], zero);
          Value none = ofCoordinates ? makeNoEntry(builder, loc)
                                     : makeLeast(builder, loc, element);
          Value value = arith::SelectOp::create(builder, loc, isNone, none,
                                                args[ofCoordinates]);
          Coordinates at = getCoordinates(loc, dims);
          for (Value part : parts)
            if (auto maker = part.getDefiningOp<EinsumOp>())
              hasFailed |=
                  failed(selectPresent(maker, scope, at, map, none, value));
          return Element{value, {}};
        });
  };
  Entries entries{emitPart(false), emitPart(true), {}, along, dims};
  for (Value payload : parts.drop_front(2))
    entries.payloads.push_back(tiles.lookup(payload));
  if (hasFailed)
    return failure();
  return entries;
}

//===----------------------------------------------------------------------===//
// Choosing
//===----------------------------------------------------------------------===//

/// Reduces each of `all`, or a payload of each, and combines the results: a
/// tile of `dims`.
Value NestEmitter::reduceEntries(Location loc, ArrayRef<Entries> all,
                                 ArrayRef<Dim> dims, ReducerKind kind,
                                 Type element, ValueRange last,
                                 ElementEmitter emit,
                                 std::optional<unsigned> payload) {
  SmallVector<Value> parts;
  for (const Entries &entries : all) {
    SmallVector<Value> inputs{payload ? entries.payloads[*payload]
                                      : entries.values,
                              entries.coordinates};
    llvm::append_range(inputs, last);
    parts.push_back(emitMap(
        loc, entries.dims, inputs, element,
        ReduceAttr::get(builder.getContext(), kind, entries.along), emit));
  }
  if (parts.size() == 1)
    return parts.front();
  return emitMap(
      loc, dims, parts, element, std::nullopt,
      [&](tile::MapOp, ValueRange args) {
        bool isMax = kind == ReducerKind::Max;
        Value x = args[0], y = args[1];
        if (isa<FloatType>(element))
          return Element{arith::MaximumFOp::create(builder, loc, x, y), {}};
        Value best = isMax ? Value(arith::MaxSIOp::create(builder, loc, x, y))
                           : Value(arith::MinSIOp::create(builder, loc, x, y));
        return Element{best, {}};
      });
}

/// The entry after `last`, a value and a coordinate, in the order of lists: its
/// value and its coordinate, which are what follows all entries where there is
/// none.
std::pair<Value, Value> NestEmitter::emitNext(Location loc,
                                              ArrayRef<Entries> all,
                                              ArrayRef<Dim> dims,
                                              ValueRange last) {
  using F = arith::CmpFPredicate;
  using I = arith::CmpIPredicate;
  Type element = cast<tile::TileType>(last[0].getType()).getElementType();
  Type i32 = builder.getI32Type();
  auto isLater = [&](Value coordinate, Value than) -> Value {
    return arith::CmpIOp::create(builder, loc, I::sgt, coordinate, than);
  };
  auto both = [&](Value x, Value y) -> Value {
    return arith::AndIOp::create(builder, loc, x, y);
  };
  auto either = [&](Value x, Value y) -> Value {
    return arith::OrIOp::create(builder, loc, x, y);
  };
  // Arguments: value, coordinate, the last value, the last coordinate, and the
  // best value so far. Comparisons with NaN are false.
  auto follows = [&](ValueRange args) {
    Value isLess = compare(builder, loc, F::OLT, I::slt, args[0], args[2]);
    return either(isLess, both(isEqual(builder, loc, args[0], args[2]),
                               isLater(args[1], args[3])));
  };
  Value best = reduceEntries(loc, all, dims, ReducerKind::Max, element, last,
                             [&](tile::MapOp, ValueRange args) {
                               return Element{args[0], follows(args)};
                             });
  SmallVector<Value> known{last[0], last[1], best};
  Value at = reduceEntries(
      loc, all, dims, ReducerKind::Min, i32, known,
      [&](tile::MapOp, ValueRange args) {
        return Element{args[1], both(follows(args),
                                     isEqual(builder, loc, args[0], args[4]))};
      });
  SmallVector<Value> found{best, at};
  bool isFloat = isa<FloatType>(element);
  if (isFloat)
    found.push_back(reduceEntries(
        loc, all, dims, ReducerKind::Min, i32, last,
        [&](tile::MapOp, ValueRange args) {
          Value isNan =
              arith::CmpFOp::create(builder, loc, F::UNO, args[0], args[0]);
          Value afterNumber = isEqual(builder, loc, args[2], args[2]);
          return Element{
              args[1],
              both(isNan, either(afterNumber, isLater(args[1], args[3])))};
        }));
  // Past all numbers comes NaN, of floats; past all entries, nothing follows.
  auto select = [&](Type type, bool ofCoordinates) {
    return emitMap(
        loc, dims, found, type, std::nullopt,
        [&](tile::MapOp, ValueRange args) {
          Value isNumber = isEntry(builder, loc, args[1]);
          Value other;
          if (ofCoordinates)
            other = isFloat ? args[2] : makeNoEntry(builder, loc);
          else if (isFloat)
            other = arith::ConstantOp::create(
                builder, loc,
                builder.getFloatAttr(
                    type, APFloat::getNaN(
                              cast<FloatType>(type).getFloatSemantics())));
          else
            other = makeLeast(builder, loc, type);
          return Element{arith::SelectOp::create(builder, loc, isNumber,
                                                 args[ofCoordinates], other),
                         {}};
        });
  };
  return {select(element, false), select(i32, true)};
}

/// What goes along with the entry at the coordinate `at`, which is that of one
/// point at most: a maximum of one element is that element.
Value NestEmitter::emitPayload(Location loc, ArrayRef<Entries> all,
                               ArrayRef<Dim> dims, unsigned payload, Value at) {
  Value first = all.front().payloads[payload];
  Type element = cast<tile::TileType>(first.getType()).getElementType();
  return reduceEntries(
      loc, all, dims, ReducerKind::Max, element, at,
      [&](tile::MapOp, ValueRange args) {
        Value isHere = arith::CmpIOp::create(
            builder, loc, arith::CmpIPredicate::eq, args[1], args[2]);
        return Element{args[0],
                       arith::AndIOp::create(builder, loc, isHere,
                                             isEntry(builder, loc, args[2]))};
      },
      payload);
}

/// Chooses the best entries, in order: tiles of the types of `results`.
void NestEmitter::emitList(ArrayRef<Entries> all, StringAttr rank,
                           ValueRange results) {
  Location loc = results[0].getLoc();
  SmallVector<Dim> dims =
      getTensorDims(cast<attn::TensorType>(results[0].getType()));
  SmallVector<Dim> rows(dims);
  llvm::erase_if(rows, [&](const Dim &dim) { return dim.rank == rank; });
  Type element =
      cast<tile::TileType>(all.front().values.getType()).getElementType();
  auto fill = [&](ArrayRef<Dim> of, TypedAttr value) -> Value {
    return tile::FillOp::create(builder, loc, getTileType(of, value.getType()),
                                value);
  };
  // What a place without an entry has, part by part.
  SmallVector<TypedAttr> none{getIdentity(ReducerKind::Max, element),
                              builder.getI32IntegerAttr(-1)};
  for (Value payload : all.front().payloads)
    none.push_back(builder.getZeroAttr(
        cast<tile::TileType>(payload.getType()).getElementType()));
  SmallVector<Value> inits;
  for (TypedAttr part : none)
    inits.push_back(fill(dims, part));
  // What comes before the largest value at coordinate 0.
  inits.push_back(fill(rows, getIdentity(ReducerKind::Min, element)));
  inits.push_back(fill(rows, builder.getI32IntegerAttr(-1)));
  int64_t length = *getCascade(nest).getFixedExtent(rank);
  auto loop = scf::ForOp::create(builder, loc, constant(0), constant(length),
                                 constant(1), inits);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  auto [value, at] =
      emitNext(loc, all, rows, loop.getRegionIterArgs().take_back(2));
  SmallVector<Value> entry{value, at};
  for (unsigned i = 0; i != all.front().payloads.size(); ++i)
    entry.push_back(emitPayload(loc, all, rows, i, at));
  // The entry goes to its place in the list.
  SmallVector<Value> next;
  for (auto [i, absent] : llvm::enumerate(none))
    next.push_back(emitMap(
        loc, dims, {loop.getRegionIterArg(i), entry[i], at}, absent.getType(),
        std::nullopt,
        [&, i = i, absent = absent](tile::MapOp, ValueRange args) {
          Value exists = isEntry(builder, loc, args[2]);
          Value here = arith::SelectOp::create(
              builder, loc, exists, args[1],
              arith::ConstantOp::create(builder, loc, absent));
          Value coordinate =
              tile::CoordOp::create(builder, loc, builder.getIndexType(), rank);
          Value isHere =
              arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                    coordinate, loop.getInductionVar());
          return Element{
              arith::SelectOp::create(builder, loc, isHere, here, args[0]), {}};
        }));
  next.push_back(value);
  next.push_back(at);
  scf::YieldOp::create(builder, loc, next);
  for (auto [i, result] : llvm::enumerate(results))
    tiles[result] = loop.getResult(i);
}

LogicalResult NestEmitter::emitTopK(TopKOp topk, const Scope &scope) {
  SmallVector<EinsumOp> readers;
  for (Value tensor : topk->getOperands())
    readers.push_back(tensor.getDefiningOp<EinsumOp>());
  FailureOr<Entries> entries = getEntries(readers, topk.getFromAttr(), scope);
  if (failed(entries))
    return failure();
  emitList(*entries, topk.getToAttr(), topk.getResults());
  return success();
}

LogicalResult NestEmitter::emitJoin(JoinOp join, const Scope &scope) {
  StringAttr rank = join.getRankAttr();
  SmallVector<Entries> sides;
  for (ValueRange list : {join.getLeft(), join.getRight()}) {
    FailureOr<Entries> entries = getEntries(list, rank, scope);
    if (failed(entries))
      return failure();
    sides.push_back(std::move(*entries));
  }
  emitList(sides, rank, join.getResults());
  return success();
}

//===----------------------------------------------------------------------===//
// Before the mapping
//===----------------------------------------------------------------------===//

/// `%tensor` where `%coordinates` has an entry.
static EinsumOp createEntries(Operation *op, Value tensor, Value coordinates) {
  EinsumOp einsum = createCopy(op, tensor);
  Block &block = einsum.getBody().front();
  auto value = cast<ValueOp>(block.getTerminator());
  auto read = value.getValue().getDefiningOp<ReadOp>();
  Location loc = op->getLoc();
  OpBuilder builder(value);
  Value list = block.getArgument(0);
  if (coordinates != tensor) {
    einsum.getInputsMutable().append(coordinates);
    list = block.addArgument(coordinates.getType(), loc);
  }
  Value coordinate = ReadOp::create(builder, loc, builder.getI32Type(), list,
                                    read.getIndices());
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0));
  Value exists = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sge,
                                       coordinate, zero);
  value.getFilterMutable().assign(exists);
  return einsum;
}

void attn::prepareLists(NestOp nest) {
  SmallVector<TopKOp> choices;
  nest.walk([&](TopKOp topk) { choices.push_back(topk); });
  for (TopKOp topk : choices) {
    for (OpOperand &tensor : topk->getOpOperands())
      tensor.set(createCopy(topk, tensor.get()).getResult());
    for (Value result : topk.getResults()) {
      auto isOther = [](OpOperand &use) {
        return !isa<JoinOp>(use.getOwner());
      };
      if (llvm::none_of(result.getUses(), isOther))
        continue;
      EinsumOp entries =
          createEntries(topk->getNextNode(), result, topk.getIndices());
      result.replaceUsesWithIf(entries.getResult(), [&](OpOperand &use) {
        return isOther(use) && use.getOwner() != entries;
      });
    }
  }
}

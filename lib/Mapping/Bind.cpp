//===- Bind.cpp - Sums of products become contractions --------------------===//

#include "lib/Mapping/Passes.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/LoopLikeInterface.h"

namespace attn {
#define GEN_PASS_DEF_BIND
#include "lib/Mapping/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {

using RankSet = llvm::SmallSetVector<StringAttr, 4>;

/// Whether sums of products of `type` become contractions.
bool hasContraction(Type type) { return type.isF32() || type.isInteger(32); }

/// A factor of the sum's product, and the tile ranks along which it varies.
struct Factor {
  Value value;
  RankSet ranks;
};

/// Turns one tile.map into a tile.contract.
class ContractionBinder {
public:
  ContractionBinder(tile::MapOp map, StringAttr lanes)
      : map(map), lanes(lanes), builder(map) {}
  /// Leaves the map alone and returns false where it is no contraction.
  bool bind();

private:
  bool isSum();
  void collectFactors();
  RankSet getRanks(Value value);
  bool group();
  Value getSteadyFilter(Value filter);
  Value makeOperand(ArrayRef<Factor> factors, Value filter);

  tile::MapOp map;
  StringAttr lanes;
  OpBuilder builder;
  RankSet reduced;
  SmallVector<Factor> factors;
  /// With the lane rank, without it, and without a contracted rank.
  SmallVector<Factor> withLanes, withoutLanes, outside;
};

} // namespace

bool ContractionBinder::isSum() {
  if (map.getReducers().empty() || !lanes)
    return false;
  for (auto reducer : map.getReducers().getAsRange<ReduceAttr>()) {
    if (reducer.getKind() != ReducerKind::Add || reducer.getVar() == lanes)
      return false;
    reduced.insert(reducer.getVar());
  }
  tile::TileType type = map.getResult().getType();
  return hasContraction(type.getElementType()) &&
         type.getRankPosition(lanes) >= 0;
}

/// The tile ranks on which a value of the region depends.
RankSet ContractionBinder::getRanks(Value value) {
  RankSet ranks;
  SmallVector<Value> worklist{value};
  llvm::DenseSet<Value> seen;
  while (!worklist.empty()) {
    Value next = worklist.pop_back_val();
    if (auto argument = dyn_cast<BlockArgument>(next)) {
      if (argument.getOwner() == &map.getBody().front()) {
        auto type = cast<tile::TileType>(
            map.getInputs()[argument.getArgNumber()].getType());
        ranks.insert(type.getRanks().begin(), type.getRanks().end());
      }
      continue;
    }
    Operation *op = next.getDefiningOp();
    if (op->getParentOp() != map)
      continue;
    if (auto coord = dyn_cast<tile::CoordOp>(op))
      ranks.insert(coord.getRankAttr());
    for (Value operand : op->getOperands())
      if (seen.insert(operand).second)
        worklist.push_back(operand);
  }
  return ranks;
}

void ContractionBinder::collectFactors() {
  SmallVector<Value> worklist{map.getYield().getValue()};
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    Operation *product = value.getDefiningOp();
    if (isa_and_present<arith::MulFOp, arith::MulIOp>(product)) {
      worklist.push_back(product->getOperand(1));
      worklist.push_back(product->getOperand(0));
      continue;
    }
    // -x is -1 times x.
    if (auto negation = value.getDefiningOp<arith::NegFOp>()) {
      OpBuilder inside(negation);
      Value minusOne =
          arith::ConstantOp::create(inside, negation.getLoc(),
                                    inside.getFloatAttr(value.getType(), -1.0));
      factors.push_back({minusOne, {}});
      worklist.push_back(negation.getOperand());
      continue;
    }
    factors.push_back({value, getRanks(value)});
  }
}

bool ContractionBinder::group() {
  auto varies = [&](const Factor &factor) {
    return llvm::any_of(
        factor.ranks, [&](StringAttr rank) { return reduced.contains(rank); });
  };
  for (Factor &factor : factors) {
    if (!varies(factor))
      outside.push_back(factor);
    else if (factor.ranks.contains(lanes))
      withLanes.push_back(factor);
    else
      withoutLanes.push_back(factor);
  }
  if (withLanes.empty() || withoutLanes.empty())
    return false;
  // Each contracted rank is one of both operands; each other rank of one.
  auto unite = [](ArrayRef<Factor> some) {
    RankSet ranks;
    for (const Factor &factor : some)
      ranks.insert(factor.ranks.begin(), factor.ranks.end());
    return ranks;
  };
  RankSet right = unite(withLanes), left = unite(withoutLanes);
  for (StringAttr rank : reduced)
    if (!right.contains(rank) || !left.contains(rank))
      return false;
  tile::TileType type = map.getResult().getType();
  for (StringAttr rank : type.getRanks()) {
    bool isLeft = left.contains(rank), isRight = right.contains(rank);
    if (isLeft == isRight)
      return false;
  }
  if (Value filter = map.getYield().getFilter())
    for (StringAttr rank : getRanks(filter))
      if (!right.contains(rank))
        return false;
  return true;
}

/// Whether `condition` is only the end of a rank, where loads give 0.
static bool isRankEnd(Value condition) {
  auto cmp = condition.getDefiningOp<arith::CmpIOp>();
  if (!cmp || cmp.getPredicate() != arith::CmpIPredicate::slt)
    return false;
  auto coord = cmp.getLhs().getDefiningOp<tile::CoordOp>();
  auto extent = cmp.getRhs().getDefiningOp<tile::ExtentOp>();
  return coord && extent && coord.getRankAttr() == extent.getRankAttr();
}

/// The part of `filter` that is the same for all lanes, as one condition. What
/// it removes must not be read: 0 times a NaN in padding would be NaN.
Value ContractionBinder::getSteadyFilter(Value filter) {
  RankSet left;
  for (const Factor &factor : withoutLanes)
    left.insert(factor.ranks.begin(), factor.ranks.end());
  OpBuilder inside(map.getYield());
  Value steady;
  SmallVector<Value> conjuncts;
  if (filter)
    conjuncts.push_back(filter);
  while (!conjuncts.empty()) {
    Value conjunct = conjuncts.pop_back_val();
    if (auto both = conjunct.getDefiningOp<arith::AndIOp>()) {
      conjuncts.append({both.getLhs(), both.getRhs()});
      continue;
    }
    bool isSteady = llvm::all_of(getRanks(conjunct), [&](StringAttr rank) {
      return left.contains(rank);
    });
    if (!isSteady || isRankEnd(conjunct))
      continue;
    steady = steady ? Value(arith::AndIOp::create(inside, map.getLoc(), steady,
                                                  conjunct))
                    : conjunct;
  }
  return steady;
}

/// The product of `factors` as a tile; a factor that is a tile already needs no
/// op. Where `filter` is false the tile is 0.
Value ContractionBinder::makeOperand(ArrayRef<Factor> some, Value filter) {
  Block &body = map.getBody().front();
  if (some.size() == 1 && !filter)
    if (auto argument = dyn_cast<BlockArgument>(some.front().value))
      return map.getInputs()[argument.getArgNumber()];
  RankSet used;
  for (const Factor &factor : some)
    used.insert(factor.ranks.begin(), factor.ranks.end());
  // In the map's order, the lanes last.
  SmallVector<Attribute> ranks;
  SmallVector<StringAttr> names;
  SmallVector<int64_t> sizes;
  SmallVector<Value> offsets;
  auto add = [&](StringAttr rank, int64_t size, Value offset) {
    ranks.push_back(rank);
    names.push_back(rank);
    sizes.push_back(size);
    offsets.push_back(offset);
  };
  for (bool wantsLanes : {false, true})
    for (auto [rank, size, offset] :
         llvm::zip(map.getRanks().getAsRange<StringAttr>(), map.getSizes(),
                   map.getOffsets()))
      if (used.contains(rank) && (rank == lanes) == wantsLanes)
        add(rank, size, offset);
  Type element = map.getResult().getType().getElementType();
  auto type = tile::TileType::get(builder.getContext(), names, sizes, element,
                                  tile::Space::Scratch);
  // Only the inputs that the factors read.
  SmallVector<Value> inputs;
  SmallVector<BlockArgument> arguments;
  auto needs = [&](BlockArgument argument) {
    SmallVector<Value> worklist;
    for (const Factor &factor : some)
      worklist.push_back(factor.value);
    if (filter)
      worklist.push_back(filter);
    llvm::DenseSet<Value> seen;
    while (!worklist.empty()) {
      Value next = worklist.pop_back_val();
      if (next == argument)
        return true;
      Operation *op = next.getDefiningOp();
      if (op && op->getParentOp() == map)
        for (Value operand : op->getOperands())
          if (seen.insert(operand).second)
            worklist.push_back(operand);
    }
    return false;
  };
  for (BlockArgument argument : body.getArguments())
    if (needs(argument)) {
      arguments.push_back(argument);
      inputs.push_back(map.getInputs()[argument.getArgNumber()]);
    }
  Location loc = map.getLoc();
  auto product =
      tile::MapOp::create(builder, loc, type, builder.getArrayAttr(ranks),
                          builder.getDenseI64ArrayAttr(sizes),
                          builder.getArrayAttr({}), offsets, inputs, Value());
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(&product.getBody());
  IRMapping mapping;
  for (BlockArgument argument : arguments)
    mapping.map(argument, block->addArgument(argument.getType(), loc));
  // What the factors don't need is dropped by canonicalize.
  llvm::DenseSet<Operation *> needed;
  SmallVector<Value> worklist;
  for (const Factor &factor : some)
    worklist.push_back(factor.value);
  if (filter)
    worklist.push_back(filter);
  while (!worklist.empty()) {
    Operation *op = worklist.pop_back_val().getDefiningOp();
    if (op && op->getParentOp() == map && needed.insert(op).second)
      llvm::append_range(worklist, op->getOperands());
  }
  for (Operation &op : body.without_terminator())
    if (needed.contains(&op))
      builder.clone(op, mapping);
  ArithBuilder arith(builder, loc);
  Value value;
  for (const Factor &factor : some) {
    Value mapped = mapping.lookupOrDefault(factor.value);
    value = value ? arith.mul(value, mapped) : mapped;
  }
  if (filter) {
    Value zero =
        arith::ConstantOp::create(builder, loc, builder.getZeroAttr(element));
    value = arith::SelectOp::create(
        builder, loc, mapping.lookupOrDefault(filter), value, zero);
  }
  tile::YieldOp::create(builder, loc, value, Value());
  return product.getResult();
}

/// Whether `tile` is made anew in each turn of the innermost loop around `op`.
static bool changesInLoop(Value tile, Operation *op) {
  auto loop = op->getParentOfType<LoopLikeOpInterface>();
  if (!loop)
    return false;
  SmallVector<Value> worklist{tile};
  llvm::DenseSet<Value> seen;
  while (!worklist.empty()) {
    Value next = worklist.pop_back_val();
    if (!seen.insert(next).second || loop.isDefinedOutsideOfLoop(next))
      continue;
    Operation *definition = next.getDefiningOp();
    if (!definition)
      return true;
    llvm::append_range(worklist, definition->getOperands());
    definition->walk([&](Operation *inner) {
      llvm::append_range(worklist, inner->getOperands());
    });
    if (definition->getNumOperands() == 0 && definition->getNumRegions() == 0)
      continue;
  }
  return false;
}

bool ContractionBinder::bind() {
  if (!isSum())
    return false;
  collectFactors();
  if (!group())
    return false;
  // Factors that don't vary along the contracted ranks: those without any rank
  // multiply the operand that stays the same from turn to turn.
  auto isSteady = [&](ArrayRef<Factor> some) {
    return llvm::none_of(some, [&](const Factor &factor) {
      for (BlockArgument argument : map.getBody().getArguments())
        if (factor.value == argument)
          return changesInLoop(map.getInputs()[argument.getArgNumber()], map);
      return true;
    });
  };
  SmallVector<Factor> after;
  for (Factor &factor : outside) {
    if (!factor.ranks.empty())
      after.push_back(factor);
    else if (isSteady(withLanes) || !isSteady(withoutLanes))
      withLanes.push_back(factor);
    else
      withoutLanes.push_back(factor);
  }
  Value filter = map.getYield().getFilter();
  Value rhs = makeOperand(withLanes, filter);
  Value lhs = makeOperand(withoutLanes, getSteadyFilter(filter));
  SmallVector<Attribute> over(reduced.begin(), reduced.end());
  bool startsFromAcc = map.getAcc() && after.empty();
  Value result = tile::ContractOp::create(
      builder, map.getLoc(), map.getResult().getType(), lhs, rhs,
      startsFromAcc ? map.getAcc() : Value(), builder.getArrayAttr(over),
      tile::UnitAttr::get(builder.getContext(), tile::Unit::Matrix));
  if (!after.empty()) {
    // result * what is outside (+ acc): an elementwise map.
    tile::TileType type = map.getResult().getType();
    SmallVector<Attribute> ranks(type.getRanks().begin(),
                                 type.getRanks().end());
    SmallVector<Value> offsets, inputs{result};
    for (StringAttr rank : type.getRanks())
      offsets.push_back(map.getOffset(rank));
    Value scale = makeOperand(after, Value());
    inputs.push_back(scale);
    if (map.getAcc())
      inputs.push_back(map.getAcc());
    auto finish = tile::MapOp::create(
        builder, map.getLoc(), type, builder.getArrayAttr(ranks),
        builder.getDenseI64ArrayAttr(type.getSizes()), builder.getArrayAttr({}),
        offsets, inputs, Value());
    OpBuilder::InsertionGuard guard(builder);
    Block *block = builder.createBlock(&finish.getBody());
    for (Value input : inputs)
      block->addArgument(type.getElementType(), input.getLoc());
    ArithBuilder arith(builder, map.getLoc());
    Value value = arith.mul(block->getArgument(0), block->getArgument(1));
    if (map.getAcc())
      value = arith.add(block->getArgument(2), value);
    tile::YieldOp::create(builder, map.getLoc(), value, Value());
    result = finish.getResult();
  }
  map.replaceAllUsesWith(result);
  map.erase();
  return true;
}

/// Makes `acc + sum` the sum's starting value: `%x = map { a + b }`, where one
/// of the two is a contraction read nowhere else and the other has its type.
static void foldAccumulator(tile::MapOp map) {
  Block &body = map.getBody().front();
  if (!map.getReducers().empty() || map.getInputs().size() < 2 ||
      !hasContraction(map.getResult().getType().getElementType()))
    return;
  Operation *sum = map.getYield().getValue().getDefiningOp();
  if (!isa_and_present<arith::AddFOp, arith::AddIOp>(sum))
    return;
  for (bool swapped : {false, true}) {
    Value addend = sum->getOperand(swapped ? 0 : 1);
    Value rest = sum->getOperand(swapped ? 1 : 0);
    auto argument = dyn_cast<BlockArgument>(addend);
    if (!argument || argument.getOwner() != &body || !argument.hasOneUse())
      continue;
    Value tile = map.getInputs()[argument.getArgNumber()];
    auto contract = tile.getDefiningOp<tile::ContractOp>();
    if (!contract || contract.getAcc() || !contract->hasOneUse() ||
        contract.getType() != map.getResult().getType() ||
        contract->getBlock() != map->getBlock())
      continue;
    // acc = what is added to it, as a map of its own, before the contraction.
    map.getYield().getValueMutable().assign(rest);
    sum->erase();
    unsigned number = argument.getArgNumber();
    body.eraseArgument(number);
    map.getInputsMutable().erase(number);
    map.replaceAllUsesWith(contract.getResult());
    contract->moveAfter(map);
    contract.getAccMutable().assign(map.getResult());
    return;
  }
}

namespace {
struct Bind : attn::impl::BindBase<Bind> {
  void runOnOperation() override {
    StringAttr lanes = getOperation().getLanesAttr();
    SmallVector<tile::MapOp> maps;
    getOperation().walk([&](tile::MapOp map) { maps.push_back(map); });
    SmallVector<tile::MapOp> rest;
    for (tile::MapOp map : maps)
      if (!ContractionBinder(map, lanes).bind())
        rest.push_back(map);
    for (tile::MapOp map : rest)
      foldAccumulator(map);
  }
};
} // namespace

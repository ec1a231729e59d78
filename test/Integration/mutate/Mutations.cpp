//===- Mutations.cpp - Mistakes to make in mapped kernels -----------------===//

#include "test/Integration/mutate/Mutations.h"
#include "dialect/Tile/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

/// Calls `mutate` with every `Op` of every kernel; it returns whether it made
/// the mistake. Not in place, because it may erase.
template <typename Op>
static unsigned mutateEach(ModuleOp module, function_ref<bool(Op)> mutate) {
  SmallVector<Op> ops;
  for (auto kernel : module.getOps<tile::KernelOp>())
    kernel.walk([&](Op op) { ops.push_back(op); });
  return llvm::count_if(ops, mutate);
}

static bool isMerge(Operation *op) {
  bool found = false;
  op->getParentOfType<tile::KernelOp>().walk([&](tile::LoadOp load) {
    found |= llvm::any_of(load.getView().getType().getRanks(),
                          [](StringAttr rank) { return rank == "split"; });
  });
  return found;
}

/// The loop over tiles of a stream, or over the parts that a merge joins.
static bool isStreamLoop(scf::ForOp loop) {
  return loop.getNumResults() > 0 && !isMerge(loop);
}

static bool isInMap(Operation *op) {
  return op->getParentOfType<tile::MapOp>() != nullptr;
}

/// The name of the tensor that a load reads.
static StringRef getTensor(tile::LoadOp load) {
  auto argument = dyn_cast<BlockArgument>(load.getView());
  auto kernel = load->getParentOfType<tile::KernelOp>();
  if (!argument)
    return "";
  size_t operand = argument.getArgNumber() - kernel.getGrid().size();
  return cast<StringAttr>(kernel.getArgNames()[operand]).getValue();
}

static Value addTo(Value value, int64_t amount, Operation *before) {
  OpBuilder builder(before);
  Value constant =
      arith::ConstantIndexOp::create(builder, before->getLoc(), amount);
  return arith::AddIOp::create(builder, before->getLoc(), value, constant);
}

/// A map of one value a row that takes exp: the factor of a correction.
static bool isCorrection(tile::MapOp map) {
  return map.getReducers().empty() &&
         map.getResult().getType().getRanks().size() == 1 &&
         map->getParentOfType<scf::ForOp>() &&
         map.getYield().getValue().getDefiningOp<math::ExpOp>();
}

static void yieldConstant(tile::MapOp map, double constant) {
  OpBuilder builder(map.getYield());
  Value value = arith::ConstantOp::create(builder, map.getLoc(),
                                          builder.getF32FloatAttr(constant));
  map.getYield().getValueMutable().assign(value);
}

static bool dropFilter(tile::MapOp map) {
  if (!map.getYield().getFilter())
    return false;
  map.getYield().getFilterMutable().clear();
  return true;
}

/// Shifts a load of `tensor` by one along the tile rank `rank`.
static unsigned shiftLoads(ModuleOp module, StringRef tensor, StringRef rank) {
  return mutateEach<tile::LoadOp>(module, [&](tile::LoadOp load) {
    if (getTensor(load) != tensor)
      return false;
    for (auto [dim, offset] : llvm::zip(load.getDims().getAsRange<StringAttr>(),
                                        load.getOffsetsMutable()))
      if (dim == rank)
        offset.set(addTo(offset.get(), 1, load));
    return true;
  });
}

/// Replaces every operation on elements `From` in maps.
template <typename From>
static unsigned replaceEach(ModuleOp module,
                            function_ref<Value(OpBuilder &, From)> replace) {
  return mutateEach<From>(module, [&](From op) {
    OpBuilder builder(op);
    Value value = isInMap(op) ? replace(builder, op) : Value();
    if (!value)
      return false;
    op->getResult(0).replaceAllUsesExcept(value, value.getDefiningOp());
    return true;
  });
}

//===----------------------------------------------------------------------===//
// Running state
//===----------------------------------------------------------------------===//

static unsigned dropCorrection(ModuleOp module) {
  return mutateEach<tile::MapOp>(module, [](tile::MapOp map) {
    if (!isCorrection(map) || isMerge(map))
      return false;
    yieldConstant(map, 1);
    return true;
  });
}

static unsigned dropMergeCorrection(ModuleOp module) {
  return mutateEach<tile::MapOp>(module, [](tile::MapOp map) {
    if (!isCorrection(map) || !isMerge(map))
      return false;
    yieldConstant(map, 1);
    return true;
  });
}

static unsigned takeMinForMax(ModuleOp module) {
  return mutateEach<tile::MapOp>(module, [](tile::MapOp map) {
    SmallVector<Attribute> reducers;
    bool changed = false;
    for (auto reducer : map.getReducers().getAsRange<ReduceAttr>()) {
      bool isMax = reducer.getKind() == ReducerKind::Max;
      changed |= isMax;
      reducers.push_back(ReduceAttr::get(
          map.getContext(), isMax ? ReducerKind::Min : reducer.getKind(),
          reducer.getVar()));
    }
    map.setReducersAttr(ArrayAttr::get(map.getContext(), reducers));
    return changed;
  });
}

/// The maximum of the tile at hand instead of all so far.
static unsigned forgetMax(ModuleOp module) {
  return replaceEach<arith::MaximumFOp>(
      module, [](OpBuilder &, arith::MaximumFOp op) {
        return isMerge(op) ? Value() : op.getRhs();
      });
}

static unsigned subtractInSum(ModuleOp module) {
  return replaceEach<arith::AddFOp>(
      module, [](OpBuilder &builder, arith::AddFOp op) -> Value {
        if (isMerge(op))
          return {};
        return arith::SubFOp::create(builder, op.getLoc(), op.getLhs(),
                                     op.getRhs());
      });
}

static unsigned dropAccumulator(ModuleOp module) {
  return mutateEach<tile::ContractOp>(module, [](tile::ContractOp contract) {
    if (!contract.getAcc())
      return false;
    contract.getAccMutable().clear();
    return true;
  });
}

/// Every fill of `from` becomes one of `to`.
static unsigned refill(ModuleOp module, double from, double to) {
  return mutateEach<tile::FillOp>(module, [&](tile::FillOp fill) {
    auto value = dyn_cast<FloatAttr>(fill.getValue());
    if (!value || value.getValueAsDouble() != from)
      return false;
    fill.setValueAttr(FloatAttr::get(value.getType(), to));
    return true;
  });
}

static unsigned startMaxAtZero(ModuleOp module) {
  return refill(module, -std::numeric_limits<double>::infinity(), 0);
}
static unsigned startSumsAtOne(ModuleOp module) { return refill(module, 0, 1); }

static unsigned exchangeStates(ModuleOp module) {
  return mutateEach<scf::ForOp>(module, [](scf::ForOp loop) {
    if (!isStreamLoop(loop) || loop.getNumResults() < 2)
      return false;
    Operation *yield = loop.getBody()->getTerminator();
    Value first = yield->getOperand(0), second = yield->getOperand(1);
    if (first.getType() != second.getType())
      return false;
    yield->setOperands(0, 2, {second, first});
    return true;
  });
}

//===----------------------------------------------------------------------===//
// Filters
//===----------------------------------------------------------------------===//

static unsigned makeFiltersStrict(ModuleOp module) {
  return mutateEach<arith::CmpIOp>(module, [](arith::CmpIOp compare) {
    if (!isInMap(compare) ||
        compare.getPredicate() != arith::CmpIPredicate::sle)
      return false;
    compare.setPredicate(arith::CmpIPredicate::slt);
    return true;
  });
}

static unsigned makeFiltersLoose(ModuleOp module) {
  return mutateEach<arith::CmpIOp>(module, [](arith::CmpIOp compare) {
    if (!isInMap(compare) ||
        compare.getPredicate() != arith::CmpIPredicate::sle)
      return false;
    compare.getRhsMutable().assign(addTo(compare.getRhs(), 1, compare));
    return true;
  });
}

static unsigned dropEndOfRank(ModuleOp module) {
  return replaceEach<arith::CmpIOp>(
      module, [](OpBuilder &builder, arith::CmpIOp op) -> Value {
        if (op.getPredicate() != arith::CmpIPredicate::slt)
          return {};
        return arith::ConstantIntOp::create(builder, op.getLoc(), true, 1);
      });
}

/// A selection in an operand of a contraction: the filter, made 0.
static unsigned dropFiltersOfProducts(ModuleOp module) {
  return replaceEach<arith::SelectOp>(
      module,
      [](OpBuilder &, arith::SelectOp op) { return op.getTrueValue(); });
}

static unsigned dropFiltersOfSums(ModuleOp module) {
  return mutateEach<tile::MapOp>(module, [](tile::MapOp map) {
    auto reducers = map.getReducers().getAsRange<ReduceAttr>();
    return llvm::all_of(reducers,
                        [](ReduceAttr reducer) {
                          return reducer.getKind() == ReducerKind::Add;
                        }) &&
           dropFilter(map);
  });
}

static unsigned dropFilters(ModuleOp module) {
  return mutateEach<tile::MapOp>(module, dropFilter) +
         dropFiltersOfProducts(module);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

static unsigned skipLastTile(ModuleOp module) {
  return mutateEach<scf::ForOp>(module, [](scf::ForOp loop) {
    if (!isStreamLoop(loop))
      return false;
    OpBuilder builder(loop);
    loop.getUpperBoundMutable().assign(arith::SubIOp::create(
        builder, loop.getLoc(), loop.getUpperBound(), loop.getStep()));
    return true;
  });
}

static unsigned skipFirstTile(ModuleOp module) {
  return mutateEach<scf::ForOp>(module, [](scf::ForOp loop) {
    if (!isStreamLoop(loop))
      return false;
    OpBuilder builder(loop);
    loop.getLowerBoundMutable().assign(arith::AddIOp::create(
        builder, loop.getLoc(), loop.getLowerBound(), loop.getStep()));
    return true;
  });
}

static unsigned overlapTiles(ModuleOp module) {
  return mutateEach<scf::ForOp>(module, [](scf::ForOp loop) {
    if (!isStreamLoop(loop))
      return false;
    OpBuilder builder(loop);
    Value two = arith::ConstantIndexOp::create(builder, loop.getLoc(), 2);
    loop.getStepMutable().assign(
        arith::DivSIOp::create(builder, loop.getLoc(), loop.getStep(), two));
    return true;
  });
}

/// The `if` inside of `branch` that chooses the body without filters.
static scf::IfOp getFullOrPartial(scf::IfOp branch) {
  for (scf::IfOp inner : branch.thenBlock()->getOps<scf::IfOp>())
    return inner;
  return {};
}

/// In a tile that needs a filter, nothing passes it.
static unsigned skipPartialTiles(ModuleOp module) {
  return mutateEach<scf::IfOp>(module, [](scf::IfOp branch) {
    if (isInMap(branch) || branch.getElseRegion().empty())
      return false;
    Block &partial = branch.getElseRegion().front();
    OpBuilder builder(branch);
    Value none =
        arith::ConstantIntOp::create(builder, branch.getLoc(), false, 1);
    bool hasFilter = false;
    partial.walk([&](Operation *op) {
      if (auto select = dyn_cast<arith::SelectOp>(op); select && isInMap(op)) {
        select.getConditionMutable().assign(none);
        hasFilter = true;
      } else if (auto map = dyn_cast<tile::MapOp>(op);
                 map && map.getYield().getFilter()) {
        map.getYield().getFilterMutable().assign(none);
        hasFilter = true;
      }
    });
    return hasFilter;
  });
}

/// Takes each tile for one in which the filters hold everywhere.
static unsigned takeTilesForFull(ModuleOp module) {
  return mutateEach<scf::IfOp>(module, [](scf::IfOp branch) {
    if (isInMap(branch) || getFullOrPartial(branch))
      return false;
    OpBuilder builder(branch);
    branch.getConditionMutable().assign(
        arith::ConstantIntOp::create(builder, branch.getLoc(), true, 1));
    return true;
  });
}

/// Tasks lie twice as far apart as their tiles are wide.
static unsigned leaveRowsOut(ModuleOp module) {
  unsigned count = 0;
  for (auto kernel : module.getOps<tile::KernelOp>()) {
    SmallVector<int64_t> sizes(kernel.getSizes());
    sizes.back() *= 2;
    kernel.setSizes(sizes);
    ++count;
  }
  return count;
}

static unsigned exchangeExtents(ModuleOp module) {
  return mutateEach<tile::ExtentOp>(module, [](tile::ExtentOp extent) {
    if (extent.getRank() != "m")
      return false;
    extent.setRank("p");
    return true;
  });
}

//===----------------------------------------------------------------------===//
// Loads and stores
//===----------------------------------------------------------------------===//

static unsigned shiftQueries(ModuleOp module) {
  return shiftLoads(module, "Q", "p");
}
static unsigned shiftKeys(ModuleOp module) {
  return shiftLoads(module, "K", "m");
}
static unsigned shiftValues(ModuleOp module) {
  return shiftLoads(module, "V", "m");
}
static unsigned shiftColumns(ModuleOp module) {
  return shiftLoads(module, "V", "f");
}

static unsigned loadKeysForValues(ModuleOp module) {
  return mutateEach<tile::LoadOp>(module, [](tile::LoadOp load) {
    if (getTensor(load) != "V")
      return false;
    auto kernel = load->getParentOfType<tile::KernelOp>();
    for (auto [position, name] : llvm::enumerate(kernel.getArgNames()))
      if (cast<StringAttr>(name) == "K")
        load.getViewMutable().assign(
            kernel.getBody().getArgument(kernel.getGrid().size() + position));
    return getTensor(load) == "K";
  });
}

static unsigned shiftStores(ModuleOp module) {
  return mutateEach<tile::StoreOp>(module, [](tile::StoreOp store) {
    for (auto [dim, offset] :
         llvm::zip(store.getDims().getAsRange<StringAttr>(),
                   store.getOffsetsMutable()))
      if (dim == "p") {
        offset.set(addTo(offset.get(), 1, store));
        return true;
      }
    return false;
  });
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

static bool isScale(Value value) {
  return value.getDefiningOp<math::RsqrtOp>() != nullptr;
}

static unsigned dropScale(ModuleOp module) {
  return replaceEach<arith::MulFOp>(
      module, [](OpBuilder &, arith::MulFOp op) -> Value {
        return isScale(op.getRhs()) ? op.getLhs() : Value();
      });
}

static unsigned squareScale(ModuleOp module) {
  return replaceEach<arith::MulFOp>(
      module, [](OpBuilder &builder, arith::MulFOp op) -> Value {
        if (!isScale(op.getRhs()))
          return {};
        builder.setInsertionPointAfter(op);
        return arith::MulFOp::create(builder, op.getLoc(), op.getResult(),
                                     op.getRhs());
      });
}

static unsigned dropDivision(ModuleOp module) {
  return replaceEach<DivOp>(module,
                            [](OpBuilder &, DivOp op) { return op.getLhs(); });
}

static unsigned takeExp2ForExp(ModuleOp module) {
  return replaceEach<math::ExpOp>(
      module, [](OpBuilder &builder, math::ExpOp op) -> Value {
        return math::Exp2Op::create(builder, op.getLoc(), op.getOperand());
      });
}

//===----------------------------------------------------------------------===//
// Merging parts
//===----------------------------------------------------------------------===//

static unsigned mergeWithoutLast(ModuleOp module) {
  return mutateEach<scf::ForOp>(module, [](scf::ForOp loop) {
    if (!isMerge(loop))
      return false;
    loop.getUpperBoundMutable().assign(addTo(loop.getUpperBound(), -1, loop));
    return true;
  });
}

static unsigned mergeWithoutFirst(ModuleOp module) {
  return mutateEach<scf::ForOp>(module, [](scf::ForOp loop) {
    if (!isMerge(loop))
      return false;
    loop.getLowerBoundMutable().assign(addTo(loop.getLowerBound(), 1, loop));
    return true;
  });
}

static unsigned mergeFirstOnly(ModuleOp module) {
  return mutateEach<tile::LoadOp>(module, [](tile::LoadOp load) {
    if (getTensor(load) != "ws")
      return false;
    OpBuilder builder(load);
    load.getOffsetsMutable()[0].set(
        arith::ConstantIndexOp::create(builder, load.getLoc(), 0));
    return true;
  });
}

ArrayRef<Mutation> attn::getMutations() {
  static constexpr Mutation mutations[] = {
      {"correction-dropped", dropCorrection},
      {"min-for-max", takeMinForMax},
      {"max-of-one-tile", forgetMax},
      {"max-from-0", startMaxAtZero},
      {"sums-from-1", startSumsAtOne},
      {"sum-subtracts", subtractInSum},
      {"accumulator-dropped", dropAccumulator},
      {"states-exchanged", exchangeStates},
      {"filter-strict", makeFiltersStrict},
      {"filter-loose", makeFiltersLoose},
      {"filters-dropped", dropFilters},
      {"filter-not-in-sums", dropFiltersOfSums},
      {"filter-not-in-products", dropFiltersOfProducts},
      {"end-of-rank-dropped", dropEndOfRank},
      {"last-tile-skipped", skipLastTile},
      {"first-tile-skipped", skipFirstTile},
      {"tiles-overlap", overlapTiles},
      {"partial-tiles-skipped", skipPartialTiles},
      {"tiles-taken-for-full", takeTilesForFull},
      {"rows-left-out", leaveRowsOut},
      {"extents-exchanged", exchangeExtents},
      {"queries-shifted", shiftQueries},
      {"keys-shifted", shiftKeys},
      {"values-shifted", shiftValues},
      {"columns-shifted", shiftColumns},
      {"keys-for-values", loadKeysForValues},
      {"stores-shifted", shiftStores},
      {"scale-dropped", dropScale},
      {"scale-squared", squareScale},
      {"division-dropped", dropDivision},
      {"exp2-for-exp", takeExp2ForExp},
      {"merge-correction-dropped", dropMergeCorrection},
      {"merge-without-last", mergeWithoutLast},
      {"merge-without-first", mergeWithoutFirst},
      {"merge-first-only", mergeFirstOnly},
  };
  return mutations;
}

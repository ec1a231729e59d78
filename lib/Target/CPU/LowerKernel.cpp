//===- LowerKernel.cpp - A kernel's arguments and control flow ------------===//

#include "lib/Target/CPU/KernelLowering.h"
#include "lib/Target/FusedAccumulator.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

KernelLowering::KernelLowering(tile::KernelOp kernel,
                               const KernelOperands &operands, VectorUnit unit,
                               Routines &routines)
    : b(kernel.getLoc(), kernel.getContext()), unit(unit),
      scalarTarget{/*hasScalef=*/unit.lanes == 16}, routines(routines),
      kernel(kernel), operands(operands), frame(operands.program),
      groups(kernel), runs(kernel, unit), movedMaps(kernel, groups, runs, unit),
      demanded(kernel),
      plan(planScratch(
          kernel,
          [&](tile::TileType type) {
            return TileLayout::get(type, kernel.getLanesAttr(), unit).bytes;
          },
          groups, scratchAlignment, runs.getRuns())) {}

//===----------------------------------------------------------------------===//
// The function and its arguments
//===----------------------------------------------------------------------===//

/// A frame slot never changes while a kernel runs.
Value KernelLowering::loadSlot(unsigned slot, Type type) {
  Value pointer =
      LLVM::GEPOp::create(b, framePointer.getType(), b.getI64Type(),
                          framePointer, ArrayRef<LLVM::GEPArg>{int32_t(slot)});
  return LLVM::LoadOp::create(b, type, pointer, /*alignment=*/8,
                              /*isVolatile=*/false, /*isNonTemporal=*/false,
                              /*isInvariant=*/true);
}

Value KernelLowering::getExtent(StringAttr rank) {
  std::optional<unsigned> slot = frame.getExtentSlot(rank);
  if (!slot) {
    emitError(b.getLoc()) << "`" << operands.program.getSymName()
                          << "` declares no rank `" << rank.getValue() << "`";
    return {};
  }
  return loadSlot(*slot, b.getI64Type());
}

Value KernelLowering::getGridEnd(StringAttr rank) {
  Value origin = kernel.getOrigin(rank);
  if (!origin)
    return {};
  return arith::SubIOp::create(b, getExtent(rank), toInt(getValue(origin)));
}

/// The task's number, decoded: the last grid rank runs fastest.
LogicalResult KernelLowering::bindArguments(Value task) {
  auto grid = llvm::to_vector(kernel.getGrid().getAsRange<StringAttr>());
  Block &body = kernel.getBody().front();
  SmallVector<Value> counts;
  Value tasks = constant(1);
  for (auto [rank, size] : llvm::zip(grid, kernel.getSizes())) {
    Value extent = getExtent(rank);
    if (!extent)
      return failure();
    Value count = extent;
    if (size != 1)
      count = arith::DivUIOp::create(b, add(extent, constant(size - 1)),
                                     constant(size));
    counts.push_back(count);
    tasks = mul(tasks, count);
  }
  if (kernel.getReverse())
    task = arith::SubIOp::create(b, add(tasks, constant(-1)), task);
  for (int64_t i = grid.size() - 1; i >= 0; --i) {
    Value coordinate = task;
    if (i != 0) {
      coordinate = arith::RemUIOp::create(b, task, counts[i]);
      task = arith::DivUIOp::create(b, task, counts[i]);
    }
    values.map(body.getArgument(i),
               toIndex(mul(coordinate, constant(kernel.getSizes()[i]))));
  }
  for (auto [argument, slot] :
       llvm::zip(body.getArguments().drop_front(grid.size()), operands.slots)) {
    auto type = dyn_cast<tile::ViewType>(argument.getType());
    if (!type) {
      bool isIndex = isa<IndexType>(argument.getType());
      Type loaded = isIndex ? b.getI64Type() : argument.getType();
      Value value = loadSlot(slot, getScratchType(loaded));
      if (argument.getType().isInteger(1))
        value = widenElement(b, value, argument.getType());
      values.map(argument, isIndex ? toIndex(value) : value);
      continue;
    }
    ViewOperand view{type, {}, {}, {}};
    view.pointer = loadSlot(slot, framePointer.getType());
    for (auto [index, rank] : llvm::enumerate(type.getRanks())) {
      view.strides.push_back(loadSlot(slot + 1 + index, b.getI64Type()));
      view.extents.push_back(getExtent(rank));
      if (!view.extents.back())
        return failure();
    }
    views[argument] = view;
  }
  return success();
}

FailureOr<LLVM::LLVMFuncOp> KernelLowering::run() {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(kernel);
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  auto type =
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                  {pointer, b.getI64Type(), pointer});
  auto function = LLVM::LLVMFuncOp::create(b, kernel.getSymName(), type);
  for (unsigned i : {0, 2}) {
    function.setArgAttr(i, "llvm.noalias", b.getUnitAttr());
    function.setArgAttr(i, "llvm.noundef", b.getUnitAttr());
  }
  function.setArgAttr(0, "llvm.readonly", b.getUnitAttr());
  function.setArgAttr(2, "llvm.align", b.getI64IntegerAttr(64));
  Block *entry = function.addEntryBlock(b);
  b.setInsertionPointToStart(entry);
  hoistOffsets();
  framePointer = entry->getArgument(0);
  scratchPointer = entry->getArgument(2);
  if (failed(bindArguments(entry->getArgument(1))) ||
      failed(lowerBlock(kernel.getBody().front())))
    return failure();
  LLVM::ReturnOp::create(b, ValueRange());
  return function;
}

LLVM::LLVMFuncOp
KernelLowering::makeRoutine(StringRef kind, TypeRange types,
                            llvm::function_ref<void(ValueRange)> body) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(kernel);
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(b.getContext()), llvm::to_vector(types));
  auto function = LLVM::LLVMFuncOp::create(b, routines.makeName(kind), type,
                                           LLVM::Linkage::Internal);
  Block *entry = function.addEntryBlock(b);
  b.setInsertionPointToStart(entry);
  body(entry->getArguments());
  LLVM::ReturnOp::create(b, ValueRange());
  return function;
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

LogicalResult KernelLowering::lowerBlock(Block &block) {
  for (Operation &op : block) {
    b.setLoc(op.getLoc());
    const OperationRun *run = runs.lookup(&op);
    if (!run ? failed(lowerOp(&op))
             : run->front() == &op && failed(lowerRun(*run)))
      return failure();
  }
  return success();
}

/// How many pieces a panel of `run` is worked on in. On the vector unit a run
/// is what a filter cuts: of a wide panel it leaves the halves different work.
static int64_t getPieces(const OperationRun &run, const TileLayout &layout) {
  constexpr int64_t wide = 4;
  return layout.panelVectors == wide && llvm::none_of(run, isMatrixProduct) ? 2
                                                                            : 1;
}

/// One panel after the other goes through all operations of the run.
LogicalResult KernelLowering::lowerRun(const OperationRun &run) {
  auto type = cast<tile::TileType>(run.front()->getResult(0).getType());
  bool hasFailed = false;
  // As many panels as are used of what others read.
  TileLayout layout = TileLayout::get(type, getLaneRank(), unit);
  panelPieces = getPieces(run, layout);
  layout.panelVectors /= panelPieces;
  numPanels = layout.numPanels * panelPieces;
  Value end;
  bool isAllUsed = false;
  for (Operation *op : run) {
    Value tile = op->getResult(0);
    if (plan.locals.contains(tile) || op->use_empty())
      continue;
    end = getDemandedEnd(tile, getLaneRank());
    isAllUsed |= !end;
  }
  end = isAllUsed || !end ? constant(numPanels) : countPanels(end, layout);
  loopTo(constant(0), end, 1, [&](Value position) {
    panel = position;
    bindPanelEnds(run, layout.panelVectors * unit.lanes);
    for (Operation *op : run) {
      b.setLoc(op->getLoc());
      hasFailed |= failed(lowerOp(op));
    }
    panel = {};
    panelEnds.clear();
  });
  panelPieces = 1;
  return failure(hasFailed);
}

static SmallVector<Value> withoutTiles(ValueRange values) {
  return llvm::filter_to_vector(values, [](Value value) {
    return !isa<tile::TileType>(value.getType());
  });
}

/// The copies that buffer assignment left at a join.
void KernelLowering::copyTiles(Operation *at) {
  for (ScratchPlan::Copy copy : plan.copies.lookup(at)) {
    auto pointer = [&](int64_t offset) {
      return advance(scratchPointer, constant(offset), b.getI8Type());
    };
    LLVM::MemcpyOp::create(b, pointer(copy.to), pointer(copy.from),
                           constant(copy.bytes), /*isVolatile=*/false);
  }
}

/// Whether `state` is only what sums on the vector unit start from.
static bool isOnlyAccumulated(BlockArgument state) {
  return llvm::all_of(state.getUses(), [&](OpOperand &use) {
    Operation *user = use.getOwner();
    auto map = dyn_cast<tile::MapOp>(user);
    if (map && isFusedAccumulator(map) &&
        llvm::count_if(map.getInputs(), llvm::IsaPred<BlockArgument>) == 1)
      user = *map.getResult().user_begin();
    auto contract = dyn_cast<tile::ContractOp>(user);
    return contract && !isMatrixProduct(contract) &&
           (map || (contract.getAcc() == state && contract.getLhs() != state &&
                    contract.getRhs() != state));
  });
}

/// Whether what `op` makes need not be in memory before the loop that carries
/// it: the first turn takes it for what it is, and writes the tile.
bool KernelLowering::isFilledLate(tile::FillOp op) {
  Value tile = op.getResult();
  auto loop = tile.hasOneUse() ? dyn_cast<scf::ForOp>(*tile.user_begin())
                               : scf::ForOp();
  if (!loop)
    return false;
  BlockArgument state = loop.getTiedLoopRegionIterArg(&*tile.use_begin());
  return state && isSamePlace(tile, state) && isOnlyAccumulated(state);
}

LogicalResult KernelLowering::lowerFor(scf::ForOp op) {
  copyTiles(op);
  SmallVector<tile::FillOp> late;
  for (Value init : op.getInitArgs())
    if (auto fill = init.getDefiningOp<tile::FillOp>();
        fill && isFilledLate(fill))
      late.push_back(fill);
  Value first = getValue(op.getLowerBound());
  if (!late.empty()) {
    // A loop without turns leaves it as it is.
    Value isEmpty = b.createOrFold<arith::CmpIOp>(
        arith::CmpIPredicate::sge, first, getValue(op.getUpperBound()));
    when(isEmpty,
         [&] { llvm::for_each(late, [&](auto op) { lowerFill(op); }); });
  }
  SmallVector<Value> inits;
  for (Value init : withoutTiles(op.getInitArgs()))
    inits.push_back(getValue(init));
  auto lowered = scf::ForOp::create(b, getValue(op.getLowerBound()),
                                    getValue(op.getUpperBound()),
                                    getValue(op.getStep()), inits);
  values.map(op.getInductionVar(), lowered.getInductionVar());
  ValueRange arguments(op.getRegionIterArgs()), results(op.getResults());
  values.map(withoutTiles(arguments), lowered.getRegionIterArgs());
  values.map(withoutTiles(results), lowered.getResults());
  OpBuilder::InsertionGuard guard(b);
  if (inits.empty())
    b.setInsertionPoint(lowered.getBody()->getTerminator());
  else
    b.setInsertionPointToEnd(lowered.getBody());
  for (tile::FillOp fill : late) {
    Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                          lowered.getInductionVar(), first);
    OpOperand &use = *fill.getResult().use_begin();
    firstValues[op.getTiedLoopRegionIterArg(&use)] = {
        isFirst, cast<TypedAttr>(fill.getValueAttr())};
  }
  return lowerBlock(*op.getBody());
}

LogicalResult KernelLowering::lowerIf(scf::IfOp op) {
  ValueRange results(op.getResults());
  SmallVector<Value> kept = withoutTiles(results);
  bool hasElse = !op.getElseRegion().empty();
  auto lowered = scf::IfOp::create(b, TypeRange(ValueRange(kept)),
                                   getValue(op.getCondition()),
                                   /*addThenBlock=*/true, hasElse);
  values.map(kept, lowered.getResults());
  OpBuilder::InsertionGuard guard(b);
  for (auto [from, to] : llvm::zip(op.getRegions(), lowered.getRegions())) {
    if (from->empty())
      continue;
    b.setInsertionPointToEnd(&to->front());
    if (failed(lowerBlock(from->front())))
      return failure();
  }
  return success();
}

LogicalResult KernelLowering::lowerOp(Operation *op) {
  if (const MapGroup *group = groups.lookup(op))
    return op == group->last ? lowerMapGroup(*group) : success();
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](scf::ForOp loop) { return lowerFor(loop); })
      .Case([&](scf::IfOp branch) { return lowerIf(branch); })
      .Case([&](scf::YieldOp yield) {
        copyTiles(yield);
        SmallVector<Value> kept;
        for (Value value : withoutTiles(yield.getOperands()))
          kept.push_back(getValue(value));
        Block *block = b.getInsertionBlock();
        // A loop that carries nothing has its terminator already.
        if (block->empty() || !block->back().hasTrait<OpTrait::IsTerminator>())
          scf::YieldOp::create(b, kept);
        return success();
      })
      .Case([&](tile::ExtentOp extent) -> LogicalResult {
        Value value = getExtent(extent.getRankAttr());
        if (!value)
          return failure();
        values.map(extent.getResult(), toIndex(value));
        return success();
      })
      .Case([&](tile::FillOp fill) {
        if (!isFilledLate(fill))
          lowerFill(fill);
        return success();
      })
      .Case([&](tile::BoundsOp bounds) { return lowerBounds(bounds); })
      .Case([&](tile::MapOp map) {
        if (Operation *move = movedMaps.getMove(map); move && isMoved(move))
          return lowerMoved(map, move);
        placeResult(map);
        return lowerCrosswise(map, [&] { return lowerMap(map); });
      })
      .Case([&](tile::ContractOp contract) {
        if (isMatrixProduct(contract))
          return lowerMatrix(contract);
        placeResult(contract);
        return lowerCrosswise(contract,
                              [&] { return lowerContract(contract); });
      })
      .Case([&](tile::ConvertOp convert) { return lowerConvert(convert); })
      .Case([&](tile::LoadOp load) { return lowerLoad(load); })
      .Case([&](tile::StoreOp store) { return lowerStore(store); })
      .Case<tile::RangeOp, tile::TestOp>([&](Operation *op) {
        return op->emitOpError("has not been expanded by Intervals");
      })
      .Case([&](tile::ReadOp read) {
        SmallVector<Value> indices;
        for (Value index : read.getIndices())
          indices.push_back(getValue(index));
        auto [value, valid] = readElement(read, indices);
        values.map(read.getResult(), value);
        values.map(read.getValid(), valid);
        return success();
      })
      .Default([&](Operation *op) -> LogicalResult {
        bool isPlain = isa<CastOp, DivOp, SigmoidOp>(op) ||
                       isa_and_nonnull<arith::ArithDialect, math::MathDialect>(
                           op->getDialect());
        if (!isPlain || op->getNumRegions() != 0)
          return op->emitOpError("can't be lowered for the CPU here");
        SmallVector<Value> mapped;
        for (Value operand : op->getOperands())
          mapped.push_back(getValue(operand));
        if (Value result = emitScalarOp(b, op, mapped))
          values.map(op->getResult(0), result);
        else
          b.clone(*op, values);
        return success();
      });
}

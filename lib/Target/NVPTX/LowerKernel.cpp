//===- LowerKernel.cpp - A kernel's arguments and control flow ------------===//

#include "dialect/Attn/AttnOps.h"
#include "lib/Target/NVPTX/Intrinsics.h"
#include "lib/Target/NVPTX/KernelLowering.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

KernelLowering::KernelLowering(tile::KernelOp kernel,
                               const KernelOperands &operands,
                               LaunchOrder order, int64_t threads,
                               bool isAccurate)
    : b(kernel.getLoc(), kernel.getContext()),
      threads(getNumWarps(kernel) ? *getNumWarps(kernel) * Layout::warpSize
                                  : threads),
      kernel(kernel), operands(operands), order(order), frame(operands.program),
      plan(planShared(kernel)), pointBox(getPointBox(kernel)),
      numThreads(this->threads) {
  if (pointBox)
    this->threads = numThreads = std::min<int64_t>(
        threads, llvm::alignTo(pointBox.getNumElements(), Layout::warpSize));
  kernel.walk([&](tile::LoadOp load) {
    if (isSwizzled(load.getResult()))
      ringLoads.push_back(load);
  });
  if (hasRoles())
    numThreads += groupThreads;
  collectMaps();
  // Beside operands of 16 bits, an exponential by one instruction is exact, and
  // so is a reciprocal.
  scalarTarget.hasExp2 = scalarTarget.hasReciprocal =
      (getNumWarps(kernel) || (pointBox && storesNarrow(kernel))) &&
      !isAccurate;
}

//===----------------------------------------------------------------------===//
// The function and its arguments
//===----------------------------------------------------------------------===//

/// The frame is a parameter of the kernel, so a slot never changes.
Value KernelLowering::loadSlot(unsigned slot, Type type) {
  LLVM::GEPArg index = int32_t(slot);
  if (frameOffset)
    index = add(frameOffset, small(slot));
  Value pointer =
      LLVM::GEPOp::create(b, framePointer.getType(), b.getI64Type(),
                          framePointer, ArrayRef<LLVM::GEPArg>{index});
  return LLVM::LoadOp::create(b, type, pointer, /*alignment=*/8,
                              /*isVolatile=*/false, /*isNonTemporal=*/false,
                              /*isInvariant=*/true);
}

Value KernelLowering::toGlobal(Value address) {
  return LLVM::IntToPtrOp::create(
      b, LLVM::LLVMPointerType::get(b.getContext(), globalSpace), address);
}

Value KernelLowering::getExtent(StringAttr rank) {
  for (auto declared : kernel.getRanks().getAsRange<RankAttr>())
    if (declared.getName() == rank && declared.getKind() == RankKind::Fixed)
      return constant(declared.getValue());
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

/// The kernel's arguments but for the task's coordinates, and how many tasks
/// there are. A grid has less than 2^31 tasks, so all of it fits 32 bits, in
/// which a GPU can divide.
LogicalResult KernelLowering::bindArguments() {
  auto grid = llvm::to_vector(kernel.getGrid().getAsRange<StringAttr>());
  Block &body = kernel.getBody().front();
  taskCounts.clear();
  numTasks = small(1);
  for (auto [rank, size] : llvm::zip(grid, kernel.getSizes())) {
    Value extent = getExtent(rank);
    if (!extent)
      return failure();
    Value count = extent;
    if (size != 1)
      count = arith::DivUIOp::create(b, add(extent, constant(size - 1)),
                                     constant(size));
    count = arith::TruncIOp::create(b, b.getI32Type(), count);
    taskCounts.push_back(count);
    numTasks = mul(numTasks, count);
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
    view.pointer = toGlobal(loadSlot(slot, b.getI64Type()));
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

/// The coordinates of the task of this number, in tiles: the last grid rank
/// runs fastest.
///
/// Where a block has several tasks, of different lengths, the longest come
/// first: of a section of the others' coordinates, first all those with the
/// last coordinate of the uneven rank. A section is so small that some blocks
/// at a time share what they stream.
SmallVector<Value> KernelLowering::decodeTask(Value number) {
  auto subtract = [&](Value x, Value y) -> Value {
    return arith::SubIOp::create(b, x, y);
  };
  auto divide = [&](Value x, Value y) -> Value {
    return arith::DivUIOp::create(b, x, y);
  };
  SmallVector<Value> coordinates(taskCounts.size());
  std::optional<unsigned> uneven;
  if (kernel.getReverse() && kernel.getPersistent())
    uneven = findUnevenRank(kernel);
  if (uneven) {
    Value count = taskCounts[*uneven], others = small(1);
    for (auto [rank, other] : llvm::enumerate(taskCounts))
      if (rank != *uneven)
        others = mul(others, other);
    Value blocks =
        arith::TruncIOp::create(b, b.getI32Type(), loadSlot(0, b.getI64Type()));
    Value size = arith::MaxUIOp::create(
        b, divide(blocks, small(GpuModel::sharingBlocks)), small(1));
    size = arith::MinUIOp::create(b, size, others);
    Value first = mul(divide(number, mul(size, count)), size);
    number = subtract(number, mul(first, count));
    size = arith::MinUIOp::create(b, size, subtract(others, first));
    Value turn = divide(number, size);
    coordinates[*uneven] = subtract(add(count, small(-1)), turn);
    number = add(first, subtract(number, mul(turn, size)));
  } else if (kernel.getReverse()) {
    number = subtract(add(numTasks, small(-1)), number);
  }
  unsigned first = uneven == 0u ? 1 : 0;
  for (unsigned rank = taskCounts.size(); rank-- > first;) {
    if (rank == uneven)
      continue;
    coordinates[rank] = number;
    if (rank != first) {
      coordinates[rank] = arith::RemUIOp::create(b, number, taskCounts[rank]);
      number = divide(number, taskCounts[rank]);
    }
  }
  return coordinates;
}

void KernelLowering::bindTask(ValueRange coordinates) {
  for (auto [argument, coordinate, size] : llvm::zip(
           kernel.getBody().getArguments(), coordinates, kernel.getSizes()))
    values.map(argument, toIndex(mul(toInt(coordinate), constant(size))));
}

FailureOr<LLVM::LLVMFuncOp> KernelLowering::run(OpBuilder &builder) {
  b.setInsertionPoint(builder.getInsertionBlock(), builder.getInsertionPoint());
  MLIRContext *context = b.getContext();
  Type pointer = LLVM::LLVMPointerType::get(context);
  SmallVector<Type> parameters(maps.size() + 1, pointer);
  if (!maps.empty())
    parameters.push_back(b.getI32Type());
  auto type =
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context), parameters);
  auto function = LLVM::LLVMFuncOp::create(b, kernel.getSymName(), type);
  function.setArgAttr(0, LLVM::LLVMDialect::getByValAttrName(),
                      TypeAttr::get(LLVM::LLVMArrayType::get(
                          b.getI64Type(), frame.getNumSlots())));
  function.setArgAttr(0, LLVM::LLVMDialect::getAlignAttrName(),
                      b.getI64IntegerAttr(8));
  constexpr int64_t mapBytes = 128, mapAlignment = 64;
  for (unsigned i = 1; i <= maps.size(); ++i) {
    function.setArgAttr(
        i, LLVM::LLVMDialect::getByValAttrName(),
        TypeAttr::get(LLVM::LLVMArrayType::get(b.getI8Type(), mapBytes)));
    function.setArgAttr(i, LLVM::LLVMDialect::getAlignAttrName(),
                        b.getI64IntegerAttr(mapAlignment));
  }
  makeKernel(function, numThreads);
  Block *entry = function.addEntryBlock(b);
  b.setInsertionPointToStart(entry);
  framePointer = entry->getArgument(0);
  sharedPointer = LLVM::AddressOfOp::create(
      b, LLVM::LLVMPointerType::get(context, sharedSpace), sharedName);
  if (order.follows)
    emitWaitForKernel(b);
  thread = emitThread(b, numThreads);
  if (failed(bindArguments()))
    return failure();
  if (!hasRoles())
    bindTask(decodeTask(emitBlock(b)));
  if (failed(hasRoles() ? lowerRoles()
             : pointBox ? lowerPoints()
                        : lowerBlock(kernel.getBody().front())))
    return failure();
  LLVM::ReturnOp::create(b, ValueRange());
  return function;
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

/// The next kernel's blocks come when all of this one's are about to store.
/// They would only be in the way before that; a kernel whose roles go on with
/// other tasks lets them come by its end.
LogicalResult KernelLowering::lowerBlock(Block &block) {
  bool mayEnd = order.precedes && !hasRoles() && block.getParentOp() == kernel;
  for (Operation &op : block) {
    b.setLoc(op.getLoc());
    if (mayEnd && isa<tile::StoreOp>(op)) {
      emitLetNextKernelBegin(b);
      mayEnd = false;
    }
    if (failed(lowerOp(&op)))
      return failure();
    if (!isOverlapped(&op))
      releaseAfter(&op);
  }
  return success();
}

SmallVector<Type> KernelLowering::getFlatTypes(ValueRange from) {
  SmallVector<Type> types;
  for (Value value : from) {
    auto type = dyn_cast<tile::TileType>(value.getType());
    if (!type || point) {
      types.push_back(type ? type.getElementType() : value.getType());
    } else if (isInRegisters(value)) {
      Type element = type.getElementType();
      types.append(getNumWords(type, getLaneRank()),
                   isOperandElement(element) ? b.getI32Type() : element);
    }
  }
  return types;
}

SmallVector<Value> KernelLowering::flatten(ValueRange from) {
  SmallVector<Value> flat;
  for (Value value : from) {
    if (isInRegisters(value))
      llvm::append_range(flat, getFragment(value));
    else if (!isa<tile::TileType>(value.getType()) || point)
      flat.push_back(getValue(value));
  }
  return flat;
}

void KernelLowering::bindFlat(ValueRange from, ValueRange flat) {
  for (Value value : from) {
    if (isInRegisters(value)) {
      int64_t words =
          getNumWords(cast<tile::TileType>(value.getType()), getLaneRank());
      setFragment(value, llvm::to_vector(flat.take_front(words)));
      flat = flat.drop_front(words);
    } else if (!isa<tile::TileType>(value.getType()) || point) {
      values.map(value, flat.front());
      flat = flat.drop_front();
    }
  }
}

/// The copies that buffer assignment left at a join.
void KernelLowering::copyTiles(Operation *at) {
  constexpr int64_t wordBytes = 4;
  Type word = b.getI32Type();
  for (ScratchPlan::Copy copy : plan.copies.lookup(at)) {
    beginWrite();
    auto pointer = [&](int64_t offset, Value index) {
      return advance(advance(sharedPointer, small(offset), b.getI8Type()),
                     index, word);
    };
    loop(thread, copy.bytes / wordBytes, threads, {},
         [&](Value index, ValueRange) -> SmallVector<Value> {
           Value value =
               LLVM::LoadOp::create(b, word, pointer(copy.from, index));
           LLVM::StoreOp::create(b, value, pointer(copy.to, index));
           return {};
         });
    barrier();
  }
}

/// Starts the copies of the turn of `op` at `coordinate` to their place
/// `stage`, if there is such a turn; without it, they are a group of none.
void KernelLowering::startStage(scf::ForOp op, ArrayRef<tile::LoadOp> loads,
                                Value coordinate, Value stage) {
  Value isTurn = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, coordinate,
                                       getValue(op.getUpperBound()));
  values.map(op.getInductionVar(), coordinate);
  when(isTurn, [&] {
    for (tile::LoadOp load : loads) {
      // Computed anew at their own places in the body.
      SmallVector<Operation *> slice = *getOffsetSlice(load, op);
      for (Operation *offset : slice)
        values.map(offset->getResult(0),
                   emitScalar(offset, flatten(offset->getOperands())));
      stages[load] = stage;
      startCopy(load, getBuffer(load.getResult()));
    }
  });
  emitCommitCopies(b);
}

LogicalResult KernelLowering::lowerFor(scf::ForOp op) {
  return isShared(op) ? lowerSharedFor(op) : lowerOwnFor(op);
}

/// A loop with loads ahead carries the place that this turn's are in. At the
/// top of a turn they have come; all threads have left the turn before, whose
/// place is that of the farthest turn whose copies start now.
LogicalResult KernelLowering::lowerOwnFor(scf::ForOp op) {
  if (isOverlapped(op))
    return lowerOverlappedFor(op);
  copyTiles(op);
  auto ahead = llvm::filter_to_vector(
      op.getBody()->getOps<tile::LoadOp>(), [](tile::LoadOp load) {
        return load.getStages() > 1 && !isSwizzled(load.getResult());
      });
  SmallVector<Value> inits = flatten(op.getInitArgs());
  llvm::append_range(inits, getTurns(op));
  Value lower = getValue(op.getLowerBound()), step = getValue(op.getStep());
  int64_t places = ahead.empty() ? 1 : ahead.front().getStages();
  auto after = [&](Value coordinate, int64_t turns) {
    Value count = arith::ConstantIndexOp::create(b, turns);
    return add(coordinate, mul(step, count));
  };
  if (!ahead.empty()) {
    beginWrite();
    for (int64_t turn = 0; turn != places - 1; ++turn)
      startStage(op, ahead, after(lower, turn), small(turn));
    inits.push_back(small(0));
  }
  auto lowered =
      scf::ForOp::create(b, lower, getValue(op.getUpperBound()), step, inits);
  bindFlat(op.getRegionIterArgs(), lowered.getRegionIterArgs());
  bindFlat(op.getResults(), lowered.getResults());
  setTurns(op, lowered.getRegionIterArgs());
  // What the turn before has read, and the last one.
  bool mayHaveReads = getNumWarps(kernel).has_value();
  {
    OpBuilder::InsertionGuard guard(b);
    if (inits.empty())
      b.setInsertionPoint(lowered.getBody()->getTerminator());
    else
      b.setInsertionPointToEnd(lowered.getBody());
    hasPendingReads = mayHaveReads;
    if (!ahead.empty()) {
      Value stage = lowered.getRegionIterArgs().back();
      auto placeAfter = [&](int64_t turns) -> Value {
        return arith::RemUIOp::create(b, add(stage, small(turns)),
                                      small(places));
      };
      emitWaitForCopies(b, places - 2);
      barrier();
      startStage(op, ahead, after(lowered.getInductionVar(), places - 1),
                 placeAfter(places - 1));
      for (tile::LoadOp load : ahead)
        stages[load] = stage;
      nextStages[op] = placeAfter(1);
    }
    values.map(op.getInductionVar(), lowered.getInductionVar());
    if (failed(lowerBlock(*op.getBody())))
      return failure();
  }
  setTurns(op, lowered.getResults());
  hasPendingReads = mayHaveReads;
  return success();
}

LogicalResult KernelLowering::lowerIf(scf::IfOp op) {
  bool hasElse = !op.getElseRegion().empty();
  SmallVector<Type> types = getFlatTypes(op.getResults());
  SmallVector<Value> before = getTurns(op);
  types.append(before.size(), b.getI32Type());
  auto lowered = scf::IfOp::create(b, types, getValue(op.getCondition()),
                                   /*addThenBlock=*/true, hasElse);
  bindFlat(op.getResults(), lowered.getResults());
  OpBuilder::InsertionGuard guard(b);
  bool hadReads = hasPendingReads, hasReads = hasPendingReads;
  for (auto [from, to] : llvm::zip(op.getRegions(), lowered.getRegions())) {
    if (from->empty())
      continue;
    hasPendingReads = hadReads;
    setTurns(op, before);
    b.setInsertionPointToEnd(&to->front());
    if (failed(lowerBlock(from->front())))
      return failure();
    hasReads |= hasPendingReads;
  }
  setTurns(op, lowered.getResults());
  hasPendingReads = hasReads;
  return success();
}

LogicalResult KernelLowering::lowerOp(Operation *op) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](scf::ForOp loop) { return lowerFor(loop); })
      .Case([&](scf::IfOp branch) { return lowerIf(branch); })
      .Case([&](scf::YieldOp yield) {
        copyTiles(yield);
        endTurn(yield->getBlock());
        SmallVector<Value> kept = flatten(yield.getOperands());
        llvm::append_range(kept, getTurns(yield->getParentOp()));
        if (Value next = nextStages.lookup(yield->getParentOp()))
          kept.push_back(next);
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
        lowerFill(fill);
        return success();
      })
      .Case([&](tile::BoundsOp bounds) { return lowerBounds(bounds); })
      .Case([&](tile::ShareOp share) {
        lowerShare(share);
        return success();
      })
      .Case([&](tile::OwnOp own) {
        lowerOwn(own);
        return success();
      })
      .Case([&](tile::MapOp map) { return lowerMap(map); })
      .Case([&](tile::ContractOp contract) { return lowerContract(contract); })
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
        SmallVector<Value> mapped;
        for (Value operand : op->getOperands())
          mapped.push_back(getValue(operand));
        Value result = emitScalar(op, mapped);
        if (!result)
          return failure();
        values.map(op->getResult(0), result);
        return success();
      });
}

//===- LowerRoles.cpp - One warpgroup loads, the others compute -----------===//
//
// A kernel with roles is two programs in one. The producer has what its loads
// need: the control flow around them and the scalars that decide it. The others
// have all else. A tile has a ring of places, which turns of its block take by
// turns, and each place two barriers: one is complete when the tile is there,
// the other when all that compute have read it. Both roles count the turns; the
// count gives the place, and the parity of the barriers' phase.
//
// Bounds that are read from tensors (LowerBounds) take whole warps, and of the
// producer one thread may run: both roles have them from before they part.
//
// A tile comes by TMA, a box for each 64 of its columns, where its tensors'
// strides allow tensor maps, which the runtime finds at each launch; else all
// threads of the producer copy it.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/NVPTX/Intrinsics.h"
#include "lib/Target/NVPTX/KernelLowering.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "runtime/attnrt_program.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

/// Two for each place.
static constexpr int64_t barrierBytes = 8;

int64_t nvptx::countSharedBytes(tile::KernelOp kernel) {
  int64_t bytes = planShared(kernel).bytes;
  kernel.walk([&](tile::LoadOp load) {
    if (isSwizzled(load.getResult()))
      bytes += 2 * barrierBytes * load.getStages();
  });
  return bytes;
}

int64_t KernelLowering::getSharedBytes() { return countSharedBytes(kernel); }

int64_t KernelLowering::getNumGroups() { return numThreads / groupThreads - 1; }

//===----------------------------------------------------------------------===//
// Turns
//===----------------------------------------------------------------------===//

SmallVector<Block *> KernelLowering::getRingBlocks(Operation *op) {
  llvm::SetVector<Block *> blocks;
  for (tile::LoadOp load : ringLoads)
    if (op->isProperAncestor(load))
      blocks.insert(load->getBlock());
  return blocks.takeVector();
}

SmallVector<Value> KernelLowering::getTurns(Operation *op) {
  return llvm::map_to_vector(getRingBlocks(op),
                             [&](Block *block) { return turns[block]; });
}

void KernelLowering::setTurns(Operation *op, ValueRange values) {
  SmallVector<Block *> blocks = getRingBlocks(op);
  for (auto [block, turn] : llvm::zip(blocks, values.take_back(blocks.size())))
    turns[block] = turn;
}

Operation *nvptx::getUse(tile::LoadOp load, bool isFirst) {
  Operation *found = nullptr;
  for (Operation *user : load->getUsers()) {
    if (user->getBlock() != load->getBlock())
      return nullptr;
    if (!found || user->isBeforeInBlock(found) == isFirst)
      found = user;
  }
  return found;
}

void KernelLowering::endTurn(Block *block) {
  if (!turns.contains(block))
    return;
  SmallVector<tile::LoadOp> released;
  for (tile::LoadOp load : ringLoads)
    if (load->getBlock() == block && load->getParentOp() != kernel &&
        !getUse(load, /*isFirst=*/false))
      released.push_back(load);
  if (!released.empty() && kernel.getPersistent())
    awaitGroup(); // as in releaseAfter
  for (tile::LoadOp load : released)
    releaseTile(load, turns[block]);
  turns[block] = add(turns[block], small(1));
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

Value KernelLowering::getStage(tile::LoadOp load, Value turn) {
  return b.createOrFold<arith::RemUIOp>(turn, small(load.getStages()));
}

/// Of the phase that a turn is in.
Value KernelLowering::getParity(tile::LoadOp load, Value turn) {
  Value phase = b.createOrFold<arith::DivUIOp>(turn, small(load.getStages()));
  if (Value before = phases.lookup(load->getBlock()))
    phase = arith::XOrIOp::create(
        b, phase, arith::ShRUIOp::create(b, before, getStage(load, turn)));
  return b.createOrFold<arith::AndIOp>(phase, small(1));
}

/// What the phases come to when the block of `load` has had all its turns of a
/// task. Each task begins with the first place: where that depended on earlier
/// tasks, addresses would not be known to be the same in all threads.
Value KernelLowering::addPhases(tile::LoadOp load) {
  Value sum = phases[load->getBlock()], turn = turns[load->getBlock()];
  int64_t stages = load.getStages();
  for (int64_t stage = 0; stage != stages; ++stage) {
    Value count = arith::DivUIOp::create(
        b, add(turn, small(stages - 1 - stage)), small(stages));
    Value parity = arith::AndIOp::create(b, count, small(1));
    sum = arith::XOrIOp::create(b, sum,
                                arith::ShLIOp::create(b, parity, small(stage)));
  }
  return sum;
}

Value KernelLowering::getBarrier(tile::LoadOp load, bool isFull, Value turn) {
  int64_t offset = plan.bytes + (isFull ? 0 : barrierBytes);
  for (tile::LoadOp other : ringLoads) {
    if (other == load)
      break;
    offset += 2 * barrierBytes * other.getStages();
  }
  Value stage = getStage(load, turn);
  return advance(sharedPointer,
                 add(small(offset), mul(stage, small(2 * barrierBytes))),
                 b.getI8Type());
}

void KernelLowering::initBarriers() {
  for (tile::LoadOp load : ringLoads)
    for (int64_t stage = 0; stage != load.getStages(); ++stage) {
      emitInitBarrier(b, getBarrier(load, /*isFull=*/true, small(stage)), 1);
      emitInitBarrier(b, getBarrier(load, /*isFull=*/false, small(stage)),
                      getNumGroups());
    }
  emitFenceInit(b);
}

void KernelLowering::awaitTile(tile::LoadOp load, Value turn) {
  emitAwaitPhase(b, getBarrier(load, /*isFull=*/true, turn),
                 getParity(load, turn));
}

void KernelLowering::awaitGroup() {
  emitBarrier(b, add(warpgroup, small(groupBarrier)), groupThreads);
}

/// Once for each warpgroup: a product is complete in all its warps.
void KernelLowering::releaseTile(tile::LoadOp load, Value turn) {
  if (isReused(load))
    when(isFirstOfGroup,
         [&] { emitArrive(b, getBarrier(load, /*isFull=*/false, turn)); });
}

void KernelLowering::releaseAfter(Operation *op, bool hasProducts) {
  if (op->getParentOp() != kernel || isProducing())
    return;
  auto getAncestor = [&](Operation *user) {
    return op->getBlock()->findAncestorOpInBlock(*user);
  };
  SmallVector<tile::LoadOp> released;
  for (tile::LoadOp load : ringLoads) {
    bool isLast =
        load->getBlock() == op->getBlock() && !getUse(load, /*isFirst=*/false);
    for (Operation *user : load->getUsers())
      isLast &= !op->isBeforeInBlock(getAncestor(user));
    if (isLast && llvm::any_of(load->getUsers(), [&](Operation *user) {
          return getAncestor(user) == op;
        }))
      released.push_back(load);
  }
  // A warp that is late would miss a phase, and wait for the next but one.
  if (!released.empty() && !hasProducts && kernel.getPersistent())
    awaitGroup();
  for (tile::LoadOp load : released)
    releaseTile(load, turnsOfTiles[load]);
}

void KernelLowering::takeTile(tile::LoadOp load) {
  turnsOfTiles[load] = turns[load->getBlock()];
  if (!getUse(load, /*isFirst=*/true))
    awaitTile(load, turnsOfTiles[load]);
}

//===----------------------------------------------------------------------===//
// Tensor maps
//===----------------------------------------------------------------------===//

/// How TMA copies a block of the tile's columns; nothing where a view's ranks
/// are too many or not those of the tile.
std::optional<TensorMap> KernelLowering::getMap(tile::LoadOp load) {
  constexpr size_t maxRanks = 5;
  constexpr int64_t maxBox = 256;
  tile::TileType type = load.getResult().getType();
  tile::ViewType view = load.getView().getType();
  auto dims = llvm::to_vector(load.getDims().getAsRange<StringAttr>());
  if (dims.size() > maxRanks || dims.back() != type.getRanks().back() ||
      type.getSizes().front() > maxBox)
    return std::nullopt;
  auto argument = cast<BlockArgument>(load.getView());
  TensorMap map;
  map.slot = operands.slots[argument.getArgNumber() - kernel.getGrid().size()];
  for (auto [rank, dim] : llvm::zip(view.getRanks(), dims)) {
    std::optional<unsigned> slot = frame.getExtentSlot(rank);
    bool isPartOfProduct = !dim.getValue().empty() && dim != rank;
    if (!slot || isPartOfProduct)
      return std::nullopt;
    map.extents.push_back(*slot);
    map.box.push_back(dim.getValue().empty() ? 1
                      : dim == type.getRanks().back()
                          ? SharedLayout::blockColumns
                          : type.getSizes().front());
  }
  return map;
}

void KernelLowering::collectMaps() {
  for (tile::LoadOp load : ringLoads) {
    std::optional<TensorMap> map = getMap(load);
    auto *known = map ? llvm::find(maps, *map) : nullptr;
    if (!map || (known == maps.end() && maps.size() == ATTNRT_MAX_MAPS))
      return maps.clear();
    mapsOfLoads[load] = known - maps.begin();
    if (known == maps.end())
      maps.push_back(*map);
  }
}

/// By one thread: the box of each block of columns.
void KernelLowering::copyBoxes(tile::LoadOp load, Value barrier) {
  Buffer buffer = getBuffer(load.getResult());
  emitArriveExpecting(b, barrier, buffer.layout.bytes);
  Value map = framePointer.getParentBlock()->getArgument(1 + mapsOfLoads[load]);
  SmallVector<Value> coordinates;
  for (Value offset : llvm::reverse(load.getOffsets()))
    coordinates.push_back(
        arith::TruncIOp::create(b, b.getI32Type(), toInt(getValue(offset))));
  Value first = coordinates.front();
  for (int64_t block = 0; block != buffer.layout.numBlocks; ++block) {
    coordinates.front() = add(first, small(block * SharedLayout::blockColumns));
    Value target =
        advance(buffer.pointer, small(block * buffer.layout.getBlockBytes()),
                b.getI8Type());
    emitCopyBox(b, target, map, coordinates, barrier);
  }
}

//===----------------------------------------------------------------------===//
// The producer
//===----------------------------------------------------------------------===//

/// Loads a tile to the place that this turn has, once it is free.
void KernelLowering::produce(tile::LoadOp load) {
  Value turn = turns[load->getBlock()];
  Value stage = getStage(load, turn), parity = getParity(load, turn);
  if (isReused(load))
    emitAwaitPhase(b, getBarrier(load, /*isFull=*/false, turn),
                   b.createOrFold<arith::XOrIOp>(parity, small(1)));
  stages[load] = stage;
  if (producesByMap)
    return copyBoxes(load, getBarrier(load, /*isFull=*/true, turn));
  startCopy(load, getBuffer(load.getResult()));
  emitCommitCopies(b);
  emitWaitForCopies(b);
  emitFenceShared(b);
  barrier();
  when(isFirstOfGroup,
       [&] { emitArrive(b, getBarrier(load, /*isFull=*/true, turn)); });
}

LogicalResult KernelLowering::lowerProducerOp(Operation *op) {
  if (auto load = dyn_cast<tile::LoadOp>(op);
      load && isSwizzled(op->getResult(0)))
    return produce(load), success();
  if (auto yield = dyn_cast<scf::YieldOp>(op)) {
    Block *block = yield->getBlock();
    if (turns.contains(block))
      turns[block] = add(turns[block], small(1));
    scf::YieldOp::create(b, getTurns(yield->getParentOp()));
    return success();
  }
  if (producerSlice->contains(op))
    return lowerOp(op);
  SmallVector<Value> before = getTurns(op);
  if (before.empty())
    return success();
  OpBuilder::InsertionGuard guard(b);
  if (auto loop = dyn_cast<scf::ForOp>(op)) {
    auto lowered = scf::ForOp::create(b, getValue(loop.getLowerBound()),
                                      getValue(loop.getUpperBound()),
                                      getValue(loop.getStep()), before);
    values.map(loop.getInductionVar(), lowered.getInductionVar());
    setTurns(op, lowered.getRegionIterArgs());
    b.setInsertionPointToEnd(lowered.getBody());
    LogicalResult result = lowerProducer(*loop.getBody());
    setTurns(op, lowered.getResults());
    return result;
  }
  auto branch = cast<scf::IfOp>(op);
  auto lowered =
      scf::IfOp::create(b, ValueRange(before).getTypes(),
                        getValue(branch.getCondition()), /*addThenBlock=*/true,
                        /*addElseBlock=*/true);
  for (auto [from, to] : llvm::zip(op->getRegions(), lowered->getRegions())) {
    setTurns(op, before);
    b.setInsertionPointToEnd(&to.front());
    if (failed(lowerProducer(from.front())))
      return failure();
  }
  setTurns(op, lowered.getResults());
  return success();
}

LogicalResult KernelLowering::lowerProducer(Block &block) {
  for (Operation &op : block) {
    b.setLoc(op.getLoc());
    if (failed(lowerProducerOp(&op)))
      return failure();
  }
  return success();
}

/// The number of the block's next task. In each round of tasks each block has
/// one. Where some coordinates have longer tasks than others, a block with a
/// long one takes a short one next: each round goes through the blocks the
/// other way. Else only those are shorter that an extent cuts, every so many
/// tasks, and where that divides the blocks, some would have them all: each
/// round begins with the next block.
Value KernelLowering::getNextTask() {
  Value blocks = emitNumBlocks(b), next = add(task, small(1)),
        end = mul(add(round, small(1)), blocks);
  if (findUnevenRank(kernel))
    return arith::SubIOp::create(b, mul(end, small(2)), next);
  Value isLast = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, next, end);
  return arith::SelectOp::create(b, isLast, next, add(next, blocks));
}

/// Where there is no next task, those of the last one: a count of 0 divides
/// nothing.
SmallVector<Value> KernelLowering::decodeNextTask() {
  Value last = add(numTasks, small(-1));
  return decodeTask(arith::MinUIOp::create(b, getNextTask(), last));
}

/// Registers are few: what is the same in all tasks is computed anew in each.
LogicalResult
KernelLowering::lowerTasks(llvm::function_ref<LogicalResult()> body) {
  if (!kernel.getPersistent()) {
    bindTask(decodeTask(emitBlock(b)));
    return body();
  }
  // One load of each block inside of loops.
  llvm::MapVector<Block *, tile::LoadOp> rings;
  for (tile::LoadOp load : ringLoads)
    if (load->getParentOp() != kernel)
      rings.insert({load->getBlock(), load});
  // The round, the task and its coordinates, and the phases of each ring.
  if (failed(bindArguments()))
    return failure();
  SmallVector<Value> carried{small(0), emitBlock(b)};
  llvm::append_range(carried, decodeTask(carried.back()));
  size_t firstPhase = carried.size();
  carried.append(rings.size(), small(0));
  SmallVector<Type> types(carried.size(), b.getI32Type());
  SmallVector<Location> locations(types.size(), b.getLoc());
  auto loop = scf::WhileOp::create(b, types, carried);
  OpBuilder::InsertionGuard guard(b);
  llvm::SaveAndRestore savedThread(thread), savedGroup(warpgroup),
      savedFirst(isFirstOfGroup);
  llvm::SaveAndRestore savedOffset(frameOffset);

  Block *before = b.createBlock(&loop.getBefore(), {}, types, locations);
  frameOffset = emitUnknownZero(b);
  if (failed(bindArguments()))
    return failure();
  Value isTask = arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                       before->getArgument(1), numTasks);
  scf::ConditionOp::create(b, isTask, before->getArguments());

  Block *after = b.createBlock(&loop.getAfter(), {}, types, locations);
  round = after->getArgument(0);
  task = after->getArgument(1);
  for (auto [index, ring] : llvm::enumerate(rings)) {
    phases[ring.first] = after->getArgument(firstPhase + index);
    turns[ring.first] = small(0);
  }
  // Of the kernel's own tiles, a turn is a round.
  Block *tiles = &kernel.getBody().front();
  if (turns.contains(tiles))
    turns[tiles] = round;
  frameOffset = emitUnknownZero(b);
  bindThread(emitThreadAnew(b));
  if (failed(bindArguments()))
    return failure();
  bindTask(after->getArguments().slice(2, taskCounts.size()));
  // What the last task reads, the next one may write over.
  hasPendingReads = true;
  if (failed(body()))
    return failure();
  if (nextCoordinates.empty())
    nextCoordinates = decodeNextTask();
  SmallVector<Value> kept{add(round, small(1)), getNextTask()};
  llvm::append_range(kept, nextCoordinates);
  for (auto &ring : rings)
    kept.push_back(addPhases(ring.second));
  scf::YieldOp::create(b, kept);
  round = task = Value();
  nextCoordinates.clear();
  phases.clear();
  return success();
}

void KernelLowering::bindThread(Value number) {
  Value member = arith::RemUIOp::create(b, number, small(groupThreads));
  isFirstOfGroup =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, member, small(0));
  thread = number;
  if (isProducing())
    return;
  Value group =
      emitUniform(b, arith::DivUIOp::create(b, number, small(groupThreads)));
  warpgroup = arith::SubIOp::create(b, group, small(1));
  thread = arith::SubIOp::create(b, number, small(groupThreads));
}

LogicalResult KernelLowering::lowerRoles() {
  FailureOr<DenseSet<Operation *>> slice = getProducerSlice(kernel);
  if (failed(slice))
    return kernel.emitOpError("loads for other roles what depends on tiles");
  auto isZero = [&](Value value) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, value, small(0));
  };
  Value group =
      emitUniform(b, arith::DivUIOp::create(b, thread, small(groupThreads)));
  Value member = arith::RemUIOp::create(b, thread, small(groupThreads));
  isFirstOfGroup = isZero(member);
  when(isZero(thread), [&] { initBarriers(); });
  Block &body = kernel.getBody().front();
  if (failed(lowerCommonBounds(body)))
    return failure();
  emitBarrier(b);
  auto begin = [&] {
    for (tile::LoadOp load : ringLoads)
      turns[load->getBlock()] = small(0);
  };
  auto roles = scf::IfOp::create(b, isZero(group), /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);

  b.setInsertionPointToStart(roles.thenBlock());
  emitSetRegisters(b, (*kernel.getRoles())[0], /*isMore=*/false);
  IRMapping shared = values;
  int64_t computing = threads;
  threads = groupThreads;
  producerSlice = &*slice;
  auto produceBy = [&](bool isMap) {
    producesByMap = isMap;
    values = shared;
    begin();
    return lowerTasks([&] { return lowerProducer(body); });
  };
  if (maps.empty()) {
    if (failed(produceBy(/*isMap=*/false)))
      return failure();
  } else {
    Value isMapped = framePointer.getParentBlock()->getArguments().back();
    auto branch = scf::IfOp::create(b, isZero(isMapped),
                                    /*withElseRegion=*/true);
    b.setInsertionPointToStart(branch.thenBlock());
    if (failed(produceBy(/*isMap=*/false)))
      return failure();
    b.setInsertionPointToStart(branch.elseBlock());
    LogicalResult result = success();
    when(isFirstOfGroup, [&] { result = produceBy(/*isMap=*/true); });
    if (failed(result))
      return failure();
  }

  b.setInsertionPointToStart(roles.elseBlock());
  emitSetRegisters(b, (*kernel.getRoles())[1], /*isMore=*/true);
  values = shared;
  threads = computing;
  producerSlice = nullptr;
  stages.clear();
  warpgroup = arith::SubIOp::create(b, group, small(1));
  thread = arith::SubIOp::create(b, thread, small(groupThreads));
  begin();
  bool isOrdered = hasOrder();
  if (isOrdered)
    beginOrder();
  if (failed(lowerTasks([&] {
        LogicalResult result = lowerBlock(body);
        awaitLastTiles();
        return result;
      })))
    return failure();
  if (isOrdered)
    endOrder();
  return success();
}

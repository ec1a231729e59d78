//===- PartitionNest.cpp - The kernels of a nest, and which is launched ---===//
//
// See Partitioner.h. What a call launches, from the outside in: a nest whose
// tasks are too few for the threads in parts (`shouldSplit`); with fewer lanes
// than coordinates of a rank that shares what is streamed, that rank as the
// lanes (`choosePacked`); with one lane the stream's coordinates as the lanes
// (`chooseSingle`), also of a few rows (`chooseRows`); and of the rest, tiles
// as wide as there are lanes for (`launchMany`).
//
//===----------------------------------------------------------------------===//

#include "lib/Mapping/Partitioner.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace attn;
using arith::CmpIPredicate;

/// The stream that a nest's work can be split along, or null.
static StreamOp getSplittable(NestOp nest) {
  StreamOp stream;
  for (Operation &op : nest.getBody().front()) {
    if (auto found = dyn_cast<StreamOp>(&op)) {
      if (stream)
        return {};
      stream = found;
    } else if (!isa<EinsumOp, YieldOp>(&op)) {
      return {};
    }
  }
  bool can = stream && !stream.getMerge().empty() &&
             stream.getNumStates() == stream.getNumResults();
  return can ? stream : StreamOp();
}

/// Whether something inside walks a rank of its own, in order.
static bool containsIteration(StreamOp stream) {
  return stream
      .walk([&](Operation *op) {
        return isa<IterateOp, TopKOp>(op) || (isa<StreamOp>(op) && op != stream)
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

NestPartitioner::NestPartitioner(CascadePartitioner &parent, NestOp nest)
    : parent(parent), target(parent.target), host(parent.host), nest(nest),
      destinations(parent.getDestinations(nest)) {
  for (const Destination &destination : destinations)
    views.push_back(destination.view);
  // A sweep takes long rows, for the sake of the memory; the rest takes what
  // is used again.
  wide = narrow = parent.chooseSizes(nest);
  if (getSweptRank(nest)) {
    wide.lanes = wide.stream = target.getSweepTile();
    wide.rows = target.getSweepRows();
  }
  narrow.lanes = target.getNarrowLaneTile();
  narrow.stream = std::min(narrow.stream, target.getNarrowStreamTile());
  many = chooseGrid(nest, wide);
  few = chooseGrid(nest, narrow);
  hasFreeLanes = llvm::is_contained(many.ranks, many.lanes) &&
                 !parent.cascade.getFixedExtent(many.lanes) &&
                 narrow.lanes < wide.lanes;
  if (hasFreeLanes && target.packsSharingRanks())
    sharing = getSharingRank(nest);
  if (sharing)
    packed = chooseGrid(nest, narrow, sharing);
  stream = getSplittable(nest);
  hasSingle = stream && hasFreeLanes && target.streamsAlongLanes() &&
              !containsIteration(stream) &&
              streamsFloatRows(stream, /*gathers=*/true);
}

//===----------------------------------------------------------------------===//
// Conditions on a call
//===----------------------------------------------------------------------===//

Value NestPartitioner::getConstant(int64_t value) {
  return arith::ConstantIndexOp::create(host, nest.getLoc(), value);
}

Value NestPartitioner::getExtent(StringRef rank) {
  return tile::ExtentOp::create(host, nest.getLoc(), host.getIndexType(),
                                host.getStringAttr(rank));
}

Value NestPartitioner::compare(CmpIPredicate predicate, Value left,
                               Value right) {
  return arith::CmpIOp::create(host, nest.getLoc(), predicate, left, right);
}

Value NestPartitioner::divideUp(Value left, Value right) {
  return arith::CeilDivSIOp::create(host, nest.getLoc(), left, right);
}

Value NestPartitioner::isAtMost(StringAttr rank, int64_t size) {
  return compare(CmpIPredicate::sle, getExtent(rank), getConstant(size));
}

Value NestPartitioner::countTasks(const GridChoice &grid) {
  Value tasks = getConstant(1);
  for (auto [rank, size] : llvm::zip(grid.ranks, grid.sizes))
    tasks = arith::MulIOp::create(host, nest.getLoc(), tasks,
                                  divideUp(getExtent(rank), getConstant(size)));
  return tasks;
}

LogicalResult NestPartitioner::choose(Value condition, Launcher otherwise,
                                      Launcher then) {
  auto choice = scf::IfOp::create(host, nest.getLoc(), condition,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(host);
  host.setInsertionPointToStart(choice.elseBlock());
  if (failed(otherwise()))
    return failure();
  host.setInsertionPointToStart(choice.thenBlock());
  return then();
}

LogicalResult NestPartitioner::launch(ArrayRef<FailureOr<Launch>> launches) {
  for (FailureOr<Launch> one : launches) {
    if (failed(one))
      return failure();
    tile::LaunchOp::create(host, nest.getLoc(), one->kernel.getSymName(),
                           one->operands);
  }
  return success();
}

/// The nest's destinations as a kernel's arguments.
SmallVector<Destination>
NestPartitioner::getDestinations(ValueRange arguments) {
  SmallVector<Destination> mine = destinations;
  for (auto [destination, argument] : llvm::zip(mine, arguments))
    destination.view = argument;
  return mine;
}

//===----------------------------------------------------------------------===//
// The whole nest in one kernel
//===----------------------------------------------------------------------===//

FailureOr<Launch> NestPartitioner::createWhole(const GridChoice &grid,
                                               const TileSizes &sizes) {
  return parent.createKernel(
      nest, grid, sizes, {}, views,
      [&](NestEmitter &emitter, ValueRange, ValueRange arguments) {
        return emitter.emit(getDestinations(arguments));
      });
}

/// Up to how many coordinates of the stream blocks take tasks in turn, so that
/// one's first loads run beside the last one's end, though the filter makes
/// some longer than others: while the tasks that run at the same time find what
/// they stream in a cache. Longer ones even out by themselves.
std::optional<int64_t> NestPartitioner::getTurnsLimit() {
  if (!parent.isPersistent || !stream || target.getShortStreamTile() == 0)
    return std::nullopt;
  // Of a filter of coordinates alone, and one range: a gap takes registers.
  bool isFiltered = false, isSimple = true;
  stream.getStep().walk([&](EinsumOp einsum) {
    if (!einsum.getFilter())
      return;
    isFiltered = true;
    SetVector<Operation *> slice;
    (void)getBackwardSlice(einsum.getFilter(), &slice);
    isSimple &= llvm::none_of(slice, llvm::IsaPred<ReadOp, arith::OrIOp>);
  });
  if (!isFiltered || !isSimple)
    return std::nullopt;
  int64_t bytes = 0;
  bool isMultiplied = false;
  for (Value external : parent.getExternals(nest)) {
    auto type = dyn_cast<attn::TensorType>(external.getType());
    if (!type || !llvm::is_contained(type.getRanks(), stream.getRankAttr()))
      continue;
    int64_t elements = 1;
    for (StringAttr rank : type.getRanks())
      elements *= parent.cascade.getFixedExtent(rank).value_or(1);
    bytes += elements * type.getElementType().getIntOrFloatBitWidth() / 8;
    isMultiplied |= target.hasMatrixUnit(type.getElementType(), elements);
  }
  if (!isMultiplied)
    return std::nullopt;
  return target.getSharedStreamBytes() / bytes;
}

/// With a kernel of its own for short streams: a tile of it has less that a
/// filter leaves out.
LogicalResult NestPartitioner::launchWide() {
  auto launchOne = [&] { return launch(createWhole(many, wide)); };
  std::optional<int64_t> limit = getTurnsLimit();
  if (!limit)
    return launchOne();
  TileSizes brief = wide;
  brief.stream = std::min(wide.stream, target.getShortStreamTile());
  return choose(isAtMost(stream.getRankAttr(), *limit), launchOne, [&] {
    FailureOr<Launch> one = createWhole(chooseGrid(nest, brief), brief);
    if (succeeded(one))
      one->kernel.setPersistent(true);
    return launch(one);
  });
}

/// Wide tiles where there are lanes enough, else narrow ones; where all is
/// short, those of which the matrix unit multiplies less that is empty.
LogicalResult NestPartitioner::launchMany() {
  if (!hasFreeLanes)
    return launch(createWhole(many, wide));
  const MachineDescription *machine = target.getPricedMachine();
  bool hasShort = stream && machine && hasMatrixOperands(nest, *machine);
  return launchShort(hasShort ? target.getShortTiles() : ArrayRef<int64_t>());
}

/// In the first of `tiles` that has all lanes and all that is streamed.
LogicalResult NestPartitioner::launchShort(ArrayRef<int64_t> tiles) {
  if (tiles.empty()) {
    // Where as many lanes are rows instead, there are none for narrow tiles.
    if (takesRows() && target.getFewRows() >= target.getNarrowLanes())
      return launchWide();
    return choose(
        isAtMost(many.lanes, target.getNarrowLanes()),
        [&] { return launchWide(); },
        [&] { return launch(createWhole(few, narrow)); });
  }
  TileSizes small = wide;
  small.lanes = small.stream = tiles.front();
  Value isShort = arith::AndIOp::create(
      host, nest.getLoc(), isAtMost(many.lanes, small.lanes),
      isAtMost(stream.getRankAttr(), small.stream));
  return choose(
      isShort, [&] { return launchShort(tiles.drop_front()); },
      [&] { return launch(createWhole(chooseGrid(nest, small), small)); });
}

/// Whether few coordinates of the lane rank may be rows instead.
bool NestPartitioner::takesRows() {
  return hasSingle && target.getFewRows() != 1 &&
         streamsFloatRows(stream, /*gathers=*/false);
}

/// Where `rank` has few coordinates they are rows, and the stream's
/// coordinates the lanes.
LogicalResult NestPartitioner::chooseRows(StringAttr rank, Launcher otherwise,
                                          GridLauncher then) {
  if (!takesRows())
    return otherwise();
  TileSizes sizes = narrow;
  sizes.rows = target.getFewRows();
  return choose(isAtMost(rank, sizes.rows), otherwise, [&] {
    return then(chooseGrid(nest, sizes, stream.getRankAttr(), rank), sizes);
  });
}

/// With one lane, the stream's coordinates are the lanes.
LogicalResult NestPartitioner::chooseSingle(Launcher otherwise,
                                            GridLauncher then) {
  if (!hasSingle)
    return otherwise();
  TileSizes sizes = narrow;
  if (!parent.wanted.stream && streamsFloatRows(stream, /*gathers=*/false))
    sizes.stream = std::max(sizes.stream, target.getSingleStreamTile());
  return choose(
      compare(CmpIPredicate::eq, getExtent(many.lanes), getConstant(1)),
      [&] { return chooseRows(many.lanes, otherwise, then); },
      [&] {
        return then(chooseGrid(nest, sizes, stream.getRankAttr()), sizes);
      });
}

/// With fewer lanes than ranks that share what is streamed, those are the
/// lanes.
LogicalResult NestPartitioner::choosePacked(Launcher otherwise, Launcher then) {
  return isPacked ? choose(isPacked, otherwise, then) : otherwise();
}

LogicalResult NestPartitioner::launchUnsplit() {
  auto launchOne = [&](const GridChoice &grid, const TileSizes &sizes) {
    return launch(createWhole(grid, sizes));
  };
  return choosePacked(
      [&] { return chooseSingle([&] { return launchMany(); }, launchOne); },
      [&] {
        return chooseRows(
            sharing, [&] { return launchOne(packed, narrow); }, launchOne);
      });
}

//===----------------------------------------------------------------------===//
// In parts
//===----------------------------------------------------------------------===//

/// Into how many parts a call splits the stream: so many that there are tasks
/// enough, but none so short that its state costs as much; 1 is no split.
Value NestPartitioner::chooseParts(Value tasks) {
  constexpr int64_t leastCoordinates = 256;
  Location loc = nest.getLoc();
  Value one = getConstant(1);
  Value wanted = arith::MulIOp::create(host, loc, getExtent("threads"),
                                       getConstant(target.getSplitTasks()));
  // An empty call has no tasks.
  tasks = arith::MaxSIOp::create(host, loc, tasks, one);
  Value parts = arith::DivSIOp::create(host, loc, wanted, tasks);
  Value tiles =
      divideUp(getExtent(stream.getRank()), getConstant(narrow.stream));
  Value most = arith::DivSIOp::create(
      host, loc, tiles,
      getConstant(llvm::divideCeil(leastCoordinates, narrow.stream)));
  parts = arith::MinSIOp::create(host, loc, parts, most);
  parts = arith::MaxSIOp::create(host, loc, parts, one);
  // Of whole tiles: the last part is not to be empty.
  Value length = arith::MaxSIOp::create(host, loc, divideUp(tiles, parts), one);
  parts = arith::MaxSIOp::create(host, loc, divideUp(tiles, length), one);
  tile::ChooseOp::create(host, loc, splitRank, parts);
  return parts;
}

/// Whether a call has too few tasks for the threads, and a long stream.
Value NestPartitioner::shouldSplit() {
  Location loc = nest.getLoc();
  Value tasks = countTasks(few);
  if (isPacked)
    tasks =
        arith::SelectOp::create(host, loc, isPacked, countTasks(packed), tasks);
  Value fewTasks = compare(CmpIPredicate::slt, tasks, getExtent("threads"));
  Value isLong;
  if (numParts == 0) {
    // Where tiles are narrow all the same, also to have no task much longer
    // than the others.
    fewTasks = arith::OrIOp::create(
        host, loc, fewTasks, isAtMost(many.lanes, target.getNarrowLanes()));
    isLong = compare(CmpIPredicate::sgt, chooseParts(tasks), getConstant(1));
  } else {
    isLong = compare(CmpIPredicate::sge, getExtent(stream.getRank()),
                     getConstant(2 * numParts * narrow.stream));
  }
  return arith::AndIOp::create(host, loc, fewTasks, isLong);
}

FailureOr<Launch> NestPartitioner::createPart(const GridChoice &grid,
                                              const TileSizes &sizes) {
  // A list has the smaller of two coordinates with equal values: the left
  // one's.
  bool takesTurns = (target.partsTakeTurns() || parent.split.hasTurns) &&
                    stream.getMerge().getOps<JoinOp>().empty();
  return parent.createKernel(
      nest, grid, sizes, splitRank, states,
      [&](NestEmitter &emitter, ValueRange coordinates, ValueRange arguments) {
        return emitter.emitPart(
            {coordinates.front(), splitRank, numParts, takesTurns}, arguments);
      });
}

FailureOr<Launch> NestPartitioner::createMerge(const GridChoice &grid,
                                               const TileSizes &sizes) {
  SmallVector<Value> all = states;
  llvm::append_range(all, views);
  return parent.createKernel(
      nest, grid, sizes, {}, all,
      [&](NestEmitter &emitter, ValueRange, ValueRange arguments) {
        return emitter.emitMerge(
            {Value(), splitRank, numParts}, arguments.take_front(states.size()),
            getDestinations(arguments.drop_front(states.size())));
      });
}

/// The parts in `grid`, and what merges them. Parts whose lanes are keys are
/// merged as the others are: along results.
LogicalResult NestPartitioner::launchSplit(const GridChoice &grid,
                                           const TileSizes &sizes,
                                           bool mergesPacked) {
  FailureOr<Launch> part = createPart(grid, sizes);
  TileSizes merging = narrow;
  merging.lanes = target.getMergeLaneTile();
  // Of one lane, there is but one way.
  mergesPacked &= merging.lanes != 1;
  std::optional<FailureOr<Launch>> &merge =
      mergesPacked ? packedMerge : fewMerge;
  if (!merge)
    merge = mergesPacked ? createMerge(packed, narrow)
                         : createMerge(chooseGrid(nest, merging), merging);
  return launch({part, *merge});
}

LogicalResult NestPartitioner::launchSplit() {
  return choosePacked(
      [&] {
        auto launchFew = [&](const GridChoice &grid, const TileSizes &sizes) {
          return launchSplit(grid, sizes, /*mergesPacked=*/false);
        };
        return chooseSingle([&] { return launchFew(few, narrow); }, launchFew);
      },
      [&] {
        auto launchPacked = [&](const GridChoice &grid,
                                const TileSizes &sizes) {
          return launchSplit(grid, sizes, /*mergesPacked=*/true);
        };
        return chooseRows(
            sharing, [&] { return launchPacked(packed, narrow); },
            launchPacked);
      });
}

LogicalResult NestPartitioner::run() {
  if (sharing)
    isPacked =
        compare(CmpIPredicate::slt, getExtent(many.lanes), getExtent(sharing));
  if (!parent.split.parts || !stream || !hasFreeLanes)
    return launchUnsplit();
  bool chooses = target.getSplitTasks() != 0;
  numParts = chooses ? 0 : parent.split.parts;
  splitRank = host.getStringAttr(
      chooses ? ("parts" + Twine(parent.numKernels)).str() : "split");
  Value isSplit = shouldSplit();
  for (Value result : stream.getResults()) {
    auto type = cast<attn::TensorType>(result.getType());
    SmallVector<StringAttr> ranks{splitRank};
    llvm::append_range(ranks, type.getRanks());
    states.push_back(parent.getWorkspace(
        ranks, getComputeType(type.getElementType()), isSplit));
  }
  // The parts' kernels come first.
  auto choice = scf::IfOp::create(host, nest.getLoc(), isSplit,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(host);
  host.setInsertionPointToStart(choice.thenBlock());
  if (failed(launchSplit()))
    return failure();
  host.setInsertionPointToStart(choice.elseBlock());
  return launchUnsplit();
}

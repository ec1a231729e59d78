//===- Partition.cpp - Cascades as programs, nests as kernels -------------===//
//
// The host side of the mapping: which kernels a cascade has, which workspaces
// lie between them, and which is launched when. NestEmitter makes the kernels'
// bodies.
//
//===----------------------------------------------------------------------===//

#include "lib/Machine/TargetModel.h"
#include "lib/Mapping/ChooseTiles.h"
#include "lib/Mapping/NestEmitter.h"
#include "lib/Mapping/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace attn {
#define GEN_PASS_DEF_PARTITION
#include "lib/Mapping/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {

class CascadePartitioner {
public:
  /// A size in `wanted` that is not 0 is taken as it is.
  CascadePartitioner(CascadeOp cascade, const TargetModel &target,
                     TileSizes wanted, int64_t split);
  LogicalResult run();

private:
  /// A kernel, and what a launch passes to it.
  struct Launch {
    tile::KernelOp kernel;
    SmallVector<Value> operands;
  };

  void createProgram();
  TileSizes chooseSizes(NestOp nest);
  LogicalResult partitionNest(NestOp nest);
  SmallVector<Value> getExternals(NestOp nest);
  Value getWorkspace(ArrayRef<StringAttr> ranks, Type element,
                     Value condition = {});
  SmallVector<Destination> getDestinations(NestOp nest);
  using BodyEmitter = function_ref<LogicalResult(NestEmitter &, ValueRange grid,
                                                 ValueRange extraViews)>;
  FailureOr<Launch> createKernel(NestOp nest, const GridChoice &grid,
                                 const TileSizes &chosen,
                                 ArrayRef<StringAttr> extraGrid,
                                 ArrayRef<Value> extraViews, BodyEmitter emit);
  void launch(Launch what);
  Value countTasks(const GridChoice &grid);
  Value chooseParts(StringAttr split, StringAttr streamed, Value tasks,
                    int64_t size);

  CascadeOp cascade;
  const TargetModel &target;
  TileSizes wanted;
  std::optional<TileChooser> chooser;
  int64_t split;
  OpBuilder builder;
  tile::ProgramOp program;
  OpBuilder host;
  /// Tensors and scalars as the program's values.
  llvm::MapVector<Value, Value> values;
  unsigned numKernels = 0;
};

} // namespace

CascadePartitioner::CascadePartitioner(CascadeOp cascade,
                                       const TargetModel &target,
                                       TileSizes wanted, int64_t split)
    : cascade(cascade), target(target), wanted(wanted), split(split),
      builder(cascade), host(cascade) {
  const MachineDescription *machine = target.getPricedMachine();
  if (machine && !(wanted.lanes && wanted.stream))
    chooser.emplace(cascade, assumeExtents(cascade), *machine);
}

/// The tiles of `nest` where a call has many coordinates: those of the least
/// price where the machine's model knows one.
TileSizes CascadePartitioner::chooseSizes(NestOp nest) {
  auto complete = [&](int64_t lanes, int64_t stream) {
    return TileSizes{wanted.lanes ? wanted.lanes : lanes,
                     wanted.stream ? wanted.stream : stream,
                     target.getProductRowTile(), target.getMaxTileElements()};
  };
  TileSizes sizes =
      complete(target.getProductLaneTile(), target.getProductStreamTile());
  if (chooseGrid(nest, sizes).hasRows)
    return sizes;
  if (chooser) {
    std::vector<PricedTiles> priced = chooser->price(nest);
    if (!priced.empty())
      return complete(priced.front().sizes.lanes, priced.front().sizes.stream);
  }
  return complete(target.getLaneTile(), target.getStreamTile());
}

/// A tensor of the cascade as a view.
static Type getViewType(Type type) {
  auto tensor = dyn_cast<attn::TensorType>(type);
  if (!tensor)
    return type;
  return tile::ViewType::get(type.getContext(), tensor.getRanks(),
                             tensor.getElementType());
}

void CascadePartitioner::createProgram() {
  SmallVector<Attribute> names(cascade.getArgNames().begin(),
                               cascade.getArgNames().end());
  SmallVector<Type> types;
  for (Type type : cascade.getFunctionType().getInputs())
    types.push_back(getViewType(type));
  Operation *yield = cascade.getBody().front().getTerminator();
  for (auto [index, type] :
       llvm::enumerate(cascade.getFunctionType().getResults())) {
    types.push_back(getViewType(type));
    // An output is called as the tensor that is yielded.
    auto result = cast<OpResult>(yield->getOperand(index));
    auto list = result.getOwner()->getAttrOfType<ArrayAttr>("names");
    StringRef name;
    if (list && result.getResultNumber() < list.size())
      name = cast<StringAttr>(list[result.getResultNumber()]).getValue();
    names.push_back(builder.getStringAttr(
        name.empty() ? ("out" + Twine(index)).str() : name));
  }
  SmallVector<Attribute> ranks(cascade.getRanks().begin(),
                               cascade.getRanks().end());
  if (split)
    ranks.push_back(RankAttr::get(builder.getContext(),
                                  builder.getStringAttr("split"),
                                  RankKind::Fixed, split, {}));
  program = tile::ProgramOp::create(
      builder, cascade.getLoc(), cascade.getSymName(),
      builder.getArrayAttr(names), cascade.getFunctionType().getNumInputs(),
      builder.getArrayAttr(ranks));
  host.setInsertionPointToStart(builder.createBlock(
      &program.getBody(), {}, types,
      SmallVector<Location>(types.size(), cascade.getLoc())));
  builder.setInsertionPoint(program);
  for (auto [from, to] : llvm::zip(cascade.getBody().getArguments(),
                                   program.getBody().getArguments()))
    values[from] = to;
}

Value CascadePartitioner::getWorkspace(ArrayRef<StringAttr> ranks, Type element,
                                       Value condition) {
  auto type = tile::ViewType::get(builder.getContext(), ranks, element);
  return tile::WorkspaceOp::create(host, cascade.getLoc(), type, condition);
}

/// What a nest reads from outside, in order of first use; with the tensors on
/// whose presence that depends.
SmallVector<Value> CascadePartitioner::getExternals(NestOp nest) {
  llvm::SetVector<Value> externals;
  SmallVector<Operation *> worklist{nest};
  llvm::SmallPtrSet<Operation *, 8> seen;
  while (!worklist.empty()) {
    Operation *root = worklist.pop_back_val();
    if (!seen.insert(root).second)
      continue;
    root->walk([&](Operation *op) {
      if (op->getParentOfType<EinsumOp>())
        return;
      for (Value operand : op->getOperands()) {
        if (root->isAncestor(operand.getParentRegion()->getParentOp()))
          continue;
        if (root == nest)
          externals.insert(operand);
        // The filter of what another nest made may read that nest's inputs.
        auto einsum = dyn_cast<EinsumOp>(op);
        if (root != nest && einsum && einsum.getFilter() &&
            values.count(operand))
          externals.insert(operand);
        if (auto other = operand.getDefiningOp<NestOp>())
          worklist.push_back(other);
      }
    });
  }
  return externals.takeVector();
}

/// Where each of the nest's results goes: outputs, and a workspace where other
/// nests read it.
SmallVector<Destination> CascadePartitioner::getDestinations(NestOp nest) {
  SmallVector<Destination> destinations;
  unsigned numInputs = cascade.getFunctionType().getNumInputs();
  for (OpResult result : nest.getResults()) {
    bool isRead = false;
    for (OpOperand &use : result.getUses()) {
      if (use.getOwner()->getParentOp() == cascade &&
          isa<YieldOp>(use.getOwner()))
        destinations.push_back({result.getResultNumber(),
                                program.getBody().getArgument(
                                    numInputs + use.getOperandNumber())});
      else
        isRead = true;
    }
    if (!isRead)
      continue;
    auto type = cast<attn::TensorType>(result.getType());
    Value workspace =
        getWorkspace(type.getRanks(), getComputeType(type.getElementType()));
    values[result] = workspace;
    destinations.push_back({result.getResultNumber(), workspace});
  }
  return destinations;
}

FailureOr<CascadePartitioner::Launch>
CascadePartitioner::createKernel(NestOp nest, const GridChoice &grid,
                                 const TileSizes &chosen,
                                 ArrayRef<StringAttr> extraGrid,
                                 ArrayRef<Value> extraViews, BodyEmitter emit) {
  Launch launch;
  SmallVector<Attribute> names, gridNames(extraGrid.begin(), extraGrid.end());
  SmallVector<int64_t> gridSizes(extraGrid.size(), 1);
  llvm::append_range(gridNames, grid.ranks);
  llvm::append_range(gridSizes, grid.sizes);
  SmallVector<Type> types(gridNames.size(), builder.getIndexType());

  SmallVector<Value> externals = getExternals(nest);
  auto nameOf = [&](Value value) -> std::string {
    if (auto argument = dyn_cast<BlockArgument>(value))
      return cast<StringAttr>(program.getArgNames()[argument.getArgNumber()])
          .str();
    return "ws";
  };
  auto addOperand = [&](Value value) {
    launch.operands.push_back(value);
    types.push_back(value.getType());
    names.push_back(builder.getStringAttr(nameOf(value)));
  };
  for (Value external : externals)
    addOperand(values[external]);
  for (Value view : extraViews)
    addOperand(view);

  std::string name = (cascade.getSymName() + "_" + Twine(numKernels++)).str();
  launch.kernel = tile::KernelOp::create(
      builder, nest.getLoc(), builder.getStringAttr(name),
      builder.getArrayAttr(gridNames), builder.getDenseI64ArrayAttr(gridSizes),
      grid.lanes, builder.getArrayAttr(names), builder.getUnitAttr(),
      /*persistent=*/UnitAttr(), /*roles=*/DenseI64ArrayAttr(),
      program.getRanks());
  OpBuilder body(builder.getContext());
  Block *block =
      body.createBlock(&launch.kernel.getBody(), {}, types,
                       SmallVector<Location>(types.size(), nest.getLoc()));
  llvm::MapVector<Value, Value> arguments;
  size_t position = gridNames.size();
  for (Value external : externals)
    arguments[external] = block->getArgument(position++);
  ValueRange gridArgs =
      ValueRange(block->getArguments()).take_front(gridNames.size());
  ValueRange viewArgs = ValueRange(block->getArguments()).drop_front(position);
  NestEmitter emitter(body, nest, grid, chosen,
                      gridArgs.drop_front(extraGrid.size()), arguments);
  if (failed(emit(emitter, gridArgs, viewArgs)))
    return failure();
  return launch;
}

void CascadePartitioner::launch(Launch what) {
  tile::LaunchOp::create(host, what.kernel.getLoc(), what.kernel.getSymName(),
                         what.operands);
}

Value CascadePartitioner::countTasks(const GridChoice &grid) {
  Location loc = cascade.getLoc();
  Value tasks = arith::ConstantIndexOp::create(host, loc, 1);
  for (auto [rank, size] : llvm::zip(grid.ranks, grid.sizes)) {
    Value extent = tile::ExtentOp::create(host, loc, host.getIndexType(), rank);
    Value tile = arith::ConstantIndexOp::create(host, loc, size);
    Value count = arith::CeilDivSIOp::create(host, loc, extent, tile);
    tasks = arith::MulIOp::create(host, loc, tasks, count);
  }
  return tasks;
}

/// Into how many parts to split what a call streams along `streamed`, in tiles
/// of `size`: so many that there are tasks enough, but none so short that its
/// state costs as much; 1 is no split.
Value CascadePartitioner::chooseParts(StringAttr split, StringAttr streamed,
                                      Value tasks, int64_t size) {
  constexpr int64_t leastCoordinates = 256;
  Location loc = cascade.getLoc();
  auto getConstant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(host, loc, value);
  };
  auto getExtent = [&](StringRef rank) -> Value {
    return tile::ExtentOp::create(host, loc, host.getIndexType(),
                                  host.getStringAttr(rank));
  };
  auto divideUp = [&](Value left, Value right) -> Value {
    return arith::CeilDivSIOp::create(host, loc, left, right);
  };
  Value one = getConstant(1);
  Value wanted = arith::MulIOp::create(host, loc, getExtent("threads"),
                                       getConstant(target.getSplitTasks()));
  // An empty call has no tasks.
  tasks = arith::MaxSIOp::create(host, loc, tasks, one);
  Value parts = arith::DivSIOp::create(host, loc, wanted, tasks);
  Value tiles = divideUp(getExtent(streamed), getConstant(size));
  Value most = arith::DivSIOp::create(
      host, loc, tiles, getConstant(llvm::divideCeil(leastCoordinates, size)));
  parts = arith::MinSIOp::create(host, loc, parts, most);
  parts = arith::MaxSIOp::create(host, loc, parts, one);
  // Of whole tiles: the last part is not to be empty.
  Value length = arith::MaxSIOp::create(host, loc, divideUp(tiles, parts), one);
  parts = arith::MaxSIOp::create(host, loc, divideUp(tiles, length), one);
  tile::ChooseOp::create(host, loc, split, parts);
  return parts;
}

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

LogicalResult CascadePartitioner::partitionNest(NestOp nest) {
  SmallVector<Destination> destinations = getDestinations(nest);
  SmallVector<Value> views;
  for (const Destination &destination : destinations)
    views.push_back(destination.view);
  auto withViews = [&](ValueRange arguments) {
    SmallVector<Destination> mine = destinations;
    for (auto [destination, argument] : llvm::zip(mine, arguments))
      destination.view = argument;
    return mine;
  };
  Location loc = nest.getLoc();

  auto createWhole = [&](const GridChoice &grid,
                         const TileSizes &chosen) -> FailureOr<Launch> {
    return createKernel(
        nest, grid, chosen, {}, views,
        [&](NestEmitter &emitter, ValueRange, ValueRange arguments) {
          return emitter.emit(withViews(arguments));
        });
  };

  // A sweep takes long rows, for the sake of the memory; the rest takes what
  // is used again.
  TileSizes wide = chooseSizes(nest), narrow = wide;
  if (getSweptRank(nest)) {
    wide.lanes = wide.stream = target.getSweepTile();
    wide.rows = target.getSweepRows();
  }
  narrow.lanes = target.getNarrowLaneTile();
  narrow.stream = std::min(narrow.stream, target.getNarrowStreamTile());
  GridChoice grid = chooseGrid(nest, wide), few = chooseGrid(nest, narrow);
  bool hasFreeLanes = llvm::is_contained(grid.ranks, grid.lanes) &&
                      !cascade.getFixedExtent(grid.lanes) &&
                      narrow.lanes < wide.lanes;
  StringAttr sharing;
  if (hasFreeLanes && target.packsSharingRanks())
    sharing = getSharingRank(nest);
  GridChoice packed = sharing ? chooseGrid(nest, narrow, sharing) : few;

  auto compare = [&](arith::CmpIPredicate predicate, Value left, Value right) {
    return arith::CmpIOp::create(host, loc, predicate, left, right);
  };
  auto getExtent = [&](StringAttr rank) -> Value {
    return tile::ExtentOp::create(host, loc, host.getIndexType(), rank);
  };
  auto getConstant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(host, loc, value);
  };
  auto choose = [&](Value condition, function_ref<LogicalResult()> otherwise,
                    function_ref<LogicalResult()> then) -> LogicalResult {
    auto choice = scf::IfOp::create(host, loc, condition,
                                    /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(host);
    host.setInsertionPointToStart(choice.elseBlock());
    if (failed(otherwise()))
      return failure();
    host.setInsertionPointToStart(choice.thenBlock());
    return then();
  };
  auto launchAll = [&](ArrayRef<FailureOr<Launch>> launches) -> LogicalResult {
    for (const FailureOr<Launch> &one : launches) {
      if (failed(one))
        return failure();
      launch(*one);
    }
    return success();
  };

  // Wide tiles where there are lanes enough, else narrow ones; where all is
  // short, those of which the matrix unit multiplies less that is empty.
  StreamOp stream = getSplittable(nest);
  auto isAtMost = [&](StringAttr rank, int64_t size) {
    return compare(arith::CmpIPredicate::sle, getExtent(rank),
                   getConstant(size));
  };
  auto launchWhole = [&]() -> LogicalResult {
    FailureOr<Launch> most = createWhole(grid, wide);
    if (!hasFreeLanes || failed(most))
      return launchAll(most);
    auto launchLong = [&] {
      return choose(
          isAtMost(grid.lanes, 2 * narrow.lanes),
          [&] { return launchAll(most); },
          [&] { return launchAll(createWhole(few, narrow)); });
    };
    const MachineDescription *machine = target.getPricedMachine();
    std::function<LogicalResult(ArrayRef<int64_t>)> launchShort =
        [&](ArrayRef<int64_t> tiles) -> LogicalResult {
      if (tiles.empty())
        return launchLong();
      TileSizes small = wide;
      small.lanes = small.stream = tiles.front();
      Value isShort =
          arith::AndIOp::create(host, loc, isAtMost(grid.lanes, small.lanes),
                                isAtMost(stream.getRankAttr(), small.stream));
      return choose(
          isShort, [&] { return launchShort(tiles.drop_front()); },
          [&] {
            return launchAll(createWhole(chooseGrid(nest, small), small));
          });
    };
    bool hasShort = stream && machine && hasMatrixOperands(nest, *machine);
    return launchShort(hasShort ? target.getShortTiles() : ArrayRef<int64_t>());
  };

  // Fewer lanes than ranks that share what is streamed: those are the lanes.
  Value isPacked;
  if (sharing)
    isPacked = compare(arith::CmpIPredicate::slt, getExtent(grid.lanes),
                       getExtent(sharing));
  auto choosePacked = [&](function_ref<LogicalResult()> otherwise,
                          function_ref<LogicalResult()> then) {
    return isPacked ? choose(isPacked, otherwise, then) : otherwise();
  };
  // One lane: the keys are the lanes. Few: they are, and those are rows.
  bool hasSingle = stream && hasFreeLanes && target.streamsAlongLanes() &&
                   !containsIteration(stream) &&
                   streamsFloatRows(stream, /*gathers=*/true);
  using GridEmitter = function_ref<LogicalResult(const GridChoice &)>;
  auto chooseRows = [&](StringAttr rank,
                        function_ref<LogicalResult()> otherwise,
                        GridEmitter then) {
    if (!hasSingle || target.getFewRows() == 1 ||
        !streamsFloatRows(stream, /*gathers=*/false))
      return otherwise();
    TileSizes sizes = narrow;
    sizes.rows = target.getFewRows();
    return choose(isAtMost(rank, sizes.rows), otherwise, [&] {
      return then(chooseGrid(nest, sizes, stream.getRankAttr(), rank));
    });
  };
  auto chooseSingle = [&](function_ref<LogicalResult()> otherwise,
                          GridEmitter then) {
    if (!hasSingle)
      return otherwise();
    Value isSingle = compare(arith::CmpIPredicate::eq, getExtent(grid.lanes),
                             getConstant(1));
    return choose(
        isSingle, [&] { return chooseRows(grid.lanes, otherwise, then); },
        [&] { return then(chooseGrid(nest, narrow, stream.getRankAttr())); });
  };
  auto launchUnsplit = [&] {
    auto launchOne = [&](const GridChoice &grid) {
      return launchAll(createWhole(grid, narrow));
    };
    return choosePacked([&] { return chooseSingle(launchWhole, launchOne); },
                        [&] {
                          return chooseRows(
                              sharing, [&] { return launchOne(packed); },
                              launchOne);
                        });
  };
  if (!split || !stream || !hasFreeLanes)
    return launchUnsplit();

  // Too few tasks for the threads, and a long stream: split it.
  bool chooses = target.getSplitTasks() != 0;
  StringAttr splitRank = builder.getStringAttr("split");
  if (chooses)
    splitRank = builder.getStringAttr("parts" + Twine(numKernels));
  Value tasks = countTasks(few);
  if (isPacked)
    tasks =
        arith::SelectOp::create(host, loc, isPacked, countTasks(packed), tasks);
  Value fewTasks = compare(arith::CmpIPredicate::slt, tasks,
                           getExtent(host.getStringAttr("threads")));
  Value isLong;
  if (chooses) {
    // Where tiles are narrow all the same, also to have no task much longer
    // than the others.
    Value isNarrow = compare(arith::CmpIPredicate::sle, getExtent(grid.lanes),
                             getConstant(2 * narrow.lanes));
    fewTasks = arith::OrIOp::create(host, loc, fewTasks, isNarrow);
    isLong = compare(
        arith::CmpIPredicate::sgt,
        chooseParts(splitRank, stream.getRankAttr(), tasks, narrow.stream),
        getConstant(1));
  } else {
    isLong = compare(arith::CmpIPredicate::sge, getExtent(stream.getRankAttr()),
                     getConstant(2 * split * narrow.stream));
  }
  Value shouldSplit = arith::AndIOp::create(host, loc, fewTasks, isLong);
  SmallVector<Value> states;
  for (Value result : stream.getResults()) {
    auto type = cast<attn::TensorType>(result.getType());
    SmallVector<StringAttr> ranks{splitRank};
    llvm::append_range(ranks, type.getRanks());
    states.push_back(getWorkspace(ranks, getComputeType(type.getElementType()),
                                  shouldSplit));
  }
  SmallVector<Value> all = states;
  llvm::append_range(all, views);
  int64_t count = chooses ? 0 : split;
  auto createMerge = [&](const GridChoice &grid, const TileSizes &sizes) {
    return createKernel(
        nest, grid, sizes, {}, all,
        [&](NestEmitter &emitter, ValueRange, ValueRange arguments) {
          return emitter.emitMerge(
              {Value(), splitRank, count}, arguments.take_front(states.size()),
              withViews(arguments.drop_front(states.size())));
        });
  };
  // Parts whose lanes are keys are merged as the others are: along results.
  TileSizes merging = narrow;
  merging.lanes = target.getMergeLaneTile();
  std::optional<FailureOr<Launch>> fewMerge, packedMerge;
  auto launchSplit = [&](const GridChoice &grid, bool mergesPacked) {
    auto merge = [&] {
      // Of one lane, there is but one way.
      mergesPacked &= merging.lanes != 1;
      std::optional<FailureOr<Launch>> &made =
          mergesPacked ? packedMerge : fewMerge;
      if (!made)
        made = mergesPacked ? createMerge(packed, narrow)
                            : createMerge(chooseGrid(nest, merging), merging);
      return *made;
    };
    FailureOr<Launch> part =
        createKernel(nest, grid, narrow, splitRank, states,
                     [&](NestEmitter &emitter, ValueRange coordinates,
                         ValueRange arguments) {
                       return emitter.emitPart(
                           {coordinates.front(), splitRank, count}, arguments);
                     });
    return launchAll({part, merge()});
  };
  auto choice = scf::IfOp::create(host, loc, shouldSplit,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(host);
  host.setInsertionPointToStart(choice.thenBlock());
  if (failed(choosePacked(
          [&] {
            return chooseSingle(
                [&] { return launchSplit(few, /*mergesPacked=*/false); },
                [&](const GridChoice &grid) {
                  return launchSplit(grid, /*mergesPacked=*/false);
                });
          },
          [&] {
            return chooseRows(
                sharing,
                [&] { return launchSplit(packed, /*mergesPacked=*/true); },
                [&](const GridChoice &grid) {
                  return launchSplit(grid, /*mergesPacked=*/true);
                });
          })))
    return failure();
  host.setInsertionPointToStart(choice.elseBlock());
  return launchUnsplit();
}

LogicalResult CascadePartitioner::run() {
  createProgram();
  for (Operation &op : cascade.getBody().front().without_terminator()) {
    auto nest = dyn_cast<NestOp>(&op);
    if (!nest)
      return op.emitOpError("cannot be mapped to tiles yet");
    prepareLists(nest);
    if (failed(partitionNest(nest)))
      return failure();
  }
  cascade.erase();
  return success();
}

namespace {
struct Partition : attn::impl::PartitionBase<Partition> {
  using PartitionBase::PartitionBase;
  void runOnOperation() override {
    std::unique_ptr<TargetModel> model = createTargetModel(target);
    if (!model) {
      getOperation().emitError("unknown target `") << target << "`";
      return signalPassFailure();
    }
    TileSizes wanted{laneTile, streamTile, 0, 0};
    for (auto cascade :
         llvm::make_early_inc_range(getOperation().getOps<CascadeOp>()))
      if (failed(CascadePartitioner(cascade, *model, wanted, split).run()))
        return signalPassFailure();
  }
};
} // namespace

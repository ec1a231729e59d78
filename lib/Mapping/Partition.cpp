//===- Partition.cpp - Cascades as programs -------------------------------===//
//
// See Partitioner.h.
//
//===----------------------------------------------------------------------===//

#include "lib/Mapping/Partitioner.h"
#include "lib/Mapping/Passes.h"

namespace attn {
#define GEN_PASS_DEF_PARTITION
#include "lib/Mapping/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

CascadePartitioner::CascadePartitioner(CascadeOp cascade,
                                       const TargetModel &target,
                                       TileSizes wanted, SplitChoice split,
                                       bool isPersistent)
    : isPersistent(isPersistent), cascade(cascade), target(target),
      wanted(wanted), split(split), builder(cascade), host(cascade) {
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
  if (split.parts)
    ranks.push_back(RankAttr::get(builder.getContext(),
                                  builder.getStringAttr("split"),
                                  RankKind::Fixed, split.parts, {}));
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

FailureOr<Launch>
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

LogicalResult CascadePartitioner::run() {
  createProgram();
  for (Operation &op : cascade.getBody().front().without_terminator()) {
    auto nest = dyn_cast<NestOp>(&op);
    if (!nest)
      return op.emitOpError("cannot be mapped to tiles yet");
    prepareLists(nest);
    if (failed(NestPartitioner(*this, nest).run()))
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
      if (failed(CascadePartitioner(cascade, *model, wanted,
                                    {split, splitTurns}, persistent)
                     .run()))
        return signalPassFailure();
  }
};
} // namespace

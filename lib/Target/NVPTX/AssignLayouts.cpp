//===- AssignLayouts.cpp - Which tiles lie in registers -------------------===//
//
// In four steps: what the matrix unit multiplies is loaded as memory has it;
// each tile gets its space; conversions are put where an operation needs a tile
// in the other one; the loads of a loop get places for turns ahead.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/FusedAccumulator.h"
#include "lib/Target/NVPTX/Fragment.h"
#include "lib/Target/NVPTX/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace attn::nvptx {
#define GEN_PASS_DEF_ASSIGNLAYOUTS
#include "lib/Target/NVPTX/Passes.h.inc"
} // namespace attn::nvptx

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

/// Columns of one tile in registers: half as many words in each thread.
static constexpr int64_t maxColumns = 256;
/// What loops carry, the sums that they make anew, operands that stay in
/// registers and the addresses of what is loaded may take so many of a thread's
/// 255 words; the rest is for values on their way and for bounds.
static constexpr int64_t maxLiveWords = 144, addressWords = 6;
/// Places for what a loop loads. While warps of a block take turns, one turn
/// ahead is enough; a single warp loads two ahead (docs/bench.md).
static constexpr int64_t blockPlaces = 2, warpPlaces = 3;

static tile::TileType withSpace(tile::TileType type, tile::Space space) {
  return tile::TileType::get(type.getContext(), type.getRanks(),
                             type.getSizes(), type.getElementType(), space);
}

namespace {
class LayoutAssigner {
public:
  explicit LayoutAssigner(tile::KernelOp kernel)
      : kernel(kernel), lanes(kernel.getLanesAttr()) {}
  void run();

private:
  tile::KernelOp kernel;
  StringAttr lanes;
  int64_t numLanes = 0;
  int64_t freeWords = 0; ///< for operands
  /// By what they were loaded as: the operands that have been made of it.
  DenseMap<Operation *, Value> operands;

  bool findLanes();
  int64_t countLiveWords();
  bool canBeFragment(tile::TileType type) const;
  bool worksInRegisters(tile::MapOp map) const;
  bool worksInRegisters(tile::ContractOp op) const {
    return isMatrixContract(op, lanes) &&
           canBeFragment(op.getResult().getType());
  }
  bool worksInRegisters(Operation *op) const;
  void loadAsStored(OpOperand &operand);
  void assignSpace(Operation *op);
  void assignSpaces(Block &block);
  std::optional<tile::Space> getNeededSpace(OpOperand &operand) const;
  void eraseUnused();
  void insertConversions();
  void loadAhead(tile::LoadOp load);
};
} // namespace

/// Sets the number of lanes; false where the kernel's tiles have none, or have
/// different ones, or no whole warps of them.
bool LayoutAssigner::findLanes() {
  bool isUniform = lanes != nullptr;
  kernel.walk([&](Operation *op) {
    for (Value result : op->getResults()) {
      auto type = dyn_cast<tile::TileType>(result.getType());
      int64_t position = type && lanes ? type.getRankPosition(lanes) : -1;
      if (position < 0)
        continue;
      int64_t size = type.getSizes()[position];
      isUniform &= numLanes == 0 || size == numLanes;
      numLanes = size;
    }
  });
  return isUniform && numLanes > 0 && numLanes % Layout::rowsPerWarp == 0 &&
         numLanes / Layout::rowsPerWarp <= maxWarps;
}

bool LayoutAssigner::canBeFragment(tile::TileType type) const {
  if (type.getRankPosition(lanes) < 0 || type.getRanks().size() > 2)
    return false;
  int64_t columns = type.getNumElements() / numLanes;
  bool isVector = type.getRanks().size() == 1;
  return isVector || (columns % 8 == 0 && columns <= maxColumns);
}

/// A map of the lanes and at most one other rank, at most that one reduced.
bool LayoutAssigner::worksInRegisters(tile::MapOp map) const {
  SmallVector<StringAttr> ranks(map.getRanks().getAsRange<StringAttr>());
  auto box = tile::TileType::get(map.getContext(), ranks, map.getSizes(),
                                 map.getResult().getType().getElementType(),
                                 tile::Space::Scratch);
  if (!canBeFragment(box) || map.isReduced(lanes))
    return false;
  if (!isFusedAccumulator(map))
    return true;
  return worksInRegisters(
      cast<tile::ContractOp>(*map.getResult().user_begin()));
}

bool LayoutAssigner::worksInRegisters(Operation *op) const {
  if (auto map = dyn_cast<tile::MapOp>(op))
    return worksInRegisters(map);
  if (auto contract = dyn_cast<tile::ContractOp>(op))
    return worksInRegisters(contract);
  if (auto convert = dyn_cast<tile::ConvertOp>(op))
    return convert.getInput().getType().getSpace() == tile::Space::Register &&
           canBeFragment(convert.getResult().getType());
  if (auto load = dyn_cast<tile::LoadOp>(op))
    return !load.getResult().getType().getElementType().isBF16() &&
           !load.getResult().getType().getElementType().isF16() &&
           canBeFragment(load.getResult().getType()) &&
           llvm::all_of(load->getUsers(), [&](Operation *user) {
             return isa<tile::MapOp>(user) && worksInRegisters(user);
           });
  return isa<tile::FillOp>(op) &&
         canBeFragment(cast<tile::TileType>(op->getResult(0).getType()));
}

/// The words that a loop carries, those of the sums that one of its blocks
/// makes anew and of the addresses that it loads from: the most of each.
int64_t LayoutAssigner::countLiveWords() {
  int64_t carried = 0;
  DenseMap<Block *, int64_t> sums;
  auto getWords = [&](Value value) {
    auto type = dyn_cast<tile::TileType>(value.getType());
    return type && canBeFragment(type) ? getNumWords(type, lanes) : 0;
  };
  kernel.walk([&](Operation *op) {
    if (auto loop = dyn_cast<scf::ForOp>(op)) {
      int64_t words = 0;
      for (Value argument : loop.getRegionIterArgs())
        words += getWords(argument);
      carried = std::max(carried, words);
    }
    auto contract = dyn_cast<tile::ContractOp>(op);
    if (contract && !contract.getAcc())
      sums[op->getBlock()] += getWords(contract.getResult());
    if (isa<tile::LoadOp>(op) && op->getParentOfType<scf::ForOp>())
      sums[op->getBlock()] += addressWords;
  });
  int64_t most = 0;
  for (auto [block, words] : sums)
    most = std::max(most, words);
  return carried + most;
}

/// A tile in the order in which `load` finds its ranks in memory.
static tile::TileType getStoredType(tile::LoadOp load, Type element) {
  tile::TileType type = load.getResult().getType();
  SmallVector<StringAttr> ranks;
  SmallVector<int64_t> sizes;
  for (auto dim : load.getDims().getAsRange<StringAttr>())
    if (!dim.getValue().empty()) {
      ranks.push_back(dim);
      sizes.push_back(type.getSizes()[type.getRankPosition(dim)]);
    }
  return tile::TileType::get(type.getContext(), ranks, sizes, element,
                             tile::Space::Scratch);
}

/// The load of which `map` keeps some elements and makes the others 0; null
/// where it is no such map.
static tile::LoadOp getMaskedLoad(tile::MapOp map) {
  if (!map || !map->hasOneUse() || map.getInputs().size() != 1 ||
      !getMask(map) || !map.getBody().getArgument(0).hasOneUse())
    return {};
  return map.getInputs().front().getDefiningOp<tile::LoadOp>();
}

/// `map`, of a masked load, over elements as memory has them: what is kept is
/// rounded to nothing else.
static Value maskStored(tile::MapOp map, Value stored) {
  OpBuilder builder(map);
  Type element = cast<tile::TileType>(stored.getType()).getElementType();
  tile::TileType type = map.getResult().getType();
  auto clone = cast<tile::MapOp>(builder.clone(*map));
  clone.getInputsMutable().assign(stored);
  clone.getResult().setType(
      tile::TileType::get(type.getContext(), type.getRanks(), type.getSizes(),
                          element, tile::Space::Scratch));
  BlockArgument argument = clone.getBody().getArgument(0);
  argument.setType(element);
  tile::YieldOp yield = clone.getYield();
  arith::SelectOp select = getMask(clone);
  builder.setInsertionPoint(select);
  Value zero = arith::ConstantOp::create(builder, map.getLoc(),
                                         builder.getZeroAttr(element));
  Value kept = arith::SelectOp::create(builder, map.getLoc(),
                                       select.getCondition(), argument, zero);
  yield.getValueMutable().assign(kept);
  select.erase();
  return clone.getResult();
}

/// Makes an operand of the matrix unit that memory holds in its type a load of
/// what memory holds; the one with the lanes goes on to registers, where they
/// suffice.
void LayoutAssigner::loadAsStored(OpOperand &operand) {
  auto convert = operand.get().getDefiningOp<tile::ConvertOp>();
  auto load = (convert ? convert.getInput() : operand.get())
                  .getDefiningOp<tile::LoadOp>();
  auto map =
      convert ? convert.getInput().getDefiningOp<tile::MapOp>() : nullptr;
  if (tile::LoadOp masked = getMaskedLoad(map))
    load = masked;
  Type element = cast<tile::TileType>(operand.get().getType()).getElementType();
  if (!load || load.getView().getType().getElementType() != element)
    return;
  Value &tile = operands[load];
  if (!tile) {
    OpBuilder builder(load);
    tile::TileType type = getStoredType(load, element);
    tile = tile::LoadOp::create(builder, load.getLoc(), type, load.getView(),
                                load.getOffsets(), load.getDims());
    tile::TileType fragment = withSpace(type, tile::Space::Register);
    if (!map && type.getRankPosition(lanes) >= 0 &&
        getNumWords(fragment, lanes) <= freeWords) {
      freeWords -= getNumWords(fragment, lanes);
      tile = tile::ConvertOp::create(builder, load.getLoc(), fragment, tile);
    }
  }
  if (!map)
    return operand.set(tile);
  operand.set(maskStored(map, tile));
  if (convert->use_empty()) {
    convert.erase();
    map.erase();
  }
}

void LayoutAssigner::assignSpace(Operation *op) {
  auto assign = [&](Value value) {
    auto type = dyn_cast<tile::TileType>(value.getType());
    if (type && canBeFragment(type))
      value.setType(withSpace(type, tile::Space::Register));
  };
  if (isa<scf::ForOp, scf::IfOp>(op)) {
    for (Value result : op->getResults())
      assign(result);
    for (Region &region : op->getRegions())
      for (Value argument : region.getArguments())
        assign(argument);
  } else if (op->getNumResults() == 1 && worksInRegisters(op)) {
    assign(op->getResult(0));
  }
}

/// In order: what an operation is done in depends on what it reads.
void LayoutAssigner::assignSpaces(Block &block) {
  block.walk<WalkOrder::PreOrder>([&](Operation *op) { assignSpace(op); });
}

/// The space in which the operation takes this operand; nothing where it takes
/// both.
std::optional<tile::Space>
LayoutAssigner::getNeededSpace(OpOperand &operand) const {
  Operation *op = operand.getOwner();
  auto type = cast<tile::TileType>(operand.get().getType());
  if (isa<scf::ForOp, scf::YieldOp>(op))
    return canBeFragment(type) ? tile::Space::Register : tile::Space::Scratch;
  if (isa<tile::StoreOp, tile::ConvertOp>(op))
    return std::nullopt;
  bool isInRegisters =
      op->getNumResults() == 1 &&
      cast<tile::TileType>(op->getResult(0).getType()).getSpace() ==
          tile::Space::Register;
  if (!isInRegisters)
    return tile::Space::Scratch;
  if (auto contract = dyn_cast<tile::ContractOp>(op)) {
    if (operand.get() == contract.getLhs())
      return tile::Space::Scratch;
    if (operand.get() == contract.getRhs())
      return std::nullopt;
    return tile::Space::Register;
  }
  auto map = dyn_cast<tile::MapOp>(op);
  if (map && operand.get() == map.getAcc())
    return tile::Space::Register;
  return std::nullopt;
}

void LayoutAssigner::insertConversions() {
  DenseMap<std::pair<Value, Block *>, Value> known;
  SmallVector<OpOperand *> operands;
  kernel.walk([&](Operation *op) {
    for (OpOperand &operand : op->getOpOperands())
      if (isa<tile::TileType>(operand.get().getType()))
        operands.push_back(&operand);
  });
  for (OpOperand *operand : operands) {
    auto type = cast<tile::TileType>(operand->get().getType());
    std::optional<tile::Space> space = getNeededSpace(*operand);
    if (!space || *space == type.getSpace())
      continue;
    // One conversion for each block that needs it: its readers come in order.
    Operation *owner = operand->getOwner();
    Value &converted = known[{operand->get(), owner->getBlock()}];
    if (!converted) {
      OpBuilder builder(owner);
      converted = tile::ConvertOp::create(
          builder, owner->getLoc(), withSpace(type, *space), operand->get());
    }
    operand->set(converted);
  }
}

/// Moves a load out of the branches around it and gives it places, if its
/// loop's own coordinate and what the loop does not change say what it loads.
void LayoutAssigner::loadAhead(tile::LoadOp load) {
  auto loop = load->getParentOfType<scf::ForOp>();
  tile::TileType type = load.getResult().getType();
  if (!loop || type.getSpace() != tile::Space::Scratch ||
      !isOperandElement(type.getElementType()))
    return;
  Operation *at = load;
  while (at->getParentOp() != loop) {
    at = at->getParentOp();
    if (!isa<scf::IfOp>(at))
      return;
  }
  if (failed(getOffsetSlice(load, loop)))
    return;
  if (at != load)
    load->moveBefore(at);
  load.setStages(numLanes == Layout::rowsPerWarp ? warpPlaces : blockPlaces);
}

/// What the operands were before.
void LayoutAssigner::eraseUnused() {
  kernel.walk([](tile::ConvertOp convert) {
    if (convert->use_empty())
      convert.erase();
  });
  for (auto [load, operand] : operands)
    if (load->use_empty())
      load->erase();
}

void LayoutAssigner::run() {
  if (!findLanes())
    return;
  SmallVector<tile::ContractOp> contracts;
  kernel.walk([&](tile::ContractOp op) {
    if (worksInRegisters(op))
      contracts.push_back(op);
  });
  if (contracts.empty())
    return;
  freeWords = maxLiveWords - countLiveWords();
  for (tile::ContractOp contract : contracts) {
    loadAsStored(contract.getLhsMutable());
    loadAsStored(contract.getRhsMutable());
  }
  eraseUnused();
  assignSpaces(kernel.getBody().front());
  insertConversions();
  SmallVector<tile::LoadOp> loads;
  kernel.walk([&](tile::LoadOp load) { loads.push_back(load); });
  for (tile::LoadOp load : loads)
    loadAhead(load);
}

namespace {
struct AssignLayouts : nvptx::impl::AssignLayoutsBase<AssignLayouts> {
  void runOnOperation() override { LayoutAssigner(getOperation()).run(); }
};
} // namespace

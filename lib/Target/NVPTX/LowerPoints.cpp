//===- LowerPoints.cpp - Kernels whose elements need no others ------------===//
//
// Where no operation of a kernel reads another element than the one that it
// makes, a thread takes an element from the loads to the stores: all tiles are
// single values in it, and nothing is shared or waited for. Merging the parts
// of a split stream is such work.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/NVPTX/Intrinsics.h"
#include "lib/Target/NVPTX/KernelLowering.h"
#include "lib/Target/NVPTX/MapRegion.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/Utils/Utils.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

/// Turns of a loop whose loads are on their way together: as many of the first
/// number as there are, then of the next.
static constexpr uint64_t turnsAtOnce[] = {32, 8, 2};

/// The largest tile that the kernel's tiles are parts of; null where they
/// aren't.
static tile::TileType findBox(tile::KernelOp kernel) {
  tile::TileType box;
  kernel.walk([&](Operation *op) {
    for (Value result : op->getResults())
      if (auto type = dyn_cast<tile::TileType>(result.getType()))
        if (!box || type.getRanks().size() > box.getRanks().size())
          box = type;
  });
  bool isBox = box != nullptr;
  kernel.walk([&](Operation *op) {
    for (Value result : op->getResults()) {
      auto type = dyn_cast<tile::TileType>(result.getType());
      if (!type || !isBox)
        continue;
      for (auto [rank, size] : llvm::zip(type.getRanks(), type.getSizes())) {
        int64_t position = box.getRankPosition(rank);
        isBox &= position >= 0 && box.getSizes()[position] == size;
      }
    }
  });
  return isBox ? box : tile::TileType();
}

tile::TileType nvptx::getPointBox(tile::KernelOp kernel) {
  bool isPointwise = true;
  kernel.getBody().walk([&](Operation *op) {
    if (auto map = dyn_cast<tile::MapOp>(op))
      isPointwise &= map.getReducers().empty() && !map.getAcc();
    else if (isa<tile::TileDialect>(op->getDialect()))
      isPointwise &=
          isa<tile::LoadOp, tile::StoreOp, tile::FillOp, tile::YieldOp,
              tile::CoordOp, tile::ExtentOp, tile::ReadOp>(op);
    for (Value result : op->getResults())
      if (auto type = dyn_cast<tile::TileType>(result.getType()))
        isPointwise &= type.getSpace() == tile::Space::Scratch &&
                       !isOperandElement(type.getElementType());
  });
  return isPointwise ? findBox(kernel) : tile::TileType();
}

/// Whether all that the kernel stores has 16 bits.
bool nvptx::storesNarrow(tile::KernelOp kernel) {
  bool isNarrow = true;
  kernel.walk([&](tile::StoreOp store) {
    isNarrow &= isOperandElement(store.getView().getType().getElementType());
  });
  return isNarrow;
}

LogicalResult KernelLowering::lowerPoints() {
  SmallVector<scf::ForOp> loops;
  kernel.walk([&](scf::ForOp loop) { loops.push_back(loop); });
  for (scf::ForOp loop : loops)
    for (uint64_t turns : turnsAtOnce) {
      FailureOr<UnrolledLoopInfo> unrolled = loopUnrollByFactor(loop, turns);
      if (failed(unrolled))
        return loop.emitOpError("can't be unrolled");
      if (!unrolled->epilogueLoopOp)
        break;
      loop = *unrolled->epilogueLoopOp;
    }
  SmallVector<RankSize> ranks;
  // Neighbours in what is stored lie along its last rank.
  auto store = *kernel.getOps<tile::StoreOp>().begin();
  for (auto dim : store.getDims().getAsRange<StringAttr>())
    if (int64_t position = pointBox.getRankPosition(dim); position >= 0)
      ranks.push_back({dim, pointBox.getSizes()[position]});
  for (auto [rank, size] : llvm::zip(pointBox.getRanks(), pointBox.getSizes()))
    if (llvm::none_of(ranks, [&, rank = rank](RankSize one) {
          return one.first == rank;
        }))
      ranks.push_back({rank, size});
  LogicalResult result = success();
  forElements(ranks, [&](const Position &at) {
    point = &at;
    if (failed(lowerBlock(kernel.getBody().front())))
      result = failure();
    point = nullptr;
  });
  return result;
}

void KernelLowering::loadPoint(tile::LoadOp op) {
  const ViewOperand &view = getView(op.getView());
  Window window(*this, view, op.getResult().getType(), op.getOffsets(),
                op.getDims());
  auto [pointer, isInside] = window.locate(*point);
  Type element = view.type.getElementType(), memory = getMemoryType(element);
  Value value;
  if (op.getInside())
    value =
        widenElement(b,
                     LLVM::LoadOp::create(b, memory, pointer,
                                          memory.getIntOrFloatBitWidth() / 8),
                     element);
  else
    value = loadGuarded(pointer, isInside, element);
  values.map(op.getResult(), value);
}

/// By one of the threads that have the element.
void KernelLowering::storePoint(tile::StoreOp op) {
  const ViewOperand &view = getView(op.getView());
  tile::TileType type = op.getTile().getType();
  Value null = LLVM::ZeroOp::create(b, view.pointer.getType());
  Value isMine =
      LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::ne, view.pointer, null);
  for (auto [rank, position] : *point)
    if (type.getRankPosition(rank) < 0)
      isMine = both(isMine, arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                                  position, small(0)));
  when(isMine, [&] {
    Window window(*this, view, type, op.getOffsets(), op.getDims());
    auto [pointer, isInside] = window.locate(*point);
    when(isInside, [&, pointer = pointer] {
      Value value =
          narrowElement(b, getValue(op.getTile()), view.type.getElementType());
      LLVM::StoreOp::create(b, value, pointer,
                            value.getType().getIntOrFloatBitWidth() / 8);
    });
  });
}

LogicalResult KernelLowering::lowerMapPoint(tile::MapOp op) {
  SmallVector<Value> arguments;
  for (Value input : op.getInputs())
    arguments.push_back(getValue(input));
  FailureOr<PointValue> value = emitRegion(*this, op, *point, arguments);
  if (failed(value))
    return failure();
  values.map(op.getResult(), value->value);
  return success();
}

//===- Fragment.cpp - Tiles in registers ----------------------------------===//

#include "lib/Target/NVPTX/Fragment.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

bool nvptx::isOperandElement(Type element) {
  return element.isBF16() || element.isF16();
}

arith::SelectOp nvptx::getMask(tile::MapOp map, unsigned input) {
  tile::YieldOp yield = map.getYield();
  if (!map.getReducers().empty() || map.getAcc() || yield.getFilter())
    return {};
  auto select = yield.getValue().getDefiningOp<arith::SelectOp>();
  bool isMask = select &&
                select.getTrueValue() == map.getBody().getArgument(input) &&
                matchPattern(select.getFalseValue(), m_PosZeroFloat());
  return isMask ? select : arith::SelectOp();
}

bool nvptx::isMatrixContract(tile::ContractOp op, StringAttr lanes) {
  tile::TileType lhs = op.getLhs().getType(), rhs = op.getRhs().getType(),
                 result = op.getResult().getType();
  if (!isOperandElement(lhs.getElementType()) ||
      !result.getElementType().isF32() || op.getOver().size() != 1 ||
      lhs.getRanks().size() != 2 || rhs.getRanks().size() != 2 ||
      result.getRanks().size() != 2 || rhs.getRankPosition(lanes) < 0 ||
      result.getRankPosition(lanes) < 0)
    return false;
  auto over = cast<StringAttr>(op.getOver()[0]);
  StringAttr column = getColumnRank(result, lanes);
  if (over == lanes || lhs.getRankPosition(column) < 0)
    return false;
  return lhs.getSizes()[lhs.getRankPosition(over)] % 16 == 0 &&
         lhs.getSizes()[lhs.getRankPosition(column)] % 8 == 0;
}

StringAttr nvptx::getColumnRank(tile::TileType type, StringAttr lanes) {
  for (StringAttr rank : type.getRanks())
    if (rank != lanes)
      return rank;
  return {};
}

Layout nvptx::getLayout(tile::TileType type, StringAttr lanes) {
  int64_t rows = type.getSizes()[type.getRankPosition(lanes)];
  if (StringAttr column = getColumnRank(type, lanes))
    return Layout::accumulator(rows,
                               type.getSizes()[type.getRankPosition(column)]);
  return Layout::rowVector(rows);
}

int64_t nvptx::getNumWords(tile::TileType type, StringAttr lanes) {
  int64_t registers = getLayout(type, lanes).getNumRegisters();
  return isOperandElement(type.getElementType()) ? registers / 2 : registers;
}

std::optional<int64_t> nvptx::getNumWarps(tile::KernelOp kernel) {
  std::optional<int64_t> warps;
  kernel.walk([&](Operation *op) {
    for (Value result : op->getResults())
      if (isInRegisters(result)) {
        auto type = cast<tile::TileType>(result.getType());
        warps = getLayout(type, kernel.getLanesAttr()).getNumWarps();
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  return warps;
}

FailureOr<SmallVector<Operation *>> nvptx::getOffsetSlice(tile::LoadOp load,
                                                          scf::ForOp loop) {
  SetVector<Operation *> slice;
  SmallVector<Value> worklist(load.getOffsets());
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    if (value == loop.getInductionVar() ||
        !loop.getRegion().isAncestor(value.getParentRegion()))
      continue;
    Operation *op = value.getDefiningOp();
    if (!op || op->getParentOp() != loop ||
        !isa<arith::ArithDialect>(op->getDialect()))
      return failure();
    if (slice.insert(op))
      llvm::append_range(worklist, op->getOperands());
  }
  SmallVector<Operation *> ordered = slice.takeVector();
  llvm::sort(ordered,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  return ordered;
}

FailureOr<DenseSet<Operation *>>
nvptx::getProducerSlice(tile::KernelOp kernel) {
  DenseSet<Operation *> slice;
  SmallVector<Value> worklist;
  kernel.walk([&](tile::LoadOp load) {
    if (!isSwizzled(load.getResult()))
      return;
    llvm::append_range(worklist, load.getOffsets());
    for (Operation *around = load->getParentOp(); around != kernel;
         around = around->getParentOp()) {
      if (auto loop = dyn_cast<scf::ForOp>(around))
        llvm::append_range(worklist,
                           ValueRange{loop.getLowerBound(),
                                      loop.getUpperBound(), loop.getStep()});
      else
        worklist.push_back(cast<scf::IfOp>(around).getCondition());
    }
  });
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    Operation *op = value.getDefiningOp();
    if (!op) {
      auto loop = dyn_cast<scf::ForOp>(value.getParentBlock()->getParentOp());
      if (loop && value != loop.getInductionVar())
        return failure();
      continue;
    }
    bool isScalar = op->getNumRegions() == 0 &&
                    llvm::none_of(op->getOperandTypes(), [](Type type) {
                      return isa<tile::TileType>(type);
                    });
    // Both roles have what stands in front of all loops.
    bool isCommon = isa<tile::BoundsOp>(op) && op->getParentOp() == kernel;
    if (!isScalar && !isCommon)
      return failure();
    if (!slice.insert(op).second)
      continue;
    // The producer serves all groups.
    if (auto own = dyn_cast<tile::OwnOp>(op)) {
      worklist.push_back(own.getWhole());
      continue;
    }
    llvm::append_range(worklist, op->getOperands());
    SetVector<Value> captured;
    getUsedValuesDefinedAbove(op->getRegions(), captured);
    llvm::append_range(worklist, captured);
  }
  return slice;
}

SmallVector<tile::ContractOp> nvptx::getFirstProducts(scf::ForOp loop) {
  SmallVector<tile::ContractOp> first;
  for (auto op : loop.getBody()->getOps<tile::ContractOp>()) {
    bool reads = llvm::any_of(op->getOperands(), [&](Value operand) {
      return !operand.getDefiningOp<tile::LoadOp>() &&
             loop.getRegion().isAncestor(operand.getParentRegion());
    });
    if (isWarpgroupContract(op) && op.getStage() == 0 && !reads)
      first.push_back(op);
  }
  return first;
}

scf::IfOp nvptx::getEarlyBranch(scf::ForOp loop) {
  for (auto branch : loop.getBody()->getOps<scf::IfOp>())
    if (branch->hasAttr(earlyBranch))
      return branch;
  return {};
}

/// The last grid rank of whose coordinate one of `bounds` is made.
static std::optional<unsigned> findRank(tile::KernelOp kernel,
                                        SetVector<Value> bounds) {
  for (unsigned i = 0; i != bounds.size(); ++i) {
    Operation *op = bounds[i].getDefiningOp();
    if (auto own = dyn_cast_or_null<tile::OwnOp>(op))
      bounds.insert(own.getWhole());
    else if (op)
      bounds.insert(op->operand_begin(), op->operand_end());
  }
  for (unsigned rank = kernel.getGrid().size(); rank-- > 0;)
    if (bounds.contains(kernel.getBody().getArgument(rank)))
      return rank;
  return std::nullopt;
}

std::optional<unsigned> nvptx::findUnevenRank(tile::KernelOp kernel) {
  SetVector<Value> bounds;
  kernel.walk([&](scf::ForOp loop) {
    bounds.insert(loop.getLowerBound());
    bounds.insert(loop.getUpperBound());
  });
  return findRank(kernel, std::move(bounds));
}

bool nvptx::beginsLate(tile::KernelOp kernel) {
  SetVector<Value> bounds;
  kernel.walk([&](scf::ForOp loop) { bounds.insert(loop.getLowerBound()); });
  return findRank(kernel, std::move(bounds)).has_value();
}

bool nvptx::loadsAhead(tile::KernelOp kernel) {
  return !kernel.getPersistent() ||
         llvm::all_of(kernel.getOps<tile::LoadOp>(), [](tile::LoadOp load) {
           return !isSwizzled(load.getResult()) || load.getStages() > 1;
         });
}

//===- PanelEnds.cpp - Where a filter ends a panel's work -----------------===//
//
// A tile that a filter cuts, such as that on the diagonal of causal attention,
// is worked on panel by panel (PanelRuns.h), and each panel needs a part of it:
// of 256 keys by 256 queries, the first 32 queries need 32 keys.
//
//   where m <= p + c      nothing is left past the last p's bound
//
// Where every operation of a run that sums over a rank leaves out what lies
// past such a bound, none of the run computes it. Sums on the vector unit may
// end anywhere, those of the matrix unit at its steps.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/FilterLimits.h"
#include "lib/Target/CPU/MatrixLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

namespace {
/// A sum that leaves out what lies past any of `limits`, which are those of a
/// filter in `map`.
struct Sink {
  tile::MapOp map;
  SmallVector<Limit> limits;
};

/// A rank that a run needs no further than its sinks do.
struct PanelEnd {
  StringAttr rank;
  int64_t size = 0;
  int64_t step = 1; ///< what the end is rounded up to
  SmallVector<Sink> sinks;
};
} // namespace

//===----------------------------------------------------------------------===//
// Uses
//===----------------------------------------------------------------------===//

/// Adds what `condition` bounds the coordinate of `rank` by, in `map`.
static void findLimits(Value condition, tile::MapOp map, StringAttr rank,
                       StringAttr lanes, SmallVectorImpl<Limit> &limits) {
  for (Value part : getConjuncts(condition))
    if (auto limit = getLimit(part, map, rank, lanes))
      limits.push_back(*limit);
}

/// The sink that the sum over `rank` of `contract` is: a factor is zero past
/// its limits.
static std::optional<Sink> findSink(tile::ContractOp contract, StringAttr rank,
                                    StringAttr lanes) {
  for (Value factor : {contract.getLhs(), contract.getRhs()}) {
    if (auto convert = factor.getDefiningOp<tile::ConvertOp>())
      factor = convert.getInput();
    auto map = factor.getDefiningOp<tile::MapOp>();
    Sink sink{map, {}};
    findLimits(DemandedElements::getNonzeroFilter(map), map, rank, lanes,
               sink.limits);
    if (!sink.limits.empty())
      return sink;
  }
  return std::nullopt;
}

/// Takes what `op` leaves out along the rank of `end` into that; false if it
/// leaves nothing out, or its code can't.
static bool takeUse(Operation *op, StringAttr lanes, const VectorUnit &unit,
                    PanelEnd &end) {
  if (auto map = dyn_cast<tile::MapOp>(op)) {
    if (!map.isReduced(end.rank))
      return true;
    Sink sink{map, {}};
    findLimits(map.getYield().getFilter(), map, end.rank, lanes, sink.limits);
    end.sinks.push_back(sink);
    return !sink.limits.empty();
  }
  auto contract = dyn_cast<tile::ContractOp>(op);
  if (!contract || !llvm::is_contained(contract.getOver(), end.rank))
    return true;
  std::optional<Sink> sink = findSink(contract, end.rank, lanes);
  if (!sink)
    return false;
  if (isMatrixProduct(contract)) {
    if (!MatrixLowering::canEndEarly(contract, end.rank, lanes, unit))
      return false;
    end.step = std::max(end.step, MatrixLowering::getStep(contract));
  }
  end.sinks.push_back(*sink);
  return true;
}

/// Whether all that reads what `op` makes, if that has `rank`, is in `run`.
static bool isReadInside(Operation *op, StringAttr rank,
                         const OperationRun &run) {
  auto type = cast<tile::TileType>(op->getResult(0).getType());
  return type.getRankPosition(rank) < 0 ||
         llvm::all_of(
             op->getUsers(),
             [&](Operation *user) { return llvm::is_contained(run, user); });
}

static SmallVector<PanelEnd> findPanelEnds(const OperationRun &run,
                                           StringAttr lanes,
                                           const VectorUnit &unit) {
  SmallVector<PanelEnd> ends;
  SmallVector<StringAttr> seen{lanes};
  for (Operation *maker : run) {
    auto type = cast<tile::TileType>(maker->getResult(0).getType());
    for (auto [rank, size] : llvm::zip(type.getRanks(), type.getSizes())) {
      if (llvm::is_contained(seen, rank))
        continue;
      seen.push_back(rank);
      PanelEnd end{rank, size, /*step=*/1, {}};
      bool isBounded = llvm::all_of(run, [&, rank = rank](Operation *op) {
        return isReadInside(op, rank, run) && takeUse(op, lanes, unit, end);
      });
      if (isBounded && !end.sinks.empty() && size % end.step == 0)
        ends.push_back(end);
    }
  }
  return ends;
}

bool attn::cpu::haveUnequalEnds(const OperationRun &run, StringAttr lanes,
                                const VectorUnit &unit) {
  auto risesIn = [&](const Sink &sink) {
    return llvm::any_of(sink.limits, [&](const Limit &limit) {
      return !isRising(limit.value, sink.map, lanes, /*isFixed=*/true);
    });
  };
  return llvm::any_of(
      findPanelEnds(run, lanes, unit),
      [&](const PanelEnd &end) { return llvm::any_of(end.sinks, risesIn); });
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// `value`, which rises with the lane's coordinate, where that is `lane`.
static Value emitAt(KernelLowering &k, Value value, Value lane) {
  Operation *op = value.getDefiningOp();
  auto operand = [&](unsigned i) { return emitAt(k, op->getOperand(i), lane); };
  if (!op || !op->getParentOfType<tile::MapOp>())
    return k.toInt(k.getValue(value));
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](tile::CoordOp) { return lane; })
      .Case([&](arith::AddIOp) { return k.add(operand(0), operand(1)); })
      .Case([&](arith::SubIOp) -> Value {
        return k.b.createOrFold<arith::SubIOp>(operand(0), operand(1));
      })
      .Case([&](arith::MinSIOp) -> Value {
        return k.b.createOrFold<arith::MinSIOp>(operand(0), operand(1));
      })
      .Case([&](arith::MaxSIOp) -> Value {
        return k.b.createOrFold<arith::MaxSIOp>(operand(0), operand(1));
      });
}

/// How many positions along `end.rank` a sink needs where the last lane has the
/// coordinate `lane`.
static Value emitSink(KernelLowering &k, const PanelEnd &end, const Sink &sink,
                      int64_t lanes) {
  tile::MapOp map = sink.map;
  auto getOrigin = [&](StringAttr rank) {
    return k.toInt(k.getValue(map.getOffset(rank)));
  };
  Value lane;
  if (map.getOffset(k.getLaneRank())) {
    Value next = k.mul(k.add(k.getPanel(), k.constant(1)), k.constant(lanes));
    lane = k.add(getOrigin(k.getLaneRank()), k.add(next, k.constant(-1)));
  }
  Value least = k.constant(end.size);
  for (const Limit &limit : sink.limits) {
    Value past = emitAt(k, limit.value, lane);
    if (limit.isInclusive)
      past = k.add(past, k.constant(1));
    Value count = k.b.createOrFold<arith::SubIOp>(past, getOrigin(end.rank));
    least = arith::MinSIOp::create(k.b, least, count);
  }
  return least;
}

void KernelLowering::bindPanelEnds(const OperationRun &run, int64_t lanes) {
  for (const PanelEnd &end : findPanelEnds(run, getLaneRank(), unit)) {
    Value most = constant(0);
    for (const Sink &sink : end.sinks)
      most = arith::MaxSIOp::create(b, most, emitSink(*this, end, sink, lanes));
    most = b.createOrFold<arith::CeilDivUIOp>(most, constant(end.step));
    panelEnds[end.rank] = mul(most, constant(end.step));
  }
}

//===- InsideReads.cpp - What a filter says of reads ----------------------===//
//
// A gather is attended to where its indices lie in its tensor (S1), so a filter
// has a comparison of each index with 0 and with the extent. What runs where
// the filter holds everywhere need not ask again.
//
//===----------------------------------------------------------------------===//

#include "lib/Mapping/InsideReads.h"
#include "lib/Mapping/ExpressionEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace attn;

/// Whether two values are the same function of coordinates, extents and what is
/// outside of their regions. What is read is not: of rows behind the last one a
/// filter says nothing then (`tile.bounds`).
static bool isSame(Value a, Value b) {
  if (a == b)
    return true;
  Operation *first = a.getDefiningOp(), *second = b.getDefiningOp();
  if (!first || !second || !isPure(first) || isa<tile::ReadOp>(first) ||
      cast<OpResult>(a).getResultNumber() !=
          cast<OpResult>(b).getResultNumber())
    return false;
  return OperationEquivalence::isEquivalentTo(
      first, second, [](Value x, Value y) { return success(isSame(x, y)); },
      /*markEquivalent=*/nullptr, OperationEquivalence::IgnoreLocations);
}

namespace {
class InsideReads {
public:
  explicit InsideReads(tile::TestOp test);
  void mark(tile::MapOp map);

private:
  tile::TestOp test;
  SmallVector<arith::CmpIOp> bounds; ///< all of which hold

  bool covers(tile::MapOp map, Value index);
  bool isLess(Value index, StringAttr rank);
  bool isNegative(Value index);
  bool isInside(tile::MapOp map, Value index, StringAttr rank);
};
} // namespace

InsideReads::InsideReads(tile::TestOp test) : test(test) {
  auto yield = cast<tile::YieldOp>(test.getBody().front().getTerminator());
  SmallVector<Value> conditions{yield.getFilter()};
  while (!conditions.empty()) {
    Value condition = conditions.pop_back_val();
    if (auto both = condition.getDefiningOp<arith::AndIOp>())
      llvm::append_range(conditions, both->getOperands());
    else if (auto compare = condition.getDefiningOp<arith::CmpIOp>())
      bounds.push_back(compare);
  }
}

/// Whether the coordinates of which `index` is made are, at each point of
/// `map`, those of a point of the test's box.
bool InsideReads::covers(tile::MapOp map, Value index) {
  auto find = [](ArrayAttr ranks, StringAttr rank) {
    return llvm::find(ranks, rank) - ranks.begin();
  };
  return llvm::all_of(getCoordinateVars(index), [&](StringAttr rank) {
    size_t mine = find(map.getRanks(), rank),
           tested = find(test.getRanks(), rank);
    return mine != map.getRanks().size() && tested != test.getRanks().size() &&
           map.getOffsets()[mine] == test.getOffsets()[tested] &&
           map.getSizes()[mine] <= test.getSizes()[tested];
  });
}

bool InsideReads::isLess(Value index, StringAttr rank) {
  return llvm::any_of(bounds, [&](arith::CmpIOp compare) {
    auto extent = compare.getRhs().getDefiningOp<tile::ExtentOp>();
    return compare.getPredicate() == arith::CmpIPredicate::slt && extent &&
           extent.getRankAttr() == rank && isSame(index, compare.getLhs());
  });
}

bool InsideReads::isNegative(Value index) {
  if (index.getDefiningOp<tile::CoordOp>())
    return false;
  return llvm::none_of(bounds, [&](arith::CmpIOp compare) {
    return compare.getPredicate() == arith::CmpIPredicate::sge &&
           isConstantIntValue(compare.getRhs(), 0) &&
           isSame(index, compare.getLhs());
  });
}

bool InsideReads::isInside(tile::MapOp map, Value index, StringAttr rank) {
  auto kernel = map->getParentOfType<tile::KernelOp>();
  auto *place = llvm::find(kernel.getGrid(), rank);
  // A task's own coordinate.
  if (place != kernel.getGrid().end() && index == kernel.getOrigin(rank))
    return kernel.getSizes()[place - kernel.getGrid().begin()] == 1;
  return covers(map, index) && !isNegative(index) && isLess(index, rank);
}

void InsideReads::mark(tile::MapOp map) {
  for (auto read : map.getBody().front().getOps<tile::ReadOp>()) {
    auto ranks = read.getView().getType().getRanks();
    if (llvm::all_of_zip(read.getIndices(), ranks,
                         [&](Value index, StringAttr rank) {
                           return isInside(map, index, rank);
                         }))
      read.setInside(true);
  }
}

void attn::markInsideReads(tile::TestOp test) {
  InsideReads reads(test);
  for (Operation *user : test.getEvery().getUsers())
    if (auto branch = dyn_cast<scf::IfOp>(user))
      branch.getThenRegion().walk([&](tile::MapOp map) { reads.mark(map); });
}

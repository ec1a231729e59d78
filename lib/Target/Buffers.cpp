//===- Buffers.cpp - Scratch memory for the tiles of a kernel -------------===//
//
// Liveness, then coalescing, then first fit.
//
// Every operation has a position at which it reads and one at which it writes;
// a set of positions is a bit vector. Tiles are joined into classes, each one
// buffer, as long as their positions are disjoint; classes that still overlap
// get disjoint memory.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Buffers.h"
#include "lib/Target/FusedAccumulator.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attn;
using llvm::BitVector;

/// Whether `value` is a tile in memory.
static bool isTile(Value value) {
  auto type = dyn_cast<tile::TileType>(value.getType());
  return type && (type.getSpace() == tile::Space::Scratch ||
                  type.getSpace() == tile::Space::Swizzled);
}

/// The tiles that `op` reads when it runs: a contraction's accumulator may be
/// computed as it is loaded, and reads what the map would have read; so do the
/// members of a group.
static SmallVector<Value> getTilesRead(Operation *op, const MapGroups &groups) {
  if (auto map = dyn_cast<tile::MapOp>(op))
    if (isFusedAccumulator(map))
      return {};
  const MapGroup *group = groups.lookup(op);
  if (group && group->isUnstored(group->producer)) {
    if (group->isUnstored(op))
      return {};
    tile::MapOp producer = group->producer;
    return llvm::to_vector(producer.getInputs());
  }
  SmallVector<Value> read;
  auto contract = dyn_cast<tile::ContractOp>(op);
  tile::MapOp map = contract ? getFusedAccumulator(contract) : tile::MapOp();
  for (Value operand : op->getOperands())
    if (isTile(operand) && !(map && operand == contract.getAcc()))
      read.push_back(operand);
  if (map)
    llvm::append_range(read, map.getInputs());
  return read;
}

/// Whether `op` may write its result over `operand` while it reads it: each
/// element depends on the operand's same element only.
static bool worksInPlace(Operation *op, Value operand) {
  if (auto contract = dyn_cast<tile::ContractOp>(op))
    return operand.getType() == contract.getResult().getType() &&
           operand != contract.getLhs() && operand != contract.getRhs();
  if (auto map = dyn_cast<tile::MapOp>(op))
    return operand.getType() == map.getResult().getType();
  // A yield reads before it writes, by the order of its copies.
  return isa<scf::YieldOp, scf::ForOp>(op);
}

namespace {
class Planner {
public:
  Planner(tile::KernelOp kernel, TileBytes getBytes, const MapGroups &groups,
          int64_t alignment)
      : kernel(kernel), groups(groups) {
    result.alignment = alignment;
    collect(getBytes);
    number(kernel.getBody().front());
    for (BitVector &set : live)
      set.resize(numPositions);
    markBlock(kernel.getBody().front(), {}, BitVector(values.size()));
    markStages();
  }

  ScratchPlan plan(ArrayRef<OperationRun> runs);

private:
  tile::KernelOp kernel;
  const MapGroups &groups;
  SmallVector<Value> values;
  DenseMap<Value, unsigned> ids;
  SmallVector<int64_t> sizes; ///< bytes, by class
  SmallVector<unsigned> parent;
  SmallVector<BitVector> live; ///< by class once joined
  DenseMap<Operation *, unsigned> begin, end;
  unsigned numPositions = 0;
  ScratchPlan result;
  /// What is to be copied, in classes.
  struct Move {
    unsigned from, to;
  };
  DenseMap<Operation *, SmallVector<Move>> moves;

  void collect(TileBytes getBytes);
  void number(Block &block);
  void mark(const BitVector &set, unsigned position);
  bool isUnstored(Operation *op) const {
    const MapGroup *group = groups.lookup(op);
    return group && group->isUnstored(op);
  }
  BitVector markBlock(Block &block, ValueRange joined, BitVector after);
  BitVector markLoop(scf::ForOp loop, BitVector after);
  void markStages();
  unsigned find(unsigned id) {
    while (parent[id] != id)
      id = parent[id] = parent[parent[id]];
    return id;
  }
  void join(Value a, Value b);
  void coalesce();
  void extend(Operation *front, Operation *back);
  void findLocals(ArrayRef<Operation *> run);
  void addMoves(Operation *at, ValueRange from, ValueRange to);
  void place();
};
} // namespace

void Planner::collect(TileBytes getBytes) {
  auto add = [&](Value value) {
    if (!isTile(value))
      return;
    ids[value] = values.size();
    parent.push_back(values.size());
    values.push_back(value);
    live.emplace_back();
    auto load = value.getDefiningOp<tile::LoadOp>();
    sizes.push_back(
        (load ? load.getStages() : 1) *
        llvm::alignTo(getBytes(cast<tile::TileType>(value.getType())),
                      result.alignment));
  };
  kernel.walk<WalkOrder::PreOrder>([&](Operation *op) {
    for (Value value : op->getResults())
      add(value);
    if (auto loop = dyn_cast<scf::ForOp>(op))
      for (Value value : loop.getRegionIterArgs())
        add(value);
  });
}

/// Two positions where an operation begins, and two where its regions are left.
void Planner::number(Block &block) {
  for (Operation &op : block) {
    begin[&op] = numPositions;
    numPositions += 2;
    if (isa<scf::ForOp, scf::IfOp>(op))
      for (Region &region : op.getRegions())
        if (!region.empty())
          number(region.front());
    end[&op] = numPositions;
    numPositions += 2;
  }
}

void Planner::mark(const BitVector &set, unsigned position) {
  for (unsigned id : set.set_bits())
    live[id].set(position);
}

/// The tiles that `values` has, as a set.
static void setAll(BitVector &set, ValueRange values,
                   const DenseMap<Value, unsigned> &ids, bool value) {
  for (Value v : values)
    if (isTile(v)) {
      if (value)
        set.set(ids.lookup(v));
      else
        set.reset(ids.lookup(v));
    }
}

/// Walks a block backwards from the tiles that live `after` it, and returns
/// those that live before it. Its terminator writes `joined`.
BitVector Planner::markBlock(Block &block, ValueRange joined, BitVector after) {
  BitVector set = std::move(after);
  for (Operation &op : llvm::reverse(block)) {
    if (auto loop = dyn_cast<scf::ForOp>(&op)) {
      set = markLoop(loop, std::move(set));
      continue;
    }
    if (auto map = dyn_cast<tile::MapOp>(&op))
      if (isFusedAccumulator(map) || isUnstored(map))
        continue; // it is nowhere
    ValueRange written = op.hasTrait<OpTrait::IsTerminator>()
                             ? joined
                             : ValueRange(op.getResults());
    setAll(set, written, ids, true);
    if (auto branch = dyn_cast<scf::IfOp>(&op)) {
      mark(set, end[&op]);
      mark(set, end[&op] + 1);
      BitVector before = set;
      setAll(before, op.getResults(), ids, false);
      BitVector either =
          branch.getElseRegion().empty() ? before : BitVector(values.size());
      for (Region &region : op.getRegions())
        if (!region.empty())
          either |= markBlock(region.front(), op.getResults(), before);
      set = either;
      mark(set, begin[&op]);
      mark(set, begin[&op] + 1);
      continue;
    }
    mark(set, begin[&op] + 1);
    setAll(set, written, ids, false);
    for (Value operand : getTilesRead(&op, groups)) {
      set.set(ids.lookup(operand));
      if (!worksInPlace(&op, operand))
        live[ids.lookup(operand)].set(begin[&op] + 1);
    }
    mark(set, begin[&op]);
  }
  return set;
}

BitVector Planner::markLoop(scf::ForOp loop, BitVector after) {
  BitVector set = std::move(after);
  setAll(set, loop.getResults(), ids, true);
  mark(set, end[loop]);
  mark(set, end[loop] + 1);
  setAll(set, loop.getResults(), ids, false);
  // What the body reads from outside lives through every iteration.
  loop.getBody()->walk([&](Operation *op) {
    for (Value operand : getTilesRead(op, groups))
      if (!loop.getRegion().isAncestor(operand.getParentRegion()))
        set.set(ids.lookup(operand));
  });
  BitVector before = markBlock(*loop.getBody(), loop.getRegionIterArgs(), set);
  setAll(before, loop.getRegionIterArgs(), ids, true);
  mark(before, begin[loop] + 1);
  setAll(set, loop.getInitArgs(), ids, true);
  mark(set, begin[loop]);
  return set;
}

/// A load with several places uses them from before its loop to its end. What
/// another role loads may come whenever its place is free of its own.
void Planner::markStages() {
  kernel.walk([&](tile::LoadOp load) {
    if (!isTile(load.getResult()))
      return;
    BitVector &set = live[ids.lookup(load.getResult())];
    if (load.getResult().getType().getSpace() == tile::Space::Swizzled)
      set.set();
    else if (load.getStages() > 1)
      set.set(begin[load->getParentOp()], end[load->getParentOp()] + 2);
  });
}

/// Makes two tiles one buffer if they are never needed at the same time.
void Planner::join(Value a, Value b) {
  if (!isTile(a) || !isTile(b))
    return;
  unsigned x = find(ids.lookup(a)), y = find(ids.lookup(b));
  if (x == y || live[x].anyCommon(live[y]))
    return;
  parent[y] = x;
  live[x] |= live[y];
  sizes[x] = std::max(sizes[x], sizes[y]);
}

/// Joins what is written where it was read, innermost first.
void Planner::coalesce() {
  // A loop's result is what it carries.
  kernel.walk([&](scf::ForOp loop) {
    for (auto [argument, value] :
         llvm::zip(loop.getRegionIterArgs(), loop.getResults()))
      join(argument, value);
  });
  kernel.walk([&](Operation *op) {
    if (auto contract = dyn_cast<tile::ContractOp>(op)) {
      for (Value operand : getTilesRead(op, groups))
        if (worksInPlace(op, operand))
          join(contract.getResult(), operand);
    } else if (auto map = dyn_cast<tile::MapOp>(op)) {
      if (map.getAcc())
        join(map.getResult(), map.getAcc());
    } else if (auto yield = dyn_cast<scf::YieldOp>(op)) {
      Operation *parentOp = yield->getParentOp();
      for (auto [from, to] :
           llvm::zip(yield.getOperands(), parentOp->getResults()))
        join(to, from);
    }
  });
  kernel.walk([&](scf::ForOp loop) {
    for (auto [init, argument] :
         llvm::zip(loop.getInitArgs(), loop.getRegionIterArgs()))
      join(argument, init);
  });
  kernel.walk([&](tile::MapOp map) {
    for (Value input : map.getInputs())
      if (worksInPlace(map, input))
        join(map.getResult(), input);
  });
}

/// Records the copies that remain at a join. One that reads what another one
/// writes goes through a buffer of its own.
void Planner::addMoves(Operation *at, ValueRange from, ValueRange to) {
  SmallVector<Move> &list = moves[at];
  for (auto [source, target] : llvm::zip(from, to)) {
    if (!isTile(source))
      continue;
    Move move{find(ids.lookup(source)), find(ids.lookup(target))};
    if (move.from != move.to)
      list.push_back(move);
  }
  SmallVector<Move> first;
  for (Move &move : list) {
    bool isOverwritten = llvm::any_of(
        list, [&](const Move &other) { return other.to == move.from; });
    if (!isOverwritten)
      continue;
    unsigned buffer = parent.size();
    parent.push_back(buffer);
    sizes.push_back(sizes[move.from]);
    live.emplace_back(numPositions);
    live[buffer].set(begin[at], begin[at] + 2);
    first.push_back({move.from, buffer});
    move.from = buffer;
  }
  // The copies are made one after the other: no target may lie where another
  // one's source does.
  for (Move &move : list)
    live[move.from].set(begin[at] + 1);
  list.insert(list.begin(), first.begin(), first.end());
}

/// First fit, the largest first.
void Planner::place() {
  SmallVector<unsigned> order;
  for (unsigned id = 0; id != parent.size(); ++id)
    if (find(id) == id && live[id].any())
      order.push_back(id);
  llvm::sort(order, [&](unsigned a, unsigned b) {
    return std::pair(-sizes[a], a) < std::pair(-sizes[b], b);
  });
  SmallVector<int64_t> offsets(parent.size());
  SmallVector<unsigned> placed;
  for (unsigned id : order) {
    SmallVector<std::pair<int64_t, int64_t>> taken;
    for (unsigned other : placed)
      if (live[other].anyCommon(live[id]))
        taken.push_back({offsets[other], offsets[other] + sizes[other]});
    llvm::sort(taken);
    int64_t offset = 0;
    for (auto [first, last] : taken) {
      if (offset + sizes[id] <= first)
        break;
      offset = std::max(offset, last);
    }
    offsets[id] = offset;
    placed.push_back(id);
    result.bytes = std::max(result.bytes, offset + sizes[id]);
  }
  for (auto [id, value] : llvm::enumerate(values))
    result.offsets[value] = offsets[find(id)];
  for (auto &[op, list] : moves)
    for (Move move : list)
      result.copies[op].push_back({offsets[move.from], offsets[move.to],
                                   std::min(sizes[move.from], sizes[move.to])});
}

/// What is needed somewhere from one operation to another is needed all along.
void Planner::extend(Operation *front, Operation *back) {
  unsigned first = begin[front], last = begin[back] + 2;
  for (unsigned id = 0; id != parent.size(); ++id) {
    int next = live[id].find_first_in(first, last);
    if (find(id) == id && next >= 0)
      live[id].set(first, last);
  }
}

/// The tiles in whose place nothing lies that is made or read outside of `run`.
void Planner::findLocals(ArrayRef<Operation *> run) {
  DenseSet<unsigned> shared;
  for (Value value : values) {
    bool isLocal = llvm::is_contained(run, value.getDefiningOp()) &&
                   llvm::all_of(value.getUsers(), [&](Operation *user) {
                     return llvm::is_contained(run, user);
                   });
    if (!isLocal)
      shared.insert(find(ids.lookup(value)));
  }
  for (Operation *op : run)
    for (Value value : op->getResults())
      if (isTile(value) && !shared.contains(find(ids.lookup(value))))
        result.locals.insert(value);
}

ScratchPlan Planner::plan(ArrayRef<OperationRun> runs) {
  coalesce();
  // Where the producer's tile is stored, too, nothing else says that all of a
  // group is computed at once.
  for (const MapGroup &group : groups.getGroups())
    if (!group.isUnstored(group.producer))
      extend(group.producer, group.last);
  for (const OperationRun &run : runs) {
    extend(run.front(), run.back());
    findLocals(run);
  }
  kernel.walk([&](Operation *op) {
    if (auto loop = dyn_cast<scf::ForOp>(op))
      addMoves(op, loop.getInitArgs(), loop.getRegionIterArgs());
    else if (auto yield = dyn_cast<scf::YieldOp>(op))
      addMoves(op, yield.getOperands(), yield->getParentOp()->getResults());
  });
  place();
  return std::move(result);
}

ScratchPlan attn::planScratch(tile::KernelOp kernel, TileBytes getBytes,
                              const MapGroups &groups, int64_t alignment,
                              ArrayRef<OperationRun> runs) {
  return Planner(kernel, getBytes, groups, alignment).plan(runs);
}

//===- EinsumCounter.cpp - The operations and bytes of one Einsum ---------===//

#include "lib/Analysis/EinsumCounter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;

/// The loops around both, from the inside: their marks, unless `dims` has the
/// streamed rank.
static void addLoopMarks(const CascadeGraph &graph,
                         std::optional<unsigned> loop,
                         llvm::function_ref<bool(StringAttr)> hasRank,
                         Dependences &to) {
  for (; loop; loop = graph.getLoops()[*loop].parent) {
    const GraphLoop &around = graph.getLoops()[*loop];
    if (!around.isStream)
      to.insert(around.rank);
    else if (!hasRank(around.rank))
      to.insert(CascadeCounts::getChunkSymbol(around.rank));
  }
}

/// The innermost loop around both.
static std::optional<unsigned> getCommonLoop(const CascadeGraph &graph,
                                             std::optional<unsigned> a,
                                             std::optional<unsigned> b) {
  llvm::SmallDenseSet<unsigned> around;
  for (; a; a = graph.getLoops()[*a].parent)
    around.insert(*a);
  while (b && !around.contains(*b))
    b = graph.getLoops()[*b].parent;
  return b;
}

unsigned EinsumCounter::getTensor(ReadOp read) {
  auto argument = cast<BlockArgument>(read.getTensor());
  return *graph.lookupTensor(einsum.getInputs()[argument.getArgNumber()]);
}

/// Adds the iterations and chunks that make another `tensor` each time.
void EinsumCounter::addLoops(unsigned tensor, Dependences &to) {
  const GraphTensor &read = graph.getTensors()[tensor];
  if (!read.node)
    return;
  auto type = cast<attn::TensorType>(read.value.getType());
  addLoopMarks(
      graph,
      getCommonLoop(graph, graph.getNodes()[*read.node].loop, node->loop),
      [&](StringAttr rank) { return type.getRankPosition(rank) >= 0; }, to);
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

StringAttr EinsumCounter::getPointSymbol(PointSet set) {
  auto known = llvm::find_if(counts.pointSets, [&](const PointSet &other) {
    return other.vars == set.vars && other.conditions == set.conditions;
  });
  unsigned number = known - counts.pointSets.begin();
  if (number == counts.pointSets.size())
    counts.pointSets.push_back(std::move(set));
  return StringAttr::get(names.getContext(), "#" + std::to_string(number));
}

/// The coordinates of all of `dependences` that the conditions leave.
Polynomial EinsumCounter::getPoints(const Dependences &dependences) {
  // Variables that no condition joins count apart.
  llvm::EquivalenceClasses<StringAttr> joined;
  SmallVector<const PointCondition *> holding;
  for (const PointCondition &known : conditions) {
    if (known.vars.empty() || !llvm::all_of(known.vars, [&](StringAttr var) {
          return dependences.contains(var);
        }))
      continue;
    holding.push_back(&known);
    for (StringAttr var : known.vars)
      joined.unionSets(known.vars.front(), var);
  }
  Polynomial points(1);
  for (StringAttr name : dependences) {
    auto it = joined.findLeader(name);
    if (it != joined.member_end() && *it != name)
      continue; // Its leader counts it.
    if (it == joined.member_end()) {
      StringRef text = name.getValue();
      if (!text.consume_front("chunks(")) {
        points = points * counts.getExtent(name);
        continue;
      }
      auto rank = StringAttr::get(name.getContext(), text.drop_back());
      if (!dependences.contains(rank))
        points = points * Polynomial(name);
      continue;
    }
    PointSet set;
    for (StringAttr var : names.getVars()) // In one order, to be found again.
      if (dependences.contains(var) && joined.findLeader(var) == it)
        set.vars.push_back(var);
    for (const PointCondition *known : holding)
      if (joined.findLeader(known->vars.front()) == it)
        set.conditions.push_back(known->condition);
    points = points * Polynomial(getPointSymbol(std::move(set)));
  }
  return points;
}

void EinsumCounter::add(StringRef operation, const Dependences &at) {
  result->operations[operation] += getPoints(at);
}

/// The kind of an operation as OperationCounts has it; empty where it costs
/// nothing.
static StringRef getKind(Operation &op) {
  using namespace arith;
  return llvm::TypeSwitch<Operation *, StringRef>(&op)
      .Case<AddFOp, SubFOp, AddIOp, SubIOp, NegFOp>([](auto) { return "add"; })
      .Case<MulFOp, MulIOp>([](auto) { return "mul"; })
      .Case<MaximumFOp, MinimumFOp, MaxSIOp, MinSIOp>(
          [](auto) { return "max"; })
      .Case<DivOp, FloorDivSIOp, CeilDivSIOp>([](auto) { return "div"; })
      .Case<CmpFOp, CmpIOp>([](auto) { return "compare"; })
      .Case<AndIOp, OrIOp, XOrIOp>([](auto) { return "logic"; })
      .Case([](SelectOp) { return "select"; })
      .Case([](SigmoidOp) { return "sigmoid"; })
      .Case([](CastOp cast) { return cast.getImplicit() ? "" : "convert"; })
      .Case<math::AbsFOp, math::AbsIOp>([](auto) { return "abs"; })
      .Case([](math::RoundEvenOp) { return "round"; })
      .Case([](math::PowFOp) { return "pow"; })
      .Default([](Operation *op) {
        StringRef name = op->getName().getStringRef();
        return name.consume_front("math.") ? name : StringRef();
      });
}

/// Counts what `value` is computed from; reads end it.
void EinsumCounter::addOperations(Value value,
                                  llvm::DenseSet<Operation *> &seen) {
  SmallVector<Value> worklist{value};
  while (!worklist.empty()) {
    Operation *op = worklist.pop_back_val().getDefiningOp();
    if (!op || isa<ReadOp>(op) || !seen.insert(op).second)
      continue;
    worklist.append(op->operand_begin(), op->operand_end());
    // What depends on no coordinate is computed once a call.
    const Dependences &on = dependences[op->getResult(0)];
    StringRef kind = getKind(*op);
    if (!kind.empty() && !on.empty())
      add(kind, on);
  }
}

void EinsumCounter::collectFactors(Value value,
                                   SmallVectorImpl<Value> &factors) {
  SmallVector<Value> worklist{value};
  while (!worklist.empty()) {
    Value factor = worklist.pop_back_val();
    Operation *op = factor.getDefiningOp();
    if (isa_and_nonnull<arith::MulFOp, arith::MulIOp>(op))
      worklist.append({op->getOperand(1), op->getOperand(0)});
    else
      factors.push_back(factor);
  }
}

/// `dependences` after a reduction over `reduced`.
Dependences EinsumCounter::leave(const Dependences &reduced,
                                 Dependences dependences) {
  for (StringAttr var : reduced)
    dependences.remove(var);
  for (std::optional<unsigned> loop = node->loop; loop;
       loop = graph.getLoops()[*loop].parent) {
    const GraphLoop &around = graph.getLoops()[*loop];
    if (around.isStream && reduced.contains(around.rank))
      dependences.insert(CascadeCounts::getChunkSymbol(around.rank));
  }
  return dependences;
}

/// The bits of the narrowest element among `factors`, arithmetic's at most.
static unsigned getNarrowest(ArrayRef<Value> factors) {
  unsigned bits = std::numeric_limits<unsigned>::max();
  for (Value factor : factors) {
    Type type = factor.getType();
    if (auto read = factor.getDefiningOp<ReadOp>())
      type = read.getTensor().getType().getElementType();
    if (type.isIntOrFloat())
      bits = std::min(bits, type.getIntOrFloatBitWidth());
  }
  return bits;
}

/// Counts the sum of the Einsum's product over `reduced`; returns what the sum
/// depends on.
Dependences EinsumCounter::sumProduct(const Dependences &reduced) {
  llvm::DenseSet<Operation *> seen;
  SmallVector<Value> factors;
  collectFactors(einsum.getValue(), factors);
  SmallVector<Dependences> inside;
  Dependences outside;
  unsigned numOutside = 0;
  for (Value factor : factors) {
    addOperations(factor, seen);
    const Dependences &on = dependences[factor];
    if (llvm::any_of(on, [&](StringAttr var) { return reduced.contains(var); }))
      inside.push_back(on);
    else {
      ++numOutside;
      outside.insert(on.begin(), on.end());
    }
  }
  // Products of factors that have few variables come first, but the last
  // product is added to the sum as it is made.
  auto getUnion = [](Dependences a, const Dependences &b) {
    a.insert(b.begin(), b.end());
    return a;
  };
  while (inside.size() > 2) {
    std::pair<unsigned, unsigned> best{0, 1};
    unsigned fewest = std::numeric_limits<unsigned>::max();
    for (unsigned i = 0; i < inside.size(); ++i)
      for (unsigned j = i + 1; j < inside.size(); ++j)
        if (unsigned size = getUnion(inside[i], inside[j]).size();
            size < fewest) {
          fewest = size;
          best = {i, j};
        }
    inside[best.first] = getUnion(inside[best.first], inside[best.second]);
    add("mul", inside[best.first]);
    inside.erase(inside.begin() + best.second);
  }
  Dependences all = reduced;
  for (const Dependences &on : inside)
    all.insert(on.begin(), on.end());
  add(inside.size() == 2 ? "mac" : "add", all);
  if (inside.size() == 2)
    result->macBits = getNarrowest(factors);
  Dependences left = leave(reduced, all);
  left.insert(outside.begin(), outside.end());
  for (unsigned i = 0; i < numOutside; ++i)
    add("mul", left);
  return left;
}

static StringRef getKind(ReducerKind reducer) {
  switch (reducer) {
  case ReducerKind::Add:
    return "add";
  case ReducerKind::Mul:
    return "mul";
  case ReducerKind::And:
  case ReducerKind::Or:
    return "logic";
  default:
    return "max";
  }
}

/// Counts the expression and its reductions, the innermost first.
void EinsumCounter::addReductions(EinsumOp einsum) {
  auto reducers =
      llvm::to_vector(einsum.getReducers().getAsRange<ReduceAttr>());
  bool isInnermost = true;
  Dependences left = dependences[einsum.getValue()];
  while (!reducers.empty()) {
    ReducerName name = reducers.back().getReducer();
    Dependences reduced;
    while (!reducers.empty() && reducers.back().getReducer() == name)
      reduced.insert(reducers.pop_back_val().getVar());
    if (isInnermost && name == ReducerKind::Add) {
      left = sumProduct(reduced);
    } else {
      if (isInnermost) {
        llvm::DenseSet<Operation *> seen;
        addOperations(einsum.getValue(), seen);
      }
      left.insert(reduced.begin(), reduced.end());
      if (ReducerOp definition = lookupReducer(name, einsum)) {
        for (Operation &op : definition.getBody().front().without_terminator())
          if (StringRef kind = getKind(op); !kind.empty())
            add(kind, left);
      } else {
        add(getKind(name.kind), left);
      }
      left = leave(reduced, left);
    }
    isInnermost = false;
  }
  if (isInnermost) {
    llvm::DenseSet<Operation *> seen;
    addOperations(einsum.getValue(), seen);
  }
}

//===----------------------------------------------------------------------===//
// Bytes
//===----------------------------------------------------------------------===//

/// The bytes of all that `tensor` is in the course of `loops`.
Polynomial EinsumCounter::getTraffic(unsigned tensor,
                                     const Dependences &loops) {
  Polynomial bytes = counts.getBytes(
      cast<attn::TensorType>(graph.getTensors()[tensor].value.getType()));
  for (StringAttr mark : loops)
    bytes = bytes * (mark.getValue().starts_with("chunks(")
                         ? Polynomial(mark)
                         : counts.getExtent(mark));
  return bytes;
}

void EinsumCounter::addReads(const GraphNode &node) {
  llvm::SmallDenseSet<unsigned> seen;
  for (const GraphAccess &access : node.accesses) {
    if (!seen.insert(access.tensor).second)
      continue;
    if (std::optional<Polynomial> gathered = counts.getGatheredBytes(access)) {
      result->bytesRead += *gathered;
      continue;
    }
    Dependences loops;
    addLoops(access.tensor, loops);
    result->bytesRead += getTraffic(access.tensor, loops);
  }
}

void EinsumCounter::addWrite(const GraphNode &node, const GraphTensor &made) {
  auto type = cast<attn::TensorType>(made.value.getType());
  Dependences loops;
  addLoopMarks(
      graph, node.loop,
      [&](StringAttr rank) { return type.getRankPosition(rank) >= 0; }, loops);
  result->bytesWritten += getTraffic(&made - graph.getTensors().data(), loops);
}

void EinsumCounter::count(unsigned id) {
  node = &graph.getNodes()[id];
  EinsumCounts einsumCounts{node->op, node->name, {}, 0, {}, {}};
  result = &einsumCounts;
  einsum = dyn_cast<EinsumOp>(node->op);
  if (einsum) {
    readRegion(einsum);
    addReductions(einsum);
  } else {
    // At least: of a topk each value is compared, of a join the heads of both
    // lists for each entry that is taken.
    Dependences all(node->vars.begin(), node->vars.end());
    if (auto topk = dyn_cast<TopKOp>(node->op))
      all.remove(topk.getToAttr());
    conditions.clear();
    add("compare", all);
  }
  addReads(*node);
  for (auto [tensor, made] : llvm::enumerate(graph.getTensors())) {
    if (made.node != id || made.value.getDefiningOp() != node->op)
      continue;
    addWrite(*node, made);
    if (!einsum)
      continue;
    for (const PointCondition &known : conditions)
      if (llvm::none_of(known.vars, [&](StringAttr var) {
            return einsum.getReducer(var).has_value();
          }))
        presence[tensor].push_back(known);
  }
  // What a loop collects is present where its body's result is.
  for (auto [tensor, made] : llvm::enumerate(graph.getTensors()))
    if (einsum && made.node == id && made.value.getDefiningOp() != node->op)
      presence[tensor] = presence[*graph.lookupTensor(einsum.getResult())];
  counts.einsums.push_back(std::move(einsumCounts));
}

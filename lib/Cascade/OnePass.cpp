//===- OnePass.cpp - Reductions over a loop rank become streams -----------===//
//
// In each nest, what reduces a loop rank is brought to reduction normal form
// (ImportExpr), handed to the derivation, and written back as one attn.stream
// for each traversal that it finds (EmitExpr). Nothing here knows what the
// Einsums compute.
//
// Not everything is algebra. An Einsum that contracts other ranks stays as it
// is, and is computed again for each chunk. One that contracts what depends on
// a reduction over the same rank has to wait until that is finished: it divides
// the reductions into *segments*, which are derived one after the other.
//
//===----------------------------------------------------------------------===//

#include "lib/Cascade/Derivation.h"
#include "lib/Cascade/EmitExpr.h"
#include "lib/Cascade/ImportExpr.h"
#include "lib/Cascade/LoopRank.h"
#include "lib/Cascade/Passes.h"
#include "llvm/ADT/StringExtras.h"

namespace attn {
#define GEN_PASS_DEF_ONEPASS
#include "lib/Cascade/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// The Einsums of a block
//===----------------------------------------------------------------------===//

namespace {

/// What becomes of an op, seen from the rank that is streamed.
enum class Role {
  /// Depends on no reduction over the rank: computed where it is needed.
  Independent,
  /// A map over reductions of the rank: part of the algebra.
  Map,
  /// A reduction over the rank, part of the algebra.
  Reduction,
  /// A reduction over the rank that the algebra cannot say: it is reduced as
  /// it stands, once what it depends on is finished.
  Plain,
  /// Any other op that depends on a reduction over the rank.
  Late,
};

struct Member {
  Operation *op;
  Role role = Role::Independent;
  /// Of Map, Reduction and Plain: the segment that computes it.
  unsigned segment = 0;
  /// The first segment whose traversals may use its value.
  unsigned ready = 0;
  ImportedEinsum imported;
  /// Of a Reduction and a Plain: the leaf of what is accumulated. Of a
  /// Reduction: its body.
  Expr leaf, body;
  bool isReached = false;
  /// Of Map and Reduction: its tensor is needed.
  bool isOutput = false;
  /// Of a Reduction: a later segment needs the leaf.
  bool isLeafNeeded = false;

  EinsumOp einsum() const { return cast<EinsumOp>(op); }
  bool isEnd() const { return role != Role::Independent; }
  /// The first segment at whose start its tensor exists.
  unsigned getFinished() const {
    return role == Role::Map || role == Role::Reduction ? segment + 1 : ready;
  }
};

using Groups = SmallVector<SmallVector<StringAttr, 1>>;

/// A state of a stream.
struct State {
  /// `RM`; the argument is `rm`, the next state `RM1`.
  std::string name;
  ReducerKind reducer;
  double init;
  attn::TensorType type;
  Groups groups;
  /// Leaves for the value before and after an update.
  Expr previous, leaf;
  /// The contribution of a chunk, and what it and the old state become.
  std::optional<EinsumJob> local;
  EinsumOp plain;
  /// The old state moved to the new values of the states before it; null where
  /// it stays what it is.
  Expr corrected;
};

/// Streams one rank in one block.
class StreamFormer {
public:
  StreamFormer(CascadeOp cascade, Block &block, StringAttr rank,
               Type floatType, bool derives)
      : cascade(cascade), block(block), rank(rank), derives(derives),
        importer(context, cascade), emitter(importer, cascade),
        builder(block.getTerminator()) {
    emitter.setFloatType(floatType);
    streamed.set(importer.getRank(rank));
  }
  void run();

private:
  void classify();
  void classify(Member &member, EinsumOp einsum);
  void importReduction(Member &member, EinsumOp einsum);
  Expr splitInvariant(Expr body, const RankSet &reduced, Expr &factor);
  void markNeeded();
  void emitSegment(unsigned segment);
  void emitStream(std::vector<State> states, ArrayRef<EinsumJob> collected);
  void nameCorrections(ArrayRef<State> states, const ExprMap &side,
                       StringRef suffix);
  void emitMerge(StreamOp stream, ArrayRef<State> states);
  State makeState(const Accumulator &accumulator, const Member &member);
  State makeState(const Member &member);
  void finish(ArrayRef<EinsumJob> jobs, ArrayRef<Member *> members);
  EinsumJob makeOutput(Member &member, Expr value);
  std::optional<NormalForm> splitTerms(const NormalForm &form, unsigned index);
  Derivation deriveBest(NormalForm &form, SmallVector<Member *> &owners);
  std::string describeTraversal(ArrayRef<Expr> roots);
  void explainSegments();
  void explain(const Derivation &derivation, ArrayRef<Member *> reductions,
               ArrayRef<Member *> outputs);
  void cleanUp();

  Member *lookup(Value value) {
    Operation *op = value.getDefiningOp();
    auto it = numberOf.find(op);
    return op && it != numberOf.end() ? &members[it->second] : nullptr;
  }
  SmallVector<Value> getReads(Operation *op);
  bool walksRank(Operation *op);
  void provide(ArrayRef<Value> values, OpBuilder *inside, OpBuilder &outside);
  void provide(ArrayRef<EinsumJob> jobs, OpBuilder *inside,
               OpBuilder &outside);

  CascadeOp cascade;
  Block &block;
  StringAttr rank;
  bool derives;
  ExprContext context;
  ExprImporter importer;
  EinsumEmitter emitter;
  OpBuilder builder;
  RankSet streamed;
  std::vector<Member> members;
  llvm::DenseMap<Operation *, unsigned> numberOf;
  /// Copies that exist only in the step at hand.
  SmallVector<Value> stepCopies;
};

} // namespace

static ExprReducer getExprReducer(ReducerKind kind) {
  switch (kind) {
  case ReducerKind::Add:
    return ExprReducer::Add;
  case ReducerKind::Mul:
    return ExprReducer::Mul;
  case ReducerKind::Max:
    return ExprReducer::Max;
  case ReducerKind::Min:
    return ExprReducer::Min;
  case ReducerKind::And:
    return ExprReducer::And;
  case ReducerKind::Or:
    return ExprReducer::Or;
  case ReducerKind::ArgMax:
    return ExprReducer::ArgMax;
  }
  llvm_unreachable("unknown reducer");
}

static ReducerKind getReducerKind(ExprReducer reducer) {
  std::optional<ReducerKind> kind =
      symbolizeReducerKind(getReducer(reducer).name);
  assert(kind && "an accumulator has a reducer of the dialect");
  return *kind;
}

static ReducerKind getReducerKind(EinsumOp einsum) {
  return cast<ReduceAttr>(einsum.getReducers()[0]).getKind();
}

static SmallVector<StringAttr> getReduced(EinsumOp einsum) {
  SmallVector<StringAttr> vars;
  for (auto reducer : einsum.getReducers().getAsRange<ReduceAttr>())
    vars.push_back(reducer.getVar());
  return vars;
}

static Groups getGroups(EinsumOp einsum) {
  Groups groups;
  for (auto group : einsum.getOut().getAsRange<ArrayAttr>())
    groups.emplace_back(group.getAsRange<StringAttr>());
  return groups;
}

static ArrayAttr getArrayAttr(Builder &builder, const Groups &groups) {
  SmallVector<Attribute> attrs;
  for (const auto &group : groups)
    attrs.push_back(builder.getArrayAttr(
        SmallVector<Attribute>(group.begin(), group.end())));
  return builder.getArrayAttr(attrs);
}

static Groups getGroups(ArrayRef<StringAttr> vars) {
  Groups groups;
  for (StringAttr var : vars)
    groups.push_back({var});
  return groups;
}

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

/// What `op` reads that it does not make itself.
SmallVector<Value> StreamFormer::getReads(Operation *op) {
  llvm::SmallSetVector<Value, 4> reads(op->operand_begin(), op->operand_end());
  op->walk([&](Operation *inner) {
    for (Value operand : inner->getOperands())
      if (!op->isAncestor(operand.getParentBlock()->getParentOp()))
        reads.insert(operand);
  });
  return reads.takeVector();
}

/// Whether what `op` makes varies along the rank.
bool StreamFormer::walksRank(Operation *op) {
  if (auto einsum = dyn_cast<EinsumOp>(op))
    return llvm::is_contained(einsum.getOutVars(), rank);
  return llvm::any_of(op->getResultTypes(), [&](Type type) {
    return cast<attn::TensorType>(type).getRankPosition(rank) >= 0;
  });
}

/// Takes out of a sum's body what does not vary along the reduction: the state
/// is then the plain sum, and the factor is applied once, at the end. What
/// might be infinite stays: over no points, the sum is 0 whatever it is.
Expr StreamFormer::splitInvariant(Expr body, const RankSet &reduced,
                                  Expr &factor) {
  auto isScalar = [&](Expr leaf) {
    const LeafSource *source = importer.lookup(leaf);
    return source && llvm::none_of(source->inputs, [](Value input) {
      return isa<attn::TensorType>(input.getType());
    });
  };
  auto isAlwaysPresent = [&](Expr leaf) {
    const LeafSource *source = importer.lookup(leaf);
    return source && source->conditions.empty();
  };
  SmallVector<Expr> staying, leaving;
  for (Expr part : getFactors(body)) {
    bool isDivisor = part.is(ExprKind::Pow) && part.value() < 0;
    bool leaves = (part.ranks() & reduced).none() && !part.hasAccumulator() &&
                  !part.is(ExprKind::Exp) &&
                  (isDivisor ? llvm::all_of(getLeaves(part), isAlwaysPresent)
                             : llvm::all_of(getLeaves(part), isScalar));
    (leaves ? leaving : staying).push_back(part);
  }
  if (leaving.empty() || staying.empty())
    return body;
  factor = context.mul(leaving);
  return context.mul(staying);
}

void StreamFormer::importReduction(Member &member, EinsumOp einsum) {
  ReducerKind kind = getReducerKind(einsum);
  SmallVector<StringAttr> vars = getReduced(einsum);
  RankSet reduced = emitter.getRanks(vars);
  member.body = member.imported.value;
  Expr factor;
  if (kind == ReducerKind::Add)
    member.body = splitInvariant(member.body, reduced, factor);
  LeafInfo info;
  RankSet ranks = emitter.getRanks(einsum.getOutVars());
  member.leaf = context.freshLeaf(einsum.getName().value_or("R"), ranks,
                                  /*accumulator=*/true);
  Expr value = factor ? factor * member.leaf : member.leaf;
  Type stored = einsum.getResult().getType().getElementType();
  if (stored.isF16() || stored.isBF16()) {
    std::string name;
    llvm::raw_string_ostream(name) << stored;
    value = context.cast(name, value);
  }
  importer.define(einsum.getResult(), value, /*varies=*/true);
}

void StreamFormer::classify(Member &member, EinsumOp einsum) {
  bool depends = false;
  unsigned finished = 0;
  for (Value value : getReads(einsum)) {
    Member *producer = lookup(value);
    if (!producer || producer->role == Role::Independent)
      continue;
    depends = true;
    member.segment = std::max(member.segment, producer->ready);
    finished = std::max(finished, producer->getFinished());
  }
  member.imported = importer.import(einsum);
  ImportedEinsum &imported = member.imported;
  importer.setPresence(einsum.getResult(),
                       imported.resultConditions.getArrayRef());
  bool moves = llvm::any_of(imported.conditions, [](Expr condition) {
    return condition.hasAccumulator();
  });

  bool isAlgebra = derives && imported.value && !moves;
  bool isReal = isa<FloatType>(einsum.getValue().getType());
  bool isReduction = einsum.getReducer(rank).has_value();
  if (isReduction && getReducerKind(einsum) == ReducerKind::ArgMax) {
    einsum.emitRemark() << "argmax along `" << rank.getValue()
                        << "` cannot be streamed yet; it stays as it is";
  } else if (isReduction) {
    ReducerKind kind = getReducerKind(einsum);
    member.ready = member.segment;
    if (isAlgebra) {
      member.role = Role::Reduction;
      return importReduction(member, einsum);
    }
    member.role = Role::Plain;
    member.segment = finished;
    member.ready = finished + 1;
    return;
  }
  member.segment = isReduction ? 0 : member.segment;
  // A filter that takes whole fibers stays where it is written: in a reduction
  // it would take coordinates of the result.
  bool isKept = !depends && walksRank(einsum) &&
                llvm::any_of(imported.conditions, [&](Expr condition) {
                  return (condition.ranks() & streamed).none();
                });
  if (einsum.getReducers().empty() && isAlgebra && isReal && !isKept) {
    member.role = depends ? Role::Map : Role::Independent;
    member.ready = member.segment;
    importer.define(einsum.getResult(), imported.value, /*varies=*/depends);
    if (std::optional<StringRef> name = einsum.getName())
      emitter.setName(imported.value, *name);
    return;
  }
  if (!depends)
    return;
  member.role = Role::Late;
  member.ready = finished;
}

void StreamFormer::classify() {
  for (Operation &op : block.without_terminator()) {
    numberOf[&op] = members.size();
    members.push_back({&op});
    Member &member = members.back();
    if (auto einsum = dyn_cast<EinsumOp>(op)) {
      classify(member, einsum);
      continue;
    }
    for (Value value : getReads(&op)) {
      Member *producer = lookup(value);
      if (!producer || producer->role == Role::Independent)
        continue;
      member.role = Role::Late;
      member.ready = std::max(member.ready, producer->getFinished());
    }
  }
}

/// Works back from what the block yields.
void StreamFormer::markNeeded() {
  SmallVector<Member *> worklist;
  auto reach = [&](Member *member) {
    if (member && !std::exchange(member->isReached, true))
      worklist.push_back(member);
  };
  auto reachTensor = [&](Value value) {
    Member *member = lookup(value);
    if (!member)
      return;
    if (member->role == Role::Reduction)
      member->isOutput = true;
    reach(member);
  };
  llvm::DenseMap<Expr, Member *> memberOf;
  for (Member &member : members)
    if (member.leaf)
      memberOf[member.leaf] = &member;
  auto reachExpr = [&](Expr root, unsigned segment) {
    for (Expr leaf : getLeaves(root)) {
      if (Member *reduction = memberOf.lookup(leaf)) {
        reduction->isLeafNeeded |= reduction->segment < segment;
        reach(reduction);
      } else if (const LeafSource *source = importer.lookup(leaf)) {
        llvm::for_each(source->inputs, reachTensor);
      }
    }
  };
  for (Value value : block.getTerminator()->getOperands()) {
    Member *member = lookup(value);
    if (member && member->role == Role::Map)
      member->isOutput = true;
    reachTensor(value);
  }
  while (!worklist.empty()) {
    Member *member = worklist.pop_back_val();
    bool isExpr = member->role == Role::Reduction ||
                  (member->role == Role::Map && member->isOutput);
    if (isExpr) {
      reachExpr(member->imported.value, member->segment);
      for (Expr condition : member->imported.conditions)
        reachExpr(condition, member->segment);
    } else {
      // It is computed as it stands.
      for (Value value : getReads(member->op))
        reachTensor(value);
    }
  }
}

//===----------------------------------------------------------------------===//
// What stays as it is
//===----------------------------------------------------------------------===//

/// Copies what makes `values` to where they are needed: to `inside`, the step
/// of a stream, what walks its rank; to `outside` all else.
void StreamFormer::provide(ArrayRef<Value> values, OpBuilder *inside,
                           OpBuilder &outside) {
  SmallVector<Value> worklist(values);
  llvm::SetVector<Operation *> needed;
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    Member *member = lookup(value);
    if (!member || emitter.isMapped(value) || !needed.insert(member->op))
      continue;
    llvm::append_range(worklist, getReads(member->op));
  }
  SmallVector<Operation *> ordered(needed.begin(), needed.end());
  llvm::sort(ordered, [](Operation *a, Operation *b) {
    return a->isBeforeInBlock(b);
  });
  for (Operation *op : ordered) {
    bool isLocal = inside && walksRank(op);
    Operation *copy = emitter.clone(op, isLocal ? *inside : outside);
    for (auto [old, now] : llvm::zip(op->getResults(), copy->getResults())) {
      emitter.map(old, now);
      if (isLocal)
        stepCopies.push_back(old);
    }
  }
}

void StreamFormer::provide(ArrayRef<EinsumJob> jobs, OpBuilder *inside,
                           OpBuilder &outside) {
  SmallVector<Expr> roots;
  for (const EinsumJob &job : jobs) {
    llvm::append_range(roots, job.getRoots());
    llvm::append_range(roots, job.conditions);
  }
  SmallVector<Value> values;
  for (Expr expr : postOrder(roots))
    if (expr.is(ExprKind::Leaf) && !emitter.lookup(expr))
      if (const LeafSource *source = importer.lookup(expr))
        llvm::append_range(values, source->inputs);
  provide(values, inside, outside);
}

//===----------------------------------------------------------------------===//
// Streams
//===----------------------------------------------------------------------===//

/// `GM` is short for the global maximum, and `M` for what there is a running
/// and a local one of.
static std::string getBase(StringRef name) {
  if (name.size() > 1 && (name[0] == 'G' || name[0] == 'S') &&
      llvm::isUpper(name[1]))
    name = name.drop_front();
  return name.str();
}

static SmallVector<Expr> getConjuncts(Expr condition) {
  if (!condition)
    return {};
  if (condition.is(ExprKind::And))
    return SmallVector<Expr>(condition.operands());
  return {condition};
}

State StreamFormer::makeState(const Accumulator &accumulator,
                              const Member &member) {
  EinsumOp einsum = cast<EinsumOp>(member.op);
  // `AV` also where the derivation calls it AV_acc; but AV_count, AV_1.
  StringRef own = accumulator.leaf.leaf().name;
  std::string base = getBase(own.ends_with("_acc") ? own.drop_back(4) : own);
  State state;
  state.name = "R" + base;
  state.reducer = getReducerKind(accumulator.reducer);
  state.init = accumulator.getIdentity();
  state.previous = accumulator.previous;
  state.leaf = accumulator.leaf;
  if (accumulator.kind != CorrectionKind::None)
    state.corrected = accumulator.corrected;

  // The ranks in the order that the source gives them.
  RankSet ranks = accumulator.leaf.ranks();
  SmallVector<StringAttr> vars;
  for (StringAttr var : einsum.getOutVars())
    if (ranks.test(importer.getRank(var)))
      vars.push_back(var);
  for (StringAttr var : emitter.getVars(ranks))
    if (!llvm::is_contained(vars, var))
      vars.push_back(var);
  state.groups = getGroups(vars);

  EinsumJob local{einsum.getLoc()};
  local.name = "L" + base;
  local.value = accumulator.body;
  local.groups = state.groups;
  local.reduced = emitter.getVars(accumulator.reduced);
  local.reducer = state.reducer;
  local.conditions = getConjuncts(accumulator.presence);
  local.result = context.freshLeaf(local.name, ranks, /*accumulator=*/true);
  // An integer is reduced as one.
  Type type = emitter.getFloatType();
  if (const LeafSource *source = importer.lookup(accumulator.body))
    if (!isa<FloatType>(source->value.getType()))
      type = source->value.getType();
  if (state.reducer == ReducerKind::And || state.reducer == ReducerKind::Or)
    type = builder.getI1Type();
  state.type = attn::TensorType::get(builder.getContext(), vars, type);
  state.local = std::move(local);
  return state;
}

/// The state of a reduction that is reduced as it stands.
State StreamFormer::makeState(const Member &member) {
  EinsumOp einsum = cast<EinsumOp>(member.op);
  State state;
  std::string base = getBase(einsum.getName().value_or("R"));
  state.name = "R" + base;
  state.reducer = getReducerKind(einsum);
  state.init = getReducer(getExprReducer(state.reducer)).identity;
  SmallVector<StringAttr> vars = einsum.getOutVars();
  state.groups = getGroups(vars);
  Type type = einsum.getValue().getType();
  TypedAttr identity = attn::getIdentity(state.reducer, type);
  if (auto integer = dyn_cast<IntegerAttr>(identity))
    state.init = type.isInteger(1) ? integer.getValue().getBoolValue()
                                   : double(integer.getInt());
  state.type = attn::TensorType::get(builder.getContext(), vars, type);
  RankSet ranks = emitter.getRanks(vars);
  state.previous = context.freshLeaf(base + "_old", ranks);
  state.leaf = context.freshLeaf(base, ranks);
  state.plain = einsum;
  return state;
}

/// The new value of a state, from what the old one became and `local`.
static EinsumJob makeUpdate(const State &state, Expr previous, Expr local,
                            Location loc) {
  EinsumJob job{loc};
  job.name = state.name + (llvm::isDigit(state.name.back()) ? "_1" : "1");
  job.groups = state.groups;
  job.result = state.leaf;
  job.value = previous;
  job.other = local;
  job.combiner = state.reducer;
  return job;
}

/// Calls the factor that corrects for a change of `RM`, `PRM`.
void StreamFormer::nameCorrections(ArrayRef<State> states, const ExprMap &side,
                                   StringRef suffix) {
  llvm::DenseMap<Expr, StringRef> nameOf;
  SmallVector<Expr> roots;
  for (const State &state : states) {
    nameOf[side.lookup_or(state.previous, state.previous)] = state.name;
    if (state.corrected)
      roots.push_back(substitute(state.corrected, side));
  }
  for (Expr expr : postOrder(roots)) {
    if (expr.operands().empty() || !expr.is(ExprKind::Exp))
      continue;
    for (Expr leaf : getLeaves(expr)) {
      auto name = nameOf.find(leaf);
      if (name == nameOf.end())
        continue;
      emitter.setName(expr, ("P" + name->second + suffix).str());
      break;
    }
  }
}

void StreamFormer::emitMerge(StreamOp stream, ArrayRef<State> states) {
  SmallVector<Type> types;
  for (unsigned side = 0; side < 2; ++side)
    for (const State &state : states)
      types.push_back(state.type);
  OpBuilder inner(builder.getContext());
  Block *merge = inner.createBlock(
      &stream.getMerge(), {}, types,
      SmallVector<Location>(types.size(), stream.getLoc()));
  ExprMap sides[2];
  for (auto [side, map] : llvm::enumerate(sides)) {
    for (auto [i, state] : llvm::enumerate(states)) {
      Expr leaf = context.freshLeaf(state.name, state.previous.ranks(),
                                    /*accumulator=*/true);
      emitter.bind(leaf, {merge->getArgument(side * states.size() + i),
                          state.groups, {}});
      map[state.previous] = leaf;
    }
  }
  std::vector<EinsumJob> jobs;
  for (const State &state : states) {
    Expr sum[2];
    for (unsigned side = 0; side < 2; ++side)
      sum[side] = substitute(state.corrected ? state.corrected : state.previous,
                             sides[side]);
    jobs.push_back(makeUpdate(state, sum[0], sum[1], stream.getLoc()));
  }
  nameCorrections(states, sides[0], "_a");
  nameCorrections(states, sides[1], "_b");
  emitter.emit(jobs, inner);
  SmallVector<Value> merged;
  for (const State &state : states)
    merged.push_back(emitter.lookup(state.leaf)->tensor);
  YieldOp::create(inner, stream.getLoc(), merged);
}

/// One traversal: the states, and what is collected on the way.
void StreamFormer::emitStream(std::vector<State> states,
                              ArrayRef<EinsumJob> collected) {
  Location loc = states.empty() ? collected.front().loc
                 : states.front().plain ? states.front().plain.getLoc()
                                        : states.front().local->loc;
  SmallVector<Type> types;
  SmallVector<Attribute> reducers, stateNames, names;
  SmallVector<double> inits;
  for (const State &state : states) {
    types.push_back(state.type);
    inits.push_back(state.init);
    reducers.push_back(
        ReduceAttr::get(builder.getContext(), state.reducer, rank));
    stateNames.push_back(builder.getStringAttr(StringRef(state.name).lower()));
    names.push_back(builder.getStringAttr(state.name));
  }
  for (const EinsumJob &job : collected) {
    SmallVector<StringAttr> ranks;
    for (const auto &group : job.groups)
      ranks.push_back(group.front());
    types.push_back(
        attn::TensorType::get(builder.getContext(), ranks, job.elementType));
    names.push_back(builder.getStringAttr(job.name));
  }
  auto stream = StreamOp::create(
      builder, loc, types, rank, builder.getF64ArrayAttr(inits),
      builder.getArrayAttr(reducers), builder.getArrayAttr(stateNames),
      builder.getArrayAttr(names));
  OpBuilder outside(stream), inside(builder.getContext());
  Block *step = inside.createBlock(
      &stream.getStep(), {}, ArrayRef(types).take_front(states.size()),
      SmallVector<Location>(states.size(), loc));

  std::vector<EinsumJob> jobs;
  llvm::DenseSet<Expr> moving;
  for (auto [i, state] : llvm::enumerate(states)) {
    emitter.bind(state.previous, {step->getArgument(i), state.groups, {}});
    moving.insert(state.previous);
    Expr local;
    if (state.plain) {
      provide(getReads(state.plain), &inside, outside);
      auto copy = cast<EinsumOp>(emitter.clone(state.plain, inside));
      copy.setName("L" + state.name.substr(1));
      copy.setOutAttr(getArrayAttr(builder, state.groups));
      copy.getResult().setType(state.type);
      local = context.freshLeaf(state.name, state.leaf.ranks());
      emitter.bind(local, {copy.getResult(), state.groups, {}});
      moving.insert(local);
    } else {
      jobs.push_back(*state.local);
      local = state.local->result;
    }
    jobs.push_back(makeUpdate(
        state, state.corrected ? state.corrected : state.previous, local, loc));
  }
  nameCorrections(states, ExprMap(), "");
  llvm::append_range(jobs, collected);
  provide(jobs, &inside, outside);
  emitter.emit(jobs, inside, &outside, rank, moving);
  SmallVector<Value> next;
  for (const State &state : states)
    next.push_back(emitter.lookup(state.leaf)->tensor);
  for (const EinsumJob &job : collected)
    next.push_back(emitter.lookup(job.result)->tensor);
  YieldOp::create(inside, loc, next);
  for (Value copy : std::exchange(stepCopies, {}))
    emitter.unmap(copy);
  if (!states.empty())
    emitMerge(stream, states);

  for (auto [i, state] : llvm::enumerate(states))
    emitter.bind(state.leaf, {stream.getResult(i), state.groups, {}});
  for (auto [i, job] : llvm::enumerate(collected))
    emitter.bind(job.result,
                 {stream.getResult(states.size() + i), job.groups, {}});
}

//===----------------------------------------------------------------------===//
// Segments
//===----------------------------------------------------------------------===//

/// What remains of a result's value once it is stored in its own type.
static Expr dropLastCast(Expr value, Type type) {
  std::string name;
  llvm::raw_string_ostream(name) << type;
  return value.is(ExprKind::Cast) && value.name() == name ? value.operand(0)
                                                          : value;
}

EinsumJob StreamFormer::makeOutput(Member &member, Expr value) {
  EinsumOp einsum = member.einsum();
  EinsumJob job{einsum.getLoc()};
  job.name = einsum.getName().value_or("T").str();
  job.groups = getGroups(einsum);
  job.elementType = einsum.getResult().getType().getElementType();
  job.value = dropLastCast(value, job.elementType);
  llvm::append_range(job.conditions, importer.getPresence(einsum.getResult()));
  job.result = context.freshLeaf(job.name, emitter.getRanks(einsum.getOutVars()));
  return job;
}

/// Emits outputs, but for those that are states as they are. A job without a
/// member is for its leaf alone.
void StreamFormer::finish(ArrayRef<EinsumJob> jobs,
                          ArrayRef<Member *> members) {
  std::vector<EinsumJob> needed;
  for (const EinsumJob &job : jobs) {
    const TensorAccess *access = emitter.lookup(job.value);
    bool isState = access && access->groups == job.groups &&
                   job.conditions.empty() &&
                   cast<attn::TensorType>(access->tensor.getType())
                           .getElementType() == job.elementType;
    if (isState)
      emitter.bind(job.result, *access);
    else
      needed.push_back(job);
  }
  provide(needed, nullptr, builder);
  emitter.emit(needed, builder);
  for (auto [job, member] : llvm::zip(jobs, members))
    if (member)
      emitter.map(member->op->getResult(0), emitter.lookup(job.result)->tensor);
}

/// What one more traversal costs: Einsums computed again, tensors read again.
std::string StreamFormer::describeTraversal(ArrayRef<Expr> roots) {
  llvm::SetVector<Value> worklist;
  for (Expr expr : postOrder(roots))
    if (expr.is(ExprKind::Leaf))
      if (const LeafSource *source = importer.lookup(expr))
        worklist.insert(source->inputs.begin(), source->inputs.end());
  std::string computed, read;
  auto append = [](std::string &list, Value value) {
    list += (list.empty() ? "`" : ", `") + getSourceName(value) + "`";
  };
  for (unsigned i = 0; i < worklist.size(); ++i) {
    Value value = worklist[i];
    Member *member = lookup(value);
    if (member && walksRank(member->op)) {
      append(computed, value);
      SmallVector<Value> reads = getReads(member->op);
      worklist.insert(reads.begin(), reads.end());
    } else if (auto type = dyn_cast<attn::TensorType>(value.getType());
               type && !member && type.getRankPosition(rank) >= 0) {
      append(read, value);
    }
  }
  if (!computed.empty())
    computed = " computes " + computed + " again";
  if (!read.empty())
    read = std::string(computed.empty() ? "" : " and") + " reads " + read +
           " again";
  return computed + read;
}

void StreamFormer::explain(const Derivation &derivation,
                           ArrayRef<Member *> reductions,
                           ArrayRef<Member *> outputs) {
  if (derivation.refusals.empty())
    return;
  SmallVector<Expr> later;
  for (auto [i, phase] : llvm::enumerate(derivation.phases))
    for (const Accumulator &accumulator : phase.accumulators)
      if (i > 0)
        later.push_back(accumulator.body);
  std::string cost = describeTraversal(later);
  for (const Refusal &refusal : derivation.refusals) {
    ArrayRef<Member *> list = refusal.isOutput ? outputs : reductions;
    InFlightDiagnostic remark =
        list[refusal.index]->op->emitRemark() << refusal.text;
    if (!cost.empty())
      remark << ", which" << cost;
  }
}

/// Says what keeps reductions out of the first segment.
void StreamFormer::explainSegments() {
  llvm::DenseSet<Operation *> explained;
  for (Member &member : members) {
    bool isLater = member.isReached && member.segment > 0 &&
                   (member.role == Role::Reduction ||
                    member.role == Role::Plain);
    if (!isLater)
      continue;
    // What it depends on that is ready no sooner.
    SmallVector<Value> worklist = getReads(member.op);
    while (!worklist.empty()) {
      Member *producer = lookup(worklist.pop_back_val());
      if (!producer || producer->ready < member.segment)
        continue;
      if (producer->role == Role::Map) {
        llvm::append_range(worklist, getReads(producer->op));
        continue;
      }
      bool waits = producer->role == Role::Late ||
                   producer->role == Role::Plain;
      if (!waits || !explained.insert(producer->op).second)
        continue;
      InFlightDiagnostic remark = producer->op->emitRemark();
      if (Operation *opaque = producer->imported.opaque)
        remark << "`" << opaque->getName() << "` of what is reduced along `"
               << rank.getValue() << "` is no algebra that could be corrected";
      else
        remark << "reduces other ranks of what is reduced along `"
               << rank.getValue() << "` before";
      remark << "; what reads it along `" << rank.getValue()
             << "` needs one more traversal";
    }
  }
}

/// The terms of the body of reduction `index`, by what they depend on, as
/// reductions of their own: a sum of sums. Null if there is only one.
std::optional<NormalForm> StreamFormer::splitTerms(const NormalForm &form,
                                                   unsigned index) {
  const Reduction &whole = form.reductions[index];
  if (whole.reducer != ExprReducer::Add)
    return std::nullopt;
  using Part = std::pair<SmallVector<Expr>, SmallVector<Expr>>;
  SmallVector<Part> parts;
  for (Expr term : getTerms(expand(whole.body))) {
    SmallVector<Expr> moving = getLeaves(term);
    llvm::erase_if(moving, [](Expr leaf) { return !leaf.isAccumulator(); });
    auto *part = llvm::find_if(
        parts, [&](const Part &other) { return other.first == moving; });
    if (part == parts.end())
      part = &parts.emplace_back(moving, SmallVector<Expr>());
    part->second.push_back(term);
  }
  if (parts.size() < 2)
    return std::nullopt;
  NormalForm split;
  split.rank = form.rank;
  split.reductions.append(form.reductions.begin(),
                          form.reductions.begin() + index);
  SmallVector<Expr> results;
  for (auto &[moving, terms] : parts) {
    Reduction part = whole;
    Expr factor;
    part.body = splitInvariant(context.add(terms), whole.reduced, factor);
    std::string name = whole.result.leaf().name + "_" +
                       std::to_string(results.size() + 1);
    part.result = context.freshLeaf(name, whole.result.ranks(),
                                    /*accumulator=*/true);
    results.push_back(factor ? factor * part.result : part.result);
    split.reductions.push_back(part);
  }
  ExprMap sum;
  sum[whole.result] = context.add(results);
  for (Reduction reduction :
       ArrayRef(form.reductions).drop_front(index + 1)) {
    reduction.body = substitute(reduction.body, sum);
    split.reductions.push_back(reduction);
  }
  for (Expr output : form.outputs)
    split.outputs.push_back(output ? substitute(output, sum) : output);
  return split;
}

/// Derives the form, or one with sums taken apart that needs fewer traversals.
Derivation StreamFormer::deriveBest(NormalForm &form,
                                    SmallVector<Member *> &owners) {
  constexpr unsigned maxAttempts = 8;
  Derivation best = derive(form);
  unsigned attempts = 0;
  for (unsigned i = 0; i < best.refusals.size() && attempts < maxAttempts;) {
    unsigned index = best.refusals[i].index;
    bool isOutput = best.refusals[i].isOutput;
    ++i;
    std::optional<NormalForm> split;
    if (!isOutput)
      split = splitTerms(form, index);
    if (!split)
      continue;
    ++attempts;
    Derivation derivation = derive(*split);
    if (derivation.getNumTraversals() >= best.getNumTraversals())
      continue;
    owners.insert(owners.begin() + index,
                  split->reductions.size() - form.reductions.size(),
                  owners[index]);
    form = std::move(*split);
    best = std::move(derivation);
    i = 0;
  }
  return best;
}

void StreamFormer::emitSegment(unsigned segment) {
  SmallVector<Member *> reductions, plain, outputs, leaves;
  for (Member &member : members) {
    if (!member.isReached || member.segment != segment)
      continue;
    if (member.role == Role::Reduction)
      reductions.push_back(&member);
    if (member.role == Role::Plain)
      plain.push_back(&member);
    if (member.isOutput)
      outputs.push_back(&member);
    if (member.isLeafNeeded)
      leaves.push_back(&member);
  }
  NormalForm form;
  form.rank = importer.getRank(rank);
  for (Member *member : reductions) {
    EinsumOp einsum = member->einsum();
    Reduction reduction;
    reduction.result = member->leaf;
    reduction.reducer = getExprReducer(getReducerKind(einsum));
    reduction.body = member->body;
    reduction.reduced = emitter.getRanks(getReduced(einsum));
    SmallVector<Expr> conditions(member->imported.conditions.begin(),
                                 member->imported.conditions.end());
    if (!conditions.empty())
      reduction.presence = context.logicalAnd(conditions);
    form.reductions.push_back(reduction);
  }
  auto getValue = [&](Member *member) {
    if (member->role == Role::Map)
      return member->imported.value;
    return importer.getDefinition(member->op->getResult(0));
  };
  for (Member *member : outputs)
    form.outputs.push_back(getValue(member));
  for (Member *member : leaves)
    form.outputs.push_back(member->leaf);
  Derivation derivation = deriveBest(form, reductions);
  llvm::append_range(outputs, leaves);
  explain(derivation, reductions, outputs);

  unsigned numPhases = derivation.getNumTraversals();
  if (!plain.empty())
    numPhases = std::max(numPhases, 1u);
  for (unsigned i = 0; i < numPhases; ++i) {
    std::vector<State> states;
    if (i < derivation.phases.size())
      for (const Accumulator &accumulator : derivation.phases[i].accumulators)
        states.push_back(
            makeState(accumulator, *reductions[accumulator.reduction]));
    if (i == 0) {
      for (Member *member : plain) {
        states.push_back(makeState(*member));
        member->leaf = states.back().leaf;
      }
    }
    std::vector<EinsumJob> collected;
    SmallVector<Member *> collectedMembers;
    for (auto [member, output] : llvm::zip(outputs, derivation.outputs)) {
      if (!output.keepsRank || output.phase != i)
        continue;
      collected.push_back(makeOutput(*member, output.value));
      collectedMembers.push_back(member);
    }
    emitStream(std::move(states), collected);
    for (auto [job, member] : llvm::zip(collected, collectedMembers))
      emitter.map(member->op->getResult(0), emitter.lookup(job.result)->tensor);
  }
  std::vector<EinsumJob> jobs;
  SmallVector<Member *> finished;
  for (Member *member : plain) {
    jobs.push_back(makeOutput(*member, member->leaf));
    finished.push_back(member);
  }
  SmallVector<std::pair<Expr, Expr>> rebound;
  for (auto [i, output] : llvm::enumerate(derivation.outputs)) {
    if (output.keepsRank)
      continue;
    Member *member = outputs[i];
    bool isLeaf = i >= outputs.size() - leaves.size();
    if (isLeaf && output.value == member->leaf)
      continue;
    EinsumJob job = makeOutput(*member, output.value);
    if (isLeaf) {
      job.groups = getGroups(member->einsum().getOutVars());
      job.elementType = emitter.getFloatType();
      rebound.push_back({member->leaf, job.result});
    }
    jobs.push_back(std::move(job));
    finished.push_back(isLeaf ? nullptr : member);
  }
  finish(jobs, finished);
  for (auto [leaf, result] : rebound)
    emitter.bind(leaf, *emitter.lookup(result));
}

void StreamFormer::cleanUp() {
  Operation *terminator = block.getTerminator();
  provide(SmallVector<Value>(terminator->getOperands()), nullptr, builder);
  for (OpOperand &operand : terminator->getOpOperands())
    operand.set(emitter.lookup(operand.get()));
  for (Member &member : llvm::reverse(members))
    member.op->erase();
}

void StreamFormer::run() {
  classify();
  markNeeded();
  if (derives)
    explainSegments();
  unsigned numSegments = 0;
  for (const Member &member : members)
    numSegments = std::max(numSegments, member.segment + 1);
  for (unsigned segment = 0; segment < numSegments; ++segment)
    emitSegment(segment);
  cleanUp();
}

//===----------------------------------------------------------------------===//
// Nests
//===----------------------------------------------------------------------===//

/// The type that float arithmetic of the block is done in.
static Type getFloatType(Operation *op) {
  bool isWide = false;
  op->walk([&](Operation *inner) {
    for (Type type : inner->getResultTypes())
      isWide |= type.isF64();
  });
  Builder builder(op->getContext());
  return isWide ? builder.getF64Type() : builder.getF32Type();
}

namespace {
struct OnePass : attn::impl::OnePassBase<OnePass> {
  using OnePassBase::OnePassBase;
  void runOnOperation() override;
  void formStreams(Block &block, Type floatType);
};
} // namespace

/// Streams the loop ranks that are reduced in `block`, then those in the steps.
void OnePass::formStreams(Block &block, Type floatType) {
  CascadeOp cascade = getOperation();
  SmallVector<Block *> worklist{&block};
  while (!worklist.empty()) {
    Block *next = worklist.pop_back_val();
    llvm::SmallSetVector<StringAttr, 4> streamed;
    for (Operation *parent = next->getParentOp(); parent != cascade;
         parent = parent->getParentOp())
      if (auto stream = dyn_cast<StreamOp>(parent))
        streamed.insert(stream.getRankAttr());
    for (auto rank : cascade.getRanks().getAsRange<RankAttr>()) {
      StringAttr name = rank.getName();
      bool isReduced = llvm::any_of(next->getOps<EinsumOp>(), [&](EinsumOp e) {
        return e.getReducer(name).has_value();
      });
      if (isReduced && !streamed.contains(name) &&
          isLoopRank(cascade, name, maxResident))
        StreamFormer(cascade, *next, name, floatType, onePass).run();
    }
    for (auto stream : next->getOps<StreamOp>())
      worklist.push_back(&stream.getStep().front());
  }
}

void OnePass::runOnOperation() {
  for (auto nest : getOperation().getBody().getOps<NestOp>()) {
    // An iteration walks its rank by itself.
    if (!nest.getBody().getOps<IterateOp>().empty())
      continue;
    formStreams(nest.getBody().front(), getFloatType(nest));
  }
}

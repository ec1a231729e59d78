//===- FormScans.cpp - Sums over prefixes as recurrences ------------------===//
//
// A sum over the m up to a bound that moves with p,
//
//   O[p] = sum over m <= p + c of q(p) k(m),
//
// has one more term at every p: with S[p] = S[p-1] + k(p + c), O is q(p) S[p].
// That is linear attention as a recurrence (Katharopoulos et al., 2020), which
// attn-chunkwise can walk in chunks. It takes that every factor has p or m, not
// both: exp(q(p) k(m)) is no such product.
//
// Coordinates p + c outside of m have no k. They are terms of their own sum,
// over a rank of one coordinate, which is 0 if the term is absent (S4).
//
//===----------------------------------------------------------------------===//

#include "lib/Cascade/Passes.h"
#include "lib/Cascade/StepEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

namespace attn {
#define GEN_PASS_DEF_FORMSCANS
#include "lib/Cascade/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {

/// `m <= bound`, or `m < bound`, where the bound is p and what does not vary.
struct PrefixBound {
  StringAttr m, p;
  Value bound;
  bool isStrict = false;
  /// What is added to p, if that is a number.
  std::optional<int64_t> offset;
};

/// A sum over a prefix, with what it reads put in.
struct Scan {
  EinsumOp root;
  std::optional<PrefixBound> bound;
  SmallVector<Expr> factors;
  SmallVector<StringAttr> reduced;
  SmallVector<EinsumOp> parts;
  /// Why it is none, although there is a bound.
  std::string reason;
};

class ScanFormer {
public:
  explicit ScanFormer(CascadeOp cascade)
      : cascade(cascade), leaves(context, cascade) {}
  void run();

private:
  bool addFactors(EinsumOp einsum, Scan &scan);
  bool inlineFactor(unsigned index, Scan &scan);
  void findHiddenBound(Scan &scan);
  bool collect(Scan &scan);
  void rewrite(Scan &scan);
  StringAttr declareTerm(StringAttr m);
  bool mentions(Expr expr, StringAttr var) {
    return leaves.mentions(expr, var);
  }

  CascadeOp cascade;
  ExprContext context;
  StepLeaves leaves;
  llvm::DenseSet<Operation *> absorbed;
};

} // namespace

//===----------------------------------------------------------------------===//
// Bounds
//===----------------------------------------------------------------------===//

/// How often each variable is in a sum of coordinates, extents and numbers;
/// false if `value` is something else.
static bool addTerms(Value value, int64_t sign,
                     llvm::SmallDenseMap<StringAttr, int64_t> &vars,
                     int64_t &number, bool &hasExtent) {
  Operation *op = value.getDefiningOp();
  APInt constant;
  if (!op)
    return false;
  if (matchPattern(value, m_ConstantInt(&constant))) {
    number += sign * constant.getSExtValue();
    return true;
  }
  if (auto var = dyn_cast<RankVarOp>(op)) {
    vars[var.getRankAttr()] += sign;
    return true;
  }
  if (isa<ExtentOp>(op)) {
    hasExtent = true;
    return true;
  }
  if (!isa<arith::AddIOp, arith::SubIOp>(op))
    return false;
  int64_t second = isa<arith::SubIOp>(op) ? -sign : sign;
  return addTerms(op->getOperand(0), sign, vars, number, hasExtent) &&
         addTerms(op->getOperand(1), second, vars, number, hasExtent);
}

/// The bound that `filter` is, or none.
static std::optional<PrefixBound> matchBound(Value filter) {
  auto compare = filter.getDefiningOp<arith::CmpIOp>();
  if (!compare)
    return std::nullopt;
  using P = arith::CmpIPredicate;
  P predicate = compare.getPredicate();
  bool isBelow = predicate == P::sle || predicate == P::slt;
  if (!isBelow && predicate != P::sge && predicate != P::sgt)
    return std::nullopt;
  Value low = isBelow ? compare.getLhs() : compare.getRhs();
  PrefixBound bound;
  bound.bound = isBelow ? compare.getRhs() : compare.getLhs();
  bound.isStrict = predicate == P::slt || predicate == P::sgt;
  auto var = low.getDefiningOp<RankVarOp>();
  llvm::SmallDenseMap<StringAttr, int64_t> vars;
  int64_t number = 0;
  bool hasExtent = false;
  if (!var || !addTerms(bound.bound, 1, vars, number, hasExtent) ||
      vars.size() != 1 || vars.begin()->second != 1)
    return std::nullopt;
  bound.m = var.getRankAttr();
  bound.p = vars.begin()->first;
  if (!hasExtent)
    bound.offset = number;
  return bound;
}

static std::string describeMixture(Expr factor, const PrefixBound &bound) {
  return "`" + factor.str() + "` has both `" + bound.p.str() + "` and `" +
         bound.m.str() +
         "` and is no product of a part with each (not-separable)";
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// Adds what `einsum` multiplies, if it only multiplies and adds.
bool ScanFormer::addFactors(EinsumOp einsum, Scan &scan) {
  Type element = einsum.getResult().getType().getElementType();
  // A sum that is rounded once, at its end, may be carried before that.
  if (einsum == scan.root)
    element = getComputeType(element);
  if (!isa<FloatType>(element) || element != getComputeType(element) ||
      element != einsum.getValue().getType())
    return false;
  for (auto reducer : einsum.getReducers().getAsRange<ReduceAttr>())
    if (reducer.getKind() != ReducerKind::Add)
      return false;
  StepEinsum step = leaves.import(einsum);
  unsigned numConditions = einsum.getFilter() ? 1 : 0;
  if (!step.value || step.conditions.size() > numConditions ||
      step.value.is(ExprKind::Add))
    return false;
  if (Value filter = einsum.getFilter()) {
    std::optional<PrefixBound> bound = matchBound(filter);
    if (!bound || scan.bound)
      return false;
    scan.bound = bound;
  }
  llvm::append_range(scan.factors, getFactors(step.value));
  for (auto reducer : einsum.getReducers().getAsRange<ReduceAttr>())
    scan.reduced.push_back(reducer.getVar());
  scan.parts.push_back(einsum);
  return true;
}

/// Puts what a factor is computed from in its place, if that is a sum of
/// products, too.
bool ScanFormer::inlineFactor(unsigned index, Scan &scan) {
  std::optional<TensorAccess> access = leaves.getAccess(scan.factors[index]);
  auto maker = access ? access->tensor.getDefiningOp<EinsumOp>() : EinsumOp();
  if (!maker || maker->getParentOp() != cascade)
    return false;
  // At its own variables; so filters and sums mean what they say.
  SmallVector<Attribute> groups;
  Builder builder(cascade.getContext());
  for (const auto &group : access->groups)
    groups.push_back(builder.getArrayAttr(
        SmallVector<Attribute>(group.begin(), group.end())));
  if (builder.getArrayAttr(groups) != maker.getOut())
    return false;
  Scan inner;
  inner.bound = scan.bound;
  if (maker.getFilter() && scan.bound)
    return false;
  if (!addFactors(maker, inner))
    return false;
  for (StringAttr var : inner.reduced)
    if (llvm::is_contained(scan.reduced, var) ||
        llvm::is_contained(scan.root.getOutVars(), var))
      return false;
  scan.bound = inner.bound;
  scan.factors.erase(scan.factors.begin() + index);
  scan.factors.insert(scan.factors.begin() + index, inner.factors.begin(),
                      inner.factors.end());
  llvm::append_range(scan.reduced, inner.reduced);
  llvm::append_range(scan.parts, inner.parts);
  return true;
}

/// What a bound further up would be carried through, if not for a factor.
void ScanFormer::findHiddenBound(Scan &scan) {
  SmallVector<StringAttr> out = scan.root.getOutVars();
  for (Expr factor : scan.factors) {
    llvm::SetVector<Operation *> makers;
    for (Expr leaf : getLeaves(factor))
      if (const StepLeaf *source = leaves.lookup(leaf))
        for (Value input : source->inputs)
          if (Operation *op = input.getDefiningOp())
            makers.insert(op);
    for (unsigned i = 0; i < makers.size(); ++i) {
      auto maker = dyn_cast<EinsumOp>(makers[i]);
      if (!maker)
        continue;
      for (Value input : maker.getInputs())
        if (Operation *op = input.getDefiningOp())
          makers.insert(op);
      Value filter = maker.getFilter();
      std::optional<PrefixBound> bound =
          filter ? matchBound(filter) : std::nullopt;
      if (!bound || !llvm::is_contained(scan.reduced, bound->m) ||
          !llvm::is_contained(out, bound->p) || !mentions(factor, bound->m) ||
          !mentions(factor, bound->p))
        continue;
      scan.bound = bound;
      scan.reason = describeMixture(factor, *bound);
      return;
    }
  }
}

/// Whether the sum is one over a prefix of separate factors.
bool ScanFormer::collect(Scan &scan) {
  if (!addFactors(scan.root, scan))
    return false;
  for (unsigned i = 0; i < scan.factors.size();)
    if (SmallVector<StringAttr> vars = leaves.getVars(scan.factors[i]);
        vars.size() > 1 && inlineFactor(i, scan))
      i = 0;
    else
      ++i;
  if (!scan.bound) {
    findHiddenBound(scan);
    return false;
  }
  auto [m, p, value, isStrict, offset] = *scan.bound;
  SmallVector<StringAttr> out = scan.root.getOutVars();
  if (!llvm::is_contained(scan.reduced, m) || !llvm::is_contained(out, p))
    return false;
  for (auto group : scan.root.getOut().getAsRange<ArrayAttr>())
    if (group.size() > 1 && llvm::is_contained(group, p))
      return false;
  for (Expr factor : scan.factors)
    if (mentions(factor, m) && mentions(factor, p)) {
      scan.reason = describeMixture(factor, *scan.bound);
      return false;
    }
  for (EinsumOp part : scan.parts)
    for (Value input : part.getInputs()) {
      auto maker = input.getDefiningOp<EinsumOp>();
      if (isa<attn::TensorType>(input.getType()) &&
          !llvm::is_contained(scan.parts, maker) && !leaves.isPresent(input)) {
        scan.reason = "`" + getSourceName(input) + "` may be absent";
        return false;
      }
    }
  for (Expr factor : scan.factors)
    if (factor.is(ExprKind::Pow) && factor.value() < 0 &&
        factor.ranks().any()) {
      scan.reason = "`" + factor.str() + "` divides, which 0 / 0 forbids to " +
                    "move (S5)";
      return false;
    }
  return true;
}

//===----------------------------------------------------------------------===//
// Rewriting
//===----------------------------------------------------------------------===//

/// A rank of one coordinate, to sum one term over.
StringAttr ScanFormer::declareTerm(StringAttr m) {
  Builder builder(cascade.getContext());
  std::string name = m.str() + "_term";
  while (cascade.lookupRank(builder.getStringAttr(name)))
    name += "_";
  StringAttr term = builder.getStringAttr(name);
  SmallVector<Attribute> ranks(cascade.getRanks().begin(),
                               cascade.getRanks().end());
  ranks.push_back(
      RankAttr::get(cascade.getContext(), term, RankKind::Fixed, 1, {}));
  cascade.setRanksAttr(builder.getArrayAttr(ranks));
  return term;
}

void ScanFormer::rewrite(Scan &scan) {
  PrefixBound bound = *scan.bound;
  StringAttr p = bound.p, m = bound.m, term = declareTerm(m);
  Type element = scan.root.getResult().getType().getElementType();
  StepEmitter emitter(leaves, getComputeType(element), scan.root.getLoc(),
                      OpBuilder(scan.root));
  SmallVector<StringAttr> order;
  for (auto rank : cascade.getRanks().getAsRange<RankAttr>())
    order.push_back(rank.getName());
  emitter.setOrder(order);

  // What is summed, and what it is multiplied with.
  SmallVector<Expr> keys, queries;
  for (Expr factor : scan.factors)
    (mentions(factor, m) ? keys : queries).push_back(factor);
  Expr key = context.mul(keys), query = context.mul(queries);
  SmallVector<StringAttr> inner, outer;
  for (StringAttr var : scan.reduced)
    if (var != m)
      (mentions(query, var) ? outer : inner).push_back(var);
  SmallVector<StringAttr> stateVars;
  for (StringAttr var : emitter.getVars(key))
    if (var != m && !llvm::is_contained(inner, var))
      stateVars.push_back(var);
  // Queries that share a state, in a number that is known at the call: each has
  // a copy, as kernels have no loop for a rank that the state lacks.
  for (StringAttr var : scan.root.getOutVars())
    if (var != p && !llvm::is_contained(stateVars, var) &&
        !cascade.getFixedExtent(var))
      stateVars = emitter.insertRank(stateVars, var);

  // The bound where p is `at`, or any p if that is null.
  auto makeBound = [&](EinsumRegion &region, Value at) {
    Value value =
        region.clone(bound.bound, IRMapping(), [&](StringAttr var) -> Value {
          return at && var == p ? at : region.makeVar(var);
        });
    if (!bound.isStrict)
      return value;
    Value one = region.make<arith::ConstantOp>(region.builder.getIndexAttr(1));
    return region.make<arith::SubIOp>(region.builder.getIndexType(), value,
                                      one);
  };

  // The terms, by p.
  llvm::DenseSet<StringAttr> used;
  StringAttr now = leaves.makeFresh(m, used);
  emitter.setIndex(now, {p, term}, [&](EinsumRegion &region) -> Value {
    return region.make<arith::AddIOp>(region.builder.getIndexType(),
                                      makeBound(region, Value()),
                                      region.makeVar(term));
  });
  SmallVector<Expr> terms;
  for (Expr factor : keys) {
    std::optional<TensorAccess> access = leaves.getAccess(factor);
    std::string name = access ? getSourceName(access->tensor) : "T";
    StepEmitter::Shape shape;
    shape.reduced = {term};
    terms.push_back(emitter.emit(name + "_" + p.str(),
                                 leaves.rename(factor, {{m, now}}), shape));
  }

  // What comes before the first.
  StepEmitter::Shape before;
  before.more = stateVars;
  Expr first = context.constant(0);
  bool isEmpty = bound.offset && *bound.offset - bound.isStrict <= 0;
  if (!isEmpty) {
    first = key;
    before.reduced = {m};
    llvm::append_range(before.reduced, inner);
    before.makeFilter = [&](EinsumRegion &region) {
      Value zero =
          region.make<arith::ConstantOp>(region.builder.getIndexAttr(0));
      return region.make<arith::CmpIOp>(arith::CmpIPredicate::slt,
                                        region.makeVar(m),
                                        makeBound(region, zero));
    };
  }
  Value init = emitter.emitTensor("S0", first, before);

  std::string name = getSourceName(scan.root.getResult());
  ValueRange results = emitter.emitIterate(
      p, init, {"s"}, [&](ValueRange states) -> StepEmitter::Body {
        Groups groups;
        for (StringAttr var : stateVars)
          groups.push_back({var});
        Expr added = context.mul(terms);
        if (!inner.empty()) {
          StepEmitter::Shape shape;
          shape.reduced = inner;
          added = emitter.emit("T", added, shape);
        }
        Value next = emitter.emitTensor(
            "s1", leaves.read(states[0], groups) + added, {});
        StepEmitter::Shape shape;
        shape.reduced = outer;
        for (auto group : scan.root.getOut().getAsRange<ArrayAttr>())
          if (group[0] != p)
            llvm::append_range(shape.groups.emplace_back(),
                               group.getAsRange<StringAttr>());
        Value read =
            emitter.emitTensor("o", query * leaves.read(next, groups), shape);
        StringAttr stateName = emitter.builder.getStringAttr(name + "_state");
        return {
            {next}, {read}, {stateName, emitter.builder.getStringAttr(name)}};
      });
  Value whole = results[1];
  if (whole.getType() != scan.root.getResult().getType()) {
    StepEmitter::Shape shape;
    shape.element = element;
    for (auto group : scan.root.getOut().getAsRange<ArrayAttr>())
      llvm::append_range(shape.groups.emplace_back(),
                         group.getAsRange<StringAttr>());
    Groups groups;
    for (StringAttr rank : cast<attn::TensorType>(whole.getType()).getRanks()) {
      const auto *own = llvm::find_if(shape.groups, [&](const auto &group) {
        return group.size() == 1
                   ? group[0] == rank
                   : cascade.lookupRank(rank).getOperands() == ArrayRef(group);
      });
      groups.push_back(*own);
    }
    whole = emitter.emitTensor(name, leaves.read(whole, groups), shape);
  }
  scan.root.emitRemark() << "the sum over `" << m.getValue()
                         << "` up to a bound that moves with `" << p.getValue()
                         << "` is carried along `" << p.getValue() << "`";
  scan.root.getResult().replaceAllUsesWith(whole);
  absorbed.insert(scan.parts.begin(), scan.parts.end());
}

void ScanFormer::run() {
  auto einsums = llvm::to_vector(cascade.getBody().getOps<EinsumOp>());
  for (EinsumOp einsum : llvm::reverse(einsums)) {
    Scan scan;
    scan.root = einsum;
    if (absorbed.contains(einsum) || einsum.getReducers().empty())
      continue;
    if (collect(scan))
      rewrite(scan);
    else if (!scan.reason.empty())
      einsum.emitRemark() << scan.reason << ", so the sum over `"
                          << scan.bound->m.getValue()
                          << "` is not carried along `"
                          << scan.bound->p.getValue() << "`";
  }
  // Only now: leaves know tensors by their address.
  for (EinsumOp einsum : llvm::reverse(einsums))
    if (absorbed.contains(einsum) && einsum->use_empty())
      einsum.erase();
}

namespace {
struct FormScans : attn::impl::FormScansBase<FormScans> {
  using FormScansBase::FormScansBase;
  void runOnOperation() override { ScanFormer(getOperation()).run(); }
};
} // namespace

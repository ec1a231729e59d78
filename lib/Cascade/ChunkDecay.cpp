//===- ChunkDecay.cpp - What of a state is left within a chunk ------------===//

#include "lib/Cascade/ChunkDecay.h"

using namespace mlir;
using namespace attn;

Expr attn::makeInside(StepLeaves &leaves, StringAttr var, StringAttr rank) {
  ExprContext &context = leaves.getContext();
  Expr step = context.rankVar(context.getRank(var.getValue()));
  Expr extent = context.extent(context.getRank(rank.getValue()));
  return context.compare(ExprKind::Less, step, extent);
}

bool attn::isAbsentPast(StepLeaves &leaves, Expr expr, StringAttr step,
                        StringAttr rank) {
  return llvm::any_of(getLeaves(expr), [&](Expr leaf) {
    std::optional<TensorAccess> access = leaves.getAccess(leaf);
    if (!access)
      return false;
    auto type = cast<attn::TensorType>(access->tensor.getType());
    for (auto [group, tensorRank] : llvm::zip(access->groups, type.getRanks()))
      if (tensorRank == rank && group.size() == 1 && group.front() == step)
        return true;
    return false;
  });
}

//===----------------------------------------------------------------------===//
// Factors
//===----------------------------------------------------------------------===//

ChunkDecay::ChunkDecay(Expr decay, const ChunkVars &vars, StepLeaves &leaves,
                       StepEmitter &emitter)
    : vars(vars), leaves(leaves), emitter(emitter),
      context(leaves.getContext()) {
  if (!decay)
    base = context.constant(0);
  else if (decay.isConstant(1))
    identity = true;
  else
    split(decay);
}

/// The logarithm of a factor, or null where it might not be finite.
static Expr getLog(ExprContext &context, Expr factor) {
  auto [base, exponent] = splitPower(factor);
  if (base.is(ExprKind::Exp))
    return base.operand(0) * exponent;
  if (!base.is(ExprKind::Sigmoid))
    return Expr();
  // log(1 / (1 + exp(-x))) without overflow.
  Expr x = base.operand(0);
  Expr log = min(x, context.constant(0)) -
             attn::log(context.constant(1) + exp(-abs(x)));
  return log * exponent;
}

/// Returns whether no factor needs a product of its own.
bool ChunkDecay::splitFactors(Expr decay) {
  log = base = factor = Expr();
  auto append = [](Expr &product, Expr next) {
    product = product ? product * next : next;
  };
  for (Expr part : getFactors(decay)) {
    if (!leaves.mentions(part, vars.step)) {
      append(base, part);
    } else if (Expr exponent = getLog(context, part)) {
      log = log ? log + exponent : exponent;
    } else {
      append(factor, part);
    }
  }
  return !factor;
}

void ChunkDecay::split(Expr decay) {
  chooseFactors(decay);
  // A logarithm is computed once a step.
  if (log && !splitCoefficient(log).second.is(ExprKind::Leaf))
    log = emitter.emit("g", log);
}

void ChunkDecay::chooseFactors(Expr decay) {
  // A gate may be an Einsum of its own: look for its exponential there.
  for (Expr unfolded = decay;;) {
    if (splitFactors(unfolded))
      return;
    Expr next = leaves.unfold(unfolded);
    if (next == unfolded)
      break;
    unfolded = next;
  }
  splitFactors(decay);
}

//===----------------------------------------------------------------------===//
// Ranges
//===----------------------------------------------------------------------===//

Expr ChunkDecay::var(StringAttr name) {
  return context.rankVar(context.getRank(name.getValue()));
}

Expr ChunkDecay::atStep(Expr expr, StringAttr step) {
  return leaves.rename(expr, {{vars.step, step}});
}

/// `filter`, and that step l is one that there is, where `value` doesn't say.
Expr ChunkDecay::makeFilter(Expr value, Expr filter) {
  if (isAbsentPast(leaves, value, vars.stepL, vars.step))
    return filter;
  Expr inside = makeInside(leaves, vars.stepL, vars.step);
  return filter ? context.logicalAnd({filter, inside}) : inside;
}

Expr ChunkDecay::getLogSum(bool isBefore) {
  Expr &sum = logSums[isBefore];
  if (sum)
    return sum;
  Expr value = atStep(log, vars.stepL);
  Expr range = context.compare(isBefore ? ExprKind::Less : ExprKind::LessEqual,
                               var(vars.l), var(vars.i));
  StepEmitter::Shape shape;
  shape.reduced = {vars.l};
  shape.filter = makeFilter(value, range);
  shape.more = {vars.i};
  return sum = emitter.emit(isBefore ? "GB" : "G", value, shape);
}

Expr ChunkDecay::getLogSum() {
  if (logSum)
    return logSum;
  Expr value = atStep(log, vars.stepL);
  StepEmitter::Shape shape;
  shape.reduced = {vars.l};
  shape.filter = makeFilter(value, Expr());
  return logSum = emitter.emit("GC", value, shape);
}

/// How many steps the chunk has.
Expr ChunkDecay::getCount() {
  if (count)
    return count;
  StepEmitter::Shape shape;
  shape.reduced = {vars.l};
  shape.filter = makeInside(leaves, vars.stepL, vars.step);
  shape.more = {vars.outer};
  return count = emitter.emit("steps", context.constant(1), shape);
}

Expr ChunkDecay::makePower(Expr count) {
  if (base.is(ExprKind::Exp))
    return exp(base.operand(0) * count);
  return context.pow(base, count);
}

/// The product of `factor` over the places l for which `filter` holds.
Expr ChunkDecay::getProduct(StringRef name, Expr filter,
                            ArrayRef<StringAttr> more) {
  Expr value = atStep(factor, vars.stepL);
  StepEmitter::Shape shape;
  shape.reduced = {vars.l};
  shape.reducer = ReducerKind::Mul;
  shape.filter = makeFilter(value, filter);
  shape.more = llvm::to_vector(more);
  return emitter.emit(name, value, shape);
}

/// The products over j < l <= i and j < l < i: one factor more at every i.
void ChunkDecay::scan() {
  Expr isOne = context.compare(ExprKind::Equal, var(vars.j), var(vars.i));
  Expr step = getProduct(
      "a", context.compare(ExprKind::Equal, var(vars.l), var(vars.i)),
      {vars.i});
  TensorAccess access = *leaves.getAccess(step);
  StepEmitter::Shape shape;
  for (auto group : access.groups) {
    llvm::replace(group, vars.i, vars.j);
    shape.groups.push_back(group);
  }
  Value start = emitter.emitTensor("zero", context.constant(0), shape);
  ValueRange results =
      emitter.emitIterate(vars.i, start, {"d"}, [&](ValueRange states) {
        Expr old = leaves.read(states.front(), shape.groups);
        Expr next = context.select(isOne, context.constant(1), step * old);
        Value value = emitter.emitTensor("D", next, shape);
        auto name = [&](StringRef text) {
          return emitter.builder.getStringAttr(text);
        };
        return StepEmitter::Body{{value},
                                 {value, states.front()},
                                 {name("_"), name("D"), name("DB")}};
      });
  for (bool isBefore : {false, true}) {
    Value tensor = results[1 + isBefore];
    Groups groups;
    for (StringAttr rank : cast<attn::TensorType>(tensor.getType()).getRanks())
      groups.push_back({rank});
    between[isBefore] = leaves.read(tensor, groups);
  }
}

static Expr multiply(ExprContext &context, ArrayRef<Expr> factors) {
  SmallVector<Expr> present{context.constant(1)};
  llvm::copy_if(factors, std::back_inserter(present),
                [](Expr factor) { return bool(factor); });
  return context.mul(present);
}

Expr ChunkDecay::getBetween(bool isBefore) {
  Expr fromLog, fromBase;
  if (log)
    fromLog = exp(getLogSum(isBefore) -
                  leaves.rename(getLogSum(false), {{vars.i, vars.j}}));
  if (base)
    fromBase = makePower(var(vars.i) - var(vars.j) - double(isBefore));
  if (factor && !between[isBefore])
    scan();
  return multiply(context, {fromLog, fromBase, between[isBefore]});
}

Expr ChunkDecay::getSince(bool isBefore) {
  Expr fromLog, fromBase;
  if (log)
    fromLog = exp(getLogSum(isBefore));
  if (base)
    fromBase = makePower(var(vars.i) + double(!isBefore));
  if (factor && !since[isBefore])
    since[isBefore] = getProduct(
        isBefore ? "aB" : "aI",
        context.compare(isBefore ? ExprKind::Less : ExprKind::LessEqual,
                        var(vars.l), var(vars.i)),
        {vars.i});
  return multiply(context, {fromLog, fromBase, since[isBefore]});
}

Expr ChunkDecay::getUntil() {
  Expr fromLog, fromBase;
  Expr range = context.compare(ExprKind::Less, var(vars.j), var(vars.l));
  if (log) {
    // A sum of its own: the difference of two longer ones would lose digits.
    Expr value = atStep(log, vars.stepL);
    StepEmitter::Shape shape;
    shape.reduced = {vars.l};
    shape.filter = makeFilter(value, range);
    shape.more = {vars.j};
    fromLog = exp(emitter.emit("GU", value, shape));
  }
  if (base)
    fromBase = makePower(getCount() - var(vars.j) - 1.0);
  if (factor && !until)
    until = getProduct("aU", range, {vars.j});
  return multiply(context, {fromLog, fromBase, until});
}

Expr ChunkDecay::getWhole() {
  Expr fromLog, fromBase;
  if (log)
    fromLog = exp(getLogSum());
  if (base)
    fromBase = makePower(getCount());
  if (factor && !whole)
    whole = getProduct("aW", Expr(), {});
  return multiply(context, {fromLog, fromBase, whole});
}

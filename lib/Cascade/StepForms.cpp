//===- StepForms.cpp - An iteration's body as affine maps of its state ----===//

#include "lib/Cascade/StepForms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn;

StepForms::StepForms(IterateOp iterate, StepLeaves &leaves,
                     StepEmitter &emitter)
    : iterate(iterate), leaves(leaves), emitter(emitter),
      context(leaves.getContext()) {
  for (BlockArgument state : iterate.getBody().getArguments())
    leaves.setState(state);
}

StringRef StepForms::getStateName(unsigned state) {
  return cast<StringAttr>(iterate.getStateNames()[state]).getValue();
}

static YieldOp getYield(IterateOp iterate) {
  return cast<YieldOp>(iterate.getBody().front().getTerminator());
}

Operation *StepForms::getNextOp(unsigned state) {
  Operation *op = getYield(iterate).getOperand(state).getDefiningOp();
  return op ? op : iterate.getOperation();
}

static Groups getGroups(EinsumOp einsum) {
  Groups groups;
  for (auto group : einsum.getOut().getAsRange<ArrayAttr>())
    llvm::append_range(groups.emplace_back(), group.getAsRange<StringAttr>());
  return groups;
}

static bool isOneOf(const Groups &groups, StringAttr var) {
  return llvm::any_of(groups, [&](const auto &group) {
    return llvm::is_contained(group, var);
  });
}

//===----------------------------------------------------------------------===//
// What is not affine
//===----------------------------------------------------------------------===//

/// The smallest part of `value` that is not affine in the accumulators, or
/// null.
Expr StepForms::findNonLinear(Expr value) {
  for (Expr expr : postOrder(value)) {
    if (!expr.hasAccumulator() || expr.is(ExprKind::Leaf) ||
        expr.is(ExprKind::Add))
      continue;
    unsigned moving = llvm::count_if(
        expr.operands(), [](Expr part) { return part.hasAccumulator(); });
    bool isAffine = expr.is(ExprKind::Mul) && moving == 1;
    // Of a choice, the condition has to be independent.
    isAffine |= expr.is(ExprKind::Select) && !expr.operand(0).hasAccumulator();
    if (!isAffine)
      return expr;
  }
  return Expr();
}

/// Whether `factor` is 1 where two variables are equal, and 0 elsewhere.
static std::optional<std::pair<StringAttr, StringAttr>>
getEqualVars(StepLeaves &leaves, Expr factor) {
  if (!factor.is(ExprKind::Select) || !factor.operand(1).isConstant(1) ||
      !factor.operand(2).isConstant(0))
    return std::nullopt;
  const StepLeaf *leaf = factor.operand(0).is(ExprKind::Leaf)
                             ? leaves.lookup(factor.operand(0))
                             : nullptr;
  auto compare = leaf && leaf->slice
                     ? leaf->slice.getDefiningOp<arith::CmpIOp>()
                     : nullptr;
  if (!compare || compare.getPredicate() != arith::CmpIPredicate::eq)
    return std::nullopt;
  auto a = compare.getLhs().getDefiningOp<RankVarOp>();
  auto b = compare.getRhs().getDefiningOp<RankVarOp>();
  if (!a || !b)
    return std::nullopt;
  return std::pair(leaf->renamed.lookup(a.getRankAttr()),
                   leaf->renamed.lookup(b.getRankAttr()));
}

/// `select(c, a, b)` as `b + select(c, 1, 0) * (a - b)`, where c says that
/// two coordinates are equal, or a or b depend on the state.
Expr StepForms::splitSelects(Expr value) {
  ExprMap map;
  for (Expr expr : postOrder(value)) {
    if (!expr.is(ExprKind::Select) || expr.operand(0).hasAccumulator())
      continue;
    Expr one = context.constant(1), zero = context.constant(0);
    bool isMoving = expr.hasAccumulator();
    bool isIndicator =
        getEqualVars(leaves, context.select(expr.operand(0), one, zero))
            .has_value();
    if (!isMoving && !isIndicator)
      continue;
    Expr condition = substitute(expr.operand(0), map);
    Expr a = substitute(expr.operand(1), map);
    Expr b = substitute(expr.operand(2), map);
    map[expr] = b + context.select(condition, one, zero) * (a - b);
  }
  return map.empty() ? value : substitute(value, map);
}

//===----------------------------------------------------------------------===//
// Terms
//===----------------------------------------------------------------------===//

std::optional<StepForm> StepForms::getForm(Value tensor) {
  YieldOp yield = getYield(iterate);
  StepForm form;
  auto makeRef = [&](unsigned state, bool isNext, Groups groups) {
    StepTerm term;
    term.coefficient = context.constant(1);
    term.ref = StateRef{state, isNext, groups};
    form.groups = std::move(groups);
    form.terms.push_back(std::move(term));
    return form;
  };
  if (auto argument = dyn_cast<BlockArgument>(tensor)) {
    Groups groups;
    for (StringAttr rank : cast<attn::TensorType>(tensor.getType()).getRanks())
      groups.push_back({rank});
    return makeRef(argument.getArgNumber(), /*isNext=*/false, groups);
  }
  // The state after the step is a name of its own: what reads it does not
  // multiply it out.
  for (unsigned state = 0; state < getNumStates(); ++state)
    if (yield.getOperand(state) == tensor && forms.count(tensor))
      return makeRef(state, /*isNext=*/true,
                     getGroups(tensor.getDefiningOp<EinsumOp>()));
  auto it = forms.find(tensor);
  if (it == forms.end())
    return std::nullopt;
  return it->second;
}

bool StepForms::eliminate(StepTerm &term) {
  for (Expr factor : getFactors(term.coefficient)) {
    auto equal = getEqualVars(leaves, factor);
    if (!equal)
      continue;
    auto [from, to] = *equal;
    if (!llvm::is_contained(term.sums, from))
      std::swap(from, to);
    if (!llvm::is_contained(term.sums, from) ||
        !leaves.haveSameExtent(from, to))
      continue;
    SmallVector<Expr> others = getFactors(term.coefficient);
    llvm::erase(others, factor);
    others.push_back(context.constant(1));
    Renaming names{{from, to}};
    term.coefficient = leaves.rename(context.mul(others), names);
    llvm::erase(term.sums, from);
    if (term.ref)
      for (auto &group : term.ref->index)
        llvm::replace(group, from, to);
    return true;
  }
  return false;
}

/// Sums over what the state is not read at: an Einsum before the iteration.
bool StepForms::sumApart(EinsumOp einsum, StepTerm &term, StepRefusal &reason) {
  SmallVector<StringAttr> apart;
  for (StringAttr var : term.sums)
    if (!term.ref || !isOneOf(term.ref->index, var))
      apart.push_back(var);
  if (apart.empty())
    return true;
  llvm::erase_if(term.sums, [&](StringAttr var) {
    return llvm::is_contained(apart, var);
  });
  SmallVector<Expr> inside, outside{context.constant(1)};
  for (Expr factor : getFactors(term.coefficient)) {
    bool isInside = llvm::any_of(
        apart, [&](StringAttr var) { return leaves.mentions(factor, var); });
    (isInside ? inside : outside).push_back(factor);
  }
  Expr body = inside.empty() ? context.constant(1) : context.mul(inside);
  // Under declared names.
  Renaming names, back;
  SmallVector<StringAttr> reduced;
  llvm::SmallDenseSet<StringAttr> used;
  SmallVector<StringAttr> vars = leaves.getVars(body);
  for (StringAttr var : apart)
    if (!llvm::is_contained(vars, var))
      vars.push_back(var);
  for (StringAttr var : vars) {
    StringAttr base = leaves.getBase(var);
    if (!used.insert(base).second) {
      reason = {einsum.getLoc(), "`" + body.str() +
                                     "` needs two variables of rank `" +
                                     base.str() + "`"};
      return false;
    }
    names[var] = base;
    if (llvm::is_contained(apart, var))
      reduced.push_back(base);
    else
      back[base] = var;
  }
  body = leaves.rename(body, names);
  SmallVector<Attribute> list(reduced.begin(), reduced.end());
  Expr &sum = sums[{body, ArrayAttr::get(iterate.getContext(), list)}];
  if (!sum)
    sum = emitter.emit("C", body, {reduced});
  outside.push_back(leaves.rename(sum, back));
  term.coefficient = context.mul(outside);
  return true;
}

bool StepForms::reduceTerm(EinsumOp einsum, StepTerm &term, StepForm &form,
                           StepRefusal &reason) {
  // Products of sums came about where coefficients were inlined.
  Expr whole = multiplyOut(term.coefficient);
  for (Expr product : getTerms(whole)) {
    StepTerm part = term;
    part.coefficient = product;
    while (eliminate(part)) {
    }
    if (!sumApart(einsum, part, reason))
      return false;
    if (!part.coefficient.isConstant(0))
      form.terms.push_back(std::move(part));
  }
  return true;
}

bool StepForms::addTerm(EinsumOp einsum, Expr term, StepForm &form,
                        StepRefusal &reason) {
  SmallVector<StringAttr> reduced;
  for (auto reducer : einsum.getReducers().getAsRange<ReduceAttr>())
    reduced.push_back(reducer.getVar());
  Renaming fresh;
  SmallVector<StringAttr> sums;
  llvm::DenseSet<StringAttr> used;
  for (StringAttr var : reduced)
    sums.push_back(fresh[var] = leaves.makeFresh(var, used));
  Expr leaf;
  SmallVector<Expr> others{context.constant(1)};
  for (Expr factor : getFactors(term)) {
    if (factor.hasAccumulator())
      leaf = factor;
    else
      others.push_back(factor);
  }
  Expr outer = leaves.rename(context.mul(others), fresh);
  if (!leaf) {
    StepTerm constant{outer, std::nullopt, sums};
    return reduceTerm(einsum, constant, form, reason);
  }
  std::optional<TensorAccess> access = leaves.getAccess(leaf);
  if (!access) {
    reason = {einsum.getLoc(), "`" + leaf.str() +
                                   "` reads the state elsewhere than at "
                                   "variables"};
    return false;
  }
  std::optional<StepForm> inner = getForm(access->tensor);
  if (!inner) {
    reason = reasons.lookup(access->tensor);
    return false;
  }
  // The tensor's variables become those that it is read at.
  Renaming at;
  bool fits = access->groups.size() == inner->groups.size();
  for (auto [group, vars] : llvm::zip(access->groups, inner->groups)) {
    fits &= group.size() == vars.size();
    if (!fits)
      break;
    for (auto [name, var] : llvm::zip(group, vars)) {
      auto it = fresh.find(name);
      at[var] = it == fresh.end() ? name : it->second;
      fits &= leaves.haveSameExtent(name, var);
    }
  }
  if (!fits) {
    reason = {einsum.getLoc(),
              "`" + leaf.str() + "` reads `" + getSourceName(access->tensor) +
                  "` at other variables than it is written at"};
    return false;
  }
  for (const StepTerm &part : inner->terms) {
    Renaming names = at;
    llvm::DenseSet<StringAttr> usedHere = used;
    StepTerm result;
    result.sums = sums;
    for (StringAttr var : part.sums)
      result.sums.push_back(names[var] = leaves.makeFresh(var, usedHere));
    result.coefficient = outer * leaves.rename(part.coefficient, names);
    result.ref = part.ref;
    if (result.ref)
      for (auto &group : result.ref->index)
        for (StringAttr &var : group)
          if (auto it = names.find(var); it != names.end())
            var = it->second;
    if (!reduceTerm(einsum, result, form, reason))
      return false;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Einsums
//===----------------------------------------------------------------------===//

bool StepForms::makeForm(EinsumOp einsum, StepForm &form, StepRefusal &reason) {
  auto fail = [&](const std::string &text) {
    reason = {einsum.getLoc(), text};
    return false;
  };
  StepEinsum step = leaves.import(einsum);
  if (!step.value)
    return fail(
        "`" +
        (step.opaque ? step.opaque->getName().getStringRef() : StringRef("?"))
            .str() +
        "` is nothing that the algebra can say");
  for (auto reducer : einsum.getReducers().getAsRange<ReduceAttr>())
    if (reducer.getKind() != ReducerKind::Add)
      return fail("a state is reduced by `" +
                  stringifyReducerKind(reducer.getKind()).str() + "`");
  if (!step.resultConditions.empty())
    return fail("`" + step.resultConditions.front().str() +
                "` decides where `" + getSourceName(einsum.getResult()) +
                "` is present");
  Type element = einsum.getResult().getType().getElementType();
  if (element != emitter.getFloatType())
    return fail("a value that depends on the state is rounded to another type");
  for (Value input : einsum.getInputs())
    if (auto it = reasons.find(input);
        it != reasons.end() && !forms.count(input)) {
      reason = it->second;
      return false;
    }
  if (Expr part = findNonLinear(step.value))
    return fail("`" + part.str() + "` is not linear in the state");
  Expr value = step.value;
  for (Expr condition : step.conditions) {
    if (condition.hasAccumulator())
      return fail("`" + condition.str() + "` depends on the state");
    value = value *
            context.select(condition, context.constant(1), context.constant(0));
  }
  for (Value input : einsum.getInputs())
    if (isa<attn::TensorType>(input.getType()) && !leaves.isState(input) &&
        !leaves.isPresent(input))
      return fail("`" + getSourceName(input) +
                  "` may be absent, and the state after it");
  form.groups = getGroups(einsum);
  value = multiplyOut(value);
  for (Expr term : getTerms(value))
    if (!term.isConstant(0) && !addTerm(einsum, term, form, reason))
      return false;
  return true;
}

/// Makes `einsum` read `whole`, a tensor over all steps, for `old`, a tensor of
/// the body.
static void readWhole(EinsumOp einsum, Value old, Value whole,
                      StringAttr step) {
  unsigned place =
      cast<attn::TensorType>(whole.getType()).getRankPosition(step);
  Block &block = einsum.getBody().front();
  OpBuilder builder = OpBuilder::atBlockBegin(&block);
  RankVarOp var;
  for (auto known : block.getOps<RankVarOp>())
    if (known.getRankAttr() == step)
      var = known;
  if (!var)
    var = RankVarOp::create(builder, einsum.getLoc(), builder.getIndexType(),
                            step);
  var->moveBefore(&block, block.begin());
  for (OpOperand &input : einsum->getOpOperands()) {
    if (input.get() != old)
      continue;
    input.set(whole);
    BlockArgument argument = block.getArgument(input.getOperandNumber());
    argument.setType(cast<attn::TensorType>(whole.getType()));
    for (Operation *user : llvm::make_early_inc_range(argument.getUsers())) {
      auto read = cast<ReadOp>(user);
      SmallVector<Value> indices(read.getIndices());
      indices.insert(indices.begin() + place, var.getResult());
      builder.setInsertionPoint(read);
      auto other =
          ReadOp::create(builder, read.getLoc(), read.getResult().getType(),
                         argument, indices);
      read.getResult().replaceAllUsesWith(other.getResult());
      read.erase();
    }
  }
}

/// `einsum` of the body for all steps: the carried rank is a variable.
EinsumOp StepForms::emitWhole(EinsumOp einsum) {
  OpBuilder &builder = emitter.builder;
  StringAttr step = iterate.getRankAttr();
  auto whole = cast<EinsumOp>(builder.clone(*einsum));
  attn::TensorType type = einsum.getResult().getType();
  SmallVector<StringAttr> ranks = emitter.insertRank(type.getRanks(), step);
  unsigned position = llvm::find(ranks, step) - ranks.begin();
  whole.getResult().setType(attn::TensorType::get(builder.getContext(), ranks,
                                                  type.getElementType()));
  SmallVector<Attribute> out(einsum.getOut().begin(), einsum.getOut().end());
  out.insert(out.begin() + position, builder.getArrayAttr(step));
  SmallVector<Attribute> vars;
  for (Attribute group : out)
    llvm::append_range(vars, cast<ArrayAttr>(group));
  for (auto reducer : einsum.getReducers().getAsRange<ReduceAttr>())
    vars.push_back(reducer.getVar());
  whole.setOutAttr(builder.getArrayAttr(out));
  whole.setVarsAttr(builder.getArrayAttr(vars));
  for (Value input : llvm::to_vector(whole.getInputs()))
    if (Value other = wholes.lookupOrNull(input))
      readWhole(whole, input, other, step);
  emitter.note(whole);
  return whole;
}

/// Which affine tensors leave the body, or are read by what is not affine.
bool StepForms::collectReadouts() {
  YieldOp yield = getYield(iterate);
  SmallVector<Value> worklist(yield.getOperands().drop_front(getNumStates()));
  llvm::DenseSet<Value> seen;
  llvm::SetVector<Operation *> later;
  auto addReadout = [&](Value tensor) {
    std::optional<StepForm> form = getForm(tensor);
    if (form)
      readouts.insert({tensor, *form});
    return form.has_value();
  };
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    if (!seen.insert(value).second || !leaves.isState(value))
      continue;
    if (addReadout(value))
      continue;
    auto einsum = value.getDefiningOp<EinsumOp>();
    later.insert(einsum);
    for (Value input : einsum.getInputs()) {
      // A state that is read whole would have to be kept at every step.
      std::optional<StepForm> form = getForm(input);
      bool isWhole =
          form && llvm::any_of(form->terms, [](const StepTerm &term) {
            return term.ref && term.sums.empty();
          });
      if (isWhole && !einsum.getReducers().empty()) {
        const StepRefusal &reason = reasons[value];
        return refuse({reason.loc, "the state would have to be kept at every "
                                   "step: " +
                                       reason.text});
      }
      worklist.push_back(input);
    }
  }
  for (auto einsum : iterate.getBody().getOps<EinsumOp>())
    if (later.contains(einsum))
      rest.push_back(einsum);
  return true;
}

void StepForms::emitRest() {
  for (EinsumOp einsum : rest)
    wholes.map(einsum.getResult(), emitWhole(einsum).getResult());
}

bool StepForms::analyse() {
  for (Operation &op : iterate.getBody().front().without_terminator()) {
    auto einsum = dyn_cast<EinsumOp>(op);
    if (!einsum)
      return refuse(&op, "`" + op.getName().getStringRef().str() +
                             "` stands in the body");
    bool isMoving = llvm::any_of(
        einsum.getInputs(), [&](Value input) { return leaves.isState(input); });
    Value result = einsum.getResult();
    if (!isMoving) {
      Value whole = emitWhole(einsum).getResult();
      wholes.map(result, whole);
      for (Operation *user : llvm::to_vector(result.getUsers()))
        if (auto reader = dyn_cast<EinsumOp>(user))
          readWhole(reader, result, whole, iterate.getRankAttr());
      continue;
    }
    leaves.setState(result);
    StepForm form;
    if (makeForm(einsum, form, reasons[result]))
      forms[result] = std::move(form);
  }
  YieldOp yield = getYield(iterate);
  for (unsigned state = 0; state < getNumStates(); ++state) {
    Value value = yield.getOperand(state);
    if (auto it = forms.find(value); it != forms.end()) {
      next.push_back(it->second);
      continue;
    }
    if (!leaves.isState(value))
      return refuse(getNextOp(state),
                    "`" + getStateName(state).str() +
                        "` does not depend on what it was before");
    if (isa<BlockArgument>(value)) {
      next.push_back(*getForm(value));
      continue;
    }
    return refuse(reasons[value]);
  }
  return collectReadouts();
}

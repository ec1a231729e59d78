//===- EmitExpr.cpp - From expressions to Einsums -------------------------===//

#include "lib/Cascade/EmitExpr.h"
#include "lib/Cascade/EinsumLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// One Einsum
//===----------------------------------------------------------------------===//

SmallVector<StringAttr> EinsumEmitter::getVars(const RankSet &ranks) {
  SmallVector<StringAttr> vars;
  for (auto rank : cascade.getRanks().getAsRange<RankAttr>())
    if (ranks.test(importer.getRank(rank.getName())))
      vars.push_back(rank.getName());
  return vars;
}

RankSet EinsumEmitter::getRanks(ArrayRef<StringAttr> vars) {
  RankSet ranks;
  for (StringAttr var : vars)
    ranks.set(importer.getRank(var));
  return ranks;
}

/// What holds where the tensors that `leaf` reads are present.
ArrayRef<Expr> EinsumEmitter::getConditions(Expr leaf) {
  if (const TensorAccess *access = lookup(leaf))
    return access->conditions;
  if (const LeafSource *source = importer.lookup(leaf))
    return source->conditions;
  return {};
}

SmallVector<Expr> EinsumEmitter::getImplied(const EinsumJob &job) {
  SmallVector<Expr> implied;
  for (Expr expr : postOrder(job.getRoots()))
    if (expr.is(ExprKind::Leaf))
      llvm::append_range(implied, getConditions(expr));
  return implied;
}

EinsumOp EinsumEmitter::emitOne(const EinsumJob &job, OpBuilder &builder) {
  EinsumRegion region(job.loc);
  EinsumLowering lowering(region, accesses, importer, tensors, floatType);
  // An integer stays one.
  auto lower = [&](Expr expr) {
    if (expr.is(ExprKind::Leaf))
      return lowering.getNative(expr);
    if (Value kept = lowering.lowerKept(expr))
      return kept;
    return lowering.lower(expr);
  };
  Value value = lower(job.value);
  if (job.other) {
    Value other = lower(job.other);
    if (value.getType() != other.getType()) {
      value = region.makeCast(value, floatType);
      other = region.makeCast(other, floatType);
    }
    ReducerOp definition = lookupReducer(job.combiner, cascade);
    value = region.combine(job.combiner, definition, value, other);
  }
  SmallVector<Expr> implied = getImplied(job);
  Value filter;
  for (Expr condition : job.conditions) {
    if (llvm::is_contained(implied, condition))
      continue;
    Value next = lower(condition);
    filter = filter ? region.make<arith::AndIOp>(filter, next) : next;
  }
  region.builder.setInsertionPointToEnd(&region.region.front());
  ValueOp::create(region.builder, job.loc, value, filter);

  SmallVector<Attribute> vars, out, reducers;
  SmallVector<StringAttr> ranks;
  for (const auto &group : job.groups) {
    SmallVector<Attribute> names(group.begin(), group.end());
    llvm::append_range(vars, names);
    out.push_back(builder.getArrayAttr(names));
    ranks.push_back(group.front());
    if (group.size() == 1)
      continue;
    for (auto rank : cascade.getRanks().getAsRange<RankAttr>())
      if (rank.getKind() == RankKind::Product &&
          rank.getOperands() == ArrayRef(group))
        ranks.back() = rank.getName();
  }
  for (StringAttr var : job.reduced) {
    vars.push_back(var);
    reducers.push_back(ReduceAttr::get(builder.getContext(), job.reducer, var));
  }
  auto type = attn::TensorType::get(builder.getContext(), ranks,
                                    job.elementType ? job.elementType
                                                    : value.getType());
  auto einsum = EinsumOp::create(
      builder, job.loc, type, region.inputs, builder.getStringAttr(job.name),
      builder.getArrayAttr(vars), builder.getArrayAttr(out),
      builder.getArrayAttr(reducers));
  einsum.getBody().takeBody(region.region);
  if (!job.result)
    return einsum;

  TensorAccess access;
  access.tensor = einsum.getResult();
  access.groups = llvm::to_vector(job.groups);
  if (job.reduced.empty()) {
    llvm::append_range(implied, job.conditions);
    llvm::SmallSetVector<Expr, 4> conditions(implied.begin(), implied.end());
    access.conditions = conditions.takeVector();
  }
  bind(job.result, std::move(access));
  return einsum;
}

//===----------------------------------------------------------------------===//
// Which Einsums
//===----------------------------------------------------------------------===//

struct EinsumEmitter::Plan {
  std::vector<EinsumJob> jobs;
  /// What the leaves of new Einsums stand for.
  ExprMap original;
};

static bool isCostly(ExprKind kind) {
  switch (kind) {
  case ExprKind::Pow:
  case ExprKind::Exp:
  case ExprKind::Log:
  case ExprKind::Tanh:
  case ExprKind::Sigmoid:
  case ExprKind::Erf:
  case ExprKind::Sin:
  case ExprKind::Cos:
  case ExprKind::Call:
    return true;
  default:
    return false;
  }
}

/// The operations under each expression, about; a function counts for many.
static llvm::DenseMap<Expr, unsigned> getCosts(ArrayRef<Expr> roots) {
  constexpr unsigned functionCost = 8, maxCost = 1000;
  llvm::DenseMap<Expr, unsigned> costs;
  for (Expr expr : postOrder(roots)) {
    unsigned cost = isCostly(expr.kind())     ? functionCost
                    : expr.operands().empty() ? 0
                                              : expr.operands().size() - 1;
    for (Expr operand : expr.operands())
      cost = std::min(cost + costs[operand], maxCost);
    costs[expr] = cost;
  }
  return costs;
}
constexpr unsigned worthAnEinsum = 8;

/// A divisor stays with what it divides: 0 / 0 is 0.
static bool isDivisor(Expr expr) {
  return expr.is(ExprKind::Pow) && expr.value() < 0;
}

/// Whether `expr` may be a tensor of its own.
static bool mayStandAlone(Expr expr) {
  if (expr.operands().empty() || isDivisor(expr))
    return false;
  for (Expr factor : getFactors(expr))
    if (!isDivisor(factor) && !factor.is(ExprKind::Constant))
      return expr.ranks().any() || expr.hasAccumulator();
  return false;
}

static std::pair<double, Expr> splitSign(Expr expr) {
  auto [coefficient, rest] = splitCoefficient(expr);
  return coefficient == -1 ? std::pair(-1.0, rest) : std::pair(1.0, expr);
}

RankSet EinsumEmitter::getIterated(const EinsumJob &job) {
  RankSet ranks = getRanks(job.reduced);
  for (const auto &group : job.groups)
    ranks |= getRanks(group);
  return ranks;
}

/// An Einsum for `value`, which `user` needs. A sign is left to the user.
EinsumJob EinsumEmitter::makePart(Plan &plan, const EinsumJob &user,
                                  Expr value) {
  EinsumJob part{user.loc};
  Expr original = substitute(value, plan.original);
  auto name = names.find(original);
  part.name = name == names.end() ? "T" : name->second;
  part.value = value;
  for (StringAttr var : getVars(value.ranks()))
    part.groups.push_back({var});
  part.result =
      context.freshLeaf(part.name, value.ranks(), value.hasAccumulator());
  plan.original[part.result] = original;
  return part;
}

/// Cuts out what several jobs compute.
void EinsumEmitter::share(Plan &plan) {
  SmallVector<Expr> roots;
  llvm::DenseSet<Expr> compared;
  for (const EinsumJob &job : plan.jobs) {
    llvm::append_range(roots, job.getRoots());
    for (Expr condition : job.conditions)
      if (EinsumJob::isSelection(condition)) {
        llvm::append_range(roots, condition.operands());
        compared.insert(condition.operands().begin(),
                        condition.operands().end());
      }
  }
  llvm::DenseMap<Expr, unsigned> costs = getCosts(roots);
  SmallVector<Expr> order = postOrder(roots);

  // The pieces that an expression is in directly: jobs, or what is cut out.
  struct Pieces {
    std::optional<unsigned> first;
    bool several = false;
    unsigned firstJob = ~0u;
    void add(unsigned piece, unsigned job) {
      several |= first && *first != piece;
      first = first.value_or(piece);
      firstJob = std::min(firstJob, job);
    }
  };
  llvm::DenseMap<Expr, Pieces> piecesOf;
  for (auto [i, job] : llvm::enumerate(plan.jobs)) {
    for (Expr root : job.getRoots())
      piecesOf[root].add(i, i);
    for (Expr condition : job.conditions)
      if (EinsumJob::isSelection(condition))
        for (Expr side : condition.operands())
          piecesOf[side].add(i, i);
  }
  unsigned numPieces = plan.jobs.size();
  llvm::MapVector<Expr, unsigned> cut; // and the first job that needs it
  for (Expr expr : llvm::reverse(order)) {
    Pieces pieces = piecesOf[expr];
    bool isCut = pieces.several &&
                 (costs[expr] >= worthAnEinsum || compared.contains(expr)) &&
                 mayStandAlone(expr);
    if (isCut) {
      cut[expr] = pieces.firstJob;
      pieces.several = false;
      pieces.first = numPieces++;
    }
    for (Expr operand : expr.operands()) {
      Pieces &inner = piecesOf[operand];
      inner.add(*pieces.first, pieces.firstJob);
      inner.several |= pieces.several;
    }
  }
  if (cut.empty())
    return;
  ExprMap leaves;
  std::vector<std::vector<EinsumJob>> before(plan.jobs.size());
  for (auto [expr, job] : llvm::reverse(cut)) {
    auto [sign, value] = splitSign(substitute(expr, leaves));
    EinsumJob part = makePart(plan, plan.jobs[job], value);
    leaves[expr] = sign * part.result;
    before[job].push_back(std::move(part));
  }
  std::vector<EinsumJob> jobs;
  for (auto [i, job] : llvm::enumerate(plan.jobs)) {
    llvm::append_range(jobs, before[i]);
    job.substitute(leaves);
    jobs.push_back(job);
  }
  plan.jobs = std::move(jobs);
}

/// A sum over a sum: the factors that all terms have are taken out, so that
/// it becomes a sum of products. Not where a term keeps a divisor, which stays
/// with what it divides.
void EinsumEmitter::splitSum(Plan &plan, unsigned index) {
  EinsumJob &job = plan.jobs[index];
  if (job.reducer != ReducerKind::Add || job.reduced.empty() || job.other ||
      !job.value.is(ExprKind::Add))
    return;
  SmallVector<Expr> common = getFactors(job.value.operand(0));
  llvm::erase_if(common, [&](Expr factor) {
    return factor.is(ExprKind::Constant) ||
           !llvm::all_of(job.value.operands(), [&](Expr term) {
             return llvm::is_contained(getFactors(term), factor);
           });
  });
  if (common.empty())
    return;
  SmallVector<Expr> rest;
  for (Expr term : job.value.operands()) {
    SmallVector<Expr> factors = getFactors(term);
    llvm::erase_if(factors, [&](Expr factor) {
      return llvm::is_contained(common, factor);
    });
    if (llvm::any_of(factors, isDivisor))
      return;
    rest.push_back(factors.empty() ? context.constant(1)
                                   : context.mul(factors));
  }
  common.push_back(context.add(rest));
  job.value = context.mul(common);
}

/// A sum of products becomes one of plain accesses, one for each set of ranks.
void EinsumEmitter::splitProduct(Plan &plan, unsigned index) {
  EinsumJob job = plan.jobs[index];
  if (job.reducer != ReducerKind::Add || job.reduced.empty() || job.other ||
      !job.value.is(ExprKind::Mul))
    return;
  struct Group {
    RankSet ranks;
    SmallVector<Expr> factors;
    bool isPlain() const {
      return factors.size() == 1 && factors.front().is(ExprKind::Leaf);
    }
  };
  SmallVector<Group> groups;
  auto isComputed = [&](const Group &group) {
    return !group.isPlain() || plan.original.count(group.factors.front());
  };
  SmallVector<Expr> factors = getFactors(job.value);
  llvm::stable_sort(factors, [](Expr a, Expr b) {
    return a.ranks().count() > b.ranks().count();
  });
  for (Expr factor : factors) {
    Group *best = nullptr;
    for (Group &group : groups) {
      bool covers = (factor.ranks() & ~group.ranks).none();
      if (covers && (!best || (!isComputed(*best) && isComputed(group))))
        best = &group;
    }
    if (best) {
      best->factors.push_back(factor);
    } else if (isDivisor(factor)) {
      return;
    } else {
      groups.push_back({factor.ranks(), {factor}});
    }
  }
  if (groups.size() < 2)
    return;
  // What was computed comes first, as in `A * V`.
  llvm::stable_sort(groups, [&](const Group &a, const Group &b) {
    return isComputed(a) && !isComputed(b);
  });
  SmallVector<Expr> product;
  std::vector<EinsumJob> parts;
  for (Group &group : groups) {
    if (group.isPlain()) {
      product.push_back(group.factors.front());
      continue;
    }
    parts.push_back(makePart(plan, job, context.mul(group.factors)));
    product.push_back(parts.back().result);
  }
  plan.jobs[index].value = product.front();
  plan.jobs[index].other = context.mul(ArrayRef(product).drop_front());
  plan.jobs[index].combiner = ReducerKind::Mul;
  plan.jobs.insert(plan.jobs.begin() + index, parts.begin(), parts.end());
}

/// Cuts out what is costly and varies along fewer ranks than the Einsum.
void EinsumEmitter::splitCostly(Plan &plan, unsigned index) {
  EinsumJob job = plan.jobs[index];
  RankSet iterated = getIterated(job);
  SmallVector<Expr> roots = job.getRoots();
  llvm::DenseMap<Expr, unsigned> costs = getCosts(roots);
  SmallVector<Expr> order = postOrder(roots);
  llvm::DenseSet<Expr> reached(roots.begin(), roots.end());
  SmallVector<Expr> cut;
  for (Expr expr : llvm::reverse(order)) {
    if (!reached.contains(expr))
      continue;
    bool isWhole = !job.other && expr == job.value;
    if (!isWhole && expr.ranks() != iterated && costs[expr] >= worthAnEinsum &&
        mayStandAlone(expr)) {
      cut.push_back(expr);
      continue;
    }
    for (Expr operand : expr.operands())
      reached.insert(operand);
  }
  ExprMap leaves;
  std::vector<EinsumJob> parts;
  for (Expr expr : llvm::reverse(cut)) {
    auto [sign, value] = splitSign(expr);
    parts.push_back(makePart(plan, job, value));
    leaves[expr] = sign * parts.back().result;
  }
  if (parts.empty())
    return;
  plan.jobs[index].substitute(leaves);
  plan.jobs.insert(plan.jobs.begin() + index, parts.begin(), parts.end());
}

/// A condition that is read or written without a reduced variable would take
/// coordinates from the result of a reduction (S4). It only takes points if it
/// stands on an Einsum before it.
void EinsumEmitter::keepResult(EinsumJob &job, OpBuilder &builder) {
  RankSet reduced = getRanks(job.reduced);
  SmallVector<Expr> implied = getImplied(job);
  auto isOnResult = [&](Expr expr) { return (expr.ranks() & reduced).none(); };
  auto readsOnResult = [&](Expr root) {
    return llvm::any_of(getLeaves(root), [&](Expr leaf) {
      return isOnResult(leaf) && !getConditions(leaf).empty();
    });
  };
  SmallVector<Expr> filter;
  RankSet filterRanks;
  llvm::erase_if(job.conditions, [&](Expr condition) {
    if (!isOnResult(condition))
      return false;
    if (!llvm::is_contained(implied, condition)) {
      filter.push_back(condition);
      filterRanks |= condition.ranks();
    }
    return true;
  });
  // The filter goes to the factor that has its ranks.
  Expr *filtered = &job.value;
  if (job.other && (filterRanks & ~job.value.ranks()).any() &&
      (filterRanks & ~job.other.ranks()).none())
    filtered = &job.other;
  for (Expr *root : {&job.value, &job.other}) {
    bool needsFilter = root == filtered && !filter.empty();
    if (!*root || !(readsOnResult(*root) || needsFilter))
      continue;
    EinsumJob part{job.loc};
    part.name = "T";
    part.value = *root;
    RankSet ranks = root->ranks();
    if (needsFilter) {
      part.conditions = filter;
      ranks |= filterRanks;
    }
    if ((ranks & reduced).none())
      ranks |= getRanks(job.reduced.front());
    for (StringAttr var : getVars(ranks))
      part.groups.push_back({var});
    part.result = context.freshLeaf(part.name, ranks);
    emitOne(part, builder);
    *root = part.result;
  }
}

void EinsumEmitter::emit(std::vector<EinsumJob> jobs, OpBuilder &builder,
                         OpBuilder *outside, const RankSet &walked,
                         const llvm::DenseSet<Expr> &moving) {
  Plan plan;
  plan.jobs = std::move(jobs);
  share(plan);
  for (unsigned i = plan.jobs.size(); i-- > 0;) {
    unsigned before = plan.jobs.size();
    splitSum(plan, i);
    splitProduct(plan, i);
    splitCostly(plan, i + plan.jobs.size() - before);
    // What was cut out stands before, and is looked at next.
    i += plan.jobs.size() - before;
  }
  llvm::DenseSet<Expr> inside = moving;
  auto mayLeave = [&](const EinsumJob &job) {
    if (!outside || !job.reduced.empty() || job.other)
      return false;
    if ((job.value.ranks() & walked).any())
      return false;
    return !contains(job.value,
                     [&](Expr expr) { return inside.contains(expr); });
  };
  for (EinsumJob &job : plan.jobs) {
    bool leaves = plan.original.count(job.result) && mayLeave(job);
    if (!leaves && job.result)
      inside.insert(job.result);
    if (!job.reduced.empty())
      keepResult(job, builder);
    emitOne(job, leaves ? *outside : builder);
  }
}

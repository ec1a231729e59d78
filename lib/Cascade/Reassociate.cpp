//===- Reassociate.cpp - Products in the order that costs least -----------===//
//
// Einsums that only multiply and add, and that nothing else reads, are one sum
// of products with the Einsum that reads them. ContractionOrder finds in which
// order its factors cost least; here the sum is put together and written again.
//
// Only factors that are present everywhere take part. Where a factor is absent,
// it depends on the order whether a coordinate of the result is absent or a sum
// over no point (S4); an Einsum with a filter is no part of a product.
//
//===----------------------------------------------------------------------===//

#include "lib/Analysis/CallExtents.h"
#include "lib/Analysis/OperationCounts.h"
#include "lib/Cascade/ContractionOrder.h"
#include "lib/Cascade/Passes.h"
#include "lib/Cascade/StepEmitter.h"

#include "llvm/Support/Format.h"

#include <cmath>

namespace attn {
#define GEN_PASS_DEF_REASSOCIATE
#include "lib/Cascade/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {

/// An Einsum that is a sum of products, with what it reads put in.
struct Product {
  EinsumOp root;
  /// What is multiplied, and what varies along nothing.
  SmallVector<Expr> factors, scalars;
  SmallVector<StringAttr> reduced;
  /// The Einsums that it consists of, and what they cost as written.
  SmallVector<EinsumOp> parts;
  Polynomial cost;
};

class Reassociation {
public:
  Reassociation(CascadeOp cascade, const llvm::StringMap<int64_t> &assumed)
      : cascade(cascade), assumed(assumed), leaves(context, cascade) {}
  void run();

private:
  bool addFactors(EinsumOp einsum, Product &product);
  bool inlineFactor(unsigned index, Product &product);
  void rewrite(Product &product);
  Expr emitTree(const ContractionTree &tree, Product &product,
                StepEmitter &emitter, bool isRoot);
  Contraction makeContraction(Product &product);
  SmallVector<StringAttr> getVars(NumberSet set);
  NumberSet getSet(ArrayRef<StringAttr> names);
  std::string describe(const ContractionTree &tree, const Product &product);
  std::optional<double> evaluate(const Polynomial &cost);
  std::string describeChoice(const Polynomial &best, const Polynomial &other);
  SmallVector<StringAttr> getOpenRanks(const Polynomial &a,
                                       const Polynomial &b);

  CascadeOp cascade;
  const llvm::StringMap<int64_t> &assumed;
  ExprContext context;
  StepLeaves leaves;
  SmallVector<StringAttr> ranks;
  llvm::DenseSet<Operation *> absorbed;
};

} // namespace

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

static SmallVector<StringAttr> getReduced(EinsumOp einsum) {
  SmallVector<StringAttr> reduced;
  for (auto reducer : einsum.getReducers().getAsRange<ReduceAttr>())
    reduced.push_back(reducer.getVar());
  return reduced;
}

/// Whether a 0 / 0 (S5) in it depends on what it is multiplied with.
static bool dividesByData(Expr factor) {
  return factor.is(ExprKind::Pow) && factor.value() < 0 && factor.ranks().any();
}

/// Adds what `einsum` multiplies, if it only multiplies and adds.
bool Reassociation::addFactors(EinsumOp einsum, Product &product) {
  Type element = einsum.getResult().getType().getElementType();
  if (!isa<FloatType>(element) || element != getComputeType(element) ||
      element != einsum.getValue().getType() || einsum.getFilter())
    return false;
  for (auto reducer : einsum.getReducers().getAsRange<ReduceAttr>())
    if (reducer.getKind() != ReducerKind::Add)
      return false;
  StepEinsum step = leaves.import(einsum);
  if (!step.value || !step.conditions.empty() ||
      !step.resultConditions.empty() || step.value.is(ExprKind::Add))
    return false;
  for (Value input : einsum.getInputs())
    if (isa<attn::TensorType>(input.getType()) && !leaves.isPresent(input))
      return false;
  for (Expr factor : getFactors(step.value)) {
    if (dividesByData(factor))
      return false;
    auto [base, exponent] = splitPower(factor);
    unsigned times = exponent >= 1 && exponent <= 4 &&
                             std::floor(exponent) == exponent &&
                             base.is(ExprKind::Leaf)
                         ? exponent
                         : 1;
    Expr single = times > 1 ? base : factor;
    auto &list = factor.ranks().any() ? product.factors : product.scalars;
    list.append(times, single);
  }
  llvm::append_range(product.reduced, getReduced(einsum));
  product.parts.push_back(einsum);
  // As it stands, all of it at every point.
  Contraction points = makeContraction(product);
  SmallVector<StringAttr> vars = einsum.getOutVars();
  llvm::append_range(vars, getReduced(einsum));
  product.cost += points.count(getSet(vars));
  return true;
}

/// Puts what a factor is computed from in its place, if that is a sum of
/// products that nothing else reads.
bool Reassociation::inlineFactor(unsigned index, Product &product) {
  std::optional<TensorAccess> access = leaves.getAccess(product.factors[index]);
  if (!access)
    return false;
  auto maker = access->tensor.getDefiningOp<EinsumOp>();
  if (!maker || maker->getParentOp() != cascade || !maker->hasOneUse())
    return false;
  unsigned reads = llvm::count_if(product.factors, [&](Expr factor) {
    return llvm::any_of(getLeaves(factor), [&](Expr leaf) {
      const StepLeaf *source = leaves.lookup(leaf);
      return source && llvm::is_contained(source->inputs, access->tensor);
    });
  });
  if (reads > 1)
    return false;
  Product inner;
  inner.root = maker;
  if (!addFactors(maker, inner))
    return false;
  // Its variables are those that it is read at.
  Renaming names;
  for (auto [group, vars] :
       llvm::zip(access->groups, maker.getOut().getAsRange<ArrayAttr>())) {
    if (group.size() != vars.size())
      return false;
    for (auto [name, var] : llvm::zip(group, vars.getAsRange<StringAttr>())) {
      if (!leaves.haveSameExtent(name, var))
        return false;
      names[var] = name;
    }
  }
  // A variable that it sums over must not be one of the product's.
  llvm::SmallDenseSet<StringAttr> used;
  for (StringAttr var : product.root.getOutVars())
    used.insert(var);
  used.insert(product.reduced.begin(), product.reduced.end());
  for (StringAttr var : inner.reduced)
    if (used.contains(var))
      return false;
  // In its place, so that factors stand as they were written.
  product.factors.erase(product.factors.begin() + index);
  for (Expr factor : llvm::reverse(inner.factors))
    product.factors.insert(product.factors.begin() + index,
                           leaves.rename(factor, names));
  llvm::append_range(product.scalars, inner.scalars);
  llvm::append_range(product.reduced, inner.reduced);
  llvm::append_range(product.parts, inner.parts);
  product.cost += inner.cost;
  return true;
}

//===----------------------------------------------------------------------===//
// Costs
//===----------------------------------------------------------------------===//

SmallVector<StringAttr> Reassociation::getVars(NumberSet set) {
  SmallVector<StringAttr> vars;
  for (auto [i, rank] : llvm::enumerate(ranks))
    if (set >> i & 1)
      vars.push_back(rank);
  return vars;
}

NumberSet Reassociation::getSet(ArrayRef<StringAttr> names) {
  NumberSet set = 0;
  for (StringAttr name : names)
    set |= NumberSet(1) << (llvm::find(ranks, name) - ranks.begin());
  return set;
}

Contraction Reassociation::makeContraction(Product &product) {
  Contraction contraction;
  for (StringAttr rank : ranks) {
    std::optional<int64_t> extent = cascade.getFixedExtent(rank);
    contraction.extents.push_back(
        extent ? Polynomial(*extent)
               : Polynomial(CascadeCounts::getExtentSymbol(rank)));
  }
  for (Expr factor : product.factors)
    contraction.factors.push_back(getSet(leaves.getVars(factor)));
  SmallVector<StringAttr> out = product.root.getOutVars();
  contraction.out = getSet(out);
  return contraction;
}

/// The free ranks that two costs depend on.
SmallVector<StringAttr> Reassociation::getOpenRanks(const Polynomial &a,
                                                    const Polynomial &b) {
  SmallVector<StringAttr> open;
  for (StringAttr rank : ranks) {
    StringAttr symbol = CascadeCounts::getExtentSymbol(rank);
    if (a.mentions(symbol) || b.mentions(symbol))
      open.push_back(rank);
  }
  return open;
}

/// The cost under the assumptions, if they are enough.
std::optional<double> Reassociation::evaluate(const Polynomial &cost) {
  for (StringAttr rank : getOpenRanks(cost, Polynomial()))
    if (!assumed.count(rank.getValue()))
      return std::nullopt;
  return cost.evaluate([&](StringAttr symbol) -> double {
    return assumed.lookup(symbol.getValue().drop_front().drop_back());
  });
}

static std::string print(const Polynomial &polynomial) {
  std::string text;
  llvm::raw_string_ostream(text) << polynomial;
  return text;
}

static std::string print(double number) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (number < 1e6)
    os << int64_t(number);
  else
    os << llvm::format("%.3g", number);
  return text;
}

/// Where `best` costs less than `other`: as an inequality, and for each assumed
/// extent where it turns.
std::string Reassociation::describeChoice(const Polynomial &best,
                                          const Polynomial &other) {
  auto [less, more] = Polynomial::cancel(best, other);
  std::string turns, text = "less where " + print(less) + " < " + print(more);
  for (StringAttr rank : getOpenRanks(less, more)) {
    // In one extent both are linear: no product has a variable twice.
    auto gain = [&](double extent) {
      auto value = [&](StringAttr symbol) -> double {
        StringRef name = symbol.getValue().drop_front().drop_back();
        return name == rank.getValue() ? extent : assumed.lookup(name);
      };
      return more.evaluate(value) - less.evaluate(value);
    };
    double slope = gain(1) - gain(0);
    double root = slope ? -gain(0) / slope : 0;
    if (root > 1)
      turns += (turns.empty() ? "" : ", ") + rank.str() +
               (slope > 0 ? " > " : " < ") + print(root);
  }
  if (!turns.empty())
    text += " (other extents as assumed: " + turns + ")";
  return text;
}

/// `((Q K) V)`.
std::string Reassociation::describe(const ContractionTree &tree,
                                    const Product &product) {
  if (tree.left)
    return "(" + describe(*tree.left, product) + " " +
           describe(*tree.right, product) + ")";
  Expr factor = product.factors[tree.factor];
  if (std::optional<TensorAccess> access = leaves.getAccess(factor))
    return getSourceName(access->tensor);
  return factor.str();
}

//===----------------------------------------------------------------------===//
// Rewriting
//===----------------------------------------------------------------------===//

Expr Reassociation::emitTree(const ContractionTree &tree, Product &product,
                             StepEmitter &emitter, bool isRoot) {
  if (!tree.left)
    return product.factors[tree.factor];
  Expr left = emitTree(*tree.left, product, emitter, /*isRoot=*/false);
  Expr right = emitTree(*tree.right, product, emitter, /*isRoot=*/false);
  StepEmitter::Shape shape;
  shape.reduced = getVars(tree.product & ~tree.kept);
  Expr value = left * right;
  std::string name = "T";
  if (isRoot) {
    for (Expr scalar : product.scalars)
      value = value * scalar;
    for (auto group : product.root.getOut().getAsRange<ArrayAttr>())
      llvm::append_range(shape.groups.emplace_back(),
                         group.getAsRange<StringAttr>());
    name = getSourceName(product.root.getResult());
  }
  return emitter.emit(name, value, shape);
}

void Reassociation::rewrite(Product &product) {
  for (unsigned i = 0; i < product.factors.size();)
    if (!inlineFactor(i, product))
      ++i;
    else
      i = 0;
  if (product.factors.size() < 3)
    return;
  for (EinsumOp part : product.parts)
    absorbed.insert(part);
  Contraction contraction = makeContraction(product);
  std::vector<ContractionOrder> orders = findOrders(contraction);
  if (orders.empty()) {
    product.root.emitRemark()
        << "the product of " << product.factors.size()
        << " factors has more orders than are compared; it stays as written";
    return;
  }
  // What is known to cost no more than all others, or what costs least under
  // the assumptions.
  const ContractionOrder *best = &orders.front();
  std::optional<double> least = evaluate(best->cost);
  for (const ContractionOrder &order : orders) {
    std::optional<double> cost = evaluate(order.cost);
    if (!cost)
      least = std::nullopt;
    else if (least && *cost < *least)
      best = &order, least = cost;
  }
  bool isCertain = orders.size() == 1 && best->cost.isAtMost(product.cost);
  std::optional<double> written = evaluate(product.cost);
  if (!isCertain && (!least || !written)) {
    auto remark = product.root.emitRemark();
    remark << "the best order depends on extents that are free: as written "
           << print(product.cost) << " multiply-adds";
    for (const ContractionOrder &order : orders)
      remark << ", `" << describe(*order.tree, product) << "` "
             << print(order.cost);
    remark << "; it stays as written unless extents are assumed";
    return;
  }
  if (isCertain ? product.cost.isAtMost(best->cost) : *written <= *least)
    return;
  {
    auto remark = product.root.emitRemark();
    remark << "multiplied as `" << describe(*best->tree, product)
           << "`: " << print(best->cost) << " multiply-adds, "
           << print(product.cost) << " as written";
    if (!isCertain)
      remark << "; " << describeChoice(best->cost, product.cost);
  }
  StepEmitter emitter(leaves,
                      product.root.getResult().getType().getElementType(),
                      product.root.getLoc(), OpBuilder(product.root));
  emitter.setOrder(ranks);
  Expr result = emitTree(*best->tree, product, emitter, /*isRoot=*/true);
  product.root.getResult().replaceAllUsesWith(leaves.getAccess(result)->tensor);
}

void Reassociation::run() {
  for (auto rank : cascade.getRanks().getAsRange<RankAttr>())
    ranks.push_back(rank.getName());
  if (ranks.size() > 64)
    return;
  SmallVector<EinsumOp> einsums;
  for (auto einsum : cascade.getBody().getOps<EinsumOp>())
    einsums.push_back(einsum);
  // What reads comes before what is read, which may become a part of it.
  for (EinsumOp einsum : llvm::reverse(einsums)) {
    Product product;
    product.root = einsum;
    if (!absorbed.contains(einsum) && addFactors(einsum, product))
      rewrite(product);
  }
  // Only now: leaves know tensors by their address.
  for (EinsumOp einsum : llvm::reverse(einsums))
    if (absorbed.contains(einsum) && einsum->use_empty())
      einsum.erase();
}

namespace {
struct Reassociate : attn::impl::ReassociateBase<Reassociate> {
  using ReassociateBase::ReassociateBase;

  void runOnOperation() override {
    std::vector<std::string> texts(assume.begin(), assume.end());
    FailureOr<llvm::StringMap<int64_t>> assumed =
        parseExtents(texts, "assume", &getContext());
    if (failed(assumed))
      return signalPassFailure();
    Reassociation(getOperation(), *assumed).run();
  }
};
} // namespace

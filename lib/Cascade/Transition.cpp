//===- Transition.cpp - The family of a linear recurrence's transition ----===//

#include "lib/Cascade/Transition.h"

using namespace mlir;
using namespace attn;

namespace {

/// One product of the mixing part, before products are merged.
struct Factored {
  Expr x, y;
};

class TransitionFinder {
public:
  TransitionFinder(StepForms &forms, StepLeaves &leaves, unsigned state)
      : forms(forms), leaves(leaves), context(leaves.getContext()),
        state(state) {}
  std::optional<Transition> run();

private:
  bool add(const StepTerm &term);
  bool addMixing(const StepTerm &term);
  bool split(Expr product, bool mayUnfold);
  bool refuse(std::string text) {
    forms.refuse(forms.getNextOp(state), std::move(text));
    return false;
  }
  std::string getName() { return "`" + forms.getStateName(state).str() + "`"; }
  bool varies(Expr expr, bool inside) {
    return llvm::any_of(transition.mixed, [&](auto &pair) {
      return leaves.mentions(expr, inside ? pair.second : pair.first);
    });
  }

  StepForms &forms;
  StepLeaves &leaves;
  ExprContext &context;
  unsigned state;
  Transition transition;
  SmallVector<Factored> factored;
};

} // namespace

/// Makes one product of those that agree in one of their factors, until none
/// does: (a + b)(c + d) comes back from its four products.
static void merge(SmallVectorImpl<Factored> &products) {
  auto mergeOnce = [&](bool byX) {
    for (unsigned i = 0; i < products.size(); ++i)
      for (unsigned j = i + 1; j < products.size(); ++j) {
        Factored &a = products[i], &b = products[j];
        if (byX) {
          // x may differ by a number.
          auto [scaleA, restA] = splitCoefficient(a.x);
          auto [scaleB, restB] = splitCoefficient(b.x);
          if (restA != restB || scaleA == 0)
            continue;
          a.y = a.y + b.y * (scaleB / scaleA);
        } else {
          auto [scaleA, restA] = splitCoefficient(a.y);
          auto [scaleB, restB] = splitCoefficient(b.y);
          if (restA != restB || scaleA == 0)
            continue;
          a.x = a.x + b.x * (scaleB / scaleA);
        }
        products.erase(products.begin() + j);
        return true;
      }
    return false;
  };
  while (mergeOnce(/*byX=*/false) || mergeOnce(/*byX=*/true)) {
  }
  llvm::erase_if(products, [](Factored &product) {
    return product.x.isConstant(0) || product.y.isConstant(0);
  });
}

/// Divides a product into what varies where the state is written, and where it
/// is read.
bool TransitionFinder::split(Expr product, bool mayUnfold) {
  SmallVector<Expr> x{context.constant(1)}, y{context.constant(1)};
  for (Expr factor : getFactors(product)) {
    if (varies(factor, /*inside=*/true) && varies(factor, /*inside=*/false)) {
      // A matrix that another Einsum makes may be a sum of products.
      Expr inner = mayUnfold ? leaves.unfold(factor) : factor;
      if (inner == factor)
        return refuse("the transition of " + getName() + " is dense: `" +
                      factor.str() +
                      "` is no sum of products of a factor for each side");
      SmallVector<Expr> others = getFactors(product);
      llvm::erase(others, factor);
      others.push_back(inner);
      StepTerm term;
      term.coefficient = context.mul(others);
      return addMixing(term);
    }
    (varies(factor, /*inside=*/true) ? y : x).push_back(factor);
  }
  factored.push_back({context.mul(x), context.mul(y)});
  return true;
}

bool TransitionFinder::addMixing(const StepTerm &term) {
  Expr whole = forms.multiplyOut(term.coefficient);
  for (Expr product : getTerms(whole)) {
    if (product.isConstant(0))
      continue;
    // `select(e' == e, 1, 0)` reads in place.
    StepTerm part;
    part.coefficient = product;
    for (auto &[own, inner] : transition.mixed)
      part.sums.push_back(inner);
    if (forms.eliminate(part)) {
      while (forms.eliminate(part)) {
      }
      if (!part.sums.empty())
        return refuse("the transition of " + getName() +
                      " mixes some of its ranks in place");
      transition.diagonal = transition.diagonal
                                ? transition.diagonal + part.coefficient
                                : part.coefficient;
      continue;
    }
    if (!split(product, /*mayUnfold=*/true))
      return false;
  }
  return true;
}

bool TransitionFinder::add(const StepTerm &term) {
  if (!term.ref) {
    transition.inputs.push_back(term.coefficient);
    return true;
  }
  if (term.ref->isNext || term.ref->state != state)
    return refuse(getName() + " depends on `" +
                  forms.getStateName(term.ref->state).str() +
                  "`: coupled states have no chunkwise form here");
  SmallVector<std::pair<StringAttr, StringAttr>> mixed;
  for (auto [group, own] : llvm::zip(term.ref->index, transition.groups)) {
    if (group == own)
      continue;
    if (group.size() != 1 || own.size() != 1 ||
        !llvm::is_contained(term.sums, group.front()))
      return refuse(getName() + " is read at `" + group.front().str() +
                    "` where it is written at `" + own.front().str() + "`");
    mixed.push_back({own.front(), group.front()});
  }
  if (mixed.empty()) {
    transition.diagonal = transition.diagonal
                              ? transition.diagonal + term.coefficient
                              : term.coefficient;
    return true;
  }
  // All terms that mix sum over the same ranks, under the same names.
  Renaming names;
  if (transition.mixed.empty())
    transition.mixed = mixed;
  if (transition.mixed.size() != mixed.size())
    return refuse("the transition of " + getName() +
                  " mixes other ranks in one term than in another");
  for (auto [pair, known] : llvm::zip(mixed, transition.mixed)) {
    if (pair.first != known.first)
      return refuse("the transition of " + getName() + " mixes `" +
                    known.first.str() + "` in one term and `" +
                    pair.first.str() + "` in another");
    names[pair.second] = known.second;
  }
  StepTerm renamed = term;
  renamed.coefficient = leaves.rename(term.coefficient, names);
  return addMixing(renamed);
}

std::optional<Transition> TransitionFinder::run() {
  const StepForm &next = forms.getNext(state);
  transition.groups = next.groups;
  for (const StepTerm &term : next.terms)
    if (!add(term))
      return std::nullopt;
  merge(factored);
  constexpr unsigned maxProducts = 4;
  if (factored.size() > maxProducts) {
    refuse("the transition of " + getName() + " is a sum of " +
           std::to_string(factored.size()) + " products, more than " +
           std::to_string(maxProducts));
    return std::nullopt;
  }
  for (const Factored &product : factored)
    transition.products.push_back({product.x, product.y});
  if (transition.products.empty())
    transition.mixed.clear();
  if (transition.diagonal && transition.diagonal.isConstant(0))
    transition.diagonal = Expr();
  if (!transition.diagonal && transition.products.empty()) {
    refuse(getName() + " does not depend on what it was before");
    return std::nullopt;
  }
  return std::move(transition);
}

std::optional<Transition>
attn::findTransition(StepForms &forms, StepLeaves &leaves, unsigned state) {
  return TransitionFinder(forms, leaves, state).run();
}

//===----------------------------------------------------------------------===//
// In words
//===----------------------------------------------------------------------===//

/// Whether x is y times something that does not vary along the mixed ranks.
static bool isSymmetric(StepLeaves &leaves, const Transition &transition) {
  const Transition::Product &product = transition.products.front();
  Renaming names;
  for (auto &[own, inner] : transition.mixed)
    names[inner] = own;
  Expr ratio =
      leaves.getContext().quotient(product.x, leaves.rename(product.y, names));
  return llvm::none_of(transition.mixed, [&](auto &pair) {
    return leaves.mentions(ratio, pair.first);
  });
}

std::string Transition::describe(StepLeaves &leaves,
                                 ArrayRef<StringAttr> contracted) const {
  bool isIdentity = diagonal && diagonal.isConstant(1);
  bool isScalar = !diagonal || llvm::none_of(contracted, [&](StringAttr var) {
    return leaves.mentions(diagonal, var);
  });
  std::string decay = diagonal ? "`" + diagonal.str() + "`" : "0";
  if (products.empty())
    return isIdentity ? "identity"
           : isScalar ? "scalar, " + decay
                      : "diagonal, " + decay;
  if (products.size() == 1 && isScalar && isSymmetric(leaves, *this))
    return isIdentity ? "Householder-like (the delta rule)"
                      : "Householder-like times a scalar (the gated delta "
                        "rule), " +
                            decay;
  return (isIdentity ? "the identity"
          : isScalar ? "scalar " + decay
                     : "diagonal " + decay) +
         " plus rank " + std::to_string(products.size());
}

//===- ReducerLaws.cpp - What is known of a user-defined reducer ----------===//

#include "lib/Cascade/ReducerLaws.h"
#include "dialect/Attn/Reference/Combiner.h"
#include "dialect/Attn/ReferenceImport.h"
#include "lib/Cascade/ImportExpr.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <memory>
#include <random>

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// Proofs
//===----------------------------------------------------------------------===//

namespace {
/// The reducer's expression on expressions.
class Algebra {
public:
  explicit Algebra(ReducerOp reducer)
      : importer(context, CascadeOp()), reducer(reducer) {}

  Expr makeLeaf(StringRef name) { return context.freshLeaf(name, RankSet()); }
  /// Null where the algebra has no words for it.
  Expr combine(Expr a, Expr b) { return importer.import(reducer, a, b); }
  Expr makeIdentity() {
    auto number = dyn_cast<FloatAttr>(reducer.getIdentity());
    return number ? context.constant(number.getValueAsDouble()) : Expr();
  }

private:
  ExprContext context;
  ExprImporter importer;
  ReducerOp reducer;
};
} // namespace

static bool areEqual(Expr a, Expr b) {
  return a && b && (a == b || expand(a) == expand(b));
}

//===----------------------------------------------------------------------===//
// Trials
//===----------------------------------------------------------------------===//

namespace {
/// Tries a law on random numbers.
class Trial {
public:
  Trial(ReducerOp reducer, reference::Combiner &combiner)
      : type(reducer.getElementType()), combiner(combiner),
        name(("@" + reducer.getSymName()).str()) {}

  /// Both sides of a law for three operands; the texts name them {0}, {1} and
  /// {2}, and the reducer {3}.
  using Side = function_ref<double(double, double, double)>;
  Law run(StringRef leftText, Side left, StringRef rightText, Side right);

private:
  Type type;
  reference::Combiner &combiner;
  std::string name;
  std::mt19937_64 random{1};

  double draw(double magnitude);
  bool areClose(double a, double b, double scale) const;
};
} // namespace

double Trial::draw(double magnitude) {
  // Uniform, so that it is the same on every machine.
  double number = magnitude * (double(random() >> 11) * 0x1p-52 - 1);
  if (isa<FloatType>(type))
    return number;
  return type.isInteger(1) ? number > 0 : std::nearbyint(number);
}

bool Trial::areClose(double a, double b, double scale) const {
  if (!isa<FloatType>(type))
    return a == b;
  scale = std::max({scale, std::fabs(a), std::fabs(b)});
  return std::fabs(a - b) <= 1e-9 * scale;
}

Law Trial::run(StringRef leftText, Side left, StringRef rightText, Side right) {
  constexpr double magnitudes[] = {0.03125, 1, 8, 64, 4096};
  constexpr unsigned numTrials = 256;
  Law law;
  unsigned points = 0;
  for (double magnitude : magnitudes) {
    unsigned finite = 0;
    for (unsigned trial = 0; trial < numTrials; ++trial) {
      double a = draw(magnitude), b = draw(magnitude), c = draw(magnitude);
      double x = left(a, b, c), y = right(a, b, c);
      if (!std::isfinite(x) || !std::isfinite(y))
        continue;
      if (areClose(x, y,
                   std::max({std::fabs(a), std::fabs(b), std::fabs(c)}))) {
        ++finite;
        continue;
      }
      auto write = [&](StringRef text) {
        return llvm::formatv(/*Validate=*/false, text.data(), a, b, c, name)
            .str();
      };
      law.counterexample =
          llvm::formatv("{0} is {1}, but {2} is {3}", write(leftText), x,
                        write(rightText), y)
              .str();
      return law;
    }
    points += finite;
  }
  law.points = points;
  if (points == 0)
    law.counterexample = "it gives no finite number of random ones";
  return law;
}

//===----------------------------------------------------------------------===//
// Laws
//===----------------------------------------------------------------------===//

static std::unique_ptr<reference::Combiner> makeCombiner(ReducerOp reducer) {
  FailureOr<reference::UserReducer> imported = importReference(reducer);
  assert(succeeded(imported) && "reducer_c3 admits what the reference has");
  return std::make_unique<reference::Combiner>(*imported, /*withErrors=*/false);
}

ReducerLaws attn::findLaws(ReducerOp reducer) {
  std::unique_ptr<reference::Combiner> combiner = makeCombiner(reducer);
  auto combine = [&](double x, double y) { return combiner->combine(x, y); };
  Trial trial(reducer, *combiner);
  Algebra algebra(reducer);
  Expr a = algebra.makeLeaf("a"), b = algebra.makeLeaf("b"),
       c = algebra.makeLeaf("c"), ab = algebra.combine(a, b);
  ReducerLaws laws;

  laws.commutative.isProved = areEqual(ab, algebra.combine(b, a));
  if (!laws.commutative.isProved)
    laws.commutative = trial.run(
        "{0} {3} {1}",
        [&](double a, double b, double) { return combine(a, b); },
        "{1} {3} {0}",
        [&](double a, double b, double) { return combine(b, a); });

  Expr bc = algebra.combine(b, c);
  laws.associative.isProved =
      ab && areEqual(algebra.combine(ab, c), algebra.combine(a, bc));
  if (!laws.associative.isProved)
    laws.associative = trial.run(
        "({0} {3} {1}) {3} {2}",
        [&](double a, double b, double c) { return combine(combine(a, b), c); },
        "{0} {3} ({1} {3} {2})",
        [&](double a, double b, double c) {
          return combine(a, combine(b, c));
        });

  // By definition, it leaves a number as it is (S11); but then the expression
  // should not say otherwise.
  Expr identity = algebra.makeIdentity();
  laws.identity.isProved = identity &&
                           areEqual(algebra.combine(identity, a), a) &&
                           areEqual(algebra.combine(a, identity), a);
  double none = combiner->getIdentity();
  auto orNumber = [](double combined, double number) {
    return std::isnan(combined) ? number : combined;
  };
  if (!laws.identity.isProved)
    laws.identity = trial.run(
        "the identity {3} {0}",
        [&](double a, double, double) {
          return orNumber(combiner->evaluate(none, a), a);
        },
        "{0} itself", [&](double a, double, double) { return a; });
  return laws;
}

Reducer attn::makeReducer(ReducerOp reducer) {
  Reducer row;
  row.name = ("@" + reducer.getSymName()).str();
  std::shared_ptr<reference::Combiner> combiner = makeCombiner(reducer);
  row.identity = combiner->getIdentity();
  row.combine = [combiner](double a, double b) {
    return combiner->combine(a, b);
  };
  Algebra algebra(reducer);
  Expr a = algebra.makeLeaf("a"), b = algebra.makeLeaf("b"),
       c = algebra.makeLeaf("c"), ab = algebra.combine(a, b);
  if (!ab)
    return row;
  row.idempotent = areEqual(algebra.combine(a, a), a);
  row.addDistributes = areEqual(c + ab, algebra.combine(c + a, c + b));
  row.mulDistributes = areEqual(c * ab, algebra.combine(c * a, c * b));
  row.positiveMulDistributes =
      row.mulDistributes ||
      areEqual(exp(c) * ab, algebra.combine(exp(c) * a, exp(c) * b));
  return row;
}

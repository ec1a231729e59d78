//===- Polynomial.h - Counts that are symbolic in the extents -------------===//

#ifndef LIB_ANALYSIS_POLYNOMIAL_H
#define LIB_ANALYSIS_POLYNOMIAL_H

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <map>

namespace attn {

/// A polynomial with whole coefficients in symbols that have names:
/// `4 |p| |m| + |p|`. Equal polynomials compare equal.
class Polynomial {
public:
  /// Symbols in the order of their names, each as often as its power says.
  using Monomial = llvm::SmallVector<mlir::StringAttr, 6>;

  Polynomial(int64_t constant = 0);
  explicit Polynomial(mlir::StringAttr symbol);

  Polynomial &operator+=(const Polynomial &other);
  Polynomial operator+(const Polynomial &other) const;
  Polynomial operator*(const Polynomial &other) const;
  bool operator==(const Polynomial &other) const {
    return terms == other.terms;
  }
  bool isZero() const { return terms.empty(); }
  /// Whether it is known to be no more than `other` for all symbols of 1 or
  /// more: each term is covered by terms of `other` that have its symbols, none
  /// used twice. Of polynomials without negative coefficients.
  bool isAtMost(const Polynomial &other) const;
  /// Both without the terms that they have in common.
  static std::pair<Polynomial, Polynomial> cancel(Polynomial a, Polynomial b);

  /// The sum of all terms, with the given value of the symbols of each.
  double evaluateTerms(
      llvm::function_ref<double(llvm::ArrayRef<mlir::StringAttr>)> value) const;
  /// The value where every symbol has the given one.
  double
  evaluate(llvm::function_ref<double(mlir::StringAttr symbol)> value) const;
  /// Whether some term has `symbol`.
  bool mentions(mlir::StringAttr symbol) const;
  void print(llvm::raw_ostream &out) const;

private:
  /// Compares by name, so that what is printed does not depend on addresses.
  struct Less {
    bool operator()(const Monomial &a, const Monomial &b) const;
  };
  std::map<Monomial, int64_t, Less> terms;
};

inline llvm::raw_ostream &operator<<(llvm::raw_ostream &out,
                                     const Polynomial &polynomial) {
  polynomial.print(out);
  return out;
}

} // namespace attn

#endif // LIB_ANALYSIS_POLYNOMIAL_H

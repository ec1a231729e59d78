//===- ExprClosure.cpp - Spaces of functions closed under a shift ---------===//

#include "lib/Analysis/ExprClosure.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace attn;
using llvm::ArrayRef;
using llvm::SmallVector;

static constexpr double tolerance = 1e-9;

/// An expression as coefficients of its expanded monomials.
using Coordinates = llvm::MapVector<Expr, double>;

static Coordinates getCoordinates(Expr expr) {
  Coordinates coordinates;
  for (Expr term : getTerms(expand(expr))) {
    auto [coefficient, monomial] = splitCoefficient(term);
    if (coefficient != 0)
      coordinates[monomial] += coefficient;
  }
  return coordinates;
}

/// The coefficients of `target` in the span of `basis`, if it is in there.
/// The basis is independent and small.
static std::optional<std::vector<double>> solve(ArrayRef<Coordinates> basis,
                                                const Coordinates &target) {
  llvm::MapVector<Expr, unsigned> rowOf;
  for (const Coordinates &column : basis)
    for (auto &[monomial, coefficient] : column)
      rowOf.try_emplace(monomial, rowOf.size());
  for (auto &[monomial, coefficient] : target)
    rowOf.try_emplace(monomial, rowOf.size());
  unsigned n = basis.size();
  std::vector<std::vector<double>> rows(rowOf.size(),
                                        std::vector<double>(n + 1, 0));
  for (auto [j, column] : llvm::enumerate(basis))
    for (auto &[monomial, coefficient] : column)
      rows[rowOf[monomial]][j] = coefficient;
  for (auto &[monomial, coefficient] : target)
    rows[rowOf[monomial]][n] = coefficient;

  for (unsigned j = 0; j < n; ++j) {
    auto pivot =
        std::max_element(rows.begin() + j, rows.end(), [&](auto &a, auto &b) {
          return std::fabs(a[j]) < std::fabs(b[j]);
        });
    std::swap(rows[j], *pivot);
    for (unsigned i = 0; i < rows.size(); ++i) {
      if (i == j || rows[i][j] == 0)
        continue;
      double factor = rows[i][j] / rows[j][j];
      for (unsigned k = j; k <= n; ++k)
        rows[i][k] -= factor * rows[j][k];
    }
  }
  for (unsigned i = n; i < rows.size(); ++i)
    if (std::fabs(rows[i][n]) > tolerance)
      return std::nullopt;
  std::vector<double> solution(n);
  for (unsigned j = 0; j < n; ++j)
    solution[j] = rows[j][n] / rows[j][j];
  return solution;
}

/// `expr` without the factor that makes its first coefficient 1.
static Expr normalise(Expr expr) {
  double content = splitCoefficient(getTerms(expr).front()).first;
  return expr / content;
}

std::optional<ShiftClosure>
ShiftClosure::get(Expr function, ArrayRef<Expr> variables, unsigned maxSize) {
  ShiftClosure closure;
  closure.basis = {function};
  std::vector<Coordinates> coordinates = {getCoordinates(function)};
  if (coordinates.front().empty())
    return std::nullopt;
  // derivatives[v][i] = d basis[i] / d variables[v]
  std::vector<std::vector<Coordinates>> derivatives(variables.size());
  for (unsigned i = 0; i < closure.basis.size(); ++i) {
    for (auto [v, variable] : llvm::enumerate(variables)) {
      Expr derivative = differentiate(closure.basis[i], variable);
      if (!derivative)
        return std::nullopt;
      derivatives[v].push_back(getCoordinates(derivative));
      if (solve(coordinates, derivatives[v].back()))
        continue;
      // What is new in it, not multiplied out, so that (x - u)^2 stays a
      // square.
      SmallVector<Expr> unknown;
      for (Expr term : getTerms(derivative))
        if (!solve(coordinates, getCoordinates(term)))
          unknown.push_back(term);
      if (unknown.empty() || closure.basis.size() == maxSize)
        return std::nullopt;
      closure.basis.push_back(normalise(function.context().add(unknown)));
      coordinates.push_back(getCoordinates(closure.basis.back()));
    }
  }

  unsigned n = closure.basis.size();
  for (unsigned v = 0; v < variables.size(); ++v) {
    Matrix matrix;
    for (unsigned i = 0; i < n; ++i)
      matrix.push_back(*solve(coordinates, derivatives[v][i]));
    double lambda = 0;
    for (unsigned i = 0; i < n; ++i)
      lambda += matrix[i][i] / n;
    for (unsigned i = 0; i < n; ++i)
      matrix[i][i] -= lambda;
    for (auto &row : matrix)
      for (double &entry : row)
        if (std::fabs(entry) < tolerance)
          entry = 0;
    // Nilpotent: the n-th power is 0.
    Matrix power = matrix;
    for (unsigned step = 1; step < n; ++step) {
      Matrix next(n, std::vector<double>(n, 0));
      for (unsigned i = 0; i < n; ++i)
        for (unsigned j = 0; j < n; ++j)
          for (unsigned k = 0; k < n; ++k)
            next[i][j] += power[i][k] * matrix[k][j];
      power = next;
    }
    for (auto &row : power)
      for (double entry : row)
        if (std::fabs(entry) > tolerance)
          return std::nullopt;
    closure.generators.emplace_back(lambda, matrix);
  }
  return closure;
}

std::vector<SmallVector<Expr>>
ShiftClosure::getTransition(ArrayRef<Expr> shifts) const {
  ExprContext &context = basis.front().context();
  unsigned n = basis.size();
  Expr zero = context.constant(0), one = context.constant(1);
  using Rows = std::vector<SmallVector<Expr>>;
  Rows identity(n, SmallVector<Expr>(n, zero));
  for (unsigned i = 0; i < n; ++i)
    identity[i][i] = one;

  // The generators commute, as derivatives do.
  Rows result = identity;
  Expr exponent = zero;
  for (auto [shift, generator] : llvm::zip_equal(shifts, generators)) {
    auto &[lambda, nilpotent] = generator;
    exponent = exponent + lambda * shift;
    Rows power = result;
    for (unsigned step = 1; step < n; ++step) {
      Rows next(n, SmallVector<Expr>(n, zero));
      for (unsigned i = 0; i < n; ++i)
        for (unsigned j = 0; j < n; ++j)
          for (unsigned k = 0; k < n; ++k)
            if (nilpotent[i][k] != 0 && power[k][j] != zero)
              next[i][j] =
                  next[i][j] + nilpotent[i][k] / step * shift * power[k][j];
      power = next;
      for (unsigned i = 0; i < n; ++i)
        for (unsigned j = 0; j < n; ++j)
          result[i][j] = result[i][j] + power[i][j];
    }
  }
  Expr scale = exp(exponent);
  for (auto &row : result)
    for (Expr &entry : row)
      entry = entry * scale;
  return result;
}

//===- Polynomial.cpp - Counts that are symbolic in the extents -----------===//

#include "lib/Analysis/Polynomial.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace attn;

static bool precedes(StringAttr a, StringAttr b) {
  return a.getValue() < b.getValue();
}

/// The longest first: what grows fastest leads.
bool Polynomial::Less::operator()(const Monomial &a, const Monomial &b) const {
  if (a.size() != b.size())
    return a.size() > b.size();
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                      precedes);
}

Polynomial::Polynomial(int64_t constant) {
  if (constant)
    terms[{}] = constant;
}

Polynomial::Polynomial(StringAttr symbol) { terms[{symbol}] = 1; }

Polynomial &Polynomial::operator+=(const Polynomial &other) {
  for (auto &[monomial, coefficient] : other.terms) {
    int64_t &sum = terms[monomial];
    sum += coefficient;
    if (!sum)
      terms.erase(monomial);
  }
  return *this;
}

Polynomial Polynomial::operator+(const Polynomial &other) const {
  Polynomial sum = *this;
  return sum += other;
}

Polynomial Polynomial::operator*(const Polynomial &other) const {
  Polynomial result;
  for (auto &[left, a] : terms)
    for (auto &[right, b] : other.terms) {
      Polynomial product(a * b);
      Monomial monomial = left;
      monomial.append(right.begin(), right.end());
      llvm::sort(monomial, precedes);
      product.terms = {{std::move(monomial), a * b}};
      result += product;
    }
  return result;
}

double
Polynomial::evaluate(llvm::function_ref<double(StringAttr)> value) const {
  double sum = 0;
  for (auto &[monomial, coefficient] : terms) {
    double product = coefficient;
    for (StringAttr symbol : monomial)
      product *= value(symbol);
    sum += product;
  }
  return sum;
}

bool Polynomial::mentions(StringAttr symbol) const {
  return llvm::any_of(terms, [&](auto &term) {
    return llvm::is_contained(term.first, symbol);
  });
}

void Polynomial::print(raw_ostream &out) const {
  if (terms.empty())
    out << 0;
  StringRef separator = "";
  for (auto &[monomial, coefficient] : terms) {
    out << separator;
    separator = " + ";
    if (coefficient != 1 || monomial.empty())
      out << coefficient << (monomial.empty() ? "" : " ");
    llvm::interleave(
        monomial, out, [&](StringAttr symbol) { out << symbol.getValue(); },
        " ");
  }
}

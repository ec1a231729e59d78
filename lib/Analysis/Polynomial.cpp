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

std::pair<Polynomial, Polynomial> Polynomial::cancel(Polynomial a,
                                                     Polynomial b) {
  for (auto &[monomial, coefficient] : Polynomial(a).terms) {
    auto it = b.terms.find(monomial);
    if (it == b.terms.end())
      continue;
    Polynomial common;
    common.terms[monomial] = -std::min(coefficient, it->second);
    a += common;
    b += common;
  }
  return {a, b};
}

/// Whether the symbols of `part` are among those of `whole`, as often.
static bool divides(const Polynomial::Monomial &part,
                    const Polynomial::Monomial &whole) {
  return std::includes(whole.begin(), whole.end(), part.begin(), part.end(),
                       precedes);
}

bool Polynomial::isAtMost(const Polynomial &other) const {
  auto [less, more] = cancel(*this, other);
  // The longest first: they have the fewest terms that cover them.
  for (auto &[monomial, coefficient] : less.terms) {
    int64_t open = coefficient;
    for (auto &[cover, available] : more.terms) {
      if (!divides(monomial, cover))
        continue;
      int64_t used = std::min(open, available);
      open -= used;
      available -= used;
    }
    if (open > 0)
      return false;
  }
  return true;
}

double Polynomial::evaluateTerms(
    llvm::function_ref<double(ArrayRef<StringAttr>)> value) const {
  double sum = 0;
  for (auto &[monomial, coefficient] : terms)
    sum += coefficient * value(monomial);
  return sum;
}

double Polynomial::evaluate(
    llvm::function_ref<double(StringAttr symbol)> value) const {
  return evaluateTerms([&](ArrayRef<StringAttr> symbols) {
    double product = 1;
    for (StringAttr symbol : symbols)
      product *= value(symbol);
    return product;
  });
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

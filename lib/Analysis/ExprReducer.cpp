//===- ExprReducer.cpp - The reducer table --------------------------------===//

#include "lib/Analysis/ExprReducer.h"

#include <cmath>
#include <limits>

using namespace attn;

/// A NaN stays, as in the dialect; std::fmax would drop it.
static double maximum(double a, double b) {
  return std::isnan(a) || a > b ? a : b;
}

static double addExponentials(double a, double b) {
  return maximum(a, b) == -INFINITY
             ? -INFINITY
             : maximum(a, b) + std::log1p(std::exp(-std::fabs(a - b)));
}

static constexpr double inf = std::numeric_limits<double>::infinity();
// clang-format off
static const Reducer table[] = {
    // name     identity assoc  comm   idem   mul    add    mul>0  incr.  scalar
    {"add",     0,       true,  true,  false, true,  false, true,  false, true,
     [](double a, double b) { return a + b; }},
    {"max",     -inf,    true,  true,  true,  false, true,  true,  true,  true,
     maximum},
    {"min",     inf,     true,  true,  true,  false, true,  true,  true,  true,
     [](double a, double b) { return -maximum(-a, -b); }},
    {"mul",     1,       true,  true,  false, false, false, false, false, true,
     [](double a, double b) { return a * b; }},
    {"and",     1,       true,  true,  true,  false, false, false, false, true,
     [](double a, double b) -> double { return a != 0 && b != 0; }},
    {"or",      0,       true,  true,  true,  false, false, false, false, true,
     [](double a, double b) -> double { return a != 0 || b != 0; }},
    {"lse",     -inf,    true,  true,  false, false, true,  false, false, true,
     addExponentials},
    {"argmax",  -inf,    true,  true,  true,  false, false, false, false, false,
     {}},
    {"topk",    -inf,    true,  true,  true,  false, true,  true,  true,  false,
     {}},
};
// clang-format on

const ExprReducer ExprReducer::Add(&table[0]);
const ExprReducer ExprReducer::Max(&table[1]);
const ExprReducer ExprReducer::Min(&table[2]);
const ExprReducer ExprReducer::Mul(&table[3]);
const ExprReducer ExprReducer::And(&table[4]);
const ExprReducer ExprReducer::Or(&table[5]);
const ExprReducer ExprReducer::Lse(&table[6]);
const ExprReducer ExprReducer::ArgMax(&table[7]);
const ExprReducer ExprReducer::TopK(&table[8]);

const Reducer &attn::getReducer(ExprReducer reducer) { return *reducer.row; }

double attn::reduce(ExprReducer reducer, double a, double b) {
  return getReducer(reducer).combine(a, b);
}

//===- Check.cpp - A call against the reference ---------------------------===//

#include "tools/attn-run/Check.h"
#include "dialect/Attn/Reference/Compare.h"
#include "tools/attn-run/Progress.h"
#include "tools/attn-run/Rows.h"
#include <cstdio>

namespace attn::tool {

using namespace reference;

/// Points that take some seconds.
static constexpr double checkBudget = 4e8;
/// Points of a step between two words of progress.
static constexpr double batchPoints = 2e7;

bool check(const Arguments &arguments, const Options &options) {
  Problem problem = arguments.getProblem();
  std::vector<unsigned> yields;
  for (unsigned i = 0; i != arguments.outputs.size(); ++i)
    if (arguments.isWanted[i])
      yields.push_back(i);
  Selection selection(problem, yields, checkBudget, options.checkRows,
                      [&](int64_t extent, int64_t count) {
                        return pickRows(extent, count, options.seed);
                      });
  EvaluateOptions evaluation;
  evaluation.errors = true;
  evaluation.independentRounding = arguments.areInputsGenerated;
  std::vector<Comparison> comparisons(arguments.outputs.size());
  Progress progress("comparing with the reference");
  auto batches = selection.getBatches(batchPoints);
  for (size_t i = 0; i != batches.size(); ++i) {
    Evaluation result;
    std::string error = evaluate(problem, batches[i], evaluation, result);
    if (!error.empty())
      throw Failure("the reference fails: " + error);
    for (size_t j = 0; j != batches[i].size(); ++j) {
      unsigned yield = batches[i][j].yield;
      compare(result.outputs[j], arguments.outputs[yield].getTensor(),
              comparisons[yield]);
    }
    progress.update(static_cast<double>(i + 1) /
                    static_cast<double>(batches.size()));
  }
  bool passed = true;
  for (unsigned yield : yields) {
    const Comparison &comparison = comparisons[yield];
    passed &= comparison.passed();
    std::string text =
        comparison.numCompared ? describe(comparison) : "no values to compare";
    const char *verdict = comparison.isUnchecked()
                              ? "NOT CHECKED, most values have no error bound"
                          : comparison.passed() ? "ok"
                                                : "FAILED";
    std::printf("check %s: %s: %s\n", arguments.outputs[yield].name.c_str(),
                verdict, text.c_str());
  }
  if (!selection.isWhole())
    std::printf("checked %s\n", selection.describe().c_str());
  return passed;
}

} // namespace attn::tool

//===- CheckReducers.cpp - User-defined reducers obey their laws ----------===//

#include "lib/Cascade/Passes.h"
#include "lib/Cascade/ReducerLaws.h"

namespace attn {
#define GEN_PASS_DEF_CHECKREDUCERS
#include "lib/Cascade/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

static LogicalResult check(ReducerOp reducer) {
  ReducerLaws laws = findLaws(reducer);
  auto refuse = [&](StringRef what, const Law &law) -> LogicalResult {
    InFlightDiagnostic diagnostic = reducer.emitOpError(what)
                                    << ": " << law.counterexample;
    diagnostic.attachNote() << "a reduction takes its points in any order; "
                               "`assumed` says that the law holds for the "
                               "values at hand";
    return diagnostic;
  };
  if (!laws.associative.holds())
    return refuse("is not associative", laws.associative);
  if (!laws.commutative.holds())
    return refuse("is not commutative", laws.commutative);
  if (!laws.identity.holds())
    return refuse("has another identity", laws.identity);
  for (auto [law, what] : {std::pair(laws.associative, "associative"),
                           std::pair(laws.commutative, "commutative")})
    if (!law.isProved)
      reducer.emitRemark("is ") << what << " at " << law.points
                                << " random points, but no rule proves it";
  return success();
}

namespace {
struct CheckReducers : attn::impl::CheckReducersBase<CheckReducers> {
  void runOnOperation() override {
    for (auto reducer : getOperation().getOps<ReducerOp>())
      if (!reducer.getAssumed() && failed(check(reducer)))
        signalPassFailure();
  }
};
} // namespace

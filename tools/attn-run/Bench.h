//===- Bench.h - The time of a call ---------------------------------------===//

#ifndef TOOLS_ATTN_RUN_BENCH_H
#define TOOLS_ATTN_RUN_BENCH_H

#include "tools/attn-run/CudaRun.h"

namespace attn::tool {

/// The multiply-adds of the contractions, at present points alone; counted on
/// evenly spaced rows where all would take long.
struct WorkCount {
  double multiplyAdds = 0;
  bool isSampled = false;
};
WorkCount countWork(const Arguments &arguments);

/// Times `call` and prints the median, and what it reaches beside what the
/// machine does. `level` and `threads`: what the kernel uses.
void bench(const Arguments &arguments, const std::function<void()> &call,
           uint64_t features, int threads);

/// The same on a CUDA device; `times`: of some calls, shortest first.
/// `ceilings`: null prints none.
void benchCuda(const Arguments &arguments, const std::vector<double> &times,
               const CudaRun::Ceilings *ceilings);

} // namespace attn::tool

#endif // TOOLS_ATTN_RUN_BENCH_H

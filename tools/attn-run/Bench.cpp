//===- Bench.cpp - The time of a call -------------------------------------===//

#include "tools/attn-run/Bench.h"
#include "tools/attn-run/Ceiling.h"
#include "tools/attn-run/Progress.h"
#include "tools/attn-run/Rows.h"
#include <algorithm>
#include <chrono>
#include <cstdio>

namespace attn::tool {

using namespace reference;

//===----------------------------------------------------------------------===//
// Counting
//===----------------------------------------------------------------------===//

/// The multiplications of two factors that both come from tensors, in the value
/// of an Einsum that sums; a scale doesn't count.
static int countMultiplyAdds(const Einsum &einsum) {
  bool sums =
      std::any_of(einsum.reductions.begin(), einsum.reductions.end(),
                  [](const Reduction &r) { return r.reducer == Reducer::Add; });
  if (!sums)
    return 0;
  std::vector<bool> hasTensor(einsum.exprs.size()), isPart = hasTensor;
  for (ExprId id = 0; id != hasTensor.size(); ++id) {
    const Expr &expr = einsum.exprs[id];
    hasTensor[id] = expr.op == Op::Read;
    for (ExprId arg : expr.args)
      if (hasTensor[arg])
        hasTensor[id] = true;
  }
  int count = 0;
  isPart[einsum.value] = true;
  for (ExprId id = einsum.value + 1; id-- != 0;) {
    const Expr &expr = einsum.exprs[id];
    if (!isPart[id] || expr.op == Op::Read)
      continue;
    for (ExprId arg : expr.args)
      isPart[arg] = true;
    count += expr.op == Op::Mul && isFloat(expr.type) &&
             hasTensor[expr.args[0]] && hasTensor[expr.args[1]];
  }
  return count;
}

static double sumWork(const std::vector<Statement> &body,
                      const Evaluation &evaluation) {
  double sum = 0;
  for (const Statement &statement : body) {
    if (auto *einsum = std::get_if<Einsum>(&statement.op)) {
      double fraction = evaluation.fractions[einsum->result];
      if (fraction > 0)
        sum += countMultiplyAdds(*einsum) * evaluation.counts[einsum->result] /
               fraction;
    } else if (auto *iterate = std::get_if<Iterate>(&statement.op)) {
      sum += sumWork(iterate->body, evaluation);
    } else if (auto *stream = std::get_if<Stream>(&statement.op)) {
      sum += sumWork(stream->body, evaluation);
    } else if (auto *nest = std::get_if<Nest>(&statement.op)) {
      sum += sumWork(nest->body, evaluation);
    }
  }
  return sum;
}

WorkCount countWork(const Arguments &arguments) {
  Problem problem = arguments.getProblem();
  std::vector<unsigned> yields;
  for (unsigned i = 0; i != arguments.outputs.size(); ++i)
    if (arguments.isWanted[i])
      yields.push_back(i);
  Selection selection(problem, yields, /*budget=*/3e8, /*rows=*/0, pickEvenly);
  std::vector<OutputRequest> requests;
  for (unsigned yield : yields)
    requests.push_back(selection.getRequest(yield));
  Evaluation evaluation;
  std::string error = evaluate(problem, requests, {}, evaluation);
  if (!error.empty())
    throw Failure("the reference fails: " + error);
  return {sumWork(arguments.object.cascade.body, evaluation),
          !selection.isWhole()};
}

//===----------------------------------------------------------------------===//
// Timing
//===----------------------------------------------------------------------===//

/// The times of some calls, shortest first: for a second, but at least five, or
/// three where these take long.
static std::vector<double> timeCalls(const std::function<void()> &call) {
  using Clock = std::chrono::steady_clock;
  call(); // warms caches and the thread pool
  std::vector<double> times;
  Progress progress("measuring");
  double total = 0;
  while (times.size() < 3 || (total < 5 && times.size() < 5) ||
         (total < 1 && times.size() < 1000)) {
    Clock::time_point begin = Clock::now();
    call();
    times.push_back(
        std::chrono::duration<double>(Clock::now() - begin).count());
    total += times.back();
    progress.update(std::min(1.0, static_cast<double>(times.size()) / 5));
  }
  std::sort(times.begin(), times.end());
  return times;
}

/// The inputs and the outputs that are wanted.
static double countBytes(const Arguments &arguments) {
  double bytes = 0;
  for (const Array &input : arguments.inputs)
    bytes += input.getBytes();
  for (size_t i = 0; i != arguments.outputs.size(); ++i)
    if (arguments.isWanted[i])
      bytes += arguments.outputs[i].getBytes();
  return bytes;
}

void benchCuda(const Arguments &arguments, const std::vector<double> &times,
               const CudaRun::Ceilings *ceilings) {
  WorkCount work = countWork(arguments);
  double median = times[times.size() / 2], bytes = countBytes(arguments);
  std::printf("bench: median %.4g ms, least %.4g ms, of %zu calls, between "
              "events, L2 flushed\n",
              median * 1e3, times[0] * 1e3, times.size());
  std::printf("  %.4g GFLOP%s, %.4g TFLOP/s\n", 2e-9 * work.multiplyAdds,
              work.isSampled ? " (counted on some rows)" : "",
              2e-12 * work.multiplyAdds / median);
  std::printf("  %.4g MB of inputs and outputs, %.4g GB/s\n", bytes * 1e-6,
              bytes / median * 1e-9);
  if (!ceilings)
    return;
  // What each alone would take.
  double arithmetic = 2 * work.multiplyAdds / ceilings->flopsPerSecond,
         memory = bytes / ceilings->bytesPerSecond;
  std::printf("profile: %.3f of the %.4g TFLOP/s that products of bf16 reach "
              "here\n  %.3f of the %.4g GB/s that reading memory reaches\n  no "
              "faster than %.4g ms, which the %s takes\n",
              arithmetic / median, ceilings->flopsPerSecond * 1e-12,
              memory / median, ceilings->bytesPerSecond * 1e-9,
              std::max(arithmetic, memory) * 1e3,
              arithmetic > memory ? "arithmetic" : "memory");
}

void bench(const Arguments &arguments, const std::function<void()> &call,
           uint64_t features, int threads) {
  VectorLevel level = VectorLevel::Baseline;
  if (features & ATTNRT_CPU_X86_64_V4)
    level = VectorLevel::AVX512;
  else if (features & ATTNRT_CPU_X86_64_V3)
    level = VectorLevel::AVX2;
  WorkCount work = countWork(arguments);
  // The ceilings are measured around the kernel: the clock may change.
  double peak = measureMultiplyAdds(threads, level);
  std::vector<double> times = timeCalls(call);
  peak = std::max(peak, measureMultiplyAdds(threads, level));
  double bandwidth = measureBandwidth(threads, level);
  double median = times[times.size() / 2];
  double bytes = countBytes(arguments);
  double flops = 2 * work.multiplyAdds / median;
  std::printf("bench: median %.4g ms, least %.4g ms, of %zu calls\n",
              median * 1e3, times[0] * 1e3, times.size());
  if (flops > 0)
    std::printf("  %.4g GFLOP%s, %.4g GFLOP/s: %.3f of the %.4g GFLOP/s that "
                "multiply-adds reach here (f32, %d thread%s)\n",
                2e-9 * work.multiplyAdds,
                work.isSampled ? " (counted on some rows)" : "", flops * 1e-9,
                flops / peak, peak * 1e-9, threads, threads == 1 ? "" : "s");
  std::printf("  %.4g MB of inputs and outputs, %.4g GB/s: %.3f of the %.4g "
              "GB/s that reading memory reaches here\n",
              bytes * 1e-6, bytes / median * 1e-9,
              bandwidth > 0 ? bytes / median / bandwidth : 0.0,
              bandwidth * 1e-9);
}

} // namespace attn::tool

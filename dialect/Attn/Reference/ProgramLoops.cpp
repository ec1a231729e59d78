//===- ProgramLoops.cpp - The loops of an Einsum --------------------------===//

#include "dialect/Attn/Reference/Demand.h"
#include "dialect/Attn/Reference/ProgramCompiler.h"
#include <algorithm>

namespace attn::reference {

/// What a point costs, roughly, if `rank` is taken a block at a time.
double ProgramCompiler::getBlockCost(RankId rank) const {
  int64_t size = variables[rank].size();
  double cost = 60.0 / static_cast<double>(std::clamp<int64_t>(size, 1, 256));
  std::vector<bool> used = getUsedExprs(einsum);
  for (ExprId id = 0; id != used.size(); ++id) {
    const Expr &expr = einsum.exprs[id];
    if (!used[id] || expr.op != Op::Read)
      continue;
    const std::vector<int64_t> &strides = getStrides(environment, expr.id);
    for (size_t i = 0; i != expr.args.size(); ++i) {
      const Expr &index = einsum.exprs[expr.args[i]];
      if (index.op != Op::RankVar)
        cost += 2;
      else if (index.id == rank)
        cost += strides[i] == 1 ? 1 : 3;
    }
  }
  return cost;
}

void ProgramCompiler::makeLoops(bool withReduced) {
  std::vector<RankId> ranks;
  for (size_t i = 0; i != einsum.output.size(); ++i)
    ranks.insert(ranks.end(), einsum.output[i].begin(), einsum.output[i].end());
  if (withReduced)
    for (const Reduction &reduction : einsum.reductions)
      ranks.push_back(reduction.rank);
  auto isGrouped = [&](RankId rank) {
    return std::any_of(einsum.output.begin(), einsum.output.end(),
                       [&](const std::vector<RankId> &group) {
                         return group.size() > 1 &&
                                std::count(group.begin(), group.end(), rank);
                       });
  };
  if (!ranks.empty()) {
    auto block =
        std::min_element(ranks.begin(), ranks.end(), [&](RankId a, RankId b) {
          return std::pair(isGrouped(a), getBlockCost(a)) <
                 std::pair(isGrouped(b), getBlockCost(b));
        });
    program.blockIsOnePoint = isGrouped(*block);
    std::rotate(block, block + 1, ranks.end());
  }
  for (RankId rank : ranks) {
    loopOf[rank] = program.loops.size();
    program.loops.push_back({rank, variables[rank], 0});
  }
  if (ranks.empty()) // a single point
    program.loops.push_back({none, Coordinates::range(0, 1), 0});
  for (unsigned i = 0; i != einsum.output.size(); ++i) {
    const std::vector<RankId> &group = einsum.output[i];
    if (group.size() == 1) {
      program.loops[loopOf[group[0]]].outputStride = result.strides[i];
      continue;
    }
    program.groups.push_back({i, {}, {}});
    for (RankId rank : group) {
      program.groups.back().loops.push_back(loopOf[rank]);
      program.groups.back().extents.push_back(environment.extents[rank]);
    }
  }
  program.steps.resize(program.loops.size() + 1);
}

} // namespace attn::reference

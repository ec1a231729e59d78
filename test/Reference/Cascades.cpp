//===- Cascades.cpp - Cascades that several tests evaluate ----------------===//

#include "test/Reference/Cascades.h"
#include <cmath>
#include <limits>

namespace attn::reference {

static constexpr double inf = std::numeric_limits<double>::infinity();

static Builder declare(const std::string &name) {
  Builder b(name);
  b.rank("p").rank("m").rank("e").rank("f");
  b.input("Q", "p e").input("K", "m e").input("V", "m f").input("B", "p m");
  return b;
}

static void addScores(Builder &b, const Filter &filter) {
  // The filter stands on the contraction, as in a spec: it makes a score
  // absent, not 0 (S4).
  b.einsum("S", "p m", [&](Scope &s) {
    if (filter)
      filter(s);
    return s("Q", "p", "e") * s("K", "m", "e");
  });
  b.einsum("QK", "p m",
           [](Scope &s) { return s("S", "p", "m") + s("B", "p", "m"); });
}

Builder makeNaiveSoftmax(const Filter &filter) {
  Builder b = declare("naive");
  addScores(b, filter);
  b.einsum("GM", "p", [](Scope &s) { return s("QK", "p", "m"); }, "max m");
  b.einsum("SN", "p m",
           [](Scope &s) { return exp(s("QK", "p", "m") - s("GM", "p")); });
  b.einsum("SD", "p", [](Scope &s) { return s("SN", "p", "m"); });
  b.einsum("A", "p m",
           [](Scope &s) { return s("SN", "p", "m") / s("SD", "p"); });
  b.einsum("AV", "p f",
           [](Scope &s) { return s("A", "p", "m") * s("V", "m", "f"); });
  b.yield("AV");
  return b;
}

Builder makeStreamedSoftmax(const Filter &filter) {
  Builder b = declare("streamed");
  Stream stream;
  stream.rank = b.findRank("m");
  for (auto [name, ranks, init] :
       {std::tuple("RM", "p", -inf), std::tuple("RD", "p", 0.0),
        std::tuple("RN", "p f", 0.0)}) {
    State state;
    state.initConstant = init;
    state.state = b.value(name, ranks);
    state.lhs = b.value(std::string("lhs_") + name, ranks);
    state.rhs = b.value(std::string("rhs_") + name, ranks);
    state.result = b.value(std::string("final_") + name, ranks);
    stream.states.push_back(state);
  }
  b.into(stream.body);
  addScores(b, filter);
  b.einsum("LM", "p", [](Scope &s) { return s("QK", "p", "m"); }, "max m");
  stream.states[0].next = b.einsum(
      "NM", "p", [](Scope &s) { return max(s("RM", "p"), s("LM", "p")); });
  b.einsum("SLN", "p m",
           [](Scope &s) { return exp(s("QK", "p", "m") - s("NM", "p")); });
  b.einsum("SLD", "p", [](Scope &s) { return s("SLN", "p", "m"); });
  b.einsum("SLNV", "p f",
           [](Scope &s) { return s("SLN", "p", "m") * s("V", "m", "f"); });
  b.einsum("PRM", "p",
           [](Scope &s) { return exp(s("RM", "p") - s("NM", "p")); });
  stream.states[1].next = b.einsum("ND", "p", [](Scope &s) {
    return s("RD", "p") * s("PRM", "p") + s("SLD", "p");
  });
  stream.states[2].next = b.einsum("NN", "p f", [](Scope &s) {
    return s("RN", "p", "f") * s("PRM", "p") + s("SLNV", "p", "f");
  });
  b.end().into(stream.merge);
  stream.states[0].merged = b.einsum("MM", "p", [](Scope &s) {
    return max(s("lhs_RM", "p"), s("rhs_RM", "p"));
  });
  for (std::string side : {"lhs_", "rhs_"})
    b.einsum(side + "C", "p",
             [&](Scope &s) { return exp(s(side + "RM", "p") - s("MM", "p")); });
  stream.states[1].merged = b.einsum("MD", "p", [](Scope &s) {
    return s("lhs_RD", "p") * s("lhs_C", "p") +
           s("rhs_RD", "p") * s("rhs_C", "p");
  });
  stream.states[2].merged = b.einsum("MN", "p f", [](Scope &s) {
    return s("lhs_RN", "p", "f") * s("lhs_C", "p") +
           s("rhs_RN", "p", "f") * s("rhs_C", "p");
  });
  b.end();
  b.body().push_back({stream});
  b.einsum("AV", "p f", [](Scope &s) {
    return s("final_RN", "p", "f") / s("final_RD", "p");
  });
  b.yield("AV");
  return b;
}

std::vector<double>
attend(Call &run, int64_t p,
       const std::function<bool(int64_t p, int64_t m)> &isPresent) {
  auto extent = [&](const char *rank) {
    for (size_t i = 0; i != run.extents.size(); ++i)
      if (run.cascade.ranks[i].name == rank)
        return run.extents[i];
    return int64_t(0);
  };
  int64_t M = extent("m"), E = extent("e"), F = extent("f");
  std::vector<double> scores(M), result(F, 0.0);
  double top = -inf, sum = 0;
  for (int64_t m = 0; m != M; ++m) {
    for (int64_t e = 0; e != E; ++e)
      scores[m] += run["Q"][p * E + e] * run["K"][m * E + e];
    scores[m] += run["B"][p * M + m];
    if (isPresent(p, m))
      top = std::max(top, scores[m]);
  }
  for (int64_t m = 0; m != M; ++m) {
    bool counts = isPresent(p, m) && scores[m] != -inf;
    scores[m] = counts ? std::exp(scores[m] - top) : 0;
    sum += scores[m];
  }
  for (int64_t m = 0; m != M && sum != 0; ++m)
    for (int64_t f = 0; f != F; ++f)
      result[f] += scores[m] / sum * run["V"][m * F + f];
  return result;
}

} // namespace attn::reference

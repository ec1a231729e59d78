//===- FakeCausal.cpp - A compiled object written by hand -----------------===//
//
// What attnc would emit for causal attention with a length tensor and the
// logsumexp as second output, in plain C++: so attn-run is tested without the
// compiler. MISTAKE chooses a wrong kernel.
//
//===----------------------------------------------------------------------===//

#include "runtime/attnrt_program.h"
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#ifndef MISTAKE
#define MISTAKE 0
#endif

enum { None, DropsLastKey, SkipsTail, WritesPadding, GivesNaN };

struct causal_args {
  uint32_t size;
  const DLTensor *Q, *K, *V, *len;
  float scale;
  DLTensor *AV, *LSE;
};

enum Rank : uint32_t { B, P, M, E, F, numRanks };
enum Slot : uint32_t {
  slotQ = 1 + numRanks,
  slotK = slotQ + 4,
  slotV = slotK + 4,
  slotLen = slotV + 4,
  slotScale = slotLen + 2,
  slotAV,
  slotLSE = slotAV + 4,
  numSlots = slotLSE + 3
};

template <typename T>
static T &at(const int64_t *frame, uint32_t slot, int64_t i, int64_t j = 0,
             int64_t k = 0) {
  const int64_t *strides = frame + slot + 1;
  int64_t offset = i * strides[0];
  if (slot != slotLen)
    offset += j * strides[1];
  if (slot != slotLen && slot != slotLSE)
    offset += k * strides[2];
  return reinterpret_cast<T *>(frame[slot])[offset];
}

/// One batch of queries.
static void kernel(const int64_t *frame, int64_t b, void *) {
  const int64_t *extents = frame + 1;
  union {
    int64_t bits;
    float value;
  } scale = {frame[slotScale]};
  int64_t numRows = extents[P];
  if (MISTAKE == SkipsTail)
    numRows = numRows / 16 * 16;
  for (int64_t p = 0; p != numRows; ++p) {
    int64_t end = std::min<int64_t>(at<int32_t>(frame, slotLen, b), extents[M]);
    end = std::min(end, p + extents[M] - extents[P] + 1);
    if (MISTAKE == DropsLastKey && end > 1)
      --end;
    std::vector<float> scores, sums(extents[F]);
    float top = -std::numeric_limits<float>::infinity(), total = 0;
    for (int64_t m = 0; m < end; ++m) {
      float score = 0;
      for (int64_t e = 0; e != extents[E]; ++e)
        score +=
            at<float>(frame, slotQ, b, p, e) * at<float>(frame, slotK, b, m, e);
      scores.push_back(score * scale.value);
      top = std::max(top, scores.back());
    }
    for (int64_t m = 0; m < end; ++m) {
      float weight = std::exp(scores[m] - top);
      total += weight;
      for (int64_t f = 0; f != extents[F]; ++f)
        sums[f] += weight * at<float>(frame, slotV, b, m, f);
    }
    for (int64_t f = 0; f != extents[F] && frame[slotAV]; ++f)
      at<float>(frame, slotAV, b, p, f) =
          MISTAKE == GivesNaN ? sums[f] / total
                              : (total == 0 ? 0 : sums[f] / total);
    if (MISTAKE == WritesPadding)
      at<float>(frame, slotAV, b, p, extents[F]) = 0;
    if (frame[slotLSE])
      at<float>(frame, slotLSE, b, p) = top + std::log(total);
  }
}

static int32_t host(attnrt_run *run, int64_t *frame, char *) {
  return attnrt_launch(run, kernel, frame, frame[1 + B], 0);
}

/// The spec:
///   QK[b,p,m] = Q[b,p,e] * K[b,m,e] * scale
///       where (m <= p + extent(m) - extent(p) and m < len[b])
///   GM[b,p] = max_m QK;  SN = exp(QK - GM);  SD[b,p] = sum_m SN
///   A = SN / SD;  AV[b,p,f] = sum_m A * V;  LSE = GM + log(SD)
static const char cascadeText[] = R"({"version":1,"name":"causal",
"ranks":[{"name":"b"},{"name":"p"},{"name":"m"},{"name":"e"},{"name":"f"}],
"values":[{"name":"Q","type":"f32","ranks":[0,1,3]},
 {"name":"K","type":"f32","ranks":[0,2,3]},
 {"name":"V","type":"f32","ranks":[0,2,4]},
 {"name":"len","type":"i32","ranks":[0]},
 {"name":"QK","type":"f32","ranks":[0,1,2]},
 {"name":"GM","type":"f32","ranks":[0,1]},
 {"name":"SN","type":"f32","ranks":[0,1,2]},
 {"name":"SD","type":"f32","ranks":[0,1]},
 {"name":"A","type":"f32","ranks":[0,1,2]},
 {"name":"AV","type":"f32","ranks":[0,1,4]},
 {"name":"LSE","type":"f32","ranks":[0,1]}],
"inputs":[0,1,2,3],"scalars":[{"name":"scale","type":"f32"}],
"body":[
 {"kind":"einsum","result":4,"output":[0,1,2],"reduce":[[3,"add"]],
  "exprs":[["var",0],["var",1],["var",2],["var",3],["read",0,0,1,3],
   ["read",1,0,2,3],["mul",4,5],["scalar",0],["mul",6,7],["extent",2],
   ["extent",1],["add",1,9],["sub",11,10],["le",2,12],["read",3,0],
   ["lt",2,14],["and",13,15]],"value":8,"filter":16},
 {"kind":"einsum","result":5,"output":[0,1],"reduce":[[2,"max"]],
  "exprs":[["var",0],["var",1],["var",2],["read",4,0,1,2]],"value":3},
 {"kind":"einsum","result":6,"output":[0,1,2],"reduce":[],
  "exprs":[["var",0],["var",1],["var",2],["read",4,0,1,2],["read",5,0,1],
   ["sub",3,4],["exp",5]],"value":6},
 {"kind":"einsum","result":7,"output":[0,1],"reduce":[[2,"add"]],
  "exprs":[["var",0],["var",1],["var",2],["read",6,0,1,2]],"value":3},
 {"kind":"einsum","result":8,"output":[0,1,2],"reduce":[],
  "exprs":[["var",0],["var",1],["var",2],["read",6,0,1,2],["read",7,0,1],
   ["div",3,4]],"value":5},
 {"kind":"einsum","result":9,"output":[0,1,4],"reduce":[[2,"add"]],
  "exprs":[["var",0],["var",1],["var",2],["var",4],["read",8,0,1,2],
   ["read",2,0,2,3],["mul",4,5]],"value":6},
 {"kind":"einsum","result":10,"output":[0,1],"reduce":[],
  "exprs":[["var",0],["var",1],["read",5,0,1],["read",7,0,1],["log",3],
   ["add",2,4]],"value":5}],
"yields":[{"value":9,"name":"AV","type":"f32"},
 {"value":10,"name":"LSE","type":"f32"}]})";

static const attnrt_rank_desc ranks[] = {
    {"b", 0, nullptr, 0, ATTNRT_RANK_FREE},
    {"p", 0, nullptr, 0, ATTNRT_RANK_FREE},
    {"m", 0, nullptr, 0, ATTNRT_RANK_FREE},
    {"e", 0, nullptr, 0, ATTNRT_RANK_FREE},
    {"f", 0, nullptr, 0, ATTNRT_RANK_FREE}};
static const uint32_t ranksQ[] = {B, P, E}, ranksK[] = {B, M, E},
                      ranksV[] = {B, M, F}, ranksAV[] = {B, P, F};

static attnrt_arg_desc describe(const char *name, const uint32_t *ranks,
                                uint32_t numRanks, size_t offset, uint32_t slot,
                                uint8_t kind, uint8_t code = kDLFloat) {
  return {name, ranks, numRanks, uint32_t(offset), slot,
          kind, code,  32,       uint8_t(0)};
}

static const attnrt_arg_desc arguments[] = {
    describe("Q", ranksQ, 3, offsetof(causal_args, Q), slotQ, ATTNRT_ARG_INPUT),
    describe("K", ranksK, 3, offsetof(causal_args, K), slotK, ATTNRT_ARG_INPUT),
    describe("V", ranksV, 3, offsetof(causal_args, V), slotV, ATTNRT_ARG_INPUT),
    describe("len", ranksQ, 1, offsetof(causal_args, len), slotLen,
             ATTNRT_ARG_INPUT, kDLInt),
    describe("scale", nullptr, 0, offsetof(causal_args, scale), slotScale,
             ATTNRT_ARG_SCALAR),
    describe("AV", ranksAV, 3, offsetof(causal_args, AV), slotAV,
             ATTNRT_ARG_OUTPUT),
    describe("LSE", ranksQ, 2, offsetof(causal_args, LSE), slotLSE,
             ATTNRT_ARG_OUTPUT)};
static const attnrt_variant variants[] = {{"baseline", 0, nullptr, host}};

extern "C" {
ATTNRT_API extern const attnrt_program causal_program;
const attnrt_program causal_program = {ATTNRT_ABI_VERSION,
                                       sizeof(causal_args),
                                       "causal",
                                       cascadeText,
                                       numRanks,
                                       7,
                                       1,
                                       numSlots,
                                       ranks,
                                       arguments,
                                       variants};

ATTNRT_API attnrt_status causal(attnrt_context *context,
                                const causal_args *args,
                                const attnrt_call *call) {
  return attnrt_run_program(context, &causal_program, args, call);
}

ATTNRT_API attnrt_status causal_workspace(attnrt_context *context,
                                          const causal_args *args,
                                          const attnrt_call *call,
                                          size_t *bytes) {
  return attnrt_program_workspace(context, &causal_program, args, call, bytes);
}
}

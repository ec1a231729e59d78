//===- call.cpp - What a call takes that computes next to nothing ---------===//
//
// One head of one query and one key, D 64, in f32 on one thread: the time of
// the whole call, from C++, median and least of 50 times 20000 calls. From the
// root:
//
//   build/bin/attnc test/Variants/softmax_naive.mlir --set e=64 --set f=64 \
//     --emit=so -o /tmp/softmax_naive.so
//   c++ -std=c++17 -O2 -I. -Iruntime -Ithird_party -I/tmp \
//     test/Bench/cpu/call.cpp /tmp/softmax_naive.so build/lib/libattnrt.so \
//     -Wl,-rpath,/tmp:build/lib -o /tmp/call && /tmp/call
//
//===----------------------------------------------------------------------===//

#include "softmax_naive.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

/// Reports `status`, if there is one, and returns whether there is.
static bool hasFailed(attnrt_status status) {
  if (!status)
    return false;
  std::fprintf(stderr, "%s\n", attnrt_status_message(status));
  attnrt_status_free(status);
  return true;
}

int main() {
  constexpr int samples = 50, calls = 20000, size = 64;
  attnrt_context *context = nullptr;
  if (hasFailed(attnrt_context_create(&context)))
    return 1;
  std::vector<float> data[4];
  int64_t shape[] = {1, 1, 1, size};
  DLTensor tensors[4] = {};
  for (int i = 0; i != 4; ++i) {
    data[i].assign(size, 0.5f);
    tensors[i].data = data[i].data();
    tensors[i].device = {kDLCPU, 0};
    tensors[i].ndim = 4;
    tensors[i].dtype = {kDLFloat, 32, 1};
    tensors[i].shape = shape;
  }
  softmax_naive_args args = {};
  args.size = sizeof args;
  args.Q = &tensors[0];
  args.K = &tensors[1];
  args.V = &tensors[2];
  args.AV = &tensors[3];
  attnrt_call call = {};
  call.size = sizeof call;
  call.num_threads = 1;

  std::vector<double> micros;
  for (int sample = 0; sample != samples; ++sample) {
    auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i != calls; ++i)
      if (hasFailed(softmax_naive(context, &args, &call)))
        return 1;
    std::chrono::duration<double, std::micro> elapsed =
        std::chrono::steady_clock::now() - begin;
    micros.push_back(elapsed.count() / calls);
  }
  std::sort(micros.begin(), micros.end());
  std::printf("%.2f us, at least %.2f us\n", micros[samples / 2], micros[0]);
  attnrt_context_destroy(context);
  return 0;
}

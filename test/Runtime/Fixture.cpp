//===- Fixture.cpp - Arrays and a call that is right ----------------------===//

#include "test/Runtime/Fixture.h"

#include <cmath>

/// Calls `visit` with every coordinate of `shape`, in row-major order.
template <typename Visit>
static void forEach(const std::vector<int64_t> &shape, Visit visit) {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  std::vector<int64_t> coordinates(shape.size());
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i;
    for (size_t d = shape.size(); d-- > 0; rest /= shape[d])
      coordinates[d] = rest % shape[d];
    visit(coordinates);
  }
}

Array::Array(std::vector<int64_t> shape, uint32_t seed)
    : shape(shape), strides(shape.size()) {
  int64_t size = 1;
  for (size_t d = shape.size(); d-- > 0; size *= shape[d])
    strides[d] = size;
  buffer.resize(size);
  uint32_t state = seed * 2654435761u + 1;
  for (float &value : buffer) {
    state = state * 1664525u + 1013904223u;
    value = float(state >> 8) / float(1 << 23) - 1;
  }
  header.data = buffer.data();
  header.device = {kDLCPU, 0};
  header.ndim = int32_t(shape.size());
  header.dtype = {kDLFloat, 32, 1};
  header.shape = this->shape.data();
  header.strides = strides.data();
}

void Array::restride(std::vector<int64_t> newStrides, int64_t offset,
                     size_t size) {
  std::vector<float> old;
  forEach(shape, [&](const auto &c) { old.push_back(at(c)); });
  buffer.assign(size, -1000);
  strides = newStrides;
  header.data = buffer.data();
  header.byte_offset = offset * sizeof(float);
  size_t next = 0;
  forEach(shape, [&](const auto &c) { at(c) = old[next++]; });
}

float &Array::at(const std::vector<int64_t> &coordinates) {
  int64_t index = header.byte_offset / sizeof(float);
  for (size_t d = 0; d < coordinates.size(); ++d)
    index += coordinates[d] * strides[d];
  return buffer.at(index);
}

void AttentionTest::resize(int64_t b, int64_t k, int64_t g, int64_t p,
                           int64_t m, int64_t f) {
  auto make = [](std::vector<int64_t> shape, uint32_t seed) {
    return std::make_unique<Array>(shape, seed);
  };
  Q = make({b, k * g, p, 4}, 1);
  K = make({b, k, m, 4}, 2);
  V = make({b, k, m, f}, 3);
  AV = make({b, k * g, p, f}, 4);
  LSE = make({b, k * g, p}, 5);
  args = {sizeof(args), &Q->header,
          &K->header,   &V->header,
          0.5f,         int64_t(reinterpret_cast<intptr_t>(&probe)),
          &AV->header,  &LSE->header};
}

std::string takeMessage(attnrt_status status) {
  std::string message = attnrt_status_message(status);
  attnrt_status_free(status);
  return message;
}

std::string AttentionTest::run(const attnrt_call *call) {
  return takeMessage(attention(context, &args, call));
}

int32_t AttentionTest::runCode(const attnrt_call *call) {
  attnrt_status status = attention(context, &args, call);
  int32_t code = attnrt_status_code(status);
  attnrt_status_free(status);
  return code;
}

size_t AttentionTest::getWorkspace(const attnrt_call *call) {
  size_t bytes = ~size_t(0);
  EXPECT_EQ(takeMessage(attention_workspace(context, &args, call, &bytes)),
            "ok");
  return bytes;
}

void AttentionTest::expectRight() {
  int64_t group = K->shape[1] ? Q->shape[1] / K->shape[1] : 1;
  forEach({Q->shape[0], Q->shape[1], Q->shape[2]}, [&](const auto &row) {
    int64_t b = row[0], h = row[1], p = row[2];
    std::vector<double> weights(K->shape[2]);
    double sum = 0;
    for (int64_t m = 0; m < K->shape[2]; ++m) {
      double score = 0;
      for (int64_t e = 0; e < 4; ++e)
        score += double(Q->at({b, h, p, e})) * K->at({b, h / group, m, e}) *
                 args.scale;
      sum += weights[m] = std::exp(score);
    }
    if (args.LSE && sum != 0) {
      EXPECT_NEAR(LSE->at({b, h, p}), std::log(sum), 1e-5);
    }
    for (int64_t f = 0; args.AV && f < V->shape[3]; ++f) {
      double total = 0;
      for (int64_t m = 0; m < K->shape[2]; ++m)
        total += weights[m] * V->at({b, h / group, m, f});
      EXPECT_NEAR(AV->at({b, h, p, f}), sum == 0 ? 0 : total / sum, 1e-5);
    }
  });
}

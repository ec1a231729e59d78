//===- Fixture.h - Arrays and a call that is right --------------*- C++ -*-===//

#ifndef TEST_RUNTIME_FIXTURE_H
#define TEST_RUNTIME_FIXTURE_H

#include "test/Runtime/FakeAttention.h"

#include "gtest/gtest.h"

#include <memory>
#include <string>
#include <vector>

/// A float array with a DLTensor header that tests may bend.
class Array {
public:
  /// Compact and row-major, with values in [-1, 1] that depend on `seed`.
  explicit Array(std::vector<int64_t> shape, uint32_t seed = 0);
  Array(const Array &) = delete;

  /// Moves the elements to a buffer of `size` floats with these strides and the
  /// first one at `offset`; the values stay.
  void restride(std::vector<int64_t> newStrides, int64_t offset, size_t size);

  float &at(const std::vector<int64_t> &coordinates);

  std::vector<int64_t> shape, strides;
  std::vector<float> buffer;
  DLTensor header = {};
};

/// A context, and arguments of `attention` that are right until a test bends
/// them: b=2, k=2, g=3, p=5, m=7, e=4, f=3.
class AttentionTest : public testing::Test {
protected:
  AttentionTest() { resize(2, 2, 3, 5, 7, 3); }
  ~AttentionTest() override { attnrt_context_destroy(context); }
  void SetUp() override { ASSERT_EQ(attnrt_context_create(&context), nullptr); }

  /// Makes all arrays anew, and `args` point to them.
  void resize(int64_t b, int64_t k, int64_t g, int64_t p, int64_t m, int64_t f);

  /// Runs, and returns the message ("ok").
  std::string run(const attnrt_call *call = nullptr);

  /// Runs, and returns the code.
  int32_t runCode(const attnrt_call *call = nullptr);

  /// The workspace that is needed; fails the test on an error.
  size_t getWorkspace(const attnrt_call *call = nullptr);

  /// Expects the outputs to be softmax attention over the inputs as they are.
  void expectRight();

  /// A call that is all defaults but has its size set.
  static attnrt_call makeCall() {
    attnrt_call call = {};
    call.size = sizeof(call);
    return call;
  }

  attnrt_context *context = nullptr;
  std::unique_ptr<Array> Q, K, V, AV, LSE;
  Probe probe;
  attention_args args = {};
};

/// Returns the message of `status` and frees it.
std::string takeMessage(attnrt_status status);

#endif // TEST_RUNTIME_FIXTURE_H

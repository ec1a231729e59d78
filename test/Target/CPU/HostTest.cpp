//===- HostTest.cpp - What a program does between its kernels -------------===//

#include "test/Target/CPU/Compiled.h"

using namespace attn::test;

namespace {
class HostTest : public CpuTest {};

/// T = 2 X goes through a workspace; R = T + scale + n, in one of two kernels.
const char *text = R"(
tile.kernel @double grid(%b0 = b, %j0 = j: 32) lanes j
    (%X: !tile.view<[b, j], f32>, %T: !tile.view<[b, j], f32>) attributes {ranks = []$reverse} {
  %x = tile.load %X[%b0, %j0] dims ["", "j"] : !tile.view<[b, j], f32> -> !tile.tile<[j: 32], f32>
  %t = tile.map ranks ["j"] sizes [32] at(%j0) ins(%x : !tile.tile<[j: 32], f32>) reducers [] {
  ^bb0(%a: f32):
    %y = arith.addf %a, %a : f32
    tile.yield %y : f32
  } : !tile.tile<[j: 32], f32>
  tile.store %t, %T[%b0, %j0] dims ["", "j"] : !tile.tile<[j: 32], f32>, !tile.view<[b, j], f32>
}
tile.kernel @add grid(%b0 = b, %j0 = j: 32) lanes j
    (%T: !tile.view<[b, j], f32>, %scale: f32, %n: index, %R: !tile.view<[b, j], f32>) attributes {ranks = []} {
  %t = tile.load %T[%b0, %j0] dims ["", "j"] : !tile.view<[b, j], f32> -> !tile.tile<[j: 32], f32>
  %r = tile.map ranks ["j"] sizes [32] at(%j0) ins(%t : !tile.tile<[j: 32], f32>) reducers [] {
  ^bb0(%a: f32):
    %m = attn.cast %n to f32 : index -> f32
    %y = arith.addf %a, %scale : f32
    %z = arith.addf %y, %m : f32
    tile.yield %z : f32
  } : !tile.tile<[j: 32], f32>
  tile.store %r, %R[%b0, %j0] dims ["", "j"] : !tile.tile<[j: 32], f32>, !tile.view<[b, j], f32>
}
tile.program @p(%X: !tile.view<[b, j], f32>, %scale: f32) -> (%R: !tile.view<[b, j], f32>)
    attributes {ranks = [#attn.rank<"b", free, 0>, #attn.rank<"j", free, 0>]} {
  %T = tile.workspace : !tile.view<[b, j], f32>
  %U = tile.workspace : !tile.view<[j], bf16>
  tile.launch @double(%X, %T) : !tile.view<[b, j], f32>, !tile.view<[b, j], f32>
  %b = tile.extent "b"
  %c3 = arith.constant 3 : index
  %n = arith.addi %b, %c3 : index
  %few = arith.cmpi slt, %b, %c3 : index
  scf.if %few {
    tile.launch @add(%T, %scale, %n, %R) : !tile.view<[b, j], f32>, f32, index, !tile.view<[b, j], f32>
  } else {
    tile.launch @add(%T, %scale, %b, %R) : !tile.view<[b, j], f32>, f32, index, !tile.view<[b, j], f32>
  }
}
)";

int64_t getBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

/// The scalar's slot lies between the input's and the output's.
std::vector<int64_t> makeFrame(Compiled &compiled, const Tensor &X, float scale,
                               const Tensor &R) {
  auto frame =
      compiled.makeFrame({X.extents[0], X.extents[1]}, {&X}, {getBits(scale)});
  size_t slot = 1 + 2 + 3 + 1;
  frame[slot++] = reinterpret_cast<int64_t>(R.data());
  for (int64_t stride : R.strides)
    frame[slot++] = stride;
  return frame;
}

TEST_P(HostTest, LaunchesKernels) {
  for (const char *reverse : {"", ", reverse"}) {
    Compiled compiled(substitute(text, {{"reverse", reverse}}), GetParam());
    for (int64_t b : {1, 2, 5}) {
      Tensor X(ElementType::F32, {b, 70}), R(ElementType::F32, {b, 70});
      X.fill([](int64_t n) { return static_cast<double>(n % 50); });
      auto frame = makeFrame(compiled, X, 0.5f, R);
      EXPECT_EQ(compiled.getWorkspaceBytes(frame),
                (b * 70 * 4 + 63) / 64 * 64 + (70 * 2 + 63) / 64 * 64);
      ASSERT_EQ(compiled.run(frame), 0);
      ASSERT_EQ(compiled.launches.size(), 2u);
      EXPECT_EQ(compiled.launches[0].tasks, 3 * b);
      double n = static_cast<double>(b < 3 ? b + 3 : b);
      X.forEach([&](const std::vector<int64_t> &at) {
        EXPECT_EQ(R.get(at), 2 * X.get(at) + 0.5 + n);
      });
    }
  }
}

TEST_P(HostTest, StopsAfterAFailure) {
  Compiled compiled(substitute(text, {{"reverse", ""}}), GetParam());
  Tensor X(ElementType::F32, {1, 10}), R(ElementType::F32, {1, 10});
  auto frame = makeFrame(compiled, X, 0, R);
  compiled.failingLaunch = 0;
  EXPECT_EQ(compiled.run(frame), Compiled::failure);
  EXPECT_EQ(compiled.launches.size(), 1u);
  compiled.failingLaunch = 1;
  EXPECT_EQ(compiled.run(frame), Compiled::failure);
}

TEST_P(HostTest, EmptyExtentsAreNoTasks) {
  Compiled compiled(substitute(text, {{"reverse", ""}}), GetParam());
  Tensor X(ElementType::F32, {0, 10}), R(ElementType::F32, {0, 10});
  ASSERT_EQ(compiled.run(makeFrame(compiled, X, 0, R)), 0);
  EXPECT_EQ(compiled.launches[0].tasks, 0);
}

/// More than 64 bits can count is said, not wrapped.
TEST_P(HostTest, HugeWorkspaces) {
  Compiled compiled(substitute(text, {{"reverse", ""}}), GetParam());
  Tensor X(ElementType::F32, {1, 1}), R(ElementType::F32, {1, 1});
  auto frame = makeFrame(compiled, X, 0, R);
  frame[1] = frame[2] = int64_t(1) << 40;
  EXPECT_LT(compiled.getWorkspaceBytes(frame), 0);
}
} // namespace

INSTANTIATE_LEVELS(HostTest);

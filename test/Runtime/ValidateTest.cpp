//===- ValidateTest.cpp - Every wrong argument is named -------------------===//

#include "test/Runtime/Fixture.h"

TEST_F(AttentionTest, RightAnswer) {
  EXPECT_EQ(run(), "ok");
  expectRight();
}

TEST_F(AttentionTest, NegativeArgs) {
  EXPECT_EQ(takeMessage(attention(context, nullptr, nullptr)), "args is null");
  args.size = 8;
  EXPECT_EQ(run(), "args->size is 8 but attention_args has 64 bytes");
  EXPECT_EQ(runCode(), ATTNRT_INVALID_ARGUMENT);
}

//===----------------------------------------------------------------------===//
// What a header says
//===----------------------------------------------------------------------===//

TEST_F(AttentionTest, NegativeNullInput) {
  args.K = nullptr;
  EXPECT_EQ(run(), "argument K: is null but is an input");
}

TEST_F(AttentionTest, NegativeNullOutputs) {
  args.AV = args.LSE = nullptr;
  EXPECT_EQ(run(), "every output is null: AV, LSE");
}

TEST_F(AttentionTest, NullOutputIsNotWanted) {
  std::vector<float> before = LSE->buffer;
  args.LSE = nullptr;
  EXPECT_EQ(run(), "ok");
  expectRight();
  EXPECT_EQ(LSE->buffer, before);

  resize(2, 2, 3, 5, 7, 3);
  args.AV = nullptr;
  EXPECT_EQ(run(), "ok");
  expectRight();
}

TEST_F(AttentionTest, NegativeDimensions) {
  K->header.ndim = 3;
  EXPECT_EQ(run(), "argument K: has 3 dimensions but the spec gives 4: "
                   "[b, k, m, e]");
  K->header.ndim = -1;
  EXPECT_EQ(run(), "argument K: has -1 dimensions but the spec gives 4: "
                   "[b, k, m, e]");
}

TEST_F(AttentionTest, NegativeShapeNull) {
  K->header.shape = nullptr;
  EXPECT_EQ(run(), "argument K: shape is null");
}

TEST_F(AttentionTest, NegativeType) {
  struct {
    DLDataType type;
    const char *name;
  } types[] = {{{kDLBfloat, 16, 1}, "bf16"},
               {{kDLFloat, 16, 1}, "f16"},
               {{kDLFloat, 64, 1}, "f64"},
               {{kDLInt, 32, 1}, "i32"},
               {{kDLUInt, 8, 1}, "ui8"},
               {{kDLBool, 8, 1}, "i1"},
               {{kDLFloat8_e4m3fn, 8, 1}, "f8E4M3FN"},
               {{kDLFloat8_e5m2, 8, 1}, "f8E5M2"},
               {{kDLComplex, 64, 1}, "complex64"},
               {{99, 32, 1}, "(DLPack code 99, 32 bits)"},
               {{kDLFloat, 32, 4}, "f32x4"}};
  for (const auto &[type, name] : types) {
    K->header.dtype = type;
    EXPECT_EQ(run(), std::string("argument K: dtype is ") + name +
                         " but the spec gives f32");
  }
}

TEST_F(AttentionTest, NegativeDevice) {
  V->header.device = {kDLCUDA, 1};
  EXPECT_EQ(run(), "argument V: lies on cuda:1 but the call runs on cpu");
}

TEST_F(AttentionTest, PinnedMemoryIsHostMemory) {
  V->header.device = {kDLCUDAHost, 0};
  EXPECT_EQ(run(), "ok");
  expectRight();
}

//===----------------------------------------------------------------------===//
// What it says of memory
//===----------------------------------------------------------------------===//

TEST_F(AttentionTest, NegativeNullData) {
  Q->header.data = nullptr;
  EXPECT_EQ(run(), "argument Q: data is null but shape is [2, 6, 5, 4]");
}

TEST_F(AttentionTest, NegativeAlignment) {
  Q->restride(Q->strides, 1, Q->buffer.size() + 1);
  EXPECT_EQ(run(), "ok");
  Q->header.byte_offset = 2;
  EXPECT_EQ(run(), "argument Q: data is not aligned to the 4 bytes of f32");
}

TEST_F(AttentionTest, NegativeAddressSpace) {
  K->strides = {INT64_MAX / 2, 28, 4, 1};
  EXPECT_EQ(run(), "argument K: shape [2, 2, 7, 4] with strides "
                   "[4611686018427387903, 28, 4, 1] exceeds the address space");
  K->strides = {INT64_MIN, 28, 4, 1};
  EXPECT_EQ(run(), "argument K: shape [2, 2, 7, 4] with strides "
                   "[-9223372036854775808, 28, 4, 1] exceeds the address "
                   "space");
}

TEST_F(AttentionTest, NullStridesAreCompact) {
  for (Array *array : {Q.get(), K.get(), V.get(), AV.get(), LSE.get()})
    array->header.strides = nullptr;
  EXPECT_EQ(run(), "ok");
  expectRight();
}

TEST_F(AttentionTest, StridedTensors) {
  // Heads inside: [b, p, h, e].
  Q->restride({120, 4, 24, 1}, 0, 240);
  AV->restride({90, 3, 18, 1}, 5, 200);
  // Every second float.
  K->restride({112, 56, 8, 2}, 1, 240);
  EXPECT_EQ(run(), "ok");
  expectRight();
}

TEST_F(AttentionTest, NegativeStridesGoBackwards) {
  K->restride({56, 28, -4, 1}, 24, 112);
  V->restride({42, 21, 3, -1}, 2, 84);
  AV->restride({90, 15, -3, 1}, 12, 180);
  EXPECT_EQ(run(), "ok");
  expectRight();
}

TEST_F(AttentionTest, ZeroStrideBroadcastsAnInput) {
  K->restride({0, 28, 4, 1}, 0, 56);
  EXPECT_EQ(run(), "ok");
  expectRight();
}

TEST_F(AttentionTest, NegativeOutputSharesMemory) {
  AV->strides = {0, 15, 3, 1};
  EXPECT_EQ(run(), "argument AV: strides [0, 15, 3, 1] of shape [2, 6, 5, 3] "
                   "let elements of an output share memory");
  AV->strides = {90, 15, 2, 1};
  EXPECT_EQ(run(), "argument AV: strides [90, 15, 2, 1] of shape [2, 6, 5, 3] "
                   "let elements of an output share memory");
}

/// The stride of a single coordinate means nothing; NumPy fills in anything.
TEST_F(AttentionTest, StrideOfOneCoordinateIsIgnored) {
  resize(1, 2, 3, 5, 7, 3);
  AV->strides[0] = INT64_MIN;
  LSE->strides[0] = 0;
  K->strides[0] = INT64_MAX;
  EXPECT_EQ(run(), "ok");
}

//===----------------------------------------------------------------------===//
// Overlap
//===----------------------------------------------------------------------===//

TEST_F(AttentionTest, NegativeOutputOverlapsInput) {
  resize(2, 2, 3, 5, 7, 4);
  AV->header.data = Q->header.data;
  EXPECT_EQ(run(), "argument AV: overlaps input Q");
  // By one element at the end.
  std::vector<float> both(2 * 240);
  Q->header.data = both.data();
  AV->header.data = both.data() + 239;
  EXPECT_EQ(run(), "argument AV: overlaps input Q");
  AV->header.data = both.data() + 240;
  EXPECT_EQ(run(), "ok");
}

TEST_F(AttentionTest, NegativeOutputsOverlap) {
  LSE->header.data = AV->header.data;
  EXPECT_EQ(run(), "argument AV: overlaps output LSE");
}

TEST_F(AttentionTest, InputsMayOverlap) {
  resize(2, 2, 3, 5, 7, 4);
  K->header.data = V->header.data;
  K->buffer = V->buffer;
  EXPECT_EQ(run(), "ok");
  expectRight();
}

/// One packed buffer [b, p, h, 8]: Q in its first half rows, AV in the others.
TEST_F(AttentionTest, InterleavedViewsAreDisjoint) {
  resize(2, 2, 3, 5, 7, 4);
  std::vector<float> packed(2 * 5 * 6 * 8);
  for (Array *array : {Q.get(), AV.get()}) {
    array->strides = {240, 8, 48, 1};
    array->header.data = packed.data();
  }
  AV->header.byte_offset = 4 * sizeof(float);
  EXPECT_EQ(run(), "ok");
  // From the end to the start, too.
  AV->strides = {-240, 8, 48, 1};
  AV->header.byte_offset = (240 + 4) * sizeof(float);
  EXPECT_EQ(run(), "ok");
  AV->header.byte_offset = (240 + 3) * sizeof(float);
  EXPECT_EQ(run(), "argument AV: overlaps input Q");
  AV->header.byte_offset = (240 + 5) * sizeof(float);
  EXPECT_EQ(run(), "argument AV: overlaps input Q");
}

//===----------------------------------------------------------------------===//
// Extents of 0
//===----------------------------------------------------------------------===//

/// No key: the reductions give their identities, and 0 / 0 is 0.
TEST_F(AttentionTest, NoKeys) {
  resize(2, 2, 3, 5, 0, 3);
  K->header.data = V->header.data = nullptr;
  EXPECT_EQ(run(), "ok");
  expectRight();
  EXPECT_EQ(AV->at({1, 5, 4, 2}), 0);
}

TEST_F(AttentionTest, NoQueries) {
  resize(2, 2, 3, 0, 7, 3);
  Q->header.data = AV->header.data = LSE->header.data = nullptr;
  EXPECT_EQ(run(), "ok");
  EXPECT_EQ(getWorkspace(), 0u);
}

TEST_F(AttentionTest, NoBatch) {
  resize(0, 2, 3, 5, 7, 3);
  EXPECT_EQ(run(), "ok");
}

/// An empty tensor may claim any other extents.
TEST_F(AttentionTest, NoQueriesOfHugeExtents) {
  resize(2, 2, 3, 0, 7, 3);
  for (Array *array : {Q.get(), K.get(), V.get(), AV.get(), LSE.get()}) {
    array->shape[0] = INT64_MAX / 8;
    array->header.strides = nullptr;
  }
  K->shape[2] = V->shape[2] = 0;
  EXPECT_EQ(run(), "ok");
}

//===- BindTest.cpp - Extents from shapes ---------------------------------===//

#include "test/Runtime/Fixture.h"

/// The extents as text, or the error.
static std::string bind(const attention_args &args) {
  int64_t extents[9];
  attnrt_status status =
      attnrt_program_extents(&attention_program, &args, extents);
  if (status)
    return takeMessage(status);
  std::string text;
  for (uint32_t i = 0; i < attention_program.num_ranks; ++i)
    text += (i ? " " : "") + std::string(attention_program.ranks[i].name) +
            "=" + std::to_string(extents[i]);
  return text;
}

/// g is in no tensor: it is h / k. m1 is ceildiv(m, 2).
TEST_F(AttentionTest, InfersTheFactor) {
  EXPECT_EQ(bind(args), "b=2 k=2 g=3 h=6 p=5 m=7 m1=4 e=4 f=3");
}

TEST_F(AttentionTest, ExtentsNeedNoData) {
  for (Array *array : {Q.get(), K.get(), V.get(), AV.get(), LSE.get()})
    array->header.data = nullptr;
  EXPECT_EQ(bind(args), "b=2 k=2 g=3 h=6 p=5 m=7 m1=4 e=4 f=3");
}

TEST_F(AttentionTest, NegativeNotAMultiple) {
  Q->shape[1] = AV->shape[1] = LSE->shape[1] = 7;
  EXPECT_EQ(run(), "argument Q: rank h has extent 7, which k * g = 2 * g can't "
                   "give for any g");
}

TEST_F(AttentionTest, NegativeTwoArgumentsDisagree) {
  V->shape[2] = 9;
  EXPECT_EQ(run(), "argument V: rank m has extent 9 but K gives 7");
}

TEST_F(AttentionTest, NegativeOutputDisagrees) {
  LSE->shape[2] = 4;
  EXPECT_EQ(run(), "argument LSE: rank p has extent 4 but Q gives 5");
}

TEST_F(AttentionTest, NegativeFixedExtent) {
  K->shape[3] = 8;
  EXPECT_EQ(run(),
            "argument K: rank e has extent 8 but the spec fixes it to 4");
}

TEST_F(AttentionTest, NegativeNegativeExtent) {
  K->shape[2] = -3;
  EXPECT_EQ(run(), "argument K: rank m has extent -3, which is negative");
}

/// No heads: 0 = 0 * g holds for every g, so the call is legal and empty.
TEST_F(AttentionTest, NoHeads) {
  resize(2, 0, 3, 5, 7, 3);
  EXPECT_EQ(bind(args), "b=2 k=0 g=1 h=0 p=5 m=7 m1=4 e=4 f=3");
  EXPECT_EQ(run(), "ok");
}

TEST_F(AttentionTest, NegativeHeadsOfNoKeyHeads) {
  resize(2, 0, 3, 5, 7, 3);
  Q->shape[1] = 6;
  args.AV = nullptr;
  LSE->shape[1] = 6;
  EXPECT_EQ(run(), "argument Q: rank h has extent 6, which k * g = 0 * g can't "
                   "give for any g");
}

//===----------------------------------------------------------------------===//
// Other programs: one input X, one output Y
//===----------------------------------------------------------------------===//

namespace {

struct MapArgs {
  uint32_t size;
  const DLTensor *X;
  DLTensor *Y;
};

/// A program of the given ranks that computes nothing.
class MapTest : public testing::Test {
protected:
  std::string bind(std::vector<attnrt_rank_desc> ranks,
                   std::vector<uint32_t> ranksX, std::vector<int64_t> shapeX,
                   std::vector<uint32_t> ranksY, std::vector<int64_t> shapeY) {
    attnrt_arg_desc descs[] = {
        {"X", ranksX.data(), uint32_t(ranksX.size()), offsetof(MapArgs, X), 10,
         ATTNRT_ARG_INPUT, kDLFloat, 32, 0},
        {"Y", ranksY.data(), uint32_t(ranksY.size()), offsetof(MapArgs, Y), 20,
         ATTNRT_ARG_OUTPUT, kDLFloat, 32, 0},
    };
    auto host = [](attnrt_run *, int64_t *, char *) { return int32_t(0); };
    attnrt_variant variant = {"baseline", 0, nullptr, host};
    attnrt_program program = {ATTNRT_ABI_VERSION,
                              sizeof(MapArgs),
                              "map",
                              "{}",
                              uint32_t(ranks.size()),
                              2,
                              1,
                              30,
                              ranks.data(),
                              descs,
                              &variant};
    DLTensor x = {}, y = {};
    x.device = y.device = {kDLCPU, 0};
    x.dtype = y.dtype = {kDLFloat, 32, 1};
    x.ndim = int32_t(shapeX.size());
    x.shape = shapeX.data();
    y.ndim = int32_t(shapeY.size());
    y.shape = shapeY.data();
    MapArgs args = {sizeof(MapArgs), &x, &y};
    std::vector<int64_t> extents(ranks.size());
    attnrt_status status =
        attnrt_program_extents(&program, &args, extents.data());
    if (status)
      return takeMessage(status);
    std::string text;
    for (int64_t extent : extents)
      text += (text.empty() ? "" : " ") + std::to_string(extent);
    return text;
  }

  static attnrt_rank_desc free(const char *name) {
    return {name, 0, nullptr, 0, ATTNRT_RANK_FREE};
  }
};

constexpr uint32_t kFirst[] = {0}, kFirstTwo[] = {0, 1}, kThirdFirst[] = {2, 0};

} // namespace

TEST_F(MapTest, SameRankTwice) {
  std::vector<attnrt_rank_desc> ranks = {free("m")};
  EXPECT_EQ(bind(ranks, {0, 0}, {3, 3}, {0}, {3}), "3");
  EXPECT_EQ(bind(ranks, {0, 0}, {3, 4}, {0}, {3}),
            "argument X: rank m has extent 4 in dimension 1 but 3 in "
            "dimension 0");
}

TEST_F(MapTest, ProductOfKnownFactors) {
  std::vector<attnrt_rank_desc> ranks = {
      free("k"), free("g"), {"h", 0, kFirstTwo, 2, ATTNRT_RANK_PRODUCT}};
  EXPECT_EQ(bind(ranks, {0, 1}, {2, 3}, {2}, {6}), "2 3 6");
  EXPECT_EQ(bind(ranks, {0, 1}, {2, 3}, {2}, {7}),
            "argument Y: rank h has extent 7 but k * g = 2 * 3 is 6");
  EXPECT_EQ(bind(ranks, {0, 1}, {INT64_MAX, 3}, {2}, {6}),
            "rank h: k * g = 9223372036854775807 * 3 exceeds 64 bits");
}

/// A product may come before its factors, and feed another product.
TEST_F(MapTest, ProductOfProducts) {
  std::vector<attnrt_rank_desc> ranks = {
      free("g"),
      {"n", 0, kThirdFirst, 2, ATTNRT_RANK_PRODUCT},
      {"h", 2, nullptr, 0, ATTNRT_RANK_FIXED}};
  EXPECT_EQ(bind(ranks, {1}, {10}, {1}, {10}), "5 10 2");
  EXPECT_EQ(bind(ranks, {1}, {0}, {1}, {0}), "0 0 2");
}

TEST_F(MapTest, Ceildiv) {
  std::vector<attnrt_rank_desc> ranks = {
      free("m"), {"m1", 16, kFirst, 1, ATTNRT_RANK_CEILDIV}};
  EXPECT_EQ(bind(ranks, {0}, {32}, {1}, {2}), "32 2");
  EXPECT_EQ(bind(ranks, {0}, {33}, {1}, {3}), "33 3");
  EXPECT_EQ(bind(ranks, {0}, {0}, {1}, {0}), "0 0");
  EXPECT_EQ(bind(ranks, {0}, {33}, {1}, {2}),
            "argument Y: rank m1 has extent 2 but ceildiv(m, 16) = "
            "ceildiv(33, 16) is 3");
}

TEST_F(MapTest, NegativeUndetermined) {
  std::vector<attnrt_rank_desc> ranks = {
      free("k"), free("g"), {"h", 0, kFirstTwo, 2, ATTNRT_RANK_PRODUCT}};
  EXPECT_EQ(bind(ranks, {2}, {6}, {2}, {6}),
            "rank k has an extent that the arguments don't determine");
}

//===- OptionsTest.cpp - The command line of attn-run ---------------------===//

#include "tools/attn-run/Options.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace attn::tool;

namespace {
Options parse(std::vector<const char *> arguments) {
  arguments.insert(arguments.begin(), "attn-run");
  return parseOptions(static_cast<int>(arguments.size()), arguments.data());
}

TEST(Options, values_stand_after_an_equals_sign_or_a_space) {
  Options options =
      parse({"x.so", "--size", "p=3,m=4", "--seed=9", "--bench", "--inputs",
             "Q=a.npy,K=b.npy", "--slice=B:p:3=-inf", "--set", "e=64"});
  EXPECT_EQ(options.file, "x.so");
  EXPECT_EQ(options.sizes[1].second, 4);
  EXPECT_EQ(options.seed, 9u);
  EXPECT_EQ(options.inputs["K"], "b.npy");
  EXPECT_EQ(options.slices[0].rank, "p");
  EXPECT_TRUE(std::isinf(options.slices[0].value));
  EXPECT_EQ(options.compilerFlags[0], "--set=e=64");
}

TEST(Options, checks_where_nothing_else_is_asked_for) {
  EXPECT_TRUE(parse({"x.so"}).check);
  EXPECT_FALSE(parse({"x.so", "--bench"}).check);
  EXPECT_FALSE(parse({"x.so", "--outputs", "A=a.npy"}).check);
  EXPECT_TRUE(parse({"x.so", "--bench", "--check"}).check);
  EXPECT_TRUE(parse({"x.so", "--bench", "--check-rows=3"}).check);
}

TEST(Options, negative_messages) {
  auto expectError = [](std::vector<const char *> arguments,
                        const std::string &message) {
    try {
      parse(arguments);
      FAIL() << message;
    } catch (const Failure &failure) {
      EXPECT_EQ(failure.what(), message);
    }
  };
  expectError({}, "nothing to run is given; see attn-run --help");
  expectError({"a", "b"}, "both `a` and `b` are given to run");
  expectError({"a", "--chek"}, "unknown option `--chek`; see attn-run --help");
  expectError({"a", "--size"}, "`--size` has no value");
  expectError({"a", "--size", "p"}, "`--size` expects NAME=VALUE but has `p`");
  expectError({"a", "--size", "p=x"},
              "`--size` expects an integer of at least 0 but has `x`");
  expectError({"a", "--size", "p=99999999999999999999"},
              "`--size` has `99999999999999999999`, which does not fit 64 "
              "bits");
  expectError({"a", "--scalar", "s=1e999"},
              "`--scalar` has `1e999`, which does not fit f64; infinity is "
              "written inf");
  expectError({"a", "--check-rows=0"},
              "`--check-rows` expects an integer of at least 1 but has `0`");
  expectError({"a", "--slice", "B:3=1"},
              "`--slice` expects TENSOR:RANK:COORDINATE=VALUE but has "
              "`B:3=1`");
}

} // namespace

//===- DemandedElementsTest.cpp - Which elements of a tile are used -------===//

#include "lib/Target/DemandedElements.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace attn;

namespace {
/// `%t`, a tile of [m: 8, p: 16] loaded at (%m0, %c0), and `uses` of it.
struct Kernel {
  explicit Kernel(std::string uses) {
    context.loadDialect<AttnDialect, tile::TileDialect, arith::ArithDialect,
                        scf::SCFDialect>();
    std::string text = R"(
      tile.kernel @k grid(%m0 = m: 8) lanes p
          (%X: !tile.view<[m, p], f32>, %Y: !tile.view<[m, p], f32>,
           %Z: !tile.view<[p], f32>, %A: !tile.view<[i, m], f32>)
          attributes {ranks = []} {
        %c0 = arith.constant 0 : index
        %c8 = arith.constant 8 : index
        %zero = arith.constant 0.0 : f32
        %end = tile.extent "m"
        %t = tile.load %X[%m0, %c0] dims ["m", "p"] : !tile.view<[m, p], f32> -> !tile.tile<[m: 8, p: 16], f32>
        %a = tile.load %A[%c0, %m0] dims ["i", "m"] : !tile.view<[i, m], f32> -> !tile.tile<[i: 4, m: 8], f32>
    )" + uses + "}";
    module = parseSourceString<ModuleOp>(text, ParserConfig(&context));
    if (!module)
      return;
    kernel = *module->getOps<tile::KernelOp>().begin();
    demanded = DemandedElements(kernel);
    for (auto load : kernel.getBody().getOps<tile::LoadOp>())
      if (load.getResult().getType().getRanks().front() == "m")
        t = load.getResult();
  }
  StringAttr getRank(StringRef name) { return StringAttr::get(&context, name); }
  /// "all", or where the used part begins: "m0", "c0", "other".
  std::string getOrigin(StringRef rank) {
    return print(demanded.getOrigin(t, getRank(rank)));
  }
  std::string print(Value origin) {
    if (!origin)
      return "all";
    if (origin == kernel.getOrigin(getRank("m")))
      return "m0";
    auto constant = origin.getDefiningOp<arith::ConstantIndexOp>();
    return constant && constant.value() == 0 ? "c0" : "other";
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  tile::KernelOp kernel;
  DemandedElements demanded;
  Value t;
};

/// A sum of `%t` over m.
std::string makeSum(std::string filter) {
  return R"(
    %s = tile.map ranks ["m", "p"] sizes [8, 16] at(%m0, %c0) ins(%t : !tile.tile<[m: 8, p: 16], f32>) reducers [#attn.reduce<add "m">] {
    ^bb0(%x: f32):
      %m = tile.coord "m"
      %p = tile.coord "p"
      %isInside = arith.cmpi slt, %m, %end : index
      %isOther = arith.cmpi slt, %p, %end : index
      %both = arith.andi %isOther, %isInside : i1
      %either = arith.ori %isOther, %isInside : i1
      tile.yield %x : f32 )" +
         filter + R"(
    } : !tile.tile<[p: 16], f32>
    tile.store %s, %Z[%c0] dims ["p"] : !tile.tile<[p: 16], f32>, !tile.view<[p], f32>
  )";
}

/// A product of `%a` and what a map makes of `%t`, summed over m.
std::string makeProduct(std::string value) {
  return R"(
    %w = tile.map ranks ["m", "p"] sizes [8, 16] at(%m0, %c0) ins(%t : !tile.tile<[m: 8, p: 16], f32>) reducers [] {
    ^bb0(%x: f32):
      %m = tile.coord "m"
      %isInside = arith.cmpi slt, %m, %end : index
      %kept = arith.select %isInside, %x, )" +
         value + R"( : f32
      tile.yield %kept : f32
    } : !tile.tile<[m: 8, p: 16], f32>
    %r = tile.contract %a, %w over ["m"] : !tile.tile<[i: 4, m: 8], f32>, !tile.tile<[m: 8, p: 16], f32> -> !tile.tile<[i: 4, p: 16], f32>
    %s = tile.map ranks ["i", "p"] sizes [4, 16] at(%c0, %c0) ins(%r : !tile.tile<[i: 4, p: 16], f32>) reducers [#attn.reduce<add "i">] {
    ^bb0(%x: f32):
      tile.yield %x : f32
    } : !tile.tile<[p: 16], f32>
    tile.store %s, %Z[%c0] dims ["p"] : !tile.tile<[p: 16], f32>, !tile.view<[p], f32>
  )";
}

const char *storeTile = R"(
    tile.store %t, %Y[%m0, %c0] dims ["m", "p"] : !tile.tile<[m: 8, p: 16], f32>, !tile.view<[m, p], f32>
)";
} // namespace

TEST(DemandedElementsTest, StoresUseWhatTheViewHas) {
  Kernel kernel(storeTile);
  ASSERT_TRUE(kernel.t);
  EXPECT_EQ(kernel.getOrigin("m"), "m0");
  EXPECT_EQ(kernel.getOrigin("p"), "c0");
}

TEST(DemandedElementsTest, TwoUsesMustAgree) {
  Kernel kernel(std::string(storeTile) + R"(
    tile.store %t, %Y[%c8, %c0] dims ["m", "p"] : !tile.tile<[m: 8, p: 16], f32>, !tile.view<[m, p], f32>
  )");
  ASSERT_TRUE(kernel.t);
  EXPECT_EQ(kernel.getOrigin("m"), "all");
  EXPECT_EQ(kernel.getOrigin("p"), "c0");
}

TEST(DemandedElementsTest, AFilterEndsAReduction) {
  for (std::string filter : {"where %isInside", "where %both"}) {
    Kernel kernel(makeSum(filter));
    ASSERT_TRUE(kernel.t);
    EXPECT_EQ(kernel.getOrigin("m"), "m0") << filter;
    EXPECT_EQ(kernel.getOrigin("p"), "c0") << filter;
  }
}

TEST(DemandedElementsTest, OtherFiltersDoNot) {
  for (std::string filter : {"", "where %isOther", "where %either"}) {
    Kernel kernel(makeSum(filter));
    ASSERT_TRUE(kernel.t);
    EXPECT_EQ(kernel.getOrigin("m"), "all") << filter;
  }
}

TEST(DemandedElementsTest, ZeroedFactorsEndASumOfProducts) {
  Kernel kernel(makeProduct("%zero"));
  ASSERT_TRUE(kernel.t);
  EXPECT_EQ(kernel.getOrigin("m"), "m0");
  for (auto contract : kernel.kernel.getBody().getOps<tile::ContractOp>())
    EXPECT_EQ(kernel.print(
                  DemandedElements::getOrigin(contract, kernel.getRank("m"))),
              "m0");
}

TEST(DemandedElementsTest, OtherFactorsDoNot) {
  Kernel kernel(makeProduct("%x"));
  ASSERT_TRUE(kernel.t);
  EXPECT_EQ(kernel.getOrigin("m"), "all");
}

/// A carried tile is used by later turns, whose coordinates are not this one's.
TEST(DemandedElementsTest, CarriedTilesAreUsedByTheNextTurn) {
  auto makeLoop = [](std::string origin) {
    return R"(
    %last = scf.for %m1 = %c0 to %end step %c8 iter_args(%old = %t) -> (!tile.tile<[m: 8, p: 16], f32>) {
      tile.store %old, %Y[)" +
           origin +
           R"(, %c0] dims ["m", "p"] : !tile.tile<[m: 8, p: 16], f32>, !tile.view<[m, p], f32>
      %new = tile.load %X[%m1, %c0] dims ["m", "p"] : !tile.view<[m, p], f32> -> !tile.tile<[m: 8, p: 16], f32>
      scf.yield %new : !tile.tile<[m: 8, p: 16], f32>
    })";
  };
  for (auto [origin, expected] :
       {std::pair("%m0", "m0"), std::pair("%m1", "all")}) {
    Kernel kernel(makeLoop(origin));
    ASSERT_TRUE(kernel.t);
    kernel.kernel.walk([&, expected = expected](scf::ForOp loop) {
      Value next = loop.getBody()->getTerminator()->getOperand(0);
      EXPECT_EQ(
          kernel.print(kernel.demanded.getOrigin(next, kernel.getRank("m"))),
          expected);
    });
  }
}

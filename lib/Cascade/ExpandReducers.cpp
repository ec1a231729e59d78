//===- ExpandReducers.cpp - Reducers that others are made of --------------===//
//
// What is known of a sum and of a maximum is then known of `lse` and `argmax`,
// and nothing below has to know them.
//
//===----------------------------------------------------------------------===//

#include "lib/Cascade/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"

namespace attn {
#define GEN_PASS_DEF_EXPANDREDUCERS
#include "lib/Cascade/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {
/// Replaces one Einsum.
class Expander {
public:
  explicit Expander(EinsumOp einsum)
      : einsum(einsum), builder(einsum), loc(einsum.getLoc()) {}
  void expandLse();
  void expandArgMax();

private:
  using Maker = function_ref<std::pair<Value, Value>(EinsumOp, Value, Value)>;

  EinsumOp makePart(StringRef suffix, ReducerKind kind, Type element,
                    Maker change);
  void finish(function_ref<Value(EinsumOp)> makeValue);
  Value readInPlace(EinsumOp user, EinsumOp part);
  template <typename OpTy, typename... Args> Value make(Args &&...args) {
    return OpTy::create(builder, loc, std::forward<Args>(args)...);
  }

  EinsumOp einsum;
  OpBuilder builder;
  Location loc;
};
} // namespace

/// Reads `part`, whose left-hand side is that of `user`, in its region.
Value Expander::readInPlace(EinsumOp user, EinsumOp part) {
  user.getInputsMutable().append(part.getResult());
  Value tensor = user.getBody().addArgument(part.getType(), loc);
  SmallVector<Value> indices;
  for (auto group : user.getOut().getAsRange<ArrayAttr>()) {
    SmallVector<Value> vars;
    for (auto var : group.getAsRange<StringAttr>())
      vars.push_back(make<RankVarOp>(builder.getIndexType(), var));
    indices.push_back(vars.size() == 1 ? vars.front()
                                       : make<FlattenOp>(builder.getIndexType(),
                                                         vars, group));
  }
  return make<ReadOp>(getComputeType(part.getType().getElementType()), tensor,
                      indices);
}

/// The Einsum with another reducer, whose value and filter `change` gives.
EinsumOp Expander::makePart(StringRef suffix, ReducerKind kind, Type element,
                            Maker change) {
  builder.setInsertionPoint(einsum);
  auto part = cast<EinsumOp>(builder.clone(*einsum));
  if (std::optional<StringRef> name = einsum.getName())
    part.setName((*name + suffix).str());
  SmallVector<Attribute> reducers;
  for (auto reducer : einsum.getReducers().getAsRange<ReduceAttr>())
    reducers.push_back(
        ReduceAttr::get(builder.getContext(), kind, reducer.getVar()));
  part.setReducersAttr(builder.getArrayAttr(reducers));
  part.getResult().setType(attn::TensorType::get(
      builder.getContext(), einsum.getType().getRanks(), element));
  Operation *terminator = part.getBody().front().getTerminator();
  builder.setInsertionPoint(terminator);
  auto [value, filter] = change(part, part.getValue(), part.getFilter());
  ValueOp::create(builder, loc, value, filter);
  terminator->erase();
  return part;
}

/// Makes the Einsum a map that gives `makeValue`.
void Expander::finish(function_ref<Value(EinsumOp)> makeValue) {
  SmallVector<StringAttr> vars = einsum.getOutVars();
  einsum.getInputsMutable().clear();
  einsum.getBody().getBlocks().clear();
  einsum.setVarsAttr(
      builder.getArrayAttr(SmallVector<Attribute>(vars.begin(), vars.end())));
  einsum.setReducersAttr(builder.getArrayAttr({}));
  builder.createBlock(&einsum.getBody());
  Value value = makeValue(einsum);
  ValueOp::create(builder, loc, value, Value());
}

/// lse(x) = max(x) + log(sum of exp(x - max(x))).
void Expander::expandLse() {
  Type type = einsum.getValue().getType();
  EinsumOp largest = makePart("_max", ReducerKind::Max, type,
                              [&](EinsumOp, Value value, Value filter) {
                                return std::pair(value, filter);
                              });
  EinsumOp sum =
      makePart("_sum", ReducerKind::Add, type,
               [&](EinsumOp part, Value value, Value filter) {
                 Value shift = readInPlace(part, largest);
                 Value shifted = make<arith::SubFOp>(value, shift);
                 return std::pair(make<math::ExpOp>(shifted), filter);
               });
  finish([&](EinsumOp result) {
    Value shift = readInPlace(result, largest);
    Value logarithm = make<math::LogOp>(readInPlace(result, sum));
    return make<arith::AddFOp>(shift, logarithm);
  });
}

/// The smallest coordinate at which the value is the maximum; -1 where none is.
void Expander::expandArgMax() {
  Type type = einsum.getValue().getType();
  IntegerType i32 = builder.getI32Type();
  StringAttr var = cast<ReduceAttr>(einsum.getReducers()[0]).getVar();
  EinsumOp largest = makePart("_max", ReducerKind::Max, type,
                              [&](EinsumOp, Value value, Value filter) {
                                return std::pair(value, filter);
                              });
  EinsumOp first = makePart(
      "_first", ReducerKind::Min, i32,
      [&](EinsumOp part, Value value, Value filter) {
        Value most = readInPlace(part, largest);
        Value isMost =
            isa<FloatType>(type)
                ? make<arith::CmpFOp>(arith::CmpFPredicate::OEQ, value, most)
                : make<arith::CmpIOp>(arith::CmpIPredicate::eq, value, most);
        Value coordinate = make<RankVarOp>(builder.getIndexType(), var);
        Value narrow =
            make<CastOp>(i32, coordinate, TypeAttr::get(i32), UnitAttr());
        return std::pair(narrow,
                         filter ? make<arith::AndIOp>(filter, isMost) : isMost);
      });
  finish([&](EinsumOp result) {
    auto none = cast<IntegerAttr>(getIdentity(ReducerKind::Min, i32));
    Value coordinate = readInPlace(result, first);
    Value identity = make<arith::ConstantOp>(none);
    Value isNone =
        make<arith::CmpIOp>(arith::CmpIPredicate::eq, coordinate, identity);
    Value minusOne = make<arith::ConstantOp>(builder.getI32IntegerAttr(-1));
    return make<arith::SelectOp>(isNone, minusOne, coordinate);
  });
}

namespace {
struct ExpandReducers : attn::impl::ExpandReducersBase<ExpandReducers> {
  void runOnOperation() override {
    getOperation().walk([](EinsumOp einsum) {
      if (einsum.getReducers().empty())
        return;
      // SplitReducers leaves one kind.
      switch (cast<ReduceAttr>(einsum.getReducers()[0]).getKind()) {
      case ReducerKind::Lse:
        return Expander(einsum).expandLse();
      case ReducerKind::ArgMax:
        return Expander(einsum).expandArgMax();
      default:
        return;
      }
    });
  }
};
} // namespace

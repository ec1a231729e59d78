//===- SplitReducers.cpp - One kind of reducer an Einsum ------------------===//

#include "lib/Cascade/Passes.h"
#include "mlir/IR/Builders.h"

namespace attn {
#define GEN_PASS_DEF_SPLITREDUCERS
#include "lib/Cascade/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

/// The reducers of the last run of one kind: those that are applied first.
static SmallVector<Attribute> getInnermost(EinsumOp einsum) {
  SmallVector<Attribute> run;
  for (Attribute attr : llvm::reverse(einsum.getReducers().getValue())) {
    auto reducer = cast<ReduceAttr>(attr);
    if (!run.empty() &&
        cast<ReduceAttr>(run.front()).getReducer() != reducer.getReducer())
      break;
    run.insert(run.begin(), attr);
  }
  return run;
}

/// Splits the innermost run off `einsum`, which is left with the rest.
static void split(EinsumOp einsum) {
  SmallVector<Attribute> inner = getInnermost(einsum);
  ArrayRef<Attribute> outer =
      einsum.getReducers().getValue().drop_back(inner.size());
  OpBuilder builder(einsum);
  Location loc = einsum.getLoc();

  // The inner Einsum keeps what the outer one reduces.
  SmallVector<Attribute> vars, groups;
  SmallVector<StringAttr> ranks;
  auto keep = [&](StringAttr var) {
    vars.push_back(var);
    groups.push_back(builder.getArrayAttr(var));
    ranks.push_back(var);
  };
  for (StringAttr var : einsum.getOutVars())
    keep(var);
  for (Attribute reducer : outer)
    keep(cast<ReduceAttr>(reducer).getVar());
  SmallVector<Attribute> innerVars = vars;
  for (Attribute reducer : inner)
    innerVars.push_back(cast<ReduceAttr>(reducer).getVar());
  Type element = einsum.getValue().getType();
  auto type = attn::TensorType::get(builder.getContext(), ranks, element);
  auto part = EinsumOp::create(
      builder, loc, type, einsum.getInputs(), einsum.getNameAttr(),
      builder.getArrayAttr(innerVars), builder.getArrayAttr(groups),
      builder.getArrayAttr(inner));
  part.getBody().takeBody(einsum.getBody());

  // The outer one reads it in place.
  einsum.getInputsMutable().assign(part.getResult());
  einsum.setVarsAttr(builder.getArrayAttr(vars));
  einsum.setReducersAttr(builder.getArrayAttr(outer));
  Block *block = builder.createBlock(&einsum.getBody(), {}, type, {loc});
  SmallVector<Value> indices;
  for (StringAttr rank : ranks)
    indices.push_back(
        RankVarOp::create(builder, loc, builder.getIndexType(), rank));
  Value value = ReadOp::create(builder, loc, getComputeType(element),
                               block->getArgument(0), indices);
  ValueOp::create(builder, loc, value, Value());
}

namespace {
struct SplitReducers : attn::impl::SplitReducersBase<SplitReducers> {
  void runOnOperation() override {
    getOperation().walk([](EinsumOp einsum) {
      while (getInnermost(einsum).size() < einsum.getReducers().size())
        split(einsum);
    });
  }
};
} // namespace

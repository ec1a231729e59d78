//===- Reduce.cpp - Reducers on scalars and vectors -----------------------===//

#include "lib/Target/Reduce.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn;

FailureOr<std::optional<MapReducer>> attn::getReducer(tile::MapOp op) {
  std::optional<MapReducer> reducer;
  for (auto attr : op.getReducers().getAsRange<ReduceAttr>()) {
    ReducerName name = attr.getReducer();
    if (reducer && reducer->name != name)
      return op.emitOpError("reduces by `")
             << reducer->name.str() << "` and by `" << name.str()
             << "`, which one map can't do";
    reducer = MapReducer{name, lookupReducer(name, op)};
    if (name.symbol && !reducer->definition)
      return op.emitOpError("reduces by ")
             << name.symbol << ", which is no attn.reducer";
  }
  if (reducer && reducer->name.kind == ReducerKind::ArgMax)
    return op.emitOpError("reduces by `argmax`, which no target can do yet");
  return reducer;
}

/// S11: the identity leaves the other as it is, whatever `combined` is.
static Value keepOther(ImplicitLocOpBuilder &b, Value identity, Value x,
                       Value y, Value combined) {
  bool isFloat = isa<FloatType>(getElementTypeOrSelf(x));
  auto isNone = [&](Value operand) -> Value {
    if (isFloat)
      return arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, operand,
                                   identity);
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, operand,
                                 identity);
  };
  Value either = arith::SelectOp::create(b, isNone(y), x, combined);
  return arith::SelectOp::create(b, isNone(x), y, either);
}

Value attn::emitReduce(ImplicitLocOpBuilder &b, const MapReducer &reducer,
                       Value x, Value y,
                       function_ref<Value(ReducerOp, Value, Value)> emit) {
  bool isFloat = isa<FloatType>(getElementTypeOrSelf(x));
  switch (reducer.name.kind) {
  case ReducerKind::Add:
    return isFloat ? Value(arith::AddFOp::create(b, x, y))
                   : Value(arith::AddIOp::create(b, x, y));
  case ReducerKind::Mul:
    return isFloat ? Value(arith::MulFOp::create(b, x, y))
                   : Value(arith::MulIOp::create(b, x, y));
  case ReducerKind::Max:
    return isFloat ? emitMax(b, x, y) : Value(arith::MaxSIOp::create(b, x, y));
  case ReducerKind::Min:
    return isFloat ? emitMin(b, x, y) : Value(arith::MinSIOp::create(b, x, y));
  case ReducerKind::And:
    return arith::AndIOp::create(b, x, y);
  case ReducerKind::User: {
    Value combined = emit(reducer.definition, x, y);
    if (!combined)
      return {};
    return keepOther(b, emitIdentity(b, reducer, x.getType()), x, y, combined);
  }
  default:
    return arith::OrIOp::create(b, x, y);
  }
}

Value attn::emitIdentity(ImplicitLocOpBuilder &b, const MapReducer &reducer,
                         Type type) {
  Type element = getElementTypeOrSelf(type);
  TypedAttr identity = reducer.definition
                           ? ReducerOp(reducer.definition).getIdentity()
                           : getIdentity(reducer.name.kind, element);
  if (auto vector = dyn_cast<VectorType>(type))
    identity = DenseElementsAttr::get(vector, Attribute(identity));
  return arith::ConstantOp::create(b, identity);
}

//===- Reduce.cpp - Reducers on scalars and vectors -----------------------===//

#include "lib/Target/CPU/Reduce.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cmath>

using namespace mlir;
using namespace attn;

Value cpu::combine(ImplicitLocOpBuilder &b, ReducerKind kind, Value x,
                   Value y) {
  bool isFloat = isa<FloatType>(getElementTypeOrSelf(x));
  switch (kind) {
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
  default:
    return arith::OrIOp::create(b, x, y);
  }
}

Value cpu::makeIdentity(ImplicitLocOpBuilder &b, ReducerKind kind, Type type) {
  Type element = getElementTypeOrSelf(type);
  bool isMax = kind == ReducerKind::Max, isMin = kind == ReducerKind::Min;
  if (isa<FloatType>(element))
    return makeConstant(b, type,
                        isMax                      ? -INFINITY
                        : isMin                    ? INFINITY
                        : kind == ReducerKind::Mul ? 1.0
                                                   : 0.0);
  unsigned width = element.getIntOrFloatBitWidth();
  int64_t lowest = width == 64 ? INT64_MIN : -(int64_t(1) << (width - 1));
  if (kind == ReducerKind::And)
    return makeInteger(b, type, width == 1 ? 1 : -1);
  return makeInteger(b, type,
                     isMax                      ? lowest
                     : isMin                    ? -(lowest + 1)
                     : kind == ReducerKind::Mul ? 1
                                                : 0);
}

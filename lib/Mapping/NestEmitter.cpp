//===- NestEmitter.cpp - One nest as one kernel ---------------------------===//
//
// The order of things; NestEinsum, NestList, NestStream and NestStore make
// the pieces.
//
//===----------------------------------------------------------------------===//

#include "lib/Mapping/NestEmitter.h"

using namespace mlir;
using namespace attn;

LogicalResult NestEmitter::emitOps(Block &block, const Scope &scope) {
  for (Operation &op : block.without_terminator()) {
    if (auto einsum = dyn_cast<EinsumOp>(&op)) {
      FailureOr<Value> tile = emitEinsum(einsum, scope);
      if (failed(tile))
        return failure();
      tiles[einsum.getResult()] = *tile;
    } else if (auto stream = dyn_cast<StreamOp>(&op)) {
      if (failed(emitStream(stream, StreamPart())))
        return failure();
    } else if (auto iterate = dyn_cast<IterateOp>(&op)) {
      if (failed(emitIterate(iterate)))
        return failure();
    } else if (auto topk = dyn_cast<TopKOp>(&op)) {
      if (failed(emitTopK(topk, scope)))
        return failure();
    } else if (auto join = dyn_cast<JoinOp>(&op)) {
      if (failed(emitJoin(join, scope)))
        return failure();
    } else {
      return op.emitOpError("cannot be mapped to tiles yet");
    }
  }
  return success();
}

LogicalResult NestEmitter::emit(ArrayRef<Destination> destinations) {
  for (const Destination &destination : destinations) {
    Value value =
        nest.getBody().front().getTerminator()->getOperand(destination.result);
    // States are stored in the end, what is collected as it is made.
    auto result = dyn_cast<OpResult>(value);
    auto stream = value.getDefiningOp<StreamOp>();
    auto iterate = value.getDefiningOp<IterateOp>();
    if ((stream && result.getResultNumber() >= stream.getNumStates()) ||
        (iterate && result.getResultNumber() >= iterate.getInits().size()))
      storedAsMade[value].push_back(destination.view);
  }
  if (failed(emitOps(nest.getBody().front(), Scope())))
    return failure();
  return storeResults(destinations);
}

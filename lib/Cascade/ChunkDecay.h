//===- ChunkDecay.h - What of a state is left within a chunk --------------===//
//
// A state's elements are multiplied by a decay at every step; a chunk needs the
// products over ranges of its steps. Three ways, by the decay's factors:
//
// - exp(g), and sigmoid(x), whose logarithm does not underflow: sums G of the
//   logarithms, and exp(G[i] - G[j]). Only for i >= j: where decays are at most
//   1, no exponent is positive.
// - what is the same at every step: a power.
// - any other factor, which may be 0 or negative: products, carried along i.
//
// What stands past the last step is absent, so sums and products leave it out.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CASCADE_CHUNKDECAY_H
#define LIB_CASCADE_CHUNKDECAY_H

#include "lib/Cascade/StepEmitter.h"

namespace attn {

/// The variables of a chunk of steps.
struct ChunkVars {
  /// The carried rank, and the rank of chunks.
  mlir::StringAttr step, outer;
  /// Places in a chunk: where the state is read, where something was added to
  /// it, and in between.
  mlir::StringAttr i, j, l;
  /// The steps at these places.
  mlir::StringAttr stepI, stepJ, stepL;
};

class ChunkDecay {
public:
  /// `decay` is of one step; null: 0.
  ChunkDecay(Expr decay, const ChunkVars &vars, StepLeaves &leaves,
             StepEmitter &emitter);

  bool isIdentity() const { return identity; }
  /// From after step j to after step i, or, if `isBefore`, to before step i.
  Expr getBetween(bool isBefore);
  /// From before the chunk to after or before step i.
  Expr getSince(bool isBefore);
  /// From after step j to the chunk's end.
  Expr getUntil();
  /// Of the chunk.
  Expr getWhole();

private:
  void split(Expr decay);
  void chooseFactors(Expr decay);
  bool splitFactors(Expr decay);
  Expr getLogSum(bool isBefore);
  Expr getLogSum();
  Expr getCount();
  Expr getProduct(llvm::StringRef name, Expr filter,
                  llvm::ArrayRef<mlir::StringAttr> more);
  Expr makePower(Expr count);
  void scan();
  Expr atStep(Expr expr, mlir::StringAttr step);
  Expr var(mlir::StringAttr name);
  Expr makeFilter(Expr value, Expr filter);

  ChunkVars vars;
  StepLeaves &leaves;
  StepEmitter &emitter;
  ExprContext &context;
  bool identity = false;
  /// The decay is exp(log) * base * factor; null for none.
  Expr log, base, factor;
  Expr logSums[2], logSum, count, between[2], since[2], until, whole;
};

/// The condition that the step `var` of `rank` is one that there is.
Expr makeInside(StepLeaves &leaves, mlir::StringAttr var,
                mlir::StringAttr rank);
/// Whether `expr` is absent where `step` is past the last one.
bool isAbsentPast(StepLeaves &leaves, Expr expr, mlir::StringAttr step,
                  mlir::StringAttr rank);

} // namespace attn

#endif // LIB_CASCADE_CHUNKDECAY_H

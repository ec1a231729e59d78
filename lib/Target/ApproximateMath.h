//===- ApproximateMath.h - Functions without an instruction -----*- C++ -*-===//

#ifndef LIB_TARGET_APPROXIMATEMATH_H
#define LIB_TARGET_APPROXIMATEMATH_H

#include "mlir/IR/PatternMatch.h"

namespace attn {

/// Upstream's polynomials for what emitScalarOp has not expanded: log, tanh,
/// erf, sin, cos, pow.
void populateApproximateMathPatterns(mlir::RewritePatternSet &patterns);

} // namespace attn

#endif // LIB_TARGET_APPROXIMATEMATH_H

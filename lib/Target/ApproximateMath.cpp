//===- ApproximateMath.cpp - Functions without an instruction -------------===//

#include "lib/Target/ApproximateMath.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"

void attn::populateApproximateMathPatterns(mlir::RewritePatternSet &patterns) {
  mlir::populateMathPolynomialApproximationPatterns(patterns);
  mlir::math::populateExpansionPatterns(patterns, {"powf", "absi"});
}

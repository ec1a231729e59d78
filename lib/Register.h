//===- Register.h - One registration for every tool -----------------------===//

#ifndef LIB_REGISTER_H
#define LIB_REGISTER_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace attn {

/// Registers every dialect that the pipeline makes or reads.
void registerDialects(mlir::DialectRegistry &registry);
/// Registers every pass and pipeline, for attn-opt's command line.
void registerPasses();

} // namespace attn

#endif // LIB_REGISTER_H

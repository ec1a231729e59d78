//===- Intrinsics.h - What only a GPU's instructions say --------*- C++ -*-===//
//
// The nvvm operations that kernels are made with. All in one file: the header
// of that dialect is by far the largest.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TARGET_NVPTX_INTRINSICS_H
#define LIB_TARGET_NVPTX_INTRINSICS_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace attn::nvptx {

/// Address spaces.
constexpr unsigned globalSpace = 1, sharedSpace = 3;

/// The thread's number in its block, an i32 below `threads`.
mlir::Value emitThread(mlir::ImplicitLocOpBuilder &b, int64_t threads);
/// The block's number in the grid, an i32.
mlir::Value emitBlock(mlir::ImplicitLocOpBuilder &b);
/// Waits for all threads of the block; what they wrote to shared memory is
/// there afterwards.
void emitBarrier(mlir::ImplicitLocOpBuilder &b);
/// `value` of the thread of the warp whose number differs in the bits of
/// `mask`. Integers and floats of up to 64 bits.
mlir::Value emitShuffleXor(mlir::ImplicitLocOpBuilder &b, mlir::Value value,
                           int32_t mask);

/// `count` (2 or 4) matrices of 8 by 8 elements of 16 bits, a word of each; the
/// lanes' pointers are to their rows. The words have neighbours of a row, or of
/// a column where `isTransposed`.
llvm::SmallVector<mlir::Value> emitLoadMatrix(mlir::ImplicitLocOpBuilder &b,
                                              mlir::Value pointer,
                                              int64_t count, bool isTransposed);
/// mma.sync.m16n8k16: adds to the four values of `sum` the product of four
/// words and two.
void emitMultiplyAdd(mlir::ImplicitLocOpBuilder &b,
                     llvm::ArrayRef<mlir::Value> left,
                     llvm::ArrayRef<mlir::Value> right,
                     llvm::MutableArrayRef<mlir::Value> sum,
                     mlir::Type element);
/// Starts to copy 16 bytes to shared memory, the first `bytes` from `source`,
/// the rest 0.
void emitCopyAsync(mlir::ImplicitLocOpBuilder &b, mlir::Value target,
                   mlir::Value source, mlir::Value bytes);
/// Ends a group of copies; waits for all groups of this thread.
void emitCommitCopies(mlir::ImplicitLocOpBuilder &b);
void emitWaitForCopies(mlir::ImplicitLocOpBuilder &b);

/// Makes `function` a kernel of `threads` threads a block.
void makeKernel(mlir::LLVM::LLVMFuncOp function, int64_t threads);

} // namespace attn::nvptx

#endif // LIB_TARGET_NVPTX_INTRINSICS_H

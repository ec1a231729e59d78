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
constexpr unsigned globalSpace = 1, sharedSpace = 3, clusterSpace = 7;

/// The thread's number in its block, an i32 below `threads`.
mlir::Value emitThread(mlir::ImplicitLocOpBuilder &b, int64_t threads);
/// `emitThread` and 0 as what no compiler knows: what is computed of them is
/// computed where it stands, not kept in registers around a loop.
mlir::Value emitThreadAnew(mlir::ImplicitLocOpBuilder &b);
mlir::Value emitUnknownZero(mlir::ImplicitLocOpBuilder &b);
/// The block's number in the grid, an i32.
mlir::Value emitBlock(mlir::ImplicitLocOpBuilder &b);
/// How many blocks the grid has, an i32.
mlir::Value emitNumBlocks(mlir::ImplicitLocOpBuilder &b);
/// Waits until the kernel before this one in the stream has ended; what it
/// wrote is there afterwards. Nothing, where this one was not launched to begin
/// early.
void emitWaitForKernel(mlir::ImplicitLocOpBuilder &b);
/// The next kernel may begin as soon as all blocks have come here or ended.
void emitLetNextKernelBegin(mlir::ImplicitLocOpBuilder &b);
/// Waits for all threads of the block; what they wrote to shared memory is
/// there afterwards.
void emitBarrier(mlir::ImplicitLocOpBuilder &b);
/// What is at `pointer`, of 8 to 64 bits; 0 where `condition`, if there is one,
/// doesn't hold: without a branch. What is invariant no thread writes
/// meanwhile.
mlir::Value emitLoad(mlir::ImplicitLocOpBuilder &b, mlir::Type type,
                     mlir::Value pointer, mlir::Value condition,
                     bool isInvariant);
/// Two f32 rounded to `element`s in a word, by assembly that LLVM leaves where
/// it is.
mlir::Value emitPackPair(mlir::ImplicitLocOpBuilder &b, mlir::Value low,
                         mlir::Value high, mlir::Type element);
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
/// Until at most `pending` of the groups committed last are on their way.
void emitWaitForCopies(mlir::ImplicitLocOpBuilder &b, int64_t pending = 0);

//===----------------------------------------------------------------------===//
// Hopper: roles, rings, warpgroups
//===----------------------------------------------------------------------===//

/// Waits for the `threads` threads that have come to this barrier of the block.
void emitBarrier(mlir::ImplicitLocOpBuilder &b, int64_t number,
                 int64_t threads);
/// The same of a barrier whose number, an i32, a warp computes.
void emitBarrier(mlir::ImplicitLocOpBuilder &b, mlir::Value number,
                 int64_t threads);
/// Counts this thread at a barrier, for those that wait there.
void emitArriveAtBarrier(mlir::ImplicitLocOpBuilder &b, mlir::Value number,
                         int64_t threads);
/// `value` of the warp's first thread: the same in all, and known to be.
mlir::Value emitUniform(mlir::ImplicitLocOpBuilder &b, mlir::Value value);
/// True in one thread of the warp.
mlir::Value emitElect(mlir::ImplicitLocOpBuilder &b);
/// Sets the registers of each of a warpgroup's threads.
void emitSetRegisters(mlir::ImplicitLocOpBuilder &b, int64_t count,
                      bool isMore);

/// An mbarrier that `count` arrivals complete, before threads are told of it.
void emitInitBarrier(mlir::ImplicitLocOpBuilder &b, mlir::Value pointer,
                     int64_t count);
/// What was initialised is there for TMA too.
void emitFenceInit(mlir::ImplicitLocOpBuilder &b);
void emitArrive(mlir::ImplicitLocOpBuilder &b, mlir::Value pointer);
/// Arrives, and lets the phase last until so many bytes have come.
void emitArriveExpecting(mlir::ImplicitLocOpBuilder &b, mlir::Value pointer,
                         int64_t bytes);
/// Waits until the phase of this parity is complete.
void emitAwaitPhase(mlir::ImplicitLocOpBuilder &b, mlir::Value pointer,
                    mlir::Value parity);
/// What this thread wrote to shared memory is there for wgmma.
void emitFenceShared(mlir::ImplicitLocOpBuilder &b);
/// Starts to copy the box of a tensor map at `coordinates` (the innermost
/// first) to shared memory; its bytes arrive at `barrier`.
void emitCopyBox(mlir::ImplicitLocOpBuilder &b, mlir::Value target,
                 mlir::Value map, mlir::ValueRange coordinates,
                 mlir::Value barrier);

/// One wgmma of 64 rows by `2 * sums.size()` columns by 16.
struct WarpgroupProduct {
  mlir::Type element;
  llvm::ArrayRef<mlir::Value> words; ///< of the left operand; or none and
  mlir::Value left;                  ///< its descriptor
  mlir::Value right;                 ///< a descriptor
  /// Whether an operand's rows, not its columns, are neighbours.
  bool isLeftTransposed = false, isRightTransposed = false;
  bool adds = true; ///< or starts from 0
};
/// Starts a product that adds to `sums`.
void emitMultiplyAdd(mlir::ImplicitLocOpBuilder &b,
                     const WarpgroupProduct &product,
                     llvm::MutableArrayRef<mlir::Value> sums);
/// Before a warpgroup's first product; after its last one of a group.
void emitBeginProducts(mlir::ImplicitLocOpBuilder &b);
void emitCommitProducts(mlir::ImplicitLocOpBuilder &b);
/// Waits until at most `pending` groups are unfinished. `words` pass through,
/// so that nothing uses them before.
void emitAwaitProducts(mlir::ImplicitLocOpBuilder &b, int64_t pending,
                       llvm::MutableArrayRef<mlir::Value> words);

/// Makes `function` a kernel of `threads` threads a block.
void makeKernel(mlir::LLVM::LLVMFuncOp function, int64_t threads);

} // namespace attn::nvptx

#endif // LIB_TARGET_NVPTX_INTRINSICS_H

//===- KernelLowering.h - One kernel as a block of threads ------*- C++ -*-===//
//
// Emits a kernel as scf, arith, llvm and nvvm operations. A task is one block
// of threads. Every tile has its place in shared memory; an operation on tiles
// is done by all threads, each at some positions of its result, with a barrier
// after it. Control flow and whatever is no tile are the same in every thread.
// One file for each kind of operation: LowerMap, LowerContract, LowerMove.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TARGET_NVPTX_KERNELLOWERING_H
#define LIB_TARGET_NVPTX_KERNELLOWERING_H

#include "lib/Target/Buffers.h"
#include "lib/Target/Frame.h"
#include "lib/Target/NVPTX/SharedLayout.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace attn::nvptx {

/// A tile's place in shared memory.
struct Buffer {
  mlir::Value pointer;
  tile::TileType type;
  SharedLayout layout;

  mlir::Type getElementType() const { return type.getElementType(); }
};

/// A view of the kernel: strides and extents as i64 values.
struct ViewOperand {
  tile::ViewType type;
  mlir::Value pointer; ///< to global memory
  llvm::SmallVector<mlir::Value> strides, extents;
};

/// Positions in a tile, by rank, as i32 values.
using Position = llvm::SmallDenseMap<mlir::StringAttr, mlir::Value, 4>;
/// A rank and how many of its positions there are.
using RankSize = std::pair<mlir::StringAttr, int64_t>;

class KernelLowering {
public:
  KernelLowering(tile::KernelOp kernel, const KernelOperands &operands,
                 int64_t threads);

  /// Emits the function where `b` is and returns it.
  mlir::FailureOr<mlir::LLVM::LLVMFuncOp> run(mlir::OpBuilder &builder);
  int64_t getSharedBytes() const { return plan.bytes; }

  //===--- Values ---------------------------------------------------------===//

  mlir::ImplicitLocOpBuilder b;
  const int64_t threads;

  mlir::Value constant(int64_t number); ///< i64
  mlir::Value small(int64_t number);    ///< i32
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value mul(mlir::Value x, mlir::Value y);
  mlir::Value both(mlir::Value x, mlir::Value y);
  /// `index` or i32 as i64; i64 or i32 as `index`.
  mlir::Value toInt(mlir::Value value);
  mlir::Value toIndex(mlir::Value integer);
  mlir::Value getValue(mlir::Value value) {
    return values.lookupOrDefault(value);
  }
  const ViewOperand &getView(mlir::Value view) { return views[view]; }
  /// A rank's extent, as i64; null, with an error, where there is none.
  mlir::Value getExtent(mlir::StringAttr rank);
  mlir::StringAttr getLaneRank() { return kernel.getLanesAttr(); }

  //===--- Threads and loops ----------------------------------------------===//

  mlir::Value getThread() { return thread; }
  using Body = llvm::function_ref<llvm::SmallVector<mlir::Value>(
      mlir::Value, mlir::ValueRange)>;
  /// A loop over i32 from `first` by `step` as long as it is below `count`.
  llvm::SmallVector<mlir::Value> loop(mlir::Value first, int64_t count,
                                      int64_t step, mlir::ValueRange carried,
                                      Body body);
  /// Gives each position of the ranks, the last fastest, to one thread.
  void forElements(llvm::ArrayRef<RankSize> ranks,
                   llvm::function_ref<void(const Position &)> body);
  /// Sets the positions of `ranks`, the last fastest, from one number.
  void decode(mlir::Value number, llvm::ArrayRef<RankSize> ranks, Position &at);
  /// `body` where `condition` holds.
  void when(mlir::Value condition, llvm::function_ref<void()> body);
  void barrier();

  //===--- Memory ---------------------------------------------------------===//

  Buffer getBuffer(mlir::Value tile);
  mlir::Value address(const Buffer &buffer, const Position &at);
  /// `base` and `offset` elements.
  mlir::Value advance(mlir::Value base, mlir::Value offset, mlir::Type element);
  mlir::Value loadElement(const Buffer &buffer, const Position &at);
  void storeElement(mlir::Value value, const Buffer &buffer,
                    const Position &at);

  //===--- Operations -----------------------------------------------------===//

  mlir::LogicalResult lowerMap(tile::MapOp op);
  mlir::LogicalResult lowerContract(tile::ContractOp op);
  mlir::LogicalResult lowerLoad(tile::LoadOp op);
  mlir::LogicalResult lowerStore(tile::StoreOp op);
  void lowerFill(tile::FillOp op);
  /// An element of a view and whether it is inside; 0 where it is not.
  std::pair<mlir::Value, mlir::Value> readElement(tile::ReadOp op,
                                                  mlir::ValueRange indices);
  /// What `pointer`, of `element`s in memory, holds; 0, and not read, unless
  /// `isInside`.
  mlir::Value loadGuarded(mlir::Value pointer, mlir::Value isInside,
                          mlir::Type element);
  /// Emits an operation of arith, math or attn on scalars; null, with an
  /// error, for any other.
  mlir::Value emitScalar(mlir::Operation *op, mlir::ValueRange operands);

private:
  tile::KernelOp kernel;
  KernelOperands operands;
  FrameLayout frame;
  ScratchPlan plan;
  mlir::IRMapping values;
  llvm::DenseMap<mlir::Value, ViewOperand> views;
  mlir::Value framePointer, sharedPointer, thread;

  mlir::Value loadSlot(unsigned slot, mlir::Type type);
  mlir::Value toGlobal(mlir::Value address);
  mlir::LogicalResult bindArguments(mlir::Value task);
  mlir::LogicalResult lowerBlock(mlir::Block &block);
  mlir::LogicalResult lowerOp(mlir::Operation *op);
  mlir::LogicalResult lowerFor(mlir::scf::ForOp op);
  mlir::LogicalResult lowerIf(mlir::scf::IfOp op);
  void copyTiles(mlir::Operation *at);
};

/// The shared memory that a kernel's tiles need.
ScratchPlan planShared(tile::KernelOp kernel);

/// The name of the global that all kernels of a module lay their tiles in.
constexpr llvm::StringLiteral sharedName = "attn_shared";

} // namespace attn::nvptx

#endif // LIB_TARGET_NVPTX_KERNELLOWERING_H

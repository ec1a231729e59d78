//===- Frame.h - Where a call's arguments lie -------------------*- C++ -*-===//
//
// The slots of the frame (runtime/attnrt_program.h) that a tile.program and its
// kernels use. The package describes the same slots to the runtime.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TARGET_FRAME_H
#define LIB_TARGET_FRAME_H

#include "dialect/Tile/TileOps.h"

namespace attn {

class FrameLayout {
public:
  explicit FrameLayout(tile::ProgramOp program);

  /// Slot 0 holds the number of threads.
  static constexpr unsigned threadsSlot = 0;

  /// The slot of a rank's extent, or nothing where the program has no such
  /// rank.
  std::optional<unsigned> getExtentSlot(mlir::StringAttr rank) const;
  /// The first slot of a program's argument, by its number.
  unsigned getArgumentSlot(unsigned argument) const {
    return argumentSlots[argument];
  }
  /// The first slot of a program's argument or workspace; nothing for a value
  /// that the host computes.
  std::optional<unsigned> getSlot(mlir::Value value) const;
  /// The slot through which a computed value reaches a kernel.
  unsigned getOperandSlot(tile::LaunchOp launch, unsigned operand) const;
  unsigned getNumSlots() const { return numSlots; }

private:
  llvm::DenseMap<mlir::StringAttr, unsigned> extentSlots;
  llvm::SmallVector<unsigned> argumentSlots;
  llvm::DenseMap<mlir::Value, unsigned> valueSlots;
  llvm::DenseMap<std::pair<mlir::StringAttr, unsigned>, unsigned> operandSlots;
  unsigned numSlots = 1;
};

/// What launches a kernel: the program, and the first slot of each operand.
struct KernelOperands {
  tile::ProgramOp program;
  llvm::SmallVector<unsigned> slots;
};

/// Fails, with an error at the kernel or the launch, where no program launches
/// the kernel or two launches take an operand from different places.
llvm::FailureOr<KernelOperands> findOperands(tile::KernelOp kernel,
                                             mlir::ModuleOp module);

} // namespace attn

#endif // LIB_TARGET_FRAME_H

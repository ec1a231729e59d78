//===- Fragment.h - Tiles in registers --------------------------*- C++ -*-===//
//
// What AssignLayouts decides by and the lowering relies on: which tiles lie in
// registers, and where each of their elements does.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TARGET_NVPTX_FRAGMENT_H
#define LIB_TARGET_NVPTX_FRAGMENT_H

#include "dialect/Tile/TileOps.h"
#include "lib/Target/NVPTX/Layout.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace attn::nvptx {

/// The most warps of a block whose tiles lie in registers.
constexpr int64_t maxWarps = 12;

/// A warpgroup is four warps, of 64 rows.
constexpr int64_t groupWarps = 4, groupThreads = 128, groupRows = 64;

/// Whether the matrix unit multiplies elements of this type.
bool isOperandElement(mlir::Type element);

/// Whether mma.sync does all of `op`, which sums along one rank: its operands
/// have that rank and one more each, of which the right one's is `lanes`.
bool isMatrixContract(tile::ContractOp op, mlir::StringAttr lanes);

inline bool isInRegisters(mlir::Value value) {
  auto type = mlir::dyn_cast<tile::TileType>(value.getType());
  return type && type.getSpace() == tile::Space::Register;
}

/// Whether another role loads the tile, for products of warpgroups.
inline bool isSwizzled(mlir::Value value) {
  auto type = mlir::dyn_cast<tile::TileType>(value.getType());
  return type && type.getSpace() == tile::Space::Swizzled;
}

/// The choice of a map that takes each element of an input as it is or makes it
/// 0; null for any other map.
mlir::arith::SelectOp getMask(tile::MapOp map, unsigned input = 0);

/// Whether wgmma does `op`.
inline bool isWarpgroupContract(mlir::Operation *op) {
  auto contract = mlir::dyn_cast<tile::ContractOp>(op);
  return contract && isSwizzled(contract.getLhs());
}

/// On a branch in a loop whose products overlap: it is taken before a turn's
/// products, so that either side has all of the turn.
constexpr llvm::StringLiteral earlyBranch = "tile.early";

/// The loop's branch that has it; null if none has.
mlir::scf::IfOp getEarlyBranch(mlir::scf::ForOp loop);

/// On a loop whose products overlap: warpgroups start those of a turn one after
/// another, so that one's exponentials are computed while another's run.
constexpr llvm::StringLiteral pingPong = "tile.ping_pong";

/// The operation in the load's own block that uses its tile first, or last;
/// null where others use it too.
mlir::Operation *getUse(tile::LoadOp load, bool isFirst);

/// The products of a loop's body that read nothing that a turn computes: what a
/// turn begins with.
llvm::SmallVector<tile::ContractOp> getFirstProducts(mlir::scf::ForOp loop);

/// The operations that compute what the loads of swizzled tiles need: their
/// offsets, and bounds and conditions of what is around them. Fails where
/// these depend on tiles or on what a loop carries.
llvm::FailureOr<llvm::DenseSet<mlir::Operation *>>
getProducerSlice(tile::KernelOp kernel);

/// The rank of a tile in registers that is not the lanes; null if it has none.
mlir::StringAttr getColumnRank(tile::TileType type, mlir::StringAttr lanes);

/// The last grid rank whose coordinate says how long a task's loops are, for
/// the whole block.
std::optional<unsigned> findUnevenRank(tile::KernelOp kernel);

/// Whether some loop of a task begins where its coordinates say.
bool beginsLate(tile::KernelOp kernel);

/// Whether a task's own tiles come while the block is at the task before, if
/// its blocks take tasks in turn.
bool loadsAhead(tile::KernelOp kernel);

/// How a tile of `lanes` and at most one other rank lies in registers: lanes
/// are rows.
Layout getLayout(tile::TileType type, mlir::StringAttr lanes);

/// Where a tile of 16-bit floats lies, two elements share a word.
int64_t getNumWords(tile::TileType type, mlir::StringAttr lanes);

/// The warps of a kernel with tiles in registers; nothing where it has none.
std::optional<int64_t> getNumWarps(tile::KernelOp kernel);

/// The operations of the body of `loop` that compute the offsets of `load`, in
/// order. Fails where these need more than the loop's coordinate and what it
/// does not change.
llvm::FailureOr<llvm::SmallVector<mlir::Operation *>>
getOffsetSlice(tile::LoadOp load, mlir::scf::ForOp loop);

} // namespace attn::nvptx

#endif // LIB_TARGET_NVPTX_FRAGMENT_H

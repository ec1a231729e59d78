//===- Partitioner.h - Cascades as programs, nests as kernels -------------===//
//
// The host side of the mapping. CascadePartitioner (Partition.cpp) has what all
// nests of a cascade share: the program, its workspaces, and how a kernel is
// made and launched. NestPartitioner (PartitionNest.cpp) has the kernels of one
// nest and which of them a call launches. NestEmitter makes the kernels'
// bodies.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_MAPPING_PARTITIONER_H
#define LIB_MAPPING_PARTITIONER_H

#include "lib/Machine/TargetModel.h"
#include "lib/Mapping/ChooseTiles.h"
#include "lib/Mapping/NestEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace attn {

/// A kernel, and what a launch passes to it.
struct Launch {
  tile::KernelOp kernel;
  llvm::SmallVector<mlir::Value> operands;
};

/// How streams are split.
struct SplitChoice {
  int64_t parts; ///< where a call does not choose it; 0: none is split
  bool hasTurns; ///< parts take tiles in turn, whatever the target likes
};

class CascadePartitioner {
public:
  /// A size in `wanted` that is not 0 is taken as it is. With `isPersistent`
  /// there may be kernels whose blocks take tasks in turn.
  CascadePartitioner(CascadeOp cascade, const TargetModel &target,
                     TileSizes wanted, SplitChoice split, bool isPersistent);
  /// Replaces the cascade by a program and its kernels.
  mlir::LogicalResult run();

private:
  friend class NestPartitioner;

  void createProgram();
  TileSizes chooseSizes(NestOp nest);
  llvm::SmallVector<mlir::Value> getExternals(NestOp nest);
  mlir::Value getWorkspace(llvm::ArrayRef<mlir::StringAttr> ranks,
                           mlir::Type element, mlir::Value condition = {});
  llvm::SmallVector<Destination> getDestinations(NestOp nest);
  using BodyEmitter = llvm::function_ref<mlir::LogicalResult(
      NestEmitter &, mlir::ValueRange grid, mlir::ValueRange extraViews)>;
  mlir::FailureOr<Launch>
  createKernel(NestOp nest, const GridChoice &grid, const TileSizes &chosen,
               llvm::ArrayRef<mlir::StringAttr> extraGrid,
               llvm::ArrayRef<mlir::Value> extraViews, BodyEmitter emit);

  bool isPersistent; ///< whether a kernel's blocks may take tasks in turn
  CascadeOp cascade;
  const TargetModel &target;
  TileSizes wanted;
  std::optional<TileChooser> chooser;
  SplitChoice split;
  mlir::OpBuilder builder;
  tile::ProgramOp program;
  mlir::OpBuilder host;
  /// Tensors and scalars as the program's values.
  llvm::MapVector<mlir::Value, mlir::Value> values;
  unsigned numKernels = 0;
};

/// The kernels of one nest, and which of them a call launches. A call may have
/// few coordinates of a rank that another has many of, so most nests have
/// several kernels, in tiles and grids of their own, and the program chooses
/// among them by the call's extents.
class NestPartitioner {
public:
  NestPartitioner(CascadePartitioner &parent, NestOp nest);
  mlir::LogicalResult run();

private:
  using Launcher = llvm::function_ref<mlir::LogicalResult()>;
  using GridLauncher = llvm::function_ref<mlir::LogicalResult(
      const GridChoice &, const TileSizes &)>;

  mlir::Value getConstant(int64_t value);
  mlir::Value getExtent(llvm::StringRef rank);
  mlir::Value compare(mlir::arith::CmpIPredicate predicate, mlir::Value left,
                      mlir::Value right);
  mlir::Value divideUp(mlir::Value left, mlir::Value right);
  mlir::Value isAtMost(mlir::StringAttr rank, int64_t size);
  mlir::Value countTasks(const GridChoice &grid);

  /// Launches `then` where a call fulfils `condition`, else `otherwise`.
  mlir::LogicalResult choose(mlir::Value condition, Launcher otherwise,
                             Launcher then);
  mlir::LogicalResult launch(llvm::ArrayRef<mlir::FailureOr<Launch>> launches);
  llvm::SmallVector<Destination> getDestinations(mlir::ValueRange arguments);

  // The whole nest in one kernel.
  mlir::FailureOr<Launch> createWhole(const GridChoice &grid,
                                      const TileSizes &sizes);
  std::optional<int64_t> getTurnsLimit();
  mlir::LogicalResult launchWide();
  mlir::LogicalResult launchMany();
  mlir::LogicalResult launchShort(llvm::ArrayRef<int64_t> tiles);
  bool takesRows();
  mlir::LogicalResult chooseRows(mlir::StringAttr rank, Launcher otherwise,
                                 GridLauncher then);
  mlir::LogicalResult chooseSingle(Launcher otherwise, GridLauncher then);
  mlir::LogicalResult choosePacked(Launcher otherwise, Launcher then);
  mlir::LogicalResult launchUnsplit();

  // The nest's stream in parts, and a kernel that merges them.
  mlir::Value chooseParts(mlir::Value tasks);
  mlir::Value shouldSplit();
  mlir::FailureOr<Launch> createPart(const GridChoice &grid,
                                     const TileSizes &sizes);
  mlir::FailureOr<Launch> createMerge(const GridChoice &grid,
                                      const TileSizes &sizes);
  mlir::LogicalResult launchSplit(const GridChoice &grid,
                                  const TileSizes &sizes, bool mergesPacked);
  mlir::LogicalResult launchSplit();

  CascadePartitioner &parent;
  const TargetModel &target;
  mlir::OpBuilder &host;
  NestOp nest;
  llvm::SmallVector<Destination> destinations;
  /// The views of `destinations`.
  llvm::SmallVector<mlir::Value> views;

  /// Tiles for many lanes and for few, and the grids they make.
  TileSizes wide, narrow;
  GridChoice many, few;
  /// Whether the number of lanes is a call's, and worth two kernels.
  bool hasFreeLanes = false;
  /// The rank that shares what is streamed, where it may be the lanes, the
  /// grid in which it is, and whether a call takes that.
  mlir::StringAttr sharing;
  GridChoice packed;
  mlir::Value isPacked;
  /// The stream that the nest can be split along, or null.
  StreamOp stream;
  /// Whether one lane makes the stream's coordinates the lanes.
  bool hasSingle = false;

  /// The rank of the parts, and their number; 0: a call chooses it.
  mlir::StringAttr splitRank;
  int64_t numParts = 0;
  /// The stream's states, part by part.
  llvm::SmallVector<mlir::Value> states;
  std::optional<mlir::FailureOr<Launch>> fewMerge, packedMerge;
};

} // namespace attn

#endif // LIB_MAPPING_PARTITIONER_H

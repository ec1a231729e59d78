//===- KernelLowering.h - One kernel as a block of threads ------*- C++ -*-===//
//
// Emits a kernel as scf, arith, llvm and nvvm operations. A task is one block
// of threads. Control flow and whatever is no tile are the same in every
// thread.
//
// A tile lies in shared memory or in registers (AssignLayouts). An operation
// that writes shared memory is done by all threads, each at some positions of
// its result, with a barrier after it: LowerMap, LowerContract, LowerMove,
// LowerConvert, CopyTile. One whose result lies in registers needs no barrier:
// LowerFragment, LowerMatrix. What it reads of shared memory is waited for by
// the next one that writes there.
//
// A kernel with roles is two programs: LowerRoles. There "all threads" are
// those of the role.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TARGET_NVPTX_KERNELLOWERING_H
#define LIB_TARGET_NVPTX_KERNELLOWERING_H

#include "lib/Target/Branches.h"
#include "lib/Target/Buffers.h"
#include "lib/Target/Frame.h"
#include "lib/Target/NVPTX/Device.h"
#include "lib/Target/NVPTX/Fragment.h"
#include "lib/Target/NVPTX/LaunchOrder.h"
#include "lib/Target/NVPTX/SharedLayout.h"
#include "lib/Target/Scalar.h"
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

/// Barriers of a block; 0 is that of all threads.
/// From `groupBarrier` on, one of each warpgroup that computes; from
/// `orderBarrier` on, one where each awaits its turn among them.
constexpr int64_t computeBarrier = 1, producerBarrier = 2, groupBarrier = 3,
                  orderBarrier = 6;

class KernelLowering;

/// Where the elements in a thread's registers are in the tile.
class FragmentIndex {
public:
  FragmentIndex(KernelLowering &k, tile::TileType type);

  Position at(int64_t reg);
  /// Where eight neighbours begin that a lane has once the `lanes` of its row
  /// exchanged what they have from `reg` on.
  Position ofPiece(int64_t reg, int64_t lanes);
  /// True in one of the threads that have copies of an element; null where
  /// none has.
  mlir::Value isOwner();

  const Layout layout;
  const mlir::StringAttr row, column; ///< no column: null

private:
  KernelLowering &k;
  mlir::Value rowStart, columnStart, owner;
};

/// Where a tile runs in a view.
class Window {
public:
  Window(KernelLowering &k, const ViewOperand &view, tile::TileType tile,
         mlir::ValueRange offsets, mlir::ArrayAttr dims);

  /// One of the view's ranks.
  struct Dimension {
    mlir::StringAttr rank; ///< null where the tile has one position
    mlir::Value offset, stride, extent;
  };

  /// The address of the element at `at`, and whether it is inside.
  std::pair<mlir::Value, mlir::Value> locate(const Position &at) const;
  /// The rank that `dimension` runs along, at `at`: its coordinate as i64.
  mlir::Value getCoordinate(const Dimension &dimension,
                            const Position &at) const;
  mlir::Value isInside(const Dimension &dimension, const Position &at) const;
  const Dimension *lookup(mlir::StringAttr rank) const;

  llvm::SmallVector<Dimension> dimensions;
  llvm::SmallVector<RankSize> ranks; ///< the tile's, in the view's order

private:
  KernelLowering &k;
  const ViewOperand &view;
};

class KernelLowering {
public:
  /// `threads` are a block's, unless tiles in registers say how many it has.
  KernelLowering(tile::KernelOp kernel, const KernelOperands &operands,
                 LaunchOrder order, int64_t threads, bool isAccurate);

  /// Emits the function where `b` is and returns it.
  mlir::FailureOr<mlir::LLVM::LLVMFuncOp> run(mlir::OpBuilder &builder);
  /// Of the tiles and, after them, of the rings' barriers.
  int64_t getSharedBytes();
  int64_t getSharedAlignment() const { return plan.alignment; }
  /// Of a block.
  int64_t getNumThreads() const { return numThreads; }
  /// Whether what is emitted is the role that loads.
  bool isProducing() const { return producerSlice != nullptr; }
  /// By number, as the function's parameters.
  llvm::ArrayRef<TensorMap> getMaps() const { return maps; }

  //===--- Values ---------------------------------------------------------===//

  mlir::ImplicitLocOpBuilder b;
  int64_t threads; ///< that share the work

  mlir::Value constant(int64_t number); ///< i64
  mlir::Value small(int64_t number);    ///< i32
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value mul(mlir::Value x, mlir::Value y);
  mlir::Value both(mlir::Value x, mlir::Value y);
  /// An integer as i64; i64 or i32 as `index`.
  mlir::Value toInt(mlir::Value value);
  mlir::Value toIndex(mlir::Value integer);
  mlir::Value getValue(mlir::Value value) {
    return values.lookupOrDefault(value);
  }
  const ViewOperand &getView(mlir::Value view) { return views[view]; }
  /// A rank's extent, as i64; null, with an error, where there is none.
  mlir::Value getExtent(mlir::StringAttr rank);
  /// How far the extent of a grid rank is from the task's first coordinate
  /// there; null for another rank.
  mlir::Value getGridEnd(mlir::StringAttr rank);
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
  /// `body` where `condition` holds, else `otherwise`, if there is one.
  void when(mlir::Value condition, llvm::function_ref<void()> body,
            llvm::function_ref<void()> otherwise = nullptr) {
    emitBranches(b, condition, body, otherwise);
  }
  /// Waits for the warps of this warpgroup.
  void awaitGroup();
  /// Waits for all threads: what they wrote is there, what they read is read.
  void barrier();
  /// To be called when shared memory has been read without a barrier after it,
  /// and before it is written.
  void noteRead() { hasPendingReads = true; }
  void beginWrite();

  //===--- Memory ---------------------------------------------------------===//

  Buffer getBuffer(mlir::Value tile);
  mlir::Value address(const Buffer &buffer, const Position &at);
  /// `base` and `offset` elements.
  mlir::Value advance(mlir::Value base, mlir::Value offset, mlir::Type element);
  mlir::Value loadElement(const Buffer &buffer, const Position &at);
  void storeElement(mlir::Value value, const Buffer &buffer,
                    const Position &at);

  //===--- Registers ------------------------------------------------------===//

  llvm::ArrayRef<mlir::Value> getFragment(mlir::Value tile) {
    return fragments[tile];
  }
  void setFragment(mlir::Value tile, llvm::SmallVector<mlir::Value> words) {
    fragments[tile] = std::move(words);
  }

  //===--- Operations -----------------------------------------------------===//

  mlir::LogicalResult lowerBounds(tile::BoundsOp op);
  mlir::LogicalResult lowerMap(tile::MapOp op);
  mlir::LogicalResult lowerContract(tile::ContractOp op);
  mlir::LogicalResult lowerLoad(tile::LoadOp op);
  mlir::LogicalResult lowerStore(tile::StoreOp op);
  mlir::LogicalResult lowerConvert(tile::ConvertOp op);
  void lowerFill(tile::FillOp op);

  // At one point of all tiles.
  void loadPoint(tile::LoadOp op);
  void storePoint(tile::StoreOp op);
  mlir::LogicalResult lowerMapPoint(tile::MapOp op);

  // Results in registers.
  mlir::LogicalResult lowerFragmentMap(tile::MapOp op);
  void lowerFragmentLoad(tile::LoadOp op);
  void lowerFragmentStore(tile::StoreOp op);
  void lowerMatrixContract(tile::ContractOp op);
  void lowerWarpgroupContract(tile::ContractOp op);
  /// The words of an operand with the lanes, from shared memory.
  llvm::SmallVector<mlir::Value> loadOperand(const Buffer &buffer);
  /// Starts a product of warpgroups and returns its sums, which are not to be
  /// used before it is awaited. `turn` is the one whose operands it reads.
  llvm::SmallVector<mlir::Value> startProduct(tile::ContractOp op,
                                              llvm::ArrayRef<mlir::Value> words,
                                              llvm::ArrayRef<mlir::Value> acc,
                                              mlir::Value turn);
  /// Starts to copy what `op` loads, 16 bytes at a time where that can be.
  void startCopy(tile::LoadOp op, const Buffer &buffer);
  /// An element of a view and whether it is inside; 0 where it is not.
  std::pair<mlir::Value, mlir::Value> readElement(tile::ReadOp op,
                                                  mlir::ValueRange indices);
  /// What `pointer`, of `element`s in memory, holds; 0, and not read, unless
  /// `isInside`.
  mlir::Value loadGuarded(mlir::Value pointer, mlir::Value isInside,
                          mlir::Type element);
  /// The same as memory has it.
  mlir::Value loadBits(mlir::Value pointer, mlir::Value isInside,
                       mlir::Type element);
  /// Emits an operation of arith, math or attn on scalars; null, with an
  /// error, for any other.
  mlir::Value emitScalar(mlir::Operation *op, mlir::ValueRange operands);

private:
  tile::KernelOp kernel;
  KernelOperands operands;
  LaunchOrder order;
  FrameLayout frame;
  ScratchPlan plan;
  mlir::IRMapping values;
  llvm::DenseMap<mlir::Value, ViewOperand> views;
  mlir::Value framePointer, sharedPointer, thread;
  mlir::Value frameOffset; ///< an i32 that is 0; null: likewise
  /// Tasks along each rank of the grid, and in all: i32.
  llvm::SmallVector<mlir::Value> taskCounts;
  mlir::Value numTasks;
  /// How many tasks the block has done, and the number of this one; null: it
  /// has one.
  mlir::Value round, task;
  /// Of the block's next task, where they are known already.
  llvm::SmallVector<mlir::Value> nextCoordinates;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::Value>> fragments;
  ScalarTarget scalarTarget;
  bool hasPendingReads = false;
  tile::TileType pointBox; ///< null: threads share tiles
  /// Where in all tiles a thread is: then each is its value there.
  const Position *point = nullptr;
  /// Which of its places a load in a loop has this turn, as an i32.
  llvm::DenseMap<mlir::Operation *, mlir::Value> stages;
  /// By loop: which one the next turn's have.
  llvm::DenseMap<mlir::Operation *, mlir::Value> nextStages;

  //===--- Roles and rings (LowerRoles) -----------------------------------===//

  int64_t numThreads;
  /// The loads of the producer, in order.
  llvm::SmallVector<tile::LoadOp> ringLoads;
  /// By block with such loads: how many turns it has had before this one.
  llvm::DenseMap<mlir::Block *, mlir::Value> turns;
  /// In a persistent kernel, by such block inside of loops, a bit for each
  /// place: the parity of the phases that its barriers had in earlier tasks.
  llvm::DenseMap<mlir::Block *, mlir::Value> phases;
  /// The place of which turn a load's tile is in.
  llvm::DenseMap<mlir::Operation *, mlir::Value> turnsOfTiles;
  /// What has been emitted for both roles.
  llvm::DenseSet<mlir::Operation *> commonBounds;
  /// What the producer computes; set while that is emitted.
  const llvm::DenseSet<mlir::Operation *> *producerSlice = nullptr;
  /// Of all the producer's loads; none where a tile's has no map.
  llvm::SmallVector<TensorMap> maps;
  llvm::DenseMap<mlir::Operation *, unsigned> mapsOfLoads;
  bool producesByMap = false; ///< while that is emitted
  mlir::Value warpgroup; ///< the number of this thread's, of those that compute
  mlir::Value isFirstOfGroup;

  bool hasRoles() { return kernel.getRoles().has_value(); }
  int64_t getNumGroups();
  mlir::LogicalResult lowerRoles();
  /// Sets what is known of this thread, the block's one of that number.
  void bindThread(mlir::Value number);
  /// Emits the bounds that both roles' loops have, and what these need, once
  /// for both.
  mlir::LogicalResult lowerCommonBounds(mlir::Block &block);
  /// Emits `body` for each task of the block.
  mlir::LogicalResult
  lowerTasks(llvm::function_ref<mlir::LogicalResult()> body);
  mlir::Value getNextTask();
  llvm::SmallVector<mlir::Value> decodeNextTask();
  mlir::LogicalResult lowerProducer(mlir::Block &block);
  mlir::LogicalResult lowerProducerOp(mlir::Operation *op);
  void collectMaps();
  std::optional<TensorMap> getMap(tile::LoadOp load);
  void produce(tile::LoadOp load);
  void copyBoxes(tile::LoadOp load, mlir::Value barrier);
  mlir::Value getStage(tile::LoadOp load, mlir::Value turn);
  mlir::Value getParity(tile::LoadOp load, mlir::Value turn);
  mlir::Value addPhases(tile::LoadOp load);
  mlir::Value getBarrier(tile::LoadOp load, bool isFull, mlir::Value turn);
  void initBarriers();
  /// Where the tile is used at once, this waits for it.
  void takeTile(tile::LoadOp load);
  void awaitTile(tile::LoadOp load, mlir::Value turn);
  void releaseTile(tile::LoadOp load, mlir::Value turn);
  /// The kernel's own tiles that nothing uses after `op`, where all warps have
  /// awaited them: their products are done, or this waits.
  void releaseAfter(mlir::Operation *op, bool hasProducts = false);
  /// Whether the place of the tile has other turns.
  bool isReused(tile::LoadOp load) {
    return kernel.getPersistent() || load->getParentOp() != kernel;
  }
  /// Those that nothing uses after `op`.
  void releaseOperands(tile::ContractOp op, mlir::Value turn);
  /// A block's turns are carried by what is around it.
  llvm::SmallVector<mlir::Block *> getRingBlocks(mlir::Operation *op);
  llvm::SmallVector<mlir::Value> getTurns(mlir::Operation *op);
  /// The last of `values`.
  void setTurns(mlir::Operation *op, mlir::ValueRange values);
  /// Gives back the tiles of a block that nothing has given back yet.
  void endTurn(mlir::Block *block);

  //===--- Turns of a warpgroup's own (LowerShare) ------------------------===//

  bool isShared(mlir::scf::ForOp op);
  void lowerShare(tile::ShareOp op);
  void lowerOwn(tile::OwnOp op);
  void awaitTurns(mlir::Block *block, mlir::Value first, mlir::Value last,
                  bool releases);
  mlir::LogicalResult lowerSharedFor(mlir::scf::ForOp op);
  /// What a warpgroup that ends early has not awaited.
  void awaitLastTiles();
  /// By block with turns of a warpgroup's own: how many the task has.
  llvm::MapVector<mlir::Block *, mlir::Value> lastTurns;

  //===--- Products that overlap (LowerOverlap) ---------------------------===//

  /// Whether some loop's warpgroups start products one after another; then the
  /// first one may begin (`beginOrder`), each awaits those before it in each
  /// turn of such a loop and lets the next one start, and none is left at the
  /// end (`endOrder`).
  bool hasOrder();
  void beginOrder();
  void awaitOrder(mlir::Operation *loop);
  void passOrder(mlir::Operation *loop);
  void endOrder();

  struct Pending;
  struct Turn;
  bool isOverlapped(mlir::Operation *op);
  mlir::LogicalResult lowerOverlappedFor(mlir::scf::ForOp op);
  mlir::LogicalResult lowerTurn(mlir::scf::ForOp op,
                                llvm::MutableArrayRef<Pending> pending,
                                Turn &turn);
  /// A turn in the loop, with what `flattenTurn` returns after it for the next.
  mlir::LogicalResult lowerLoopTurn(
      mlir::scf::ForOp op, llvm::MutableArrayRef<Pending> pending,
      llvm::function_ref<llvm::SmallVector<mlir::Value>()> flattenTurn);
  void startPending(Pending &pending, mlir::Value turn);
  /// What is made `meanwhile` is not put off until after the products.
  void awaitPending(mlir::scf::ForOp op, llvm::MutableArrayRef<Pending> pending,
                    mlir::Value turn,
                    llvm::MutableArrayRef<mlir::Value> meanwhile = {});

  mlir::Value loadSlot(unsigned slot, mlir::Type type);
  mlir::Value toGlobal(mlir::Value address);
  mlir::LogicalResult bindArguments();
  llvm::SmallVector<mlir::Value> decodeTask(mlir::Value number);
  void bindTask(mlir::ValueRange coordinates);
  mlir::LogicalResult lowerPoints();
  mlir::LogicalResult lowerBlock(mlir::Block &block);
  mlir::LogicalResult lowerOp(mlir::Operation *op);
  mlir::LogicalResult lowerFor(mlir::scf::ForOp op);
  /// Between the bounds that this thread has.
  mlir::LogicalResult lowerOwnFor(mlir::scf::ForOp op);
  mlir::LogicalResult lowerIf(mlir::scf::IfOp op);
  void copyTiles(mlir::Operation *at);
  /// What a value is in a thread: a tile in shared memory nothing, one in
  /// registers its words, all else itself.
  llvm::SmallVector<mlir::Type> getFlatTypes(mlir::ValueRange from);
  llvm::SmallVector<mlir::Value> flatten(mlir::ValueRange from);
  void bindFlat(mlir::ValueRange from, mlir::ValueRange flat);
  void startStage(mlir::scf::ForOp op, llvm::ArrayRef<tile::LoadOp> loads,
                  mlir::Value coordinate, mlir::Value stage);
};

/// Two floats, rounded to `element`s of 16 bits, as a word: the first in its
/// low half.
mlir::Value packPair(mlir::ImplicitLocOpBuilder &b, mlir::Value low,
                     mlir::Value high, mlir::Type element);

/// The shared memory that a kernel's tiles need.
ScratchPlan planShared(tile::KernelOp kernel);
/// And the barriers of its rings.
int64_t countSharedBytes(tile::KernelOp kernel);

/// The box that the threads of a kernel go through point by point, each for
/// itself (LowerPoints); null where they need each other's elements.
tile::TileType getPointBox(tile::KernelOp kernel);
bool storesNarrow(tile::KernelOp kernel);

/// The name of the global that all kernels of a module lay their tiles in.
constexpr llvm::StringLiteral sharedName = "attn_shared";

} // namespace attn::nvptx

#endif // LIB_TARGET_NVPTX_KERNELLOWERING_H

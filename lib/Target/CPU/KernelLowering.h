//===- KernelLowering.h - One kernel as a function --------------*- C++ -*-===//
//
// Emits a kernel as scf, arith, vector and llvm operations on a pointer to
// scratch. Every vector lies along the lane rank; loops over the other ranks
// are emitted around vectors held in registers. One file for each kind of
// operation: LowerMap, LowerContract, LowerMove.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TARGET_CPU_KERNELLOWERING_H
#define LIB_TARGET_CPU_KERNELLOWERING_H

#include "lib/Target/Branches.h"
#include "lib/Target/Buffers.h"
#include "lib/Target/CPU/Layout.h"
#include "lib/Target/CPU/MovedMaps.h"
#include "lib/Target/CPU/Routines.h"
#include "lib/Target/DemandedElements.h"
#include "lib/Target/Frame.h"
#include "lib/Target/MapGroups.h"
#include "lib/Target/Reduce.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace attn::cpu {

/// Of a cache.
constexpr int64_t lineBytes = 64;

/// A tile's place in scratch, or in a view.
struct Buffer {
  mlir::Value pointer;
  tile::TileType type;
  TileLayout layout;
  /// What stands for the layout's strides where only the run shows whether the
  /// tile is in a view (see InPlace.cpp), one per rank; the lane rank's is from
  /// panel to panel. A null one is 1. Else empty.
  llvm::SmallVector<mlir::Value, 2> strides = {};
  /// The place in scratch of a tile with `strides`, free where it is in a view.
  mlir::Value scratch = {};

  bool hasStrides() const { return !strides.empty(); }
  /// Whether vectors begin at multiples of their size.
  bool isAligned() const { return !hasStrides(); }
  mlir::Type getElementType() const { return type.getElementType(); }
};

/// A view of the kernel: everything as i64 values.
struct ViewOperand {
  tile::ViewType type;
  mlir::Value pointer;
  llvm::SmallVector<mlir::Value> strides, extents;
};

/// A tile with lanes that may be read where a view has it, with the lanes' rank
/// across (LowerCrosswise.cpp).
struct Crosswise {
  mlir::Value isInPlace, base, rowStride;
  mlir::Value end; ///< how many rows the view has
  mlir::Type element;
};

/// What all elements of a tile are in the first turn of the loop that carries
/// it: nothing has written them then.
struct FirstValue {
  mlir::Value isFirst;
  mlir::TypedAttr value;
};

/// Positions in a tile, by rank. The lane rank's is the panel's number.
using Position = llvm::SmallDenseMap<mlir::StringAttr, mlir::Value, 4>;

/// From a position on along a rank, which may be null.
using Step = std::pair<mlir::StringAttr, int64_t>;

class KernelLowering {
public:
  KernelLowering(tile::KernelOp kernel, const KernelOperands &operands,
                 VectorUnit unit, Routines &routines);

  /// Emits the function before the kernel and returns it.
  mlir::FailureOr<mlir::LLVM::LLVMFuncOp> run();
  int64_t getScratchBytes() const { return plan.bytes; }

  //===--- Values ---------------------------------------------------------===//

  mlir::ImplicitLocOpBuilder b;
  const VectorUnit unit;
  const ScalarTarget scalarTarget;

  mlir::Value constant(int64_t number);
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value mul(mlir::Value x, mlir::Value y);
  mlir::Value less(mlir::Value x, mlir::Value y);
  mlir::Value both(mlir::Value x, mlir::Value y);
  /// `index` as i64, and back.
  mlir::Value toInt(mlir::Value index);
  mlir::Value toIndex(mlir::Value integer);
  mlir::VectorType vectorOf(mlir::Type element);

  /// What the kernel's index or scalar `value` became.
  mlir::Value getValue(mlir::Value value) {
    return values.lookupOrDefault(value);
  }
  const ViewOperand &getView(mlir::Value view) { return views[view]; }
  /// What stands for `tile`, which a loop carries, in its first turn; null
  /// where the tile has been filled.
  const FirstValue *getFirstValue(mlir::Value tile) const {
    auto it = firstValues.find(tile);
    return it == firstValues.end() ? nullptr : &it->second;
  }
  /// A rank's extent, as i64; null, with an error, where there is none.
  mlir::Value getExtent(mlir::StringAttr rank);
  /// How far the extent of a grid rank is from the task's first coordinate
  /// there; null for another rank.
  mlir::Value getGridEnd(mlir::StringAttr rank);
  mlir::StringAttr getLaneRank() { return kernel.getLanesAttr(); }
  /// The number of positions along `rank`, of `size`, before its extent, where
  /// the first has the coordinate `origin`: `size` where that is null or not
  /// known yet; in a run, before its panel's end. Null where all positions of
  /// any tile are inside.
  mlir::Value getEnd(mlir::StringAttr rank, int64_t size, mlir::Value origin);
  /// Whether getEnd goes no further than the extent, outside of runs.
  bool knowsEnd(mlir::Value origin) const {
    return origin && values.contains(origin);
  }
  /// Whether getEnd, for `origin`, goes no further than the extent of what
  /// begins at the coordinate `offset`.
  bool endsInside(mlir::StringAttr rank, mlir::Value origin,
                  mlir::Value offset) const {
    return !getPanelEnd(rank) && origin == offset && knowsEnd(origin);
  }
  /// The number of positions of `tile` along `rank` that are used; null for
  /// all.
  mlir::Value getDemandedEnd(mlir::Value tile, mlir::StringAttr rank);
  const DemandedElements &getDemanded() const { return demanded; }
  /// The one panel that operations work on while a run of them is emitted; else
  /// null. Tiles and maps have one panel then: this one.
  mlir::Value getPanel() const { return panel; }
  /// How many positions along `rank` the operations of the run need in that
  /// panel; null for all.
  mlir::Value getPanelEnd(mlir::StringAttr rank) const {
    return panelEnds.lookup(rank);
  }
  /// How many panels the run goes through.
  int64_t getNumPanels() const { return numPanels; }
  /// How many pieces of a panel the run goes through, of which each is a panel
  /// to its operations.
  int64_t getPanelPieces() const { return panelPieces; }
  /// Where the next turn of the loop around a load loads from, and the index in
  /// the view along which it moves on; nothing if the loop does not move it.
  std::optional<std::pair<mlir::Value, int64_t>> getNextPlace(tile::LoadOp op);

  //===--- Routines -------------------------------------------------------===//

  Routines &routines;
  /// Emits a function that is called by nothing else than this module.
  mlir::LLVM::LLVMFuncOp
  makeRoutine(llvm::StringRef kind, mlir::TypeRange types,
              llvm::function_ref<void(mlir::ValueRange)> body);

  /// `y` taken into `x`, as `reducer` says; null, with an error, where the CPU
  /// can't compute it.
  mlir::Value combine(const MapReducer &reducer, mlir::Value x, mlir::Value y);

  //===--- Loops ----------------------------------------------------------===//

  using Body = llvm::function_ref<llvm::SmallVector<mlir::Value>(
      mlir::Value, mlir::ValueRange)>;
  /// A loop over [0, count) by `step`. A count of one step makes none.
  llvm::SmallVector<mlir::Value> loop(int64_t count, int64_t step,
                                      mlir::ValueRange carried, Body body);
  void loop(int64_t count, int64_t step,
            llvm::function_ref<void(mlir::Value)> body);
  /// Loops over [first, end) by `step`.
  /// Emits `body` where `condition` holds and, where there is one, `otherwise`
  /// where it does not.
  void when(mlir::Value condition, llvm::function_ref<void()> body,
            llvm::function_ref<void()> otherwise = nullptr) {
    emitBranches(b, condition, body, otherwise);
  }
  void loopTo(mlir::Value first, mlir::Value end, int64_t step,
              llvm::function_ref<void(mlir::Value)> body);
  llvm::SmallVector<mlir::Value> loopTo(mlir::Value first, mlir::Value end,
                                        int64_t step, mlir::ValueRange carried,
                                        Body body);
  /// Nested loops over the ranks' positions, the last innermost.
  void loopNest(llvm::ArrayRef<std::pair<mlir::StringAttr, int64_t>> ranks,
                Position &at, llvm::function_ref<void()> body);

  //===--- Memory ---------------------------------------------------------===//

  /// How many panels have lanes before `end`.
  mlir::Value countPanels(mlir::Value end, const TileLayout &layout);
  /// Of `end`, a number of lanes or null for all, those of the panel that is
  /// worked on, if there is one.
  mlir::Value restrictToPanel(mlir::Value end, const TileLayout &layout);
  Buffer getBuffer(mlir::Value tile);
  Buffer getScratch(mlir::Value tile);
  llvm::SmallVector<Buffer> getBuffers(mlir::ValueRange tiles);
  /// Whether two tiles have one place in scratch.
  bool isSamePlace(mlir::Value x, mlir::Value y) const {
    return !places.count(x) && !places.count(y) &&
           plan.offsets.lookup(x) == plan.offsets.lookup(y);
  }
  /// The address of an element: that at `at`, some steps further along ranks,
  /// and `extra` elements further.
  mlir::Value address(const Buffer &buffer, const Position &at,
                      int64_t extra = 0, llvm::ArrayRef<Step> steps = {});
  /// `base` and `offset` elements.
  mlir::Value advance(mlir::Value base, mlir::Value offset, mlir::Type element);
  /// Asks for the line of an address, into the cache of this level.
  void prefetch(mlir::Value pointer, int64_t level, bool isWritten = false);
  mlir::Value load(mlir::Type type, mlir::Value pointer, int64_t alignment);
  void store(mlir::Value value, mlir::Value pointer, int64_t alignment);
  /// A scalar or a vector of a tile's elements; i1 is a byte in scratch.
  mlir::Value loadElements(mlir::Type type, mlir::Value pointer,
                           bool isAligned = true);
  void storeElements(mlir::Value value, mlir::Value pointer,
                     bool isAligned = true);

  //===--- Operations -----------------------------------------------------===//

  mlir::LogicalResult lowerMap(tile::MapOp op);
  /// Writes what `op` computes to the place of the tile `result`.
  mlir::LogicalResult lowerMapInto(tile::MapOp op, mlir::Value result);
  /// Moves a tile by `move` and computes `map` on the way.
  mlir::LogicalResult lowerMoved(tile::MapOp map, mlir::Operation *move);
  mlir::LogicalResult lowerContract(tile::ContractOp op);
  mlir::LogicalResult lowerMatrix(tile::ContractOp op);
  /// Whether one operation reads the tile, and may do so in the view.
  bool isReadCrosswise(tile::LoadOp op);
  /// Emits `op` for a tile in the view and, as `otherwise` does, for one in
  /// scratch.
  mlir::LogicalResult
  lowerCrosswise(mlir::Operation *op,
                 llvm::function_ref<mlir::LogicalResult()> otherwise);
  mlir::LogicalResult lowerConvert(tile::ConvertOp op);
  mlir::LogicalResult lowerMapGroup(const MapGroup &group);
  /// Rounds two rows of vectors, from where `at` is in `buffer` on, and stores
  /// them as one row of pairs.
  void storePairs(mlir::ValueRange even, mlir::ValueRange odd,
                  const Buffer &buffer, const Position &at);
  mlir::LogicalResult lowerLoad(tile::LoadOp op);
  mlir::LogicalResult lowerStore(tile::StoreOp op);
  mlir::LogicalResult lowerBounds(tile::BoundsOp op);
  void lowerFill(tile::FillOp op);
  /// An element of a view and whether it is inside; 0 where it is not.
  std::pair<mlir::Value, mlir::Value> readElement(tile::ReadOp op,
                                                  mlir::ValueRange indices);
  /// What `pointer`, of `element`s in memory, holds; 0, and not read, unless
  /// `isInside`: `readable` is read instead.
  mlir::Value loadGuarded(mlir::Value pointer, mlir::Value isInside,
                          mlir::Type element, mlir::Value readable);

private:
  tile::KernelOp kernel;
  KernelOperands operands;
  FrameLayout frame;
  MapGroups groups;
  PanelRuns runs;
  MovedMaps movedMaps;
  DemandedElements demanded;
  ScratchPlan plan;
  mlir::Value panel;
  llvm::SmallDenseMap<mlir::StringAttr, mlir::Value, 2> panelEnds;
  int64_t numPanels = 1, panelPieces = 1;
  mlir::IRMapping values;
  llvm::DenseMap<mlir::Value, ViewOperand> views;
  /// Tiles that may be worked on where a view has them, not in scratch.
  llvm::DenseMap<mlir::Value, Buffer> places;
  llvm::DenseMap<mlir::Value, Crosswise> crosswise;
  llvm::DenseMap<mlir::Value, FirstValue> firstValues;
  /// Whether what a store would write is in its place already.
  llvm::DenseMap<mlir::Operation *, mlir::Value> writtenInPlace;
  /// Stores whose place is not known before their tile is made.
  llvm::DenseSet<mlir::Operation *> placedLate;
  mlir::Value framePointer, scratchPointer;

  mlir::Value loadSlot(unsigned slot, mlir::Type type);
  mlir::LogicalResult bindArguments(mlir::Value task);
  mlir::LogicalResult lowerBlock(mlir::Block &block);
  mlir::LogicalResult lowerOp(mlir::Operation *op);
  mlir::LogicalResult lowerRun(const OperationRun &run);
  void bindPanelEnds(const OperationRun &run, int64_t lanes);
  void takePanel(Buffer &buffer, mlir::Value tile);
  void hoistOffsets();
  void placeResult(mlir::Operation *op);
  /// Whether a map is computed by the load or store `move`, in the map's place.
  bool isMoved(mlir::Operation *move) const {
    return movedMaps.getMap(move) && !placedLate.contains(move);
  }
  mlir::Value isWanted(tile::StoreOp op);
  bool isFilledLate(tile::FillOp op);
  mlir::LogicalResult lowerFor(mlir::scf::ForOp op);
  mlir::LogicalResult lowerIf(mlir::scf::IfOp op);
  void copyTiles(mlir::Operation *at);
};

} // namespace attn::cpu

#endif // LIB_TARGET_CPU_KERNELLOWERING_H

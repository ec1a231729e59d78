//===- Move.h - A tile from a view or back ----------------------*- C++ -*-===//

#ifndef LIB_TARGET_CPU_MOVE_H
#define LIB_TARGET_CPU_MOVE_H

#include "lib/Target/CPU/Lanes.h"

namespace attn::cpu {

/// One of the tile's ranks: where it runs in the view, which of its positions,
/// [low, high), are inside the view's extents, and from which on nothing is to
/// be moved.
struct Dimension {
  mlir::StringAttr rank;
  int64_t size;
  mlir::Value stride, low, high, end;
};

class MoveLowering {
public:
  /// With a `map`, `tile` is what that makes: of what is loaded, or of tiles in
  /// scratch what is stored.
  MoveLowering(KernelLowering &k, mlir::Value view, mlir::Value tile,
               mlir::ValueRange offsets, mlir::ArrayAttr dims, bool isStore,
               tile::MapOp map = {})
      : k(k), b(k.b), view(k.getView(view)), tile(k.getScratch(tile)),
        tileValue(tile), isStore(isStore), map(map),
        element(this->view.type.getElementType()),
        memory(getMemoryType(element)),
        isNarrow(!isStore && element == this->tile.getElementType() &&
                 getWideType(element) != element) {
    bind(offsets, dims);
    if (map && isStore)
      inputs = k.getBuffers(map.getInputs());
  }
  mlir::LogicalResult run();
  mlir::LogicalResult runUnless(mlir::Value condition);
  /// Whether the view has the tile as scratch would: all of it or, if
  /// `isCut`, what is used.
  mlir::Value hasLayout(bool isCut);
  /// Whether the last rank's elements are one after the other.
  mlir::Value isContiguous();
  Crosswise getCrosswise();
  /// Where the tile is: in the view if `condition`, else in scratch. `strides`
  /// are those of the view, if it may have others than scratch.
  Buffer choosePlace(mlir::Value isInPlace, bool hasStrides);

private:
  KernelLowering &k;
  mlir::ImplicitLocOpBuilder &b;
  const ViewOperand &view;
  Buffer tile;
  mlir::Value tileValue;
  bool isStore;
  tile::MapOp map;
  llvm::SmallVector<Buffer> inputs; ///< of a map that is stored
  /// What its quotients have in common in a strip, by the argument, and the
  /// reciprocals where they are known to be normal.
  llvm::SmallVector<std::pair<mlir::Value, mlir::Value>> divisors, reciprocals;
  bool hasFailed = false;
  mlir::Type element, memory;
  bool isNarrow; ///< loads what memory holds, unwidened
  llvm::SmallVector<Dimension> dimensions; ///< in the tile's order
  mlir::Value base;         ///< the address of the tile's first element
  mlir::Value inside;       ///< of the view along its other ranks
  mlir::Value isWhole;      ///< no element is outside
  mlir::Value isUsedInside; ///< none that is used
  int64_t last = -1;        ///< the dimension along the view's last rank, or -1
  Position at;

  void bind(mlir::ValueRange offsets, mlir::ArrayAttr dims);
  llvm::SmallVector<mlir::Value *> getOperands();
  std::string getKey();
  void emit();
  bool hasVectors() const;
  void emitRows(bool isMasked);
  mlir::Value isWholeSquare(int64_t along, mlir::Value first);
  std::pair<Position, mlir::Value> getPlace(mlir::Value first);
  mlir::Value haveReciprocals(int64_t along, mlir::Value first);
  mlir::Value isWholeStrip(int64_t along, mlir::Value first);
  void emitStrip(int64_t along, mlir::Value first, bool isMasked);
  void emitSquares();
  void emitSquare(int64_t along, mlir::Value first, int64_t count,
                  bool isMasked);
  int64_t getSquareRows() const;
  mlir::Value computeMap(mlir::Type type, llvm::ArrayRef<LaneValue> values);
  mlir::Value loadFrom(const Buffer &buffer, mlir::Type type,
                       const Position &place, mlir::Value within, Step step);
  mlir::Value loadTile(mlir::Type type, const Position &place,
                       mlir::Value within, Step step = {});
  void storeTile(mlir::Value value, mlir::Value address);
  llvm::SmallVector<mlir::Value>
  transposeRows(llvm::ArrayRef<mlir::Value> rows);
  void emitElements();
  void moveElement();

  /// Calls `body` at all positions of all dimensions but some.
  void forPositions(llvm::ArrayRef<int64_t> but, bool isMasked,
                    llvm::function_ref<void()> body);
  mlir::Value getOffset(llvm::ArrayRef<int64_t> but);
  mlir::Value getInside(llvm::ArrayRef<int64_t> but);
  mlir::Value isWithin(const Dimension &dimension, mlir::Value position);
  mlir::Value areWithin(const Dimension &dimension, mlir::Value first,
                        int64_t count);
  mlir::VectorType memoryVector() { return k.vectorOf(memory); }
  mlir::Value makeMask(const Dimension &dimension, mlir::Value first,
                       mlir::Value condition);
  mlir::Value loadVector(mlir::Value pointer, mlir::Value mask);
  mlir::Value widen(mlir::Value vector);
  void storeVector(mlir::Value vector, mlir::Value pointer, mlir::Value mask);
  void
  forVectors(const Dimension &dimension, bool isMasked,
             llvm::function_ref<void(mlir::Value, Position &, int64_t)> body);
  mlir::Value clamp(mlir::Value value, int64_t high);
};

} // namespace attn::cpu

#endif // LIB_TARGET_CPU_MOVE_H

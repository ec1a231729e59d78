//===- CrosswiseLowering.h - A tile's rows as memory has them ---*- C++ -*-===//
//
// LowerCrosswise.cpp finds the operations; EmitCrosswise.cpp emits the code,
// and EmitCrosswiseTiles.cpp that for AMX.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TARGET_CPU_CROSSWISELOWERING_H
#define LIB_TARGET_CPU_CROSSWISELOWERING_H

#include "lib/Target/CPU/KernelLowering.h"

namespace attn::cpu {

class CrosswiseLowering {
public:
  /// The product or sum of `few`, with the rank `fewRank` or, if that is null,
  /// one row, and of `tile` as `result`. `isNarrow` if few's elements may be
  /// rounded to the type that the tile has in memory.
  CrosswiseLowering(KernelLowering &k, Crosswise place, mlir::Value tile,
                    mlir::Value few, mlir::Value result,
                    mlir::StringAttr fewRank, bool isNarrow);
  void run(bool isSum);

private:
  KernelLowering &k;
  mlir::ImplicitLocOpBuilder &b;
  Crosswise tile;
  mlir::StringAttr columnRank, fewRank;
  bool isNarrow;
  int64_t rows, columns; ///< of the tile in memory
  int64_t numFew = 1;
  mlir::Value fewEnd; ///< how many of them are used; null for all
  /// As many of the few as vectors are faster for than AMX: measured, 128
  /// columns.
  static constexpr int64_t fewForVectors = 2;
  Buffer few, result;

  using FewBody = llvm::function_ref<void(mlir::Value first, int64_t count)>;

  mlir::SmallVector<mlir::Value *> getOperands();
  std::string getKey(bool isSum, bool onTiles);
  void call(bool isSum, bool onTiles);
  mlir::Type getRowType() { return k.vectorOf(b.getF32Type()); }
  mlir::Type getMemory() { return getMemoryType(tile.element); }
  mlir::Value getRow(mlir::Value row);
  mlir::Value loadRow(mlir::Value row, mlir::Value column);
  mlir::Value getPlace(const Buffer &buffer, mlir::Value first, int64_t index,
                       mlir::StringAttr rank, mlir::Value position);
  int64_t getLineElements();
  int64_t getLineProducts(int64_t count);
  bool asksAhead(int64_t count);
  int64_t getRowsInStep(int64_t count);
  int64_t getRowsAhead();
  void prefetchRow(mlir::Value row, int64_t ahead, int64_t level,
                   int64_t firstColumn, int64_t numColumns);
  void forFew(FewBody body);
  void emitSum();
  void emitSums(mlir::Value firstRow, mlir::Value lastRow, mlir::Value first,
                int64_t count, mlir::Value local);
  llvm::SmallVector<mlir::Value> sumRows(mlir::Value firstRow, int64_t numRows,
                                         mlir::Value lastRow, mlir::Value first,
                                         int64_t count);
  bool hasTiles();
  mlir::Value makeLocal(int64_t vectors);
  void packFew(mlir::Value packed, int64_t step);
  void storeSums(mlir::Value sums, mlir::Value firstRow);
  mlir::Value getLocalRow(mlir::Value local, int64_t row);
  mlir::Value getRowBytes();
  mlir::Value roundRow(mlir::Value pointer);
  void ifInside(int64_t i, llvm::function_ref<void()> body);
  void emitTileSum();
  void packPairs(mlir::Value packed, mlir::Value firstRow, int64_t firstStep,
                 int64_t numSteps);
  void storeStep(mlir::Value sums, int64_t step);
  void addSteps(int64_t firstStep, int64_t numSteps);
  void emitTileAdd();
  void addPairs(int64_t numVectors);
  void emitAdd();
  void addRows(mlir::Value first, int64_t count, int64_t firstVector,
               int64_t numVectors, bool isWhole);
};

} // namespace attn::cpu

#endif // LIB_TARGET_CPU_CROSSWISELOWERING_H

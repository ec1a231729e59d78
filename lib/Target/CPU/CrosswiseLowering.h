//===- CrosswiseLowering.h - A tile's rows as memory has them ---*- C++ -*-===//
//
// LowerCrosswise.cpp finds the operations; EmitCrosswise.cpp emits the code.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TARGET_CPU_CROSSWISELOWERING_H
#define LIB_TARGET_CPU_CROSSWISELOWERING_H

#include "lib/Target/CPU/KernelLowering.h"

namespace attn::cpu {

class CrosswiseLowering {
public:
  /// The product or sum of `few`, with the rank `fewRank` or, if that is null,
  /// one row, and of `tile` as `result`.
  CrosswiseLowering(KernelLowering &k, Crosswise place, mlir::Value tile,
                    mlir::Value few, mlir::Value result,
                    mlir::StringAttr fewRank);
  void run(bool isSum);

private:
  KernelLowering &k;
  mlir::ImplicitLocOpBuilder &b;
  Crosswise tile;
  mlir::StringAttr columnRank, fewRank;
  int64_t rows, columns; ///< of the tile in memory
  int64_t numFew = 1;
  mlir::Value fewEnd; ///< how many of them are used; null for all
  Buffer few, result;

  using FewBody = llvm::function_ref<void(mlir::Value first, int64_t count)>;

  mlir::SmallVector<mlir::Value *> getOperands();
  std::string getKey(bool isSum);
  mlir::Type getRowType() { return k.vectorOf(b.getF32Type()); }
  mlir::Type getMemory() { return getMemoryType(tile.element); }
  mlir::Value getRow(mlir::Value row);
  mlir::Value loadRow(mlir::Value row, mlir::Value column);
  mlir::Value getPlace(const Buffer &buffer, mlir::Value first, int64_t index,
                       mlir::StringAttr rank, mlir::Value position);
  int64_t getRowsAhead();
  void prefetchRow(mlir::Value row, int64_t ahead, int64_t level,
                   int64_t firstColumn, int64_t numColumns);
  void forFew(FewBody body);
  void emitSum();
  void emitSums(mlir::Value firstRow, mlir::Value first, int64_t count);
  llvm::SmallVector<mlir::Value> sumRows(mlir::Value firstRow, int64_t numRows,
                                         mlir::Value first, int64_t count);
  void emitAdd();
  void addRows(mlir::Value first, int64_t count, int64_t firstVector,
               int64_t numVectors, bool isWhole);
};

} // namespace attn::cpu

#endif // LIB_TARGET_CPU_CROSSWISELOWERING_H

//===- MatrixLowering.h - Sums of products of narrow elements ---*- C++ -*-===//
//
// result[i, l] = acc[i, l] + sum over c of lhs[i, c] * rhs[c, l]
//
// of bf16 in f32, or of i8 in i32. LowerMatrix.cpp finds the ranks and emits
// the code for AMX, EmitDots.cpp that for AVX-512 VNNI.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TARGET_CPU_MATRIXLOWERING_H
#define LIB_TARGET_CPU_MATRIXLOWERING_H

#include "lib/Target/CPU/TileRegisters.h"

namespace attn::cpu {

class MatrixLowering {
public:
  MatrixLowering(KernelLowering &k, tile::ContractOp op)
      : k(k), b(k.b), registers(k), op(op), result(k.getBuffer(op.getResult())),
        lhs(k.getBuffer(op.getLhs())), rhs(k.getBuffer(op.getRhs())) {}
  mlir::LogicalResult run();

  /// How many coordinates of the contracted rank a product takes at once.
  static int64_t getStep(tile::ContractOp op);
  /// Whether, in one panel, the sum along `rank` may end at a multiple of that.
  static bool canEndEarly(tile::ContractOp op, mlir::StringAttr rank,
                          mlir::StringAttr lanes, const VectorUnit &unit);

private:
  using Rank = std::pair<mlir::StringAttr, int64_t>;

  KernelLowering &k;
  mlir::ImplicitLocOpBuilder &b;
  TileRegisters registers;
  tile::ContractOp op;
  Buffer result, lhs, rhs;
  /// What the sums start from: 0, or what lies at this tile's place.
  std::optional<Buffer> acc;
  mlir::StringAttr rowRank;
  int64_t numRows = 1;
  mlir::StringAttr
      walked; ///< the contracted rank that lies innermost on the left
  int64_t walkedSize = 1;
  llvm::SmallVector<Rank> outer, contracted;
  bool isInline = false; ///< not in a routine

  mlir::LogicalResult classifyRanks();
  static bool isRow(tile::ContractOp op, mlir::StringAttr rank,
                    mlir::StringAttr lanes);
  std::string getKey();
  llvm::SmallVector<Buffer *> getOperands();
  void callRoutine(llvm::StringRef kind, llvm::function_ref<void()> body);
  void emit(int64_t first, int64_t count, int64_t rows);
  void emitRows(Position &at, int64_t first, int64_t count, int64_t tiles,
                int64_t rows);
  void emitBlock(Position &at, int64_t tiles, int64_t rows);
  void prefetchNext(const Position &at, int64_t rows);
  llvm::SmallVector<mlir::Value> emitSums(Position &at, unsigned depth,
                                          int64_t tiles, int64_t rows,
                                          llvm::SmallVector<mlir::Value> sums);
  void emitStep(const Position &left, const Position &right, int64_t first,
                int64_t size, int64_t tiles, int64_t rows,
                mlir::MutableArrayRef<mlir::Value> sums);

  mlir::Value loadTile(const Buffer &buffer, const Position &at, int64_t extra,
                       int64_t rows, int64_t bytes, int64_t stride);
  using FourBody = llvm::function_ref<llvm::SmallVector<mlir::Value>(
      int64_t first, mlir::Value within, mlir::ValueRange sums)>;

  void emitDots();
  void emitDotBlock(Position &at, int64_t rows,
                    mlir::ArrayRef<mlir::Value> corrections);
  llvm::SmallVector<mlir::Value> emitCorrections(Position &at);
  llvm::SmallVector<mlir::Value> forFours(Position &at, unsigned depth,
                                          llvm::SmallVector<mlir::Value> sums,
                                          FourBody body);
  mlir::Value loadRight(const Position &at, int64_t first, mlir::Value within,
                        int64_t vector);
  mlir::Value dot(mlir::Value sum, mlir::Value left, mlir::Value right);

  int64_t getStride(const Buffer &buffer, mlir::StringAttr rank) const;
  /// How far the lanes of the register number `v` of a panel are, in elements.
  int64_t getLaneOffset(const Buffer &buffer, int64_t v) const {
    return v * k.unit.lanes * buffer.layout.pack;
  }
};

} // namespace attn::cpu

#endif // LIB_TARGET_CPU_MATRIXLOWERING_H

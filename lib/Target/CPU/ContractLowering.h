//===- ContractLowering.h - Sums of products in registers -------*- C++ -*-===//
//
// result[i, l] = acc[i, l] + sum over c of lhs[i, c] * rhs[c, l]
//
// LowerContract.cpp finds the rows i, what is summed, where all of it ends, and
// shares code between equal contractions; EmitContract.cpp emits the loops.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TARGET_CPU_CONTRACTLOWERING_H
#define LIB_TARGET_CPU_CONTRACTLOWERING_H

#include "lib/Target/CPU/MapRegion.h"

namespace attn::cpu {

class ContractLowering {
public:
  ContractLowering(KernelLowering &k, tile::ContractOp op)
      : k(k), b(k.b), op(op), result(k.getBuffer(op.getResult())),
        lhs(k.getBuffer(op.getLhs())), rhs(k.getBuffer(op.getRhs())) {}
  mlir::LogicalResult run();

private:
  KernelLowering &k;
  mlir::ImplicitLocOpBuilder &b;
  tile::ContractOp op;
  Buffer result, lhs, rhs;
  std::optional<Buffer> acc;
  tile::MapOp accMap; ///< computes acc as it is needed
  llvm::SmallVector<Buffer> accInputs;
  std::optional<MapRegion> accRegion;
  /// What stands for acc, or the input of its map with this number, in the
  /// first turn of a loop.
  std::optional<FirstValue> first;
  unsigned firstInput = 0;
  mlir::StringAttr rowRank; ///< null where lhs has no rank of its own
  int64_t numRows = 1;
  int64_t vectors = 1; ///< in a panel
  /// How many rows and lanes there are, and products along each of
  /// `contracted`; null for as many as the tile has.
  mlir::Value rowEnd, laneEnd;
  llvm::SmallVector<mlir::Value> sumEnds;
  /// The rows of lhs that are worked on, where they are packed.
  std::optional<Buffer> packed;
  bool hasFailed = false;
  llvm::SmallVector<std::pair<mlir::StringAttr, int64_t>> outer, contracted;

  void classifyRanks();
  void findEnds();
  void findFirstValue();
  llvm::SmallVector<Buffer *> getBuffers();
  llvm::SmallVector<mlir::Value *> getOperands();
  std::string getKey();
  void emit();
  int64_t getRowBlock() const;
  bool packsRows() const;
  void packRows(const Position &at, int64_t rows);
  void emitRows(Position &at, llvm::function_ref<void(int64_t)> body);
  void emitPanels(Position &at, llvm::function_ref<void()> body);
  void emitBlock(Position &at, int64_t rows);
  llvm::SmallVector<mlir::Value> getStart(const Position &at, int64_t rows);
  llvm::SmallVector<mlir::Value> startFrom(const Position &at, int64_t rows,
                                           MapRegion *region,
                                           mlir::Value value);
  llvm::SmallVector<mlir::Value> emitSum(Position &at, unsigned depth,
                                         int64_t rows,
                                         llvm::SmallVector<mlir::Value> sums);
  void prefetch(const Position &at, int64_t rows, int64_t size, int64_t turn);
  void prefetchNextRows(const Position &at, int64_t rows, int64_t size,
                        int64_t turn);
  void prefetchNextTurns(const Position &at, int64_t rows, int64_t turn);
  void emitStep(Position &at, int64_t step, int64_t rows,
                mlir::MutableArrayRef<mlir::Value> sums);
  mlir::Value loadOperand(const Buffer &buffer, const Position &at,
                          mlir::ArrayRef<Step> steps, int64_t vector);
  mlir::Value multiplyAdd(mlir::Value x, mlir::Value y, mlir::Value sum);
  bool isSmall(int64_t rows) const;
  int64_t getUnroll(int64_t size, int64_t rows) const;
  int64_t getStride(const Buffer &buffer, mlir::StringAttr rank) const;
  mlir::Type getRegisterType() const;
};

} // namespace attn::cpu

#endif // LIB_TARGET_CPU_CONTRACTLOWERING_H

//===- CostModel.h - What a cascade costs on a machine --------------------===//
//
// The cost of a cascade's kernels on a machine that is described by data:
// cycles of each unit, bytes of each memory, energy, and what bounds the time.
// Operations come from lib/Analysis, so nothing here knows a kind of attention.
// docs/machines.md has the method; TeAAL (Nayak et al., MICRO 2023) and
// Timeloop are where it comes from.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_MACHINE_COSTMODEL_H
#define LIB_MACHINE_COSTMODEL_H

#include "lib/Analysis/OperationCounts.h"
#include "lib/Machine/MachineDescription.h"

namespace attn::cost {

/// Operations of one kind in one Einsum, and the unit that does them.
struct BoundOperation {
  std::string einsum, operation, unit;
  double count = 0, cycles = 0;
};

struct UnitCost {
  std::string name;
  /// Of the unit's clock, with as many lanes busy as the kernel's ranks fill.
  double cycles = 0;
  /// Lanes that work, of all lanes over all of the kernel's time.
  double utilization = 0;
  double joules = 0;
};

struct MemoryCost {
  std::string name;
  double bytesRead = 0, bytesWritten = 0;
  /// Nothing where the machine has no bandwidth for it.
  std::optional<double> seconds;
  double joules = 0;
};

struct KernelCost {
  std::string name;
  /// The ranks that fill the arrays' sides; empty where there is none. Streamed
  /// tensors are loaded once for each of `laneBlocks`.
  std::string laneRank, streamRank;
  int64_t laneBlock = 0, laneBlocks = 1;
  std::vector<BoundOperation> operations;
  std::vector<UnitCost> units;
  std::vector<MemoryCost> memories;
  double seconds = 0, joules = 0;
  /// The unit or memory that takes all of `seconds`.
  std::string bound;
};

struct CascadeCost {
  std::string name, machine;
  std::vector<KernelCost> kernels;
  /// Sums over the kernels, which run one after the other.
  std::vector<UnitCost> units;
  std::vector<MemoryCost> memories;
  double seconds = 0, joules = 0;
  /// Whether a filter was counted as a bound, or from a sample.
  bool isBound = false, isSampled = false;
};

/// The cost of `cascade`, whose Einsums stand in nests, at `extents`.
mlir::FailureOr<CascadeCost> estimate(CascadeOp cascade, CallExtents extents,
                                      const MachineDescription &machine);

/// The loops of a mapped kernel from the outermost to the innermost, and the
/// coordinates of each one's rank in a tile; all other ranks are whole in one.
struct Tiling {
  llvm::SmallVector<std::pair<mlir::StringAttr, int64_t>, 6> loops;
};

struct TilingCost {
  double seconds = 0;
  /// The unit or memory that takes most of them.
  std::string bound;
  /// What the tiles of one turn of the innermost loop take, and whether the
  /// innermost memory of a processor has room for them and for those of the
  /// next turn. What a GPU's block has room for, the mapping counts exactly.
  double bytes = 0;
  bool fits = true;
};

/// What the kernels of a cascade cost as loops over tiles.
class TilingModel {
public:
  /// `cascade` and `machine` live longer.
  TilingModel(CascadeOp cascade, CallExtents extents,
              const MachineDescription &machine);
  ~TilingModel();
  /// The time includes what of the memories' time does not pass while units
  /// work, and beginning each Einsum in each tile. Points are those of whole
  /// tiles.
  mlir::FailureOr<TilingCost> estimate(mlir::Operation *nest,
                                       const Tiling &tiling);

private:
  std::unique_ptr<class CascadeModel> model;
};

void printText(const CascadeCost &cost, llvm::raw_ostream &out);
void printJson(llvm::ArrayRef<CascadeCost> costs, llvm::raw_ostream &out);

} // namespace attn::cost

#endif // LIB_MACHINE_COSTMODEL_H

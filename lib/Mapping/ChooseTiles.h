//===- ChooseTiles.h - The tiles of a nest, by their price ----------------===//

#ifndef LIB_MAPPING_CHOOSETILES_H
#define LIB_MAPPING_CHOOSETILES_H

#include "lib/Machine/CostModel.h"
#include "lib/Mapping/Grid.h"

namespace attn {

/// A way to cut a nest into tiles, and what it costs.
struct PricedTiles {
  TileChoice sizes;
  cost::Tiling tiling;
  cost::TilingCost cost;
};

/// The extents that tiles are chosen for where a call's are not known: an
/// object is compiled once for all of them. Ranks that loops walk in tiles have
/// 4096 coordinates, other free ones 1.
CallExtents assumeExtents(CascadeOp cascade);

/// Whether `nest` reads elements that a unit of their own multiplies.
bool hasMatrixOperands(NestOp nest, const MachineDescription &machine);

/// Prices tilings of the nests of a cascade with the machine's cost model.
class TileChooser {
public:
  /// The candidates are those of the machine's `processor` or
  /// `multiprocessor`.
  TileChooser(CascadeOp cascade, const CallExtents &extents,
              const MachineDescription &machine);
  TileChooser(CascadeOp cascade, const CallExtents &extents,
              const MachineDescription &machine,
              mlir::ArrayRef<TileChoice> choices);

  /// The tilings of `nest`: the one to take, then the others, the cheapest
  /// first; those that the machine's memories don't hold last. None where the
  /// model does not decide: where a nest only sweeps over memory, gathers, is
  /// a product of two tensors, or the machine has no unit for it.
  std::vector<PricedTiles> price(NestOp nest);

private:
  const MachineDescription &machine;
  std::vector<TileChoice> candidates;
  /// Those of nests that read what a matrix unit multiplies, if not the same.
  std::vector<TileChoice> matrixCandidates;
  cost::TilingModel model;
};

/// The loops over tiles of `nest`, cut to `choice`.
cost::Tiling getLoops(NestOp nest, TileChoice choice);

/// `choices` by what all nests of `module` cost if each is cut like that, the
/// cheapest first; nests that the model does not decide about count nothing.
mlir::SmallVector<TileChoice> rankTiles(mlir::ModuleOp module,
                                        mlir::ArrayRef<TileChoice> choices,
                                        const MachineDescription &machine);

} // namespace attn

#endif // LIB_MAPPING_CHOOSETILES_H

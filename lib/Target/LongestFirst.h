//===- LongestFirst.h - Work on several things at the same time -*- C++ -*-===//

#ifndef LIB_TARGET_LONGESTFIRST_H
#define LIB_TARGET_LONGESTFIRST_H

#include "mlir/IR/Threading.h"
#include "llvm/ADT/STLExtras.h"

namespace attn {

/// Pointers to `items` in the order of their member `size`, so that no long one
/// is alone at the end.
template <typename Items> auto orderLongestFirst(Items &items) {
  auto order = llvm::map_to_vector(items, [](auto &item) { return &item; });
  llvm::stable_sort(order, [](auto *a, auto *b) { return a->size > b->size; });
  return order;
}

/// Calls `work` for each of `items` on the threads of `context`.
template <typename Items, typename Work>
mlir::LogicalResult forEachLongestFirst(mlir::MLIRContext *context,
                                        Items &items, Work &&work) {
  return mlir::failableParallelForEach(context, orderLongestFirst(items),
                                       [&](auto *item) { return work(*item); });
}

} // namespace attn

#endif // LIB_TARGET_LONGESTFIRST_H

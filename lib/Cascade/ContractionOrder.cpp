//===- ContractionOrder.cpp - In which order to multiply ------------------===//

#include "lib/Cascade/ContractionOrder.h"

using namespace attn;

Polynomial Contraction::count(NumberSet vars) const {
  Polynomial points(1);
  for (unsigned var = 0; var < extents.size(); ++var)
    if (vars >> var & 1)
      points = points * extents[var];
  return points;
}

/// Adds `order` unless a known one is no dearer; drops those that it beats.
static void insert(std::vector<ContractionOrder> &orders,
                   ContractionOrder order) {
  for (const ContractionOrder &known : orders)
    if (known.cost.isAtMost(order.cost))
      return;
  llvm::erase_if(orders, [&](const ContractionOrder &known) {
    return order.cost.isAtMost(known.cost);
  });
  orders.push_back(std::move(order));
}

std::vector<ContractionOrder> attn::findOrders(const Contraction &contraction) {
  constexpr unsigned maxFactors = 10, maxOrders = 64;
  unsigned numFactors = contraction.factors.size();
  if (numFactors > maxFactors)
    return {};
  NumberSet all = (NumberSet(1) << numFactors) - 1;
  std::vector<NumberSet> vars(all + 1);
  for (NumberSet set = 1; set <= all; ++set)
    for (unsigned i = 0; i < numFactors; ++i)
      if (set >> i & 1)
        vars[set] |= contraction.factors[i];
  // What something outside of the set still needs is kept.
  auto getKept = [&](NumberSet set) {
    return vars[set] & (contraction.out | vars[all & ~set]);
  };
  std::vector<std::vector<ContractionOrder>> best(all + 1);
  for (unsigned i = 0; i < numFactors; ++i) {
    auto leaf = std::make_shared<ContractionTree>();
    leaf->factor = i;
    // A factor is what it is: what only it has is summed with its partner.
    leaf->kept = leaf->product = contraction.factors[i];
    best[NumberSet(1) << i].push_back({leaf, Polynomial()});
  }
  for (NumberSet set = 1; set <= all; ++set) {
    NumberSet lowest = set & -set;
    for (NumberSet left = (set - 1) & set; left; left = (left - 1) & set) {
      // Each pair of halves once: the left one has the first factor.
      if (!(left & lowest))
        continue;
      for (const ContractionOrder &a : best[left])
        for (const ContractionOrder &b : best[set & ~left]) {
          auto tree = std::make_shared<ContractionTree>();
          tree->left = a.tree;
          tree->right = b.tree;
          tree->product = a.tree->kept | b.tree->kept;
          tree->kept = getKept(set);
          insert(best[set],
                 {tree, a.cost + b.cost + contraction.count(tree->product)});
        }
      if (best[set].size() > maxOrders)
        return {};
    }
  }
  return best[all];
}

//===- GraphLayout.h - Where the nodes of a graph are drawn ---------------===//
//
// Layers from top to bottom, as Sugiyama, Tagawa and Toda draw hierarchies
// (1981): an edge leads down, and where it passes a layer it has a place there.
// The phases of a rank are bands of layers, so a barrier is a line between two.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_EXPLAIN_GRAPHLAYOUT_H
#define LIB_EXPLAIN_GRAPHLAYOUT_H

#include "lib/Explain/Report.h"

namespace attn::explain {

struct Point {
  double x = 0, y = 0;
};

/// The middle of a node, and its size.
struct Box {
  Point middle;
  double width = 0, height = 0;
};

/// The layers [top, bottom] of a phase, in y.
struct Band {
  unsigned phase = 0;
  double top = 0, bottom = 0;
};

struct Layout {
  /// One for each node.
  std::vector<Box> boxes;
  /// For each edge, the points that it goes through; none for `isNext`.
  std::vector<std::vector<Point>> routes;
  std::vector<Band> bands;
  double width = 0, height = 0;
};

/// Lays out `graph`, whose nodes are as wide as `widths` says.
Layout layOut(const Graph &graph, const std::vector<double> &widths);

} // namespace attn::explain

#endif // LIB_EXPLAIN_GRAPHLAYOUT_H

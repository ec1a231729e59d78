//===- GraphLayout.cpp - Where the nodes of a graph are drawn -------------===//

#include "lib/Explain/GraphLayout.h"

#include <algorithm>
#include <numeric>

using namespace attn::explain;

namespace {

constexpr double boxHeight = 44, layerGap = 34, bandGap = 40, boxGap = 22;
/// Where an edge passes a layer.
constexpr double passWidth = 6;

/// A node of the graph, or a place where an edge passes a layer.
struct Item {
  unsigned layer = 0;
  double width = 0, x = 0;
  std::vector<unsigned> above, below;
};

class LayoutBuilder {
public:
  LayoutBuilder(const Graph &graph, const std::vector<double> &widths)
      : graph(graph), widths(widths) {}
  Layout build();

private:
  unsigned getPhase(unsigned node) const {
    return phases.empty() ? 0 : phases[node];
  }
  void findPhases();
  void assignLayers();
  void pullDown();
  void addItems();
  void orderLayers();
  void sortByNeighbours(std::vector<unsigned> &layer,
                        std::vector<unsigned> Item::*side);
  void placeItems();
  void separate(const std::vector<unsigned> &layer, bool fromLeft);
  Layout finish();

  const Graph &graph;
  const std::vector<double> &widths;
  std::vector<unsigned> phases, layerOf;
  /// The first layer of each phase, and one past the last.
  std::vector<unsigned> phaseBegin;
  std::vector<Item> items;
  /// For each edge its items, from the first to the last.
  std::vector<std::vector<unsigned>> chains;
  std::vector<std::vector<unsigned>> layers;
};

} // namespace

/// Gives what is read only the phase of its first reader.
void LayoutBuilder::findPhases() {
  phases = graph.phases;
  if (phases.empty())
    return;
  for (size_t id = 0; id < graph.nodes.size(); ++id) {
    const std::string &kind = graph.nodes[id].kind;
    if (kind != "input" && kind != "state")
      continue;
    unsigned first = ~0u;
    for (const Edge &edge : graph.edges)
      if (!edge.isNext && edge.from == id)
        first = std::min(first, phases[edge.to]);
    if (first != ~0u && (kind == "input" || graph.ofChunk))
      phases[id] = first;
  }
  // What comes before a node is in no later phase.
  for (bool changed = true; std::exchange(changed, false);)
    for (const Edge &edge : graph.edges)
      if (!edge.isNext && phases[edge.to] < phases[edge.from]) {
        phases[edge.to] = phases[edge.from];
        changed = true;
      }
}

/// The longest path from above, phase after phase. Nodes come in an order in
/// which reads go back.
void LayoutBuilder::assignLayers() {
  size_t numNodes = graph.nodes.size();
  unsigned numPhases =
      phases.empty() ? 1 : 1 + *std::max_element(phases.begin(), phases.end());
  std::vector<std::vector<unsigned>> reads(numNodes);
  for (const Edge &edge : graph.edges)
    if (!edge.isNext)
      reads[edge.to].push_back(edge.from);
  layerOf.assign(numNodes, 0);
  unsigned begin = 0;
  for (unsigned phase = 0; phase < numPhases; ++phase) {
    phaseBegin.push_back(begin);
    unsigned end = begin;
    for (size_t id = 0; id < numNodes; ++id) {
      if (getPhase(id) != phase)
        continue;
      layerOf[id] = begin;
      for (unsigned read : reads[id])
        layerOf[id] = std::max(layerOf[id], layerOf[read] + 1);
      end = std::max(end, layerOf[id] + 1);
    }
    begin = end;
  }
  phaseBegin.push_back(begin);
}

/// An input or state stands just above who reads it first.
void LayoutBuilder::pullDown() {
  for (size_t id = 0; id < graph.nodes.size(); ++id) {
    const std::string &kind = graph.nodes[id].kind;
    bool isRead = false;
    if (kind != "input" && kind != "state")
      continue;
    unsigned first = ~0u;
    for (const Edge &edge : graph.edges) {
      if (!edge.isNext && edge.from == id)
        first = std::min(first, layerOf[edge.to]);
      isRead |= !edge.isNext && edge.to == id; // an initial value
    }
    if (first != ~0u && first > 0 && !isRead)
      layerOf[id] = std::max(first - 1, phaseBegin[getPhase(id)]);
  }
}

void LayoutBuilder::addItems() {
  for (size_t id = 0; id < graph.nodes.size(); ++id)
    items.push_back({layerOf[id], widths[id], 0, {}, {}});
  for (const Edge &edge : graph.edges) {
    std::vector<unsigned> &chain = chains.emplace_back();
    if (edge.isNext)
      continue;
    chain.push_back(edge.from);
    for (unsigned layer = layerOf[edge.from] + 1; layer < layerOf[edge.to];
         ++layer) {
      chain.push_back(items.size());
      items.push_back({layer, passWidth, 0, {}, {}});
    }
    chain.push_back(edge.to);
    for (size_t i = 0; i + 1 < chain.size(); ++i) {
      items[chain[i]].below.push_back(chain[i + 1]);
      items[chain[i + 1]].above.push_back(chain[i]);
    }
  }
  layers.resize(phaseBegin.back());
  for (unsigned id = 0; id < items.size(); ++id)
    layers[items[id].layer].push_back(id);
}

/// Sorts a layer by the mean place of neighbours on one side; what has none
/// keeps its place.
void LayoutBuilder::sortByNeighbours(std::vector<unsigned> &layer,
                                     std::vector<unsigned> Item::*side) {
  std::vector<std::pair<double, unsigned>> keys;
  for (unsigned id : layer) {
    const std::vector<unsigned> &neighbours = items[id].*side;
    double sum = 0;
    for (unsigned other : neighbours)
      sum += items[other].x;
    keys.push_back(
        {neighbours.empty() ? items[id].x : sum / neighbours.size(), id});
  }
  // Equal keys keep their order: the second member of a key is no criterion.
  std::vector<unsigned> places(layer.size());
  std::iota(places.begin(), places.end(), 0);
  std::sort(places.begin(), places.end(), [&](unsigned a, unsigned b) {
    return keys[a].first != keys[b].first ? keys[a].first < keys[b].first
                                          : a < b;
  });
  std::vector<unsigned> sorted;
  for (unsigned place : places)
    sorted.push_back(layer[place]);
  layer = sorted;
  for (size_t i = 0; i < layer.size(); ++i)
    items[layer[i]].x = i;
}

void LayoutBuilder::orderLayers() {
  for (const std::vector<unsigned> &layer : layers)
    for (size_t i = 0; i < layer.size(); ++i)
      items[layer[i]].x = i;
  constexpr unsigned numSweeps = 12;
  for (unsigned sweep = 0; sweep < numSweeps; ++sweep) {
    for (auto layer = layers.begin(); layer != layers.end(); ++layer)
      sortByNeighbours(*layer, &Item::above);
    for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer)
      sortByNeighbours(*layer, &Item::below);
  }
}

/// Moves items apart that overlap.
void LayoutBuilder::separate(const std::vector<unsigned> &layer,
                             bool fromLeft) {
  for (size_t i = 1; i < layer.size(); ++i) {
    Item &left = items[layer[fromLeft ? i - 1 : layer.size() - 1 - i]];
    Item &right = items[layer[fromLeft ? i : layer.size() - i]];
    double room = (left.width + right.width) / 2 + boxGap;
    if (right.x - left.x >= room)
      continue;
    if (fromLeft)
      right.x = left.x + room;
    else
      left.x = right.x - room;
  }
}

/// Moves every item towards the middle of its neighbours, keeping the order.
void LayoutBuilder::placeItems() {
  for (const std::vector<unsigned> &layer : layers) {
    double x = 0;
    for (unsigned id : layer) {
      items[id].x = x + items[id].width / 2;
      x += items[id].width + boxGap;
    }
    for (unsigned id : layer)
      items[id].x -= x / 2;
  }
  constexpr unsigned numSweeps = 40;
  for (unsigned sweep = 0; sweep < numSweeps; ++sweep)
    for (const std::vector<unsigned> &layer : layers) {
      for (unsigned id : layer) {
        double sum = 0;
        for (unsigned other : items[id].above)
          sum += items[other].x;
        for (unsigned other : items[id].below)
          sum += items[other].x;
        size_t count = items[id].above.size() + items[id].below.size();
        if (count)
          items[id].x = (items[id].x + sum / count) / 2;
      }
      separate(layer, sweep % 2 == 0);
      separate(layer, sweep % 2 != 0);
    }
}

Layout LayoutBuilder::finish() {
  Layout layout;
  double left = 0, right = 0;
  for (const Item &item : items) {
    left = std::min(left, item.x - item.width / 2);
    right = std::max(right, item.x + item.width / 2);
  }
  // The middle of each layer, with room for a line between phases.
  std::vector<double> y;
  double next = 0;
  for (size_t phase = 0; phase + 1 < phaseBegin.size(); ++phase) {
    double top = next;
    next += bandGap / 2;
    for (unsigned layer = phaseBegin[phase]; layer < phaseBegin[phase + 1];
         ++layer) {
      y.push_back(next + boxHeight / 2);
      next += boxHeight + layerGap;
    }
    next += bandGap / 2 - layerGap;
    if (!phases.empty())
      layout.bands.push_back({unsigned(phase), top, next});
  }
  layout.width = right - left;
  layout.height = next;
  auto getPoint = [&](unsigned id) {
    return Point{items[id].x - left, y[items[id].layer]};
  };
  for (size_t id = 0; id < graph.nodes.size(); ++id)
    layout.boxes.push_back({getPoint(id), widths[id], boxHeight});
  for (const std::vector<unsigned> &chain : chains) {
    std::vector<Point> &route = layout.routes.emplace_back();
    for (unsigned id : chain)
      route.push_back(getPoint(id));
    if (route.empty())
      continue;
    route.front().y += boxHeight / 2;
    route.back().y -= boxHeight / 2;
  }
  return layout;
}

Layout LayoutBuilder::build() {
  findPhases();
  assignLayers();
  pullDown();
  addItems();
  orderLayers();
  placeItems();
  return finish();
}

Layout attn::explain::layOut(const Graph &graph,
                             const std::vector<double> &widths) {
  return LayoutBuilder(graph, widths).build();
}

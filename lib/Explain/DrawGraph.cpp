//===- DrawGraph.cpp - A cascade as a drawing -----------------------------===//
//
// SVG that the page's style colours. What a drawing says is on the page as text
// too, so it is one image for whoever can't see it.
//
//===----------------------------------------------------------------------===//

#include "lib/Explain/GraphLayout.h"
#include "lib/Explain/Html.h"
#include "lib/Explain/Wording.h"
#include "llvm/Support/FormatVariadic.h"

#include <set>

using namespace attn::explain;

namespace {

/// Of the monospaced font, at the sizes of a node's two lines.
constexpr double nameWidth = 7.9, formulaWidth = 6.7;
constexpr size_t longestFormula = 34;
/// Room on the left for the names of phases, and around everything.
constexpr double phaseWidth = 96, margin = 12;
/// Between the lines that lead back to states.
constexpr double laneGap = 12;

class GraphDrawer {
public:
  GraphDrawer(const Graph &graph, llvm::StringRef id, llvm::raw_ostream &os)
      : graph(graph), id(id), os(os) {}
  void draw();

private:
  void drawBand(const Band &band, double width);
  void drawEdge(const Edge &edge, const std::vector<Point> &route);
  void drawNext(const Edge &edge, unsigned lane, double x);
  void drawNode(const Node &node, const Box &box);
  std::string listBarriers(unsigned phase) const;

  const Graph &graph;
  llvm::StringRef id;
  llvm::raw_ostream &os;
  Layout layout;
  std::string over;
};

} // namespace

/// `SN [b, p, m]`.
static std::string getLabel(const Node &node) {
  return node.name + (node.ranks.empty() ? "" : " [" + join(node.ranks) + "]");
}

/// The formula without indices, which the names tell, and not too long.
static std::string abbreviate(const Node &node) {
  if (node.kind == "input")
    return "input";
  if (node.kind == "state")
    return "state of " + node.loop;
  std::string text;
  unsigned depth = 0;
  for (char c : node.formula) {
    depth += c == '[';
    if (!depth)
      text += c;
    depth -= c == ']';
  }
  if (text.size() > longestFormula)
    text = text.substr(0, longestFormula - 2) + " …";
  return text;
}

static double getWidth(const Node &node) {
  return 20 + std::max(getLabel(node).size() * nameWidth,
                       abbreviate(node).size() * formulaWidth);
}

/// A number with one digit after the point.
static std::string num(double value) { return llvm::formatv("{0:f1}", value); }

std::string GraphDrawer::listBarriers(unsigned phase) const {
  std::set<std::string> names;
  for (const Edge &edge : graph.edges)
    if (graph.phases[edge.to] == phase && !edge.isNext &&
        std::find(edge.barriers.begin(), edge.barriers.end(), graph.rank) !=
            edge.barriers.end())
      names.insert(graph.nodes[edge.from].name);
  return join(std::vector<std::string>(names.begin(), names.end()));
}

void GraphDrawer::drawBand(const Band &band, double width) {
  os << "<rect class=\"band" << band.phase % 2 << "\" x=\"0\" y=\""
     << num(band.top) << "\" width=\"" << num(width) << "\" height=\""
     << num(band.bottom - band.top) << "\"/>\n";
  os << "<text class=\"phase\" x=\"12\" y=\"" << num(band.top + 22)
     << "\">phase " << band.phase + 1 << "</text>\n";
  if (band.phase == 0)
    return;
  os << "<line class=\"barrier\" x1=\"0\" x2=\"" << num(width) << "\" y1=\""
     << num(band.top) << "\" y2=\"" << num(band.top) << "\"/>\n";
  os << "<text class=\"barrier\" x=\"12\" y=\"" << num(band.top - 7) << "\">"
     << escape(listBarriers(band.phase)) << " done for " << escape(over)
     << "</text>\n";
}

/// A smooth line through the places where the edge passes layers.
void GraphDrawer::drawEdge(const Edge &edge, const std::vector<Point> &route) {
  bool waits = std::find(edge.barriers.begin(), edge.barriers.end(),
                         graph.rank) != edge.barriers.end();
  os << "<path class=\"" << (waits ? "edge waits" : "edge")
     << "\" marker-end=\"url(#" << id << (waits ? "-waits" : "-arrow")
     << ")\" d=\"M" << num(route.front().x) << " " << num(route.front().y);
  for (size_t i = 1; i < route.size(); ++i) {
    double middle = (route[i - 1].y + route[i].y) / 2;
    os << " C" << num(route[i - 1].x) << " " << num(middle) << " "
       << num(route[i].x) << " " << num(middle) << " " << num(route[i].x) << " "
       << num(route[i].y);
  }
  os << "\"/>\n";
}

/// From what a state becomes, between layers and round the right side, back up
/// to the state.
void GraphDrawer::drawNext(const Edge &edge, unsigned lane, double x) {
  const Box &from = layout.boxes[edge.from], &to = layout.boxes[edge.to];
  // Lines in one gap lie beside each other.
  double shift = 3 * (lane % 4);
  double begin = from.middle.x + from.width / 2 - 12 - shift;
  double end = to.middle.x + to.width / 2 - 16 - shift;
  double bottom = from.middle.y + from.height / 2, low = bottom + 8 + shift;
  double top = to.middle.y - to.height / 2, high = top - 10 - shift;
  os << "<path class=\"edge next\" marker-end=\"url(#" << id << "-next)\" d=\"M"
     << num(begin) << " " << num(bottom) << " V" << num(low) << " H" << num(x)
     << " V" << num(high) << " H" << num(end) << " V" << num(top) << "\"/>\n";
}

void GraphDrawer::drawNode(const Node &node, const Box &box) {
  double x = box.middle.x - box.width / 2, y = box.middle.y - box.height / 2;
  double corner = node.kind == "input" || node.kind == "state" ? 20 : 4;
  os << "<g class=\"node " << node.kind << (node.isOutput ? " output" : "")
     << (node.isDead ? " dead" : "") << "\"><title>" << escape(getLabel(node));
  if (!node.formula.empty())
    os << " = " << escape(node.formula);
  if (!node.reduced.empty())
    os << ", reduces " << escape(join(node.reduced));
  if (node.isDead)
    os << ", no output depends on it";
  os << "</title><rect x=\"" << num(x) << "\" y=\"" << num(y) << "\" width=\""
     << num(box.width) << "\" height=\"" << num(box.height) << "\" rx=\""
     << corner << "\"/>";
  os << "<text class=\"name\" x=\"" << num(box.middle.x) << "\" y=\""
     << num(box.middle.y - 4) << "\">" << escape(getLabel(node)) << "</text>";
  os << "<text class=\"formula\" x=\"" << num(box.middle.x) << "\" y=\""
     << num(box.middle.y + 13) << "\">" << escape(abbreviate(node))
     << "</text></g>\n";
}

static void drawMarker(llvm::StringRef id, const char *name,
                       llvm::raw_ostream &os) {
  os << "<marker id=\"" << id << "-" << name << "\" class=\"" << name
     << "\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" "
        "markerHeight=\"7\" orient=\"auto-start-reverse\">"
        "<path d=\"M0 0.5 L7.5 4 L0 7.5 z\"/></marker>\n";
}

void GraphDrawer::draw() {
  std::vector<double> widths;
  for (const Node &node : graph.nodes)
    widths.push_back(getWidth(node));
  layout = layOut(graph, widths);
  over = (graph.ofChunk ? "all of a chunk of " : "all of ") + graph.rank;
  unsigned numLanes = 0;
  for (const Edge &edge : graph.edges)
    numLanes += edge.isNext;
  double left = layout.bands.empty() ? 0 : phaseWidth;
  double laneBegin = layout.width + laneGap;
  double width = left + laneBegin + numLanes * laneGap;
  os << llvm::formatv("<svg class=\"graph\" role=\"img\" "
                      "aria-labelledby=\"{0}-title\" viewBox=\"{1} {1} {2:f0} "
                      "{3:f0}\" width=\"{2:f0}\" height=\"{3:f0}\">\n",
                      id, -margin, width + 2 * margin,
                      layout.height + 2 * margin);
  os << "<title id=\"" << id << "-title\">Graph of " << graph.nodes.size()
     << " tensors";
  if (!layout.bands.empty())
    os << " in " << count(layout.bands.size(), "phase") << " over "
       << (graph.ofChunk ? "each chunk of " : "") << escape(graph.rank);
  os << "; the lists on this page say the same in words</title>\n<defs>";
  drawMarker(id, "arrow", os);
  drawMarker(id, "waits", os);
  drawMarker(id, "next", os);
  os << "</defs>\n";
  for (const Band &band : layout.bands)
    drawBand(band, width);
  os << "<g transform=\"translate(" << num(left) << " 0)\">\n";
  unsigned lane = 0;
  for (size_t i = 0; i < graph.edges.size(); ++i) {
    if (!graph.edges[i].isNext) {
      drawEdge(graph.edges[i], layout.routes[i]);
      continue;
    }
    drawNext(graph.edges[i], lane, laneBegin + laneGap * lane);
    ++lane;
  }
  for (size_t i = 0; i < graph.nodes.size(); ++i)
    drawNode(graph.nodes[i], layout.boxes[i]);
  os << "</g>\n</svg>\n";
}

void attn::explain::drawGraph(const Graph &graph, llvm::StringRef id,
                              llvm::raw_ostream &os) {
  GraphDrawer(graph, id, os).draw();
}

//===- PrintHtml.cpp - The report as a page -------------------------------===//
//
// One file that loads nothing: it can be mailed, and opened without a network.
// There is no script; it is text, tables and drawings.
//
//===----------------------------------------------------------------------===//

#include "lib/Explain/Explain.h"
#include "lib/Explain/Html.h"
#include "lib/Explain/PageStyle.h"
#include "lib/Explain/Wording.h"
#include "llvm/ADT/STLExtras.h"

using namespace attn;
using namespace attn::explain;

std::string explain::escape(llvm::StringRef text) {
  std::string escaped;
  for (char c : text)
    switch (c) {
    case '&':
      escaped += "&amp;";
      break;
    case '<':
      escaped += "&lt;";
      break;
    case '>':
      escaped += "&gt;";
      break;
    case '"':
      escaped += "&quot;";
      break;
    default:
      escaped += c;
    }
  return escaped;
}

namespace {

class PagePrinter {
public:
  PagePrinter(const Report &report, llvm::raw_ostream &os)
      : report(report), os(os) {}
  void print();

private:
  /// Larger graphs are no help to who looks at them.
  static constexpr size_t maxNodes = 150;

  void printContents();
  void print(const Cascade &cascade);
  void printHead(const Cascade &cascade);
  void printForm(const Cascade &cascade, const Form &form, const char *stage,
                 const char *title);
  void printTraversals(const Cascade &cascade);
  void printWalks(const RankFacts &before, const RankFacts &after);
  void printReasons(const char *stage, const Form &form);
  void printCosts(const Cascade &cascade);
  void printEinsumCosts(const char *stage, const Form &form, bool withBytes);
  void printMapping(const Cascade &cascade);
  void printRemarks(const Cascade &cascade);
  void beginScroll(const std::string &label) {
    os << "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\""
       << escape(label) << "\">\n";
  }
  void printCell(llvm::StringRef text, const char *kind = "") {
    os << "<td" << kind << ">" << escape(text) << "</td>";
  }

  const Report &report;
  llvm::raw_ostream &os;
};

} // namespace

void PagePrinter::printHead(const Cascade &cascade) {
  os << "<h2 id=\"" << cascade.name << "\">@" << cascade.name << "</h2>\n"
     << "<p class=\"quiet\">" << escape(report.file) << ", line "
     << cascade.place.line << "</p>\n<dl>\n";
  std::vector<std::string> ranks, reads, gives;
  for (const Rank &rank : cascade.ranks)
    ranks.push_back(describe(rank));
  for (const Argument &argument : cascade.arguments)
    (argument.isOutput ? gives : reads).push_back(describe(argument));
  os << "<dt>Ranks</dt><dd><code>" << escape(join(ranks)) << "</code></dd>\n"
     << "<dt>Reads</dt><dd><code>" << escape(join(reads)) << "</code></dd>\n"
     << "<dt>Gives</dt><dd><code>" << escape(join(gives)) << "</code></dd>\n"
     << "</dl>\n";
}

void PagePrinter::printForm(const Cascade &cascade, const Form &form,
                            const char *stage, const char *title) {
  os << "<h3>" << title << "</h3>\n<pre tabindex=\"0\">";
  for (const Line &line : form.lines)
    os << std::string(2 * line.depth, ' ') << escape(line.text) << "\n";
  os << "</pre>\n";
  if (!form.dead.empty())
    os << "<p>No output depends on " << escape(join(form.dead)) << ".</p>\n";
  if (form.graph.nodes.size() > maxNodes) {
    os << "<p class=\"quiet\">" << form.graph.nodes.size()
       << " tensors are too many for a drawing.</p>\n";
    return;
  }
  const Graph &graph = form.graph;
  os << "<p class=\"quiet\">Arrows lead from what is read to who reads it.";
  if (!graph.rank.empty())
    os << " Bands are phases over "
       << (graph.ofChunk ? "each chunk of <code>" : "<code>")
       << escape(graph.rank)
       << "</code>; red arrows and lines are barriers, which wait for all of "
          "it.";
  if (llvm::any_of(graph.edges, [](const Edge &edge) { return edge.isNext; }))
    os << " Dashed lines lead to the next coordinate or chunk.";
  os << "</p>\n";
  beginScroll(std::string("Graph, ") + stage);
  drawGraph(graph, cascade.name + "-" + stage, os);
  os << "</div>\n";
}

void PagePrinter::printWalks(const RankFacts &before, const RankFacts &after) {
  for (size_t i = 0; i < before.walks.size(); ++i) {
    os << "<tr>";
    if (i == 0)
      os << "<th scope=\"rowgroup\" rowspan=\"" << before.walks.size() + 1
         << "\"><code>" << escape(before.rank) << "</code></th>";
    printCell(before.walks[i].tensor, " class=\"code\"");
    printCell(describeCount(before.walks[i]));
    printCell(describeCount(after.walks[i]));
    os << "</tr>\n";
  }
  os << "<tr>";
  if (before.walks.empty())
    os << "<th scope=\"row\"><code>" << escape(before.rank) << "</code></th>";
  printCell("phases");
  printCell(describePhases(before));
  printCell(describePhases(after));
  os << "</tr>\n";
}

void PagePrinter::printTraversals(const Cascade &cascade) {
  os << "<h3>Traversals</h3>\n";
  std::vector<std::string> plain;
  bool hasTable = false;
  for (auto [before, after] :
       llvm::zip(cascade.written.ranks, cascade.derived.ranks)) {
    if (isPlain(before) && isPlain(after)) {
      plain.push_back(before.rank);
      continue;
    }
    if (!std::exchange(hasTable, true))
      os << "<table><thead><tr><th scope=\"col\">Rank</th><th scope=\"col\">"
            "Tensor</th><th scope=\"col\">As written</th><th scope=\"col\">"
            "Derived</th></tr></thead><tbody>\n";
    printWalks(before, after);
  }
  if (hasTable)
    os << "</tbody></table>\n";
  if (!plain.empty())
    os << "<p>Over <code>" << escape(join(plain))
       << "</code>: every tensor is walked once, in one phase.</p>\n";
  printReasons("as written", cascade.written);
  printReasons("derived", cascade.derived);
}

void PagePrinter::printReasons(const char *stage, const Form &form) {
  for (const RankFacts &facts : form.ranks) {
    if (!needsReason(facts))
      continue;
    os << "<h4>Why over <code>" << escape(facts.rank) << "</code>, " << stage
       << "</h4>\n<ul>\n";
    for (const Walk &walk : facts.walks)
      if (walk.traversals.size() > 1)
        os << "<li><code>" << escape(walk.tensor)
           << "</code>: " << escape(describeWhy(walk, facts.rank)) << "</li>\n";
    for (auto [i, einsums] : llvm::enumerate(listPhases(facts)))
      os << "<li>phase " << i + 1 << ": <code>" << escape(join(einsums))
         << "</code></li>\n";
    std::vector<std::string> whole = listWhole(facts);
    if (!whole.empty())
      os << "<li>" << wholeMeaning << ": <code>" << escape(join(whole, "; "))
         << "</code></li>\n";
    os << "</ul>\n";
  }
}

void PagePrinter::printCosts(const Cascade &cascade) {
  os << "<h3>Costs</h3>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
        "aria-label=\"Costs\"><table><thead><tr><td></td><th scope=\"col\">As "
        "written</th><th scope=\"col\">Derived</th></tr></thead><tbody>\n";
  for (const CostRow &row :
       compareCosts(cascade.written.costs, cascade.derived.costs)) {
    os << "<tr><th scope=\"row\">" << escape(row.what) << "</th>";
    printCell(row.before);
    printCell(row.after);
    os << "</tr>\n";
  }
  os << "</tbody></table></div>\n";
  printEinsumCosts("as written", cascade.written, /*withBytes=*/true);
  printEinsumCosts("derived", cascade.derived, /*withBytes=*/false);
}

/// What a kernel reads and writes inside of it stays on the chip.
void PagePrinter::printEinsumCosts(const char *stage, const Form &form,
                                   bool withBytes) {
  os << "<details><summary>Einsums, " << stage << "</summary>\n";
  beginScroll(std::string("Costs of Einsums, ") + stage);
  os << "<table><thead><tr><th scope=\"col\">Einsum</th><th scope=\"col\">"
        "Operations</th>";
  if (withBytes)
    os << "<th scope=\"col\">Reads</th><th scope=\"col\">Writes</th>";
  os << "</tr></thead><tbody>\n";
  for (const EinsumCosts &einsum : form.costs.einsums) {
    os << "<tr><th scope=\"row\"><code>" << escape(einsum.einsum)
       << "</code></th>";
    printCell(describe(einsum.operations));
    if (withBytes) {
      printCell(describeBytes(einsum.read));
      printCell(describeBytes(einsum.written));
    }
    os << "</tr>\n";
  }
  os << "</tbody></table></div>\n";
  for (const std::string &set : form.costs.pointSets)
    os << "<p><code>" << escape(set) << "</code></p>\n";
  os << "</details>\n";
}

void PagePrinter::printMapping(const Cascade &cascade) {
  if (cascade.estimates.empty())
    return;
  os << "<h3>On " << escape(report.machine->name) << "</h3>\n<p>"
     << escape(report.machine->description) << "</p>\n";
  beginScroll("Mappings");
  os << "<table><thead><tr>";
  for (const char *column : estimateColumns)
    os << (*column ? "<th scope=\"col\">" : "<td>") << column
       << (*column ? "</th>" : "</td>");
  os << "</tr></thead><tbody>\n";
  for (const Estimate &estimate : cascade.estimates) {
    os << "<tr>";
    for (const std::string &cell : describe(estimate))
      printCell(cell);
    os << "</tr>\n";
  }
  os << "</tbody></table></div>\n<ul>\n";
  for (const KernelEstimate &kernel : cascade.estimates.front().kernels)
    os << "<li>kernel " << escape(describe(kernel)) << "</li>\n";
  os << "</ul>\n";
  if (!cascade.tilings.empty()) {
    os << "<h4>Tiles, by what they cost</h4>\n";
    beginScroll("Tiles");
    os << "<table><thead><tr>";
    for (const char *column : tilingColumns)
      os << (*column ? "<th scope=\"col\">" : "<td>") << column
         << (*column ? "</th>" : "</td>");
    os << "</tr></thead><tbody>\n";
    for (const TilingEstimate &tiling : cascade.tilings) {
      os << "<tr>";
      for (const std::string &cell : describe(tiling))
        printCell(cell);
      os << "</tr>\n";
    }
    os << "</tbody></table></div>\n";
  }
  if (cascade.roofline) {
    beginScroll("Roofline plot");
    drawRoofline(*cascade.roofline, cascade.name + "-roofline", os);
    os << "</div>\n";
  }
  os << "<h4>Roofs</h4>\n<ul>\n";
  for (const std::string &roof :
       listRoofs(*report.machine, cascade.derived.costs))
    os << "<li>" << escape(roof) << "</li>\n";
  os << "</ul>\n";
  if (!cascade.bounds.empty())
    os << "<h4>Bytes that no mapping goes below</h4>\n<ul>\n";
  for (const Bound &bound : cascade.bounds)
    os << "<li>" << escape(describe(bound)) << "</li>\n";
  os << (cascade.bounds.empty() ? "" : "</ul>\n");
}

void PagePrinter::printRemarks(const Cascade &cascade) {
  if (cascade.remarks.empty())
    return;
  os << "<h3>Remarks</h3>\n";
  for (const Remark &remark : cascade.remarks)
    os << "<p class=\"remark\"><span class=\"quiet\">" << remark.place.line
       << ":" << remark.place.column << " " << remark.severity << "</span> "
       << escape(remark.text) << "</p>\n";
}

void PagePrinter::print(const Cascade &cascade) {
  os << "<section aria-labelledby=\"" << cascade.name << "\">\n";
  printHead(cascade);
  printTraversals(cascade);
  printCosts(cascade);
  printMapping(cascade);
  printForm(cascade, cascade.written, "written", "As written");
  printForm(cascade, cascade.derived, "derived", "Derived");
  printRemarks(cascade);
  os << "</section>\n";
}

void PagePrinter::printContents() {
  if (report.cascades.size() < 2)
    return;
  os << "<nav aria-label=\"Cascades\"><ul>\n";
  for (const Cascade &cascade : report.cascades)
    os << "<li><a href=\"#" << cascade.name << "\">@" << cascade.name
       << "</a></li>\n";
  os << "</ul></nav>\n";
}

void PagePrinter::print() {
  os << "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">"
        "\n<meta name=\"viewport\" content=\"width=device-width, "
        "initial-scale=1\">\n<title>"
     << escape(report.file) << " explained</title>\n<style>" << pageStyle
     << "</style>\n</head>\n<body>\n<header><h1>" << escape(report.file)
     << "</h1><p class=\"quiet\">explained by attnc " << report.version
     << "</p></header>\n";
  printContents();
  os << "<main>\n";
  for (const Cascade &cascade : report.cascades)
    print(cascade);
  os << "</main>\n</body>\n</html>\n";
}

void explain::printHtml(const Report &report, llvm::raw_ostream &os) {
  PagePrinter(report, os).print();
}

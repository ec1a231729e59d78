//===- PrintText.cpp - The report for a terminal --------------------------===//

#include "lib/Explain/Explain.h"
#include "lib/Explain/Wording.h"
#include "llvm/ADT/STLExtras.h"

using namespace attn;
using namespace attn::explain;

namespace {

class TextPrinter {
public:
  TextPrinter(const Report &report, llvm::raw_ostream &os)
      : report(report), os(os) {}
  void print(const Cascade &cascade);

private:
  static constexpr unsigned width = 96;

  void printWrapped(const std::string &text, unsigned indent,
                    unsigned furtherIndent);
  void printHeading(const char *text) { os << "\n" << text << "\n"; }
  void printHead(const Cascade &cascade);
  void printLines(const Form &form);
  void printTable(const std::vector<std::vector<std::string>> &rows);
  void printTraversals(const Cascade &cascade);
  void printReasons(const char *stage, const Form &form);
  void printCosts(const Cascade &cascade);
  void printEinsumCosts(const char *stage, const Form &form, bool withBytes);
  void printMapping(const Cascade &cascade);
  void printRemarks(const Cascade &cascade);

  const Report &report;
  llvm::raw_ostream &os;
};

} // namespace

/// Breaks a text at spaces; one longer word than a line stays whole.
void TextPrinter::printWrapped(const std::string &text, unsigned indent,
                               unsigned furtherIndent) {
  llvm::StringRef rest(text);
  while (!rest.empty()) {
    size_t room = width - indent;
    size_t end = rest.size();
    if (end > room) {
      end = rest.rfind(' ', room);
      if (end == llvm::StringRef::npos || end == 0)
        end = std::min(rest.find(' '), rest.size());
    }
    os.indent(indent) << rest.take_front(end) << "\n";
    rest = rest.drop_front(end).ltrim();
    indent = furtherIndent;
  }
}

void TextPrinter::printHead(const Cascade &cascade) {
  os << "@" << cascade.name << "  (" << report.file << ":" << cascade.place.line
     << ")\n";
  std::vector<std::string> ranks, reads, gives;
  for (const Rank &rank : cascade.ranks)
    ranks.push_back(describe(rank));
  for (const Argument &argument : cascade.arguments)
    (argument.isOutput ? gives : reads).push_back(describe(argument));
  printWrapped("ranks " + join(ranks), 2, 8);
  printWrapped("reads " + join(reads), 2, 8);
  printWrapped("gives " + join(gives), 2, 8);
}

void TextPrinter::printLines(const Form &form) {
  for (const Line &line : form.lines)
    printWrapped(line.text, 2 + 2 * line.depth, 6 + 2 * line.depth);
  if (!form.dead.empty())
    printWrapped("no output depends on " + join(form.dead), 2, 4);
}

void TextPrinter::printTable(
    const std::vector<std::vector<std::string>> &rows) {
  std::vector<size_t> widths;
  for (const std::vector<std::string> &row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  }
  for (const std::vector<std::string> &row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i)
      line += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
    os << "  " << llvm::StringRef(line).rtrim() << "\n";
  }
}

/// A table of what is walked more than once, before or after.
void TextPrinter::printTraversals(const Cascade &cascade) {
  printHeading("TRAVERSALS");
  std::vector<std::vector<std::string>> rows = {
      {"rank", "tensor", "as written", "derived"}};
  std::vector<std::string> plain;
  for (size_t i = 0; i < cascade.written.ranks.size(); ++i) {
    const RankFacts &before = cascade.written.ranks[i];
    const RankFacts &after = cascade.derived.ranks[i];
    if (isPlain(before) && isPlain(after)) {
      plain.push_back(before.rank);
      continue;
    }
    std::string rank = before.rank;
    for (size_t j = 0; j < before.walks.size(); ++j) {
      rows.push_back({rank, before.walks[j].tensor,
                      describeCount(before.walks[j]),
                      describeCount(after.walks[j])});
      rank.clear();
    }
    rows.push_back(
        {rank, "phases", describePhases(before), describePhases(after)});
  }
  if (rows.size() > 1)
    printTable(rows);
  if (!plain.empty())
    printWrapped("over " + join(plain) +
                     ": every tensor is walked once, in one phase",
                 2, 4);
  printReasons("as written", cascade.written);
  printReasons("derived", cascade.derived);
}

void TextPrinter::printReasons(const char *stage, const Form &form) {
  for (const RankFacts &facts : form.ranks) {
    if (!needsReason(facts))
      continue;
    os << "\n  Why over " << facts.rank << ", " << stage << ":\n";
    for (const Walk &walk : facts.walks)
      if (walk.traversals.size() > 1)
        printWrapped(walk.tensor + ": " + describeWhy(walk, facts.rank), 4, 6);
    for (auto [i, einsums] : llvm::enumerate(listPhases(facts)))
      printWrapped("phase " + std::to_string(i + 1) + ": " + join(einsums), 4,
                   6);
    std::vector<std::string> whole = listWhole(facts);
    if (!whole.empty())
      printWrapped(wholeMeaning + (": " + join(whole, "; ")), 4, 6);
  }
}

/// Totals side by side where they are numbers, else one after the other.
void TextPrinter::printCosts(const Cascade &cascade) {
  printHeading("COSTS");
  const Costs &before = cascade.written.costs, &after = cascade.derived.costs;
  std::vector<CostRow> rows = compareCosts(before, after);
  if (before.flops.value) {
    std::vector<std::vector<std::string>> cells = {
        {"", "as written", "derived"}};
    for (const CostRow &row : rows)
      cells.push_back({row.what, row.before, row.after});
    printTable(cells);
  } else {
    for (const CostRow &row : rows)
      printWrapped(
          row.what + ": " +
              (row.before == row.after || row.after.empty()
                   ? row.before
                   : row.before + " as written; " + row.after + " derived"),
          2, 4);
  }
  printEinsumCosts("as written", cascade.written, /*withBytes=*/true);
  printEinsumCosts("derived", cascade.derived, /*withBytes=*/false);
}

/// What a kernel reads and writes inside of it stays on the chip.
void TextPrinter::printEinsumCosts(const char *stage, const Form &form,
                                   bool withBytes) {
  os << "\n  Einsums, " << stage << ":\n";
  for (const EinsumCosts &einsum : form.costs.einsums) {
    std::string text =
        einsum.einsum + ": " +
        (einsum.operations.empty() ? "no operations"
                                   : describe(einsum.operations));
    if (withBytes)
      text += "; reads " + describeBytes(einsum.read) + ", writes " +
              describeBytes(einsum.written);
    printWrapped(text, 4, 6);
  }
  for (const std::string &set : form.costs.pointSets)
    printWrapped(set, 4, 6);
}

void TextPrinter::printMapping(const Cascade &cascade) {
  if (cascade.estimates.empty())
    return;
  os << "\nON " << report.machine->name << "\n";
  printWrapped(report.machine->description, 2, 2);
  printWrapped(
      "roofs: " + join(listRoofs(*report.machine, cascade.derived.costs), "; "),
      2, 4);
  os << "\n";
  std::vector<std::vector<std::string>> rows = {
      {std::begin(estimateColumns), std::end(estimateColumns)}};
  for (const Estimate &estimate : cascade.estimates)
    if (estimate.problem.empty())
      rows.push_back(describe(estimate));
  if (rows.size() > 1)
    printTable(rows);
  for (const Estimate &estimate : cascade.estimates)
    if (!estimate.problem.empty())
      printWrapped(estimate.form + ": no estimate, " + estimate.problem, 2, 4);
  for (const KernelEstimate &kernel : cascade.estimates.front().kernels)
    printWrapped("kernel " + describe(kernel), 2, 4);
  if (!cascade.tilings.empty()) {
    os << "\n  Tiles, by what they cost:\n";
    std::vector<std::vector<std::string>> tiles = {
        {std::begin(tilingColumns), std::end(tilingColumns)}};
    for (const TilingEstimate &tiling : cascade.tilings)
      tiles.push_back(describe(tiling));
    printTable(tiles);
  }
  if (!cascade.bounds.empty())
    os << "\n  Bytes that no mapping goes below:\n";
  for (const Bound &bound : cascade.bounds)
    printWrapped(describe(bound), 4, 6);
}

void TextPrinter::printRemarks(const Cascade &cascade) {
  if (cascade.remarks.empty())
    return;
  printHeading("REMARKS");
  for (const Remark &remark : cascade.remarks)
    printWrapped(
        std::to_string(remark.place.line) + ":" +
            std::to_string(remark.place.column) + ": " +
            (remark.severity == "remark" ? "" : remark.severity + ": ") +
            remark.text,
        2, 4);
}

void TextPrinter::print(const Cascade &cascade) {
  printHead(cascade);
  printHeading("AS WRITTEN");
  printLines(cascade.written);
  printHeading("DERIVED");
  printLines(cascade.derived);
  printTraversals(cascade);
  printCosts(cascade);
  printMapping(cascade);
  printRemarks(cascade);
}

void explain::printText(const Report &report, llvm::raw_ostream &os) {
  TextPrinter printer(report, os);
  for (const Cascade &cascade : report.cascades) {
    if (&cascade != &report.cascades.front())
      os << "\n";
    printer.print(cascade);
  }
}

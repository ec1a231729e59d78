//===- CostTable.h - Costs beside figures that are known ------------------===//
//
// A table has a row for each of some calls and each form of a computation: a
// cascade on a machine. It is data (docs/machines.md has its members), with
// what somebody measured or published, so that the cost model can be held
// against it. Nothing here knows a computation.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_MACHINE_COSTTABLE_H
#define LIB_MACHINE_COSTTABLE_H

#include "lib/Machine/CostModel.h"

namespace attn::cost {

/// Of one row, by name: `seconds`, `bytes` of the outermost memory, `joules`,
/// or the share of a unit's lanes that are busy.
using Figures = std::map<std::string, double>;

/// A cascade on a machine.
struct TableForm {
  std::string name;
  /// The spec's file, found beside the table's, and the machine.
  std::string spec, machine;
  /// The name of the stage after which the cascade is estimated, and options
  /// of the pipeline.
  std::string stage = "one-pass", options;
  /// How far figures may be from those stated, as a part of them.
  Figures within;
};

/// A call of all forms: the extents of the ranks that any of them has.
struct TableCall {
  std::string name;
  std::map<std::string, int64_t> extents;
  /// What is stated of a form, by its name.
  std::map<std::string, Figures> stated;
};

/// The mean over all calls of a figure's sum over the forms `of`, by that over
/// the forms `over` where there are any.
struct TableAverage {
  std::string name, figure;
  std::vector<std::string> of, over;
  std::optional<double> stated;
  /// How far the mean may be from what is stated.
  double within = 0;
};

struct CostTable {
  std::string description;
  std::vector<std::string> sources;
  std::vector<TableForm> forms;
  std::vector<TableCall> calls;
  std::vector<TableAverage> averages;
};

/// Reads a table. An error names the file, the place in it and the fact.
llvm::Expected<CostTable> loadTable(llvm::StringRef file);

/// The costs of each call's forms.
using TableCosts = std::vector<std::vector<CascadeCost>>;

/// Whether a machine has every figure that the table names of it.
llvm::Error checkFigures(const CostTable &table, const TableCosts &costs);

/// What differs from what is stated by more than the table allows.
std::vector<std::string> findDifferences(const CostTable &table,
                                         const TableCosts &costs);

void printText(const CostTable &table, const TableCosts &costs,
               llvm::raw_ostream &out);
void printJson(const CostTable &table, const TableCosts &costs,
               llvm::raw_ostream &out);

} // namespace attn::cost

#endif // LIB_MACHINE_COSTTABLE_H

//===- PrintTable.cpp - Costs beside figures, for people and programs -----===//
//
// docs/machines.md has the members of the JSON.
//
//===----------------------------------------------------------------------===//

#include "lib/Machine/CostTable.h"
#include "lib/Machine/JsonFile.h"
#include "llvm/Support/FormatVariadic.h"

using namespace attn;
using namespace attn::cost;
using llvm::format;
using llvm::formatv;
using llvm::StringRef;
using llvm::json::OStream;

//===----------------------------------------------------------------------===//
// Figures
//===----------------------------------------------------------------------===//

/// A figure of a row; nothing if its machine has no such unit.
static std::optional<double> lookup(const CascadeCost &cost, StringRef figure) {
  if (figure == "seconds")
    return cost.seconds;
  if (figure == "joules")
    return cost.joules;
  const MemoryCost &outermost = cost.memories.front();
  if (figure == "bytes")
    return outermost.bytesRead + outermost.bytesWritten;
  for (const UnitCost &unit : cost.units)
    if (figure == unit.name)
      return unit.utilization;
  return std::nullopt;
}

/// What is stated of a row, beside its name.
static const Figures *lookupStated(const TableCall &call,
                                   const TableForm &form) {
  auto it = call.stated.find(form.name);
  return it == call.stated.end() ? nullptr : &it->second;
}

/// How far a row's figure is from what is stated, as a part of that; nothing
/// where nothing is stated.
static std::optional<double> getDifference(const TableCall &call,
                                           const TableForm &form,
                                           const CascadeCost &cost,
                                           StringRef figure) {
  const Figures *stated = lookupStated(call, form);
  if (!stated)
    return std::nullopt;
  auto it = stated->find(figure.str());
  if (it == stated->end())
    return std::nullopt;
  return *lookup(cost, figure) / it->second - 1;
}

/// An average's sum over some of the forms, at one call.
static double addFigures(const CostTable &table,
                         const std::vector<std::string> &forms,
                         llvm::ArrayRef<CascadeCost> costs, StringRef figure) {
  double sum = 0;
  for (auto [form, cost] : llvm::zip_equal(table.forms, costs))
    sum += llvm::count(forms, form.name) * lookup(cost, figure).value_or(0);
  return sum;
}

static double compute(const CostTable &table, const TableCosts &costs,
                      const TableAverage &average) {
  double sum = 0;
  for (const std::vector<CascadeCost> &row : costs)
    sum += addFigures(table, average.of, row, average.figure) /
           (average.over.empty()
                ? 1
                : addFigures(table, average.over, row, average.figure));
  return sum / costs.size();
}

llvm::Error cost::checkFigures(const CostTable &table,
                               const TableCosts &costs) {
  auto check = [](const TableForm &form, const CascadeCost &cost,
                  StringRef figure) {
    return lookup(cost, figure)
               ? llvm::Error::success()
               : makeFileError("`" + form.name + "`: `" + cost.machine +
                               "` has no unit `" + figure + "`");
  };
  for (auto [call, row] : llvm::zip_equal(table.calls, costs))
    for (auto [form, cost] : llvm::zip_equal(table.forms, row)) {
      if (const Figures *stated = lookupStated(call, form))
        for (auto &[figure, value] : *stated)
          if (llvm::Error error = check(form, cost, figure))
            return error;
      for (auto &[figure, limit] : form.within)
        if (llvm::Error error = check(form, cost, figure))
          return error;
      for (const TableAverage &average : table.averages)
        if (llvm::is_contained(average.of, form.name) ||
            llvm::is_contained(average.over, form.name))
          if (llvm::Error error = check(form, cost, average.figure))
            return error;
    }
  return llvm::Error::success();
}

std::vector<std::string> cost::findDifferences(const CostTable &table,
                                               const TableCosts &costs) {
  std::vector<std::string> differences;
  for (auto [call, row] : llvm::zip_equal(table.calls, costs))
    for (auto [form, cost] : llvm::zip_equal(table.forms, row))
      for (auto &[figure, limit] : form.within) {
        std::optional<double> difference =
            getDifference(call, form, cost, figure);
        // Written so that a NaN differs.
        if (difference && !(std::abs(*difference) <= limit))
          differences.push_back(
              formatv("{0}, {1}: {2} differs by {3:P3}, more than {4:P3}",
                      call.name, form.name, figure, *difference, limit));
      }
  for (const TableAverage &average : table.averages) {
    double mean = compute(table, costs, average);
    if (!average.stated || std::abs(mean - *average.stated) <= average.within)
      continue;
    std::string text;
    llvm::raw_string_ostream(text)
        << average.name << ": " << format("%.4g", mean) << " differs from "
        << format("%g by more than %g", *average.stated, average.within);
    differences.push_back(std::move(text));
  }
  return differences;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

/// The columns that every row has.
static constexpr llvm::StringLiteral columns[] = {"seconds", "bytes", "joules"};

/// The width of the longest name.
template <typename T> static int getWidth(const std::vector<T> &named) {
  size_t width = 0;
  for (const T &each : named)
    width = std::max(width, each.name.size());
  return width;
}

/// A difference in per cent, without a sign where it rounds to nothing.
static std::string printPercent(double difference) {
  double percent = std::round(1e5 * difference) / 1e3;
  return formatv("{0}{1:F3}%", percent > 0 ? "+" : "",
                 percent == 0 ? 0 : percent);
}

static void printFigure(const TableCall &call, const TableForm &form,
                        const CascadeCost &cost, StringRef figure,
                        llvm::raw_ostream &out) {
  out << format("  %11.6g", *lookup(cost, figure));
  if (std::optional<double> difference =
          getDifference(call, form, cost, figure))
    out << format(" %11.6g ", lookupStated(call, form)->at(figure.str()))
        << llvm::right_justify(printPercent(*difference), 8);
  else
    out << format(" %11s %8s", "-", "");
}

static void printRows(const CostTable &table, const TableCosts &costs,
                      llvm::raw_ostream &out) {
  int callWidth = getWidth(table.calls), formWidth = getWidth(table.forms);
  out << std::string(callWidth + 2 + formWidth, ' ');
  for (StringRef figure : columns)
    out << format("  %11s %11s %8s", figure.data(), "stated", "differs");
  out << "  busy\n";
  for (auto [call, row] : llvm::zip_equal(table.calls, costs))
    for (auto [form, cost] : llvm::zip_equal(table.forms, row)) {
      out << format("%-*s  %-*s", callWidth, call.name.c_str(), formWidth,
                    form.name.c_str());
      for (StringRef figure : columns)
        printFigure(call, form, cost, figure, out);
      out << " ";
      for (const UnitCost &unit : cost.units)
        out << format(" %.3f", unit.utilization);
      out << "\n";
    }
}

/// The largest difference of each figure of a form, beside what is allowed.
static void printLargest(const CostTable &table, const TableCosts &costs,
                         llvm::raw_ostream &out) {
  out << "\nlargest differences, and what the table allows\n";
  int width = getWidth(table.forms);
  for (auto [i, form] : llvm::enumerate(table.forms)) {
    out << format("%-*s  ", width, form.name.c_str());
    llvm::ListSeparator comma;
    for (auto &[figure, limit] : form.within) {
      double largest = 0;
      for (auto [call, row] : llvm::zip_equal(table.calls, costs))
        largest = std::max(
            largest,
            std::abs(getDifference(call, form, row[i], figure).value_or(0)));
      out << comma << figure
          << format(" %.3f%% of %g%%", 100 * largest, 100 * limit);
    }
    out << "\n";
  }
}

static void printAverages(const CostTable &table, const TableCosts &costs,
                          llvm::raw_ostream &out) {
  int width = std::max<int>(getWidth(table.averages), 16);
  out << format("\n%-*s %8s %8s\n", width, "average of calls", "stated",
                "here");
  for (const TableAverage &average : table.averages) {
    out << format("%-*s ", width, average.name.c_str());
    if (average.stated)
      out << format("%8g", *average.stated);
    else
      out << format("%8s", "-");
    out << format(" %8.4g\n", compute(table, costs, average));
  }
}

void cost::printText(const CostTable &table, const TableCosts &costs,
                     llvm::raw_ostream &out) {
  if (!table.description.empty())
    out << table.description << "\n";
  for (const TableForm &form : table.forms)
    out << formatv("  {0}: {1} on {2}, as after {3}\n", form.name, form.spec,
                   form.machine, form.stage);
  out << "\n";
  printRows(table, costs, out);
  printLargest(table, costs, out);
  if (!table.averages.empty())
    printAverages(table, costs, out);
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

static void printRow(OStream &json, const TableCall &call,
                     const TableForm &form, const CascadeCost &cost) {
  json.attribute("call", call.name);
  json.attribute("form", form.name);
  json.attribute("machine", cost.machine);
  for (StringRef figure : columns)
    json.attribute(figure, *lookup(cost, figure));
  json.attributeObject("busy", [&] {
    for (const UnitCost &unit : cost.units)
      json.attribute(unit.name, unit.utilization);
  });
  json.attributeObject("stated", [&] {
    if (const Figures *stated = lookupStated(call, form))
      for (auto &[figure, value] : *stated)
        json.attribute(figure, value);
  });
}

void cost::printJson(const CostTable &table, const TableCosts &costs,
                     llvm::raw_ostream &out) {
  OStream json(out, /*IndentSize=*/1);
  json.object([&] {
    json.attribute("description", table.description);
    json.attributeArray("rows", [&] {
      for (auto [call, row] : llvm::zip_equal(table.calls, costs))
        for (auto [form, cost] : llvm::zip_equal(table.forms, row))
          json.object([&, &call = call, &form = form, &cost = cost] {
            printRow(json, call, form, cost);
          });
    });
    json.attributeArray("averages", [&] {
      for (const TableAverage &average : table.averages)
        json.object([&] {
          json.attribute("name", average.name);
          json.attribute("mean", compute(table, costs, average));
          if (average.stated)
            json.attribute("stated", *average.stated);
        });
    });
  });
  out << "\n";
}

//===- Explain.cpp - The report on cascades, from the cascades ------------===//

#include "lib/Explain/Explain.h"
#include "dialect/Attn/ReferenceImport.h"
#include "lib/Explain/DescribeForm.h"

#include <set>

using namespace mlir;
using namespace attn;
using namespace attn::explain;

//===----------------------------------------------------------------------===//
// Remarks
//===----------------------------------------------------------------------===//

/// Where the spec's text is, looked for in what names and calls wrap round it.
static FileLineColLoc findPlace(Location location) {
  FileLineColLoc place;
  location->walk([&](Location part) {
    place = dyn_cast<FileLineColLoc>(part);
    return place ? WalkResult::interrupt() : WalkResult::advance();
  });
  return place;
}

static Place getPlace(Location location) {
  FileLineColLoc place = findPlace(location);
  return place ? Place{place.getLine(), place.getColumn()} : Place();
}

RemarkCollector::RemarkCollector(MLIRContext *context)
    : handler(context, [this](Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
          return failure();
        auto add = [&](Diagnostic &each) {
          StringRef severity =
              each.getSeverity() == DiagnosticSeverity::Warning  ? "warning"
              : each.getSeverity() == DiagnosticSeverity::Remark ? "remark"
                                                                 : "note";
          remarks.push_back(
              {getPlace(each.getLocation()), severity.str(), each.str()});
        };
        add(diagnostic);
        for (Diagnostic &note : diagnostic.getNotes())
          add(note);
        return success();
      }) {}

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

static LogicalResult fail(ModuleOp module, const Twine &message) {
  return emitError(UnknownLoc::get(module.getContext()), message);
}

/// Reads `m=4096`.
static FailureOr<std::pair<std::string, int64_t>> parseSize(ModuleOp module,
                                                            StringRef text) {
  auto [name, number] = text.split('=');
  int64_t extent;
  if (name.trim().empty() || number.trim().getAsInteger(10, extent) ||
      extent < 1 || extent > (int64_t(1) << 40))
    return fail(module, "`--size " + text +
                            "`: expected RANK=EXTENT, with an extent of 1 to "
                            "2^40");
  return std::pair(name.trim().str(), extent);
}

FailureOr<std::vector<Extents>>
explain::bindSizes(ModuleOp module, ArrayRef<std::string> texts) {
  std::vector<std::pair<std::string, int64_t>> sizes;
  for (StringRef text : texts) {
    auto size = parseSize(module, text);
    if (failed(size))
      return failure();
    sizes.push_back(*size);
  }
  std::set<std::string> used;
  std::vector<Extents> all;
  for (auto cascade : module.getOps<CascadeOp>()) {
    Extents &known = all.emplace_back();
    for (auto rank : cascade.getRanks().getAsRange<RankAttr>())
      if (auto extent = cascade.getFixedExtent(rank.getName()))
        known[rank.getName().str()] = *extent;
    if (sizes.empty())
      continue;
    FailureOr<reference::Cascade> model = importReference(cascade);
    if (failed(model))
      return failure();
    std::vector<std::pair<std::string, int64_t>> mine;
    for (const auto &size : sizes)
      if (cascade.lookupRank(
              StringAttr::get(cascade.getContext(), size.first))) {
        mine.push_back(size);
        used.insert(size.first);
      }
    reference::Extents extents;
    std::string error = bindExtents(*model, mine, extents);
    if (!error.empty())
      return fail(module, "--size and @" + cascade.getSymName() + ": " + error);
    for (auto [rank, extent] : llvm::zip(model->ranks, extents))
      known[rank.name] = extent;
  }
  for (const auto &size : sizes)
    if (!used.count(size.first))
      return fail(module, "`--size " + size.first + "=" + Twine(size.second) +
                              "`: no cascade has a rank `" + size.first + "`");
  return all;
}

//===----------------------------------------------------------------------===//
// The report
//===----------------------------------------------------------------------===//

static std::string declare(RankAttr rank) {
  std::string name = rank.getName().str();
  switch (rank.getKind()) {
  case RankKind::Free:
    return name;
  case RankKind::Fixed:
    return name + " = " + std::to_string(rank.getValue());
  case RankKind::Product: {
    std::string text = name + " = ";
    llvm::raw_string_ostream os(text);
    llvm::interleave(
        rank.getOperands(), os,
        [&](StringAttr operand) { os << operand.getValue(); }, " * ");
    return text;
  }
  case RankKind::CeilDiv:
    return name + " = ceildiv(" + rank.getOperands().front().str() + ", " +
           std::to_string(rank.getValue()) + ")";
  }
  llvm_unreachable("unknown kind of rank");
}

static Argument describeArgument(StringRef name, Type type, bool isOutput) {
  Argument argument{name.str(), {}, "", isOutput};
  llvm::raw_string_ostream os(argument.type);
  auto tensor = dyn_cast<attn::TensorType>(type);
  if (!tensor) {
    os << type;
    return argument;
  }
  for (StringAttr rank : tensor.getRanks())
    argument.ranks.push_back(rank.str());
  os << tensor.getElementType();
  return argument;
}

static explain::Cascade describe(CascadeOp written, CascadeOp derived,
                                 const Extents &extents) {
  auto extentOf = [&](StringRef name) -> std::optional<int64_t> {
    auto it = extents.find(name);
    return it == extents.end() ? std::nullopt : std::optional(it->second);
  };
  explain::Cascade cascade;
  cascade.name = written.getSymName().str();
  cascade.place = getPlace(written.getLoc());
  for (auto rank : written.getRanks().getAsRange<RankAttr>())
    cascade.ranks.push_back({rank.getName().str(), declare(rank),
                             extentOf(rank.getName().getValue())});
  for (auto [name, type] :
       llvm::zip(written.getArgNames().getAsRange<StringAttr>(),
                 written.getFunctionType().getInputs()))
    cascade.arguments.push_back(
        describeArgument(name.getValue(), type, /*isOutput=*/false));
  Lines names(written);
  auto yielded = written.getBody().front().getTerminator()->getOperands();
  for (auto [value, type] :
       llvm::zip(yielded, written.getFunctionType().getResults()))
    cascade.arguments.push_back(
        describeArgument(names.getName(value), type, /*isOutput=*/true));
  cascade.written = describeForm(written, extentOf);
  cascade.derived = describeForm(derived, extentOf);
  return cascade;
}

/// Gives each remark to the last cascade that begins before it, as they came:
/// a note follows what it belongs to.
static void distribute(std::vector<Remark> remarks, Report &report) {
  for (Remark &remark : remarks) {
    explain::Cascade *owner = &report.cascades.front();
    for (explain::Cascade &cascade : report.cascades)
      if (cascade.place.line <= remark.place.line)
        owner = &cascade;
    owner->remarks.push_back(std::move(remark));
  }
}

Report explain::explain(ModuleOp written, ModuleOp derived,
                        ArrayRef<Extents> extents,
                        std::vector<Remark> remarks) {
  Report report;
  for (auto [before, after, known] : llvm::zip(
           written.getOps<CascadeOp>(), derived.getOps<CascadeOp>(), extents))
    report.cascades.push_back(describe(before, after, known));
  if (!report.cascades.empty())
    distribute(std::move(remarks), report);
  return report;
}

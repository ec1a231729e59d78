//===- Explain.cpp - The report on cascades, from the cascades ------------===//

#include "lib/Explain/Explain.h"
#include "lib/Explain/DescribeForm.h"
#include "lib/Explain/DescribeMachine.h"

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

/// Whether `name` is a rank of `cascade`, or with a `%` one of its scalars.
static bool declares(CascadeOp cascade, StringRef name) {
  if (!name.consume_front("%"))
    return bool(
        cascade.lookupRank(StringAttr::get(cascade.getContext(), name)));
  return llvm::any_of(llvm::zip(cascade.getArgNames().getAsRange<StringAttr>(),
                                cascade.getFunctionType().getInputs()),
                      [&](auto argument) {
                        auto [argumentName, type] = argument;
                        return argumentName == name &&
                               !isa<attn::TensorType>(type);
                      });
}

FailureOr<std::vector<std::optional<CallExtents>>>
explain::bindSizes(ModuleOp module, ArrayRef<std::string> texts) {
  auto given = parseExtents(texts, "--size", module.getContext());
  if (failed(given))
    return failure();
  llvm::StringMap<int64_t> unused = *given;
  std::vector<std::optional<CallExtents>> calls;
  for (auto cascade : module.getOps<CascadeOp>()) {
    calls.emplace_back();
    if (texts.empty())
      continue;
    llvm::StringMap<int64_t> mine;
    for (auto &[name, value] : *given)
      if (declares(cascade, name)) {
        mine[name] = value;
        unused.erase(name);
      }
    FailureOr<CallExtents> call = CallExtents::bind(cascade, mine);
    if (failed(call))
      return failure();
    calls.back() = std::move(*call);
  }
  for (auto &[name, value] : unused)
    return emitError(UnknownLoc::get(module.getContext()), "`--size ")
           << name << "=" << value << "`: no cascade has a rank or scalar `"
           << name << "`";
  return calls;
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
                                 std::optional<CallExtents> call,
                                 const MachineDescription *machine) {
  auto extentOf = [&](StringRef name) {
    return call ? call->lookup(name)
                : written.getFixedExtent(
                      StringAttr::get(written.getContext(), name));
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
  cascade.written = describeForm(written, call);
  if (call && machine)
    derived.walk([&](StreamOp stream) {
      call->setChunk(stream.getRank(), machine->chunk);
    });
  cascade.derived = describeForm(derived, call);
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

/// Estimates the derived form, then the others, the fastest first.
static void addEstimates(explain::Cascade &cascade, CascadeOp written,
                         CascadeOp derived, const CallExtents &call,
                         const Subject &subject, const Machine &machine) {
  const MachineDescription &description = *subject.machine;
  cascade.estimates.push_back(
      estimateForm("derived", derived, call, description));
  cascade.estimates.front().isChosen = true;
  for (const Alternative &alternative : subject.alternatives)
    if (auto other = SymbolTable::lookupNearestSymbolFrom<CascadeOp>(
            alternative.module, written.getSymNameAttr()))
      cascade.estimates.push_back(
          estimateForm(alternative.form, other, call, description));
  llvm::sort(llvm::drop_begin(cascade.estimates),
             [](const Estimate &a, const Estimate &b) {
               return std::tuple(a.problem.empty() ? 0 : 1, a.seconds, a.form) <
                      std::tuple(b.problem.empty() ? 0 : 1, b.seconds, b.form);
             });
  cascade.bounds =
      findBounds(written, call, description, cascade.estimates.front());
  cascade.roofline = makeRoofline(machine, cascade.derived.costs,
                                  cascade.estimates, cascade.bounds);
}

Report explain::explain(Subject subject) {
  Report report;
  if (subject.machine)
    report.machine = describeMachine(*subject.machine);
  for (auto [written, derived, call] :
       llvm::zip(subject.written.getOps<CascadeOp>(),
                 subject.derived.getOps<CascadeOp>(), subject.calls)) {
    report.cascades.push_back(
        describe(written, derived, call, subject.machine));
    size_t number = report.cascades.size() - 1;
    if (number < subject.tilings.size())
      report.cascades.back().tilings = std::move(subject.tilings[number]);
    if (call && subject.machine)
      addEstimates(report.cascades.back(), written, derived, *call, subject,
                   *report.machine);
  }
  if (!report.cascades.empty())
    distribute(std::move(subject.remarks), report);
  return report;
}

//===- EstimateTable.cpp - The rows of a table of costs -------------------===//
//
// Each row is what `attnc --cost` says of one spec, on one machine, at the
// extents of one call: --set for ranks that are fixed, --size for those that
// are free.
//
//===----------------------------------------------------------------------===//

#include "tools/EstimateTable.h"
#include "lib/ParseSpec.h"
#include "lib/Pipeline.h"
#include "lib/Specialise.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace attn;

namespace {

/// A form of the table, read.
struct Form {
  const cost::TableForm &said;
  MachineDescription machine;
  Stage stage;
  PipelineOptions options;
  llvm::SourceMgr sources;
  OwningOpRef<ModuleOp> module;

  explicit Form(const cost::TableForm &said) : said(said) {}
  LogicalResult read(StringRef table, MLIRContext *context);
  FailureOr<cost::CascadeCost> estimate(const cost::TableCall &call);
  CascadeOp getCascade(ModuleOp ir) { return *ir.getOps<CascadeOp>().begin(); }
};

} // namespace

/// The file that `table` calls `name`.
static std::string findBeside(StringRef table, StringRef name) {
  llvm::SmallString<128> file(name);
  if (llvm::sys::path::is_relative(name)) {
    file = llvm::sys::path::parent_path(table);
    llvm::sys::path::append(file, name);
  }
  return std::string(file);
}

LogicalResult Form::read(StringRef table, MLIRContext *context) {
  auto fail = [&](const Twine &message) {
    return emitError(UnknownLoc::get(context))
           << table << ": `" << said.name << "`: " << message;
  };
  bool isFile = StringRef(said.machine).ends_with(".json");
  llvm::Expected<MachineDescription> loaded =
      loadMachine(isFile ? findBeside(table, said.machine) : said.machine);
  if (!loaded)
    return fail(llvm::toString(loaded.takeError()));
  machine = std::move(*loaded);
  if (said.stage == stringify(Stage::Nests))
    stage = Stage::Nests;
  else if (said.stage == stringify(Stage::OnePass))
    stage = Stage::OnePass;
  else
    return fail("unknown stage `" + said.stage +
                "`; expected nests or one-pass");
  std::string mistake;
  llvm::raw_string_ostream mistakes(mistake);
  if (failed(options.parseFromString(said.options, mistakes)) ||
      options.target.hasValue() || options.stopAfter.hasValue())
    return fail("options `" + said.options + "`: " + mistake);
  std::string message;
  auto buffer = openInputFile(findBeside(table, said.spec), &message);
  if (!buffer)
    return fail(message);
  sources.AddNewSourceBuffer(std::move(buffer), llvm::SMLoc());
  module = parseSpec(sources, context);
  if (!module)
    return failure();
  auto cascades = module->getOps<CascadeOp>();
  if (!llvm::hasSingleElement(cascades))
    return emitError(module->getLoc(), "a form of a table is one cascade, not ")
           << llvm::range_size(cascades);
  return success();
}

FailureOr<cost::CascadeCost> Form::estimate(const cost::TableCall &call) {
  OwningOpRef<ModuleOp> ir = module->clone();
  std::vector<std::string> fixed;
  llvm::StringMap<int64_t> free;
  for (auto rank : getCascade(*ir).getRanks().getAsRange<RankAttr>()) {
    auto extent = call.extents.find(rank.getName().str());
    if (extent == call.extents.end())
      continue;
    if (rank.getKind() == RankKind::Fixed)
      fixed.push_back(extent->first + "=" + std::to_string(extent->second));
    else
      free[extent->first] = extent->second;
  }
  if (failed(setExtents(*ir, fixed)) ||
      failed(runStages(*ir, Stage::Parse, stage, options, {})))
    return failure();
  FailureOr<CallExtents> extents = CallExtents::bind(getCascade(*ir), free);
  if (failed(extents))
    return failure();
  return cost::estimate(getCascade(*ir), *extents, machine);
}

/// Checks that each extent of a call is one of a rank of some form.
static LogicalResult checkExtents(StringRef table, const cost::TableCall &call,
                                  ArrayRef<std::unique_ptr<Form>> forms,
                                  MLIRContext *context) {
  for (auto &[name, extent] : call.extents)
    if (llvm::none_of(forms, [&, &rank = name](auto &form) {
          return form->getCascade(*form->module)
              .lookupRank(StringAttr::get(context, rank));
        }))
      return emitError(UnknownLoc::get(context))
             << table << ": `" << call.name << "`: no form has a rank `" << name
             << "`";
  return success();
}

FailureOr<cost::TableCosts> attn::estimateTable(const cost::CostTable &table,
                                                StringRef file,
                                                MLIRContext *context) {
  std::vector<std::unique_ptr<Form>> forms;
  for (const cost::TableForm &said : table.forms)
    if (failed(forms.emplace_back(std::make_unique<Form>(said))
                   ->read(file, context)))
      return failure();
  cost::TableCosts costs;
  for (const cost::TableCall &call : table.calls) {
    if (failed(checkExtents(file, call, forms, context)))
      return failure();
    costs.emplace_back();
    for (std::unique_ptr<Form> &form : forms) {
      FailureOr<cost::CascadeCost> cost = form->estimate(call);
      if (failed(cost))
        return emitError(UnknownLoc::get(context))
               << file << ": no estimate of `" << form->said.name << "` at `"
               << call.name << "`";
      costs.back().push_back(std::move(*cost));
    }
  }
  return costs;
}

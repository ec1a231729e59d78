//===- attn-opt.cpp - Run attnc's passes one by one -----------------------===//

#include "lib/Register.h"
#include "lib/TextLimits.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/WithColor.h"

namespace cl = llvm::cl;

/// Leaves the options of LLVM and MLIR to --help-hidden, all but those that a
/// session with a pass needs.
static void hideOptions() {
  static constexpr llvm::StringLiteral shown[] = {"allow-unregistered-dialect",
                                                  "dump-pass-pipeline",
                                                  "help",
                                                  "mlir-print-ir-after-all",
                                                  "pass-pipeline",
                                                  "run-reproducer",
                                                  "split-input-file",
                                                  "verify-diagnostics",
                                                  "verify-each",
                                                  "verify-roundtrip",
                                                  "version"};
  for (auto &[name, option] : cl::getRegisteredOptions())
    if (option->getOptionHiddenFlag() == cl::NotHidden &&
        !llvm::is_contained(shown, llvm::StringRef(name)))
      option->setHiddenFlag(cl::Hidden);
}

/// The passes of attnc, each an option.
static std::string describePasses() {
  std::string text = "\nPASSES (--attn-pipeline runs all stages; --help-hidden "
                     "shows all options, and\nthe passes of MLIR):\n\n";
  llvm::SmallVector<const mlir::PassInfo *> passes;
  for (llvm::StringRef name : cl::getRegisteredOptions().keys())
    if (llvm::any_of(llvm::ArrayRef{"attn-", "tile-", "cpu-", "nvptx-"},
                     [&](auto prefix) { return name.starts_with(prefix); }))
      if (const mlir::PassInfo *pass = mlir::PassInfo::lookup(name))
        passes.push_back(pass);
  llvm::sort(passes, [](auto *a, auto *b) {
    return a->getPassArgument() < b->getPassArgument();
  });
  for (const mlir::PassInfo *pass : passes)
    text += llvm::formatv("  --{0,-25} - {1}\n", pass->getPassArgument(),
                          pass->getPassDescription());
  return text;
}

/// Runs MLIR's tool on what no parser of its is given without a look at it.
static mlir::LogicalResult run(int argc, char **argv, llvm::StringRef input,
                               llvm::StringRef output,
                               mlir::DialectRegistry &registry) {
  auto config = mlir::MlirOptMainConfig::createFromCLOptions();
  if (config.shouldShowDialects() || config.shouldListPasses())
    return mlir::MlirOptMain(argc, argv, input, output, registry);
  std::string message;
  auto fail = [&](const llvm::Twine &text) {
    llvm::WithColor::error(llvm::errs(), "attn-opt") << text << "\n";
    return mlir::failure();
  };
  std::unique_ptr<llvm::MemoryBuffer> file =
      mlir::openInputFile(input, &message);
  if (!file)
    return fail(message);
  if (auto excess = attn::findExcess(file->getBuffer())) {
    llvm::StringRef before(file->getBufferStart(),
                           excess->place - file->getBufferStart());
    return fail(input + ":" + llvm::Twine(before.count('\n') + 1) + ": " +
                excess->message);
  }
  std::unique_ptr<llvm::ToolOutputFile> to =
      mlir::openOutputFile(output, &message);
  if (!to)
    return fail(message);
  if (failed(mlir::MlirOptMain(to->os(), std::move(file), registry, config)))
    return mlir::failure();
  to->keep();
  return mlir::success();
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  mlir::DialectRegistry registry;
  attn::registerDialects(registry);
  attn::registerPasses();
  mlir::registerCLIOptions("attn-opt", registry);
  std::string passes = describePasses();
  hideOptions();
  cl::extrahelp help(passes);
  auto [input, output] = mlir::parseCLIOptions(
      argc, argv, "attn-opt: runs attnc's passes one by one\n");
  return mlir::asMainReturnCode(run(argc, argv, input, output, registry));
}

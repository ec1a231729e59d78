//===- attn-opt.cpp - Run attnc's passes one by one -----------------------===//

#include "lib/Register.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FormatVariadic.h"

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

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  attn::registerDialects(registry);
  attn::registerPasses();
  mlir::registerCLIOptions("attn-opt", registry);
  std::string passes = describePasses();
  hideOptions();
  cl::extrahelp help(passes);
  auto [input, output] = mlir::parseCLIOptions(
      argc, argv, "attn-opt: runs attnc's passes one by one\n");
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, input, output, registry));
}

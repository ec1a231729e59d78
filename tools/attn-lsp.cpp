//===- attn-lsp.cpp - Language server for specs ---------------------------===//

#include "lib/Register.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"

// MLIR's server makes its options and its overview where it reads them, so
// there is nowhere to hide those of LLVM.
static constexpr llvm::StringLiteral helpText =
    R"(OVERVIEW: attn-lsp: a language server for attnc's specs, on stdin and stdout
USAGE: attn-lsp [options]

OPTIONS:
  --input-style=<value> - How messages are read: standard (default), delimited
  --lit-test            - As --input-style=delimited --pretty --log=verbose
  --log=<value>         - What stderr shows: error, info (default), verbose
  --pretty              - Indent the JSON that is written
  --help                - This
  --help-hidden         - All options, those of LLVM too
  --version             - LLVM's version
)";

int main(int argc, char **argv) {
  auto isHelp = [](llvm::StringRef argument) {
    return argument == "--help" || argument == "-help" || argument == "-h";
  };
  if (llvm::any_of(llvm::ArrayRef(argv, argc).drop_front(), isHelp)) {
    llvm::outs() << helpText;
    return 0;
  }
  mlir::DialectRegistry registry;
  attn::registerDialects(registry);
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}

//===- attnc-mutate.cpp - Kernels with one mistake each -------------------===//
//
// A test is worth what it catches. This compiles a spec as attnc does, once as
// it is and once for each mistake in Mutations.cpp, made in the tile IR after
// Bind: FOLDER/right.so, FOLDER/<mistake>.so. mutants.py runs them.
//
//===----------------------------------------------------------------------===//

#include "lib/Package/LinkObjects.h"
#include "lib/ParseSpec.h"
#include "lib/Pipeline.h"
#include "lib/Register.h"
#include "lib/Specialise.h"
#include "lib/Target/CPU/EmitObject.h"
#include "mlir/Support/FileUtilities.h"
#include "test/Integration/mutate/Mutations.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/WithColor.h"

using namespace mlir;
using namespace attn;
namespace cl = llvm::cl;
namespace path = llvm::sys::path;

static LogicalResult fail(const Twine &message) {
  llvm::WithColor::error(llvm::errs(), "attnc-mutate") << message << "\n";
  return failure();
}

namespace {
struct CommandLine {
  cl::opt<std::string> input{cl::Positional, cl::desc("<spec.mlir>"),
                             cl::Required};
  cl::opt<std::string> folder{"o", cl::desc("Where the objects go"),
                              cl::Required};
  cl::list<std::string> extents{"set", cl::CommaSeparated};
  cl::opt<std::string> options{"options"};
  cl::opt<std::string> runtime{"runtime", cl::desc("Where libattnrt.so is"),
                               cl::Required};
};
} // namespace

/// Compiles a clone of `spec`, with one mistake if `mutation` is not null. A
/// mistake that has no place makes no object.
static LogicalResult compile(const CommandLine &line, ModuleOp spec,
                             const Mutation *mutation) {
  PipelineOptions options;
  if (failed(options.parseFromString(line.options)))
    return failure();
  std::optional<CpuDescription> host = lookupCpu("host");
  if (!host)
    return fail("this machine runs neither x86-64-v3 nor x86-64-v4");
  options.target = host->name.str();
  OwningOpRef<ModuleOp> module = spec.clone();
  FailureOr<std::vector<Interface>> interfaces = getInterfaces(*module);
  if (failed(interfaces))
    return failure();
  unsigned places = 0;
  PipelineHooks hooks;
  hooks.after = [&](Stage stage, StringRef, ModuleOp ir) {
    if (stage == Stage::Bind && mutation)
      places += mutation->apply(ir);
    return success();
  };
  llvm::LLVMContext context;
  Targets targets;
  targets.cpus.push_back(*host);
  auto code =
      compileModule(*module, *interfaces, targets, options, hooks, context);
  if (failed(code))
    return failure();
  StringRef name = mutation ? StringRef(mutation->name) : "right";
  llvm::outs() << name << " " << places << "\n";
  if (mutation && !places)
    return success();
  auto objects = cpu::emitObjects(**code, spec.getContext());
  if (failed(objects))
    return failure();
  llvm::Expected<std::string> linked =
      linkSharedObject(*objects, "mutant.so", line.runtime);
  if (!linked)
    return fail(llvm::toString(linked.takeError()));
  SmallString<128> file(line.folder);
  path::append(file, name + ".so");
  if (llvm::Error error =
          llvm::writeToOutput(file, [&](raw_ostream &stream) -> llvm::Error {
            stream << *linked;
            return llvm::Error::success();
          }))
    return fail(llvm::toString(std::move(error)));
  return success();
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  CommandLine line;
  cl::ParseCommandLineOptions(argc, argv, "Compiles wrong kernels\n");
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> file =
      openInputFile(line.input, &message);
  if (!file)
    return failed(fail(message));
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(file), llvm::SMLoc());
  DialectRegistry registry;
  registerDialects(registry);
  MLIRContext context(registry);
  SourceMgrDiagnosticHandler inFile(sources, &context);
  OwningOpRef<ModuleOp> spec = parseSpec(sources, &context);
  if (!spec || failed(setExtents(*spec, line.extents)))
    return 1;
  if (std::error_code error = llvm::sys::fs::create_directories(line.folder))
    return failed(fail(error.message()));
  if (failed(compile(line, *spec, nullptr)))
    return 1;
  for (const Mutation &mutation : getMutations())
    if (failed(compile(line, *spec, &mutation)))
      return failed(fail("`" + mutation.name + "` does not compile"));
  return 0;
}

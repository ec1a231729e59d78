//===- EmitObject.cpp - Machine code from the llvm dialect ----------------===//
//
// Loops are vectorised, unrolled and blocked before LLVM sees them. What is
// left to do is scalar: addresses, redundant loads, loop invariants. A short
// list of passes does it as well as -O3, which takes three times as long and
// would unroll the register blocks again.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/EmitObject.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

std::unique_ptr<llvm::Module> cpu::translateToLLVM(ModuleOp module,
                                                   llvm::LLVMContext &context) {
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  return translateModuleToLLVMIR(module, context, "attnc");
}

/// Once: several parts of a module may come here at the same time.
static void initialiseTarget() {
  [[maybe_unused]] static const bool isDone = [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    return true;
  }();
}

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine() {
  initialiseTarget();
  llvm::Triple triple("x86_64-unknown-linux-gnu");
  std::string message;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return llvm::createStringError(message);
  llvm::TargetOptions options;
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, "x86-64", /*Features=*/"", options, llvm::Reloc::PIC_,
      std::nullopt, llvm::CodeGenOptLevel::Aggressive));
  if (!machine)
    return llvm::createStringError("can't make a target machine for " +
                                   triple.str());
  return machine;
}

static llvm::Error optimize(llvm::Module &module,
                            llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graph;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graph, modules);
  llvm::ModulePassManager passes;
  if (llvm::Error error = builder.parsePassPipeline(
          // What instcombine leaves for a second turn is no defect.
          passes, "function(sroa,early-cse<memssa>,"
                  "instcombine<no-verify-fixpoint>,simplifycfg,"
                  "loop-mssa(loop-rotate,licm),gvn,simplifycfg,"
                  "instcombine<no-verify-fixpoint>,dse,adce)"))
    return error;
  passes.run(module, modules);
  return llvm::Error::success();
}

llvm::Error cpu::emitModule(llvm::Module &module, OutputKind kind,
                            llvm::raw_pwrite_stream &stream) {
  auto machine = createTargetMachine();
  if (!machine)
    return machine.takeError();
  module.setTargetTriple((*machine)->getTargetTriple());
  module.setDataLayout((*machine)->createDataLayout());
  module.setPICLevel(llvm::PICLevel::BigPIC);
  if (llvm::Error error = optimize(module, **machine))
    return error;
  if (kind == OutputKind::LLVM) {
    module.print(stream, nullptr);
    return llvm::Error::success();
  }
  llvm::legacy::PassManager passes;
  if ((*machine)->addPassesToEmitFile(
          passes, stream, nullptr,
          kind == OutputKind::Object ? llvm::CodeGenFileType::ObjectFile
                                     : llvm::CodeGenFileType::AssemblyFile))
    return llvm::createStringError("LLVM can't emit this kind of file");
  passes.run(module);
  return llvm::Error::success();
}

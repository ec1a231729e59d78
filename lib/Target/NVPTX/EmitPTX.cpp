//===- EmitPTX.cpp - From the llvm dialect to PTX -------------------------===//
//
// Each kernel is translated in a module and a context of its own, so that those
// of a program are at the same time; their texts become one.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/LongestFirst.h"
#include "lib/Target/NVPTX/Device.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

extern "C" {
void LLVMInitializeNVPTXTargetInfo();
void LLVMInitializeNVPTXTarget();
void LLVMInitializeNVPTXTargetMC();
void LLVMInitializeNVPTXAsmPrinter();
}

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

/// Once: several levels may come here at the same time.
static void initialiseTarget() {
  [[maybe_unused]] static const bool isDone = [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    return true;
  }();
}

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(const GpuDescription &gpu) {
  llvm::Triple triple("nvptx64-nvidia-cuda");
  std::string message;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return llvm::createStringError(message);
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, gpu.name, gpu.multiprocessor->features, llvm::TargetOptions(),
      std::nullopt, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
  if (!machine)
    return llvm::createStringError("can't make a target machine for " +
                                   gpu.name.str());
  return machine;
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graph;
  llvm::ModuleAnalysisManager modules;
  // They find nothing: a thread has scalars.
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = tuning.SLPVectorization = false;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graph, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2)
      .run(module, modules);
}

/// What a whole warp does must not be moved to where some threads are not: LLVM
/// takes products of matrices for plain arithmetic.
static void makeConvergent(llvm::Module &module) {
  auto isOfWarp = [](const llvm::CallInst &call) {
    const llvm::Function *callee = call.getCalledFunction();
    return call.isInlineAsm() ||
           (callee && (callee->getName().starts_with("llvm.nvvm.mma.") ||
                       callee->getName().starts_with("llvm.nvvm.ldmatrix.")));
  };
  for (llvm::Function &function : module)
    for (llvm::Instruction &instruction : llvm::instructions(function))
      if (auto *call = dyn_cast<llvm::CallInst>(&instruction))
        if (isOfWarp(*call))
          call->setConvergent();
}

static llvm::Expected<std::string> emitPTX(llvm::Module &module,
                                           const GpuDescription &gpu) {
  auto machine = createTargetMachine(gpu);
  if (!machine)
    return machine.takeError();
  module.setTargetTriple((*machine)->getTargetTriple());
  module.setDataLayout((*machine)->createDataLayout());
  makeConvergent(module);
  optimize(module, **machine);
  llvm::SmallString<0> text;
  llvm::raw_svector_ostream os(text);
  llvm::legacy::PassManager passes;
  if ((*machine)->addPassesToEmitFile(passes, os, nullptr,
                                      llvm::CodeGenFileType::AssemblyFile))
    return llvm::createStringError("LLVM can't emit PTX");
  passes.run(module);
  return text.str().str();
}

namespace {
/// A kernel in a module of its own, and its text.
struct SplitKernel {
  OwningOpRef<ModuleOp> module;
  int64_t size; ///< how many operations
  std::string ptx;
};
} // namespace

/// Moves each kernel of `device` to a module with what else is in there.
static std::vector<SplitKernel> splitKernels(ModuleOp device) {
  SmallVector<LLVM::LLVMFuncOp> kernels;
  for (auto function : device.getOps<LLVM::LLVMFuncOp>())
    if (!function.isExternal())
      kernels.push_back(function);
  for (LLVM::LLVMFuncOp kernel : kernels)
    kernel->remove();
  std::vector<SplitKernel> split;
  for (LLVM::LLVMFuncOp kernel : kernels) {
    int64_t size = 0;
    kernel.walk([&](Operation *) { ++size; });
    split.push_back({device.clone(), size, {}});
    split.back().module->push_back(kernel);
  }
  return split;
}

static FailureOr<std::string> translateToPTX(ModuleOp module,
                                             const GpuDescription &gpu) {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> translated =
      translateModuleToLLVMIR(module, context, "attnc");
  if (!translated)
    return failure();
  llvm::Expected<std::string> ptx = emitPTX(*translated, gpu);
  if (!ptx)
    return module.emitError(llvm::toString(ptx.takeError()));
  return std::move(*ptx);
}

namespace {
/// The text of a module that has one kernel.
struct KernelText {
  StringRef header;       ///< version, target and size of addresses
  StringRef declarations; ///< of what is outside
  StringRef function;
};
} // namespace

static llvm::Expected<KernelText> splitPTX(StringRef ptx) {
  static constexpr StringLiteral last = ".address_size 64\n",
                                 entry = "\n.visible .entry ";
  size_t header = ptx.find(last), function = ptx.find(entry);
  if (header == StringRef::npos || function == StringRef::npos ||
      function < header)
    return llvm::createStringError("LLVM's PTX has no '" + last.trim() +
                                   "' before '" + entry.trim() + "'");
  header += last.size();
  return KernelText{ptx.take_front(header), ptx.slice(header, function),
                    ptx.drop_front(function)};
}

/// Makes one module of all: what several declare, shared memory, is declared
/// once.
static llvm::Expected<std::string> joinPTX(ArrayRef<SplitKernel> kernels) {
  std::string joined, functions;
  llvm::StringSet<> declared;
  for (const SplitKernel &kernel : kernels) {
    llvm::Expected<KernelText> text = splitPTX(kernel.ptx);
    if (!text)
      return text.takeError();
    if (joined.empty())
      joined = text->header;
    for (StringRef line : llvm::split(text->declarations, '\n'))
      if (line.starts_with(".") && declared.insert(line).second)
        joined += "\n" + line.str();
    functions += text->function;
  }
  return joined + "\n" + functions;
}

static FailureOr<std::string> translateKernels(ModuleOp device,
                                               const GpuDescription &gpu) {
  std::vector<SplitKernel> kernels = splitKernels(device);
  auto translate = [&](SplitKernel &kernel) -> LogicalResult {
    FailureOr<std::string> text = translateToPTX(*kernel.module, gpu);
    if (succeeded(text))
      kernel.ptx = std::move(*text);
    return text;
  };
  if (failed(forEachLongestFirst(device.getContext(), kernels, translate)))
    return failure();
  llvm::Expected<std::string> joined = joinPTX(kernels);
  if (!joined)
    return device.emitError(llvm::toString(joined.takeError()));
  return std::move(*joined);
}

FailureOr<DeviceCode> nvptx::takeDeviceCode(ModuleOp module,
                                            const GpuDescription &gpu) {
  auto device = module.lookupSymbol<ModuleOp>(deviceModuleName);
  if (!device)
    return module.emitError("has no kernels for ") << gpu.name;
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  registerNVVMDialectTranslation(*module.getContext());
  initialiseTarget();
  DeviceCode code{gpu};
  for (auto function : device.getOps<LLVM::LLVMFuncOp>()) {
    auto getNumber = [&](StringRef name) {
      return function->getAttrOfType<IntegerAttr>(name).getInt();
    };
    if (function.isExternal())
      continue;
    code.kernels.push_back({function.getSymName().str(),
                            getNumber(threadsAttr),
                            getNumber(sharedBytesAttr),
                            {},
                            function->hasAttr(persistentAttr)});
    for (auto numbers : function->getAttrOfType<ArrayAttr>(mapsAttr)
                            .getAsRange<DenseI64ArrayAttr>()) {
      ArrayRef<int64_t> list = numbers.asArrayRef();
      size_t ranks = (list.size() - 1) / 2;
      TensorMap &map = code.kernels.back().maps.emplace_back();
      map.slot = list.front();
      map.extents.assign(list.begin() + 1, list.begin() + 1 + ranks);
      map.box.assign(list.begin() + 1 + ranks, list.end());
    }
  }
  FailureOr<std::string> ptx = translateKernels(device, gpu);
  if (failed(ptx))
    return failure();
  code.ptx = std::move(*ptx);
  device.erase();
  return code;
}

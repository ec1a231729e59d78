//===- CompileDevice.cpp - The kernels of a device module -----------------===//
//
// Each kernel is a module of its own from here to the object, so that LLVM
// works on one while ptxas does on another. The longest comes first, and where
// it turns out to need other tiles those that have not begun need not.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/LongestFirst.h"
#include "lib/Target/NVPTX/Assemble.h"
#include "lib/Target/NVPTX/Device.h"
#include "lib/Target/NVPTX/EmitPTX.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/Support/FormatVariadic.h"
#include <atomic>

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

namespace {
/// A kernel in a module of its own.
struct SplitKernel {
  OwningOpRef<ModuleOp> module;
  int64_t size; ///< how many operations
  DeviceKernel kernel;
  std::vector<Shortcoming> shortcomings;
};
} // namespace

static TensorMap readMap(ArrayRef<int64_t> numbers) {
  size_t ranks = (numbers.size() - 1) / 2;
  TensorMap map;
  map.slot = numbers.front();
  map.extents.assign(numbers.begin() + 1, numbers.begin() + 1 + ranks);
  map.box.assign(numbers.begin() + 1 + ranks, numbers.end());
  return map;
}

/// What LowerTiles says of a kernel.
static DeviceKernel describe(LLVM::LLVMFuncOp function) {
  auto getNumber = [&](StringRef name) {
    return function->getAttrOfType<IntegerAttr>(name).getInt();
  };
  DeviceKernel kernel{function.getSymName().str(), getNumber(threadsAttr),
                      getNumber(sharedBytesAttr)};
  for (auto numbers : function->getAttrOfType<ArrayAttr>(mapsAttr)
                          .getAsRange<DenseI64ArrayAttr>())
    kernel.maps.push_back(readMap(numbers));
  kernel.isPersistent = function->hasAttr(persistentAttr);
  kernel.waits = function->hasAttr(waitsAttr);
  return kernel;
}

/// Moves each kernel of `device` to a module with what else is in there.
static std::vector<SplitKernel> splitKernels(ModuleOp device) {
  SmallVector<LLVM::LLVMFuncOp> functions;
  for (auto function : device.getOps<LLVM::LLVMFuncOp>())
    if (!function.isExternal())
      functions.push_back(function);
  for (LLVM::LLVMFuncOp function : functions)
    function->remove();
  std::vector<SplitKernel> split;
  for (LLVM::LLVMFuncOp function : functions) {
    int64_t size = 0;
    function.walk([&](Operation *) { ++size; });
    split.push_back({device.clone(), size, describe(function)});
    split.back().module->push_back(function);
  }
  return split;
}

static LogicalResult
addMachineCode(SplitKernel &split, const GpuDescription &gpu, StringRef ptxas) {
  DeviceKernel &kernel = split.kernel;
  llvm::Expected<Assembly> assembly = assemble(kernel.ptx, gpu.name, ptxas);
  if (!assembly)
    return split.module->emitError(llvm::toString(assembly.takeError()));
  for (const KernelReport &report : assembly->kernels)
    if (report.spillBytes)
      split.shortcomings.push_back(
          {llvm::formatv("@{0} on {1} spills {2} bytes of its {3} registers",
                         report.name, gpu.name, report.spillBytes,
                         report.registers),
           kernel.isPersistent});
  for (const std::string &remark : assembly->remarks)
    split.shortcomings.push_back({"ptxas: " + remark});
  kernel.cubin = std::move(assembly->cubin);
  return success();
}

static LogicalResult compile(SplitKernel &split, const GpuDescription &gpu,
                             StringRef ptxas) {
  FailureOr<std::string> ptx = emitPTX(*split.module, gpu);
  if (failed(ptx))
    return failure();
  split.kernel.ptx = std::move(*ptx);
  return success(ptxas.empty() || succeeded(addMachineCode(split, gpu, ptxas)));
}

/// Compiles kernels in this order. With `stops`, none need come after one that
/// other tiles may mend. Returns how many of them did, whichever threads were
/// the faster.
static FailureOr<size_t> compileInOrder(ArrayRef<SplitKernel *> order,
                                        const GpuDescription &gpu,
                                        StringRef ptxas, bool stops,
                                        MLIRContext *context) {
  std::atomic<size_t> count = order.size();
  auto stopAfter = [&](size_t place) {
    size_t last = count;
    while (place + 1 < last && !count.compare_exchange_weak(last, place + 1))
      ;
  };
  auto work = [&](size_t place) -> LogicalResult {
    if (place >= count)
      return success();
    SplitKernel &split = *order[place];
    if (failed(compile(split, gpu, ptxas)))
      return failure();
    if (stops && llvm::any_of(split.shortcomings, [](auto &shortcoming) {
          return !shortcoming.isPersistent;
        }))
      stopAfter(place);
    return success();
  };
  if (failed(failableParallelForEach(context, llvm::seq(order.size()), work)))
    return failure();
  return count.load();
}

FailureOr<DeviceCode> nvptx::takeDeviceCode(ModuleOp module,
                                            const GpuDescription &gpu,
                                            StringRef ptxas,
                                            bool hasOtherTiles) {
  auto device = module.lookupSymbol<ModuleOp>(deviceModuleName);
  if (!device)
    return module.emitError("has no kernels for ") << gpu.name;
  prepareToEmitPTX(*module.getContext());
  std::vector<SplitKernel> kernels = splitKernels(device);
  auto order = orderLongestFirst(kernels);
  FailureOr<size_t> count =
      compileInOrder(order, gpu, ptxas, hasOtherTiles, module.getContext());
  if (failed(count))
    return failure();
  device.erase();
  DeviceCode code{gpu};
  for (const SplitKernel *split : ArrayRef(order).take_front(*count))
    llvm::append_range(code.shortcomings, split->shortcomings);
  for (SplitKernel &split : kernels)
    code.kernels.push_back(std::move(split.kernel));
  return code;
}

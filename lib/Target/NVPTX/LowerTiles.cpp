//===- LowerTiles.cpp - From tiles to the llvm dialect --------------------===//

#include "lib/Target/ApproximateMath.h"
#include "lib/Target/LowerHost.h"
#include "lib/Target/NVPTX/Device.h"
#include "lib/Target/NVPTX/Intrinsics.h"
#include "lib/Target/NVPTX/KernelLowering.h"
#include "lib/Target/NVPTX/LaunchOrder.h"
#include "lib/Target/NVPTX/Passes.h"
#include "lib/Target/Scalar.h"
#include "mlir/Conversion/ConvertToLLVM/ToLLVMPass.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/IR/Threading.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"

namespace attn::nvptx {
#define GEN_PASS_DEF_LOWERTILES
#define GEN_PASS_DEF_APPROXIMATEMATH
#include "lib/Target/NVPTX/Passes.h.inc"
} // namespace attn::nvptx

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

namespace {
/// A kernel, and its function before that is in the device module.
struct LoweredKernel {
  tile::KernelOp kernel;
  OwningOpRef<LLVM::LLVMFuncOp> function;
  int64_t sharedAlignment = 0;
};

struct LowerTiles : nvptx::impl::LowerTilesBase<LowerTiles> {
  using LowerTilesBase::LowerTilesBase;

  void runOnOperation() override {
    if (failed(run()))
      signalPassFailure();
  }
  LogicalResult run();
  ModuleOp createDeviceModule();
  LogicalResult lowerKernel(LoweredKernel &lowered);
  LogicalResult lowerKernels(ArrayRef<tile::KernelOp> kernels, ModuleOp device);
  LogicalResult lowerPrograms(ArrayRef<tile::ProgramOp> programs,
                              ArrayRef<tile::KernelOp> kernels);
};
} // namespace

ModuleOp LowerTiles::createDeviceModule() {
  OpBuilder b = OpBuilder::atBlockBegin(getOperation().getBody());
  Location loc = getOperation().getLoc();
  auto device = ModuleOp::create(b, loc, deviceModuleName);
  b.setInsertionPointToStart(device.getBody());
  LLVM::GlobalOp::create(b, loc, LLVM::LLVMArrayType::get(b.getI8Type(), 0),
                         /*isConstant=*/false, LLVM::Linkage::External,
                         sharedName, /*value=*/Attribute(), /*alignment=*/128,
                         sharedSpace);
  return device;
}

LogicalResult LowerTiles::lowerKernel(LoweredKernel &lowered) {
  tile::KernelOp kernel = lowered.kernel;
  FailureOr<KernelOperands> operands = findOperands(kernel, getOperation());
  if (failed(operands))
    return failure();
  LaunchOrder order;
  if (early)
    order = findLaunchOrder(kernel, operands->program);
  KernelLowering lowering(kernel, *operands, order, threads, accurate);
  if (lowering.getSharedBytes() > sharedBytes)
    return kernel.emitOpError("needs ")
           << lowering.getSharedBytes()
           << " bytes of shared memory for its tiles, but a block may have "
           << int64_t(sharedBytes);
  Block place;
  OpBuilder b(&getContext());
  b.setInsertionPointToEnd(&place);
  FailureOr<LLVM::LLVMFuncOp> function = lowering.run(b);
  if (failed(function))
    return failure();
  (*function)->setAttr(threadsAttr,
                       b.getI64IntegerAttr(lowering.getNumThreads()));
  SmallVector<Attribute> maps;
  for (const TensorMap &map : lowering.getMaps()) {
    SmallVector<int64_t> numbers{map.slot};
    llvm::append_range(numbers, map.extents);
    llvm::append_range(numbers, map.box);
    maps.push_back(b.getDenseI64ArrayAttr(numbers));
  }
  (*function)->setAttr(mapsAttr, b.getArrayAttr(maps));
  (*function)->setAttr(sharedBytesAttr,
                       b.getI64IntegerAttr(lowering.getSharedBytes()));
  if (kernel.getPersistent())
    (*function)->setAttr(persistentAttr, b.getUnitAttr());
  if (order.follows)
    (*function)->setAttr(waitsAttr, b.getUnitAttr());
  (*function)->remove();
  lowered.function = *function;
  lowered.sharedAlignment = lowering.getSharedAlignment();
  return success();
}

/// Lowers kernels at the same time: each reads its own operations and writes to
/// its own function.
LogicalResult LowerTiles::lowerKernels(ArrayRef<tile::KernelOp> kernels,
                                       ModuleOp device) {
  std::vector<LoweredKernel> lowered;
  for (tile::KernelOp kernel : kernels)
    lowered.push_back({kernel});
  if (failed(failableParallelForEach(
          &getContext(), lowered,
          [&](LoweredKernel &one) { return lowerKernel(one); })))
    return failure();
  auto shared = device.lookupSymbol<LLVM::GlobalOp>(sharedName);
  for (LoweredKernel &one : lowered) {
    device.push_back(one.function.release());
    if (int64_t(*shared.getAlignment()) < one.sharedAlignment)
      shared.setAlignment(one.sharedAlignment);
  }
  return success();
}

LogicalResult LowerTiles::lowerPrograms(ArrayRef<tile::ProgramOp> programs,
                                        ArrayRef<tile::KernelOp> kernels) {
  OpBuilder b = OpBuilder::atBlockBegin(getOperation().getBody());
  Type pointer = LLVM::LLVMPointerType::get(&getContext());
  Type i32 = b.getI32Type();
  auto type =
      LLVM::LLVMFunctionType::get(i32, {pointer, i32, pointer, b.getI64Type()});
  LLVM::LLVMFuncOp::create(b, getOperation().getLoc(), "attnrt_launch_gpu",
                           type);
  llvm::StringMap<tile::KernelOp> byName;
  llvm::DenseMap<tile::KernelOp, int64_t> numbers;
  for (tile::KernelOp kernel : kernels) {
    numbers[kernel] = byName.size();
    byName[kernel.getSymName()] = kernel;
  }
  auto emitLaunch = [&](ImplicitLocOpBuilder &b,
                        const HostLaunch &launch) -> Value {
    Value number = makeInteger(b, i32, numbers.lookup(launch.kernel));
    return LLVM::CallOp::create(
               b, i32, "attnrt_launch_gpu",
               ValueRange{launch.run, number, launch.frame, launch.tasks})
        .getResult();
  };
  for (tile::ProgramOp program : programs)
    if (failed(lowerProgram(program, byName, emitLaunch)))
      return failure();
  return success();
}

LogicalResult LowerTiles::run() {
  ModuleOp module = getOperation();
  auto kernels = llvm::to_vector(module.getOps<tile::KernelOp>());
  auto programs = llvm::to_vector(module.getOps<tile::ProgramOp>());
  if (programs.empty())
    return success();
  if (failed(lowerKernels(kernels, createDeviceModule())) ||
      failed(lowerPrograms(programs, kernels)))
    return failure();
  for (tile::KernelOp kernel : kernels)
    kernel.erase();
  for (tile::ProgramOp program : programs)
    program.erase();
  for (auto reducer : llvm::make_early_inc_range(module.getOps<ReducerOp>()))
    reducer.erase();
  for (auto function : module.getOps<LLVM::LLVMFuncOp>())
    if (!function.isExternal())
      function.setVisibility_(LLVM::Visibility::Hidden);
  return success();
}

namespace {
struct ApproximateMath : nvptx::impl::ApproximateMathBase<ApproximateMath> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateApproximateMathPatterns(patterns);
    // Whatever is no function stays as it is: the passes to come fold it.
    GreedyRewriteConfig config;
    config.enableFolding(false).enableConstantCSE(false);
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    if (failed(
            applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};
} // namespace

void nvptx::buildTileToLLVM(OpPassManager &pm,
                            const LowerTilesOptions &options) {
  pm.addPass(createLowerTiles(options));
  // Kernels and functions of the host alike, each by itself.
  for (OpPassManager *functions :
       {&pm.nest<ModuleOp>().nest<LLVM::LLVMFuncOp>(),
        &pm.nest<LLVM::LLVMFuncOp>()}) {
    functions->addPass(createApproximateMath());
    functions->addPass(arith::createArithExpandOpsPass()); // rounded divisions
    functions->addPass(createCSEPass());
    functions->addPass(createSCFToControlFlowPass());
    functions->addPass(createConvertToLLVMPass());
    functions->addPass(createReconcileUnrealizedCastsPass());
  }
}

namespace {
struct TileToLLVMOptions : PassPipelineOptions<TileToLLVMOptions> {
  Option<int64_t> threads{*this, "threads", llvm::cl::init(256)};
  Option<int64_t> sharedBytes{*this, "shared-bytes", llvm::cl::init(101376)};
};
} // namespace

void nvptx::registerPasses() {
  registerAssignLayouts();
  registerFoldExponents();
  registerSpecialise();
  registerMergeBranches();
  registerOverlapProducts();
  registerShareTurns();
  registerLowerTiles();
  registerApproximateMath();
  PassPipelineRegistration<TileToLLVMOptions>(
      "tile-to-llvm-nvptx", "Lower tiles to the llvm dialect for a GPU",
      [](OpPassManager &pm, const TileToLLVMOptions &options) {
        LowerTilesOptions lower;
        lower.threads = options.threads;
        lower.sharedBytes = options.sharedBytes;
        buildTileToLLVM(pm, lower);
      });
}

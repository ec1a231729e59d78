//===- LowerTiles.cpp - From tiles to the llvm dialect --------------------===//

#include "lib/Target/ApproximateMath.h"
#include "lib/Target/CPU/KernelLowering.h"
#include "lib/Target/CPU/Passes.h"
#include "lib/Target/LowerHost.h"
#include "mlir/Conversion/ConvertToLLVM/ToLLVMPass.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"

namespace attn::cpu {
#define GEN_PASS_DEF_LOWERTILES
#define GEN_PASS_DEF_APPROXIMATEMATH
#include "lib/Target/CPU/Passes.h.inc"
} // namespace attn::cpu

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

namespace {
struct LowerTiles : cpu::impl::LowerTilesBase<LowerTiles> {
  using LowerTilesBase::LowerTilesBase;

  void runOnOperation() override {
    if (failed(run()))
      signalPassFailure();
  }
  LogicalResult run();
  void declareRuntime();
  void setTarget(LLVM::LLVMFuncOp function);
};
} // namespace

void LowerTiles::declareRuntime() {
  OpBuilder b = OpBuilder::atBlockBegin(getOperation().getBody());
  Type pointer = LLVM::LLVMPointerType::get(&getContext());
  Type i64 = b.getI64Type();
  auto type = LLVM::LLVMFunctionType::get(
      b.getI32Type(), {pointer, pointer, pointer, i64, i64});
  LLVM::LLVMFuncOp::create(b, getOperation().getLoc(), "attnrt_launch", type);
}

/// Functions carry their target, so that the versions for several feature
/// levels can share an object.
void LowerTiles::setTarget(LLVM::LLVMFuncOp function) {
  Builder b(&getContext());
  function.setTargetCpu(processor);
  if (!features.empty())
    function.setTargetFeaturesAttr(
        LLVM::TargetFeaturesAttr::get(&getContext(), features));
  function.setPreferVectorWidth(std::to_string(32 * lanes));
  if (function.getLinkage() != LLVM::Linkage::Internal)
    function.setVisibility_(LLVM::Visibility::Hidden);
  function->setAttr("passthrough",
                    b.getArrayAttr({b.getStringAttr("nounwind")}));
}

LogicalResult LowerTiles::run() {
  ModuleOp module = getOperation();
  auto kernelOps = llvm::to_vector(module.getOps<tile::KernelOp>());
  auto programs = llvm::to_vector(module.getOps<tile::ProgramOp>());
  if (programs.empty())
    return success();
  declareRuntime();
  llvm::StringMap<tile::KernelOp> kernels;
  llvm::DenseMap<tile::KernelOp, int64_t> scratchBytes;
  Routines routines;
  for (tile::KernelOp kernel : kernelOps) {
    FailureOr<KernelOperands> operands = findOperands(kernel, module);
    if (failed(operands))
      return failure();
    KernelLowering lowering(kernel, *operands,
                            {lanes, registers, prefetchDistance, prefetchBytes,
                             prefetchFrom, rowsInStep, tiles, dots, accurate},
                            routines);
    if (failed(lowering.run()))
      return failure();
    kernels[kernel.getSymName()] = kernel;
    scratchBytes[kernel] = lowering.getScratchBytes();
  }
  auto emitLaunch = [&](ImplicitLocOpBuilder &b,
                        const HostLaunch &launch) -> Value {
    auto pointer = LLVM::LLVMPointerType::get(&getContext());
    tile::KernelOp kernel = launch.kernel;
    Value function = LLVM::AddressOfOp::create(b, pointer, kernel.getSymName());
    Value bytes = makeInteger(b, b.getI64Type(), scratchBytes.lookup(kernel));
    return LLVM::CallOp::create(b, b.getI32Type(), "attnrt_launch",
                                ValueRange{launch.run, function, launch.frame,
                                           launch.tasks, bytes})
        .getResult();
  };
  for (tile::ProgramOp program : programs)
    if (failed(lowerProgram(program, kernels, emitLaunch)))
      return failure();
  for (tile::KernelOp kernel : kernelOps)
    kernel.erase();
  for (tile::ProgramOp program : programs)
    program.erase();
  for (auto reducer : llvm::make_early_inc_range(module.getOps<ReducerOp>()))
    reducer.erase();
  for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
    if (function.isExternal())
      continue;
    setTarget(function);
    if (suffix.empty() || function.getLinkage() == LLVM::Linkage::Internal)
      continue;
    StringAttr name =
        StringAttr::get(&getContext(), function.getSymName() + Twine(suffix));
    if (failed(SymbolTable::replaceAllSymbolUses(function, name, module)))
      return failure();
    function.setSymNameAttr(name);
  }
  return success();
}

namespace {
struct ApproximateMath : cpu::impl::ApproximateMathBase<ApproximateMath> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateApproximateMathPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void cpu::buildTileToLLVM(OpPassManager &pm, const LowerTilesOptions &options) {
  pm.addPass(createLowerTiles(options));
  pm.addPass(createApproximateMath());
  pm.addPass(arith::createArithExpandOpsPass()); // rounded divisions
  pm.addPass(createCSEPass());
  pm.addPass(createSCFToControlFlowPass());
  // Before the rest: it has patterns of its own that the interface lacks.
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createConvertToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
}

namespace {
struct TileToLLVMOptions : PassPipelineOptions<TileToLLVMOptions> {
  Option<int64_t> lanes{*this, "lanes", llvm::cl::init(16)};
  Option<int64_t> registers{*this, "registers", llvm::cl::init(32)};
  Option<int64_t> prefetchDistance{*this, "prefetch-distance",
                                   llvm::cl::init(8)};
  Option<int64_t> prefetchBytes{*this, "prefetch-bytes", llvm::cl::init(8192)};
  Option<int64_t> prefetchFrom{*this, "prefetch-from", llvm::cl::init(1)};
  Option<int64_t> rowsInStep{*this, "rows-in-step", llvm::cl::init(8)};
  Option<bool> accurate{*this, "accurate-math", llvm::cl::init(false)};
  Option<bool> tiles{*this, "tiles", llvm::cl::init(false)};
  Option<bool> dots{*this, "dots", llvm::cl::init(false)};
  Option<std::string> processor{*this, "cpu", llvm::cl::init("x86-64-v4")};
  Option<std::string> features{*this, "features"};
  Option<std::string> suffix{*this, "suffix"};
};
} // namespace

void cpu::registerPasses() {
  registerLowerTiles();
  registerApproximateMath();
  PassPipelineRegistration<TileToLLVMOptions>(
      "tile-to-llvm-cpu", "Lower tiles to the llvm dialect for one CPU level",
      [](OpPassManager &pm, const TileToLLVMOptions &options) {
        LowerTilesOptions lower;
        lower.lanes = options.lanes;
        lower.registers = options.registers;
        lower.prefetchDistance = options.prefetchDistance;
        lower.prefetchBytes = options.prefetchBytes;
        lower.prefetchFrom = options.prefetchFrom;
        lower.rowsInStep = options.rowsInStep;
        lower.tiles = options.tiles;
        lower.dots = options.dots;
        lower.accurate = options.accurate;
        lower.processor = options.processor;
        lower.features = options.features;
        lower.suffix = options.suffix;
        buildTileToLLVM(pm, lower);
      });
}

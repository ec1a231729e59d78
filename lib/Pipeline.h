//===- Pipeline.h - The compiler, read top to bottom ----------------------===//
//
// The stages between a spec and an object, and the options that they share.
// docs/pipeline.md shows the IR after each.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_PIPELINE_H
#define LIB_PIPELINE_H

#include "lib/Cascade/Passes.h"
#include "lib/Machine/CpuModel.h"
#include "lib/Machine/GpuModel.h"
#include "lib/Package/Interface.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/CommandLine.h"
#include <functional>
#include <memory>

namespace attn {

/// The forms that a cascade goes through, in order. Each is IR that prints,
/// parses and verifies.
enum class Stage {
  Parse,     ///< the cascade as written
  Nests,     ///< which Einsums become one kernel
  OnePass,   ///< reductions over a run-time rank in one traversal
  Partition, ///< kernels as loops over tiles
  Intervals, ///< filters as bounds of loops
  Bind,      ///< each tile operation on its unit
  LLVM,      ///< instructions
};

/// The last stage that does not depend on the machine.
constexpr Stage lastCascadeStage = Stage::OnePass;

llvm::StringRef stringify(Stage stage);
/// The stages by name, for the command line.
llvm::cl::ValuesClass getStageValues();

/// What can be chosen: `attnc --options=...`, `attn-opt --attn-pipeline=...`.
struct PipelineOptions : mlir::PassPipelineOptions<PipelineOptions> {
  Option<bool> scan{
      *this, "scan", llvm::cl::init(false),
      llvm::cl::desc("carry sums over prefixes along, step by step or in "
                     "chunks")};
  Option<int64_t> chunk{
      *this, "chunk", llvm::cl::init(0),
      llvm::cl::desc("steps of a chunk of a linear recurrence; 0: walk it step "
                     "by step")};
  Option<bool> reassociate{
      *this, "reassociate", llvm::cl::init(false),
      llvm::cl::desc("multiply the factors of sums in the order that costs "
                     "least")};
  ListOption<std::string> assume{
      *this, "assume",
      llvm::cl::desc("extents of free ranks that reassociate chooses by, as "
                     "m=4096")};
  Option<bool> fuse{*this, "fuse",
                    llvm::cl::desc("make one kernel of several Einsums"),
                    llvm::cl::init(true)};
  Option<bool> onePass{
      *this, "one-pass",
      llvm::cl::desc("derive the form with the fewest traversals"),
      llvm::cl::init(true)};
  Option<bool> unproved{
      *this, "unproved", llvm::cl::init(false),
      llvm::cl::desc(
          "take corrections that held at random points without a proof")};
  Option<MaximumChoice> maximum{
      *this, "maximum",
      llvm::cl::desc(
          "what stands for maxima that only keep exponentials in range"),
      llvm::cl::init(MaximumChoice::Running), getMaximumValues()};
  Option<std::string> maximumBound{
      *this, "maximum-bound",
      llvm::cl::desc(
          "a scalar that no element of a maximum exceeds, for static")};
  Option<int64_t> laneTile{
      *this, "lane-tile", llvm::cl::init(0),
      llvm::cl::desc(
          "coordinates of the lane rank in a tile; 0: as the machine "
          "likes")};
  Option<int64_t> streamTile{
      *this, "stream-tile", llvm::cl::init(0),
      llvm::cl::desc("coordinates of a streamed rank in a tile; 0: likewise")};
  Option<int64_t> skipTiles{
      *this, "skip-tiles", llvm::cl::init(0),
      llvm::cl::desc("of the tile sizes for a GPU that fit, how many to pass "
                     "over")};
  Option<bool> warpgroups{
      *this, "warpgroups", llvm::cl::init(true),
      llvm::cl::desc("where a GPU has them, let warpgroups load and multiply")};
  Option<int64_t> ringStages{
      *this, "ring-stages", llvm::cl::init(2),
      llvm::cl::desc("places for the tiles that a warpgroup loads ahead")};
  Option<bool> persistent{
      *this, "persistent", llvm::cl::init(true),
      llvm::cl::desc("let a block with warpgroups that load take tasks in "
                     "turn: where the loops of all are as long, and in a "
                     "kernel of its own where they are short")};
  Option<bool> overlap{
      *this, "overlap", llvm::cl::init(true),
      llvm::cl::desc("let warpgroups' products run during the next turn of "
                     "their loop")};
  Option<bool> earlyBranches{
      *this, "early-branches", llvm::cl::init(true),
      llvm::cl::desc("let a turn whose products take longer than its "
                     "exponentials ask before them whether its tile is whole, "
                     "where the last one alone may not be")};
  Option<bool> pingPong{
      *this, "ping-pong", llvm::cl::init(true),
      llvm::cl::desc("let warpgroups start their products one after another, "
                     "where the loops of all tasks are as long")};
  Option<int64_t> split{
      *this, "split", llvm::cl::init(16),
      llvm::cl::desc("parts of a stream where a call has few tasks; 0: never")};
  Option<bool> splitTurns{
      *this, "split-turns", llvm::cl::init(false),
      llvm::cl::desc("let such parts take the stream's tiles in turn, as a "
                     "GPU's do, where a CPU's are chunks")};
  Option<bool> accurateMath{
      *this, "accurate-math", llvm::cl::init(false),
      llvm::cl::desc("exponentials to f32's precision even where their values "
                     "are rounded to bf16")};
  Option<Stage> stopAfter{*this, "stop-after",
                          llvm::cl::desc("the last stage to run"),
                          llvm::cl::init(Stage::LLVM), getStageValues()};
  Option<std::string> target{*this, "target",
                             llvm::cl::desc("the machine to compile for"),
                             llvm::cl::init("host")};
};

/// Adds the passes that lead to `stage` from the one before it.
void buildStage(Stage stage, mlir::OpPassManager &pm,
                const PipelineOptions &options);

/// Adds all stages up to `stopAfter`.
void buildPipeline(mlir::OpPassManager &pm, const PipelineOptions &options);

/// Registers `--attn-pipeline`.
void registerPipeline();

/// Sets the tile sizes that `options` leave open, for a GPU, to the cheapest
/// that fit after those that are to be passed over: of warpgroups' at first.
/// `module` is as after `lastCascadeStage`. Adds what doesn't fit to
/// `rejected`.
mlir::LogicalResult
chooseTiles(mlir::ModuleOp module, const GpuDescription &gpu,
            PipelineOptions &options,
            llvm::SmallVectorImpl<TileChoice> *rejected = nullptr);

/// What a tool adds to a compilation. Several targets may be at the last stage
/// at the same time, each on a thread of its own.
struct PipelineHooks {
  /// Sets up the pass manager of a stage.
  std::function<mlir::LogicalResult(mlir::PassManager &)> configure;
  /// Called before and after each stage. `target` is empty where the machine
  /// doesn't count.
  std::function<void(Stage, llvm::StringRef target)> before;
  std::function<mlir::LogicalResult(Stage, llvm::StringRef target,
                                    mlir::ModuleOp)>
      after;
};

/// Compiles the cascades of `module` for `gpu` to PTX.
mlir::FailureOr<std::string> compileToPTX(mlir::ModuleOp module,
                                          const GpuDescription &gpu,
                                          const PipelineOptions &options,
                                          const PipelineHooks &hooks);

/// Runs the stages after `from` up to `to`.
mlir::LogicalResult runStages(mlir::ModuleOp module, Stage from, Stage to,
                              const PipelineOptions &options,
                              const PipelineHooks &hooks);

/// What an object is made for, best first.
struct Targets {
  llvm::SmallVector<CpuDescription> cpus;
  llvm::SmallVector<GpuDescription> gpus;
  /// The program that makes machine code of PTX; empty where there is none.
  std::string ptxas;
};

/// Compiles the cascades of `module` for each of `targets` to one LLVM module:
/// what the object has, before LLVM's own passes.
mlir::FailureOr<std::unique_ptr<llvm::Module>>
compileModule(mlir::ModuleOp module, std::vector<Interface> interfaces,
              const Targets &targets, const PipelineOptions &options,
              const PipelineHooks &hooks, llvm::LLVMContext &context);

} // namespace attn

#endif // LIB_PIPELINE_H

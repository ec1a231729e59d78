//===- Passes.td - From tiles to the CPU ----------------------*- tablegen -*-===//

#ifndef LIB_TARGET_CPU_PASSES_TD
#define LIB_TARGET_CPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerTiles : Pass<"cpu-lower-tiles", "::mlir::ModuleOp"> {
  let summary = "Turn kernels and programs into functions on vectors";
  let description = [{
    ```mlir
    tile.kernel @k grid(%p0 = p: 128) lanes p (%Q: !tile.view<..>) { .. }
    ```
    becomes

    ```mlir
    llvm.func @k(%frame: !llvm.ptr, %task: i64, %scratch: !llvm.ptr)
    ```
    whose body is scf loops around vector operations on scratch memory. Each
    tile gets a place there (Buffers.cpp), every vector lies along the lane
    rank. A `tile.program @p` becomes `@p_workspace` and `@p_host`, which
    runtime/attnrt_program.h describes.

    What is left of arith, math, scf and vector goes to the llvm dialect by
    upstream's conversions; `tile-to-llvm-cpu` runs them all.
  }];
  let options = [
    Option<"lanes", "lanes", "int64_t", "16", "f32 values in a vector">,
    Option<"registers", "registers", "int64_t", "32", "vector registers">,
    Option<"prefetchDistance", "prefetch-distance", "int64_t", "8",
           "coordinates of a loop ahead of which its lines are asked for">,
    Option<"prefetchBytes", "prefetch-bytes", "int64_t", "8192",
           "how far ahead memory is asked for what is read once">,
    Option<"prefetchFrom", "prefetch-from", "int64_t", "1",
           "the multiply-adds with a line from which on it is asked for so">,
    Option<"rowsInStep", "rows-in-step", "int64_t", "8",
           "how many rows that are read once are read in step">,
    Option<"accurate", "accurate-math", "bool", "false",
           "exact exponentials of what is rounded to bf16, too">,
    Option<"tiles", "tiles", "bool", "false", "whether to use AMX">,
    Option<"dots", "dots", "bool", "false", "whether to use AVX-512 VNNI">,
    Option<"processor", "cpu", "std::string", "\"x86-64-v4\"",
           "the processor that LLVM compiles for">,
    Option<"features", "features", "std::string", "\"\"",
           "features that LLVM may use, as `+avx2,+fma`">,
    Option<"suffix", "suffix", "std::string", "\"\"",
           "what to append to the name of every function">,
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect",
    "::mlir::LLVM::LLVMDialect",
    "::mlir::math::MathDialect",
    "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect",
  ];
}

def ApproximateMath : Pass<"cpu-approximate-math"> {
  let summary = "Expand functions that no instruction computes";
  let description = [{
    Uses upstream's polynomials for what the lowering of maps has not expanded
    by itself: log, tanh, erf, sin, cos, pow.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect",
    "::mlir::math::MathDialect",
    "::mlir::vector::VectorDialect",
  ];
}

#endif // LIB_TARGET_CPU_PASSES_TD

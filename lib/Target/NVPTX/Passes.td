//===- Passes.td - From tiles to the GPU ----------------------*- tablegen -*-===//

#ifndef LIB_TARGET_NVPTX_PASSES_TD
#define LIB_TARGET_NVPTX_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerTiles : Pass<"nvptx-lower-tiles", "::mlir::ModuleOp"> {
  let summary = "Turn kernels into blocks of threads, programs into functions";
  let description = [{
    ```mlir
    tile.kernel @k grid(%p0 = p: 64) lanes p (%Q: !tile.view<..>) { .. }
    ```
    becomes, in a module of its own,

    ```mlir
    module @device {
      llvm.func @k(%frame: !llvm.ptr {llvm.byval = !llvm.array<12 x i64>, ..})
          attributes {nvvm.kernel, nvvm.maxntid = array<i32: 256>}
    }
    ```
    A task is a block of threads; the frame (runtime/attnrt_program.h) is its
    parameter; each tile gets a place in shared memory (Buffers.cpp). The
    attributes `attn.threads` and `attn.shared_bytes` say what a launch needs.

    A `tile.program @p` becomes `@p_workspace` and `@p_host`, which call
    `attnrt_launch_gpu` with the number of the kernel in the module.
  }];
  let options = [
    Option<"threads", "threads", "int64_t", "256", "threads in a block">,
    Option<"sharedBytes", "shared-bytes", "int64_t", "101376",
           "shared memory that a block may have">,
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect",
    "::mlir::LLVM::LLVMDialect",
    "::mlir::math::MathDialect",
    "::mlir::NVVM::NVVMDialect",
    "::mlir::scf::SCFDialect",
  ];
}

def ApproximateMath : Pass<"nvptx-approximate-math"> {
  let summary = "Expand functions that no instruction computes";
  let description = [{
    The same expansions as on the CPU, so that errors are the same.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect",
    "::mlir::math::MathDialect",
    "::mlir::vector::VectorDialect",
  ];
}

#endif // LIB_TARGET_NVPTX_PASSES_TD

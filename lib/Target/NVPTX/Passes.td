//===- Passes.td - From tiles to the GPU ----------------------*- tablegen -*-===//

#ifndef LIB_TARGET_NVPTX_PASSES_TD
#define LIB_TARGET_NVPTX_PASSES_TD

include "mlir/Pass/PassBase.td"

def AssignLayouts : Pass<"nvptx-assign-layouts", "::attn::tile::KernelOp"> {
  let summary = "Keep tiles in registers, as the matrix unit leaves them";
  let description = [{
    ```mlir
    %q = tile.load %Q .. -> !tile.tile<[e: 128, p: 64], f32>
    %n = tile.convert %q : .. -> !tile.tile<[e: 128, p: 64], bf16>
    scf.for %m0 .. {
      %k = tile.load %K .. -> !tile.tile<[m: 64, e: 128], bf16>
      %s = tile.contract %k, %n over ["e"] : .. -> !tile.tile<[m: 64, p: 64], f32>
    ```
    becomes

    ```mlir
    %q = tile.load %Q .. -> !tile.tile<[p: 64, e: 128], bf16>
    %n = tile.convert %q : .. -> !tile.tile<[p: 64, e: 128], bf16, register>
    scf.for %m0 .. {
      %k = tile.load %K .. {stages = 2} -> !tile.tile<[m: 64, e: 128], bf16>
      %s = tile.contract %k, %n over ["e"] : .. -> !tile.tile<[m: 64, p: 64], f32, register>
    ```
    In a kernel with a contraction that mma.sync does, a tile of the lanes and
    at most one other rank lies in registers (Layout.h): its rows are the lanes,
    16 to a warp. A `tile.convert` between spaces stands where one operation
    needs it in registers and another one in shared memory. Operands are loaded
    as memory has them, in the order of its ranks; those of a loop one turn
    ahead. Other kernels stay as they are.
  }];
  let dependentDialects = ["::attn::tile::TileDialect"];
}

def FoldExponents : Pass<"nvptx-fold-exponents", "::attn::tile::KernelOp"> {
  let summary = "Make what exponentials are taken of one multiply-add";
  let description = [{
    ```mlir
    %g = tile.map ins(%s) reducers [max m] { yield s * 0.125 }
    %w = tile.map ins(%s, %g) { yield exp(s * 0.125 - g) }
    ```
    becomes

    ```mlir
    %r = tile.map ins(%s) reducers [max m] { yield s }
    %g = tile.map ins(%r) { yield r * 0.125 }
    %w = tile.map ins(%s, %g) { yield exp2(fma(s, 0.125 * log2 e, -(g * log2 e))) }
    ```
    for tiles in registers, where an exponential is one instruction. A factor
    that may be 0 or negative stays where it is. A filter that all uses of the
    exponentials ask is asked of `s` instead, which is -inf elsewhere. It may
    read other tiles, which become inputs. Numbers that a value is multiplied by
    one after another are one.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
}

def Specialise : Pass<"nvptx-specialise", "::attn::tile::KernelOp"> {
  let summary = "Let one warpgroup load and the others multiply";
  let description = [{
    ```mlir
    tile.kernel @k grid(%p0 = p: 128) lanes p (..) {
      %q = tile.load %Q .. -> !tile.tile<[p: 128, e: 128], bf16>
      scf.for %m0 .. {
        %k = tile.load %K .. {stages = 2} -> !tile.tile<[m: 128, e: 128], bf16>
        %s = tile.contract %k, %q over ["e"] : .. -> !tile.tile<[m: 128, p: 128], f32, register>
    ```
    becomes

    ```mlir
    tile.kernel @k grid(%p0 = p: 128) lanes p (..) attributes {roles = array<i64: 40, 232>} {
      %q = tile.load %Q .. -> !tile.tile<[p: 128, e: 128], bf16, swizzled>
      scf.for %m0 .. {
        %k = tile.load %K .. {stages = 2} -> !tile.tile<[m: 128, e: 128], bf16, swizzled>
        %s = tile.contract %k, %q over ["e"] : .. -> !tile.tile<[m: 128, p: 128], f32, register>
    ```
    In a kernel of 64, 128 or 192 lanes, a tile of a tensor that only
    contractions read is loaded by a warpgroup of its own, as wgmma reads it.
    A multiprocessor has registers for one such block; with `persistent` it
    takes tasks in turn where all tasks' loops are as long, or nearly, since they
    begin where a filter says, and in a kernel that is marked for that. There what no loop loads has as many places, too, where
    shared memory suffices: the next task's comes while this one's is in use.
    Other kernels stay as they are; a remark says why.
  }];
  let options = [
    Option<"stages", "stages", "int64_t", "2",
           "places in the ring of a tile that a loop loads">,
    Option<"persistent", "persistent", "bool", "false",
           "blocks may take tasks in turn">,
    Option<"sharedBytes", "shared-bytes", "int64_t", "232448",
           "shared memory that a block may have">,
  ];
}

def MergeBranches : Pass<"nvptx-merge-branches", "::attn::tile::KernelOp"> {
  let summary = "Do once what both branches do";
  let description = [{
    ```mlir
    %r = scf.if %every {
      %s = tile.contract %k, %q ..
      %w = tile.map ins(%s) ..
      %o = tile.contract %v, %w, %acc ..
      scf.yield %o
    } else {
      %s = tile.contract %k, %q ..
      %w = tile.map ins(%s) .. where ..
      %o = tile.contract %v, %w, %acc ..
      scf.yield %o
    }
    ```
    becomes

    ```mlir
    %s = tile.contract %k, %q ..
    %w = scf.if %every {
      %w = tile.map ins(%s) ..
      scf.yield %w
    } else {
      %w = tile.map ins(%s) .. where ..
      scf.yield %w
    }
    %o = tile.contract %v, %w, %acc ..
    ```
    in kernels with roles, so that a product may run beside the branch. Loads of
    the other role go where their tile is read.
  }];
}

def OverlapProducts : Pass<"nvptx-overlap-products", "::attn::tile::KernelOp"> {
  let summary = "Let products run while the next turn of their loop begins";
  let description = [{
    ```mlir
    scf.for %m0 .. iter_args(%acc = ..) {
      %s = tile.contract %k, %q ..
      %w = .. %s ..
      %o = tile.contract %v, %w, %acc ..
      scf.yield %o
    ```
    becomes

    ```mlir
      %o = tile.contract %v, %w, %acc .. {stage = 1 : i64}
    ```
    The tensor cores then multiply by the last turn's weights while this turn
    makes its own (LowerOverlap.cpp).

    ```mlir
      %w = scf.if %is_whole {..} else {..} {tile.early}
    ```
    is a branch that a turn takes before its products, in a loop whose last tile
    alone may be cut, by its extent, and whose products take longer than its
    exponentials: either side then has all of the turn. With `ping-pong`, a loop
    `{tile.ping_pong}` of a persistent kernel whose loops are as long in all
    tasks lets warpgroups start their products one after another.
  }];
  let options = [
    Option<"productsPerFunction", "products-per-function", "double", "0",
           "multiply-adds of the tensor cores in the time of an exponential; 0: "
           "no branch is taken early">,
    Option<"pingPongs", "ping-pong", "bool", "false",
           "warpgroups start their products one after another">,
  ];
}

def ShareTurns : Pass<"nvptx-share-turns", "::attn::tile::KernelOp"> {
  let summary = "Give each warpgroup the turns that its own rows need";
  let description = [{
    ```mlir
    %p1 = tile.share %p0 size 64
    %hi = tile.own %last_of_64 of %last_of_128 : index
    scf.for %m0 = %c0 to %hi ..
      %every = tile.own %in_64 of %in_128 : i1
      %w = scf.if %every ..
    ```
    becomes

    ```mlir
    %p1 = tile.share %p0 size 64
    %hi = tile.own %last_of_64 of %last_of_128 : index
    scf.for %m0 = %c0 to %hi ..
      %w = scf.if %in_64 ..
    ```
    in kernels with roles, where nothing in the loop or the branch makes
    warpgroups wait for each other. The loop of the role that loads has all
    turns of the task; a warpgroup that computes only gives back what the others
    load (LowerShare.cpp). Everywhere else a `tile.own` becomes what the task
    has.
  }];
}

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
    parameter; each tile gets a place in shared memory (Buffers.cpp) or, where
    AssignLayouts says so, registers. A kernel with tiles in registers has a
    warp for each 16 lanes. The attributes `attn.threads` and `attn.shared_bytes` say what a launch needs.

    With `early`, a kernel that a call launches after another one begins with
    `nvvm.griddepcontrol wait`, which `attn.waits` says, and one that is
    launched before another one says `launch_dependents` where it comes to
    store, if it has no roles: the next kernel's blocks are there when its last
    ones end.

    A `tile.program @p` becomes `@p_workspace` and `@p_host`, which call
    `attnrt_launch_gpu` with the number of the kernel in the module.
  }];
  let options = [
    Option<"threads", "threads", "int64_t", "256", "threads in a block">,
    Option<"sharedBytes", "shared-bytes", "int64_t", "101376",
           "shared memory that a block may have">,
    Option<"accurate", "accurate", "bool", "false",
           "exponentials to f32's precision in kernels for the matrix unit too">,
    Option<"early", "early", "bool", "false",
           "a kernel may begin while the one before it ends (sm_90)">,
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

//===- Passes.td - From cascades to tiles ---------------------*- tablegen -*-===//

#ifndef LIB_MAPPING_PASSES_TD
#define LIB_MAPPING_PASSES_TD

include "mlir/Pass/PassBase.td"

def Partition : Pass<"attn-partition", "::mlir::ModuleOp"> {
  let summary = "Turn each cascade into a tile.program, each nest into a kernel";
  let description = [{
    A task computes one tile of a nest's parallel ranks. The innermost of them
    is the lane rank; ranks with a fixed extent are spanned whole; a stream
    becomes an scf.for over tiles of its rank. Tiles that a filter empties are
    not visited, and only tiles that it cuts evaluate it: the loop's body comes
    twice. A stream of streams goes through its rank one coordinate at a time.

    Where a call has few tasks and a long stream, a second pair of kernels
    splits the stream over tasks and combines the states with its merge. A part
    is a chunk or, where the target likes that, every so many-th tile. With
    `persistent`, where a filter makes some tasks longer than others and the
    target likes that, a call with a short stream takes a kernel whose blocks
    take tasks in turn.

    Everything that a tile's sizes need comes from the target (`TargetModel`).
  }];
  let options = [
    Option<"target", "target", "std::string", "\"host\"",
           "the machine to map to">,
    Option<"laneTile", "lane-tile", "int64_t", "0",
           "coordinates of the lane rank in a tile (0: the target's choice)">,
    Option<"streamTile", "stream-tile", "int64_t", "0",
           "coordinates of a streamed rank in a tile (0: the target's choice)">,
    Option<"split", "split", "int64_t", "16",
           "parts of a stream where a call has few tasks (0: never)">,
    Option<"splitTurns", "split-turns", "bool", "false",
           "such parts take tiles in turn, whatever the target likes">,
    Option<"persistent", "persistent", "bool", "false",
           "kernels for short streams whose blocks take tasks in turn">,
  ];
  let dependentDialects = ["::attn::tile::TileDialect"];
}

def Intervals : Pass<"tile-intervals", "::attn::tile::KernelOp"> {
  let summary = "Expand filters over boxes into arithmetic on bounds";
  let description = [{
    `tile.range` and `tile.test` hold a filter as an expression of coordinates.
    Interval arithmetic over the box gives, in a few integer operations, the
    range of tiles that the filter may leave and whether it holds somewhere or
    everywhere in one: no mask in memory at any length. `and` intersects; `or`
    makes two ranges, with a gap that the loop leaves out, or the hull of more,
    so the answers are conservative.

    ```mlir
    %lo, %hi = tile.range "m" step 64 ranks ["p"] sizes [128] at(%p0) {
      ..
      %s, %valid = tile.read %start[%p] : !tile.view<[p], i32> -> i32
      %c = arith.cmpi sge, %m, %s : i32
      tile.yield where %c
    }
    ```
    Values that tensors hold at the box's coordinates have the bounds that a
    reduction over the box finds at run time (BoxEvaluator.h):

    ```mlir
    %least, %greatest = tile.bounds ranks ["p"] sizes [128] at(%p0) {
      %p = tile.coord "p"
      %s, %valid = tile.read %start[%p] : !tile.view<[p], i32> -> i32
      tile.yield %s : i32 where %valid
    }
    %first = arith.maxsi %least, %c0 : index
    ```
    Reads of a tensor that is gathered from lie inside of it where a filter that
    says so holds everywhere, and get the attribute `inside`.

    With `share`, a kernel of more lanes gets a second answer for the lanes of
    each group of threads (`tile.own`): the turns of a loop that these need, of
    those that the task has, and whether a filter holds in all of their rows.
  }];
  let options = [
    Option<"share", "share", "int64_t", "0",
           "lanes of a group of threads that has bounds of its own (0: none)">,
  ];
}


def Bind : Pass<"tile-bind", "::attn::tile::KernelOp"> {
  let summary = "Make sums of products contractions, for the matrix unit";
  let description = [{
    ```mlir
    %s = tile.map ranks ["m", "e", "p"] .. ins(%k, %q) reducers [add e] { k * q * c }
    ```
    becomes a `tile.contract` of `%k` and `%q * c`. Factors are grouped into the
    operand that has the lane rank and the one that has not; what does not vary
    along the contracted ranks multiplies the operand that the innermost loop
    leaves alone, or else the result. A filter becomes a select on the operand
    with the lanes. Reassociates floating point.
  }];
}

def NarrowOperands : Pass<"tile-narrow-operands", "::attn::tile::KernelOp"> {
  let summary = "Round what a matrix unit multiplies to the type it takes";
  let description = [{
    ```mlir
    %k = tile.load %K .. -> !tile.tile<[m: 64, e: 128], f32>     // K is bf16
    %s = tile.contract %k, %q over ["e"] : ..
    ```
    becomes, where the target has a matrix unit for bf16,

    ```mlir
    %k = tile.load %K .. -> !tile.tile<[m: 64, e: 128], bf16>
    %n = tile.convert %q : !tile.tile<[e: 128, p: 128], f32> -> !tile.tile<[e: 128, p: 128], bf16>
    %s = tile.contract %k, %n over ["e"] : ..
    ```
    Only a contraction with one operand that memory holds in that type is
    rounded (S10). Other uses of the operands keep theirs. Integers are never
    rounded: both operands must be 8-bit integers in memory.
  }];
  let options = [
    Option<"target", "target", "std::string", "\"host\"",
           "the machine to map to">,
  ];
}

def HoistInvariants : Pass<"tile-hoist-invariants", "::attn::tile::KernelOp"> {
  let summary = "Move what a loop does not change in front of it";
  let description = [{
    Loop-invariant code motion that also looks into the branches of the loop's
    body: a stream's body comes twice, with and without filters, and both load
    the same query tile. Loads and maps are pure, so they may run even where no
    branch is taken.
  }];
}

#endif // LIB_MAPPING_PASSES_TD

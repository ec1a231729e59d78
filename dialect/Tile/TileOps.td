//===- TileOps.td - The tile dialect --------------------------*- tablegen -*-===//
//
// Where and when: one fused kernel as loops over tiles. Tiles are SSA values
// with named ranks of static size; views carry the run-time extents; loops are
// scf.for. No warps, lanes' numbers, pointers or any word of attention.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECT_TILE_TILEOPS_TD
#define DIALECT_TILE_TILEOPS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialect/Attn/AttnBase.td"
include "dialect/Tile/TileEnums.td"

def Tile_Dialect : Dialect {
  let name = "tile";
  let summary = "One fused kernel as loops over tiles";
  let description = [{
    FuseMax's mapping and binding made explicit: each tile lies in a memory
    space, each operation runs on a unit, each loop has a step. Every tile has
    at most one *lane* rank, its innermost: what a vector unit works on at once.
  }];
  let cppNamespace = "::attn::tile";
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = [
    "::attn::AttnDialect",
    "::mlir::arith::ArithDialect",
    "::mlir::math::MathDialect",
    "::mlir::scf::SCFDialect",
  ];
}

def Tile_UnitAttr : EnumAttr<Tile_Dialect, Tile_Unit, "unit"> {
  let assemblyFormat = "`<` $value `>`";
}

class Tile_Type<string name, string typeMnemonic> : TypeDef<Tile_Dialect, name> {
  let mnemonic = typeMnemonic;
  let hasCustomAssemblyFormat = 1;
}

def Tile_View : Tile_Type<"View", "view"> {
  let summary = "a tensor in memory: an argument or a workspace";
  let description = [{
    `!tile.view<[b, h, p, e], bf16>`. Extents are those of the ranks
    (`tile.extent`), strides come with the argument.
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr">:$ranks,
                        "::mlir::Type":$elementType);
}

def Tile_Tile : Tile_Type<"Tile", "tile"> {
  let summary = "a block of values with named ranks of static size";
  let description = [{
    `!tile.tile<[m: 64, p: 128], f32>`, row-major, the last rank innermost.
    `!tile.tile<[p: 64], f32, register>` says where it lies; scratch goes
    without saying, `swizzled` is scratch as a GPU's warpgroups read operands.
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr">:$ranks,
                        ArrayRefParameter<"int64_t">:$sizes,
                        "::mlir::Type":$elementType,
                        "::attn::tile::Space":$space);
  let genVerifyDecl = 1;
  let builders = [
    TypeBuilderWithInferredContext<(ins "::llvm::ArrayRef<::mlir::StringAttr>":$ranks,
                     "::llvm::ArrayRef<int64_t>":$sizes,
                     "::mlir::Type":$elementType), [{
      return $_get(elementType.getContext(), ranks, sizes, elementType,
                   Space::Scratch);
    }]>
  ];
  let extraClassDeclaration = [{
    /// The position of the rank called `name`, or -1.
    int64_t getRankPosition(::mlir::StringAttr name) const;
    /// The number of values.
    int64_t getNumElements() const;
  }];
}

class Tile_Op<string mnemonic, list<Trait> traits = []>
    : Op<Tile_Dialect, mnemonic, traits>;

//===----------------------------------------------------------------------===//
// Host
//===----------------------------------------------------------------------===//

def Tile_ProgramOp : Tile_Op<"program", [
    IsolatedFromAbove, Symbol, SingleBlock, NoTerminator,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "the kernels of one cascade, and which to launch when";
  let description = [{
    The region's arguments are the cascade's inputs (views and scalars), then
    its outputs (views). `ranks` are the cascade's declarations. It runs on the
    host: index arithmetic on extents, scf.if, `tile.workspace`, `tile.launch`.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$arg_names,
                       I64Attr:$num_inputs,
                       TypedArrayAttrBase<Attn_RankAttr, "ranks">:$ranks);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
}

def Tile_WorkspaceOp : Tile_Op<"workspace", []> {
  let summary = "memory that lives for one call";
  let description = [{
    A compact row-major view over the product of its ranks' extents. It comes
    from the caller or from the context; its size is known before the call.
    Where `condition` is false it takes no memory and must not be used. Stands
    in the program's own block.
  }];
  let arguments = (ins Optional<I1>:$condition);
  let results = (outs Tile_View:$result);
  let assemblyFormat = "(`if` $condition^)? attr-dict `:` type($result)";
}

def Tile_ChooseOp : Tile_Op<"choose", []> {
  let summary = "the extent of a rank that the program chooses at a call";
  let description = [{
    `tile.choose "parts" = %n` gives the rank `parts`, which `ranks` do not
    declare, the extent `%n`. Stands in the program's own block, before what
    uses the rank.
  }];
  let arguments = (ins StrAttr:$rank, Index:$extent);
  let assemblyFormat = "$rank `=` $extent attr-dict";
}

def Tile_LaunchOp : Tile_Op<"launch", []> {
  let summary = "run a kernel over its grid";
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<AnyType>:$operands);
  let assemblyFormat = "$kernel `(` $operands `)` attr-dict `:` type($operands)";
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

def Tile_KernelOp : Tile_Op<"kernel", [
    IsolatedFromAbove, Symbol, SingleBlock, NoTerminator,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "one core's or one block's work";
  let description = [{
    ```mlir
    tile.kernel @causal_0 grid(b, k, g, p: 128) lanes p
        (%Q: !tile.view<[b, h, p, e], f32>, ..) { .. }
    ```
    A task is a point of the grid. The region's arguments are the task's first
    coordinate of each grid rank (index, a multiple of the tile size), then the
    operands of the launch. Tasks are independent. `reverse` starts with the
    last ones: the longest, where a filter is causal.

    With `persistent` there are no more blocks than run at the same time, and
    each takes tasks in turn: the first loads of one run beside the end of the
    one before.

    With `roles = array<i64: 24, 240>` one warpgroup of a GPU's block loads the
    swizzled tiles, in a ring of their `stages`, and the others do all else; the
    numbers are the registers of a thread of either.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$grid,
                       DenseI64ArrayAttr:$sizes, OptionalAttr<StrAttr>:$lanes,
                       StrArrayAttr:$arg_names, UnitAttr:$reverse,
                       UnitAttr:$persistent,
                       OptionalAttr<DenseI64ArrayAttr>:$roles,
                       TypedArrayAttrBase<Attn_RankAttr, "ranks">:$ranks);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The task's first coordinate of a grid rank; null for another rank.
    ::mlir::Value getOrigin(::mlir::StringAttr rank);
  }];
}

def Tile_ExtentOp : Tile_Op<"extent", [Pure]> {
  let summary = "the extent of a rank";
  let description = [{
    In a program, `tile.extent "threads"` is the number of threads of the call.
  }];
  let arguments = (ins StrAttr:$rank);
  let results = (outs Index:$result);
  let assemblyFormat = "$rank attr-dict";
}

def Tile_CoordOp : Tile_Op<"coord", [Pure]> {
  let summary = "the coordinate of a rank at this element";
  let description = [{
    Inside the region of an op with `ranks` and `offsets`: the offset of the
    rank plus the position in the tile.
  }];
  let arguments = (ins StrAttr:$rank);
  let results = (outs Index:$result);
  let assemblyFormat = "$rank attr-dict";
}

def Tile_YieldOp : Tile_Op<"yield", [Pure, Terminator,
    AttrSizedOperandSegments,
    ParentOneOf<["MapOp", "RangeOp", "TestOp", "BoundsOp"]>]> {
  let summary = "an element's value, and whether it counts";
  let arguments = (ins Optional<AnyType>:$value, Optional<I1>:$filter);
  let assemblyFormat = "($value^ `:` type($value))? (`where` $filter^)? attr-dict";
  let builders = [OpBuilder<(ins), [{
    build($_builder, $_state, ::mlir::Value(), ::mlir::Value());
  }]>];
}

//===----------------------------------------------------------------------===//
// Filters as intervals
//===----------------------------------------------------------------------===//

class Tile_BoxOp<string mnemonic> : Tile_Op<mnemonic, [
    Pure, SingleBlockImplicitTerminator<"::attn::tile::YieldOp">]> {
  let regions = (region SizedRegion<1>:$body);
}

def Tile_RangeOp : Tile_BoxOp<"range"> {
  let summary = "the coordinates of a rank that a filter may leave";
  let description = [{
    ```mlir
    %lo, %hi = tile.range "m" step 64 ranks ["p"] sizes [128] at(%p0) { .. tile.yield where %c }
    ```
    Bounds, multiples of `step` below the rank's extent rounded up, such that
    the filter is false outside `[lo, hi)` for every point of the box that
    `ranks`, `sizes` and `offsets` give. Expanded by Intervals.

    Where the filter has an `or`, as of a window and the first keys, there may
    be a gap: `%lo, %hi, %at, %gap` say that a coordinate `x` of `[lo, hi)`
    stands for `x`, from `at` on for `x + gap`.
  }];
  let arguments = (ins StrAttr:$rank, I64Attr:$step, StrArrayAttr:$ranks,
                       DenseI64ArrayAttr:$sizes, Variadic<Index>:$offsets);
  let results = (outs Index:$lo, Index:$hi, Variadic<Index>:$gap);
  let assemblyFormat = [{
    $rank `step` $step `ranks` $ranks `sizes` $sizes `at` `(` $offsets `)` (`gap` type($gap)^)? $body attr-dict
  }];
}

def Tile_TestOp : Tile_BoxOp<"test"> {
  let summary = "whether a filter holds somewhere and everywhere in a box";
  let description = [{
    `some` is false only if the filter is false at every point of the box;
    `every` is true only if it is true at every one. Expanded by Intervals.
    With `open` there are more conditions, which a box can't say: `every` is
    false. With `ranged = "m"` the box is a tile of `m` between the bounds that
    a `tile.range` of this filter gave: what these ensure holds somewhere.
  }];
  let arguments = (ins StrArrayAttr:$ranks, DenseI64ArrayAttr:$sizes,
                       Variadic<Index>:$offsets, UnitAttr:$open,
                       OptionalAttr<StrAttr>:$ranged);
  let results = (outs I1:$some, I1:$every);
  let assemblyFormat = [{
    `ranks` $ranks `sizes` $sizes `at` `(` $offsets `)` $body attr-dict
  }];
}

def Tile_BoundsOp : Tile_BoxOp<"bounds"> {
  let summary = "the least and the greatest value of an integer in a box";
  let description = [{
    ```mlir
    %lo, %hi = tile.bounds ranks ["p"] sizes [128] at(%p0) {
      %p = tile.coord "p"
      %value, %inside = tile.read %start[%b, %p] : <[b, p], i32> -> i32
      tile.yield %value : i32 where %inside
    }
    ```
    What a filter compares a coordinate with, where that is read from tensors
    (Intervals). Only the points whose coordinates are inside their ranks'
    extents and whose filter is true count; where there is none, `lo` is the
    greatest integer of the type and `hi` the least. The type is i32, i64 or
    index.
  }];
  let arguments = (ins StrArrayAttr:$ranks, DenseI64ArrayAttr:$sizes,
                       Variadic<Index>:$offsets);
  let results = (outs Index:$lo, Index:$hi);
  let assemblyFormat = [{
    `ranks` $ranks `sizes` $sizes `at` `(` $offsets `)` $body attr-dict
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::Value getOffset(::mlir::StringAttr rank);
    YieldOp getYield();
  }];
}

//===----------------------------------------------------------------------===//
// Moving
//===----------------------------------------------------------------------===//

def Tile_LoadOp : Tile_Op<"load", [Pure]> {
  let summary = "a tile of a view";
  let description = [{
    ```mlir
    %k = tile.load %K[%b, %h, %m0, %c0] dims ["", "", "m", "e"]
        : !tile.view<[b, h, m, e], bf16> -> !tile.tile<[m: 64, e: 128], f32>
    ```
    `dims` says which tile rank runs along each of the view's ranks ("" for
    none); the tile's own order may be another. Outside the view's extents the
    tile is 0, and past the extent of a rank of the grid that runs along a view's
    rank of another name (`g` along `h = k * g`). Narrow types widen (S8), unless the tile's elements have the
    view's type. Inputs never change during a kernel, so a load may move.

    A load in a loop with `stages = n` has n places, which turns of the loop use
    by turns: the next n - 1 turns' tiles are on their way while this one's is
    used.
    `inside` says that no element is outside the view.
  }];
  let arguments = (ins Tile_View:$view, Variadic<Index>:$offsets,
                       StrArrayAttr:$dims,
                       DefaultValuedOptionalAttr<I64Attr, "1">:$stages,
                       UnitAttr:$inside);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = [{
    $view `[` $offsets `]` `dims` $dims attr-dict `:` type($view) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_ConvertOp : Tile_Op<"convert", [Pure]> {
  let summary = "a tile rounded to a narrower type, its ranks in another order";
  let description = [{
    ```mlir
    %n = tile.convert %w : !tile.tile<[m: 64, p: 128], f32> -> !tile.tile<[m: 64, p: 128], bf16>
    ```
    What a matrix unit multiplies: rounds floats to nearest even; integers keep
    their low bits, so that those of the narrower type stay what they are.
  }];
  let arguments = (ins Tile_Tile:$input);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_ReadOp : Tile_Op<"read", [Pure]> {
  let summary = "one element of a view: the general access, and a gather";
  let description = [{
    At a point of a `tile.map` or of a box. `valid` is false outside the view's
    extents, where the value is 0. With `inside` all points are in them.
  }];
  let arguments = (ins Tile_View:$view, Variadic<Index>:$indices,
                       UnitAttr:$inside);
  let results = (outs AnyType:$result, I1:$valid);
  let assemblyFormat = [{
    $view `[` $indices `]` attr-dict `:` type($view) `->` type($result)
  }];
}

def Tile_StoreOp : Tile_Op<"store", []> {
  let summary = "write a tile to a view";
  let description = [{
    The inverse of `tile.load`: elements outside (see there) are not written, values are rounded to the view's element type. A view of an output
    that the caller doesn't want (null) is not written.
  }];
  let arguments = (ins Tile_Tile:$tile, Tile_View:$view,
                       Variadic<Index>:$offsets, StrArrayAttr:$dims);
  let assemblyFormat = [{
    $tile `,` $view `[` $offsets `]` `dims` $dims attr-dict `:` type($tile) `,` type($view)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Computing
//===----------------------------------------------------------------------===//

def Tile_FillOp : Tile_Op<"fill", [Pure]> {
  let summary = "a tile of one value";
  let arguments = (ins TypedAttrInterface:$value);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = "$value attr-dict `:` type($result)";
}

def Tile_MapOp : Tile_Op<"map", [
    Pure, SingleBlock, AttrSizedOperandSegments]> {
  let summary = "an Einsum on tiles: map, filter, reduce";
  let description = [{
    ```mlir
    %x = tile.map ranks ["m", "p"] sizes [64, 128] at(%m0, %p0)
        ins(%s, %c : ..) reducers [#attn.reduce<max "m">] {
    ^bb0(%a: f32, %b: f32):
      ..
      tile.yield %v : f32 where %present
    } : !tile.tile<[p: 128], f32>
    ```
    At each point of the box the region computes a value from the inputs'
    elements (a tile is broadcast along ranks that it lacks), from
    coordinates, and from values and views of the kernel. Points whose filter
    is false don't count in a reduction; without a reduction their value is
    unspecified. `acc` is what a reduction starts from instead of its identity.
  }];
  let arguments = (ins StrArrayAttr:$ranks, DenseI64ArrayAttr:$sizes,
                       TypedArrayAttrBase<Attn_ReduceAttr, "reducers">:$reducers,
                       Variadic<Index>:$offsets, Variadic<Tile_Tile>:$inputs,
                       Optional<Tile_Tile>:$acc);
  let results = (outs Tile_Tile:$result);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    `ranks` $ranks `sizes` $sizes `at` `(` $offsets `)`
    (`ins` `(` $inputs^ `:` type($inputs) `)`)?
    (`acc` `(` $acc^ `:` type($acc) `)`)?
    `reducers` $reducers $body attr-dict `:` type($result)
  }];
  let hasFolder = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    bool isReduced(::mlir::StringAttr rank);
    ::mlir::Value getOffset(::mlir::StringAttr rank);
    YieldOp getYield();
  }];
}

def Tile_ContractOp : Tile_Op<"contract", [Pure]> {
  let summary = "a sum of products: what a matrix unit does";
  let description = [{
    ```mlir
    %s = tile.contract %k, %q over ["e"] : (..) -> !tile.tile<[m: 64, p: 128], f32>
    %o = tile.contract %v, %w, %acc over ["m"] : ..
    ```
    `result[i, j] = acc[i, j] + sum over c of lhs[i, c] * rhs[c, j]`, by rank
    names. `lhs` lacks the lane rank, `rhs` and the result have it. Operands of
    a narrower type are multiplied as they are and summed in the result's; the
    matrix unit's are made so by NarrowOperands. The unit is chosen by Bind;
    `vector` is always legal. With `stage = 1` a turn of the loop starts it that
    the next one awaits.
  }];
  let arguments = (ins Tile_Tile:$lhs, Tile_Tile:$rhs, Optional<Tile_Tile>:$acc,
                       StrArrayAttr:$over, OptionalAttr<Tile_UnitAttr>:$unit,
                       DefaultValuedOptionalAttr<I64Attr, "0">:$stage);
  let results = (outs Tile_Tile:$result);
  let assemblyFormat = [{
    $lhs `,` $rhs (`,` $acc^)? `over` $over attr-dict `:`
    type($lhs) `,` type($rhs) (`,` type($acc)^)? `->` type($result)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Groups of threads
//===----------------------------------------------------------------------===//

def Tile_ShareOp : Tile_Op<"share", [Pure]> {
  let summary = "the first of the lanes that a group of threads computes";
  let description = [{
    `%p1 = tile.share %p0 size 64`: a task's lanes, from coordinate `origin` on,
    are dealt out to groups of threads, `size` to each, in order. What is made
    of it differs from group to group.
  }];
  let arguments = (ins Index:$origin, I64Attr:$size);
  let results = (outs Index:$result);
  let assemblyFormat = "$origin `size` $size attr-dict";
}

def Tile_OwnOp : Tile_Op<"own", [Pure, SameOperandsAndResultType]> {
  let summary = "what a group of threads may take for what its task has";
  let description = [{
    ```mlir
    %own = tile.own %for_64 of %for_128 : index
    ```
    `whole` is right for all lanes of a task, `own` for those of a group. Either
    is right for the group: as a condition, or as a bound of a loop whose other
    turns leave all that it carries as it is, in those lanes. Where all groups
    share what a turn loads, they part only by what they compute (ShareTurns).
  }];
  let arguments = (ins AnyType:$own, AnyType:$whole);
  let results = (outs AnyType:$result);
  let assemblyFormat = "$own `of` $whole `:` type($result) attr-dict";
  let hasFolder = 1;
}

#endif // DIALECT_TILE_TILEOPS_TD

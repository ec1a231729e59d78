//===- AttnOps.td - The attn dialect: operations --------------*- tablegen -*-===//

#ifndef DIALECT_ATTN_ATTNOPS_TD
#define DIALECT_ATTN_ATTNOPS_TD

include "dialect/Attn/AttnBase.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Attn_Op<string mnemonic, list<Trait> traits = []>
    : Op<Attn_Dialect, mnemonic, traits>;

//===----------------------------------------------------------------------===//
// The cascade and what stands in it
//===----------------------------------------------------------------------===//

def Attn_CascadeOp : Attn_Op<"cascade", [
    IsolatedFromAbove, Symbol, SingleBlock, HasParent<"::mlir::ModuleOp">,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "a sequence of Einsums from inputs to outputs";
  let description = [{
    ```mlir
    attn.cascade @sum(%A: !attn.tensor<[b, m], f32>) -> !attn.tensor<[b], f32>
        ranks(b, m) {
      %S = attn.einsum [b] = %A[b, m]
      attn.yield %S
    }
    ```
    Arguments are tensors or scalars (f32, f64, i32, i64). The names of the
    arguments and of the yielded values are the names in the C interface.

    Constraints: cascade_c1 every rank of an argument or result is declared;
    cascade_c2 a rank is declared once, from ranks that are declared before it,
    with an extent of 1 to 2^40; cascade_c3 a free rank is a rank of some
    argument, or a factor of a product that is; cascade_c4 the yielded values
    have the declared results' ranks, and are floats or integers as they are;
    cascade_c5 the cascade and its arguments have names that C can have, and an
    output is neither an argument nor another output; cascade_c6 what is
    read is an argument or computed above, so a cycle goes through the state of
    an iteration, which lies one coordinate back.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
                       TypeAttrOf<FunctionType>:$function_type,
                       StrArrayAttr:$arg_names,
                       TypedArrayAttrBase<Attn_RankAttr, "ranks">:$ranks);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// The declaration of the rank called `name`, or null.
    RankAttr lookupRank(::mlir::StringAttr name);
    /// The fixed extent of `name`, or nothing where a call decides it.
    std::optional<int64_t> getFixedExtent(::mlir::StringAttr name);
  }];
}

def Attn_EinsumOp : Attn_Op<"einsum", [
    Pure, IsolatedFromAbove, SingleBlock,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "one extended Einsum: map, filter, reduce, populate";
  let description = [{
    ```mlir
    %S = attn.einsum [b, p, m] = %Q[b, p, e] * %K[b, m, e] * rsqrt(128)
           where (m <= p)
    %M = attn.einsum [b, p] = %S[b, p, m] reduce(max m)
    ```
    At every point of the iteration space (the product of `vars`) at which the
    filter holds and every access is present, the expression's value is reduced
    over the variables that are not on the left: by `add` unless `reduce` says
    otherwise. A group `(k, g)` on the left lies on the product rank `k * g`.

    `vars` lists the left-hand side's variables first. Where reducers differ,
    the first in `reducers` is applied last: `(max m, add e)` is the maximum
    over m of the sum over e. `reduce(@r m)` reduces by the `attn.reducer` of
    that name. The region's arguments are the inputs; it ends in `attn.value`.

    Constraints: einsum_c1 every variable and extent is of a declared rank;
    einsum_c2 a reduced variable is not on the left, and no variable is carried
    by an enclosing iteration; einsum_c3 a group's product is the result's rank;
    einsum_c4 an access has an index for every rank of its tensor; einsum_c5 the
    reducer has an identity in the value's type, and argmax stands alone;
    einsum_c6 a variable is on the left once or reduced once; einsum_c7 the
    region reads only variables of `vars` and of enclosing iterations; einsum_c8
    the value's type converts to the element type; einsum_c9 the region holds
    only what the language can say, as elements and coordinates; einsum_c10 a
    reducer `@r` is an `attn.reducer` of the module, on values of the type of
    this one.
  }];
  let arguments = (ins Variadic<AnyType>:$inputs, OptionalAttr<StrAttr>:$name,
                       StrArrayAttr:$vars,
                       TypedArrayAttrBase<StrArrayAttr, "groups of variables">:$out,
                       TypedArrayAttrBase<Attn_ReduceAttr, "reducers">:$reducers);
  let results = (outs Attn_Tensor:$result);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// The variables on the left, group after group.
    ::llvm::SmallVector<::mlir::StringAttr> getOutVars();
    /// The reducer of `var`, or nothing where it is on the left.
    std::optional<ReducerName> getReducer(::mlir::StringAttr var);
    /// The value and the filter (null where there is none).
    ::mlir::Value getValue();
    ::mlir::Value getFilter();
  }];
}

def Attn_ReducerOp : Attn_Op<"reducer", [
    IsolatedFromAbove, Symbol, SingleBlock, HasParent<"::mlir::ModuleOp">,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "a reducer that a user defines";
  let description = [{
    ```mlir
    attn.reducer @either(%a, %b: f32) identity(0) = %a + %b - %a * %b
    ..
    %P = attn.einsum [p] = %X[p, m] reduce(@either m)
    ```
    Over no point a reduction is the identity, over one its value, and over more
    the values are combined two at a time, in any order. The identity combined
    with x is x, whatever the expression gives (S11). The expression is one of
    `attn.einsum`, of the two operands alone.

    An operation in any order has one result only if it is associative and
    commutative: CheckReducers proves that, or tries it on random numbers, and
    refuses what it finds to be neither. What holds for the values at hand but
    not for all, such as `min(a + b, 1)` of what is 0 or more, is `assumed`.

    Constraints: reducer_c1 the operands are f64, f32, i64, i32 or i1;
    reducer_c2 the identity is a number of that type, and not NaN; reducer_c3
    the expression has that type, and reads the two operands alone.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$arg_names,
                       TypedAttrInterface:$identity, UnitAttr:$assumed);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// The type of the operands.
    ::mlir::Type getElementType() { return getIdentity().getType(); }
    /// What the expression gives.
    ::mlir::Value getValue();
  }];
}

def Attn_TopKOp : Attn_Op<"topk", [
    Pure, DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "choose the largest coordinates of a rank";
  let description = [{
    ```mlir
    %W, %I = attn.topk m to s of %G
    ```
    Replaces rank `m` by `s`, which has a fixed extent: the `s` largest values,
    largest first, and their coordinates (i32). Ties go to the smaller
    coordinate. Where fewer than `s` coordinates are present, the rest of the
    values and coordinates is absent, and so is what they index.
    `attn.topk m to s of %G with %L` also gives what `%L` has at the chosen
    coordinates, its payload, and chooses only where that is present.

    Constraints: topk_c1 `m` is a rank of the input; topk_c2 `s` is a declared
    fixed rank and not one of the input; topk_c3 the results have the input's
    ranks with `s` for `m`; topk_c4 payloads have the input's ranks.
  }];
  let arguments = (ins Attn_Tensor:$input, Variadic<Attn_Tensor>:$payload,
                       StrAttr:$from, StrAttr:$to,
                       OptionalAttr<StrArrayAttr>:$names);
  let results = (outs Attn_Tensor:$values, Attn_Tensor:$indices,
                      Variadic<Attn_Tensor>:$chosen);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Attn_IterateOp : Attn_Op<"iterate", [
    SingleBlock, RecursiveMemoryEffects,
    DeclareOpInterfaceMethods<OpAsmOpInterface,
                              ["getAsmBlockArgumentNames", "getAsmResultNames"]>]> {
  let summary = "carry state along a rank, coordinate by coordinate";
  let description = [{
    ```mlir
    %S, %O = attn.iterate t init(%s = %S0) -> (!attn.tensor<[e, f], f32>, !attn.tensor<[t, f], f32>) {
      %s1 = attn.einsum [e, f] = %a[t] * %s[e, f] + %K[t, e] * %V[t, f]
      %o  = attn.einsum [f] = %Q[t, e] * %s1[e, f]
      attn.yield %s1, %o
    }
    ```
    The body runs for t = 0, 1, ..; inside it `t` is a coordinate, not an
    iterated variable. It yields the next states, then one value for each
    collected result, which has rank `t` in addition.

    Constraints: iterate_c1 a state's type is its initial value's; iterate_c2
    the rank is declared and no enclosing iteration carries it; iterate_c3 a
    collected result has the yielded value's ranks and `t`.
  }];
  let arguments = (ins StrAttr:$rank, Variadic<Attn_Tensor>:$inits,
                       StrArrayAttr:$state_names, OptionalAttr<StrArrayAttr>:$names);
  let results = (outs Variadic<Attn_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
}

def Attn_YieldOp : Attn_Op<"yield", [Pure, Terminator, ParentOneOf<[
    "CascadeOp", "IterateOp", "NestOp", "StreamOp"]>]> {
  let summary = "the tensors that leave a region";
  let arguments = (ins Variadic<AnyType>:$values);
  let hasCustomAssemblyFormat = 1;
}

//===----------------------------------------------------------------------===//
// What the cascade stage makes
//===----------------------------------------------------------------------===//

def Attn_NestOp : Attn_Op<"nest", [
    SingleBlock, RecursiveMemoryEffects,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "Einsums that become one kernel";
  let description = [{
    ```mlir
    %AV = attn.nest parallel(b, p) -> !attn.tensor<[b, p, f], f32> { .. }
    ```
    Every Einsum of the body is computed for one tile of the `parallel` ranks
    at a time; what nests share is recomputed, and only results are stored.
    Made by FormNests.

    Constraints: nest_c1 the parallel ranks are declared, each named once;
    nest_c2 the body yields the results.
  }];
  let arguments = (ins StrArrayAttr:$parallel, OptionalAttr<StrArrayAttr>:$names);
  let results = (outs Variadic<Attn_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
}

def Attn_StreamOp : Attn_Op<"stream", [
    SingleBlock, RecursiveMemoryEffects,
    DeclareOpInterfaceMethods<OpAsmOpInterface,
                              ["getAsmBlockArgumentNames", "getAsmResultNames"]>]> {
  let summary = "one traversal of a rank: init, step, merge";
  let description = [{
    ```mlir
    %RM, %RD = attn.stream m init(%rm = -inf, %rd = 0.0)
        -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>) step {
      %LM  = attn.einsum [p] = %S[p, m] reduce(max m)
      %RM1 = attn.einsum [p] = max(%rm[p], %LM[p])
      ..
      attn.yield %RM1, %RD1
    } merge(%a, %b, %c, %d) { .. attn.yield .. }
    ```
    `step` absorbs any chunk of the rank's coordinates: inside it the rank's
    variable ranges over the chunk. Any partition into chunks, in order, gives
    the same result; `merge` combines the states of two disjoint sets of
    coordinates (the left one's states first, then the right one's), which is
    what split-key, tree and shared-prefix evaluation need. The finish is
    whatever Einsums read the results. After the states, `step` may yield
    values that keep the rank: these results are stored chunk by chunk.

    Made by OnePass from reduction normal form (docs/theory.md). FuseMax's
    Cascade 5 is this op for softmax.

    Constraints: stream_c1 the step takes the states and yields the results,
    the first of which are the states; stream_c2 the merge region takes two sets
    of states and yields one; stream_c3 the rank is declared.
  }];
  let arguments = (ins StrAttr:$rank, F64ArrayAttr:$inits,
                       TypedArrayAttrBase<Attn_ReduceAttr, "reducers">:$reducers,
                       StrArrayAttr:$state_names, OptionalAttr<StrArrayAttr>:$names);
  let results = (outs Variadic<Attn_Tensor>:$results);
  let regions = (region SizedRegion<1>:$step, AnyRegion:$merge);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    unsigned getNumStates() { return getInits().size(); }
  }];
}

def Attn_JoinOp : Attn_Op<"join", [
    Pure, DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let summary = "the best entries of two lists";
  let description = [{
    ```mlir
    %RW1, %RI1 = attn.join s of (%rw, %ri) and (%LW, %LI)
    ```
    A list has, along rank `s`, values and their coordinates (i32), best first
    as `attn.topk` orders them; more tensors go along as payload. An entry that
    is absent, or has a negative coordinate, is none. The result has the best
    `s` entries of both lists, which share no coordinate; where there are fewer
    the value is -inf (of integers the least), the coordinate -1 and the payload
    0. It is present everywhere. Made by OnePass: it carries the list of a
    stream from chunk to chunk, and merges two.

    Constraints: join_c1 both lists have the same types, the first of the values
    and the second of their coordinates, in i32, over the same ranks; join_c2
    `s` is a declared fixed rank, and a rank of every tensor.
  }];
  let arguments = (ins StrAttr:$rank, Variadic<Attn_Tensor>:$lists,
                       OptionalAttr<StrArrayAttr>:$names);
  let results = (outs Variadic<Attn_Tensor>:$results);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::OperandRange getLeft() {
      return getLists().take_front(getNumResults());
    }
    ::mlir::OperandRange getRight() {
      return getLists().drop_front(getNumResults());
    }
  }];
}

//===----------------------------------------------------------------------===//
// Inside an Einsum's region
//===----------------------------------------------------------------------===//

def Attn_ReadOp : Attn_Op<"read", [Pure]> {
  let summary = "an input's element at the given coordinates";
  let description = [{
    `%x = attn.read %K[%b, %m, %e]`. Absent outside the tensor's extents (S2).
    Narrow types widen (S8): f16, bf16 and f8 to f32, i8 and ui8 to i32.
  }];
  let arguments = (ins Attn_Tensor:$tensor, Variadic<Index>:$indices);
  let results = (outs AnyType:$result);
  let assemblyFormat = "$tensor `[` $indices `]` attr-dict `:` type($tensor) `->` type($result)";
  let hasVerifier = 1;
}

def Attn_RankVarOp : Attn_Op<"rank", [Pure]> {
  let summary = "the current coordinate of a rank variable";
  let arguments = (ins StrAttr:$rank);
  let results = (outs Index:$result);
  let assemblyFormat = "$rank attr-dict";
}

def Attn_ExtentOp : Attn_Op<"extent", [Pure]> {
  let summary = "the extent of a rank";
  let arguments = (ins StrAttr:$rank);
  let results = (outs Index:$result);
  let assemblyFormat = "$rank attr-dict";
}

def Attn_FlattenOp : Attn_Op<"flatten", [Pure]> {
  let summary = "coordinates of several ranks as one of their product";
  let description = [{
    `(k, g)` is `k * extent(g) + g`. `ranks` gives each index its radix.
  }];
  let arguments = (ins Variadic<Index>:$indices, StrArrayAttr:$ranks);
  let results = (outs Index:$result);
  let assemblyFormat = "$indices $ranks attr-dict";
  let hasVerifier = 1;
}

def Attn_DivOp : Attn_Op<"div", [Pure, SameOperandsAndResultType]> {
  let summary = "division in which 0 / 0 is 0 (S5)";
  let arguments = (ins AnyFloat:$lhs, AnyFloat:$rhs);
  let results = (outs AnyFloat:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}

def Attn_SigmoidOp : Attn_Op<"sigmoid", [Pure, SameOperandsAndResultType]> {
  let summary = "1 / (1 + exp(-x))";
  let arguments = (ins AnyFloat:$input);
  let results = (outs AnyFloat:$result);
  let assemblyFormat = "$input attr-dict `:` type($result)";
}

def Attn_CastOp : Attn_Op<"cast", [Pure]> {
  let summary = "a value rounded to a type";
  let description = [{
    Rounds to `to` and widens again to the type that arithmetic is done in (S8):
    floats to nearest even; from float to integer it truncates and saturates,
    and NaN gives 0; between integers it keeps the low bits. `implicit` casts
    are those that the parser puts between integers and floats; they round
    nothing in the reference and are not printed.
  }];
  let arguments = (ins AnyType:$input, TypeAttr:$to, UnitAttr:$implicit);
  let results = (outs AnyType:$result);
  let assemblyFormat = "$input `to` $to attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Attn_ValueOp : Attn_Op<"value", [Pure, Terminator, ParentOneOf<[
    "EinsumOp", "ReducerOp"]>]> {
  let summary = "an Einsum's value at a point, and its filter";
  let arguments = (ins AnyType:$value, Optional<I1>:$filter);
  let assemblyFormat = "$value (`where` $filter^)? attr-dict `:` type($value)";
}

#endif // DIALECT_ATTN_ATTNOPS_TD

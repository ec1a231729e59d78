//===- Passes.td - The algebra of cascades --------------------*- tablegen -*-===//

#ifndef LIB_CASCADE_PASSES_TD
#define LIB_CASCADE_PASSES_TD

include "mlir/Pass/PassBase.td"

def CheckReducers : Pass<"attn-check-reducers", "::mlir::ModuleOp"> {
  let summary = "Refuse a user-defined reducer whose result depends on an order";
  let description = [{
    A reduction takes its points in any order and in groups of any size, so what
    `attn.reducer` defines must be associative and commutative, and its identity
    must leave a number as it is. Each law is proved in the algebra of scalar
    expressions or, where that fails, tried on random numbers of several
    magnitudes. An error names numbers for which a law does not hold. A reducer
    that is `assumed` to obey them is not looked at.

    ```mlir
    attn.reducer @either(%a, %b: f32) identity(0) = %a + %b - %a * %b
    ```
    is proved to obey all three; `(%a + %b) / 2.0` is refused: (1 @mean 2) @mean
    4 is 2.75, but 1 @mean (2 @mean 4) is 2.
  }];
}

def Reassociate : Pass<"attn-reassociate", "::attn::CascadeOp"> {
  let summary = "Multiply the factors of a sum in the order that costs least";
  let description = [{
    Einsums that only multiply and add are one sum of products with the Einsum
    that alone reads them. Multiplication and addition distribute, so its
    factors can be multiplied in pairs in any order; the one with the fewest
    multiply-adds is taken. Fixed extents decide, and free ones where one order
    is best whatever they are; else they need an assumption, and a remark says
    where the choice would turn.

    Before:
    ```mlir
    %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
    %AV = attn.einsum [p, f] = %QK[p, m] * %V[m, f]
    ```
    After, with `assume=p=4096,m=4096`:
    ```mlir
    %T = attn.einsum [e, f] = %K[m, e] * %V[m, f]
    %AV = attn.einsum [p, f] = %Q[p, e] * %T[e, f]
    ```
    A filter, another function or reducer, a rounding, a division by data and a
    factor that may be absent end a product. Reassociates floating point.
  }];
  let options = [
    ListOption<"assume", "assume", "std::string",
               "extents of free ranks to choose by, as m=4096">,
  ];
}

def SplitReducers : Pass<"attn-split-reducers", "::attn::CascadeOp"> {
  let summary = "Give each kind of reducer an Einsum of its own";
  let description = [{
    An Einsum may reduce one variable by `add` and another by `max`; the first
    named is applied last (S4). Later stages see one kind an Einsum.

    Before:
    ```mlir
    %G = attn.einsum [p] = %Q[p, e] * %K[m, e] reduce(max m)
    ```
    After:
    ```mlir
    %0 = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
    %G = attn.einsum [p] = %0[p, m] reduce(max m)
    ```
  }];
}

def ExpandReducers : Pass<"attn-expand-reducers", "::attn::CascadeOp"> {
  let summary = "Write `lse` and `argmax` with a maximum, a sum and a minimum";
  let description = [{
    Each Einsum has one kind of reducer by then (`attn-split-reducers`).

    Before:
    ```mlir
    %L = attn.einsum [p] = %S[p, m] reduce(lse m)
    %I = attn.einsum [p] = %S[p, m] reduce(argmax m)
    ```
    After:
    ```mlir
    %L_max = attn.einsum [p] = %S[p, m] reduce(max m)
    %L_sum = attn.einsum [p] = exp(%S[p, m] - %L_max[p])
    %L = attn.einsum [p] = %L_max[p] + log(%L_sum[p])
    %I_max = attn.einsum [p] = %S[p, m] reduce(max m)
    %I_first = attn.einsum [p] = cast(m, i32) where (%S[p, m] == %I_max[p]) reduce(min m)
    %I = attn.einsum [p] = select(%I_first[p] == 2147483647, -1, %I_first[p])
    ```
    These are two reductions one after the other, which the derivation makes one
    traversal again.
  }];
}

def FormScans : Pass<"attn-form-scans", "::attn::CascadeOp"> {
  let summary = "Carry a sum over a prefix along";
  let description = [{
    A sum over the `m` up to a bound that moves with `p`, of factors that have
    one of the two each, gets one more term at every `p`: it becomes the state
    of an `attn.iterate`. The Einsums between the filter and the sum may only
    multiply and add; else a remark names what has both variables.

    Before:
    ```mlir
    %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e] where (m <= p)
    %AV = attn.einsum [p, f] = %QK[p, m] * %V[m, f]
    ```
    After, with a rank `m_term = 1`, over which a term that is absent sums to 0:
    ```mlir
    %K_p = attn.einsum [p, e] = %K[p + m_term, e]
    %V_p = attn.einsum [p, f] = %V[p + m_term, f]
    %S0 = attn.einsum [e, f] = 0.0
    %S, %AV = attn.iterate p init(%s = %S0) -> (..) {
      %s1 = attn.einsum [e, f] = %s[e, f] + %K_p[p, e] * %V_p[p, f]
      %o = attn.einsum [f] = %Q[p, e] * %s1[e, f]
      attn.yield %s1, %o
    }
    ```
    `attn-chunkwise` walks that in chunks. Reassociates floating point.
  }];
}

def Chunkwise : Pass<"attn-chunkwise", "::attn::CascadeOp"> {
  let summary = "Walk a linear recurrence in chunks of steps";
  let description = [{
    An `attn.iterate` whose next state is affine in the state, and whose results
    are read from it linearly, is summed up over chunks of `chunk` steps: one
    iteration over chunks is left, and everything else happens for all chunks at
    once, most of it in matrix products. How the body is written does not
    matter. The transition must be the identity, a scalar, a diagonal, or one of
    these plus a few products of vectors, such as the delta rule's; those take
    a triangular system per chunk (docs/theory.md). A remark names the family,
    or the sub-expression for which there is none; the iteration then stays.

    Before:
    ```mlir
    %S, %O = attn.iterate t init(%s = %S0) -> (..) {
      %s1 = attn.einsum [e, f] = %gamma * %s[e, f] + %K[t, e] * %V[t, f]
      %o = attn.einsum [f] = %Q[t, e] * %s1[e, f]
      attn.yield %s1, %o
    }
    ```
    After, with `ti` and `tj` for places in a chunk `t1` of 64 steps:
    ```mlir
    %A = attn.einsum [t1,ti,tj] = %Q[t1 * 64 + ti, e] * %K[t1 * 64 + tj, e]
           where (tj <= ti)
    %AD = attn.einsum [t1,ti,tj] = %A[t1,ti,tj] * pow(%gamma, ti - tj)
            where (tj <= ti)
    %OV = attn.einsum [t1,ti,f] = %AD[t1,ti,tj] * %V[t1 * 64 + tj, f]
    ..
    %S, %O_0 = attn.iterate t1 init(%s = %S0) -> (..) {
      %OS = attn.einsum [ti,f] = %Q[t1 * 64 + ti, e] * %s[e, f]
      %o = attn.einsum [ti,f] = %p[ti] * %OS[ti,f] + %OV[t1,ti,f]
      %KV = attn.einsum [e,f] = %k[t1,tj,e] * %V[t1 * 64 + tj, f]
      %s1 = attn.einsum [e,f] = %d[t1] * %s[e,f] + %KV[e,f]
      attn.yield %s1, %o
    }
    %O = attn.einsum [t,f] = %O_0[t floordiv 64, t mod 64, f]
    ```
    Reassociates floating point. A logarithm of a decay has to be finite.
  }];
  let options = [
    Option<"chunk", "chunk", "int64_t", "64", "steps of a chunk">,
  ];
}

def FormNests : Pass<"attn-form-nests", "::attn::CascadeOp"> {
  let summary = "Group a cascade's Einsums into nests, one kernel each";
  let description = [{
    Works back from what is yielded. A *loop rank* has no fixed extent, or one
    over `max-resident`. A reduction over a loop rank whose own loop ranks are
    those of the nest's results joins the nest; another is stored by a nest of
    its own, since each tile would have to compute it again (K^T V of linear
    attention, once per query). What reduces no loop rank (a score, a weight)
    is computed again wherever it is read, as FlashAttention does.

    Before:
    ```mlir
    %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
    %GM = attn.einsum [p] = %QK[p, m] reduce(max m)
    attn.yield %GM
    ```
    After:
    ```mlir
    %GM = attn.nest parallel(p) -> !attn.tensor<[p], f32> {
      %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
      %GM_0 = attn.einsum [p] = %QK[p, m] reduce(max m)
      attn.yield %GM_0
    }
    attn.yield %GM
    ```
    With `fuse=false` every Einsum is a nest of its own and every intermediate
    tensor is stored: the unfused form, to compare with.
  }];
  let options = [
    Option<"fuse", "fuse", "bool", "true", "fuse Einsums into nests">,
    Option<"maxResident", "max-resident", "int64_t", "512",
           "largest fixed extent that one tile may span">,
  ];
}

def OnePass : Pass<"attn-one-pass", "::attn::CascadeOp"> {
  let summary = "Turn a nest's reductions over a loop rank into streams";
  let description = [{
    A loop rank (see `attn-form-nests`) that a nest reduces is walked chunk by
    chunk: its reductions become the states of an `attn.stream`, in as few
    traversals as lib/Cascade/Derivation finds. What contracts other ranks is
    kept, and computed again in each step.

    Before:
    ```mlir
    %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
    %GM = attn.einsum [p] = %QK[p, m] reduce(max m)
    %SN = attn.einsum [p, m] = exp(%QK[p, m] - %GM[p])
    %SD = attn.einsum [p] = %SN[p, m]
    ```
    After:
    ```mlir
    %RM, %RD = attn.stream m init(max %rm = -inf, add %rd = 0.0) -> (..) step {
      %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
      %LM = attn.einsum [p] = %QK[p, m] reduce(max m)
      %RM1 = attn.einsum [p] = max(%rm[p], %LM[p])
      %SN = attn.einsum [p, m] = exp(%QK[p, m] - %RM1[p])
      %LD = attn.einsum [p] = %SN[p, m]
      %PRM = attn.einsum [p] = exp(%rm[p] - %RM1[p])
      %RD1 = attn.einsum [p] = %rd[p] * %PRM[p] + %LD[p]
      attn.yield %RM1, %RD1
    } merge(%rm_a, %rd_a, %rm_b, %rd_b) { .. }
    ```
    `L` is what a chunk contributes, `R` what was seen so far, `P` the factor
    that corrects it: FuseMax's names. A reduction that needs one more traversal
    gets a remark that says why.

    A correction that no rule proves, but that held at random points, is
    refused, unless `unproved=true` asks for it. The stream's attribute
    `attn.unproved` then names the states.

    A maximum that only keeps exponentials in range, and cancels in all that is
    yielded, may be another number. `maximum=static` takes one that bounds its
    elements by range analysis, or the scalar that `maximum-bound` names;
    `stale` an old maximum as long as no element exceeds it by more than ln 256;
    `tile-local` each chunk's own, merged with the state by the stream's merge.
    A remark says what was taken, or why the running maximum stays.

    With `one-pass=false` nothing is derived: every level of reductions is a
    traversal of its own, to compare with. Reassociates floating point.
  }];
  let options = [
    Option<"onePass", "one-pass", "bool", "true",
           "derive the form with the fewest traversals">,
    Option<"unproved", "unproved", "bool", "false",
           "take corrections that held at random points without a proof">,
    Option<"maximum", "maximum", "::attn::MaximumChoice",
           "::attn::MaximumChoice::Running",
           "what stands for maxima that only keep exponentials in range",
           [{::attn::getMaximumValues()}]>,
    Option<"maximumBound", "maximum-bound", "std::string", "",
           "a scalar that no element of a maximum exceeds, for static">,
    Option<"maxResident", "max-resident", "int64_t", "512",
           "largest fixed extent that one tile may span">,
  ];
}

def FormMonoid : Pass<"attn-form-monoid", "::mlir::ModuleOp"> {
  let summary = "Make functions of the states that a traversal carries";
  let description = [{
    A cascade that is one traversal of `rank` (see `attn-one-pass`) gets three
    others beside it. `@x_partial` takes some of the rank's coordinates and
    returns the states that a traversal of them ends with, `@x_merge` takes the
    states of two sets of coordinates and returns those of both, and `@x_finish`
    takes the states of all and returns the outputs. They are written as plain
    Einsums, to be compiled as any cascade.

    ```mlir
    attn.cascade @x_merge(%RM_a, %RD_a, %RM_b, %RD_b) -> (.., ..) ranks(p) {
      %RM1 = attn.einsum [p] = max(%RM_a[p], %RM_b[p])
      %PRM_a = attn.einsum [p] = exp(%RM_a[p] - %RM1[p])
      %PRM_b = attn.einsum [p] = exp(%RM_b[p] - %RM1[p])
      %RD1 = attn.einsum [p] = %RD_a[p] * %PRM_a[p] + %RD_b[p] * %PRM_b[p]
      attn.yield %RM1, %RD1
    }
    ```
    Where the cascade uses a coordinate of the rank (a filter does) or its
    extent, the functions take where the piece begins and how long the whole is:
    `m_begin` and `m_extent`. It is an error if one traversal is not enough, if
    an output keeps the rank, or if a tensor is read at other coordinates of the
    rank than the point's own.
  }];
  let options = [
    Option<"rank", "rank", "std::string", "", "the rank that is cut">,
    Option<"unproved", "unproved", "bool", "false",
           "take corrections that held at random points without a proof">,
    Option<"maximum", "maximum", "::attn::MaximumChoice",
           "::attn::MaximumChoice::Running",
           "what stands for maxima that only keep exponentials in range",
           [{::attn::getMaximumValues()}]>,
    Option<"maximumBound", "maximum-bound", "std::string", "",
           "a scalar that no element of a maximum exceeds, for static">,
  ];
}

#endif // LIB_CASCADE_PASSES_TD

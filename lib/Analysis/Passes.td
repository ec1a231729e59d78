//===- Passes.td - Facts about cascades -----------------------*- tablegen -*-===//

#ifndef LIB_ANALYSIS_PASSES_TD
#define LIB_ANALYSIS_PASSES_TD

include "mlir/Pass/PassBase.td"

def PrintTraversals : Pass<"attn-print-traversals", "::mlir::ModuleOp"> {
  let summary = "Print how often every tensor must be walked";
  let description = [{
    For every rank: how many traversals its tensors need whatever the mapping,
    the Einsums that force each (`after` one that needs the whole rank first),
    how much must be live at once, and the phase in which every Einsum runs.
    docs/theory.md says what that means.

    ```mlir
    attn.cascade @center(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
        ranks(m) {
      %S = attn.einsum [m] = %X[m] * %X[m]
      %T = attn.einsum [] = %S[m]
      %Y = attn.einsum [m] = %S[m] / %T[]
      attn.yield %Y
    }
    ```
    prints
    ```
    @center
      m: 2 traversals, 2 phases
        %X: 2 traversals: S; Y after T; live: one tile
        S: phase 0, streams; live: |m|
        T: phase 0, at its end
        Y: phase 1 after T, streams; live: one tile
    ```
  }];
  let options = [
    ListOption<"ranks", "ranks", "std::string",
               "the ranks to print; all where none is given">,
    Option<"intermediates", "intermediates", "bool", "false",
           "count the traversals of what Einsums compute, too">,
  ];
}

def PrintCounts : Pass<"attn-print-counts", "::mlir::ModuleOp"> {
  let summary = "Print what every Einsum computes and moves";
  let description = [{
    The operations of every Einsum by kind and the bytes that it reads and
    writes, then those of the cascade, as polynomials in the extents. An
    operation counts once for each coordinate of the variables that it depends
    on; what depends on none is computed once a call and counts for nothing. A
    filter is a symbol, `#0`, with its meaning at the end. The cascade's bytes
    are the compulsory ones: every argument read once, every result written
    once.

    ```mlir
    attn.cascade @causal(%Q: !attn.tensor<[p, e], f32>,
                         %K: !attn.tensor<[m, e], f32>)
        -> !attn.tensor<[p, m], f32> ranks(p, m, e) {
      %S = attn.einsum [p, m] = %Q[p, e] * %K[m, e] where (m <= p)
      %W = attn.einsum [p, m] = sigmoid(%S[p, m])
      attn.yield %W
    }
    ```
    prints
    ```
    @causal
      S: reads 4 |e| |m| + 4 |e| |p|, writes 4 |m| |p|
        mac: #0 |e|
      W: reads 4 |m| |p|, writes 4 |m| |p|
        sigmoid: #0
      total: reads 4 |e| |m| + 4 |e| |p|, writes 4 |m| |p|
        mac: #0 |e|
        sigmoid: #0
      #0: points (p, m) where p - m >= 0
    ```
  }];
  let options = [
    ListOption<"extents", "extents", "std::string",
               "extents, as p=1024; then numbers are printed too">,
    ListOption<"chunks", "chunks", "std::string",
               "coordinates of a streamed rank in a chunk, as m=64">,
  ];
}

#endif // LIB_ANALYSIS_PASSES_TD

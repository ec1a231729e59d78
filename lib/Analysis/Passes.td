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

#endif // LIB_ANALYSIS_PASSES_TD

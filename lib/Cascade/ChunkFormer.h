//===- ChunkFormer.h - A linear recurrence over chunks of steps -----------===//
//
// With t = t1 * C + i, and D(i, j) what is left after step i of what step j
// added, the state after step i of a chunk that starts as S is
//
//   S[i] = D(i, -1) S + sum over j <= i of D(i, j) (B[j] + x[j] z[j]^T)
//
// where z[i] = y[i]^T S[i-1] is the only way in which x y^T feeds back. Put in,
// it is a triangular system within the chunk,
//
//   z[i] = y[i] D(i-1, -1) S + sum over j < i of y[i] D(i-1, j) (B[j] + x[j]
//   z[j])
//
// whose inverse X = (I - N)^-1 does not depend on the state: z = W S + U, which
// is the WY representation for the delta rule (Bischof and Van Loan, 1987; Yang
// et al., 2024). An input that has x as a factor, B = x v^T, joins z: then
// z + v takes its place, and v stands for what B adds to the right-hand side.
// So all but a few products per chunk happens for all chunks at once, and one
// iteration over chunks carries S.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CASCADE_CHUNKFORMER_H
#define LIB_CASCADE_CHUNKFORMER_H

#include "lib/Cascade/ChunkDecay.h"
#include "lib/Cascade/Transition.h"

namespace attn {

class ChunkFormer {
public:
  ChunkFormer(IterateOp iterate, int64_t chunk);

  /// Replaces the iteration; or leaves the cascade as it was and returns false,
  /// with a refusal.
  bool run();
  const StepRefusal &getRefusal() const { return forms->getRefusal(); }
  /// The families of the states, in words.
  llvm::StringRef getDescription() const { return description; }

private:
  /// How the state is read: `coefficient * S` at step i, summed over
  /// `contracted`. `at` says what the state's own variables are here.
  struct Reader {
    Expr coefficient;
    Renaming at;
    llvm::SmallVector<mlir::StringAttr> contracted;
    bool isBefore;
  };
  /// A sum over j of `kernel * rest`, where `filter` holds. The kernel may be
  /// null, for 1; the filter is null where the kernel has it.
  struct Kernel {
    Expr kernel, rest, filter;
  };
  /// A state's part of a readout, before the iteration over chunks.
  struct Reading {
    unsigned state;
    Reader reader;
    /// `outer * (the sum over contracted of inner * S)`.
    Expr inner, outer;
    /// One for each product of the transition.
    llvm::SmallVector<Kernel> kernels;
  };
  struct Readout {
    mlir::Value tensor;
    const StepForm *form;
    std::vector<Reading> readings;
    /// What needs no state.
    llvm::SmallVector<Expr> terms;
  };
  /// The triangular system of a state: z = weight S + constant.
  struct Solve {
    llvm::SmallVector<Expr> weights, constants;
  };
  /// What a product adds to the state until the end of the chunk, summed over
  /// j where `filter` holds.
  struct Update {
    Expr left, right, filter;
  };
  struct State {
    Transition transition;
    /// For each product, what to add to z so that `x z^T` has inputs too.
    llvm::SmallVector<Expr> absorbed;
    llvm::SmallVector<mlir::StringAttr> contracted;
    std::unique_ptr<ChunkDecay> decay;
    Solve solve;
    llvm::SmallVector<Update> inputs, products;
    /// What the chunk leaves of the state.
    Expr whole;
  };

  bool analyse();
  void declareRanks();
  bool makeReader(const StepForm &form, const StepTerm &term, Reader &reader);
  Kernel makeKernel(llvm::StringRef name, const Reader &reader, Expr source,
                    State &state);
  std::pair<Expr, Expr> splitReading(const Reader &reader, State &state);
  Expr emitSum(llvm::StringRef name, const Kernel &kernel, Expr other);
  Expr emitProduct(llvm::StringRef name, llvm::ArrayRef<Expr> factors);
  void absorbInputs(State &state);
  void prepareState(State &state);
  void prepareSolve(State &state);
  std::vector<llvm::SmallVector<Expr>>
  invert(const std::vector<llvm::SmallVector<Expr>> &system);
  Update prepareUpdate(Expr source, State &state);
  void prepareReadout(mlir::Value tensor, const StepForm &form);
  void emitChunks();
  llvm::SmallVector<Expr> emitSolution(const State &state, Expr old);
  mlir::Value emitState(unsigned index, Expr old, llvm::ArrayRef<Expr> z);
  mlir::Value emitReadout(const Readout &readout, llvm::ArrayRef<Expr> olds,
                          llvm::ArrayRef<llvm::SmallVector<Expr>> z);
  void replace();
  void eraseUnused();

  Expr var(mlir::StringAttr name);
  Expr makeRange(bool isBefore);
  Expr atStep(Expr expr, mlir::StringAttr step) {
    return leaves->rename(expr, {{vars.step, step}});
  }

  IterateOp original, iterate;
  CascadeOp cascade;
  int64_t chunk;
  mlir::ArrayAttr oldRanks;
  ExprContext context;
  std::unique_ptr<StepLeaves> leaves;
  std::unique_ptr<StepEmitter> emitter;
  std::unique_ptr<StepForms> forms;
  ChunkVars vars;
  std::vector<State> states;
  std::vector<Readout> readouts;
  llvm::SmallVector<mlir::Value> finals;
  std::string description;
};

} // namespace attn

#endif // LIB_CASCADE_CHUNKFORMER_H

//===- StreamFormer.h - One rank of a block becomes streams ---------------===//
//
// What the parts of OnePass share: the ops of a block and what becomes of them
// (FormStreams.cpp, RefuseMember.cpp), the streams that are emitted
// (EmitStreams.cpp), the functions that their states become (EmitMonoid.cpp)
// and what a user is told (ExplainStreams.cpp).
//
// Not everything is algebra. An Einsum that contracts other ranks stays as it
// is, and is computed again for each chunk. One that contracts what depends on
// a reduction over the same rank has to wait until that is finished: it divides
// the reductions into *segments*, which are derived one after the other.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CASCADE_STREAMFORMER_H
#define LIB_CASCADE_STREAMFORMER_H

#include "lib/Cascade/Derivation.h"
#include "lib/Cascade/EmitExpr.h"
#include "lib/Cascade/ExplainStreams.h"
#include "lib/Cascade/ImportExpr.h"

namespace attn {

/// What becomes of an op, seen from the rank that is streamed.
enum class Role {
  /// Depends on no reduction over the rank: computed where it is needed.
  Independent,
  /// A map over reductions of the rank: part of the algebra.
  Map,
  /// A reduction over the rank, part of the algebra.
  Reduction,
  /// A reduction over the rank that the algebra cannot say: it is reduced as
  /// it stands, once what it depends on is finished.
  Plain,
  /// Any other op that depends on a reduction over the rank.
  Late,
};

struct Member {
  mlir::Operation *op;
  Role role = Role::Independent;
  /// Of Map, Reduction and Plain: the segment that computes it.
  unsigned segment = 0;
  /// The first segment whose traversals may use its value.
  unsigned ready = 0;
  ImportedEinsum imported;
  /// Of Plain and Late: why it is not part of the algebra.
  std::string reason;
  /// Of a Reduction and a Plain: the leaf of what is accumulated. Of a
  /// Reduction: its body.
  Expr leaf, body;
  /// Of a Reduction to a list: the leaf of the coordinates, where an entry of
  /// the list is present, and whether the body is the algebra's, or stands for
  /// the tensor that is chosen from.
  Expr coordinates, entry;
  bool isComputed = false;
  /// Of a list: the leaves of its payloads, and the tensors of coordinates and
  /// payloads, by leaf, that are needed.
  llvm::SmallVector<Expr> payload;
  llvm::SmallSetVector<Expr, 2> wanted;
  bool isReached = false;
  /// Of Map and Reduction: its tensor is needed.
  bool isOutput = false;
  /// Of a Reduction: a later segment needs the leaf.
  bool isLeafNeeded = false;

  EinsumOp getEinsum() const { return mlir::cast<EinsumOp>(op); }
  /// The op of a list, or null.
  TopKOp getList() const { return mlir::dyn_cast<TopKOp>(op); }
  /// The first segment at whose start its tensor exists.
  unsigned getFinished() const {
    return role == Role::Map || role == Role::Reduction ? segment + 1 : ready;
  }
};

/// A state of a stream.
struct State {
  /// `RM`; the argument is `rm`, the next state `RM1`.
  std::string name;
  ReducerName reducer = ReducerKind::Add;
  double init;
  attn::TensorType type;
  Groups groups;
  /// Leaves for the value before and after an update.
  Expr previous, leaf;
  /// The contribution of a chunk: a job, or an Einsum to copy. Of a list: the
  /// job of what is chosen from, if that is computed.
  std::optional<EinsumJob> local;
  mlir::Operation *plain = nullptr;
  /// Of the states of a list, values, coordinates and payloads: its op, and
  /// which of them this is; of the values the tensor that is chosen from, if it
  /// is there.
  TopKOp list;
  unsigned part = 0;
  mlir::Value source;
  /// The old state moved to the new values of the states before it; null where
  /// it stays what it is.
  Expr corrected;
  /// Nothing proves that.
  bool isUnproved = false;
  /// Accumulator::staleness, Phase::isMerged.
  double staleness = 0;
  bool isMerged = false;
};

/// The members that one segment computes.
struct Segment {
  llvm::SmallVector<Member *> reductions, plain;
  /// Whose tensors are needed, and whose leaves later segments read.
  llvm::SmallVector<Member *> outputs, leaves;
};

/// The functions that FormMonoid makes of a traversal, empty at first; they
/// take the arguments of the cascade (the finish after the states).
struct Monoid {
  CascadeOp partial, merge, finish;
  llvm::SmallVector<std::string> states;
};

struct StreamOptions {
  /// If not, every level of reductions is a traversal of its own.
  bool derives = true;
  DerivationOptions derivation;
  /// The scalar argument that DerivationOptions::maximumBound is, or empty.
  std::string maximumBound;
};

/// Streams one rank in one block.
class StreamFormer {
public:
  /// `loops` are the loop ranks that nothing around the block walks, `rank` one
  /// of them.
  StreamFormer(CascadeOp cascade, mlir::Block &block, mlir::StringAttr rank,
               llvm::ArrayRef<mlir::StringAttr> loops, mlir::Type floatType,
               const StreamOptions &options)
      : cascade(cascade), block(block), rank(rank), options(options),
        importer(context, cascade), emitter(importer, cascade),
        builder(block.getTerminator()) {
    emitter.setFloatType(floatType);
    streamed.set(importer.getRank(rank));
    walked = emitter.getRanks(loops);
  }
  void run();
  /// Writes the rank's traversal to the bodies of `monoid` and leaves the block
  /// as it is. An error says why one traversal is not enough.
  mlir::LogicalResult formMonoid(Monoid &monoid);

private:
  // FormStreams.cpp
  ExprReducer getExprReducer(ReducerName name);
  ReducerName getReducerName(ExprReducer reducer);
  void classify();
  void classify(Member &member, EinsumOp einsum);
  void importReduction(Member &member, EinsumOp einsum);
  Expr splitInvariant(Expr body, const RankSet &reduced, Expr &factor);
  void markNeeded();
  Expr findScalar(const NormalForm &form, llvm::StringRef name);
  Segment getSegment(unsigned number);
  NormalForm makeNormalForm(const Segment &segment);
  std::optional<NormalForm> splitTerms(const NormalForm &form, unsigned index);
  Derivation deriveBest(NormalForm &form, Segment &segment);
  void emitSegment(Segment segment);
  void cleanUp();

  // RefuseMember.cpp
  std::string getMovingNames(mlir::Operation *op);
  Expr findForgetting(Expr expr);
  std::string describeRefusal(EinsumOp einsum, const ImportedEinsum &imported);

  // FormLists.cpp
  void classifyList(Member &member, TopKOp topk);
  mlir::Value getTensor(Expr body, TopKOp topk);
  Expr getListLeaf(const Member &member, unsigned part);
  void addListStates(const Accumulator &accumulator, const Member &member,
                     std::vector<State> &states);
  void joinLists(llvm::ArrayRef<State> states, mlir::ValueRange left,
                 mlir::ValueRange right, mlir::OpBuilder &inner);
  /// The list of a chunk or piece for the states of one list, `parts`, with
  /// results called `names`.
  TopKOp makeLocalList(llvm::ArrayRef<State> parts,
                       llvm::ArrayRef<std::string> names,
                       mlir::OpBuilder &inner);
  void emitPartialLists(llvm::ArrayRef<State> states, mlir::OpBuilder &inner);
  void countFromOne(mlir::Block &merge, llvm::ArrayRef<State> states);
  void emitLists(mlir::Block *step, llvm::ArrayRef<State> states,
                 mlir::OpBuilder &inside);
  EinsumJob makeListOutput(const Member &member, Expr value);

  // EmitStreams.cpp
  State makeState(const Accumulator &accumulator, const Member &member);
  State makeState(const Member &member);
  void nameCorrections(llvm::ArrayRef<State> states, const ExprMap &side,
                       llvm::StringRef suffix);
  void emitStep(StreamOp stream, llvm::ArrayRef<State> states,
                llvm::ArrayRef<EinsumJob> collected);
  void emitMerge(mlir::Block &merge, llvm::ArrayRef<State> states,
                 mlir::Location loc);
  void emitStream(llvm::ArrayRef<State> states,
                  llvm::ArrayRef<EinsumJob> collected);
  EinsumJob makeOutput(const Member &member, Expr value);
  std::vector<State> makeStates(const Derivation &derivation,
                                const Segment &segment, unsigned traversal);
  void emitTraversals(const Derivation &derivation, const Segment &segment);
  void emitOutputs(const Derivation &derivation, const Segment &segment);
  llvm::SmallVector<mlir::Operation *>
  getMakers(llvm::ArrayRef<mlir::Value> values,
            llvm::function_ref<bool(mlir::Operation *)> stops);
  void provide(llvm::ArrayRef<mlir::Value> values, mlir::OpBuilder *inside,
               mlir::OpBuilder &outside);
  void provide(llvm::ArrayRef<EinsumJob> jobs, mlir::OpBuilder *inside,
               mlir::OpBuilder &outside);

  // EmitMonoid.cpp
  void emitPartial(mlir::Block &partial, llvm::ArrayRef<State> states);
  void emitFinish(mlir::Block &finish, const Derivation &derivation,
                  const Segment &segment, llvm::ArrayRef<State> states);
  void mapArguments(mlir::Block &function, unsigned numStates);

  // ExplainStreams.cpp
  llvm::SmallVector<mlir::Value> getLeafReads(llvm::ArrayRef<Expr> roots);
  Fallback getUses(llvm::ArrayRef<mlir::Value> roots);
  std::string describeTraversal(llvm::ArrayRef<mlir::Value> later,
                                llvm::ArrayRef<mlir::Value> earlier);
  void explainSegments();
  void explainMoments(const Phase &phase, const Segment &segment);
  void explain(const Derivation &derivation, const NormalForm &form,
               const Segment &segment);

  Member *lookup(mlir::Value value) {
    auto it = numberOf.find(value.getDefiningOp());
    return it == numberOf.end() ? nullptr : &members[it->second];
  }
  /// Whether what `op` makes varies along the rank.
  bool walksRank(mlir::Operation *op) { return variesAlong(op, streamed); }
  /// Whether it varies along a rank that nothing around the stream walks.
  bool isWalked(mlir::Operation *op) { return variesAlong(op, walked); }
  bool variesAlong(mlir::Operation *op, const RankSet &ranks);

  CascadeOp cascade;
  mlir::Block &block;
  mlir::StringAttr rank;
  StreamOptions options;
  ExprContext context;
  ExprImporter importer;
  EinsumEmitter emitter;
  mlir::OpBuilder builder;
  RankSet streamed, walked;
  /// By the names of their definitions.
  llvm::DenseMap<mlir::Attribute, std::unique_ptr<Reducer>> userReducers;
  std::vector<Member> members;
  llvm::DenseMap<mlir::Operation *, unsigned> numberOf;
  /// Made where a price is asked for.
  std::optional<CascadeCounts> counts;
  /// Copies that exist only in the step at hand.
  llvm::SmallVector<mlir::Value> stepCopies;
};

/// The reducer of an Einsum; SplitReducers leaves one.
ReducerName getReducerName(EinsumOp einsum);
llvm::SmallVector<mlir::StringAttr> getReduced(EinsumOp einsum);
Groups getGroups(EinsumOp einsum);
Groups getGroups(llvm::ArrayRef<mlir::StringAttr> vars);

/// The type that float arithmetic below `op` is done in.
mlir::Type getFloatType(mlir::Operation *op);
/// The largest and least exponents whose exponentials below `op` are in range,
/// also where they are rounded to the type of another operand (S10).
double getExpLimit(mlir::Operation *op);
mlir::ArrayAttr getArrayAttr(mlir::Builder &builder, const Groups &groups);

/// What `op` reads that it does not make itself.
llvm::SmallVector<mlir::Value> getReads(mlir::Operation *op);

} // namespace attn

#endif // LIB_CASCADE_STREAMFORMER_H

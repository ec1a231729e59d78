//===- EmitExpr.h - From expressions to Einsums ---------------------------===//
//
// Writes expressions as few, well-formed Einsums. What several of them compute
// becomes an Einsum of its own; so does what is costly and varies along fewer
// ranks than the Einsum that needs it; and a sum of products ends as a product
// of plain accesses, one for each set of ranks, which is what a matrix unit
// computes.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CASCADE_EMITEXPR_H
#define LIB_CASCADE_EMITEXPR_H

#include "lib/Cascade/EinsumRegion.h"
#include "lib/Cascade/ImportExpr.h"
#include <vector>

namespace attn {

/// An Einsum to emit: `access = value where (conditions) reduce(..)`.
struct EinsumJob {
  mlir::Location loc;
  std::string name;
  Expr value;
  Groups groups;
  llvm::SmallVector<mlir::StringAttr> reduced;
  ReducerName reducer = ReducerKind::Add;
  /// Where a point is present. Those that an access implies are not written.
  /// Of a reduction: they remove points, never coordinates of the result.
  llvm::SmallVector<Expr> conditions;
  mlir::Type elementType;
  /// The leaf that stands for the result from then on.
  Expr result;
  /// If set, what is computed is `value` and `other` combined, in the type that
  /// they have and in this order.
  Expr other;
  ReducerName combiner = ReducerKind::Add;

  llvm::SmallVector<Expr> getRoots() const {
    llvm::SmallVector<Expr> roots{value};
    if (other)
      roots.push_back(other);
    return roots;
  }
  void substitute(const ExprMap &map) {
    value = attn::substitute(value, map);
    if (other)
      other = attn::substitute(other, map);
    for (Expr &condition : conditions)
      if (isSelection(condition))
        condition = attn::substitute(condition, map);
  }
  /// Whether `condition` compares with an extremum: then both sides are to be
  /// computed once.
  static bool isSelection(Expr condition) {
    return condition.is(ExprKind::Equal) && condition.hasAccumulator();
  }
};

class EinsumEmitter {
public:
  EinsumEmitter(ExprImporter &importer, CascadeOp cascade)
      : importer(importer), context(importer.getContext()), cascade(cascade) {}

  /// Sets the type that float arithmetic is done in.
  void setFloatType(mlir::Type type) { floatType = type; }
  mlir::Type getFloatType() const { return floatType; }
  /// Makes `leaf` an access to a tensor.
  void bind(Expr leaf, TensorAccess access) {
    accesses[leaf] = std::move(access);
  }
  /// Tensors that slices read, as they are now.
  void map(mlir::Value old, mlir::Value now) { tensors.map(old, now); }
  mlir::Value lookup(mlir::Value tensor) {
    return tensors.lookupOrDefault(tensor);
  }
  /// Forgets which tensors there are, to write another function.
  void reset() {
    accesses.clear();
    tensors.clear();
  }
  bool isMapped(mlir::Value old) const { return tensors.contains(old); }
  void unmap(mlir::Value old) { tensors.erase(old); }
  /// Copies `op`, which reads the tensors as they are now.
  mlir::Operation *clone(mlir::Operation *op, mlir::OpBuilder &builder) {
    mlir::IRMapping local = tensors;
    return builder.clone(*op, local);
  }
  /// The name of the Einsum that computes `expr`, wherever it is computed.
  void setName(Expr expr, llvm::StringRef name) {
    names.try_emplace(expr, name.str());
  }

  /// Emits `jobs` in order, with what they share before the first that needs
  /// it. What varies neither along `walked` nor with `moving` goes to
  /// `outside`, if given.
  void emit(std::vector<EinsumJob> jobs, mlir::OpBuilder &builder,
            mlir::OpBuilder *outside = nullptr,
            const RankSet &walked = RankSet(),
            const llvm::DenseSet<Expr> &moving = {});

  /// The tensor that `leaf` is bound to, or null.
  const TensorAccess *lookup(Expr leaf) const {
    auto it = accesses.find(leaf);
    return it == accesses.end() ? nullptr : &it->second;
  }

  /// The ranks as variables, in the order of their declaration.
  llvm::SmallVector<mlir::StringAttr> getVars(const RankSet &ranks);
  RankSet getRanks(llvm::ArrayRef<mlir::StringAttr> vars);

private:
  struct Plan;

  void share(Plan &plan);
  void splitSum(Plan &plan, unsigned index);
  void splitProduct(Plan &plan, unsigned index);
  void splitCostly(Plan &plan, unsigned index);
  void keepResult(EinsumJob &job, mlir::OpBuilder &builder);
  RankSet getIterated(const EinsumJob &job);
  EinsumJob makePart(Plan &plan, const EinsumJob &user, Expr value);
  EinsumOp emitOne(const EinsumJob &job, mlir::OpBuilder &builder);
  llvm::ArrayRef<Expr> getConditions(Expr leaf);
  llvm::SmallVector<Expr> getImplied(const EinsumJob &job);

  ExprImporter &importer;
  ExprContext &context;
  CascadeOp cascade;
  mlir::Type floatType;
  llvm::DenseMap<Expr, TensorAccess> accesses;
  llvm::DenseMap<Expr, std::string> names;
  mlir::IRMapping tensors;
};

} // namespace attn

#endif // LIB_CASCADE_EMITEXPR_H

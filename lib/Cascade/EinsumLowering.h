//===- EinsumLowering.h - Expressions as operations of an Einsum ----------===//

#ifndef LIB_CASCADE_EINSUMLOWERING_H
#define LIB_CASCADE_EINSUMLOWERING_H

#include "lib/Analysis/ExprLowering.h"
#include "lib/Cascade/EinsumRegion.h"
#include "lib/Cascade/ImportExpr.h"

namespace attn {

class EinsumLowering : public ExprLowering<mlir::Value> {
public:
  using Accesses = llvm::DenseMap<Expr, TensorAccess>;

  /// Leaves are `accesses`, or slices that the importer knows.
  EinsumLowering(EinsumRegion &region, const Accesses &accesses,
                 ExprImporter &importer, const mlir::IRMapping &tensors,
                 mlir::Type floatType)
      : region(region), accesses(accesses), importer(importer),
        tensors(tensors), type(floatType) {}

  /// The leaf in the type that it has.
  mlir::Value getNative(Expr leaf);
  /// A choice between a leaf that is an integer and a constant, as an integer;
  /// null for anything else.
  mlir::Value lowerKept(Expr expr);

protected:
  using Value = mlir::Value;
  bool isWhole(Expr expr) override;
  Value whole(Expr expr) override;
  Value constant(double value) override;
  Value leaf(Expr expr) override;
  Value rankVar(unsigned rank) override;
  Value extent(unsigned rank) override;
  Value add(Value a, Value b) override;
  Value sub(Value a, Value b) override;
  Value mul(Value a, Value b) override;
  Value div(Value a, Value b) override;
  Value neg(Value a) override;
  Value power(Value base, double exponent) override;
  Value unary(ExprKind kind, Value a) override;
  bool prefersExp2(Expr operand) override;
  Value exp2(Value a) override;
  Value binary(ExprKind kind, Value a, Value b) override;
  Value minimum(Value a, Value b) override;
  Value select(Value condition, Value ifTrue, Value ifFalse) override;
  Value cast(Expr expr, Value a) override;
  Value call(Expr expr, llvm::ArrayRef<Value> operands) override;

private:
  mlir::StringAttr getName(unsigned rank);
  Value literal(double value);
  mlir::Type getNativeType(Expr leaf);

  EinsumRegion &region;
  const Accesses &accesses;
  ExprImporter &importer;
  const mlir::IRMapping &tensors;
  mlir::Type type;
};

} // namespace attn

#endif // LIB_CASCADE_EINSUMLOWERING_H

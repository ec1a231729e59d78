//===- FormMonoid.cpp - The merge of a one-pass form as functions ---------===//
//
// A traversal's states can be kept, sent and merged: StreamFormer writes the
// three functions for that (EmitMonoid). This file makes cascades of them: what
// is left here is that a piece of a rank has no coordinate 0. Its tensors are
// read at their own coordinates, and filters mean those of the whole rank.
//
//===----------------------------------------------------------------------===//

#include "lib/Cascade/Passes.h"
#include "lib/Cascade/StreamFormer.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"

namespace attn {
#define GEN_PASS_DEF_FORMMONOID
#include "lib/Cascade/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// A piece of a rank
//===----------------------------------------------------------------------===//

namespace {
/// Says in `function` where a piece of `rank` begins and how long the whole is,
/// by two scalars that are made where they are needed.
class PieceRewriter {
public:
  PieceRewriter(CascadeOp function, StringAttr rank)
      : function(function), rank(rank) {}
  LogicalResult run();
  /// The scalars' names, in the order of the arguments that were added.
  SmallVector<std::string> names;

private:
  LogicalResult checkReads(EinsumOp einsum);
  void rewrite(EinsumOp einsum);
  Value getScalar(Value &argument, StringRef suffix);
  Value getInput(EinsumOp einsum, Value scalar);
  Value getReplacement(EinsumOp einsum, Operation *op, OpBuilder &builder);
  void retype(Operation *op, OpBuilder &builder);

  CascadeOp function;
  StringAttr rank;
  Value begin, extent;
};
} // namespace

Value PieceRewriter::getScalar(Value &argument, StringRef suffix) {
  if (!argument) {
    Block &body = function.getBody().front();
    argument = body.addArgument(IntegerType::get(function.getContext(), 32),
                                function.getLoc());
    names.push_back((rank.getValue() + suffix).str());
  }
  return argument;
}

/// Only the rank's own coordinate may index what is cut into pieces.
LogicalResult PieceRewriter::checkReads(EinsumOp einsum) {
  for (auto read : einsum.getBody().getOps<ReadOp>()) {
    attn::TensorType type = read.getTensor().getType();
    for (auto [name, index] :
         llvm::zip_equal(type.getRanks(), read.getIndices())) {
      auto var = index.getDefiningOp<RankVarOp>();
      if (name == rank && !(var && var.getRankAttr() == rank))
        return einsum.emitError()
               << "reads another coordinate of `" << rank.getValue()
               << "` than its own, which may lie in another piece";
    }
  }
  return success();
}

/// The scalar as an input of the region.
Value PieceRewriter::getInput(EinsumOp einsum, Value scalar) {
  for (auto [input, argument] :
       llvm::zip_equal(einsum.getInputs(), einsum.getBody().getArguments()))
    if (input == scalar)
      return argument;
  einsum.getInputsMutable().append(scalar);
  return einsum.getBody().addArgument(scalar.getType(), einsum.getLoc());
}

/// A coordinate or extent of the piece, as one of the whole rank.
Value PieceRewriter::getReplacement(EinsumOp einsum, Operation *op,
                                    OpBuilder &builder) {
  if (isa<ExtentOp>(op))
    return getInput(einsum, getScalar(extent, "_extent"));
  Value first = getInput(einsum, getScalar(begin, "_begin"));
  Value local =
      CastOp::create(builder, op->getLoc(), first.getType(), op->getResult(0),
                     TypeAttr::get(first.getType()), builder.getUnitAttr());
  return arith::AddIOp::create(builder, op->getLoc(), local, first);
}

/// Makes the operands of `op` agree again, as the parser would (S9): an
/// argument's integer wins over coordinates.
void PieceRewriter::retype(Operation *op, OpBuilder &builder) {
  auto convert = [&](OpOperand &operand, Type type) {
    if (operand.get().getType() == type)
      return;
    builder.setInsertionPoint(op);
    APInt constant;
    if (isa<IntegerType>(type) &&
        matchPattern(operand.get(), m_ConstantInt(&constant))) {
      builder.setInsertionPoint(operand.get().getDefiningOp());
      operand.set(arith::ConstantOp::create(
          builder, op->getLoc(),
          builder.getIntegerAttr(type, constant.getSExtValue())));
      return;
    }
    operand.set(CastOp::create(builder, op->getLoc(), type, operand.get(),
                               TypeAttr::get(type), builder.getUnitAttr()));
  };
  if (op->getNumOperands() == 0)
    return;
  if (isa<ReadOp, FlattenOp>(op)) {
    for (OpOperand &operand : op->getOpOperands())
      if (!isa<attn::TensorType>(operand.get().getType()))
        convert(operand, builder.getIndexType());
    return;
  }
  if (auto cast = dyn_cast<CastOp>(op)) {
    if (cast.getInput().getType() == cast.getType() && cast.getImplicit()) {
      cast.getResult().replaceAllUsesWith(cast.getInput());
      cast.erase();
    }
    return;
  }
  bool isSelect = isa<arith::SelectOp>(op);
  MutableArrayRef<OpOperand> operands = op->getOpOperands();
  if (isSelect)
    operands = operands.drop_front();
  Type wide;
  for (OpOperand &operand : operands)
    if (Type type = operand.get().getType(); isa<IntegerType>(type))
      wide = type;
  bool isMixed = wide && llvm::any_of(operands, [](OpOperand &operand) {
                   return operand.get().getType().isIndex();
                 });
  if (isMixed)
    for (OpOperand &operand : operands)
      convert(operand, wide);
  if (op->getNumResults() == 1 && op->getResult(0).getType().isIndex())
    op->getResult(0).setType(operands.front().get().getType());
}

void PieceRewriter::rewrite(EinsumOp einsum) {
  SmallVector<Operation *> places;
  for (Operation &op : einsum.getBody().getOps()) {
    auto var = dyn_cast<RankVarOp>(op);
    auto size = dyn_cast<ExtentOp>(op);
    if ((var && var.getRankAttr() == rank) ||
        (size && size.getRankAttr() == rank))
      places.push_back(&op);
  }
  OpBuilder builder(einsum.getContext());
  bool changed = false;
  for (Operation *op : places) {
    auto isLocal = [&](OpOperand &use) {
      auto read = dyn_cast<ReadOp>(use.getOwner());
      if (!read || use.getOperandNumber() == 0)
        return false;
      attn::TensorType type = read.getTensor().getType();
      return type.getRanks()[use.getOperandNumber() - 1] == rank;
    };
    SmallVector<OpOperand *> global;
    for (OpOperand &use : op->getUses())
      if (!isLocal(use))
        global.push_back(&use);
    if (global.empty())
      continue;
    changed = true;
    // Constants, coordinates and extents stand first.
    Operation *place = op;
    while (isa<arith::ConstantOp, RankVarOp, ExtentOp>(place->getNextNode()))
      place = place->getNextNode();
    builder.setInsertionPointAfter(place);
    Value replacement = getReplacement(einsum, op, builder);
    for (OpOperand *use : global)
      use->set(replacement);
    if (op->use_empty())
      op->erase();
  }
  if (!changed)
    return;
  for (Operation &op : llvm::make_early_inc_range(einsum.getBody().getOps()))
    if (!isa<ValueOp>(op))
      retype(&op, builder);
}

LogicalResult PieceRewriter::run() {
  // A block of coordinates may lie in two pieces.
  for (Value argument : function.getBody().getArguments()) {
    auto type = dyn_cast<attn::TensorType>(argument.getType());
    if (!type || argument.use_empty())
      continue;
    for (StringAttr name : type.getRanks())
      if (llvm::is_contained(function.lookupRank(name).getOperands(), rank))
        return emitError(function.getLoc(), "rank `")
               << name.getValue() << "` of " << type << " is made of `"
               << rank.getValue() << "`, which is cut into pieces";
  }
  auto einsums = llvm::to_vector(function.getBody().front().getOps<EinsumOp>());
  for (EinsumOp einsum : einsums)
    if (failed(checkReads(einsum)))
      return failure();
  // What a list says is where its entries are in the whole rank.
  for (auto topk : function.getBody().front().getOps<TopKOp>()) {
    if (topk.getFromAttr() != rank)
      continue;
    OpBuilder after(topk->getNextNode());
    Value local = topk.getIndices();
    SmallVector<OpOperand *> uses;
    for (OpOperand &use : local.getUses())
      uses.push_back(&use);
    Value global = createSum(after, local, getScalar(begin, "_begin"),
                             /*number=*/0, "I");
    for (OpOperand *use : uses)
      use->set(global);
  }
  for (EinsumOp einsum : einsums)
    rewrite(einsum);
  return success();
}

//===----------------------------------------------------------------------===//
// Signatures
//===----------------------------------------------------------------------===//

/// The ranks that `function` speaks of, and those that they are made of.
static SmallVector<Attribute> getUsedRanks(CascadeOp function,
                                           ArrayAttr declared) {
  llvm::DenseSet<StringAttr> used;
  auto add = [&](Type type) {
    if (auto tensor = dyn_cast<attn::TensorType>(type))
      used.insert(tensor.getRanks().begin(), tensor.getRanks().end());
  };
  llvm::for_each(function.getBody().getArgumentTypes(), add);
  llvm::for_each(function.getFunctionType().getResults(), add);
  function.getBody().walk([&](Operation *op) {
    llvm::for_each(op->getResultTypes(), add);
    if (auto einsum = dyn_cast<EinsumOp>(op))
      for (auto var : einsum.getVars().getAsRange<StringAttr>())
        used.insert(var);
    if (auto extent = dyn_cast<ExtentOp>(op))
      used.insert(extent.getRankAttr());
    if (auto flatten = dyn_cast<FlattenOp>(op))
      for (auto name : flatten.getRanks().getAsRange<StringAttr>())
        used.insert(name);
  });
  // A rank is made of ranks before it.
  SmallVector<Attribute> ranks;
  for (Attribute attr : llvm::reverse(declared)) {
    auto rank = cast<RankAttr>(attr);
    if (!used.contains(rank.getName()))
      continue;
    used.insert(rank.getOperands().begin(), rank.getOperands().end());
    ranks.push_back(rank);
  }
  std::reverse(ranks.begin(), ranks.end());
  return ranks;
}

namespace {
struct FormMonoid : attn::impl::FormMonoidBase<FormMonoid> {
  using FormMonoidBase::FormMonoidBase;
  void runOnOperation() override;
  LogicalResult split(CascadeOp cascade);
  LogicalResult complete(CascadeOp function, CascadeOp cascade,
                         SmallVector<std::string> names, TypeRange results);
};
} // namespace

/// Drops the arguments that are not read, and gives `function` its signature.
LogicalResult FormMonoid::complete(CascadeOp function, CascadeOp cascade,
                                   SmallVector<std::string> names,
                                   TypeRange results) {
  Builder builder(&getContext());
  Block &body = function.getBody().front();
  SmallVector<Attribute> argNames;
  llvm::BitVector unused(names.size());
  for (auto [i, argument] : llvm::enumerate(body.getArguments()))
    if (argument.use_empty())
      unused.set(i);
    else
      argNames.push_back(builder.getStringAttr(names[i]));
  body.eraseArguments(unused);
  function.setArgNamesAttr(builder.getArrayAttr(argNames));
  function.setFunctionType(
      builder.getFunctionType(body.getArgumentTypes(), results));
  SmallVector<Attribute> ranks = getUsedRanks(function, cascade.getRanks());
  // A piece has an extent of its own.
  for (Attribute &attr : ranks)
    if (cast<RankAttr>(attr).getName() == rank)
      attr = RankAttr::get(&getContext(), builder.getStringAttr(rank),
                           RankKind::Free, 0, {});
  function.setRanksAttr(builder.getArrayAttr(ranks));
  return verify(function);
}

/// Every other op that walks the rank needs all of it at once.
static LogicalResult checkWalks(const Monoid &monoid, StringAttr rank) {
  auto walks = [&](Type type) {
    auto tensor = dyn_cast<attn::TensorType>(type);
    return tensor && tensor.getRankPosition(rank) >= 0;
  };
  for (CascadeOp function : {monoid.partial, monoid.finish})
    for (Operation &op : function.getBody().front().without_terminator()) {
      bool isAllowed = isa<EinsumOp, TopKOp>(op) && function == monoid.partial;
      if (!isAllowed && llvm::any_of(op.getOperandTypes(), walks))
        return op.emitError() << "needs all of `" << rank.getValue()
                              << "` at once, so it cannot be merged";
    }
  return success();
}

LogicalResult FormMonoid::split(CascadeOp cascade) {
  OpBuilder builder(cascade);
  OwningOpRef<CascadeOp> scratch = cascade.clone();
  builder.setInsertionPointAfter(cascade);
  builder.insert(*scratch);
  OpPassManager prepare(CascadeOp::getOperationName());
  prepare.addPass(createSplitReducers());
  prepare.addPass(createExpandReducers());
  if (failed(runPipeline(prepare, *scratch)))
    return failure();
  SmallVector<std::string> inputs;
  for (auto name : cascade.getArgNames().getAsRange<StringAttr>())
    inputs.push_back(name.str());

  auto name = builder.getStringAttr(rank);
  Monoid monoid;
  for (auto [function, suffix] : {std::pair(&monoid.finish, "_finish"),
                                  {&monoid.merge, "_merge"},
                                  {&monoid.partial, "_partial"}}) {
    builder.setInsertionPointAfter(cascade);
    *function = CascadeOp::create(builder, cascade.getLoc(),
                                  (cascade.getSymName() + suffix).str(),
                                  builder.getFunctionType({}, {}),
                                  builder.getArrayAttr({}), cascade.getRanks());
    Block &body = function->getBody().emplaceBlock();
    if (function != &monoid.merge)
      for (Type type : cascade.getBody().getArgumentTypes())
        body.addArgument(type, cascade.getLoc());
  }
  StreamOptions streaming;
  streaming.derivation.allowUnproved = unproved;
  streaming.derivation.maximum = maximum;
  streaming.derivation.expLimit = getExpLimit(cascade);
  streaming.maximumBound = maximumBound;
  StreamFormer former(*scratch, scratch->getBody().front(), name, name,
                      getFloatType(cascade), streaming);
  if (failed(former.formMonoid(monoid)) || failed(checkWalks(monoid, name)))
    return failure();

  PieceRewriter partial(monoid.partial, name), finish(monoid.finish, name);
  if (failed(partial.run()) || failed(finish.run()))
    return failure();
  auto append = [](ArrayRef<std::string> first, ArrayRef<std::string> second) {
    SmallVector<std::string> all(first);
    llvm::append_range(all, second);
    return all;
  };
  auto getSide = [&](StringRef side) {
    SmallVector<std::string> names;
    for (const std::string &state : monoid.states)
      names.push_back((state + side).str());
    return names;
  };
  auto getYielded = [](CascadeOp function) {
    return function.getBody().front().getTerminator()->getOperandTypes();
  };
  return success(
      succeeded(complete(monoid.partial, cascade, append(inputs, partial.names),
                         getYielded(monoid.partial))) &&
      succeeded(complete(monoid.merge, cascade,
                         append(getSide("_a"), getSide("_b")),
                         getYielded(monoid.merge))) &&
      succeeded(complete(monoid.finish, cascade,
                         append(append(monoid.states, inputs), finish.names),
                         cascade.getFunctionType().getResults())));
}

void FormMonoid::runOnOperation() {
  bool found = false;
  for (CascadeOp cascade :
       llvm::to_vector(getOperation().getOps<CascadeOp>())) {
    auto name = StringAttr::get(&getContext(), rank);
    bool isReduced =
        llvm::any_of(cascade.getBody().getOps<EinsumOp>(),
                     [&](EinsumOp e) { return e.getReducer(name); }) ||
        llvm::any_of(cascade.getBody().getOps<TopKOp>(),
                     [&](TopKOp topk) { return topk.getFromAttr() == name; });
    found |= isReduced;
    if (isReduced && failed(split(cascade)))
      return signalPassFailure();
  }
  if (!found) {
    auto cascades = getOperation().getOps<CascadeOp>();
    emitError(cascades.empty() ? getOperation().getLoc()
                               : (*cascades.begin()).getLoc(),
              "no cascade reduces a rank `")
        << rank << "`";
    signalPassFailure();
  }
}

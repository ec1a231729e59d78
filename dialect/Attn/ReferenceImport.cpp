//===- ReferenceImport.cpp - From the dialect to the reference ------------===//
//
// The reference has the same statements as the dialect, so this is a walk that
// gives everything a number. Three things are said in other words: argmax is a
// top-k of one; top-k chooses along the last rank; a result of a stream that
// keeps the streamed rank is computed outside of it.
//
//===----------------------------------------------------------------------===//

#include "dialect/Attn/ReferenceImport.h"
#include "dialect/Attn/Reference/Json.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;

using reference::ExprId;
using reference::RankId;
using reference::ValueId;
using Statements = std::vector<reference::Statement>;

//===----------------------------------------------------------------------===//
// Names of things
//===----------------------------------------------------------------------===//

static reference::ElementType getElementType(Type type) {
  using E = reference::ElementType;
  return llvm::TypeSwitch<Type, E>(type)
      .Case([](Float64Type) { return E::F64; })
      .Case([](Float32Type) { return E::F32; })
      .Case([](Float16Type) { return E::F16; })
      .Case([](BFloat16Type) { return E::BF16; })
      .Case([](Float8E4M3FNType) { return E::F8E4M3FN; })
      .Case([](Float8E5M2Type) { return E::F8E5M2; })
      .Case([](IntegerType integer) {
        switch (integer.getWidth()) {
        case 1:
          return E::I1;
        case 8:
          return integer.isUnsigned() ? E::UI8 : E::I8;
        case 32:
          return E::I32;
        default:
          return E::I64;
        }
      })
      .Default([](Type) { return E::I64; }); // index
}

static std::optional<reference::Reducer> getReducer(ReducerKind kind) {
  using R = reference::Reducer;
  switch (kind) {
  case ReducerKind::Add:
    return R::Add;
  case ReducerKind::Mul:
    return R::Mul;
  case ReducerKind::Max:
    return R::Max;
  case ReducerKind::Min:
    return R::Min;
  case ReducerKind::And:
    return R::And;
  case ReducerKind::Or:
    return R::Or;
  case ReducerKind::Lse:
    return R::Lse;
  case ReducerKind::User:
    return R::User;
  case ReducerKind::ArgMax:
  case ReducerKind::TopK:
    return std::nullopt;
  }
  return std::nullopt;
}

static reference::Op getOperator(arith::CmpIOp compare) {
  using P = arith::CmpIPredicate;
  switch (compare.getPredicate()) {
  case P::eq:
    return reference::Op::Eq;
  case P::ne:
    return reference::Op::Ne;
  case P::slt:
    return reference::Op::Lt;
  case P::sle:
    return reference::Op::Le;
  case P::sgt:
    return reference::Op::Gt;
  default:
    return reference::Op::Ge;
  }
}

static reference::Op getOperator(arith::CmpFOp compare) {
  using P = arith::CmpFPredicate;
  switch (compare.getPredicate()) {
  case P::OEQ:
    return reference::Op::Eq;
  case P::UNE:
    return reference::Op::Ne;
  case P::OLT:
    return reference::Op::Lt;
  case P::OLE:
    return reference::Op::Le;
  case P::OGT:
    return reference::Op::Gt;
  default:
    return reference::Op::Ge;
  }
}

/// The reference's operator for an op that is one; einsum_c9 lists the ops.
static std::optional<reference::Op> getOperator(Operation *op) {
  using R = reference::Op;
  return llvm::TypeSwitch<Operation *, std::optional<R>>(op)
      .Case<arith::AddFOp, arith::AddIOp>([](auto) { return R::Add; })
      .Case<arith::SubFOp, arith::SubIOp>([](auto) { return R::Sub; })
      .Case<arith::MulFOp, arith::MulIOp>([](auto) { return R::Mul; })
      .Case<DivOp>([](auto) { return R::Div; })
      .Case<arith::FloorDivSIOp>([](auto) { return R::FloorDiv; })
      .Case<arith::CeilDivSIOp>([](auto) { return R::CeilDiv; })
      .Case<arith::NegFOp>([](auto) { return R::Neg; })
      .Case<arith::MaximumFOp, arith::MaxSIOp>([](auto) { return R::Max; })
      .Case<arith::MinimumFOp, arith::MinSIOp>([](auto) { return R::Min; })
      .Case<arith::SelectOp>([](auto) { return R::Select; })
      .Case<arith::AndIOp>([](auto) { return R::And; })
      .Case<arith::OrIOp>([](auto) { return R::Or; })
      .Case<arith::CmpIOp, arith::CmpFOp>(
          [](auto compare) { return getOperator(compare); })
      .Case<SigmoidOp>([](auto) { return R::Sigmoid; })
      .Case<math::ExpOp>([](auto) { return R::Exp; })
      .Case<math::Exp2Op>([](auto) { return R::Exp2; })
      .Case<math::LogOp>([](auto) { return R::Log; })
      .Case<math::Log2Op>([](auto) { return R::Log2; })
      .Case<math::TanhOp>([](auto) { return R::Tanh; })
      .Case<math::ErfOp>([](auto) { return R::Erf; })
      .Case<math::SqrtOp>([](auto) { return R::Sqrt; })
      .Case<math::RsqrtOp>([](auto) { return R::Rsqrt; })
      .Case<math::SinOp>([](auto) { return R::Sin; })
      .Case<math::CosOp>([](auto) { return R::Cos; })
      .Case<math::AbsFOp, math::AbsIOp>([](auto) { return R::Abs; })
      .Case<math::FloorOp>([](auto) { return R::Floor; })
      .Case<math::CeilOp>([](auto) { return R::Ceil; })
      .Case<math::RoundEvenOp>([](auto) { return R::Round; })
      .Case<math::PowFOp>([](auto) { return R::Pow; })
      .Default([](Operation *) { return std::nullopt; });
}

//===----------------------------------------------------------------------===//
// The importer
//===----------------------------------------------------------------------===//

namespace {
class Importer {
public:
  explicit Importer(CascadeOp cascade) : cascade(cascade) {}
  FailureOr<reference::Cascade> run();
  FailureOr<reference::UserReducer> import(ReducerOp reducer);

private:
  RankId getRank(StringAttr name) { return rankIds.lookup(name); }
  ValueId getValue(mlir::Value value) { return valueIds.lookup(value); }
  /// A value for `value`, which the name in the spec, if any, is given to.
  ValueId addValue(mlir::Value value, StringRef name = "");
  ValueId addValue(const std::string &name, reference::ElementType type,
                   std::vector<RankId> ranks);
  RankId addUnitRank();

  void importRanks();
  void importArguments();
  LogicalResult importBody(Block &block, Statements &body);
  LogicalResult importOp(Operation *op, Statements &body);
  LogicalResult import(EinsumOp einsum, Statements &body);
  LogicalResult import(TopKOp topK, Statements &body);
  LogicalResult import(JoinOp join, Statements &body);
  LogicalResult import(IterateOp iterate, Statements &body);
  LogicalResult import(StreamOp stream, Statements &body);
  LogicalResult import(NestOp nest, Statements &body);
  LogicalResult importKept(StreamOp stream, Statements &body);

  using ExprIds = llvm::DenseMap<mlir::Value, ExprId>;
  LogicalResult importRegion(EinsumOp einsum, reference::Einsum &model);
  LogicalResult importOps(Block &block, ValueRange inputs, ExprIds &ids,
                          std::vector<reference::Expr> &exprs);
  FailureOr<unsigned> getReducer(ReducerOp reducer);
  void addArgMax(EinsumOp einsum, reference::Einsum model, Statements &body);
  void addCopy(ValueId source, ValueId result, Statements &body,
               ArrayRef<ValueId> others = {});
  void addGather(ValueId source, RankId from, ValueId chosen, ValueId result,
                 Statements &body);
  ValueId addTopK(ValueId source, RankId from, RankId to, bool wantsValues,
                  Statements &body);

  CascadeOp cascade;
  reference::Cascade model;
  llvm::DenseMap<StringAttr, RankId> rankIds;
  llvm::DenseMap<mlir::Value, ValueId> valueIds;
  llvm::DenseMap<mlir::Value, unsigned> scalarIds;
  llvm::DenseMap<Operation *, unsigned> reducerIds;
};
} // namespace

ValueId Importer::addValue(const std::string &name, reference::ElementType type,
                           std::vector<RankId> ranks) {
  model.values.push_back({name, type, std::move(ranks)});
  return model.values.size() - 1;
}

ValueId Importer::addValue(mlir::Value value, StringRef name) {
  auto type = cast<attn::TensorType>(value.getType());
  std::string text = name.str();
  if (auto result = dyn_cast<OpResult>(value)) {
    Operation *op = result.getOwner();
    auto names = op->getAttrOfType<ArrayAttr>("names");
    if (auto einsum = dyn_cast<EinsumOp>(op))
      text = einsum.getName().value_or("").str();
    else if (names && result.getResultNumber() < names.size())
      text = cast<StringAttr>(names[result.getResultNumber()]).str();
  }
  if (text.empty())
    text = "v" + std::to_string(model.values.size());
  std::vector<RankId> ranks;
  for (StringAttr rank : type.getRanks())
    ranks.push_back(getRank(rank));
  ValueId id = addValue(text, getElementType(type.getElementType()), ranks);
  valueIds[value] = id;
  return id;
}

void Importer::importRanks() {
  for (auto rank : cascade.getRanks().getAsRange<RankAttr>()) {
    reference::Rank imported;
    imported.name = rank.getName().str();
    imported.value = rank.getValue();
    switch (rank.getKind()) {
    case RankKind::Fixed:
      imported.kind = reference::RankKind::Fixed;
      break;
    case RankKind::Free:
      imported.kind = reference::RankKind::Free;
      break;
    case RankKind::Product:
      imported.kind = reference::RankKind::Product;
      break;
    case RankKind::CeilDiv:
      imported.kind = reference::RankKind::CeilDiv;
      break;
    }
    for (StringAttr operand : rank.getOperands())
      imported.operands.push_back(getRank(operand));
    rankIds[rank.getName()] = model.ranks.size();
    model.ranks.push_back(std::move(imported));
  }
}

/// A rank of one coordinate, for what the cascade has no rank for.
RankId Importer::addUnitRank() {
  model.ranks.push_back({"unit" + std::to_string(model.ranks.size()),
                         reference::RankKind::Fixed,
                         1,
                         {}});
  return model.ranks.size() - 1;
}

void Importer::importArguments() {
  for (auto [arg, name] :
       llvm::zip(cascade.getBody().getArguments(),
                 cascade.getArgNames().getAsRange<StringAttr>())) {
    if (isa<attn::TensorType>(arg.getType())) {
      model.inputs.push_back(addValue(arg, name.getValue()));
      continue;
    }
    scalarIds[arg] = model.scalars.size();
    model.scalars.push_back({name.str(), getElementType(arg.getType())});
  }
}

//===----------------------------------------------------------------------===//
// Einsum
//===----------------------------------------------------------------------===//

static reference::Expr makeConstant(arith::ConstantOp constant) {
  reference::Expr expr;
  expr.op = reference::Op::Constant;
  expr.type = getElementType(constant.getType());
  if (auto real = dyn_cast<FloatAttr>(constant.getValue())) {
    expr.number = real.getValueAsDouble();
  } else {
    auto integer = cast<IntegerAttr>(constant.getValue());
    bool isBool = integer.getType().isInteger(1);
    expr.integer = isBool ? int64_t(integer.getValue().getZExtValue())
                          : integer.getValue().getSExtValue();
  }
  return expr;
}

/// Whether `value` is an integer that the parser made a float.
static bool isMadeFloat(mlir::Value value) {
  auto made = value.getDefiningOp<CastOp>();
  return made && made.getImplicit() &&
         !isa<FloatType>(made.getInput().getType());
}

/// A scalar of the cascade, or an operand of a reducer.
static reference::Expr makeScalar(unsigned id) {
  reference::Expr expr;
  expr.op = reference::Op::Scalar;
  expr.id = id;
  return expr;
}

/// Adds what `block` computes to `exprs` and says where in `ids`, which has its
/// arguments; tensors among them are `inputs`.
LogicalResult Importer::importOps(Block &block, ValueRange inputs, ExprIds &ids,
                                  std::vector<reference::Expr> &exprs) {
  using R = reference::Op;
  auto add = [&](reference::Expr expr) -> ExprId {
    exprs.push_back(std::move(expr));
    return exprs.size() - 1;
  };
  for (Operation &op : block.without_terminator()) {
    mlir::Value result = op.getResult(0);
    reference::Expr expr;
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      ids[result] = add(makeConstant(constant));
      continue;
    }
    if (auto round = dyn_cast<CastOp>(op)) {
      if (round.getImplicit()) { // the reference infers it (S9)
        ids[result] = ids.lookup(round.getInput());
        continue;
      }
      expr.op = R::Cast;
      expr.type = getElementType(round.getTo());
    } else if (auto var = dyn_cast<RankVarOp>(op)) {
      expr.op = R::RankVar;
      expr.id = getRank(var.getRankAttr());
    } else if (auto extent = dyn_cast<ExtentOp>(op)) {
      expr.op = R::Extent;
      expr.id = getRank(extent.getRankAttr());
    } else if (auto flatten = dyn_cast<FlattenOp>(op)) {
      expr.op = R::Flatten;
      for (auto rank : flatten.getRanks().getAsRange<StringAttr>())
        expr.ranks.push_back(getRank(rank));
    } else if (auto read = dyn_cast<ReadOp>(op)) {
      expr.op = R::Read;
      auto arg = cast<BlockArgument>(read.getTensor());
      expr.id = getValue(inputs[arg.getArgNumber()]);
      for (mlir::Value index : read.getIndices())
        expr.args.push_back(ids.lookup(index));
      ids[result] = add(std::move(expr));
      continue;
    } else if (isa<arith::XOrIOp>(op)) { // einsum_c9: with true
      expr.op = R::Not;
      expr.args = {ids.lookup(op.getOperand(0))};
      ids[result] = add(std::move(expr));
      continue;
    } else if (std::optional<R> known = getOperator(&op)) {
      expr.op = *known;
    } else {
      return op.emitOpError("has no meaning in the reference");
    }
    for (mlir::Value operand : op.getOperands())
      expr.args.push_back(ids.lookup(operand));
    // Where the reference would divide integers, the cast must be said.
    if (isa<DivOp>(op) && llvm::all_of(op.getOperands(), isMadeFloat)) {
      reference::Expr widened;
      widened.op = R::Cast;
      widened.type = getElementType(result.getType());
      widened.args = {expr.args[0]};
      expr.args[0] = add(widened);
    }
    ids[result] = add(std::move(expr));
  }
  return success();
}

LogicalResult Importer::importRegion(EinsumOp einsum,
                                     reference::Einsum &model) {
  Block &block = einsum.getBody().front();
  ExprIds ids;
  for (BlockArgument arg : block.getArguments()) {
    auto scalar = scalarIds.find(einsum.getInputs()[arg.getArgNumber()]);
    if (scalar == scalarIds.end())
      continue;
    ids[arg] = model.exprs.size();
    model.exprs.push_back(makeScalar(scalar->second));
  }
  if (failed(importOps(block, einsum.getInputs(), ids, model.exprs)))
    return failure();
  model.value = ids.lookup(einsum.getValue());
  if (mlir::Value filter = einsum.getFilter())
    model.filter = ids.lookup(filter);
  return success();
}

FailureOr<reference::UserReducer> attn::importReference(ReducerOp reducer) {
  return Importer(CascadeOp()).import(reducer);
}

FailureOr<reference::UserReducer> Importer::import(ReducerOp reducer) {
  reference::UserReducer imported;
  imported.name = reducer.getSymName().str();
  imported.type = getElementType(reducer.getElementType());
  if (auto number = dyn_cast<FloatAttr>(reducer.getIdentity())) {
    imported.identity = number.getValueAsDouble();
  } else {
    APInt integer = cast<IntegerAttr>(reducer.getIdentity()).getValue();
    imported.identity = integer.getBitWidth() == 1
                            ? double(integer.getZExtValue())
                            : double(integer.getSExtValue());
  }
  Block &block = reducer.getBody().front();
  ExprIds ids;
  for (BlockArgument arg : block.getArguments()) {
    ids[arg] = imported.exprs.size();
    imported.exprs.push_back(makeScalar(arg.getArgNumber()));
  }
  if (failed(importOps(block, {}, ids, imported.exprs)))
    return failure();
  imported.value = ids.lookup(reducer.getValue());
  if (!reference::inferTypes(imported))
    return reducer.emitOpError("has no types in the reference");
  return imported;
}

/// The place of `reducer` in the cascade.
FailureOr<unsigned> Importer::getReducer(ReducerOp reducer) {
  auto [known, isNew] = reducerIds.try_emplace(reducer, model.reducers.size());
  if (!isNew)
    return known->second;
  FailureOr<reference::UserReducer> imported = import(reducer);
  if (failed(imported))
    return failure();
  model.reducers.push_back(std::move(*imported));
  return model.reducers.size() - 1;
}

LogicalResult Importer::import(EinsumOp einsum, Statements &body) {
  reference::Einsum imported;
  for (auto group : einsum.getOut().getAsRange<ArrayAttr>()) {
    std::vector<RankId> &ranks = imported.output.emplace_back();
    for (auto var : group.getAsRange<StringAttr>())
      ranks.push_back(getRank(var));
  }
  if (failed(importRegion(einsum, imported)))
    return failure();
  bool isArgMax = false;
  for (auto reducer : einsum.getReducers().getAsRange<ReduceAttr>()) {
    std::optional<reference::Reducer> kind = ::getReducer(reducer.getKind());
    isArgMax |= !kind;
    if (!kind)
      continue;
    reference::Reduction reduction{getRank(reducer.getVar()), *kind};
    if (ReducerOp definition = lookupReducer(reducer.getReducer(), einsum)) {
      FailureOr<unsigned> place = getReducer(definition);
      if (failed(place))
        return failure();
      reduction.user = *place;
    }
    imported.reductions.push_back(reduction);
  }
  if (isArgMax) {
    addArgMax(einsum, std::move(imported), body);
    return success();
  }
  imported.result = addValue(einsum.getResult());
  body.push_back({std::move(imported)});
  return success();
}

/// argmax over m: the values with rank m last, the top one of them, and -1
/// where there is none or the maximum is NaN.
void Importer::addArgMax(EinsumOp einsum, reference::Einsum values,
                         Statements &body) {
  using R = reference::Op;
  auto reducer = cast<ReduceAttr>(einsum.getReducers()[0]);
  RankId from = getRank(reducer.getVar());
  ValueId result = addValue(einsum.getResult());
  std::string name = model.values[result].name;
  std::vector<RankId> ranks = model.values[result].ranks;
  reference::ElementType type = getElementType(einsum.getValue().getType());

  std::vector<RankId> wide = ranks;
  wide.push_back(from);
  values.output.push_back({from});
  values.result = addValue(name + "_values", type, wide);
  ValueId source = values.result;
  body.push_back({std::move(values)});

  // Each an Einsum over the result's ranks, with `along` reduced by max.
  auto start = [&](std::optional<RankId> along) {
    reference::Einsum step;
    for (RankId rank : ranks)
      step.output.push_back({rank});
    if (along)
      step.reductions.push_back({*along, reference::Reducer::Max});
    return step;
  };
  auto add = [](reference::Einsum &step, R op, std::vector<ExprId> args) {
    reference::Expr expr;
    expr.op = op;
    expr.args = std::move(args);
    step.exprs.push_back(std::move(expr));
    return step.value = step.exprs.size() - 1;
  };
  auto read = [&](reference::Einsum &step, ValueId value) {
    std::vector<ExprId> vars;
    for (RankId rank : model.values[value].ranks) {
      vars.push_back(add(step, R::RankVar, {}));
      step.exprs.back().id = rank;
    }
    ExprId id = add(step, R::Read, std::move(vars));
    step.exprs.back().id = value;
    return id;
  };
  auto reduce = [&](ValueId value, RankId along, StringRef suffix,
                    reference::ElementType element) {
    reference::Einsum step = start(along);
    read(step, value);
    step.result = addValue(name + suffix.str(), element, ranks);
    ValueId reduced = step.result;
    body.push_back({std::move(step)});
    return reduced;
  };

  RankId unit = addUnitRank();
  ValueId top = addTopK(source, from, unit, /*wantsValues=*/false, body);
  ValueId index = reduce(top, unit, "_index", reference::ElementType::I32);
  // -1 is less than every coordinate.
  reference::Einsum last = start(std::nullopt);
  ExprId found = read(last, index);
  ExprId none = add(last, R::Constant, {});
  last.exprs.back().type = reference::ElementType::I32;
  last.exprs.back().integer = -1;
  ExprId either = add(last, R::Max, {found, none});
  if (!reference::isInteger(type)) {
    // max(x, inf) is inf, whatever the error of x, or NaN, which is not itself.
    ExprId most = read(last, reduce(source, from, "_max", type));
    ExprId infinity = add(last, R::Constant, {});
    last.exprs.back().type = type;
    last.exprs.back().number = std::numeric_limits<double>::infinity();
    ExprId limit = add(last, R::Max, {most, infinity});
    ExprId isNumber = add(last, R::Eq, {limit, limit});
    add(last, R::Select, {isNumber, either, none});
  }
  last.result = result;
  body.push_back({std::move(last)});
}

//===----------------------------------------------------------------------===//
// Top-k
//===----------------------------------------------------------------------===//

/// result = source, with its ranks in another order, where all of `others`,
/// over the same ranks, are present as well.
void Importer::addCopy(ValueId source, ValueId result, Statements &body,
                       ArrayRef<ValueId> others) {
  reference::Einsum copy;
  auto add = [&](reference::Op op, std::vector<ExprId> args, unsigned id = 0) {
    reference::Expr expr;
    expr.op = op;
    expr.args = std::move(args);
    expr.id = id;
    copy.exprs.push_back(std::move(expr));
    return ExprId(copy.exprs.size() - 1);
  };
  std::vector<ExprId> vars;
  for (RankId rank : model.values[source].ranks)
    vars.push_back(add(reference::Op::RankVar, {}, rank));
  copy.value = add(reference::Op::Read, vars, source);
  // A condition that always holds, but reads; no error of what it reads changes
  // how that compares with inf.
  for (ValueId other : others) {
    ExprId read = add(reference::Op::Read, vars, other);
    ExprId most = add(reference::Op::Constant, {});
    copy.exprs.back().number = std::numeric_limits<double>::infinity();
    ExprId less = add(reference::Op::Le, {read, most});
    ExprId more = add(reference::Op::Not, {less});
    ExprId holds = add(reference::Op::Or, {less, more});
    copy.filter =
        copy.filter ? add(reference::Op::And, {*copy.filter, holds}) : holds;
  }
  for (RankId rank : model.values[result].ranks)
    copy.output.push_back({rank});
  copy.result = result;
  body.push_back({std::move(copy)});
}

/// Chooses along the last rank of `source`; returns the coordinates, and the
/// values too, as the value after them, where they are wanted.
ValueId Importer::addTopK(ValueId source, RankId from, RankId to,
                          bool wantsValues, Statements &body) {
  std::vector<RankId> ranks = model.values[source].ranks;
  ranks.back() = to;
  std::string name = model.values[source].name;
  reference::ElementType type = model.values[source].type;
  reference::TopK topK;
  topK.source = source;
  topK.rank = from;
  topK.indices =
      addValue(name + "_top_index", reference::ElementType::I32, ranks);
  if (wantsValues)
    topK.values = addValue(name + "_top", type, ranks);
  body.push_back({topK});
  return *topK.indices;
}

LogicalResult Importer::import(TopKOp topK, Statements &body) {
  RankId from = getRank(topK.getFromAttr()), to = getRank(topK.getToAttr());
  ValueId source = getValue(topK.getInput());
  std::vector<RankId> ranks = model.values[source].ranks;
  ranks.erase(llvm::find(ranks, from));
  ranks.push_back(from);
  // Of an input, too: it is chosen from what was evaluated.
  SmallVector<ValueId> payload;
  for (mlir::Value value : topK.getPayload())
    payload.push_back(getValue(value));
  if (ranks != model.values[source].ranks || !payload.empty() ||
      llvm::is_contained(model.inputs, source)) {
    ValueId turned = addValue(model.values[source].name + "_turned",
                              model.values[source].type, ranks);
    addCopy(source, turned, body, payload);
    source = turned;
  }
  ValueId indices = addTopK(source, from, to, /*wantsValues=*/true, body);
  ValueId values = indices + 1;
  addCopy(values, addValue(topK.getValues()), body);
  ValueId chosen = addValue(topK.getIndices());
  addCopy(indices, chosen, body);
  for (auto [payload, result] : llvm::zip(topK.getPayload(), topK.getChosen()))
    addGather(getValue(payload), from, chosen, addValue(result), body);
  return success();
}

/// result = source, at the coordinates `chosen` of its rank `from`.
void Importer::addGather(ValueId source, RankId from, ValueId chosen,
                         ValueId result, Statements &body) {
  reference::Einsum gather;
  auto read = [&](ValueId value, std::vector<ExprId> indices) {
    reference::Expr expr;
    expr.op = reference::Op::Read;
    expr.id = value;
    expr.args = std::move(indices);
    gather.exprs.push_back(std::move(expr));
    return ExprId(gather.exprs.size() - 1);
  };
  std::vector<ExprId> vars;
  for (RankId rank : model.values[result].ranks) {
    reference::Expr var;
    var.op = reference::Op::RankVar;
    var.id = rank;
    gather.exprs.push_back(var);
    vars.push_back(gather.exprs.size() - 1);
    gather.output.push_back({rank});
  }
  ExprId coordinate = read(chosen, vars);
  const std::vector<RankId> &ranks = model.values[source].ranks;
  vars[llvm::find(ranks, from) - ranks.begin()] = coordinate;
  gather.value = read(source, vars);
  gather.result = result;
  body.push_back({std::move(gather)});
}

LogicalResult Importer::import(JoinOp join, Statements &body) {
  reference::Join imported;
  imported.rank = getRank(join.getRankAttr());
  for (mlir::Value value : join.getLeft())
    imported.lhs.push_back(getValue(value));
  for (mlir::Value value : join.getRight())
    imported.rhs.push_back(getValue(value));
  for (mlir::Value result : join.getResults())
    imported.results.push_back(addValue(result));
  body.push_back({std::move(imported)});
  return success();
}

//===----------------------------------------------------------------------===//
// Statements with a body
//===----------------------------------------------------------------------===//

LogicalResult Importer::import(IterateOp iterate, Statements &body) {
  reference::Iterate imported;
  imported.rank = getRank(iterate.getRankAttr());
  Block &block = iterate.getBody().front();
  auto names = iterate.getStateNames().getAsRange<StringAttr>();
  for (auto [arg, init, name] :
       llvm::zip(block.getArguments(), iterate.getInits(), names)) {
    reference::State state;
    state.initTensor = getValue(init);
    state.state = addValue(arg, name.getValue());
    imported.states.push_back(state);
  }
  if (failed(importBody(block, imported.body)))
    return failure();
  ValueRange yielded = block.getTerminator()->getOperands();
  unsigned numStates = imported.states.size();
  for (OpResult result : iterate->getResults()) {
    unsigned index = result.getResultNumber();
    ValueId value = getValue(yielded[index]), id = addValue(result);
    if (index < numStates) {
      imported.states[index].next = value;
      imported.states[index].result = id;
      continue;
    }
    std::vector<RankId> &ranks = model.values[id].ranks;
    unsigned position = llvm::find(ranks, imported.rank) - ranks.begin();
    imported.collected.push_back({value, id, position});
  }
  body.push_back({std::move(imported)});
  return success();
}

/// Imports the Einsums of a step that the results which keep the rank are made
/// of; outside of the stream their rank has all coordinates.
LogicalResult Importer::importKept(StreamOp stream, Statements &body) {
  Block &block = stream.getStep().front();
  ValueRange yielded = block.getTerminator()->getOperands();
  llvm::SmallSetVector<Operation *, 8> needed;
  for (mlir::Value value : yielded.drop_front(stream.getNumStates()))
    if (Operation *op = value.getDefiningOp())
      if (op->getBlock() == &block)
        needed.insert(op);
  for (unsigned i = 0; i < needed.size(); ++i)
    for (mlir::Value operand : needed[i]->getOperands()) {
      if (operand.getParentBlock() != &block)
        continue;
      if (isa<BlockArgument>(operand))
        return stream.emitOpError("has a result that keeps rank `")
               << stream.getRank() << "` and depends on a state";
      needed.insert(operand.getDefiningOp());
    }
  for (Operation &op : block)
    if (needed.contains(&op) && failed(importOp(&op, body)))
      return failure();
  for (OpResult result : stream->getResults().drop_front(stream.getNumStates()))
    addCopy(getValue(yielded[result.getResultNumber()]), addValue(result),
            body);
  return success();
}

LogicalResult Importer::import(StreamOp stream, Statements &body) {
  if (stream.getMerge().empty())
    return stream.emitOpError("has no merge, which the reference evaluates");
  if (failed(importKept(stream, body)))
    return failure();
  reference::Stream imported;
  imported.rank = getRank(stream.getRankAttr());
  Block &step = stream.getStep().front(), &merge = stream.getMerge().front();
  unsigned numStates = stream.getNumStates();
  auto names = stream.getStateNames().getAsRange<StringAttr>();
  for (auto [index, name] : llvm::enumerate(names)) {
    reference::State state;
    state.initConstant =
        cast<FloatAttr>(stream.getInits()[index]).getValueAsDouble();
    StringRef text = name.getValue();
    state.state = addValue(step.getArgument(index), text);
    state.lhs = addValue(merge.getArgument(index), text);
    state.rhs = addValue(merge.getArgument(numStates + index), text);
    imported.states.push_back(state);
  }
  if (failed(importBody(step, imported.body)) ||
      failed(importBody(merge, imported.merge)))
    return failure();
  for (unsigned index = 0; index < numStates; ++index) {
    reference::State &state = imported.states[index];
    state.next = getValue(step.getTerminator()->getOperand(index));
    state.merged = getValue(merge.getTerminator()->getOperand(index));
    state.result = addValue(stream.getResult(index));
  }
  body.push_back({std::move(imported)});
  return success();
}

LogicalResult Importer::import(NestOp nest, Statements &body) {
  reference::Nest imported;
  Block &block = nest.getBody().front();
  if (failed(importBody(block, imported.body)))
    return failure();
  for (auto [value, result] :
       llvm::zip(block.getTerminator()->getOperands(), nest.getResults()))
    imported.results.push_back({getValue(value), addValue(result)});
  body.push_back({std::move(imported)});
  return success();
}

LogicalResult Importer::importOp(Operation *op, Statements &body) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<EinsumOp, TopKOp, JoinOp, IterateOp, StreamOp, NestOp>(
          [&](auto known) { return import(known, body); })
      .Default([](Operation *other) {
        return other->emitOpError("has no meaning in the reference");
      });
}

LogicalResult Importer::importBody(Block &block, Statements &body) {
  for (Operation &op : block.without_terminator())
    if (failed(importOp(&op, body)))
      return failure();
  return success();
}

FailureOr<reference::Cascade> Importer::run() {
  model.name = cascade.getSymName().str();
  importRanks();
  importArguments();
  Block &block = cascade.getBody().front();
  if (failed(importBody(block, model.body)))
    return failure();
  for (auto [value, type] : llvm::zip(block.getTerminator()->getOperands(),
                                      cascade.getFunctionType().getResults())) {
    auto tensor = cast<attn::TensorType>(type);
    ValueId id = getValue(value);
    model.yields.push_back(
        {id, model.values[id].name, getElementType(tensor.getElementType())});
  }
  std::string error = reference::verify(model);
  if (!error.empty())
    return cascade.emitOpError("cannot be evaluated: ") << error;
  return std::move(model);
}

FailureOr<reference::Cascade> attn::importReference(CascadeOp cascade) {
  return Importer(cascade).run();
}

//===----------------------------------------------------------------------===//
// --attn-print-reference
//===----------------------------------------------------------------------===//

namespace {
struct PrintReference : PassWrapper<PrintReference, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PrintReference)

  StringRef getArgument() const override { return "attn-print-reference"; }
  StringRef getDescription() const override {
    return "print each cascade as the reference evaluates it, in JSON";
  }
  void runOnOperation() override {
    for (auto cascade : getOperation().getOps<CascadeOp>()) {
      FailureOr<reference::Cascade> model = importReference(cascade);
      if (failed(model))
        return signalPassFailure();
      llvm::outs() << reference::toJson(*model) << "\n";
    }
    markAllAnalysesPreserved();
  }
};
} // namespace

void attn::registerPrintReference() { PassRegistration<PrintReference>(); }

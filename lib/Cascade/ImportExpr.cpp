//===- ImportExpr.cpp - From an Einsum's region to an expression ----------===//

#include "lib/Cascade/ImportExpr.h"
#include "dialect/Attn/Literals.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;

struct ExprImporter::Region {
  EinsumOp einsum;
  RankSet reduced;
  llvm::DenseMap<Value, Slice> slices;
  llvm::DenseMap<Value, Expr> exprs;
  ImportedEinsum result;
};

void ExprImporter::define(Value tensor, Expr value, bool varies) {
  values[tensor] = value;
  if (varies)
    block(tensor);
}

void ExprImporter::setPresence(Value tensor, ArrayRef<Expr> conditions) {
  presence[tensor] = llvm::to_vector(conditions);
}

ArrayRef<Expr> ExprImporter::getPresence(Value tensor) const {
  auto it = presence.find(tensor);
  return it == presence.end() ? ArrayRef<Expr>() : it->second;
}

//===----------------------------------------------------------------------===//
// Slices
//===----------------------------------------------------------------------===//

unsigned ExprImporter::intern(std::vector<const void *> key) {
  return ids.try_emplace(std::move(key), ids.size()).first->second;
}

/// The text of a slice, for messages; long ones are cut.
std::string ExprImporter::getText(Region &region, Operation &op) {
  constexpr unsigned maxText = 120;
  SmallVector<StringRef> operands;
  for (Value operand : op.getOperands())
    operands.push_back(region.slices[operand].text);
  auto infix = [&](StringRef symbol) {
    return ("(" + operands[0] + " " + symbol + " " + operands[1] + ")").str();
  };
  std::string text =
      llvm::TypeSwitch<Operation *, std::string>(&op)
          .Case([](RankVarOp var) { return var.getRank().str(); })
          .Case([](ExtentOp extent) {
            return ("extent(" + extent.getRank() + ")").str();
          })
          .Case([](arith::ConstantOp constant) {
            return getLiteral(constant.getValue());
          })
          .Case([&](CastOp cast) {
            return cast.getImplicit() ? operands[0].str()
                                      : ("cast(" + operands[0] + ")").str();
          })
          .Case([&](ReadOp) {
            return (operands[0] + "[" +
                    llvm::join(ArrayRef(operands).drop_front(), ",") + "]")
                .str();
          })
          .Case<arith::AddIOp, arith::AddFOp>([&](auto) { return infix("+"); })
          .Case<arith::SubIOp, arith::SubFOp>([&](auto) { return infix("-"); })
          .Case<arith::MulIOp, arith::MulFOp>([&](auto) { return infix("*"); })
          .Case<arith::AndIOp>([&](auto) { return infix("and"); })
          .Case<arith::OrIOp>([&](auto) { return infix("or"); })
          .Case([&](arith::CmpIOp compare) {
            return infix(getComparison(compare.getPredicate()));
          })
          .Default([&](Operation *) {
            StringRef name =
                isa<FlattenOp>(op) ? "" : op.getName().stripDialect();
            return (name + "(" + llvm::join(operands, ", ") + ")").str();
          });
  if (text.size() > maxText)
    text = text.substr(0, maxText) + "..";
  return text;
}

std::string attn::getSourceName(Value value) {
  if (auto result = dyn_cast<OpResult>(value)) {
    if (auto einsum = result.getDefiningOp<EinsumOp>())
      return einsum.getName().value_or("?").str();
    if (auto names = result.getOwner()->getAttrOfType<ArrayAttr>("names"))
      return cast<StringAttr>(names[result.getResultNumber()]).str();
    return "?";
  }
  auto argument = cast<BlockArgument>(value);
  Operation *parent = argument.getOwner()->getParentOp();
  StringRef list = isa<CascadeOp>(parent) ? "arg_names" : "state_names";
  auto names = parent->getAttrOfType<ArrayAttr>(list);
  if (!names || names.empty())
    return "?";
  return cast<StringAttr>(names[argument.getArgNumber() % names.size()]).str();
}

/// An access at a plain variable of the same rank, or at a group of variables
/// of their product, is inside by S1.
static bool isInside(Value index, StringAttr rank) {
  if (auto var = index.getDefiningOp<RankVarOp>())
    return var.getRankAttr() == rank;
  return index.getDefiningOp<FlattenOp>() != nullptr;
}

Expr ExprImporter::getLeaf(Region &region, Value value) {
  const Slice &slice = region.slices[value];
  if (slice.isBlocked)
    return Expr();
  LeafInfo info;
  info.name = slice.text;
  info.key = slice.id;
  info.ranks = slice.ranks;
  Expr leaf = context.leaf(info);
  sources.try_emplace(leaf, LeafSource{value, StringAttr(), slice.conditions,
                                       llvm::to_vector(slice.inputs)});
  return leaf;
}

/// The condition that `index` is a coordinate of `rank`.
Expr ExprImporter::getInside(Region &region, Value index, StringAttr rank) {
  const Slice &slice = region.slices[index];
  if (slice.isBlocked)
    return Expr();
  LeafInfo info;
  info.name = slice.text + " < extent(" + rank.str() + ")";
  info.key = intern({rank.getAsOpaquePointer(),
                     reinterpret_cast<const void *>(uintptr_t(slice.id))});
  info.ranks = slice.ranks;
  info.lower = 0;
  info.upper = 1;
  Expr leaf = context.leaf(info);
  sources.try_emplace(leaf, LeafSource{index, rank, slice.conditions,
                                       llvm::to_vector(slice.inputs)});
  return leaf;
}

/// Finds the slice of what `op` gives, then its expression.
void ExprImporter::visit(Region &region, Operation &op) {
  Slice slice;
  std::vector<const void *> key = {
      op.getName().getAsOpaquePointer(),
      op.getAttrDictionary().getAsOpaquePointer(),
      op.getResult(0).getType().getAsOpaquePointer()};
  for (Value operand : op.getOperands()) {
    const Slice &part = region.slices[operand];
    key.push_back(reinterpret_cast<const void *>(uintptr_t(part.id)));
    slice.ranks |= part.ranks;
    slice.isBlocked |= part.isBlocked;
    slice.conditions.append(part.conditions);
    slice.inputs.insert(part.inputs.begin(), part.inputs.end());
  }
  slice.id = intern(std::move(key));
  slice.text = getText(region, op);
  if (auto var = dyn_cast<RankVarOp>(op))
    slice.ranks.set(getRank(var.getRankAttr()));
  if (auto read = dyn_cast<ReadOp>(op)) {
    Value tensor =
        region.einsum
            .getInputs()[cast<BlockArgument>(read.getTensor()).getArgNumber()];
    llvm::append_range(slice.conditions, getPresence(tensor));
    ArrayRef<StringAttr> ranks = read.getTensor().getType().getRanks();
    for (auto [index, rank] : llvm::zip(read.getIndices(), ranks)) {
      if (isInside(index, rank))
        continue;
      if (Expr inside = getInside(region, index, rank))
        slice.conditions.push_back(inside);
      else
        region.result.opaque = &op;
    }
    bool isOnResult = (slice.ranks & region.reduced).none();
    for (Expr condition : slice.conditions) {
      region.result.conditions.insert(condition);
      if (isOnResult)
        region.result.resultConditions.insert(condition);
    }
  }
  Value result = op.getResult(0);
  region.slices[result] = std::move(slice);
  Expr expr = importOp(region, op);
  bool isAlgebra =
      isa<FloatType>(result.getType()) || result.getType().isInteger(1);
  if (!expr && isAlgebra)
    expr = getLeaf(region, result);
  region.exprs[result] = expr;
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

Expr ExprImporter::importConstant(TypedAttr value) {
  if (auto number = dyn_cast<FloatAttr>(value)) {
    if (number.getValue().isNaN())
      return Expr();
    return context.constant(number.getValueAsDouble());
  }
  if (value.getType().isInteger(1))
    return context.constant(cast<IntegerAttr>(value).getValue().isOne());
  return Expr();
}

/// Whether the indices of `read` are the variables that its tensor lies on.
static bool isInPlace(ReadOp read, Value tensor) {
  if (tensor.getDefiningOp<TopKOp>())
    return llvm::all_of(
        llvm::zip(read.getIndices(), read.getTensor().getType().getRanks()),
        [](auto pair) {
          auto [index, rank] = pair;
          auto var = index.template getDefiningOp<RankVarOp>();
          return var && var.getRankAttr() == rank;
        });
  auto producer = tensor.getDefiningOp<EinsumOp>();
  if (!producer)
    return false;
  for (auto [index, group] : llvm::zip(
           read.getIndices(), producer.getOut().getAsRange<ArrayAttr>())) {
    if (auto var = index.getDefiningOp<RankVarOp>()) {
      if (group.size() != 1 || group[0] != var.getRankAttr())
        return false;
    } else if (auto flat = index.getDefiningOp<FlattenOp>()) {
      if (flat.getRanks() != group)
        return false;
    } else {
      return false;
    }
  }
  return true;
}

Expr ExprImporter::importRead(Region &region, ReadOp read) {
  Value tensor =
      region.einsum
          .getInputs()[cast<BlockArgument>(read.getTensor()).getArgNumber()];
  auto it = values.find(tensor);
  if (it == values.end() || !isInPlace(read, tensor))
    return Expr();
  return it->second;
}

Expr ExprImporter::roundTo(Type from, Type to, Expr operand) {
  auto wide = dyn_cast<FloatType>(from), narrow = dyn_cast<FloatType>(to);
  if (from == to || (wide && narrow && narrow.getWidth() >= wide.getWidth()))
    return operand;
  std::string name;
  llvm::raw_string_ostream(name) << to;
  return context.cast(name, operand);
}

/// Extents, and products of a few of them with each other and with numbers:
/// counts of coordinates. Null of all else.
Expr ExprImporter::importCount(Value value, unsigned depth) {
  if (auto extent = value.getDefiningOp<ExtentOp>())
    return context.extent(getRank(extent.getRankAttr()));
  APInt number;
  if (matchPattern(value, m_ConstantInt(&number)))
    return context.constant(static_cast<double>(number.getSExtValue()));
  auto product = value.getDefiningOp<arith::MulIOp>();
  if (!product || depth == 0)
    return Expr();
  Expr left = importCount(product.getLhs(), depth - 1);
  Expr right = left ? importCount(product.getRhs(), depth - 1) : Expr();
  return right ? left * right : Expr();
}

Expr ExprImporter::importCast(Region &region, CastOp op) {
  Value input = op.getInput();
  Expr operand = region.exprs.lookup(input);
  Type from = input.getType(), to = op.getTo();
  if (isa<FloatType>(from))
    return operand ? roundTo(from, to, operand) : Expr();
  if (!isa<FloatType>(to))
    return Expr();
  if (auto var = input.getDefiningOp<RankVarOp>())
    return context.rankVar(getRank(var.getRankAttr()));
  if (Expr count = importCount(input))
    return count;
  // A float rounded to an integer, or the value of an integer reduction.
  bool isNumber = operand && !from.isInteger(1);
  auto narrow = dyn_cast<FloatType>(to);
  return isNumber && narrow.getWidth() >= 32 ? operand : Expr();
}

/// Whether integers are equal, one of them a reduction's: what is known of the
/// points of an extremum holds of integers, too.
Expr ExprImporter::importComparison(Region &region, arith::CmpIOp op) {
  using P = arith::CmpIPredicate;
  Expr lhs = region.exprs.lookup(op.getLhs()),
       rhs = region.exprs.lookup(op.getRhs());
  bool isReduced =
      (lhs && lhs.hasAccumulator()) || (rhs && rhs.hasAccumulator());
  if (!isReduced || (op.getPredicate() != P::eq && op.getPredicate() != P::ne))
    return Expr();
  if (!lhs)
    lhs = getLeaf(region, op.getLhs());
  if (!rhs)
    rhs = getLeaf(region, op.getRhs());
  if (!lhs || !rhs || !lhs.is(ExprKind::Leaf) || !rhs.is(ExprKind::Leaf))
    return Expr();
  Expr equal = context.compare(ExprKind::Equal, lhs, rhs);
  return op.getPredicate() == P::eq ? equal : context.logicalNot(equal);
}

Expr ExprImporter::importOp(Region &region, Operation &op) {
  SmallVector<Expr> x;
  for (Value operand : op.getOperands())
    x.push_back(region.exprs.lookup(operand));
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return importConstant(constant.getValue());
  if (auto read = dyn_cast<ReadOp>(op))
    return importRead(region, read);
  if (auto cast = dyn_cast<CastOp>(op))
    return importCast(region, cast);
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return importComparison(region, compare);
  if (x.empty() || llvm::is_contained(x, Expr()))
    return Expr();
  auto unary = [&](ExprKind kind) { return context.unary(kind, x[0]); };
  Type type = op.getResult(0).getType();
  if (auto compare = dyn_cast<arith::CmpFOp>(op)) {
    using P = arith::CmpFPredicate;
    switch (compare.getPredicate()) {
    case P::OEQ:
      return context.compare(ExprKind::Equal, x[0], x[1]);
    case P::UNE:
      return context.logicalNot(context.compare(ExprKind::Equal, x[0], x[1]));
    case P::OLT:
      return context.compare(ExprKind::Less, x[0], x[1]);
    case P::OLE:
      return context.compare(ExprKind::LessEqual, x[0], x[1]);
    case P::OGT:
      return context.compare(ExprKind::Less, x[1], x[0]);
    case P::OGE:
      return context.compare(ExprKind::LessEqual, x[1], x[0]);
    default:
      return Expr();
    }
  }
  if (isa<arith::SelectOp>(op) && type.isInteger(1))
    return context.logicalOr(
        {context.logicalAnd({x[0], x[1]}),
         context.logicalAnd({context.logicalNot(x[0]), x[2]})});
  if (type.isInteger(1))
    return llvm::TypeSwitch<Operation *, Expr>(&op)
        .Case([&](arith::AndIOp) { return context.logicalAnd(x); })
        .Case([&](arith::OrIOp) { return context.logicalOr(x); })
        .Case([&](arith::XOrIOp) { return context.logicalNot(x[0]); })
        .Default(Expr());
  if (!isa<FloatType>(type))
    return Expr();
  return llvm::TypeSwitch<Operation *, Expr>(&op)
      .Case([&](arith::AddFOp) { return x[0] + x[1]; })
      .Case([&](arith::SubFOp) { return x[0] - x[1]; })
      .Case([&](arith::MulFOp) { return x[0] * x[1]; })
      .Case([&](arith::NegFOp) { return -x[0]; })
      .Case([&](DivOp) { return x[0] / x[1]; })
      .Case([&](arith::MaximumFOp) { return max(x[0], x[1]); })
      .Case([&](arith::MinimumFOp) { return min(x[0], x[1]); })
      .Case([&](arith::SelectOp) { return context.select(x[0], x[1], x[2]); })
      .Case([&](math::ExpOp) { return exp(x[0]); })
      .Case([&](math::Exp2Op) { return exp2(x[0]); })
      .Case([&](math::LogOp) { return log(x[0]); })
      .Case([&](math::Log2Op) { return log2(x[0]); })
      .Case([&](math::SqrtOp) { return sqrt(x[0]); })
      .Case([&](math::RsqrtOp) { return rsqrt(x[0]); })
      .Case([&](math::PowFOp) { return context.pow(x[0], x[1]); })
      .Case([&](math::TanhOp) { return unary(ExprKind::Tanh); })
      .Case([&](SigmoidOp) { return unary(ExprKind::Sigmoid); })
      .Case([&](math::ErfOp) { return unary(ExprKind::Erf); })
      .Case([&](math::SinOp) { return unary(ExprKind::Sin); })
      .Case([&](math::CosOp) { return unary(ExprKind::Cos); })
      .Case([&](math::AbsFOp) { return unary(ExprKind::Abs); })
      .Case([&](math::FloorOp) { return unary(ExprKind::Floor); })
      .Case([&](math::RoundEvenOp) { return unary(ExprKind::Round); })
      .Default([&](Operation *) {
        return context.call(op.getName().getStringRef(), x);
      });
}

//===----------------------------------------------------------------------===//
// Einsums
//===----------------------------------------------------------------------===//

ImportedEinsum ExprImporter::import(EinsumOp einsum) {
  Region region;
  region.einsum = einsum;
  for (auto reducer : einsum.getReducers().getAsRange<ReduceAttr>())
    region.reduced.set(getRank(reducer.getVar()));
  Block &block = einsum.getBody().front();
  for (auto [argument, input] :
       llvm::zip(block.getArguments(), einsum.getInputs())) {
    Slice slice;
    slice.id = intern({input.getAsOpaquePointer()});
    slice.text = getSourceName(input);
    slice.isBlocked = blocked.contains(input);
    slice.inputs.insert(input);
    region.slices[argument] = std::move(slice);
    if (isa<FloatType>(argument.getType()))
      region.exprs[argument] = getLeaf(region, argument);
  }
  for (Operation &op : block.without_terminator())
    visit(region, op);

  SmallVector<Value> conjuncts;
  if (Value filter = einsum.getFilter())
    conjuncts.push_back(filter);
  while (!conjuncts.empty()) {
    Value conjunct = conjuncts.pop_back_val();
    if (auto both = conjunct.getDefiningOp<arith::AndIOp>()) {
      conjuncts.push_back(both.getRhs());
      conjuncts.push_back(both.getLhs());
    } else if (Expr condition = region.exprs.lookup(conjunct)) {
      region.result.conditions.insert(condition);
      if ((region.slices[conjunct].ranks & region.reduced).none())
        region.result.resultConditions.insert(condition);
    } else {
      region.result.opaque = conjunct.getDefiningOp();
    }
  }
  Value value = einsum.getValue();
  Type type = einsum.getResult().getType().getElementType();
  Expr expr = region.exprs.lookup(value);
  if (!isa<FloatType>(value.getType()) && !value.getType().isInteger(1))
    expr = getLeaf(region, value); // an integer, as a whole
  if (!expr)
    region.result.opaque = value.getDefiningOp();
  else if (isa<FloatType>(type) && einsum.getReducers().empty())
    expr = roundTo(value.getType(), type, expr);
  region.result.value = region.result.opaque ? Expr() : expr;
  if (Operation *opaque = region.result.opaque) {
    region.result.shown = region.exprs.lookup(opaque->getResult(0));
    region.result.text = region.slices[opaque->getResult(0)].text;
  }
  return std::move(region.result);
}

Expr ExprImporter::import(ReducerOp reducer, Expr a, Expr b) {
  Region region;
  Block &block = reducer.getBody().front();
  region.exprs[block.getArgument(0)] = a;
  region.exprs[block.getArgument(1)] = b;
  for (Operation &op : block.without_terminator())
    region.exprs[op.getResult(0)] = importOp(region, op);
  return region.exprs.lookup(reducer.getValue());
}

//===- CascadeGraph.cpp - A cascade as Einsums and what they read ---------===//

#include "lib/Analysis/CascadeGraph.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

#include <numeric>

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// Strides
//===----------------------------------------------------------------------===//

Stride::Stride(int64_t numerator, int64_t denominator)
    : numerator(numerator), denominator(denominator) {
  // The least number has no absolute value, and no use as a stride.
  if (denominator == 0 || numerator == INT64_MIN || denominator == INT64_MIN) {
    this->numerator = this->denominator = 0;
    return;
  }
  int64_t divisor = std::gcd(numerator, denominator);
  if (denominator < 0)
    divisor = -divisor;
  this->numerator /= divisor;
  this->denominator /= divisor;
}

Stride Stride::extent(StringAttr rank) {
  Stride stride;
  stride.extents.push_back({rank, 1});
  return stride;
}

Stride Stride::operator*(const Stride &other) const {
  int64_t top, bottom;
  if (llvm::MulOverflow(numerator, other.numerator, top) ||
      llvm::MulOverflow(denominator, other.denominator, bottom))
    return Stride(0, 0);
  Stride product(top, bottom);
  product.extents = extents;
  for (auto [rank, power] : other.extents) {
    auto *it = llvm::find_if(product.extents, [rank = rank](auto &factor) {
      return factor.first == rank;
    });
    if (it == product.extents.end())
      product.extents.push_back({rank, power});
    else if ((it->second += power) == 0)
      product.extents.erase(it);
  }
  llvm::sort(product.extents, [](auto &a, auto &b) {
    return a.first.getValue() < b.first.getValue();
  });
  return product;
}

Stride Stride::inverse() const {
  Stride stride(denominator, numerator);
  stride.extents = extents;
  for (auto &[rank, power] : stride.extents)
    power = -power;
  return stride;
}

std::optional<Stride> Stride::operator+(const Stride &other) const {
  if (extents != other.extents)
    return std::nullopt;
  int64_t left, right, top, bottom;
  if (llvm::MulOverflow(numerator, other.denominator, left) ||
      llvm::MulOverflow(other.numerator, denominator, right) ||
      llvm::AddOverflow(left, right, top) ||
      llvm::MulOverflow(denominator, other.denominator, bottom))
    return std::nullopt;
  Stride sum(top, bottom);
  sum.extents = extents;
  return sum;
}

bool Stride::operator==(const Stride &other) const {
  return denominator != 0 && numerator == other.numerator &&
         denominator == other.denominator && extents == other.extents;
}

bool Stride::isAtMostOne() const {
  return denominator != 0 && extents.empty() &&
         std::abs(numerator) <= denominator;
}

bool Stride::isLongerThan(const Stride &other) const {
  Stride ratio = other * inverse();
  if (ratio.denominator == 0)
    return false;
  // An extent is at least 1, and what is multiplied by one counts as longer.
  if (llvm::any_of(ratio.extents,
                   [](auto &factor) { return factor.second > 0; }))
    return false;
  int64_t top = std::abs(ratio.numerator);
  return ratio.extents.empty() ? top < ratio.denominator
                               : top <= ratio.denominator;
}

//===----------------------------------------------------------------------===//
// Indices
//===----------------------------------------------------------------------===//

IndexForm IndexForm::variable(StringAttr var) {
  IndexForm form;
  form.terms.push_back({var, Stride()});
  form.vars.insert(var);
  return form;
}

const Stride *IndexForm::lookup(StringAttr var) const {
  for (auto &[name, stride] : terms)
    if (name == var)
      return &stride;
  return nullptr;
}

namespace {
/// The linear forms of a region's integers, found from top to bottom.
class IndexReader {
public:
  explicit IndexReader(const CascadeGraph &graph) : graph(graph) {}
  void visit(Operation &op);
  IndexForm get(Value value) const { return forms.lookup(value); }

private:
  void add(IndexForm &form, const IndexForm &other, const Stride &factor);
  IndexForm getOpaque(Operation &op);
  IndexForm multiply(Operation &op);
  IndexForm divide(Operation &op);
  IndexForm flatten(FlattenOp flat);
  std::optional<Stride> getFactor(Value value);

  const CascadeGraph &graph;
  llvm::DenseMap<Value, IndexForm> forms;
};
} // namespace

/// Adds `factor * other` to `form`.
void IndexReader::add(IndexForm &form, const IndexForm &other,
                      const Stride &factor) {
  form.vars.insert(other.vars.begin(), other.vars.end());
  form.isGather |= other.isGather;
  form.isLinear &= other.isLinear;
  for (auto &[var, stride] : other.terms) {
    Stride added = stride * factor;
    auto *it = llvm::find_if(
        form.terms, [var = var](auto &term) { return term.first == var; });
    if (it == form.terms.end()) {
      form.terms.push_back({var, added});
      continue;
    }
    std::optional<Stride> sum = it->second + added;
    if (!sum)
      form.isLinear = false;
    else if (sum->isZero())
      form.terms.erase(it);
    else
      it->second = *sum;
  }
  int64_t shift = 0;
  if (factor == Stride())
    shift = other.shift;
  else if (factor == Stride(-1))
    shift = -other.shift;
  else if (other.shift)
    form.isLinear = false; // A scaled shift: none that a spec needs.
  form.isLinear &= !llvm::AddOverflow(form.shift, shift, form.shift);
}

/// What is known of any other value: its variables.
IndexForm IndexReader::getOpaque(Operation &op) {
  IndexForm form;
  for (Value operand : op.getOperands())
    if (auto it = forms.find(operand); it != forms.end()) {
      form.vars.insert(it->second.vars.begin(), it->second.vars.end());
      form.isGather |= it->second.isGather;
    }
  form.isGather |= isa<ReadOp>(op);
  form.isLinear = false;
  return form;
}

/// The value of a constant or an extent.
std::optional<Stride> IndexReader::getFactor(Value value) {
  if (auto cast = value.getDefiningOp<CastOp>())
    value = cast.getInput();
  if (auto extent = value.getDefiningOp<ExtentOp>())
    return graph.getExtent(extent.getRankAttr());
  if (auto constant = value.getDefiningOp<arith::ConstantOp>())
    if (auto number = dyn_cast<IntegerAttr>(constant.getValue()))
      if (number.getValue().getSignificantBits() <= 64)
        return Stride(number.getInt());
  return std::nullopt;
}

IndexForm IndexReader::multiply(Operation &op) {
  for (unsigned i : {0, 1})
    if (std::optional<Stride> factor = getFactor(op.getOperand(1 - i))) {
      IndexForm form;
      if (!factor->isZero())
        add(form, get(op.getOperand(i)), *factor);
      return form;
    }
  return getOpaque(op);
}

IndexForm IndexReader::divide(Operation &op) {
  std::optional<Stride> divisor = getFactor(op.getOperand(1));
  IndexForm dividend = get(op.getOperand(0));
  if (!divisor || divisor->isZero() || dividend.shift)
    return getOpaque(op);
  IndexForm form;
  add(form, dividend, divisor->inverse());
  return form;
}

IndexForm IndexReader::flatten(FlattenOp flat) {
  IndexForm form;
  Stride factor;
  for (auto [index, rank] : llvm::reverse(llvm::zip_equal(
           flat.getIndices(), flat.getRanks().getAsRange<StringAttr>()))) {
    add(form, get(index), factor);
    factor = factor * graph.getExtent(rank);
  }
  return form;
}

void IndexReader::visit(Operation &op) {
  if (op.getNumResults() != 1)
    return;
  IndexForm form;
  if (auto var = dyn_cast<RankVarOp>(op)) {
    form = IndexForm::variable(var.getRankAttr());
  } else if (auto flat = dyn_cast<FlattenOp>(op)) {
    form = flatten(flat);
  } else if (isa<arith::AddIOp, arith::SubIOp>(op)) {
    add(form, get(op.getOperand(0)), Stride());
    add(form, get(op.getOperand(1)), Stride(isa<arith::AddIOp>(op) ? 1 : -1));
  } else if (isa<arith::MulIOp>(op)) {
    form = multiply(op);
  } else if (isa<arith::FloorDivSIOp, arith::CeilDivSIOp>(op)) {
    form = divide(op);
  } else if (auto cast = dyn_cast<CastOp>(op); cast && cast.getImplicit()) {
    form = get(cast.getInput());
  } else if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto number = dyn_cast<IntegerAttr>(constant.getValue());
    form.isLinear = number && number.getValue().getSignificantBits() <= 64;
    if (form.isLinear)
      form.shift = number.getInt();
  } else if (auto extent = dyn_cast<ExtentOp>(op)) {
    std::optional<int64_t> known = graph.getFixedExtent(extent.getRankAttr());
    form.isLinear = known.has_value();
    form.shift = known.value_or(0);
  } else {
    form = getOpaque(op);
  }
  forms[op.getResult(0)] = std::move(form);
}

//===----------------------------------------------------------------------===//
// The graph
//===----------------------------------------------------------------------===//

CascadeGraph::CascadeGraph(CascadeOp cascade) : cascade(cascade) {
  for (auto rank : cascade.getRanks().getAsRange<RankAttr>())
    if (std::optional<int64_t> extent = cascade.getFixedExtent(rank.getName()))
      fixed[rank.getName()] = *extent;
  for (auto [arg, name] :
       llvm::zip(cascade.getBody().getArguments(),
                 cascade.getArgNames().getAsRange<StringAttr>()))
    if (isa<attn::TensorType>(arg.getType()))
      addTensor(arg, name.getValue(), std::nullopt);
  visitBlock(cascade.getBody().front(), std::nullopt);
  markLive();
}

std::optional<unsigned> CascadeGraph::lookupTensor(Value value) const {
  auto it = tensorOf.find(value);
  return it == tensorOf.end() ? std::nullopt : std::optional(it->second);
}

std::optional<unsigned> CascadeGraph::lookupNode(Operation *op) const {
  auto it = nodeOf.find(op);
  return it == nodeOf.end() ? std::nullopt : std::optional(it->second);
}

std::optional<int64_t> CascadeGraph::getFixedExtent(StringAttr rank) const {
  auto it = fixed.find(rank);
  return it == fixed.end() ? std::nullopt : std::optional(it->second);
}

Stride CascadeGraph::getExtent(StringAttr rank) const {
  std::optional<int64_t> extent = getFixedExtent(rank);
  return extent ? Stride(*extent) : Stride::extent(rank);
}

/// Adds a node without variables but those that iterations carry.
unsigned CascadeGraph::addNode(Operation *op, StringRef name, Loop loop) {
  GraphNode node;
  node.op = op;
  node.name = name.empty() ? "#" + std::to_string(nodes.size()) : name.str();
  node.loop = loop;
  for (Loop outer = loop; outer; outer = loops[*outer].parent)
    if (!loops[*outer].isStream) {
      node.vars.insert(loops[*outer].rank);
      node.out.insert(loops[*outer].rank);
    }
  nodes.push_back(std::move(node));
  return nodes.size() - 1;
}

/// Adds a tensor that is written at the variables called as its ranks.
unsigned CascadeGraph::addTensor(Value value, StringRef name,
                                 std::optional<unsigned> node) {
  GraphTensor tensor{value, name.str(), node, {}};
  for (StringAttr rank : cast<attn::TensorType>(value.getType()).getRanks())
    tensor.dims.push_back({rank});
  tensors.push_back(std::move(tensor));
  tensorOf[value] = tensors.size() - 1;
  return tensors.size() - 1;
}

/// `node` reads `tensor` at the variables called as its ranks.
void CascadeGraph::addInPlace(unsigned node, unsigned tensor) {
  GraphAccess access{tensor, {}};
  auto type = cast<attn::TensorType>(tensors[tensor].value.getType());
  for (StringAttr rank : type.getRanks())
    access.indices.push_back(IndexForm::variable(rank));
  nodes[node].accesses.push_back(std::move(access));
}

void CascadeGraph::visitEinsum(EinsumOp einsum, Loop loop) {
  unsigned id = addNode(einsum, einsum.getName().value_or(""), loop);
  nodeOf[einsum] = id;
  GraphNode &node = nodes[id];
  for (auto var : einsum.getVars().getAsRange<StringAttr>())
    node.vars.insert(var);
  for (StringAttr var : einsum.getOutVars())
    node.out.insert(var);
  Block &body = einsum.getBody().front();
  IndexReader indices(*this);
  for (Operation &op : body) {
    indices.visit(op);
    auto read = dyn_cast<ReadOp>(op);
    if (!read)
      continue;
    auto argument = cast<BlockArgument>(read.getTensor());
    GraphAccess access{
        tensorOf.lookup(einsum.getInputs()[argument.getArgNumber()]), {}};
    for (Value index : read.getIndices())
      access.indices.push_back(indices.get(index));
    node.accesses.push_back(std::move(access));
  }
  unsigned tensor = addTensor(einsum.getResult(), node.name, id);
  for (auto [dim, group] :
       llvm::zip(tensors[tensor].dims, einsum.getOut().getAsRange<ArrayAttr>()))
    dim = llvm::to_vector<1>(group.getAsRange<StringAttr>());
}

void CascadeGraph::visitTopK(TopKOp topk, Loop loop) {
  auto getName = [&](unsigned i) -> StringRef {
    return topk.getNames() ? cast<StringAttr>((*topk.getNames())[i]).getValue()
                           : "";
  };
  unsigned id = addNode(topk, getName(0), loop);
  nodeOf[topk] = id;
  GraphNode &node = nodes[id];
  ArrayRef<StringAttr> ranks = topk.getValues().getType().getRanks();
  node.vars.insert(topk.getFromAttr());
  node.vars.insert(ranks.begin(), ranks.end());
  node.out.insert(ranks.begin(), ranks.end());
  for (Value operand : topk->getOperands())
    addInPlace(id, tensorOf.lookup(operand));
  for (OpResult result : topk->getResults())
    addTensor(result, getName(result.getResultNumber()), id);
}

void CascadeGraph::visitJoin(JoinOp join, Loop loop) {
  auto getName = [&](unsigned i) -> StringRef {
    return join.getNames() ? cast<StringAttr>((*join.getNames())[i]).getValue()
                           : "";
  };
  unsigned id = addNode(join, getName(0), loop);
  nodeOf[join] = id;
  for (Value value : join.getResults()) {
    ArrayRef<StringAttr> ranks =
        cast<attn::TensorType>(value.getType()).getRanks();
    nodes[id].vars.insert(ranks.begin(), ranks.end());
    nodes[id].out.insert(ranks.begin(), ranks.end());
  }
  for (Value list : join.getLists())
    addInPlace(id, tensorOf.lookup(list));
  for (OpResult result : join->getResults())
    addTensor(result, getName(result.getResultNumber()), id);
}

/// `to` is the tensor that `from` is.
void CascadeGraph::forward(Value from, Value to) {
  if (std::optional<unsigned> tensor = lookupTensor(from))
    tensorOf[to] = *tensor;
}

/// Adds a state of the loop `op`, which stands for its value at a coordinate.
unsigned CascadeGraph::addState(Operation *op, Value state, StringRef name,
                                Loop loop) {
  unsigned id = addNode(op, name, loop);
  GraphNode &node = nodes[id];
  node.isCopy = true;
  ArrayRef<StringAttr> ranks =
      cast<attn::TensorType>(state.getType()).getRanks();
  node.vars.insert(ranks.begin(), ranks.end());
  node.out.insert(ranks.begin(), ranks.end());
  addTensor(state, name, id);
  return id;
}

/// `result` collects what the body of `loop` yields at every coordinate.
void CascadeGraph::collect(Value yielded, Value result, unsigned loop) {
  unsigned source = tensorOf.lookup(yielded);
  std::optional<unsigned> node = tensors[source].node;
  if (!node || *node < loops[loop].begin) {
    // Nothing that the body computes: passed through at every coordinate.
    node = addState(result.getDefiningOp(), result, tensors[source].name, loop);
    addInPlace(*node, source);
    return;
  }
  GraphTensor tensor = tensors[source];
  tensor.value = result;
  unsigned number = cast<OpResult>(result).getResultNumber();
  if (auto names = result.getDefiningOp<IterateOp>().getNames())
    tensor.name = cast<StringAttr>((*names)[number]).str();
  auto type = cast<attn::TensorType>(result.getType());
  auto *position = tensor.dims.begin() + type.getRankPosition(loops[loop].rank);
  tensor.dims.insert(position, {loops[loop].rank});
  tensors.push_back(std::move(tensor));
  tensorOf[result] = tensors.size() - 1;
}

void CascadeGraph::visitIterate(IterateOp iterate, Loop loop) {
  unsigned id = loops.size(), begin = nodes.size();
  loops.push_back({iterate.getRankAttr(), /*isStream=*/false, loop, begin, 0});
  Block &body = iterate.getBody().front();
  unsigned numStates = iterate.getInits().size();
  for (auto [arg, init, name] :
       llvm::zip(body.getArguments(), iterate.getInits(),
                 iterate.getStateNames().getAsRange<StringAttr>()))
    addInPlace(addState(iterate, arg, name.getValue(), id),
               tensorOf.lookup(init));
  visitBlock(body, id);
  auto yielded = cast<YieldOp>(body.getTerminator()).getValues();
  for (unsigned i = 0; i < yielded.size(); ++i) {
    if (i >= numStates) {
      collect(yielded[i], iterate.getResult(i), id);
      continue;
    }
    nodes[begin + i].next = lookupTensor(yielded[i]);
    forward(yielded[i], iterate.getResult(i));
  }
  loops[id].end = nodes.size();
}

void CascadeGraph::visitStream(StreamOp stream, Loop loop) {
  unsigned id = loops.size(), begin = nodes.size();
  loops.push_back({stream.getRankAttr(), /*isStream=*/true, loop, begin, 0});
  Block &body = stream.getStep().front();
  for (auto [arg, name] :
       llvm::zip(body.getArguments(),
                 stream.getStateNames().getAsRange<StringAttr>()))
    addState(stream, arg, name.getValue(), id);
  visitBlock(body, id);
  auto yielded = cast<YieldOp>(body.getTerminator()).getValues();
  for (unsigned i = 0; i < yielded.size(); ++i) {
    if (i < stream.getNumStates())
      nodes[begin + i].next = lookupTensor(yielded[i]);
    forward(yielded[i], stream.getResult(i));
  }
  loops[id].end = nodes.size();
}

/// Bodies nest 64 deep at most, and so does this.
void CascadeGraph::visitBlock(Block &block, Loop loop) {
  for (Operation &op : block) {
    if (auto einsum = dyn_cast<EinsumOp>(op)) {
      visitEinsum(einsum, loop);
    } else if (auto topk = dyn_cast<TopKOp>(op)) {
      visitTopK(topk, loop);
    } else if (auto join = dyn_cast<JoinOp>(op)) {
      visitJoin(join, loop);
    } else if (auto iterate = dyn_cast<IterateOp>(op)) {
      visitIterate(iterate, loop);
    } else if (auto stream = dyn_cast<StreamOp>(op)) {
      visitStream(stream, loop);
    } else if (auto nest = dyn_cast<NestOp>(op)) {
      Block &body = nest.getBody().front();
      visitBlock(body, loop);
      for (auto [value, result] :
           llvm::zip(cast<YieldOp>(body.getTerminator()).getValues(),
                     nest.getResults()))
        forward(value, result);
    }
  }
}

void CascadeGraph::markLive() {
  SmallVector<unsigned> worklist;
  auto mark = [&](unsigned tensor) {
    std::optional<unsigned> node = tensors[tensor].node;
    if (node && std::exchange(nodes[*node].isDead, false))
      worklist.push_back(*node);
  };
  auto yield = cast<YieldOp>(cascade.getBody().front().getTerminator());
  for (Value value : yield.getValues())
    mark(tensorOf.lookup(value));
  while (!worklist.empty()) {
    GraphNode &node = nodes[worklist.pop_back_val()];
    for (GraphAccess &access : node.accesses)
      mark(access.tensor);
    if (node.next)
      mark(*node.next);
  }
}

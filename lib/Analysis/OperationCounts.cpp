//===- OperationCounts.cpp - What a cascade computes and moves ------------===//

#include "lib/Analysis/EinsumCounter.h"

using namespace mlir;
using namespace attn;

StringAttr CascadeCounts::getExtentSymbol(StringAttr rank) {
  return StringAttr::get(rank.getContext(), "|" + rank.getValue().str() + "|");
}

StringAttr CascadeCounts::getChunkSymbol(StringAttr rank) {
  return StringAttr::get(rank.getContext(),
                         "chunks(" + rank.getValue().str() + ")");
}

CascadeCounts::CascadeCounts(CascadeOp cascade)
    : graph(cascade), names(cascade.getContext()) {
  // Every rank may be a variable; conditions are on these positions.
  for (auto rank : cascade.getRanks().getAsRange<RankAttr>())
    (void)names.getVar(rank.getName());
  EinsumCounter counter(*this);
  for (auto [id, node] : llvm::enumerate(graph.getNodes()))
    if (!node.isCopy && !node.isDead)
      counter.count(id);
  for (const EinsumCounts &einsum : einsums)
    for (auto &[kind, count] : einsum.operations)
      operations[kind] += count;
  addTraffic();
}

Polynomial CascadeCounts::getExtent(StringAttr rank) const {
  CascadeOp cascade = graph.getCascade();
  RankAttr declared = cascade.lookupRank(rank);
  if (declared.getKind() == RankKind::Product) {
    Polynomial product(1);
    for (StringAttr factor : declared.getOperands())
      product = product * getExtent(factor);
    return product;
  }
  if (std::optional<int64_t> extent = graph.getFixedExtent(rank))
    return Polynomial(*extent);
  return Polynomial(getExtentSymbol(rank));
}

/// The bytes of an element. A condition takes one.
static int64_t getElementBytes(attn::TensorType type) {
  return std::max(1u, type.getElementType().getIntOrFloatBitWidth() / 8);
}

Polynomial CascadeCounts::getBytes(attn::TensorType type) const {
  Polynomial bytes(getElementBytes(type));
  for (StringAttr rank : type.getRanks())
    bytes = bytes * getExtent(rank);
  return bytes;
}

std::optional<Polynomial>
CascadeCounts::getGatheredBytes(const GraphAccess &access) const {
  if (llvm::none_of(access.indices,
                    [](const IndexForm &index) { return index.isGather; }))
    return std::nullopt;
  llvm::SmallSetVector<StringAttr, 4> vars;
  for (const IndexForm &index : access.indices)
    vars.insert(index.vars.begin(), index.vars.end());
  Value tensor = graph.getTensors()[access.tensor].value;
  Polynomial bytes(getElementBytes(cast<attn::TensorType>(tensor.getType())));
  for (StringAttr var : vars)
    bytes = bytes * getExtent(var);
  return bytes;
}

/// The compulsory bytes: what is gathered only is read where it is gathered.
void CascadeCounts::addTraffic() {
  llvm::SmallDenseSet<unsigned> whole;
  llvm::MapVector<unsigned, Polynomial> gathered;
  for (const GraphNode &node : graph.getNodes()) {
    if (node.isDead)
      continue;
    for (const GraphAccess &access : node.accesses) {
      const GraphTensor &tensor = graph.getTensors()[access.tensor];
      if (tensor.node)
        continue;
      if (std::optional<Polynomial> bytes = getGatheredBytes(access))
        gathered[access.tensor] += *bytes;
      else
        whole.insert(access.tensor);
    }
  }
  for (auto [number, tensor] : llvm::enumerate(graph.getTensors()))
    if (whole.contains(number))
      bytesRead += getBytes(cast<attn::TensorType>(tensor.value.getType()));
    else if (auto it = gathered.find(number); it != gathered.end())
      bytesRead += it->second;
  CascadeOp cascade = graph.getCascade();
  for (Type type : cascade.getFunctionType().getResults())
    bytesWritten += getBytes(cast<attn::TensorType>(type));
}

//===----------------------------------------------------------------------===//
// At a call's extents
//===----------------------------------------------------------------------===//

/// The number in a symbol `#0`.
static unsigned getPointSet(StringAttr symbol) {
  unsigned set = 0;
  bool isNumber = !symbol.getValue().drop_front().getAsInteger(10, set);
  assert(isNumber && "no other symbols are made");
  (void)isNumber;
  return set;
}

const PointCount &CallCounts::count(unsigned set) {
  auto [it, inserted] = known.try_emplace(set);
  if (!inserted)
    return it->second;
  const PointSet &points = counts.getPointSets()[set];
  auto value = [&](StringAttr symbol) {
    StringRef name = symbol.getValue();
    if (name.consume_front("|"))
      name = name.drop_back();
    return extents.lookup(name);
  };
  if (extents.hasTiles())
    it->second =
        countTiledPoints(points, counts.getNames(), value, [&](StringAttr var) {
          return extents.getTile(var.getValue());
        });
  else
    it->second = countPoints(points, counts.getNames(), value);
  return it->second;
}

CallCounts::Number CallCounts::evaluate(const Polynomial &polynomial) {
  return evaluate(polynomial, /*repeats=*/{});
}

CallCounts::Number
CallCounts::evaluate(const Polynomial &polynomial,
                     ArrayRef<std::pair<StringAttr, int64_t>> repeats) {
  Number number;
  auto evaluateSymbol = [&](StringAttr symbol) -> double {
    StringRef name = symbol.getValue();
    if (name.consume_front("|"))
      return *extents.lookup(name.drop_back());
    if (name.consume_front("chunks("))
      return extents.getNumChunks(name.drop_back());
    const PointCount &points = count(getPointSet(symbol));
    number.isBound |= points.isBound;
    number.isSampled |= points.isSampled;
    return points.points;
  };
  auto varies = [&](StringAttr symbol, StringAttr rank) {
    if (!symbol.getValue().starts_with("#"))
      return symbol == CascadeCounts::getExtentSymbol(rank);
    return llvm::is_contained(counts.getPointSets()[getPointSet(symbol)].vars,
                              rank);
  };
  number.value = polynomial.evaluateTerms([&](ArrayRef<StringAttr> symbols) {
    double product = 1;
    for (StringAttr symbol : symbols)
      product *= evaluateSymbol(symbol);
    for (auto [rank, times] : repeats)
      if (llvm::none_of(symbols, [&, rank = rank](StringAttr symbol) {
            return varies(symbol, rank);
          }))
        product *= times;
    return product;
  });
  return number;
}

//===- StepLeaves.cpp - Leaves whose variables can be renamed -------------===//

#include "lib/Cascade/StepLeaves.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// Keys and texts
//===----------------------------------------------------------------------===//

/// The input of the Einsum that a region's argument is.
static Value getInput(BlockArgument argument) {
  auto einsum = cast<EinsumOp>(argument.getOwner()->getParentOp());
  return einsum.getInputs()[argument.getArgNumber()];
}

static StringAttr lookup(const Renaming &names, StringAttr var) {
  auto it = names.find(var);
  return it == names.end() ? var : it->second;
}

/// `text` with the names in it replaced.
static std::string renameText(StringRef text, const Renaming &names) {
  llvm::StringMap<StringRef> map;
  for (auto [from, to] : names)
    map[from.getValue()] = to.getValue();
  std::string result;
  while (!text.empty()) {
    StringRef word =
        text.take_while([](char c) { return llvm::isAlnum(c) || c == '_'; });
    if (word.empty()) {
      result += text.front();
      text = text.drop_front();
      continue;
    }
    text = text.drop_front(word.size());
    // A tensor may be called as a rank is.
    auto it = text.starts_with("[") ? map.end() : map.find(word);
    result += it == map.end() ? word : it->second;
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Leaves
//===----------------------------------------------------------------------===//

Expr StepLeaves::getLeaf(StepLeaf leaf, std::string key, std::string text) {
  auto [it, isNew] = leafOfKey.try_emplace(std::move(key));
  if (!isNew)
    return it->second;
  LeafInfo info;
  info.name = std::move(text);
  // The importer's own keys are small numbers.
  constexpr uint64_t firstKey = uint64_t(1) << 40;
  info.key = firstKey + leafOfKey.size();
  for (auto [var, name] : leaf.renamed)
    info.ranks.set(context.getRank(name.getValue()));
  info.accumulator =
      llvm::any_of(leaf.inputs, [&](Value input) { return isState(input); });
  it->second = context.leaf(info);
  leaves[it->second] = std::move(leaf);
  return it->second;
}

Expr StepLeaves::getSlice(Value slice, StringRef text, const Renaming &names) {
  StepLeaf leaf;
  leaf.slice = slice;
  llvm::SmallSetVector<Value, 2> inputs;
  llvm::DenseMap<Operation *, unsigned> numbers;
  std::string key;
  llvm::raw_string_ostream os(key);
  auto printOperand = [&](Value operand) {
    if (auto argument = dyn_cast<BlockArgument>(operand)) {
      inputs.insert(getInput(argument));
      os << "@" << getInput(argument).getAsOpaquePointer();
    } else {
      os << "%" << numbers.lookup(operand.getDefiningOp());
    }
  };
  for (Operation *op : getSliceOps(slice)) {
    numbers.try_emplace(op, numbers.size());
    if (auto var = dyn_cast<RankVarOp>(op)) {
      StringAttr name = ::lookup(names, var.getRankAttr());
      leaf.renamed[var.getRankAttr()] = name;
      os << name.getValue() << ";";
      continue;
    }
    os << op->getName() << op->getAttrDictionary().getAsOpaquePointer()
       << op->getResult(0).getType().getAsOpaquePointer();
    llvm::for_each(op->getOperands(), printOperand);
    os << ";";
  }
  if (isa<BlockArgument>(slice))
    printOperand(slice);
  leaf.inputs = llvm::to_vector(inputs);
  // A plain access is the same leaf, whichever way it is made.
  if (auto read = slice.getDefiningOp<ReadOp>()) {
    Groups groups;
    for (Value index : read.getIndices()) {
      if (auto var = index.getDefiningOp<RankVarOp>())
        groups.push_back({::lookup(names, var.getRankAttr())});
      else
        break;
    }
    if (groups.size() == read.getIndices().size())
      return this->read(getInput(cast<BlockArgument>(read.getTensor())),
                        groups);
  }
  return getLeaf(std::move(leaf), std::move(key), text.str());
}

Expr StepLeaves::read(Value tensor, const Groups &groups) {
  StepLeaf leaf;
  leaf.access = {tensor, groups, {}};
  leaf.inputs.push_back(tensor);
  std::string text = getSourceName(tensor);
  std::string key;
  llvm::raw_string_ostream os(key);
  os << "read" << tensor.getAsOpaquePointer();
  std::string indices;
  for (const auto &group : groups) {
    indices += indices.empty() ? "" : ",";
    std::string names;
    for (StringAttr var : group) {
      leaf.renamed[var] = var;
      names += (names.empty() ? "" : ",") + var.str();
    }
    indices += group.size() > 1 ? "(" + names + ")" : names;
  }
  os << indices;
  return getLeaf(std::move(leaf), std::move(key), text + "[" + indices + "]");
}

const StepLeaf *StepLeaves::lookup(Expr leaf) const {
  auto it = leaves.find(leaf);
  return it == leaves.end() ? nullptr : &it->second;
}

std::optional<TensorAccess> StepLeaves::getAccess(Expr expr) const {
  const StepLeaf *leaf = lookup(expr);
  if (!leaf)
    return std::nullopt;
  if (!leaf->slice)
    return leaf->access;
  auto read = leaf->slice.getDefiningOp<ReadOp>();
  if (!read)
    return std::nullopt;
  TensorAccess access;
  access.tensor = getInput(cast<BlockArgument>(read.getTensor()));
  for (Value index : read.getIndices()) {
    auto &group = access.groups.emplace_back();
    SmallVector<Value> parts{index};
    if (auto flat = index.getDefiningOp<FlattenOp>())
      parts.assign(flat.getIndices().begin(), flat.getIndices().end());
    for (Value part : parts) {
      auto var = part.getDefiningOp<RankVarOp>();
      if (!var)
        return std::nullopt;
      group.push_back(leaf->renamed.lookup(var.getRankAttr()));
    }
  }
  return access;
}

Expr StepLeaves::rename(Expr expr, const Renaming &names) {
  ExprMap map;
  for (Expr part : postOrder(expr)) {
    if (part.is(ExprKind::RankVar)) {
      auto name = StringAttr::get(cascade.getContext(),
                                  context.getRankName(part.rank()));
      StringAttr other = ::lookup(names, name);
      map[part] = context.rankVar(context.getRank(other.getValue()));
      continue;
    }
    const StepLeaf *leaf = part.is(ExprKind::Leaf) ? lookup(part) : nullptr;
    if (!leaf || !llvm::any_of(leaf->renamed, [&](auto &pair) {
          return names.count(pair.second);
        }))
      continue;
    if (!leaf->slice) {
      Groups groups = leaf->access.groups;
      for (auto &group : groups)
        for (StringAttr &var : group)
          var = ::lookup(names, var);
      map[part] = read(leaf->access.tensor, groups);
      continue;
    }
    Renaming whole;
    for (auto [var, name] : leaf->renamed)
      whole[var] = ::lookup(names, name);
    // The text has the old names.
    std::string text = renameText(part.leaf().name, names);
    map[part] = getSlice(leaf->slice, text, whole);
  }
  return map.empty() ? expr : substitute(expr, map);
}

//===----------------------------------------------------------------------===//
// Einsums
//===----------------------------------------------------------------------===//

bool StepLeaves::haveSameExtent(StringAttr a, StringAttr b) {
  a = getBase(a);
  b = getBase(b);
  std::optional<int64_t> extent = cascade.getFixedExtent(a);
  return a == b || (extent && extent == cascade.getFixedExtent(b));
}

/// Whether it says that a variable is a coordinate of a rank as long as its
/// own.
bool StepLeaves::isTrivial(Expr condition) {
  const LeafSource *source = importer.lookup(condition);
  if (!source || !source->rank)
    return false;
  auto var = source->value.getDefiningOp<RankVarOp>();
  return var && haveSameExtent(var.getRankAttr(), source->rank);
}

StepEinsum StepLeaves::import(EinsumOp einsum) {
  ImportedEinsum imported = importer.import(einsum);
  StepEinsum result;
  result.opaque = imported.opaque;
  if (!imported.value)
    return result;
  auto convert = [&](Expr expr) {
    ExprMap map;
    for (Expr leaf : getLeaves(expr))
      if (const LeafSource *source = importer.lookup(leaf))
        if (!source->rank)
          map[leaf] = getSlice(source->value, leaf.leaf().name, Renaming());
    return substitute(expr, map);
  };
  result.value = convert(imported.value);
  for (Expr condition : imported.resultConditions)
    if (!isTrivial(condition))
      result.resultConditions.push_back(convert(condition));
  for (Expr condition : imported.conditions)
    if (!isTrivial(condition) && !imported.resultConditions.contains(condition))
      result.conditions.push_back(convert(condition));
  return result;
}

Expr StepLeaves::lookThrough(Expr leaf) {
  std::optional<TensorAccess> access = getAccess(leaf);
  if (!access || isState(access->tensor))
    return Expr();
  auto maker = access->tensor.getDefiningOp<EinsumOp>();
  if (!maker || !maker.getReducers().empty())
    return Expr();
  StepEinsum step = import(maker);
  if (!step.value || !step.resultConditions.empty())
    return Expr();
  Renaming names;
  for (auto [group, vars] :
       llvm::zip(access->groups, maker.getOut().getAsRange<ArrayAttr>())) {
    if (group.size() != vars.size())
      return Expr();
    for (auto [name, var] : llvm::zip(group, vars.getAsRange<StringAttr>()))
      names[var] = name;
  }
  return rename(step.value, names);
}

Expr StepLeaves::unfold(Expr expr) {
  ExprMap map;
  for (Expr leaf : getLeaves(expr))
    if (Expr inner = lookThrough(leaf))
      map[leaf] = inner;
  return map.empty() ? expr : substitute(expr, map);
}

StringAttr StepLeaves::makeFresh(StringAttr base,
                                 llvm::DenseSet<StringAttr> &used) {
  base = getBase(base);
  StringAttr name;
  std::string text = base.str();
  do {
    text += "'";
    name = StringAttr::get(cascade.getContext(), text);
  } while (!used.insert(name).second);
  bases[name] = base;
  return name;
}

SmallVector<StringAttr> StepLeaves::getVars(Expr expr) {
  SmallVector<StringAttr> vars;
  RankSet ranks = expr.ranks();
  for (unsigned rank = 0; rank < ranks.size(); ++rank)
    if (ranks.test(rank))
      vars.push_back(
          StringAttr::get(cascade.getContext(), context.getRankName(rank)));
  return vars;
}

StringAttr StepLeaves::getBase(StringAttr var) const {
  return ::lookup(bases, var);
}

bool StepLeaves::isPresent(Value tensor) {
  SmallVector<Value> worklist{tensor};
  llvm::DenseSet<Value> seen;
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    if (!seen.insert(value).second)
      continue;
    Operation *op = value.getDefiningOp();
    if (!op) {
      auto argument = cast<BlockArgument>(value);
      auto iterate = dyn_cast<IterateOp>(argument.getOwner()->getParentOp());
      if (!iterate)
        continue; // an argument of the cascade: S2
      worklist.push_back(iterate.getInits()[argument.getArgNumber()]);
    } else if (auto einsum = dyn_cast<EinsumOp>(op)) {
      StepEinsum step = import(einsum);
      if (!step.value || !step.resultConditions.empty())
        return false;
      llvm::append_range(worklist, einsum.getInputs());
    } else if (auto iterate = dyn_cast<IterateOp>(op)) {
      auto yield = cast<YieldOp>(iterate.getBody().front().getTerminator());
      llvm::append_range(worklist, yield.getValues());
      llvm::append_range(worklist, iterate.getInits());
    } else {
      return false;
    }
  }
  return true;
}

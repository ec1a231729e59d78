//===- Interface.cpp - A cascade as C sees it -----------------------------===//

#include "lib/Package/Interface.h"
#include "dialect/Attn/Literals.h"
#include "dialect/Attn/Reference/Json.h"
#include "dialect/Attn/ReferenceImport.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

/// The name that the spec gives a yielded value, or an empty one.
static std::string getValueName(CascadeOp cascade, Value value) {
  if (auto arg = dyn_cast<BlockArgument>(value))
    return cast<StringAttr>(cascade.getArgNames()[arg.getArgNumber()]).str();
  Operation *op = value.getDefiningOp();
  if (auto einsum = dyn_cast<EinsumOp>(op))
    return einsum.getName().value_or("").str();
  auto names = op->getAttrOfType<ArrayAttr>("names");
  unsigned index = cast<OpResult>(value).getResultNumber();
  return names && index < names.size() ? cast<StringAttr>(names[index]).str()
                                       : std::string();
}

//===----------------------------------------------------------------------===//
// Fields
//===----------------------------------------------------------------------===//

static std::vector<uint32_t>
getPlaces(const llvm::StringMap<uint32_t> &rankPlaces,
          ArrayRef<StringAttr> names) {
  std::vector<uint32_t> places;
  for (StringAttr name : names)
    places.push_back(rankPlaces.lookup(name));
  return places;
}

static llvm::StringMap<uint32_t> getRankPlaces(ArrayAttr ranks) {
  llvm::StringMap<uint32_t> places;
  for (auto rank : ranks.getAsRange<RankAttr>())
    places.try_emplace(rank.getName(), places.size());
  return places;
}

static std::vector<Rank> makeRanks(ArrayAttr attrs) {
  llvm::StringMap<uint32_t> places = getRankPlaces(attrs);
  std::vector<Rank> ranks;
  for (auto rank : attrs.getAsRange<RankAttr>())
    ranks.push_back({rank.getName().str(), rank.getKind(), rank.getValue(),
                     getPlaces(places, rank.getOperands())});
  return ranks;
}

/// Lays the struct and the frame out. The frame has the arguments in the order
/// of `tile.program`: the cascade's inputs as written, then the outputs.
static void layOut(Interface &interface, ArrayRef<unsigned> frameOrder) {
  uint64_t offset = sizeof(uint32_t), alignment = sizeof(void *);
  for (Argument &arg : interface.args) {
    uint64_t size = arg.kind == ArgKind::Scalar
                        ? arg.elementType.getIntOrFloatBitWidth() / 8
                        : sizeof(void *);
    offset = llvm::alignTo(offset, size);
    arg.offset = offset;
    offset += size;
  }
  interface.argsSize = llvm::alignTo(offset, alignment);

  uint32_t slot = 1 + interface.ranks.size();
  for (unsigned index : frameOrder) {
    Argument &arg = interface.args[index];
    arg.slot = slot;
    slot += 1 + arg.ranks.size();
  }
  interface.numArgSlots = slot;
}

static LogicalResult checkFields(CascadeOp cascade,
                                 const Interface &interface) {
  llvm::StringSet<> taken;
  for (auto [index, arg] : llvm::enumerate(interface.args)) {
    StringRef what = arg.kind == ArgKind::Output ? "result" : "argument";
    if (arg.name.empty() || llvm::isDigit(arg.name.front()))
      return cascade.emitOpError("field ")
             << index + 1 << " of " << interface.name
             << "_args has no name; write the " << what << " as `%name`";
    // cascade_c5 asks it of the arguments.
    if (!isCName(arg.name) || arg.name == "size")
      return cascade.emitOpError(what)
             << " `" << arg.name
             << "` must be a C name, and not `size`, which the arguments have";
    if (!taken.insert(arg.name).second)
      return cascade.emitOpError(what)
             << " `" << arg.name << "` has the name of another argument";
  }
  return success();
}

FailureOr<Interface> attn::getInterface(CascadeOp cascade) {
  Interface interface;
  interface.name = cascade.getSymName().str();
  if (StringRef(interface.name).starts_with("attnrt_"))
    return cascade.emitOpError("name `")
           << interface.name << "` begins like the runtime's";

  llvm::StringMap<uint32_t> places = getRankPlaces(cascade.getRanks());
  interface.ranks = makeRanks(cascade.getRanks());
  interface.numCascadeRanks = interface.ranks.size();
  ArrayRef<Type> inputs = cascade.getFunctionType().getInputs();
  SmallVector<unsigned> frameOrder(inputs.size());
  auto addArgs = [&](bool tensors) {
    for (auto [index, type] : llvm::enumerate(inputs)) {
      auto tensor = dyn_cast<attn::TensorType>(type);
      if (bool(tensor) != tensors)
        continue;
      frameOrder[index] = interface.args.size();
      Argument &arg = interface.args.emplace_back();
      arg.name = cast<StringAttr>(cascade.getArgNames()[index]).str();
      arg.kind = tensor ? ArgKind::Input : ArgKind::Scalar;
      arg.elementType = tensor ? tensor.getElementType() : type;
      if (tensor)
        arg.ranks = getPlaces(places, tensor.getRanks());
    }
  };
  addArgs(/*tensors=*/true);
  addArgs(/*tensors=*/false);
  auto yield = cast<YieldOp>(cascade.getBody().front().getTerminator());
  for (auto [value, type] :
       llvm::zip(yield.getValues(), cascade.getFunctionType().getResults())) {
    auto tensor = cast<attn::TensorType>(type);
    frameOrder.push_back(interface.args.size());
    interface.args.push_back({getValueName(cascade, value), ArgKind::Output,
                              tensor.getElementType(),
                              getPlaces(places, tensor.getRanks())});
  }
  if (failed(checkFields(cascade, interface)))
    return failure();
  layOut(interface, frameOrder);

  llvm::raw_string_ostream os(interface.text);
  llvm::SmallSetVector<Operation *, 2> reducers;
  cascade.walk([&](EinsumOp einsum) {
    for (auto reduce : einsum.getReducers().getAsRange<ReduceAttr>())
      if (ReducerOp reducer = lookupReducer(reduce.getReducer(), einsum))
        reducers.insert(reducer);
  });
  for (Operation *reducer : reducers)
    os << *reducer << "\n";
  cascade.print(os);
  FailureOr<reference::Cascade> meaning = importReference(cascade);
  if (failed(meaning))
    return failure();
  interface.json = reference::toJson(*meaning);
  return interface;
}

LogicalResult attn::setProgramRanks(Interface &interface, ArrayAttr attrs) {
  std::vector<Rank> ranks = makeRanks(attrs);
  size_t numKnown = interface.ranks.size();
  bool isFirst = numKnown == interface.numCascadeRanks;
  if (ranks.size() < numKnown || (!isFirst && ranks.size() != numKnown) ||
      !std::equal(interface.ranks.begin(), interface.ranks.end(),
                  ranks.begin()))
    return failure();
  // In the frame, extents come before arguments.
  uint32_t numAdded = ranks.size() - numKnown;
  for (Argument &arg : interface.args)
    arg.slot += numAdded;
  interface.numArgSlots += numAdded;
  interface.ranks = std::move(ranks);
  return success();
}

FailureOr<std::vector<Interface>> attn::getInterfaces(ModuleOp module) {
  std::vector<Interface> interfaces;
  llvm::StringMap<std::string> symbols; // to the cascade that defines them
  for (Operation &op : *module.getBody()) {
    if (isa<ReducerOp>(op))
      continue;
    auto cascade = dyn_cast<CascadeOp>(op);
    if (!cascade)
      return op.emitOpError("is neither an attn.cascade nor an attn.reducer, "
                            "which is all that attnc compiles");
    FailureOr<Interface> interface = getInterface(cascade);
    if (failed(interface))
      return failure();
    for (StringRef suffix : {"", "_args", "_program", "_workspace"}) {
      std::string symbol = (interface->name + suffix).str();
      auto [other, isNew] = symbols.try_emplace(symbol, interface->name);
      if (!isNew)
        return cascade.emitOpError("defines `")
               << symbol << "` in C, and so does @" << other->second;
    }
    interfaces.push_back(std::move(*interface));
  }
  if (interfaces.empty()) {
    emitError(UnknownLoc::get(module.getContext()),
              "there is no attn.cascade in the spec");
    return failure();
  }
  return interfaces;
}

//===- Specialise.cpp - A spec with other extents and types ---------------===//

#include "lib/Specialise.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// Extents
//===----------------------------------------------------------------------===//

/// Returns `cascade`'s ranks with `name` at another extent; nothing if it has
/// no such rank.
static FailureOr<std::optional<ArrayAttr>>
replaceExtent(CascadeOp cascade, StringRef name, int64_t extent) {
  auto ranks = llvm::to_vector(cascade.getRanks().getAsRange<RankAttr>());
  auto rank = llvm::find_if(
      ranks, [&](RankAttr rank) { return rank.getName() == name; });
  if (rank == ranks.end())
    return std::optional<ArrayAttr>();
  if (rank->getKind() == RankKind::Free)
    return emitError(cascade.getLoc(), "can't set rank `")
           << name << "`: it is free, so the tensors of a call bind it";
  if (rank->getKind() != RankKind::Fixed)
    return emitError(cascade.getLoc(), "can't set rank `")
           << name << "`: its extent follows from other ranks";
  *rank = RankAttr::get(rank->getContext(), rank->getName(), RankKind::Fixed,
                        extent, {});
  return std::optional<ArrayAttr>(
      ArrayAttr::get(cascade.getContext(),
                     SmallVector<Attribute>(ranks.begin(), ranks.end())));
}

/// Applies `text`, such as "e=64".
static LogicalResult setExtent(ModuleOp module, StringRef text) {
  auto [name, number] = text.split('=');
  name = name.trim();
  int64_t extent;
  // The bounds are the parser's.
  if (name.empty() || number.trim().getAsInteger(10, extent) || extent < 1 ||
      extent > (int64_t(1) << 40))
    return emitError(UnknownLoc::get(module.getContext()), "`--set ")
           << text << "`: expected RANK=EXTENT, with an extent of 1 to 2^40";
  bool found = false;
  for (CascadeOp cascade : module.getOps<CascadeOp>()) {
    FailureOr<std::optional<ArrayAttr>> ranks =
        replaceExtent(cascade, name, extent);
    if (failed(ranks))
      return failure();
    if (*ranks) {
      cascade.setRanksAttr(**ranks);
      found = true;
    }
  }
  if (!found)
    return emitError(UnknownLoc::get(module.getContext()), "`--set ")
           << text << "`: no cascade has a rank `" << name << "`";
  return success();
}

LogicalResult attn::setExtents(ModuleOp module, ArrayRef<std::string> texts) {
  for (StringRef text : texts)
    if (failed(setExtent(module, text)))
      return failure();
  return texts.empty() ? success() : verify(module);
}

//===----------------------------------------------------------------------===//
// Element types
//===----------------------------------------------------------------------===//

static Type parseElementType(MLIRContext *context, StringRef name) {
  Builder builder(context);
  return llvm::StringSwitch<Type>(name)
      .Case("f64", builder.getF64Type())
      .Case("f32", builder.getF32Type())
      .Case("f16", builder.getF16Type())
      .Case("bf16", builder.getBF16Type())
      .Case("f8E4M3FN", Float8E4M3FNType::get(context))
      .Case("f8E5M2", Float8E5M2Type::get(context))
      .Case("i64", builder.getI64Type())
      .Case("i32", builder.getI32Type())
      .Case("i8", builder.getI8Type())
      .Case("ui8", builder.getIntegerType(8, /*isSigned=*/false))
      .Case("i1", builder.getI1Type())
      .Default(Type());
}

using TypeMap = llvm::SmallDenseMap<Type, Type>;

static Type replace(const TypeMap &map, Type type) {
  auto tensor = dyn_cast<attn::TensorType>(type);
  Type element = tensor ? map.lookup(tensor.getElementType()) : Type();
  if (!element)
    return type;
  return attn::TensorType::get(type.getContext(), tensor.getRanks(), element);
}

/// Returns whether a tensor of `element` enters or leaves a cascade.
static bool hasElementType(ModuleOp module, Type element) {
  for (CascadeOp cascade : module.getOps<CascadeOp>()) {
    FunctionType type = cascade.getFunctionType();
    for (TypeRange types :
         {TypeRange(type.getInputs()), TypeRange(type.getResults())})
      for (Type each : types)
        if (auto tensor = dyn_cast<attn::TensorType>(each);
            tensor && tensor.getElementType() == element)
          return true;
  }
  return false;
}

/// Gives `value` another type, and with it what has to be of the same type:
/// the region argument of an Einsum, the values of a top-k. What an Einsum
/// computes has another type only if its expression has, and it has not.
static LogicalResult setType(Value value, Type type) {
  SmallVector<std::pair<Value, Type>> worklist{{value, type}};
  while (!worklist.empty()) {
    auto [next, nextType] = worklist.pop_back_val();
    if (next.getType() == nextType)
      continue;
    next.setType(nextType);
    for (OpOperand &use : next.getUses()) {
      Operation *user = use.getOwner();
      if (auto einsum = dyn_cast<EinsumOp>(user)) {
        worklist.push_back(
            {einsum.getBody().getArgument(use.getOperandNumber()), nextType});
      } else if (auto topK = dyn_cast<TopKOp>(user)) {
        unsigned number = use.getOperandNumber();
        Value result = number ? Value(topK.getChosen()[number - 1])
                              : Value(topK.getValues());
        auto values = cast<attn::TensorType>(result.getType());
        worklist.push_back(
            {result, attn::TensorType::get(
                         user->getContext(), values.getRanks(),
                         cast<attn::TensorType>(nextType).getElementType())});
      } else if (isa<IterateOp>(user)) {
        return user->emitOpError("starts from an argument of type ")
               << nextType << " after --type, but its state goes on in "
               << "the type that arithmetic is done in";
      }
    }
  }
  return success();
}

static LogicalResult retype(CascadeOp cascade, const TypeMap &map) {
  auto replaceAll = [&](ArrayRef<Type> types) {
    return llvm::map_to_vector(types,
                               [&](Type type) { return replace(map, type); });
  };
  FunctionType type = cascade.getFunctionType();
  auto inputs = replaceAll(type.getInputs());
  auto results = replaceAll(type.getResults());
  cascade.setFunctionType(
      FunctionType::get(cascade.getContext(), inputs, results));
  for (auto [arg, input] : llvm::zip(cascade.getBody().getArguments(), inputs))
    if (failed(setType(arg, input)))
      return failure();
  return success();
}

static LogicalResult parseTypes(ModuleOp module, ArrayRef<std::string> texts,
                                TypeMap &map) {
  for (StringRef text : texts) {
    auto fail = [&]() {
      return emitError(UnknownLoc::get(module.getContext()), "`--type ")
             << text << "`: ";
    };
    auto [from, to] = text.split('=');
    Type types[] = {parseElementType(module.getContext(), from.trim()),
                    parseElementType(module.getContext(), to.trim())};
    if (!types[0] || !types[1])
      return fail() << "expected OLD=NEW, both of f64, f32, f16, bf16, "
                       "f8E4M3FN, f8E5M2, i64, i32, i8, ui8, i1";
    Type oldCompute = getComputeType(types[0]);
    Type newCompute = getComputeType(types[1]);
    if (oldCompute != newCompute)
      return fail() << "arithmetic on " << types[0] << " is done in "
                    << oldCompute << ", on " << types[1] << " in "
                    << newCompute;
    if (!hasElementType(module, types[0]))
      return fail() << "no argument or result has this type";
    if (!map.try_emplace(types[0], types[1]).second)
      return fail() << types[0] << " is replaced twice";
  }
  return success();
}

LogicalResult attn::setElementTypes(ModuleOp module,
                                    ArrayRef<std::string> texts) {
  if (texts.empty())
    return success();
  TypeMap map;
  if (failed(parseTypes(module, texts, map)))
    return failure();
  for (CascadeOp cascade : module.getOps<CascadeOp>())
    if (failed(retype(cascade, map)))
      return failure();
  return verify(module);
}

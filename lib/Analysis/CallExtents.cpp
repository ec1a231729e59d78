//===- CallExtents.cpp - The extents that a call binds --------------------===//

#include "lib/Analysis/CallExtents.h"

using namespace mlir;
using namespace attn;

/// Binds what follows from the ranks that are bound; whether that was any.
static bool bindProduct(RankAttr rank, llvm::StringMap<int64_t> &extents) {
  if (rank.getKind() == RankKind::CeilDiv) {
    auto whole = extents.find(rank.getOperands().front());
    if (whole == extents.end() || extents.contains(rank.getName()))
      return false;
    extents[rank.getName()] =
        llvm::divideCeil(whole->second, uint64_t(rank.getValue()));
    return true;
  }
  if (rank.getKind() != RankKind::Product)
    return false;
  int64_t product = 1;
  SmallVector<StringAttr> open;
  for (StringAttr factor : rank.getOperands()) {
    auto it = extents.find(factor);
    if (it == extents.end())
      open.push_back(factor);
    else
      product *= it->second;
  }
  auto whole = extents.find(rank.getName());
  if (open.empty() && whole == extents.end()) {
    extents[rank.getName()] = product;
    return true;
  }
  if (open.size() != 1 || whole == extents.end() || whole->second % product)
    return false;
  extents[open.front()] = whole->second / product;
  return true;
}

FailureOr<CallExtents>
CallExtents::bind(CascadeOp cascade, const llvm::StringMap<int64_t> &given) {
  CallExtents call;
  auto ranks = llvm::to_vector(cascade.getRanks().getAsRange<RankAttr>());
  call.extents = given;
  for (RankAttr rank : ranks)
    if (rank.getKind() == RankKind::Fixed) {
      auto [it, inserted] =
          call.extents.try_emplace(rank.getName(), rank.getValue());
      if (!inserted && it->second != rank.getValue())
        return emitError(cascade.getLoc(), "rank `")
               << rank.getName().getValue() << "` is fixed at "
               << rank.getValue() << ", not " << it->second;
    }
  bool changed = true;
  while (changed) {
    changed = false;
    for (RankAttr rank : ranks)
      changed |= bindProduct(rank, call.extents);
  }
  for (RankAttr rank : ranks) {
    if (!call.extents.contains(rank.getName()))
      return emitError(cascade.getLoc(), "rank `")
             << rank.getName().getValue() << "` has no extent";
    if (rank.getKind() != RankKind::Product)
      continue;
    int64_t product = 1;
    for (StringAttr factor : rank.getOperands())
      product *= call.extents.lookup(factor);
    if (product != call.extents.lookup(rank.getName()))
      return emitError(cascade.getLoc(), "rank `")
             << rank.getName().getValue() << "` is "
             << call.extents.lookup(rank.getName()) << ", but its factors make "
             << product;
  }
  return call;
}

std::optional<int64_t> CallExtents::lookup(StringRef name) const {
  auto it = extents.find(name);
  return it == extents.end() ? std::nullopt : std::optional(it->second);
}

int64_t CallExtents::getNumChunks(StringRef rank) const {
  auto it = chunks.find(rank);
  return it == chunks.end()
             ? 1
             : llvm::divideCeil(*lookup(rank), uint64_t(it->second));
}

FailureOr<llvm::StringMap<int64_t>>
attn::parseExtents(ArrayRef<std::string> texts, StringRef option,
                   MLIRContext *context) {
  llvm::StringMap<int64_t> extents;
  for (StringRef text : texts) {
    auto [name, number] = text.split('=');
    int64_t extent;
    bool isScalar = name.starts_with("%");
    if (name.trim().empty() || number.trim().getAsInteger(10, extent) ||
        (!isScalar && (extent < 1 || extent > (int64_t(1) << 40))))
      return emitError(UnknownLoc::get(context), "`")
             << option << " " << text
             << "`: expected RANK=EXTENT, with an extent of 1 to 2^40, or "
                "%SCALAR=VALUE";
    extents[name.trim()] = extent;
  }
  return extents;
}

//===- Specialise.cpp - Warpgroups that load and warpgroups that compute --===//
//
// Which loads a producer can do, for products of warpgroups: those of tiles
// that nothing else reads, at coordinates that depend on no tile.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/NVPTX/Fragment.h"
#include "lib/Target/NVPTX/KernelLowering.h"
#include "lib/Target/NVPTX/Passes.h"

namespace attn::nvptx {
#define GEN_PASS_DEF_SPECIALISE
#include "lib/Target/NVPTX/Passes.h.inc"
} // namespace attn::nvptx

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

/// Registers of a thread that loads and of one that computes, by the number of
/// warpgroups that compute: 64 K registers in all, multiples of 8.
static constexpr int64_t registers[][2] = {{56, 256}, {40, 232}, {32, 160}};
static constexpr int64_t maxGroups = std::size(registers);
/// Of which values on their way, addresses and bounds take so many.
static constexpr int64_t otherRegisters = 24;

namespace {
class Specialiser {
public:
  Specialiser(tile::KernelOp kernel, int64_t stages)
      : kernel(kernel), stages(stages) {}
  void run();

private:
  tile::KernelOp kernel;
  int64_t stages;
  llvm::SetVector<Operation *> loads; ///< that may be swizzled

  tile::LoadOp getLoad(Value operand) const;
  bool canSwizzle(tile::LoadOp load) const;
  bool canMultiply(tile::ContractOp op) const;
  void findLoads();
  bool assignSpaces();
  int64_t countWords();
};
} // namespace

/// The candidate that an operand is, or that it is a copy of in registers.
tile::LoadOp Specialiser::getLoad(Value operand) const {
  auto convert = operand.getDefiningOp<tile::ConvertOp>();
  Value tile = convert ? convert.getInput() : operand;
  auto load = tile.getDefiningOp<tile::LoadOp>();
  return load && loads.contains(load) ? load : tile::LoadOp();
}

/// Whether wgmma does `op`, given the candidates.
bool Specialiser::canMultiply(tile::ContractOp op) const {
  return isInRegisters(op.getResult()) && getLoad(op.getLhs()) &&
         (isInRegisters(op.getRhs()) || getLoad(op.getRhs()));
}

bool Specialiser::canSwizzle(tile::LoadOp load) const {
  auto multiplies = [&](Value tile) {
    return llvm::all_of(tile.getUsers(), [&](Operation *user) {
      auto contract = dyn_cast<tile::ContractOp>(user);
      return contract && canMultiply(contract);
    });
  };
  return llvm::all_of(load->getUsers(), [&](Operation *user) {
    if (auto convert = dyn_cast<tile::ConvertOp>(user))
      return isInRegisters(convert.getResult()) &&
             multiplies(convert.getResult());
    auto contract = dyn_cast<tile::ContractOp>(user);
    return contract && canMultiply(contract);
  });
}

void Specialiser::findLoads() {
  kernel.walk([&](tile::LoadOp load) {
    tile::TileType type = load.getResult().getType();
    if (type.getSpace() == tile::Space::Scratch &&
        isOperandElement(type.getElementType()) &&
        type.getRanks().size() == 2 && type.getSizes().front() % 8 == 0)
      loads.insert(load);
  });
  // Until those that are left need no other.
  for (bool changed = true; changed;) {
    changed = false;
    for (Operation *load : llvm::to_vector(loads))
      if (!canSwizzle(cast<tile::LoadOp>(load))) {
        loads.remove(load);
        changed = true;
      }
  }
}

static void setSpace(tile::LoadOp load, tile::Space space) {
  tile::TileType type = load.getResult().getType();
  load.getResult().setType(tile::TileType::get(type.getContext(),
                                               type.getRanks(), type.getSizes(),
                                               type.getElementType(), space));
}

/// False where the producer could not compute what to load.
bool Specialiser::assignSpaces() {
  for (Operation *load : loads)
    setSpace(cast<tile::LoadOp>(load), tile::Space::Swizzled);
  if (succeeded(getProducerSlice(kernel)))
    return true;
  for (Operation *load : loads)
    setSpace(cast<tile::LoadOp>(load), tile::Space::Scratch);
  return false;
}

/// What a loop carries, the sums that its turn makes anew and the operands that
/// it rounds, in a thread: the most of any loop.
int64_t Specialiser::countWords() {
  int64_t most = 0;
  auto count = [&](Value value) {
    return isInRegisters(value)
               ? getNumWords(cast<tile::TileType>(value.getType()),
                             kernel.getLanesAttr())
               : 0;
  };
  kernel.walk([&](scf::ForOp loop) {
    int64_t words = 0;
    for (Value carried : loop.getRegionIterArgs())
      words += count(carried);
    // The branches of a condition need the same.
    llvm::DenseSet<std::pair<Value, Value>> counted;
    loop.getBody()->walk([&](tile::ContractOp op) {
      bool isNew =
          counted.insert({op.getLhs(), op.getAcc() ? op.getLhs() : Value()})
              .second;
      if (isNew && !op.getAcc())
        words += count(op.getResult());
      if (isNew && !getLoad(op.getRhs()))
        words += count(op.getRhs());
    });
    most = std::max(most, words);
  });
  return most;
}

void Specialiser::run() {
  std::optional<int64_t> warps = getNumWarps(kernel);
  if (!warps || *warps % groupWarps || *warps / groupWarps > maxGroups)
    return;
  ArrayRef<int64_t> budget = registers[*warps / groupWarps - 1];
  auto refuse = [&](const Twine &reason) {
    kernel.emitRemark() << "`" << kernel.getSymName()
                        << "` multiplies warp by warp: " << reason;
  };
  findLoads();
  if (loads.empty())
    return refuse("no operand is a tile of a tensor that products alone read");
  int64_t words = countWords(), most = budget[1] - otherRegisters;
  if (words > most)
    return refuse("a thread would hold " + Twine(words) +
                  " words of tiles, but may hold " + Twine(most));
  if (!assignSpaces())
    return refuse("what is loaded depends on what has been computed");
  kernel.walk([&](tile::ContractOp op) {
    if (!isWarpgroupContract(op))
      return;
    auto convert = op.getRhs().getDefiningOp<tile::ConvertOp>();
    if (tile::LoadOp load = getLoad(op.getRhs()))
      op.getRhsMutable().assign(load.getResult());
    if (convert && convert->use_empty())
      convert.erase();
  });
  // Another role can't load ahead for this one.
  kernel.walk([&](tile::LoadOp load) {
    bool isInLoop = load->getParentOfType<scf::ForOp>() != nullptr;
    load.setStages(isSwizzled(load.getResult()) && isInLoop ? stages : 1);
  });
  kernel.setRoles(budget);
}

/// Whether blocks of `kernel` can take tasks in turn, and should.
static bool isPersistent(tile::KernelOp kernel) {
  // Bounds read from tensors are a task's, and are found before the roles part.
  bool readsBounds = !kernel.getOps<tile::BoundsOp>().empty();
  return kernel.getRoles() && !readsBounds &&
         (kernel.getPersistent() || !findUnevenRank(kernel) ||
          beginsLate(kernel));
}

/// Lets what no loop loads come ahead of its task, where there is room.
static void addPlaces(tile::KernelOp kernel, int64_t stages, int64_t bytes) {
  auto setStages = [&](int64_t number) {
    for (auto load : kernel.getOps<tile::LoadOp>())
      if (isSwizzled(load.getResult()))
        load.setStages(number);
  };
  setStages(stages);
  if (countSharedBytes(kernel) > bytes)
    setStages(1);
}

namespace {
struct Specialise : nvptx::impl::SpecialiseBase<Specialise> {
  using SpecialiseBase::SpecialiseBase;
  void runOnOperation() override {
    Specialiser(getOperation(), stages).run();
    getOperation().setPersistent(persistent && isPersistent(getOperation()));
    if (getOperation().getPersistent())
      addPlaces(getOperation(), stages, sharedBytes);
  }
};
} // namespace

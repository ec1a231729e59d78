//===- Frame.cpp - Where a call's arguments lie ---------------------------===//

#include "lib/Target/Frame.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace attn;

/// A view takes its address and one stride per rank; a scalar takes one slot.
static unsigned getNumSlotsOf(Type type) {
  if (auto view = dyn_cast<tile::ViewType>(type))
    return 1 + view.getRanks().size();
  return 1;
}

FrameLayout::FrameLayout(tile::ProgramOp program) {
  for (auto rank : program.getRanks().getAsRange<RankAttr>())
    extentSlots[rank.getName()] = numSlots++;
  auto place = [&](Value value) {
    valueSlots[value] = numSlots;
    numSlots += getNumSlotsOf(value.getType());
  };
  for (BlockArgument argument : program.getBody().getArguments()) {
    argumentSlots.push_back(numSlots);
    place(argument);
  }
  program.walk([&](tile::WorkspaceOp op) { place(op.getResult()); });
  program.walk(
      [&](tile::ChooseOp op) { extentSlots[op.getRankAttr()] = numSlots++; });
  program.walk([&](tile::LaunchOp launch) {
    for (auto [index, operand] : llvm::enumerate(launch.getOperands()))
      if (!valueSlots.contains(operand) &&
          operandSlots
              .try_emplace({launch.getKernelAttr().getAttr(), index}, numSlots)
              .second)
        ++numSlots;
  });
}

std::optional<unsigned> FrameLayout::getExtentSlot(StringAttr rank) const {
  auto it = extentSlots.find(rank);
  return it == extentSlots.end() ? std::nullopt : std::optional(it->second);
}

std::optional<unsigned> FrameLayout::getSlot(Value value) const {
  auto it = valueSlots.find(value);
  return it == valueSlots.end() ? std::nullopt : std::optional(it->second);
}

unsigned FrameLayout::getOperandSlot(tile::LaunchOp launch,
                                     unsigned operand) const {
  return operandSlots.lookup({launch.getKernelAttr().getAttr(), operand});
}

FailureOr<KernelOperands> attn::findOperands(tile::KernelOp kernel,
                                             ModuleOp module) {
  KernelOperands found;
  size_t numOperands = kernel.getArgNames().size();
  WalkResult result = module.walk([&](tile::LaunchOp launch) {
    if (launch.getKernel() != kernel.getSymName())
      return WalkResult::advance();
    auto program = launch->getParentOfType<tile::ProgramOp>();
    if (launch.getOperands().size() != numOperands) {
      launch.emitOpError("has ")
          << launch.getOperands().size() << " operands, `"
          << kernel.getSymName() << "` has " << numOperands;
      return WalkResult::interrupt();
    }
    FrameLayout frame(program);
    SmallVector<unsigned> slots;
    for (auto [index, operand] : llvm::enumerate(launch.getOperands())) {
      std::optional<unsigned> slot = frame.getSlot(operand);
      slots.push_back(slot ? *slot : frame.getOperandSlot(launch, index));
    }
    if (found.program && (found.program != program || found.slots != slots)) {
      launch.emitOpError("gives `")
          << kernel.getSymName()
          << "` other operands than an earlier launch, expected the same";
      return WalkResult::interrupt();
    }
    found = {program, slots};
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  if (!found.program)
    return kernel.emitOpError("is not launched by any program"), failure();
  return found;
}

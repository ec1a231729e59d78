//===- LaunchOrder.cpp - Which kernels a call runs one after another ------===//

#include "lib/Target/NVPTX/LaunchOrder.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

LaunchOrder nvptx::findLaunchOrder(tile::KernelOp kernel,
                                   tile::ProgramOp program) {
  SmallVector<tile::LaunchOp> launches;
  program.walk([&](tile::LaunchOp launch) { launches.push_back(launch); });
  LaunchOrder order;
  for (auto [place, launch] : llvm::enumerate(launches)) {
    if (launch.getKernel() != kernel.getSymName())
      continue;
    bool isRepeated = getEnclosingRepetitiveRegion(launch) != nullptr;
    order.follows |= isRepeated;
    order.precedes |= isRepeated;
    for (auto [otherPlace, other] : llvm::enumerate(launches)) {
      if (otherPlace == place || insideMutuallyExclusiveRegions(launch, other))
        continue;
      (otherPlace < place ? order.follows : order.precedes) = true;
    }
  }
  return order;
}

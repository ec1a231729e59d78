//===- LaunchOrder.h - Which kernels a call runs one after another -*- C++
//-*-===//

#ifndef LIB_TARGET_NVPTX_LAUNCHORDER_H
#define LIB_TARGET_NVPTX_LAUNCHORDER_H

#include "dialect/Tile/TileOps.h"

namespace attn::nvptx {

/// Where a kernel stands among the launches of a call.
struct LaunchOrder {
  bool follows = false;  ///< some call launches it after another kernel
  bool precedes = false; ///< or another one after it
};

/// Of the kernel that `program` launches by this name.
LaunchOrder findLaunchOrder(tile::KernelOp kernel, tile::ProgramOp program);

} // namespace attn::nvptx

#endif // LIB_TARGET_NVPTX_LAUNCHORDER_H

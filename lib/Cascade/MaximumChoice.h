//===- MaximumChoice.h - What may stand for a maximum ---------------------===//

#ifndef LIB_CASCADE_MAXIMUMCHOICE_H
#define LIB_CASCADE_MAXIMUMCHOICE_H

namespace attn {

/// What stands for a maximum that only keeps exponentials in range
/// (ChooseMaximum.h).
enum class MaximumChoice { Running, TileLocal, Static, Stale };

} // namespace attn

#endif // LIB_CASCADE_MAXIMUMCHOICE_H

//===- Wording.h - Facts of the report as phrases -------------------------===//
//
// What the text and the page both say in words, so that they say the same.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_EXPLAIN_WORDING_H
#define LIB_EXPLAIN_WORDING_H

#include "lib/Explain/Report.h"

namespace attn::explain {

/// `a, b, c`.
std::string join(const std::vector<std::string> &words,
                 const char *separator = ", ");
/// `3 phases`, `1 phase`.
std::string count(unsigned number, const char *noun);
/// `1.5 KiB`.
std::string inBytes(double bytes);
/// Three digits: `12.3 G`, `12.3 GB/s`.
std::string inThousands(double number, const char *unit = "");

/// `one tile + 3`, `|m| x |d|`.
std::string describe(const Live &live);
/// How often: `3`, `1, 2 of each chunk`, `1, again at every t`.
std::string describeCount(const Walk &walk);
/// `from QK; again from SN, since GM needs all of m first`.
std::string describeWhy(const Walk &walk, const std::string &rank);
/// The value, or else the formula: `<= 12.3 G`, `64 |p| |m|`.
std::string describe(const Amount &amount);
/// The same in bytes.
std::string describeBytes(const Amount &amount);
/// `12.3 G mac, 4.1 M exp`.
std::string describe(const std::vector<Operations> &operations);
/// Whether everything that has the rank walks it once, in one phase.
bool isPlain(const RankFacts &facts);
/// Whether a tensor is walked again, or there are several phases.
bool needsReason(const RankFacts &facts);
/// `3`, `1, 2 of each chunk`.
std::string describePhases(const RankFacts &facts);
/// The Einsums of each phase.
std::vector<std::vector<std::string>> listPhases(const RankFacts &facts);
/// `h = k * g (8)`, `e = 64`.
std::string describe(const Rank &rank);
/// `Q[p, e] f32`.
std::string describe(const Argument &argument);
/// What is live of the tensors of `listWhole`.
inline constexpr const char *wholeMeaning =
    "live whole at each coordinate of the other ranks, or made again";
/// Those of the rank's tensors that are live whole, as `QK |m|`.
std::vector<std::string> listWhole(const RankFacts &facts);

/// A line of the comparison of two forms; `after` is empty where only the
/// first has it.
struct CostRow {
  std::string what, before, after;
};
std::vector<CostRow> compareCosts(const Costs &before, const Costs &after);

/// `1.50 ms`.
std::string inSeconds(double seconds);
/// The roofs over what a form computes: `vector mac: 1.2 T/s`.
std::vector<std::string> listRoofs(const Machine &machine, const Costs &costs);
/// What a kernel does: `AV: 1.5 ms, bound by vector; p fills the lanes, ..`.
std::string describe(const KernelEstimate &kernel);
/// Cells of a table of estimates, under `estimateColumns`.
inline constexpr const char *estimateColumns[] = {
    "", "mapping", "time", "bound by", "energy", "bytes moved"};
std::vector<std::string> describe(const Estimate &estimate);
/// Cells of a table of tilings, under `tilingColumns`.
inline constexpr const char *tilingColumns[] = {
    "", "kernel", "tiles", "time", "bound by", "bytes of a turn"};
std::vector<std::string> describe(const TilingEstimate &tiling);
/// `DRAM: at least 160 MiB (every argument and result once); derived: 1.2 x`.
std::string describe(const Bound &bound);

} // namespace attn::explain

#endif // LIB_EXPLAIN_WORDING_H

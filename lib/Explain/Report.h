//===- Report.h - What `attnc --explain` says, as data --------------------===//
//
// The report that is open beside a variant while it is designed. Text, JSON and
// HTML are written from this and from nothing else, so they say the same.
// docs/explain.md has the schema of the JSON form, which follows these structs.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_EXPLAIN_REPORT_H
#define LIB_EXPLAIN_REPORT_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace attn::explain {

/// The version of the JSON form: the first number changes where a reader of the
/// old form would break.
inline constexpr const char *schemaVersion = "1.1";

struct Place {
  unsigned line = 0, column = 0;
};

struct Rank {
  std::string name;
  /// As declared: `m`, `e = 64`, `h = k * g`.
  std::string declaration;
  /// Where it is fixed, or a size was given.
  std::optional<int64_t> extent;
};

/// A tensor or scalar that enters or leaves.
struct Argument {
  std::string name;
  std::vector<std::string> ranks;
  std::string type;
  bool isOutput = false;
};

/// One line of a cascade, as it is read from top to bottom.
struct Line {
  /// `einsum`, `topk`, `join`, or what holds the lines that are deeper:
  /// `kernel`, `stream`, `merge`, `iterate`; and `next`, what a loop's states
  /// become.
  std::string kind;
  unsigned depth = 0;
  std::string text;
};

/// How much of a tensor must be live at one coordinate of every other rank.
struct Live {
  /// Else one tile of the rank, of any size.
  bool isWhole = false;
  /// Where whole: the ranks of which all coordinates are live.
  std::vector<std::string> extents;
  /// How many coordinates past a tile readers look.
  int64_t reach = 0;
  /// Where whole and every size is known.
  std::optional<double> bytes;
};

struct Traversal {
  /// The first Einsum of the traversal.
  std::string einsum;
  /// What needs all of the rank before; empty for the first traversal.
  std::string after;
};

/// How a tensor that the cascade reads is walked over a rank.
struct Walk {
  std::string tensor;
  std::vector<Traversal> traversals;
  /// Where a stream walks the rank chunk by chunk.
  std::optional<unsigned> ofEachChunk;
  /// Whether coordinates come out of another tensor.
  bool isGathered = false;
  /// Iterations at every coordinate of which all this happens again.
  std::vector<std::string> again;
  Live live;
};

/// When an Einsum runs with respect to a rank.
struct Timing {
  std::string einsum;
  unsigned phase = 0;
  /// Whether its result is there coordinate by coordinate, or at the end.
  bool streams = false;
  /// What it waits for, where that is what puts it into its phase.
  std::string barrier;
  Live live;
};

/// The traversal analysis of one rank.
struct RankFacts {
  std::string rank;
  /// Other variables that walk it: those of tiles.
  std::vector<std::string> variables;
  unsigned traversals = 0, phases = 0;
  /// The phases of each chunk, where a stream walks the rank.
  std::optional<unsigned> chunkPhases;
  std::vector<Walk> walks;
  std::vector<Timing> timings;
};

/// The cascade as a graph: inputs, Einsums and the states of loops.
struct Node {
  /// `input`, `einsum`, `topk`, `join` or `state`.
  std::string kind;
  std::string name;
  /// The variables of its result, and those that it reduces.
  std::vector<std::string> ranks, reduced;
  /// What it computes; empty for inputs and states.
  std::string formula;
  bool isOutput = false, isDead = false;
  /// The loop around it: `stream m`; empty outside of loops.
  std::string loop;
};

struct Edge {
  /// Positions in the list of nodes; `to` reads `from`.
  unsigned from = 0, to = 0;
  /// Whether it goes from a loop's coordinate or chunk to the next one.
  bool isNext = false;
  /// The ranks all of which `to` waits for before it starts.
  std::vector<std::string> barriers;
};

struct Graph {
  std::vector<Node> nodes;
  std::vector<Edge> edges;
  /// The rank by whose phases the graph is drawn, and for each node its phase;
  /// empty where no rank has more than one.
  std::string rank;
  /// Whether they are phases of each chunk of the rank.
  bool ofChunk = false;
  std::vector<unsigned> phases;
};

/// A count: a polynomial in the extents, `64 |p| |m|`, and its value where
/// sizes are known.
struct Amount {
  std::string formula;
  std::optional<double> value;
  /// Of the value: `exact`, `at most` (a filter reads tensors), `about` (a
  /// filter's points were sampled).
  std::string certainty = "exact";
};

/// Operations of one kind: `mac`, `exp`.
struct Operations {
  std::string kind;
  Amount amount;
};

struct EinsumCosts {
  std::string einsum;
  /// Bytes of what it reads, each tensor once, and of its result.
  Amount read, written;
  std::vector<Operations> operations;
};

/// What a form computes and moves. lib/Analysis/OperationCounts says what is
/// counted.
struct Costs {
  std::vector<EinsumCosts> einsums;
  /// Of the whole form.
  std::vector<Operations> operations;
  /// Floating-point operations but functions, a multiply-add being two;
  /// exponentials and other functions.
  Amount flops, functions;
  /// Bytes of every argument and every result, once each; and of all that
  /// Einsums read and write, each by itself.
  Amount compulsory, unfused;
  /// What `#0` stands for in formulas.
  std::vector<std::string> pointSets;
};

/// A cascade at one stage: as written, or derived.
struct Form {
  std::vector<Line> lines;
  std::vector<RankFacts> ranks;
  Graph graph;
  Costs costs;
  /// Einsums on which no output depends.
  std::vector<std::string> dead;
};

/// So many operations, or bytes, a second.
struct Roof {
  /// The unit and the operation, or the memory: `vector mac`, `DRAM`.
  std::string name;
  /// `mac`, a function's name, or `bytes`.
  std::string kind;
  double perSecond = 0;
};

struct Machine {
  std::string name, description;
  /// Where its numbers come from.
  std::vector<std::string> sources;
  /// From the outermost inwards.
  std::vector<std::string> memories;
  std::vector<Roof> roofs;
};

/// A kernel of a mapping, on the machine.
struct KernelEstimate {
  std::string name;
  /// The rank that fills the lanes, and how many of its coordinates share what
  /// is loaded of the streamed rank; empty where there is none.
  std::string laneRank, streamRank;
  int64_t laneBlock = 0;
  double seconds = 0;
  /// The unit or memory that takes all of the time.
  std::string bound;
};

struct UnitEstimate {
  std::string name;
  double seconds = 0;
  /// The part of its lanes that work.
  double utilization = 0;
};

/// The bytes between a memory and the next inner one.
struct MemoryEstimate {
  std::string name;
  double bytes = 0;
  std::optional<double> seconds;
};

/// A form with its mapping on the machine.
struct Estimate {
  /// `derived`, `traversals as written`, `unfused`.
  std::string form;
  /// Whether attnc takes this one.
  bool isChosen = false;
  /// Why there are no numbers; empty where there are.
  std::string problem;
  /// Of the numbers, as in Amount.
  std::string certainty = "exact";
  double seconds = 0, joules = 0;
  std::vector<KernelEstimate> kernels;
  std::vector<UnitEstimate> units;
  std::vector<MemoryEstimate> memories;
};

/// A way to cut the kernels of the derived form into tiles.
struct TilingEstimate {
  std::string kernel;
  /// The loops over tiles: `p 128, m 64`.
  std::string tiles;
  /// Whether attnc takes it, and whether the innermost memory holds the tiles.
  bool isChosen = false, fits = true;
  double seconds = 0;
  std::string bound;
  /// Of the tiles of one turn of the innermost loop.
  double bytes = 0;
};

/// At least so many bytes move between a memory and the next inner one.
struct Bound {
  std::string memory;
  /// What forces them: `every argument and result once`, `products of Q and K`.
  std::string reason;
  /// In words, with its source.
  std::string formula;
  double bytes = 0;
  /// The traffic of the chosen mapping over this.
  std::optional<double> distance;
};

/// What is drawn over the roofs: operations a byte and operations a second.
struct RooflinePoint {
  std::string name;
  double flopsPerByte = 0, flopsPerSecond = 0;
};

/// A roof over FLOPs: so many a second, or so many a second for each FLOP that
/// a byte gives.
struct RooflineRoof {
  std::string name;
  /// Else FLOPs a second.
  bool isSlope = false;
  double perSecond = 0;
};

struct Roofline {
  /// The memory whose bytes count.
  std::string memory;
  /// More FLOPs for each of its bytes no mapping has.
  std::optional<double> mostFlopsPerByte;
  std::vector<RooflineRoof> roofs;
  std::vector<RooflinePoint> points;
};

struct Remark {
  Place place;
  /// `remark`, `warning` or `note`.
  std::string severity;
  std::string text;
};

struct Cascade {
  std::string name;
  Place place;
  std::vector<Rank> ranks;
  std::vector<Argument> arguments;
  Form written, derived;
  /// With a machine and sizes: the form chosen, then the others; what no
  /// mapping goes below; the chosen one's bytes between the outermost memory
  /// and the next, under the machine's roofs.
  std::vector<Estimate> estimates;
  /// Where attnc compiles for the machine: of each kernel the tiles that are
  /// taken, then the others, the cheapest first.
  std::vector<TilingEstimate> tilings;
  std::vector<Bound> bounds;
  std::optional<Roofline> roofline;
  std::vector<Remark> remarks;
};

struct Report {
  /// Of attnc: `0.1.0`.
  std::string version;
  /// The spec's name, as given.
  std::string file;
  std::optional<Machine> machine;
  std::vector<Cascade> cascades;
};

} // namespace attn::explain

#endif // LIB_EXPLAIN_REPORT_H

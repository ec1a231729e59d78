//===- MachineDescription.h - A machine as data ---------------------------===//
//
// What a machine is: units with operations, memories, and the choices of a
// mapping that are the machine's. It is read from a file that a user can write
// (docs/machines.md); the files of machines/ are built in.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_MACHINE_MACHINEDESCRIPTION_H
#define LIB_MACHINE_MACHINEDESCRIPTION_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace attn {

/// What one operation takes of one lane.
struct OperationCost {
  double cycles = 1;
  double picojoules = 0;
};

/// The part that a rank plays in a kernel, as docs/machines.md has it.
enum class RankRole { Any, Lane, Stream };

/// A side of an array: so many lanes, along a rank of the given part.
struct UnitDimension {
  int64_t size;
  RankRole holds;
};

struct MachineUnit {
  std::string name;
  std::vector<UnitDimension> dimensions;
  /// By kind, as OperationCounts has it.
  std::map<std::string, OperationCost, std::less<>> operations;
  /// Whether different operations of one Einsum overlap, so that the one that
  /// takes longest counts; else one follows the other.
  bool overlaps = false;

  int64_t getLanes() const;
  /// What a product of elements of so many bits takes on a unit that multiplies
  /// only those (`mac16`); null on any other.
  const OperationCost *lookupNarrowProduct(unsigned bits) const;
};

struct MachineMemory {
  std::string name;
  /// Of each instance; nothing for the outermost memory.
  std::optional<int64_t> bytes;
  int64_t instances = 1;
  /// Between this memory and the next inner one, of all instances together.
  std::optional<double> bytesPerSecond;
  /// An access moves so many bytes and takes so much energy.
  int64_t accessBytes = 1;
  double readPicojoules = 0, writePicojoules = 0;
};

/// Where a mapping puts the tensors of a kernel, for calls of some extents.
struct MappingChoice {
  /// The extents that it is for.
  std::map<std::string, int64_t, std::less<>> when;
  /// Coordinates of the lane rank between which streamed tensors are loaded
  /// again; all of them where there is none.
  std::optional<int64_t> laneBlock;
  /// Tensors that stay in the buffer, and operands that stay in an array while
  /// the lane rank moves past.
  std::vector<std::string> buffered, stationary;
  /// Einsums that read the buffer even where the array that computes them has
  /// their operands at hand.
  std::vector<std::string> apart;
  /// The part of the buffered tensors that doesn't fit.
  double spilled = 0;
};

/// Coordinates of the lane rank and of a streamed rank in one tile.
struct TileChoice {
  int64_t lanes, stream;
};

/// What compiling for a processor needs beyond its costs.
struct ProcessorDescription {
  std::string isa, processor, features;
  int64_t lanes, registers;
  /// The first-level cache: its bytes, and those a second that refill it.
  int64_t l1Bytes;
  double l1BytesPerSecond;
  /// The share of the time of all memories that does not pass while units work.
  double exposed;
  /// Coordinates of a loop ahead of which its lines are asked for.
  int64_t prefetchDistance;
  /// Cycles to begin an Einsum in a tile.
  double startCycles;
  /// Coordinates in a tile, to choose from: of the lane rank, of a streamed
  /// rank.
  std::vector<int64_t> laneTiles, streamTiles;
  /// What to choose from instead where a matrix unit multiplies what is read.
  std::vector<TileChoice> matrixTiles;
  /// The same where the cost model does not choose; of a product's lane rank,
  /// rows and streamed rank; of a row of a sweep, and its rows.
  int64_t laneTile, streamTile, productLaneTile, productRowTile,
      productStreamTile, sweepTile, sweepRows;
  /// Of a streamed rank where a call has one lane, at least.
  int64_t singleStreamTile = 1;
  /// How far ahead of what is read once memory is asked for it.
  int64_t prefetchBytes;
  /// The multiply-adds with a line from which on it is asked for so.
  int64_t prefetchFrom;
  /// How many rows that are read once are read in step, at most.
  int64_t rowsInStep;
  /// Whether it has AMX.
  bool hasTiles = false;
  /// Whether it has AVX-512 VNNI.
  bool hasDots = false;
};

/// A GPU's target whose instructions are for this capability alone: groups of
/// four warps that multiply (wgmma).
struct WarpgroupDescription {
  std::string target;
  /// What to choose from before the other tiles, where the registers suffice
  /// too.
  std::vector<TileChoice> tiles;
  /// The most coordinates of a stream in a tile where streams are short, or a
  /// filter cuts them at both ends.
  int64_t shortStreamTile = 0;
};

/// What compiling for a GPU needs beyond its costs.
struct MultiprocessorDescription {
  /// The target's name, which is the runtime's and LLVM's too: `sm_80`.
  std::string target;
  /// For LLVM: the version of PTX that is needed.
  std::string features;
  /// The compute capability, 10 * major + minor.
  int64_t capability;
  /// Of one block of threads.
  int64_t sharedBytes, threads;
  /// What to choose from; a block's shared memory must hold the tiles.
  std::vector<TileChoice> tiles;
  /// Cycles to begin an Einsum in a tile.
  double startCycles;
  /// The share of the other units' time that does not pass while the busiest
  /// one works, where a block has 64 lanes; more of them take turns.
  double exposed;
  /// Coordinates in a tile: of the lane rank where a call has few of them, of
  /// a product's rows, of a row of a sweep, and its rows.
  int64_t narrowLaneTile, productRowTile, sweepTile, sweepRows;
  /// Blocks for each multiprocessor that a stream is split into.
  int64_t splitTasks;
  /// Coordinates of a streamed rank in a tile with few lanes, at most.
  int64_t narrowStreamTile;
  std::optional<WarpgroupDescription> warpgroups;
};

struct MachineDescription {
  std::string name, description;
  std::vector<std::string> sources;
  double hertz = 0;
  /// The bytes of every element, where they are not those of its type.
  std::optional<int64_t> elementBytes;
  /// Coordinates of a streamed rank in one chunk.
  int64_t chunk = 1;
  /// Whether blocks divide their rank without a rest.
  bool blocksDivide = false;
  std::vector<MachineUnit> units;
  /// From the outermost to the one next to the units.
  std::vector<MachineMemory> memories;
  std::vector<MappingChoice> mappings;
  std::optional<ProcessorDescription> processor;
  std::optional<MultiprocessorDescription> multiprocessor;
};

/// The names of the machines that are built in.
std::vector<llvm::StringRef> getBuiltinMachines();

/// Reads a machine: a built-in one by its name, or a file that ends in .json.
/// An error names the file, the place in it and the fact.
llvm::Expected<MachineDescription> loadMachine(llvm::StringRef nameOrFile);

} // namespace attn

#endif // LIB_MACHINE_MACHINEDESCRIPTION_H

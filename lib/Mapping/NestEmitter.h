//===- NestEmitter.h - One nest as one kernel -----------------------------===//

#ifndef LIB_MAPPING_NESTEMITTER_H
#define LIB_MAPPING_NESTEMITTER_H

#include "lib/Mapping/ExpressionEmitter.h"
#include "lib/Mapping/Grid.h"
#include "llvm/ADT/MapVector.h"

namespace attn {

/// A part of a stream that a kernel covers: the one numbered `index` along the
/// rank `split`, which has `count` coordinates; 0: as many as a call chooses.
/// It is a chunk or, where parts take turns, every `count`th tile.
struct StreamPart {
  mlir::Value index;
  mlir::StringAttr split;
  int64_t count = 0;
  bool takesTurns = false;
};

/// A view that a kernel stores one of the nest's results to.
struct Destination {
  unsigned result;
  mlir::Value view;
};

/// Emits the body of a kernel that computes a nest.
class NestEmitter {
public:
  NestEmitter(mlir::OpBuilder builder, NestOp nest, const GridChoice &grid,
              const TileSizes &sizes, mlir::ValueRange gridCoordinates,
              const llvm::MapVector<mlir::Value, mlir::Value> &externals)
      : builder(builder), nest(nest), grid(grid), sizes(sizes),
        externals(externals) {
    for (auto [rank, coordinate] : llvm::zip(grid.ranks, gridCoordinates))
      origins[rank] = coordinate;
  }

  /// The whole nest, stored to `destinations`.
  mlir::LogicalResult emit(llvm::ArrayRef<Destination> destinations);
  /// Up to the nest's only stream, whose states over this part of its rank go
  /// to `stateViews`, which have the rank `part.split` in front.
  mlir::LogicalResult emitPart(StreamPart part, mlir::ValueRange stateViews);
  /// The rest: merges the states of all parts and finishes.
  mlir::LogicalResult emitMerge(StreamPart part, mlir::ValueRange stateViews,
                                llvm::ArrayRef<Destination> destinations);

private:
  /// A tile rank of an Einsum at hand.
  struct Dim {
    mlir::StringAttr rank;
    int64_t size;
    mlir::Value offset;
  };
  /// Where a body is emitted: inside of a tile of which stream, with or without
  /// filters. Streams around that one go coordinate by coordinate (`loops`).
  struct Scope {
    mlir::StringAttr streamed;
    mlir::Value offset;
    int64_t size = 0;
    bool filtered = true;
  };
  struct Access {
    llvm::SmallVector<mlir::Value> offsets;
    llvm::SmallVector<mlir::Attribute> dims;
    llvm::SmallVector<Dim> tileDims;
    bool isTile = false;
    bool isUniform = false;
  };

  /// The filters of a stream's reductions over the box of a tile.
  struct BoxFilter {
    /// Whether there is a filter besides the end of the rank.
    bool hasFilter = false;
    /// Whether some condition could not be said.
    bool isOpen = false;
    bool hasOr = false; ///< in one of the filters
  };

  /// How an Einsum's reads reach its map: as input tiles, or as values that
  /// are the same all over the tile; the rest reads views.
  struct EinsumInputs {
    llvm::SmallVector<mlir::Value> tiles;
    llvm::DenseMap<mlir::Operation *, unsigned> tileOf;
    llvm::DenseMap<mlir::Operation *, mlir::Value> uniformOf;
  };

  mlir::FailureOr<mlir::Value> emitEinsum(EinsumOp einsum, const Scope &scope);
  EinsumInputs gatherInputs(EinsumOp einsum, llvm::ArrayRef<Dim> dims,
                            const Scope &scope);
  mlir::Value gatherTile(EinsumOp einsum, ReadOp read,
                         llvm::ArrayRef<Dim> dims);
  mlir::Value readElement(EinsumOp einsum, ReadOp read, mlir::Block *block,
                          const EinsumInputs &inputs,
                          const Coordinates &coordinates);
  mlir::FailureOr<mlir::Value>
  emitReductionFilter(EinsumOp einsum, const Scope &scope,
                      const Coordinates &coordinates,
                      PresenceEmitter::ReadAt reads);
  /// Entries that a list is chosen from: along which rank of the tiles.
  struct Entries {
    mlir::Value values, coordinates;
    llvm::SmallVector<mlir::Value> payloads;
    mlir::StringAttr along;
    llvm::SmallVector<Dim> dims;
  };
  /// What the region of a map yields.
  struct Element {
    mlir::Value value, filter;
  };
  using ElementEmitter =
      llvm::function_ref<Element(tile::MapOp, mlir::ValueRange)>;
  mlir::Value emitMap(mlir::Location loc, llvm::ArrayRef<Dim> dims,
                      mlir::ValueRange inputs, mlir::Type element,
                      std::optional<ReduceAttr> reducer, ElementEmitter emit);
  mlir::FailureOr<mlir::Value> emitPresence(EinsumOp reader, const Scope &scope,
                                            const Coordinates &coordinates,
                                            tile::MapOp map);
  mlir::LogicalResult selectPresent(EinsumOp reader, const Scope &scope,
                                    const Coordinates &coordinates,
                                    tile::MapOp map, mlir::Value none,
                                    mlir::Value &value);
  mlir::FailureOr<Entries> getEntries(llvm::ArrayRef<EinsumOp> readers,
                                      mlir::StringAttr along,
                                      const Scope &scope);
  mlir::FailureOr<Entries> getEntries(mlir::ValueRange parts,
                                      mlir::StringAttr along,
                                      const Scope &scope);
  mlir::Value reduceEntries(mlir::Location loc, llvm::ArrayRef<Entries> all,
                            llvm::ArrayRef<Dim> dims, ReducerKind kind,
                            mlir::Type element, mlir::ValueRange last,
                            ElementEmitter emit,
                            std::optional<unsigned> payload = std::nullopt);
  mlir::Value emitPayload(mlir::Location loc, llvm::ArrayRef<Entries> all,
                          llvm::ArrayRef<Dim> dims, unsigned payload,
                          mlir::Value at);
  std::pair<mlir::Value, mlir::Value> emitNext(mlir::Location loc,
                                               llvm::ArrayRef<Entries> all,
                                               llvm::ArrayRef<Dim> dims,
                                               mlir::ValueRange last);
  void emitList(llvm::ArrayRef<Entries> all, mlir::StringAttr rank,
                mlir::ValueRange results);
  mlir::LogicalResult emitTopK(TopKOp topk, const Scope &scope);
  mlir::LogicalResult emitJoin(JoinOp join, const Scope &scope);
  mlir::LogicalResult emitStream(StreamOp stream, StreamPart part);
  mlir::Value countParts(const StreamPart &part);
  /// The loop bounds of a part of the tiles from `lo` to `hi`, `lo` being a
  /// multiple of `step`, which is a tile's size.
  void restrictToPart(const StreamPart &part, mlir::StringAttr rank,
                      mlir::Value &lo, mlir::Value &hi, mlir::Value &step);
  int64_t getStep(StreamOp stream);
  mlir::LogicalResult emitIterate(IterateOp iterate);
  mlir::LogicalResult emitOps(mlir::Block &block, const Scope &scope);
  mlir::FailureOr<llvm::SmallVector<mlir::Value>>
  emitStep(StreamOp stream, mlir::ValueRange states, const Scope &scope);
  llvm::SmallVector<mlir::Value> fillStates(StreamOp stream);
  llvm::SmallVector<Dim> getTensorDims(attn::TensorType type);
  mlir::FailureOr<llvm::SmallVector<mlir::Value>>
  emitChunk(StreamOp stream, mlir::ValueRange states, const Dim &part,
            BoxFilter filter);
  mlir::FailureOr<llvm::SmallVector<mlir::Value>>
  emitTile(StreamOp stream, mlir::ValueRange states, const Dim &part,
           bool isOpen);
  mlir::LogicalResult storeResults(llvm::ArrayRef<Destination> destinations);
  /// Stores the tile of `tensor`, whose left-hand side is `groups`.
  mlir::LogicalResult store(mlir::Value tensor, mlir::Value view,
                            llvm::ArrayRef<mlir::ArrayAttr> groups,
                            const Scope &scope);
  llvm::SmallVector<mlir::ArrayAttr> getGroups(mlir::Value tensor);
  mlir::FailureOr<mlir::Value> zeroAbsent(EinsumOp einsum, mlir::Value tile,
                                          const Scope &scope);

  mlir::FailureOr<llvm::SmallVector<Dim>> getDims(EinsumOp einsum,
                                                  const Scope &scope);
  tile::TileType getTileType(llvm::ArrayRef<Dim> dims, mlir::Type element);
  Access classify(EinsumOp einsum, ReadOp read, llvm::ArrayRef<Dim> dims,
                  const Scope &scope);
  mlir::Value readUniform(EinsumOp einsum, ReadOp read);
  mlir::Value lookupStored(mlir::Value tensor);
  /// `inner` reads what the indices read; without it, that is read alike.
  mlir::Value readAt(EinsumOp owner, ReadOp read, const Coordinates &at,
                     ReadHandler inner = nullptr);
  /// The element of a tile of the nest that `owner` reads in place, inside of
  /// `map`; null where it is something else.
  mlir::Value readTile(tile::MapOp map, EinsumOp owner, ReadOp read,
                       const Coordinates &at);
  mlir::Value readAhead(tile::MapOp map, tile::ReadOp read);
  mlir::Value readTileOrView(tile::MapOp map, EinsumOp owner, ReadOp read,
                             const Coordinates &at);
  /// A map over `dims`, less what `reducers` reduce, whose region has the
  /// elements of `inputs` as arguments and nothing else yet.
  tile::MapOp createMap(mlir::Location loc, llvm::ArrayRef<Dim> dims,
                        llvm::ArrayRef<ReduceAttr> reducers,
                        mlir::ValueRange inputs, mlir::Type element);
  mlir::Value roundTo(mlir::Type written, mlir::Value value);
  mlir::Value emitRounded(EinsumOp einsum, mlir::Value tile,
                          llvm::ArrayRef<Dim> dims);
  Coordinates getUniformCoordinates();
  Coordinates getCoordinates(mlir::Location loc, llvm::ArrayRef<Dim> dims);
  /// Whether a stream or an iteration around goes through `rank` coordinate by
  /// coordinate.
  bool isWalked(mlir::StringAttr rank);
  PresenceEmitter createPresence(PresenceEmitter::ReadAt reads);
  EinsumOp getProducer(mlir::Value tensor);
  mlir::Value getScalar(mlir::Value scalar) { return externals.lookup(scalar); }
  /// The tensor outside the Einsum that `read` reads.
  static mlir::Value getTensor(EinsumOp einsum, ReadOp read) {
    auto argument = mlir::cast<mlir::BlockArgument>(read.getTensor());
    return einsum.getInputs()[argument.getArgNumber()];
  }
  mlir::Value constant(int64_t value);
  /// In a region: that the filters of all reductions hold, or of any.
  BoxFilter emitBoxFilter(StreamOp stream, mlir::Region &region, bool ofAll);
  mlir::Value emitReduction(EinsumOp einsum, mlir::StringAttr streamed,
                            const Coordinates &coordinates, BoxFilter &filter);
  llvm::SmallVector<Dim> getBox(StreamOp stream);
  /// Whether the filters of all reductions hold in the box of `part`, or any.
  tile::TestOp createTest(StreamOp stream, const Dim &part, bool isOpen,
                          bool ofAll);

  mlir::OpBuilder builder;
  NestOp nest;
  const GridChoice &grid;
  TileSizes sizes;
  /// Tensors and scalars of the cascade (and results of other nests) as the
  /// kernel's views and scalars.
  const llvm::MapVector<mlir::Value, mlir::Value> &externals;
  /// The first coordinate of each grid rank, and of carried ranks.
  Coordinates origins;
  /// The coordinates of ranks that are walked one by one.
  LoopCoordinates loops;
  /// Tensors of the nest as tiles.
  llvm::DenseMap<mlir::Value, mlir::Value> tiles;
  /// Results of streams and iterations that are stored as they are made.
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::Value>> storedAsMade;
};

/// Gives every top-k of a nest an Einsum to choose from, and Einsums that say
/// which of its entries are there.
void prepareLists(NestOp nest);

} // namespace attn

#endif // LIB_MAPPING_NESTEMITTER_H

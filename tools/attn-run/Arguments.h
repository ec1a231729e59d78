//===- Arguments.h - What a compiled function is called with --------------===//

#ifndef TOOLS_ATTN_RUN_ARGUMENTS_H
#define TOOLS_ATTN_RUN_ARGUMENTS_H

#include "dialect/Attn/Reference/Evaluate.h"
#include "dialect/Attn/Reference/Npy.h"
#include "tools/attn-run/Object.h"
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace attn::tool {

/// A tensor in memory, its last rank contiguous, each row followed by padding.
class Array {
public:
  Array(std::string name, reference::ElementType type,
        std::vector<int64_t> extents, int64_t pad);

  /// Sets every byte, of padding too: NaN, or an unlikely integer.
  void poison();
  /// True if no padding was written since `poison`.
  bool isPaddingIntact() const;
  /// Writes elements in row-major order.
  void assign(const std::function<double(int64_t index)> &element);
  void set(const Slice &slice, const reference::Cascade &cascade,
           const std::vector<reference::RankId> &ranks);

  /// All of it, padding included.
  char *getMemory() const { return memory.get(); }
  size_t getMemoryBytes() const { return numBytes; }

  reference::InputTensor getTensor() const {
    return {type, memory.get(), extents, strides};
  }
  int64_t getNumElements() const { return numElements; }
  /// The bytes of its elements, without padding.
  double getBytes() const {
    return static_cast<double>(numElements) *
           static_cast<double>(reference::getByteSize(type));
  }

  std::string name;
  reference::ElementType type;
  std::vector<int64_t> extents, strides;
  std::string origin; // where its elements are from

private:
  uint8_t getPoison() const;
  int64_t numElements = 1;
  size_t numBytes = 0;
  std::unique_ptr<char, decltype(&std::free)> memory{nullptr, &std::free};
};

/// All arguments of a call.
class Arguments {
public:
  /// Binds the extents, makes or reads the inputs, allocates the outputs;
  /// throws Failure.
  Arguments(const Object &object, const Options &options);

  void poisonOutputs();
  /// Throws Failure where an output was written outside of its elements.
  void checkPadding() const;
  void writeOutputs(const Options &options) const;

  /// Makes the tensors that a call sees those of another device, where each
  /// array's copy is at `address`.
  void moveTo(DLDevice device,
              const std::function<void *(const Array &)> &address);

  /// The struct to call with; points into this.
  const void *getStruct() const { return bytes.data(); }
  /// The arguments as the reference takes them.
  reference::Problem getProblem() const;

  const Object &object;
  reference::Extents extents;
  std::vector<Array> inputs;       // as Cascade::inputs
  std::vector<double> scalars;     // as Cascade::scalars
  std::vector<bool> isScalarGiven; // by scalar; others are generated
  std::vector<Array> outputs;      // as Cascade::yields
  std::vector<bool> isWanted;      // by output
  bool areInputsGenerated = true;

private:
  void bind(const Options &options);
  void makeInputs(const Options &options);
  void makeScalars(const Options &options);
  void makeOutputs(const Options &options);
  void fillStruct();

  std::vector<std::pair<std::string, reference::NpyArray>> files;
  std::vector<char> bytes;
  std::vector<DLTensor> headers;           // by argument of the program
  std::vector<const Array *> headerArrays; // null for a scalar
};

} // namespace attn::tool

#endif // TOOLS_ATTN_RUN_ARGUMENTS_H

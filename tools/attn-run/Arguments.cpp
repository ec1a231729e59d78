//===- Arguments.cpp - What a compiled function is called with ------------===//

#include "tools/attn-run/Arguments.h"
#include "tools/attn-run/Guess.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <iomanip>
#include <sstream>
#include <sys/mman.h>
#include <thread>

namespace attn::tool {

using namespace reference;

//===----------------------------------------------------------------------===//
// Array
//===----------------------------------------------------------------------===//

Array::Array(std::string theName, ElementType type,
             std::vector<int64_t> theExtents, int64_t pad)
    : name(std::move(theName)), type(type), extents(std::move(theExtents)) {
  size_t size = getByteSize(type);
  std::vector<int64_t> rows = extents;
  if (!rows.empty())
    rows.back() += pad;
  strides = makeInput(type, nullptr, rows).strides;
  int64_t allocated = 1, total = 0;
  for (size_t i = 0; i != rows.size(); ++i) {
    numElements *= extents[i];
    if (__builtin_mul_overflow(allocated, std::max<int64_t>(rows[i], 1),
                               &allocated))
      throw Failure("`" + name + "` is too large");
  }
  if (__builtin_mul_overflow(allocated, static_cast<int64_t>(size), &total))
    throw Failure("`" + name + "` is too large");
  numBytes = static_cast<size_t>(total);
  // Large pages, so that measurements see the kernel and not the page tables.
  size_t page = numBytes >= (1 << 22) ? 1 << 21 : 64;
  size_t rounded = (numBytes + page - 1) / page * page;
  memory.reset(static_cast<char *>(std::aligned_alloc(page, rounded)));
  if (!memory)
    throw Failure("out of memory: `" + name + "` takes " +
                  std::to_string(numBytes) + " bytes");
  if (page > 64)
    madvise(memory.get(), rounded, MADV_HUGEPAGE);
  poison();
}

uint8_t Array::getPoison() const { return isFloat(type) ? 0xff : 0x7b; }

void Array::poison() { std::memset(memory.get(), getPoison(), numBytes); }

bool Array::isPaddingIntact() const {
  if (extents.empty() || numElements == 0)
    return true;
  size_t size = getByteSize(type);
  size_t row = static_cast<size_t>(extents.back()) * size;
  size_t pitch = extents.size() > 1
                     ? static_cast<size_t>(strides[extents.size() - 2]) * size
                     : numBytes;
  for (size_t begin = 0; begin < numBytes; begin += pitch)
    for (size_t i = row; i != pitch; ++i)
      if (static_cast<uint8_t>(memory.get()[begin + i]) != getPoison())
        return false;
  return true;
}

void Array::assign(const std::function<double(int64_t index)> &element) {
  int64_t row = extents.empty() ? 1 : extents.back();
  auto assignRange = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      int64_t rest = i / row, offset = i % row;
      for (size_t j = extents.size(); j-- > 1;) {
        offset += rest % extents[j - 1] * strides[j - 1];
        rest /= extents[j - 1];
      }
      storeElement(type, memory.get(), offset, element(i));
    }
  };
  // Inputs of long sequences take seconds: half of them on another thread.
  int64_t half = numElements > 1000000 ? numElements / 2 : 0;
  std::thread other(assignRange, 0, half);
  assignRange(half, numElements);
  other.join();
}

void Array::set(const Slice &slice, const Cascade &cascade,
                const std::vector<RankId> &ranks) {
  for (size_t at = 0; at != ranks.size(); ++at) {
    if (cascade.ranks[ranks[at]].name != slice.rank)
      continue;
    if (slice.coordinate >= extents[at])
      throw Failure("--slice: rank `" + slice.rank + "` of `" + name +
                    "` ends before " + std::to_string(slice.coordinate));
    int64_t inner = 1;
    for (size_t i = at + 1; i != extents.size(); ++i)
      inner *= extents[i];
    InputTensor before = getTensor();
    assign([&](int64_t index) {
      if (index / inner % extents[at] == slice.coordinate)
        return slice.value;
      int64_t rest = index, offset = 0;
      for (size_t i = extents.size(); i-- != 0;) {
        offset += rest % extents[i] * strides[i];
        rest /= extents[i];
      }
      return loadElement(type, before.base, offset);
    });
    return;
  }
  throw Failure("--slice: `" + name + "` has no rank `" + slice.rank + "`");
}

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

Arguments::Arguments(const Object &object, const Options &options)
    : object(object) {
  bind(options);
  makeInputs(options);
  makeScalars(options);
  makeOutputs(options);
  fillStruct();
}

/// Throws Failure for a name that no argument has.
static void checkName(const std::string &option, const std::string &name,
                      bool exists) {
  if (!exists)
    throw Failure("`" + option + "` names `" + name +
                  "`, which is no such argument");
}

void Arguments::bind(const Options &options) {
  const Cascade &cascade = object.cascade;
  std::vector<std::pair<std::string, int64_t>> sizes = options.sizes;
  // What gave each of them.
  std::vector<std::string> sources(sizes.size(), "--size");
  for (const auto &[name, path] : options.inputs) {
    std::optional<ValueId> input = findInput(cascade, name);
    checkName("--inputs", name, input.has_value());
    std::string error;
    std::optional<NpyArray> array = readNpy(path, error);
    if (!array)
      throw Failure(error);
    const std::vector<RankId> &ranks = cascade.values[*input].ranks;
    if (array->extents.size() != ranks.size())
      throw Failure("`" + path + "` has " +
                    std::to_string(array->extents.size()) + " ranks but `" +
                    name + "` has " + std::to_string(ranks.size()));
    for (size_t i = 0; i != ranks.size(); ++i) {
      const Rank &rank = cascade.ranks[ranks[i]];
      auto known =
          std::find_if(sizes.begin(), sizes.end(), [&](const auto &size) {
            return size.first == rank.name;
          });
      bool isFixed = rank.kind == RankKind::Fixed;
      if (!isFixed && known == sizes.end()) {
        sizes.emplace_back(rank.name, array->extents[i]);
        sources.push_back("`" + path + "`");
        continue;
      }
      int64_t expected = isFixed ? rank.value : known->second;
      if (array->extents[i] != expected)
        throw Failure(
            "rank `" + rank.name + "` of `" + path + "` has extent " +
            std::to_string(array->extents[i]) + " but " +
            std::to_string(expected) + " is expected (" +
            (isFixed ? "the spec"
                     : sources[static_cast<size_t>(known - sizes.begin())]) +
            ")");
    }
    files.emplace_back(name, std::move(*array));
  }
  std::string error = bindExtents(cascade, sizes, extents);
  if (error.empty())
    return;
  std::string list;
  for (const std::string &source : sources)
    if (list.find(source) == std::string::npos)
      list += (list.empty() ? "" : ", ") + source;
  throw Failure(error + " (" + (list.empty() ? "--size" : list) + ")");
}

static std::vector<int64_t> getExtents(const Value &value,
                                       const Extents &extents) {
  std::vector<int64_t> result;
  for (RankId rank : value.ranks)
    result.push_back(extents[rank]);
  return result;
}

/// Copies what a file holds; rounds it where the types differ, and takes the
/// bits of an f8 from uint8.
static void copyFile(const NpyArray &file, Array &array) {
  bool isF8 =
      array.type == ElementType::F8E4M3FN || array.type == ElementType::F8E5M2;
  ElementType type =
      isF8 && file.type == ElementType::UI8 ? array.type : file.type;
  array.assign([&](int64_t index) {
    int64_t rest = index, offset = 0;
    for (size_t i = file.extents.size(); i-- != 0;) {
      offset += rest % file.extents[i] * file.strides[i];
      rest /= file.extents[i];
    }
    return loadElement(type, file.bytes.data(), offset);
  });
  if (type != array.type)
    array.origin += ", rounded from " + std::string(getName(type));
}

void Arguments::makeInputs(const Options &options) {
  const Cascade &cascade = object.cascade;
  for (const auto &fill : options.fills)
    checkName("--fill", fill.first, findInput(cascade, fill.first).has_value());
  for (ValueId input : cascade.inputs) {
    const Value &value = cascade.values[input];
    Array array(value.name, value.type, getExtents(value, extents),
                options.pad);
    auto file =
        std::find_if(files.begin(), files.end(), [&](const auto &entry) {
          return entry.first == value.name;
        });
    auto fill = options.fills.find(value.name);
    if (file != files.end()) {
      array.origin = options.inputs.at(value.name);
      copyFile(file->second, array);
      areInputsGenerated = false;
    } else {
      Distribution distribution =
          guessDistribution(cascade, extents, input, options.scale);
      if (fill != options.fills.end()) {
        std::optional<Distribution> parsed = parseDistribution(fill->second);
        if (!parsed)
          throw Failure("`--fill` expects normal:D, uniform:L:H, int:L:H, "
                        "bool:S (0 to 1) or const:X but has `" +
                        fill->second + "`");
        distribution = *parsed;
      }
      array.origin =
          describe(distribution) + ", seed " + std::to_string(options.seed);
      uint64_t stream = hashName(value.name);
      array.assign([&](int64_t index) {
        return generate(distribution, options.seed, stream,
                        static_cast<uint64_t>(index));
      });
    }
    for (const Slice &slice : options.slices)
      if (slice.tensor == value.name)
        array.set(slice, cascade, value.ranks);
    inputs.push_back(std::move(array));
  }
  for (const Slice &slice : options.slices)
    checkName("--slice", slice.tensor,
              findInput(cascade, slice.tensor).has_value());
}

/// The value of a scalar that was given as a number; throws Failure where it
/// would be another one.
static double toScalar(const Scalar &scalar, double given) {
  // An integer is read as a double, which is exact up to here.
  constexpr double largest = 0x1p53;
  double value = roundTo(scalar.type, given);
  bool isKept = isFloat(scalar.type)
                    ? std::isfinite(value) || !std::isfinite(given)
                    : value == given && std::abs(given) < largest;
  if (isKept)
    return value;
  std::ostringstream text;
  text << std::setprecision(15) << given;
  throw Failure("`--scalar` gives `" + scalar.name + "` " + text.str() +
                ", which is no " + std::string(getName(scalar.type)) +
                (scalar.type == ElementType::I64 ? " below 2^53" : ""));
}

void Arguments::makeScalars(const Options &options) {
  for (const auto &scalar : options.scalars)
    checkName("--scalar", scalar.first,
              std::any_of(
                  object.cascade.scalars.begin(), object.cascade.scalars.end(),
                  [&](const Scalar &s) { return s.name == scalar.first; }));
  for (const Scalar &scalar : object.cascade.scalars) {
    auto given = options.scalars.find(scalar.name);
    isScalarGiven.push_back(given != options.scalars.end());
    scalars.push_back(
        isScalarGiven.back()
            ? toScalar(scalar, given->second)
            : roundTo(scalar.type, isFloat(scalar.type) ? 0.125 : 16));
  }
}

void Arguments::makeOutputs(const Options &options) {
  auto isYield = [&](const std::string &name) {
    return std::any_of(object.cascade.yields.begin(),
                       object.cascade.yields.end(),
                       [&](const Yield &yield) { return yield.name == name; });
  };
  for (const auto &output : options.outputs)
    checkName("--outputs", output.first, isYield(output.first));
  for (const std::string &name : options.skipped)
    checkName("--skip", name, isYield(name));
  for (const Yield &yield : object.cascade.yields) {
    const Value &value = object.cascade.values[yield.value];
    outputs.emplace_back(yield.name, yield.type, getExtents(value, extents),
                         options.pad);
    isWanted.push_back(!options.skipped.count(yield.name));
  }
}

void Arguments::fillStruct() {
  const attnrt_program &program = *object.program;
  bytes.assign(program.args_size, 0);
  std::memcpy(bytes.data(), &program.args_size, sizeof(uint32_t));
  headers.resize(program.num_args);
  headerArrays.resize(program.num_args);
  for (uint32_t i = 0; i != program.num_args; ++i) {
    const attnrt_arg_desc &arg = program.args[i];
    char *field = bytes.data() + arg.offset;
    if (arg.kind == ATTNRT_ARG_SCALAR) {
      for (size_t j = 0; j != scalars.size(); ++j)
        if (object.cascade.scalars[j].name == arg.name)
          storeElement(object.cascade.scalars[j].type, field, 0, scalars[j]);
      continue;
    }
    std::vector<Array> &arrays =
        arg.kind == ATTNRT_ARG_INPUT ? inputs : outputs;
    auto array =
        std::find_if(arrays.begin(), arrays.end(), [&](const Array &candidate) {
          return candidate.name == arg.name;
        });
    if (array == arrays.end())
      throw Failure(std::string("the object's argument `") + arg.name +
                    "` is not in its cascade");
    headerArrays[i] = &*array;
    DLTensor &header = headers[i];
    header.data = const_cast<void *>(array->getTensor().base);
    header.device = {kDLCPU, 0};
    header.ndim = static_cast<int32_t>(array->extents.size());
    header.dtype = {arg.type_code, arg.type_bits, 1};
    header.shape = array->extents.data();
    header.strides = array->strides.data();
    header.byte_offset = 0;
    bool wanted = arg.kind == ATTNRT_ARG_INPUT ||
                  isWanted[static_cast<size_t>(array - arrays.begin())];
    const DLTensor *pointer = wanted ? &header : nullptr;
    std::memcpy(field, &pointer, sizeof(pointer));
  }
}

void Arguments::moveTo(DLDevice device,
                       const std::function<void *(const Array &)> &address) {
  for (size_t i = 0; i != headers.size(); ++i)
    if (headerArrays[i]) {
      headers[i].device = device;
      headers[i].data = address(*headerArrays[i]);
    }
}

void Arguments::poisonOutputs() {
  for (Array &output : outputs)
    output.poison();
}

void Arguments::checkPadding() const {
  for (const Array &output : outputs)
    if (!output.isPaddingIntact())
      throw Failure("the kernel wrote to the padding after rows of `" +
                    output.name + "`");
}

void Arguments::writeOutputs(const Options &options) const {
  for (const Array &output : outputs) {
    auto file = options.outputs.find(output.name);
    if (file == options.outputs.end())
      continue;
    std::string error = writeNpy(file->second, output.getTensor());
    if (!error.empty())
      throw Failure(error);
  }
}

Problem Arguments::getProblem() const {
  Problem problem{object.cascade, extents, {}, scalars};
  for (const Array &input : inputs)
    problem.inputs.push_back(input.getTensor());
  return problem;
}

} // namespace attn::tool

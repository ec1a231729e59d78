//===- Npy.cpp - NumPy's file format --------------------------------------===//

#include "dialect/Attn/Reference/Npy.h"
#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

namespace attn::reference {

namespace {
struct Spelling {
  std::string_view descr;
  ElementType type;
};

/// The first spelling of a type is the one that is written.
constexpr std::array<Spelling, 13> spellings = {{{"<f8", ElementType::F64},
                                                 {"<f4", ElementType::F32},
                                                 {"<f2", ElementType::F16},
                                                 {"<u2", ElementType::BF16},
                                                 {"|V2", ElementType::BF16},
                                                 {"<V2", ElementType::BF16},
                                                 {"<i8", ElementType::I64},
                                                 {"<i4", ElementType::I32},
                                                 {"|i1", ElementType::I8},
                                                 {"|u1", ElementType::UI8},
                                                 {"|V1", ElementType::UI8},
                                                 {"<V1", ElementType::UI8},
                                                 {"|b1", ElementType::I1}}};

constexpr std::string_view magic = "\x93NUMPY";
} // namespace

/// The text of the header's value for `key`: what follows "'key':".
static std::string_view findKey(std::string_view header, std::string_view key) {
  size_t at = header.find("'" + std::string(key) + "'");
  if (at == std::string_view::npos)
    return {};
  at = header.find(':', at);
  if (at == std::string_view::npos)
    return {};
  return header.substr(at + 1);
}

static bool parseShape(std::string_view text, std::vector<int64_t> &extents) {
  size_t begin = text.find('('), end = text.find(')');
  if (begin == std::string_view::npos || end == std::string_view::npos ||
      end < begin)
    return false;
  int64_t number = -1, count = 1;
  for (char c : text.substr(begin + 1, end - begin)) {
    if (c >= '0' && c <= '9') {
      number = (number < 0 ? 0 : number * 10) + (c - '0');
      if (number > int64_t(1) << 48)
        return false;
    } else if (c == ',' || c == ')') {
      if (number >= 0)
        extents.push_back(number);
      number = -1;
    } else if (c != ' ') {
      return false;
    }
  }
  for (int64_t extent : extents)
    if (__builtin_mul_overflow(count, extent, &count) || count > int64_t(1)
                                                                     << 48)
      return false;
  return true;
}

/// Reads the header. Returns what is wrong, or an empty string.
static std::string parseHeader(std::string_view header, NpyArray &array) {
  std::string_view descr = findKey(header, "descr");
  size_t quote = descr.find('\'');
  if (quote == std::string_view::npos)
    return "has no element type";
  descr = descr.substr(quote + 1);
  descr = descr.substr(0, descr.find('\''));
  auto spelling =
      std::find_if(spellings.begin(), spellings.end(),
                   [&](const Spelling &known) { return known.descr == descr; });
  if (spelling == spellings.end())
    return "has elements `" + std::string(descr) + "`, which is not supported";
  array.type = spelling->type;
  if (!parseShape(findKey(header, "shape"), array.extents))
    return "has no shape that can be read";
  array.strides = makeInput(array.type, nullptr, array.extents).strides;
  std::string_view order = findKey(header, "fortran_order");
  if (order.substr(0, order.find(',')).find("True") != std::string_view::npos) {
    int64_t stride = 1;
    for (size_t i = 0; i != array.extents.size(); ++i) {
      array.strides[i] = stride;
      stride *= array.extents[i];
    }
  }
  return "";
}

/// Reads a whole file. Returns what is wrong, or an empty string.
static std::string parse(const std::vector<char> &file, NpyArray &array) {
  std::string_view text(file.data(), file.size());
  if (text.substr(0, magic.size()) != magic || text.size() < 12)
    return "is not a .npy file";
  auto byte = [&](size_t at) {
    return static_cast<size_t>(static_cast<unsigned char>(file[at]));
  };
  size_t length = byte(8) | byte(9) << 8, begin = 10;
  if (file[6] != 1) {
    length |= byte(10) << 16 | byte(11) << 24;
    begin = 12;
  }
  if (text.size() < begin + length)
    return "ends inside its header";
  std::string error = parseHeader(text.substr(begin, length), array);
  if (!error.empty())
    return error;
  size_t size = getByteSize(array.type);
  for (int64_t extent : array.extents)
    size *= static_cast<size_t>(extent);
  if (text.size() - begin - length < size)
    return "has " + std::to_string(text.size() - begin - length) +
           " bytes of elements but its shape needs " + std::to_string(size);
  array.bytes.assign(file.begin() + begin + length,
                     file.begin() + begin + length + size);
  return "";
}

std::optional<NpyArray> readNpy(const std::string &path, std::string &error) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    error = "cannot open `" + path + "`";
    return std::nullopt;
  }
  std::vector<char> file((std::istreambuf_iterator<char>(stream)),
                         std::istreambuf_iterator<char>());
  NpyArray array;
  if (error = parse(file, array); !error.empty()) {
    error = "`" + path + "` " + error;
    return std::nullopt;
  }
  return array;
}

std::string writeNpy(const std::string &path, const InputTensor &tensor) {
  ElementType type = tensor.type;
  if (type == ElementType::F8E4M3FN || type == ElementType::F8E5M2)
    type = ElementType::UI8; // the bits
  auto spelling =
      std::find_if(spellings.begin(), spellings.end(),
                   [&](const Spelling &known) { return known.type == type; });
  std::string header = "{'descr': '" + std::string(spelling->descr) +
                       "', 'fortran_order': False, 'shape': (";
  int64_t count = 1;
  for (int64_t extent : tensor.extents) {
    header += std::to_string(extent) + ", ";
    count *= extent;
  }
  header += "), }";
  // Elements start at a multiple of 64 bytes.
  header.append(63 - (magic.size() + 4 + header.size()) % 64, ' ');
  header += '\n';
  std::ofstream stream(path, std::ios::binary);
  stream << magic << '\x01' << '\0' << static_cast<char>(header.size() & 0xff)
         << static_cast<char>(header.size() >> 8) << header;
  size_t size = getByteSize(type);
  InputTensor packed = makeInput(type, nullptr, tensor.extents);
  std::vector<char> bytes(size * static_cast<size_t>(count));
  for (int64_t i = 0; i != count; ++i) {
    int64_t offset = 0;
    for (size_t j = 0; j != tensor.extents.size(); ++j)
      offset += i / packed.strides[j] % tensor.extents[j] * tensor.strides[j];
    std::memcpy(bytes.data() + static_cast<size_t>(i) * size,
                static_cast<const char *>(tensor.base) +
                    offset * static_cast<int64_t>(size),
                size);
  }
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return stream ? "" : "cannot write `" + path + "`";
}

} // namespace attn::reference

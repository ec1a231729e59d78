//===- NpyTest.cpp - NumPy's file format ----------------------------------===//

#include "dialect/Attn/Reference/Npy.h"
#include <cmath>
#include <cstdio>
#include <fstream>
#include <gtest/gtest.h>

using namespace attn::reference;

namespace {
std::string getPath(const char *name) {
  return testing::TempDir() + "attn_" + name + ".npy";
}

TEST(Npy, every_type_is_read_back) {
  for (ElementType type :
       {ElementType::F64, ElementType::F32, ElementType::F16, ElementType::BF16,
        ElementType::I64, ElementType::I32, ElementType::I8, ElementType::UI8,
        ElementType::I1}) {
    std::vector<char> bytes(6 * getByteSize(type));
    for (int i = 0; i != 6; ++i)
      storeElement(type, bytes.data(), i, i % 2);
    std::string path = getPath("type"), error;
    ASSERT_EQ(writeNpy(path, makeInput(type, bytes.data(), {2, 3})), "");
    std::optional<NpyArray> array = readNpy(path, error);
    ASSERT_TRUE(array) << error;
    EXPECT_EQ(array->type, type);
    EXPECT_EQ(array->extents, (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(array->bytes, bytes);
  }
}

TEST(Npy, strides_are_packed_and_shapes_may_be_empty) {
  std::vector<float> values = {0, 1, 2, 3, 4, 5};
  InputTensor transposed{ElementType::F32, values.data(), {3, 2}, {1, 3}};
  std::string path = getPath("shape"), error;
  ASSERT_EQ(writeNpy(path, transposed), "");
  std::optional<NpyArray> array = readNpy(path, error);
  ASSERT_TRUE(array) << error;
  EXPECT_EQ(loadElement(array->type, array->bytes.data(), 1), 3);
  EXPECT_EQ(loadElement(array->type, array->bytes.data(), 2), 1);
  for (std::vector<int64_t> extents :
       {std::vector<int64_t>{}, {5}, {0, 4}, {1, 1, 1}}) {
    ASSERT_EQ(
        writeNpy(path, makeInput(ElementType::F32, values.data(), extents)),
        "");
    array = readNpy(path, error);
    ASSERT_TRUE(array) << error;
    EXPECT_EQ(array->extents, extents);
  }
}

/// The bytes that numpy.save writes for np.asfortranarray([[1., 2.],
/// [3., 4.]]).
TEST(Npy, fortran_order_is_read) {
  std::string path = getPath("fortran"), error;
  std::ofstream stream(path, std::ios::binary);
  std::string header =
      "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 2), }";
  header.append(117 - header.size(), ' ');
  header += '\n';
  stream << "\x93NUMPY" << '\x01' << '\0' << char(header.size()) << '\0'
         << header;
  for (double value : {1.0, 3.0, 2.0, 4.0})
    stream.write(reinterpret_cast<const char *>(&value), sizeof(value));
  stream.close();
  std::optional<NpyArray> array = readNpy(path, error);
  ASSERT_TRUE(array) << error;
  EXPECT_EQ(array->strides, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(loadElement(array->type, array->bytes.data(), 2), 2);
}

TEST(Npy, negative_files_that_are_not_read) {
  std::string path = getPath("bad"), error;
  EXPECT_FALSE(readNpy("/nonexistent.npy", error));
  EXPECT_EQ(error, "cannot open `/nonexistent.npy`");
  auto expectError = [&](const std::string &content,
                         const std::string &message) {
    std::ofstream(path, std::ios::binary) << content;
    EXPECT_FALSE(readNpy(path, error));
    EXPECT_EQ(error, "`" + path + "` " + message);
  };
  auto makeFile = [](const std::string &header) {
    return std::string("\x93NUMPY\x01\0", 8) + char(header.size()) + '\0' +
           header;
  };
  expectError("", "is not a .npy file");
  expectError("PK\3\4 a zip file", "is not a .npy file");
  expectError(std::string("\x93NUMPY\x01\0\xff\xff{", 11) + "xx",
              "ends inside its header");
  expectError(makeFile("{'descr': '>f4', 'shape': (1,)}"),
              "has elements `>f4`, which is not supported");
  expectError(makeFile("{'descr': '<f4', 'shape': (1"),
              "has no shape that can be read");
  expectError(makeFile("{'descr': '<f4', 'shape': (99999999, 99999999, 9)}"),
              "has no shape that can be read");
  expectError(makeFile("{'descr': '<f4', 'shape': (3,)}") + "1234",
              "has 4 bytes of elements but its shape needs 12");
}

} // namespace

//===- Tensor.cpp - Tensors of the reference ------------------------------===//

#include "dialect/Attn/Reference/Tensor.h"

namespace attn::reference {

static std::vector<int64_t> getStrides(const std::vector<int64_t> &extents) {
  std::vector<int64_t> strides(extents.size());
  int64_t stride = 1;
  for (size_t i = extents.size(); i-- != 0;) {
    strides[i] = stride;
    stride *= extents[i];
  }
  return strides;
}

InputTensor makeInput(ElementType type, const void *base,
                      std::vector<int64_t> extents) {
  InputTensor input;
  input.type = type;
  input.base = base;
  input.strides = getStrides(extents);
  input.extents = std::move(extents);
  return input;
}

Tensor::Tensor(CoordinateBox theBox, double value, bool isPresent,
               bool withErrors)
    : box(std::move(theBox)) {
  std::vector<int64_t> sizes;
  for (const Coordinates &coordinates : box)
    sizes.push_back(coordinates.size());
  strides = getStrides(sizes);
  size_t count = static_cast<size_t>(getNumPoints(box));
  values.assign(count, value);
  if (withErrors)
    errors.assign(count, 0.0);
  if (!isPresent)
    present.assign(count, 0);
}

int64_t Tensor::getOffset(const std::vector<int64_t> &point) const {
  int64_t offset = 0;
  for (size_t i = 0; i != point.size(); ++i) {
    int64_t position = box[i].getPosition(point[i]);
    if (position < 0)
      return -1;
    offset += position * strides[i];
  }
  return offset;
}

std::vector<int64_t> Tensor::getPoint(int64_t offset) const {
  std::vector<int64_t> point(box.size());
  for (size_t i = 0; i != box.size(); ++i)
    point[i] = box[i][offset / strides[i] % box[i].size()];
  return point;
}

} // namespace attn::reference

// Stands in for LibTorch's header in the fuzz targets: the element types by the names that core uses, and tensors that nothing touches.
#pragma once

#include <c10/core/ScalarType.h>

namespace torch {
using c10::elementSize;
using c10::ScalarType;
using c10::toString;
inline constexpr ScalarType kFloat64 = ScalarType::Double, kFloat32 = ScalarType::Float, kFloat16 = ScalarType::Half, kBFloat16 = ScalarType::BFloat16,
                            kInt64 = ScalarType::Long, kInt32 = ScalarType::Int, kInt16 = ScalarType::Short, kInt8 = ScalarType::Char,
                            kUInt8 = ScalarType::Byte, kBool = ScalarType::Bool;
struct Tensor {
  bool defined() const;
};
}  // namespace torch

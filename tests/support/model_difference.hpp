// How far two models of one architecture are apart.
#pragma once

#include <algorithm>
#include <string>

#include "core/model/model_spec.hpp"

namespace symphony::testing {

/// max over tensors of max|a - b| / max|a|
inline double largest_difference(const Model& a, const Model& b) {
  double largest = 0;
  for (const std::string& name : a.tensors->names()) {
    const torch::Tensor left = a.tensors->get(name), right = b.tensors->get(name);
    largest = std::max(largest, ((left - right).abs().max() / left.abs().max()).item<double>());
  }
  return largest;
}

}  // namespace symphony::testing

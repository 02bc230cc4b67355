// What core hands to every plugin call besides its inputs: a seed, a recorder, a progress line, the device and the numeric type.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <torch/types.h>

#include "core/base/random.hpp"
#include "core/base/record.hpp"

namespace symphony {

struct Context {
  std::uint64_t seed = 0;                 ///< of this stage; draw with Random(seed, "purpose")
  Recorder* recorder = nullptr;           ///< never null during a call
  torch::Device device = torch::kCPU;
  torch::ScalarType dtype = torch::kFloat32;
  /// Share of the call that is done, in [0, 1]; may be called often.
  std::function<void(double)> progress = [](double) {};

  Random random(std::string_view purpose) const { return Random(seed, purpose); }
};

}  // namespace symphony

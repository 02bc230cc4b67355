// Compiled with OpenMP (core/CMakeLists.txt), without which at::parallel_for is a loop.
#include "core/tensor/in_parallel.hpp"

#include <algorithm>

#include <ATen/Parallel.h>
#include <torch/types.h>

namespace symphony {

void in_parallel(std::size_t count, const std::function<void(std::size_t)>& function, std::size_t at_once) {
  const std::size_t a_thread = count / at_once + (count % at_once > 0 ? 1 : 0);  // what at::parallel_for gives each at least
  at::parallel_for(0, static_cast<std::int64_t>(count), static_cast<std::int64_t>(std::max<std::size_t>(1, a_thread)), [&](std::int64_t begin, std::int64_t end) {
    const torch::NoGradGuard no_grad;
    for (std::int64_t index = begin; index < end; ++index) function(static_cast<std::size_t>(index));
  });
}

}  // namespace symphony

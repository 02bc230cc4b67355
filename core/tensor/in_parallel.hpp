// Work on items that share nothing (layers of a model), on LibTorch's own threads: inside, its operations run on one thread each.
#pragma once

#include <cstddef>

#include <ATen/Parallel.h>
#include <torch/types.h>

namespace symphony {

/// Calls function(0) to function(count - 1), on as many threads as at::get_num_threads() says, without gradients.
template <class Function>
void in_parallel(std::size_t count, const Function& function) {
  at::parallel_for(0, static_cast<std::int64_t>(count), 1, [&](std::int64_t begin, std::int64_t end) {
    const torch::NoGradGuard no_grad;
    for (std::int64_t index = begin; index < end; ++index) function(static_cast<std::size_t>(index));
  });
}

}  // namespace symphony

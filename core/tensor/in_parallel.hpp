// Work on items that share nothing (layers of a model), on LibTorch's own threads: inside, its operations run on one thread each.
#pragma once

#include <cstddef>
#include <functional>
#include <limits>

namespace symphony {

/// Calls function(0) to function(count - 1), on as many threads as at::get_num_threads() says but no more than `at_once` (> 0), without gradients. What one
/// of them throws is thrown here.
void in_parallel(std::size_t count, const std::function<void(std::size_t)>& function, std::size_t at_once = std::numeric_limits<std::size_t>::max());

}  // namespace symphony

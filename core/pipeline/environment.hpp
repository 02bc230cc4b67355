// The process's numeric environment, and what of it goes into a log.
#pragma once

#include <cstdint>

#include "core/log/provenance.hpp"

namespace symphony {

/// Threads of LibTorch's pool; call before any numeric work.
void set_threads(std::int64_t threads);

/// Host, compiler, libraries with LibTorch's version, BLAS, start time.
Provenance collect_provenance(std::int64_t threads);

/// A warning when the BLAS brings a thread pool that fights LibTorch's; "" otherwise.
std::string blas_warning(std::int64_t threads);

}  // namespace symphony

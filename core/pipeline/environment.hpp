// The process's numeric environment, and what of it goes into a log.
#pragma once

#include <cstdint>
#include <string>

#include <torch/types.h>

#include "core/log/provenance.hpp"

namespace symphony {

/// Threads of LibTorch's pool; call before any numeric work.
void set_threads(std::int64_t threads);

/// Why nothing can be computed on `device` ("cpu", "cuda") by this program, or on this machine; "" where it can. Only the second changes from
/// machine to machine.
std::string missing_in_program(const std::string& device);
std::string missing_on_machine(const std::string& device);

/// Host, compiler, libraries with LibTorch's version, BLAS, start time.
Provenance collect_provenance(std::int64_t threads);

/// A warning when the BLAS brings a thread pool that fights LibTorch's; "" otherwise.
std::string blas_warning(std::int64_t threads);

}  // namespace symphony

// What the initialisers of linear routers share. A linear router has one parameter, "weight" [E, D], a row an expert; routers without
// parameters need no initialiser and get none.
// D hidden, E experts.
#pragma once

#include <functional>
#include <string_view>

#include "core/plugin/router_init.hpp"

namespace symphony {

/// A map with "weight" filled by `rows(E, D)`, or an empty one for a router without parameters. Throws ConfigError naming `who` and the parameter
/// when the router has any other.
TensorMap initialise_linear_router(const RouterInitProblem& problem, std::string_view who,
                                   const std::function<torch::Tensor(std::int64_t, std::int64_t)>& rows);

}  // namespace symphony

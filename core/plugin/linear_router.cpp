// Which router parameters the initialisers of linear routers can fill.
#include "core/plugin/linear_router.hpp"

#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace symphony {

TensorMap initialise_linear_router(const RouterInitProblem& problem, std::string_view who,
                                   const std::function<torch::Tensor(std::int64_t, std::int64_t)>& rows) {
  TensorMap result;
  for (const RouterParameter& parameter : problem.parameters) {
    if (parameter.name != "weight" || parameter.shape.size() != 2)
      fail<ConfigError>(who, "layer {}: the router has a parameter {} {}, expected only 'weight' [E, D]; choose another router_init", problem.layer,
                        quoted(parameter.name), shape_text(parameter.shape));
    const torch::Tensor filled_ED = rows(parameter.shape[0], parameter.shape[1]);
    SYMPHONY_ASSERT(filled_ED.sizes().vec() == parameter.shape && filled_ED.scalar_type() == torch::kFloat32);
    result[parameter.name] = filled_ED;
  }
  return result;
}

}  // namespace symphony

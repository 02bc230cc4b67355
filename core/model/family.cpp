// The list of families, and which of them can hold a model.
#include "core/model/family.hpp"

#include <algorithm>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/model/families/list.hpp"

namespace symphony {

namespace {

// The only method names in core: file formats mean these routers.
constexpr const char* kRenormalised = "top_k";
constexpr const char* kPlain = "softmax_top_k";

std::string moe_misfit(const Family& family, const MoeSpec& moe) {
  if (moe.output_scale != 1.0) return fmt::format("an output scale of {}, which {} does not have", moe.output_scale, family.model_type);
  const auto router = as_implied(moe.router);
  if (!router) return fmt::format("the router {}, which {} does not have", quoted(moe.router.name), family.model_type);
  if (!router->renormalised && family.moe->renormalised.empty())
    return fmt::format("expert weights that do not sum to 1, while those of {} always do", family.model_type);
  if (moe.shared_width > 0 && family.moe->shared_width.empty()) return fmt::format("a shared expert, which {} does not have", family.model_type);
  return {};
}

}  // namespace

const std::vector<const Family*>& all_families() {
#define SYMPHONY_LIST_FAMILY(name) &families::name(),
  static const std::vector<const Family*> all = {SYMPHONY_FAMILIES(SYMPHONY_LIST_FAMILY)};
#undef SYMPHONY_LIST_FAMILY
  return all;
}

const Family& find_family(std::string_view model_type, std::string_view where) {
  std::vector<std::string> names;
  for (const Family* family : all_families()) {
    if (family->model_type == model_type) return *family;
    names.emplace_back(family->model_type);
  }
  fail<DataError>(where, "unknown model_type {}; {}", quoted(model_type), name_hint(model_type, names));
}

std::vector<std::string> dense_family_names() {
  std::vector<std::string> names;
  for (const Family* family : all_families())
    if (!family->moe) names.emplace_back(family->model_type);
  return names;
}

std::string misfit(const Family& family, const ModelSpec& spec) {
  if (spec.moe.has_value() != family.moe.has_value()) return fmt::format("{}, while {} is {}", spec.moe ? "experts" : "no experts", family.model_type,
                                                                         family.moe ? "a mixture" : "dense");
  if (family.spec_family.empty()) {
    ModelSpec kin = spec;
    kin.moe.reset();
    return misfit(find_family(spec.family, "family"), kin);
  }
  if (spec.qkv_bias && family.qkv_bias == Presence::never)
    return fmt::format("q/k/v biases, which {} does not have", family.model_type);
  if (!spec.qkv_bias && family.qkv_bias == Presence::always) return fmt::format("no q/k/v biases, which {} always has", family.model_type);
  if (spec.qk_norm != family.qk_norm)
    return fmt::format("{}query and key norms, which {} {}", spec.qk_norm ? "" : "no ", family.model_type, family.qk_norm ? "always has" : "does not have");
  return spec.moe ? moe_misfit(family, *spec.moe) : std::string();
}

const Family& family_to_write(const ModelSpec& spec, std::string_view wanted, std::string_view where) {
  if (wanted.empty() && spec.moe)
    for (const Family* family : all_families())
      if (misfit(*family, spec).empty()) return *family;
  const Family& family = find_family(wanted.empty() ? std::string_view(spec.family) : wanted, where);
  const std::string reason = misfit(family, spec);
  if (reason.empty()) return family;
  std::vector<std::string> fitting;
  for (const Family* other : all_families())
    if (misfit(*other, spec).empty()) fitting.emplace_back(other->model_type);
  fail<DataError>(where, "cannot be written as {}: the model has {}; what fits is {}", family.model_type, reason,
                  fitting.empty() ? "nothing" : join(fitting, ", "));
}

Method implied_router(bool renormalised, std::int64_t experts_per_token) {
  return {renormalised ? kRenormalised : kPlain, ValueMap{{"k", experts_per_token}}};
}

std::optional<ImpliedRouter> as_implied(const Method& router) {
  const Value* k = router.params.find("k");
  if (!k || !k->is_int()) return {};
  for (const bool renormalised : {true, false})
    if (router == implied_router(renormalised, k->as_int())) return ImpliedRouter{renormalised, k->as_int()};
  return {};
}

}  // namespace symphony

// The plan of an experts method for named sources, checked as core checks it.
#pragma once

#include "core/plugin/experts.hpp"
#include "tests/plugins/plugin_fixture.hpp"

namespace symphony::testing {

inline ExpertPlan plan_of(const std::string& name, Value params, const std::vector<std::string>& source_names, std::size_t anchor) {
  const ModelSpec spec;
  const ExpertsProblem problem{spec, source_names, anchor};
  if (params.is_null()) params = ValueMap{};
  const ExpertPlan plan = make_plugin<Experts>(name, params)->plan(problem, Context{});
  check_plan(plan, problem, "experts." + name);
  return plan;
}

}  // namespace symphony::testing

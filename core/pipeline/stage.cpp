// Keys of stages and their order.
#include "core/pipeline/stage.hpp"

#include <set>

#include <torch/csrc/api/include/torch/version.h>

#include "core/base/hash.hpp"
#include "core/base/json.hpp"

namespace symphony {

Value NumericEnvironment::to_value() const {
  Value value = ValueMap{};
  value.set("threads", threads);
  value.set("device", device);
  value.set("dtype", dtype);
  value.set("libtorch", TORCH_VERSION);
  return value;
}

StagePtr make_stage(std::string name, int revision, std::string label, Value parameters, std::vector<StagePtr> inputs,
                    const NumericEnvironment& environment, std::function<void(StageScope&)> run, StageCost cost) {
  auto stage = std::make_shared<Stage>();
  ValueList input_keys;
  for (const StagePtr& input : inputs) input_keys.push_back(input->name + "/" + input->key);
  stage->identity = ValueMap{};
  stage->identity.set("stage", name);
  stage->identity.set("revision", revision);
  stage->identity.set("environment", environment.to_value());
  stage->identity.set("parameters", std::move(parameters));
  stage->identity.set("inputs", std::move(input_keys));
  constexpr std::size_t kKeyDigits = 32;  // 128 bits: no two of a lifetime's stages collide
  stage->key = sha256_hex(to_json(stage->identity)).substr(0, kKeyDigits);
  stage->name = std::move(name);
  stage->label = std::move(label);
  stage->inputs = std::move(inputs);
  stage->cost = cost;
  stage->run = std::move(run);
  return stage;
}

namespace {

void visit(const StagePtr& stage, std::set<std::string>& seen, std::vector<StagePtr>& order) {
  if (!seen.insert(stage->name + "/" + stage->key).second) return;
  for (const StagePtr& input : stage->inputs) visit(input, seen, order);
  order.push_back(stage);
}

}  // namespace

std::vector<StagePtr> topological(const std::vector<StagePtr>& targets) {
  std::set<std::string> seen;
  std::vector<StagePtr> order;
  for (const StagePtr& target : targets) visit(target, seen, order);
  return order;
}

}  // namespace symphony

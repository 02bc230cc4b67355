// Which calibration tokens an experiment means, and reading them.
#include "core/pipeline/calibration.hpp"

#include "core/pipeline/text_stage.hpp"

namespace symphony {

Value calibration_identity(const StageBuilder& builder) {
  const CalibrationSettings& settings = builder.experiment->calibration;
  Value identity = ValueMap{};
  identity.set("tokens", settings.tokens);
  identity.set("length", settings.length);
  identity.set("seed", std::to_string(builder.seed("calibration")));
  return identity;
}

std::vector<std::string> calibration_domains(const StageBuilder& builder) { return builder.resolve_domains(builder.experiment->calibration.domains); }

std::vector<std::shared_ptr<const TokenStream>> training_streams(const std::vector<StagePtr>& texts, const StageFolder& folder) {
  std::vector<std::shared_ptr<const TokenStream>> streams;
  for (const StagePtr& text : texts) streams.push_back(std::make_shared<TokenStream>(load_text(folder(*text)).training));
  return streams;
}

CalibrationWindows load_calibration(const StageBuilder& builder, const std::vector<StagePtr>& texts, const StageFolder& folder) {
  const CalibrationSettings& settings = builder.experiment->calibration;
  return calibration_windows(training_streams(texts, folder), settings.tokens, settings.length, builder.seed("calibration"));
}

}  // namespace symphony

// Which calibration tokens an experiment means, and reading them.
#include "core/pipeline/calibration.hpp"

#include "core/base/error.hpp"
#include "core/pipeline/text_stage.hpp"

namespace symphony {

Value calibration_identity(const StageBuilder& builder) {
  const CalibrationSettings& settings = builder.experiment->calibration;
  Value identity = ValueMap{};
  identity.set("tokens", settings.tokens);
  identity.set("length", settings.length);
  identity.set("seed", std::to_string(builder.seed("calibration")));
  // Windows are drawn by the domain's name, which the text's own key leaves out.
  const auto domains = calibration_domains(builder);
  identity.set("domains", ValueList(domains.begin(), domains.end()));
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
  const auto names = calibration_domains(builder);
  SYMPHONY_ASSERT(names.size() == texts.size());
  std::vector<std::shared_ptr<const TokenStream>> streams;
  for (const auto& stream : training_streams(texts, folder)) {
    // A text that experiments share is kept under the name of whichever made it first.
    TokenStream named = *stream;
    named.domain = names[streams.size()];
    streams.push_back(std::make_shared<TokenStream>(std::move(named)));
  }
  return calibration_windows(streams, settings.tokens, settings.length, builder.seed("calibration"));
}

}  // namespace symphony

// Specs field by field; of checkpoints also the special tokens; and how much of a united vocabulary is a source's own.
#include "core/pipeline/source_compatibility.hpp"

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/model/checkpoint.hpp"

namespace symphony {

namespace {

/// Of a checkpoint; a model that is trained here has none.
std::optional<SpecialTokenIds> special_tokens(const Experiment& experiment, const std::string& name) {
  const SourceModel& source = experiment.source(name);
  if (!source.checkpoint) return {};
  return read_checkpoint_extras(*source.checkpoint).token_ids;
}

std::string ids_text(const std::vector<std::int64_t>& ids) {
  std::vector<std::string> words;
  for (const std::int64_t id : ids) words.push_back(std::to_string(id));
  return words.empty() ? "none" : join(words, ", ");
}

std::string id_text(const std::optional<std::int64_t>& id) { return id ? std::to_string(*id) : "none"; }

/// Of the union that the sources are seen through.
std::string own_tokens(const ModelHandle& source) {
  if (!source.held_rows_V.defined()) return fmt::format("{} tokens", source.spec.vocab_size);
  return fmt::format("{} of {} tokens", source.held_rows_V.sum().item<std::int64_t>(), source.held_rows_V.size(0));
}

void compare_special(const std::optional<SpecialTokenIds>& anchor, const std::optional<SpecialTokenIds>& other, std::vector<SpecDifference>& differences) {
  if (!anchor || !other) return;
  const auto compare = [&](const char* field, const std::string& left, const std::string& right) {
    if (left != right) differences.push_back({field, left, right, false});
  };
  compare("bos_token_id", id_text(anchor->bos), id_text(other->bos));
  compare("eos_token_id", ids_text(anchor->eos), ids_text(other->eos));
  compare("pad_token_id", id_text(anchor->pad), id_text(other->pad));
}

}  // namespace

std::vector<SourceDifference> source_differences(const Experiment& experiment, const std::vector<ModelHandle>& sources,
                                                 const std::optional<ModelHandle>& base) {
  std::vector<ModelHandle> all = sources;
  if (base) all.push_back(*base);
  const std::string& anchor_name = experiment.sources.anchor;
  const auto anchor_tokens = special_tokens(experiment, anchor_name);
  const ModelHandle* anchor = nullptr;
  for (const ModelHandle& source : sources)
    if (source.label == anchor_name) anchor = &source;
  SYMPHONY_ASSERT(anchor != nullptr);
  std::vector<SourceDifference> result;
  for (const ModelHandle& source : all) {
    if (source.label == anchor_name) continue;
    std::vector<SpecDifference> differences = compare_specs(anchor->spec, source.spec);
    compare_special(anchor_tokens, special_tokens(experiment, source.label), differences);
    if (source.held_rows_V.defined()) differences.push_back({"vocabulary", own_tokens(*anchor), own_tokens(source), false});
    for (SpecDifference& difference : differences) result.push_back({source.label, std::move(difference)});
  }
  return result;
}

std::vector<std::string> difference_lines(const std::vector<SourceDifference>& differences, bool fatal) {
  std::vector<std::string> lines;
  for (const auto& [source, what] : differences)
    if (what.fatal == fatal) lines.push_back(fmt::format("{}: {} is {}, the anchor's is {}", source, what.field, what.right, what.left));
  return lines;
}

void check_compatible(const std::vector<SourceDifference>& differences, const std::string& anchor) {
  const auto lines = difference_lines(differences, true);
  if (!lines.empty())
    fail<DataError>("sources", "{} differences from the anchor {} forbid merging: {}", lines.size(), quoted(anchor), join(lines, "; "));
}

}  // namespace symphony

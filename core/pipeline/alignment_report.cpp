// The invariance checks: two models in step, a layer at a time.
#include "core/pipeline/alignment_report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "core/base/error.hpp"
#include "core/base/random.hpp"
#include "core/base/text.hpp"
#include "core/log/layout.hpp"
#include "core/model/invariance.hpp"
#include "core/plugin/alignment_log.hpp"
#include "core/tensor/pieces.hpp"

namespace symphony {

namespace {

/// What folding and rotating may change beyond permutations and signs: every weight is rounded once more.
constexpr double kRoundingShare = kRotationTolerance / kPermutationTolerance;
constexpr double kRoundTripTolerance = 1e-4;
/// Of logits decoded one by one against those of a whole pass, whatever the alignment may change.
constexpr double kDecodingTolerance = 1e-5;

bool is_exact(const TransformSet& set) {
  return std::all_of(set.begin(), set.end(), [](const auto& entry) { return entry.second.is_exact(); });
}

bool has_inverse(const TransformSet& set) {
  return std::none_of(set.begin(), set.end(), [](const auto& entry) { return entry.second.is_mixing(); });
}

/// Every number rounded to bfloat16: the model as most checkpoints are stored.
class Bfloat16View final : public TensorSource {
 public:
  explicit Bfloat16View(std::shared_ptr<const TensorSource> source) : source_(std::move(source)) {}
  const std::vector<TensorInfo>& infos() const override { return source_->infos(); }
  torch::Tensor get(std::string_view name) const override { return by_rows(name).whole(); }
  TensorRows by_rows(std::string_view name) const override {
    const TensorRows given = source_->by_rows(name);
    return {given.shape(), given.dtype(), [given](const torch::Tensor& index) { return given.gather(index).to(torch::kBFloat16).to(given.dtype()); }};
  }
  std::string label() const override { return source_->label() + ", in bfloat16"; }

 private:
  std::shared_ptr<const TensorSource> source_;
};

bool is_bfloat16(const Model& model) {
  const auto& infos = model.tensors->infos();
  return std::all_of(infos.begin(), infos.end(), [](const TensorInfo& info) { return info.dtype == torch::kBFloat16; });
}

Model in_bfloat16(const Model& model) { return {model.spec, std::make_shared<Bfloat16View>(model.tensors), model.name}; }

torch::Tensor random_windows(const torch::Tensor& like_NT, std::int64_t vocab_size, std::uint64_t seed) {
  Random random(seed, "invariance.tokens");
  torch::Tensor tokens = torch::empty_like(like_NT);
  for (std::int64_t token = 0; token < tokens.numel(); ++token)
    tokens.data_ptr<std::int64_t>()[token] = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(vocab_size)));
  return tokens;
}

/// max over tensors of max|a - b| / max|a|, by blocks of rows: the temporaries of a vocabulary would be the largest thing in the process.
double largest_difference(const Model& a, const Model& b) {
  constexpr std::int64_t kRows = 4096;
  double largest = 0;
  for (const TensorInfo& info : a.tensors->infos()) {
    double scale = 0, difference = 0;
    for_rows({a.tensors->by_rows(info.name), b.tensors->by_rows(info.name)}, [&](std::int64_t, const std::vector<torch::Tensor>& parts) {
      const auto left_blocks = parts[0].split(kRows), right_blocks = parts[1].split(kRows);
      for (std::size_t block = 0; block < left_blocks.size(); ++block) {
        scale = larger_or_nan(left_blocks[block].abs().max().item<double>(), scale);
        difference = larger_or_nan((left_blocks[block] - right_blocks[block]).abs().max().item<double>(), difference);
      }
    });
    if (difference != 0) largest = larger_or_nan(difference / scale, largest);
  }
  return largest;
}

struct Checks {
  std::vector<float> logit, random_logit, loss, stored, stored_unaligned, round_trip, decoding, residual;
};

constexpr double kMeasureOnly = std::numeric_limits<double>::infinity();

/// What storing the source in bfloat16 does to its logits.
double rounding_change(const Model& source, const torch::Tensor& tokens_NT) {
  return is_bfloat16(source) ? 0.0 : check_invariance(source, in_bfloat16(source), tokens_NT, kMeasureOnly).logit_change;
}

void check_decoding(const Model& model, const torch::Tensor& tokens_NT, Checks& checks) {
  const double decoded = decoding_change(model, tokens_NT);
  if (!(decoded <= kDecodingTolerance))
    fail<NumericError>("invariance", "source '{}': decoding it after alignment against a KV cache changes the logits by {:.3g} of the largest, expected "
                       "at most {:.0e}", model.name, decoded, kDecodingTolerance);
  checks.decoding.push_back(static_cast<float>(decoded));
}

void check_finite(const Model& source) {
  for (const TensorInfo& info : source.tensors->infos())
    if (!all_finite(source.tensors->by_rows(info.name)))
      fail<NumericError>("invariance", "source '{}': tensor '{}' holds a NaN or an infinity, expected finite numbers", source.name, info.name);
}

/// The largest change of a weight by the set and its inverse; of a set that has none NaN, and only the source's numbers are looked at.
double check_way_back(const Model& source, const Model& moved, const TransformSet& set, bool exact, bool approximate) {
  if (!has_inverse(set)) {
    check_finite(source);
    return std::numeric_limits<double>::quiet_NaN();
  }
  const double way_back = largest_difference(source, apply_transforms(moved, inverse(source.spec, set)));
  if (!approximate && !(way_back <= (exact ? 0 : kRoundTripTolerance)))
    fail<NumericError>("invariance", "source '{}': its transforms and their inverse change a weight by {:.3g} of its tensor's largest, expected at "
                       "most {:.0e}", source.name, way_back, exact ? 0.0 : kRoundTripTolerance);
  return way_back;
}

/// A source that stays as it is has nothing to be compared with but itself: only its numbers are looked at.
void check_unmoved(const Model& source, const torch::Tensor& tokens_NT, Checks& checks) {
  check_finite(source);
  for (std::vector<float>* values : {&checks.logit, &checks.loss, &checks.random_logit, &checks.round_trip}) values->push_back(0.0f);
  checks.residual.insert(checks.residual.end(), static_cast<std::size_t>(source.spec.num_layers), 0.0f);
  const auto rounded = static_cast<float>(rounding_change(source, tokens_NT));
  checks.stored.push_back(rounded);
  checks.stored_unaligned.push_back(rounded);
  checks.decoding.push_back(std::numeric_limits<float>::quiet_NaN());
}

void check_moved(const Model& source, const TransformSet& set, const torch::Tensor& tokens_NT, const torch::Tensor& random_NT,
                 const InvarianceSettings& settings, Checks& checks) {
  const bool exact = is_exact(set);
  const double accepted = settings.approximate ? kMeasureOnly : settings.tolerance * (exact ? 1 : kRoundingShare);
  const Model moved = apply_transforms(source, set);
  const InvarianceReport report = check_invariance(source, moved, tokens_NT, accepted, set);
  checks.logit.push_back(static_cast<float>(report.logit_change));
  checks.loss.push_back(static_cast<float>(report.loss_change_nats));
  for (const double change : report.residual_change) checks.residual.push_back(static_cast<float>(change));
  checks.random_logit.push_back(static_cast<float>(check_invariance(source, moved, random_NT, accepted, set).logit_change));
  const double stored = is_bfloat16(moved) ? report.logit_change : check_invariance(source, in_bfloat16(moved), tokens_NT, kMeasureOnly, set).logit_change;
  checks.stored.push_back(static_cast<float>(stored));
  checks.stored_unaligned.push_back(static_cast<float>(rounding_change(source, tokens_NT)));
  checks.round_trip.push_back(static_cast<float>(check_way_back(source, moved, set, exact, settings.approximate)));
  check_decoding(moved, tokens_NT, checks);
}

/// What an approximate alignment cost every source, in words.
void note_function_change(const AlignedSources& aligned, const Checks& checks, Recorder& recorder) {
  std::vector<std::string> lines;
  for (std::size_t index = 0; index < aligned.sources.size(); ++index)
    if (!is_identity(aligned.sets[index]))
      lines.push_back(fmt::format("{}: logits by {:.3g} of the largest, loss by {:.3g} nats a token", aligned.sources[index].name, checks.logit[index], checks.loss[index]));
  recorder.note(layout::kApproximate, lines.empty() ? "no source changed" : join(lines, "; "));
}

}  // namespace

bool is_identity(const TransformSet& set) {
  return std::all_of(set.begin(), set.end(), [](const auto& entry) { return entry.second.is_identity(); });
}

void check_and_record_invariance(const AlignedSources& aligned, const torch::Tensor& tokens_NT, const InvarianceSettings& settings, std::uint64_t seed,
                                 Recorder& recorder) {
  const ModelSpec& spec = aligned.sources.front().spec;
  const torch::Tensor random_NT = random_windows(tokens_NT, spec.vocab_size, seed);
  Checks checks;
  for (std::size_t index = 0; index < aligned.sources.size(); ++index) {
    const Model& source = aligned.sources[index];
    if (is_identity(aligned.sets[index])) check_unmoved(source, tokens_NT, checks);
    else check_moved(source, aligned.sets[index], tokens_NT, random_NT, settings, checks);
  }
  const RecordAxis sources = source_axis(aligned.sources);
  const auto put = [&](const char* name, const char* unit, const char* doc, const std::vector<float>& values) {
    recorder.array({name, unit, doc}, std::array{sources}, values);
  };
  put("invariance/logit_change", "1", "max |change of logits| / max |logit| of each source after alignment (I1)", checks.logit);
  put("invariance/logit_change_random", "1", "the same on random tokens (I1)", checks.random_logit);
  put("invariance/loss_change", "nat", "|change of the mean next-token loss| (I3)", checks.loss);
  put("invariance/bfloat16", "1", "logits of the aligned source stored in bfloat16 against the source in its own type (I5)", checks.stored);
  put("invariance/bfloat16_unaligned", "1", "the same of the source without alignment: what rounding alone does", checks.stored_unaligned);
  put("invariance/round_trip", "1", "largest change of a weight, of its tensor's largest, by the transforms and their inverse (I6); NaN where they have none", checks.round_trip);
  put("invariance/decoding", "1", "logits of the aligned source decoded against a KV cache beside those of a whole pass (I8); NaN where it stayed as it was", checks.decoding);
  const RecordAxis layers{"layer", static_cast<std::size_t>(spec.num_layers), {}, {}};
  recorder.array({"invariance/residual_change", "1", "relative Frobenius change of the residual stream after transport back (I2)"},
                 std::array{sources, layers}, checks.residual);
  if (settings.approximate) note_function_change(aligned, checks, recorder);
}

}  // namespace symphony

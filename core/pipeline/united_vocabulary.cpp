// The view gathers rows on reading; the union itself is worked out once, before anything runs.
#include "core/pipeline/united_vocabulary.hpp"

#include <algorithm>

#include "core/base/error.hpp"

namespace symphony {

namespace {

constexpr int kRevision = 1;  ///< raised when the same vocabularies are united otherwise

class RevocabularySource final : public TensorSource {
 public:
  RevocabularySource(const Model& model, std::shared_ptr<const TokenMap> map) : below_(model.tensors), infos_(below_->infos()), map_(std::move(map)) {
    for (const SpecTensor& tensor : spec_tensors(model.spec))
      if (tensor.kind == TensorKind::embedding || tensor.kind == TensorKind::lm_head) names_.push_back(tensor.name);
    for (TensorInfo& info : infos_)
      if (has_rows_of_tokens(info.name)) info.shape.front() = static_cast<std::int64_t>(map_->own.size());
  }

  const std::vector<TensorInfo>& infos() const override { return infos_; }
  std::string label() const override { return below_->label(); }

  torch::Tensor get(std::string_view name) const override { return has_rows_of_tokens(name) ? by_rows(name).whole() : below_->get(name); }

  TensorRows by_rows(std::string_view name) const override {
    TensorRows given = below_->by_rows(name);
    if (!has_rows_of_tokens(name)) return given;
    std::vector<std::int64_t> shape = given.shape();
    shape.front() = static_cast<std::int64_t>(map_->own.size());
    return {std::move(shape), given.dtype(), [given, map = map_](const torch::Tensor& tokens) { return rows_of(*map, given, tokens); }};
  }

 private:
  /// The own row, the mean of the pieces, or zeros.
  static torch::Tensor rows_of(const TokenMap& map, const TensorRows& given, const torch::Tensor& tokens) {
    const auto first_of = [&map](std::size_t token) { return map.own[token] >= 0 ? map.own[token] : map.pieces[token].empty() ? 0 : map.pieces[token].front(); };
    const std::int64_t* const ids = tokens.data_ptr<std::int64_t>();
    std::vector<std::int64_t> first(static_cast<std::size_t>(tokens.numel()));
    std::transform(ids, ids + tokens.numel(), first.begin(), [&](std::int64_t token) { return first_of(static_cast<std::size_t>(token)); });
    torch::Tensor rows = given.gather(torch::tensor(first, torch::kInt64));
    for (std::int64_t place = 0; place < tokens.numel(); ++place) {
      const auto token = static_cast<std::size_t>(ids[place]);
      const std::vector<std::int64_t>& pieces = map.pieces[token];
      if (map.own[token] < 0 && pieces.empty()) rows[place].zero_();
      if (pieces.size() >= 2) rows[place].copy_(given.gather(torch::tensor(pieces, torch::kInt64)).to(torch::kFloat64).mean(0).to(given.dtype()));
    }
    return rows;
  }

  bool has_rows_of_tokens(std::string_view name) const { return std::find(names_.begin(), names_.end(), name) != names_.end(); }

  std::shared_ptr<const TensorSource> below_;
  std::vector<TensorInfo> infos_;
  std::vector<std::string> names_;
  std::shared_ptr<const TokenMap> map_;
};

Model seen_through(const Model& model, std::shared_ptr<const TokenMap> map) {
  Model result = model;
  result.spec.vocab_size = static_cast<std::int64_t>(map->own.size());
  result.tensors = std::make_shared<const RevocabularySource>(model, std::move(map));
  return result;
}

/// Ids of special tokens in the union, which leaves out ids that are no token.
SpecialTokenIds mapped(const SpecialTokenIds& ids, const TokenMap& map) {
  const auto place = [&map](std::int64_t id) -> std::optional<std::int64_t> {
    const auto found = std::find(map.own.begin(), map.own.end(), id);
    return found == map.own.end() ? std::nullopt : std::optional(found - map.own.begin());
  };
  SpecialTokenIds result;
  if (ids.bos) result.bos = place(*ids.bos);
  if (ids.pad) result.pad = place(*ids.pad);
  for (const std::int64_t end : ids.eos)
    if (const auto found = place(end)) result.eos.push_back(*found);
  return result;
}

ModelHandle through(ModelHandle handle, std::shared_ptr<const Tokenizer> tokenizer, std::shared_ptr<const TokenMap> map) {
  handle.spec.vocab_size = static_cast<std::int64_t>(map->own.size());
  handle.held_rows_V = held_rows(*map);
  handle.token_ids = mapped(handle.token_ids, *map);
  handle.tokenizer = std::move(tokenizer);
  handle.load = [load = handle.load, map = std::move(map)](const StageFolder& folder) { return seen_through(load(folder), map); };
  return handle;
}

bool reads_alike(const ModelHandle& a, const ModelHandle& b) {
  return a.spec.vocab_size == b.spec.vocab_size && (a.tokenizer == b.tokenizer || reads_alike(a.tokenizer->spec(), b.tokenizer->spec()));
}

}  // namespace

Model with_vocabulary(const Model& model, TokenMap map) { return seen_through(model, std::make_shared<const TokenMap>(std::move(map))); }

Value vocabulary_identity(const std::vector<ModelHandle>& sources) {
  return sources.front().held_rows_V.defined() ? Value(fmt::format("united, revision {}", kRevision)) : Value();
}

torch::Tensor held_rows(const TokenMap& map) {
  const torch::Tensor held_V = torch::empty({static_cast<std::int64_t>(map.own.size())}, torch::kBool);
  std::transform(map.own.begin(), map.own.end(), held_V.data_ptr<bool>(), [](std::int64_t id) { return id >= 0; });
  return held_V;
}

MergedHandles unite_sources(const std::vector<ModelHandle>& sources, std::size_t anchor, const std::optional<ModelHandle>& base,
                            VocabularyCatalogue& vocabularies) {
  const bool alike = std::all_of(sources.begin(), sources.end(), [&](const ModelHandle& source) { return reads_alike(source, sources[anchor]); });
  if (alike && (!base || reads_alike(*base, sources[anchor]))) return {sources, base};
  std::vector<NamedTokenizer> tokenizers;
  for (const ModelHandle& source : sources) tokenizers.push_back({source.label, source.tokenizer});
  const auto united = vocabularies.unite(tokenizers, anchor);
  MergedHandles result;
  for (const ModelHandle& source : sources) result.sources.push_back(through(source, united->tokenizer, vocabularies.map(source.tokenizer, united)));
  if (base) {
    // For its refusals alone: the base brings no token of its own.
    vocabularies.unite({{base->label, base->tokenizer}, {sources[anchor].label, sources[anchor].tokenizer}}, 1);
    result.base = through(*base, united->tokenizer, vocabularies.map(base->tokenizer, united));
  }
  return result;
}

}  // namespace symphony

// Sources with differing vocabularies through one: rows by token string, masked means, and nothing that depends on ids. V union, D width.
#include "core/pipeline/united_vocabulary.hpp"

#include "core/base/error.hpp"
#include "core/pipeline/assemble.hpp"
#include "core/tensor/overlay_source.hpp"
#include "tests/plugins/plugin_fixture.hpp"
#include "tests/support/tiny_model.hpp"
#include "tests/support/tiny_tokenizer.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

constexpr const char* kEmbedding = "model.embed_tokens.weight";
constexpr const char* kHead = "lm_head.weight";

ModelHandle handle_of(const std::string& name, const Model& model, std::shared_ptr<const Tokenizer> tokenizer) {
  ModelHandle handle;
  handle.label = name;
  handle.spec = model.spec;
  handle.tokenizer = std::move(tokenizer);
  handle.load = [model, name](const StageFolder&) { return Model{model.spec, model.tensors, name}; };
  return handle;
}

MergedHandles united_handles(const std::vector<ModelHandle>& sources, std::size_t anchor) {
  VocabularyCatalogue vocabularies;
  return unite_sources(sources, anchor, std::nullopt, vocabularies);
}

Model random_for(const Tokenizer& tokenizer, std::uint64_t seed) { return random_model(tiny_spec({.vocab = tokenizer.vocab_size()}), seed); }

/// The model whose rows lie where with_ids_permuted puts their tokens.
Model with_rows_permuted(const Model& model, const std::vector<std::int64_t>& moved) {
  TensorMap over;
  for (const char* name : {kEmbedding, kHead}) {
    const torch::Tensor rows = model.tensors->get(name);
    over.emplace(name, torch::empty_like(rows).index_copy_(0, torch::tensor(moved, torch::kInt64), rows));
  }
  return {model.spec, std::make_shared<OverlaySource>(model.tensors, std::move(over)), model.name};
}

Model merged(const std::vector<ModelHandle>& given, std::size_t anchor, const std::string& fusion = "average") {
  const MergedHandles handles = united_handles(given, anchor);
  AssembleProblem problem;
  std::vector<std::string> names;
  for (const ModelHandle& handle : handles.sources) {
    problem.sources.push_back(handle.load({}));
    problem.row_masks.push_back(handle.held_rows_V);
    names.push_back(handle.label);
  }
  problem.anchor = anchor;
  problem.plan = make_plugin<Experts>("separate")->plan({problem.sources.front().spec, names, anchor}, Context{});
  const std::shared_ptr<const Fusion> method = make_plugin<Fusion>(fusion);
  problem.fusion = {{TensorKind::embedding, method}, {TensorKind::attention, method}, {TensorKind::norm, method}, {TensorKind::lm_head, method}};
  problem.router = plugin_registry().canonical("router", {"top_k", ValueMap{}});
  return assemble(std::move(problem), "merged");
}

const auto kFirst = tiny_tokenizer({"ab", "abc", "th"}, {"<|bos|>"});
const auto kSecond = tiny_tokenizer({"bc", "the", "ab"}, {"<|bos|>", "<|x|>"});

}  // namespace

TEST_CASE("united vocabulary: every merged row is the mean over the sources that have the token", "[core][pipeline]") {
  const Model first = random_for(*kFirst, 1), second = random_for(*kSecond, 2);
  const std::vector<ModelHandle> handles{handle_of("first", first, kFirst), handle_of("second", second, kSecond)};
  const VocabularyUnion united = unite_vocabularies({{"first", kFirst}, {"second", kSecond}}, 0);
  const TokenMap first_map = map_tokens(*kFirst, united.tokens), second_map = map_tokens(*kSecond, united.tokens);
  const Model result = merged(handles, 0);
  CHECK(result.spec.vocab_size == static_cast<std::int64_t>(united.tokens.size()));
  for (const char* name : {kEmbedding, kHead}) {
    const torch::Tensor rows_VD = result.tensors->get(name);
    REQUIRE(rows_VD.size(0) == result.spec.vocab_size);
    for (std::size_t token = 0; token < united.tokens.size(); ++token) {
      CAPTURE(name, united.tokens[token]);
      std::vector<torch::Tensor> held;
      if (first_map.own[token] >= 0) held.push_back(first.tensors->get(name)[first_map.own[token]]);
      if (second_map.own[token] >= 0) held.push_back(second.tensors->get(name)[second_map.own[token]]);
      CHECK(torch::allclose(rows_VD[static_cast<std::int64_t>(token)], torch::stack(held).mean(0), 1e-6, 1e-7));
    }
  }
}

TEST_CASE("united vocabulary: permuting the ids of a source changes no merged row", "[core][pipeline]") {
  const auto seed = GENERATE(1u, 2u, 3u);
  const auto fusion = GENERATE(as<std::string>(), "average", "slerp");
  CAPTURE(seed, fusion);
  const Model first = random_for(*kFirst, 1), second = random_for(*kSecond, 2);
  const ModelHandle anchor = handle_of("first", first, kFirst);
  const Model plain = merged({anchor, handle_of("second", second, kSecond)}, 0, fusion);
  const Model moved = merged({anchor, handle_of("second", with_rows_permuted(second, permuted_ids(*kSecond, seed)), with_ids_permuted(*kSecond, seed))}, 0, fusion);
  for (const char* name : {kEmbedding, kHead}) CHECK(torch::equal(plain.tensors->get(name), moved.tensors->get(name)));

  // The anchor's ids set the order of the rows, and nothing else.
  const ModelHandle moved_anchor = handle_of("first", with_rows_permuted(first, permuted_ids(*kFirst, seed)), with_ids_permuted(*kFirst, seed));
  const Model reordered = merged({moved_anchor, handle_of("second", second, kSecond)}, 0, fusion);
  std::vector<std::int64_t> place = permuted_ids(*kFirst, seed);
  for (std::int64_t token = kFirst->vocab_size(); token < plain.spec.vocab_size; ++token) place.push_back(token);
  for (const char* name : {kEmbedding, kHead})
    CHECK(torch::equal(plain.tensors->get(name), reordered.tensors->get(name).index_select(0, torch::tensor(place, torch::kInt64))));
}

TEST_CASE("united vocabulary: a source reads a token that it lacks as the mean of its pieces", "[core][pipeline]") {
  const Model second = random_for(*kSecond, 2);
  const VocabularyUnion united = unite_vocabularies({{"first", kFirst}, {"second", kSecond}}, 0);
  const Model seen = with_vocabulary(second, map_tokens(*kSecond, united.tokens));
  const auto row_of = [&](const std::string& spelled) {
    const auto at = std::find(united.tokens.begin(), united.tokens.end(), spelled) - united.tokens.begin();
    return seen.tensors->get(kEmbedding)[at];
  };
  const torch::Tensor own_VD = second.tensors->get(kEmbedding);
  const auto own = [&](const std::string& text) { return own_VD[kSecond->encode(text).front()]; };
  CHECK(torch::equal(row_of("the"), own("the")));
  CHECK(torch::allclose(row_of("abc"), (own("a") + own("bc")) / 2, 1e-6, 1e-7));  // "bc" is its first merge
  CHECK(torch::equal(seen.tensors->get("model.norm.weight"), second.tensors->get("model.norm.weight")));
  const torch::Tensor some = torch::tensor(std::vector<std::int64_t>{7, 3, seen.spec.vocab_size - 1, 3}, torch::kInt64);
  CHECK(torch::equal(seen.tensors->by_rows(kEmbedding).gather(some), seen.tensors->get(kEmbedding).index_select(0, some)));
}

TEST_CASE("united vocabulary: a token none of whose bytes a source has is a row of zeros to it", "[core][pipeline]") {
  TokenizerSpec spec = kFirst->spec();
  std::erase_if(spec.vocab, [](const auto& entry) { return entry.first == "~"; });
  const auto lacking = make_tokenizer(spec, "lacking");
  const Model model = random_for(*lacking, 1);
  const auto map = map_tokens(*lacking, {"~", "a", "~a"});
  CHECK(map.pieces[0].empty());
  const torch::Tensor rows = with_vocabulary(model, map).tensors->get(kEmbedding), own_a = model.tensors->get(kEmbedding)[lacking->encode("a").front()];
  CHECK(rows[0].abs().max().item<float>() == 0.0f);
  CHECK(torch::equal(rows[1], own_a));
  CHECK(torch::equal(rows[2], own_a));
}

TEST_CASE("united vocabulary: special tokens keep their meaning where the union leaves out ids", "[core][pipeline]") {
  TokenizerSpec spec = kFirst->spec();
  const std::int64_t old_id = spec.added.back().id, new_id = old_id + 5;
  for (auto& [spelled, id] : spec.vocab)
    if (id == old_id) id = new_id;
  spec.added.back().id = new_id;
  const auto with_gap = make_tokenizer(std::move(spec), "test");
  ModelHandle anchor = handle_of("first", random_for(*with_gap, 1), with_gap), other = handle_of("second", random_for(*kSecond, 2), kSecond);
  anchor.token_ids = {new_id, old_id, {new_id}};  // `pad` names an id that is no token
  const MergedHandles united = united_handles({anchor, other}, 0);
  const SpecialTokenIds& ids = united.sources[0].token_ids;
  REQUIRE(ids.bos);
  CHECK(*ids.bos == united.sources[0].tokenizer->encode("<|bos|>", SpecialText::token).front());
  CHECK(*ids.bos != new_id);
  CHECK(ids.eos == std::vector<std::int64_t>{*ids.bos});
  CHECK_FALSE(ids.pad);
}

TEST_CASE("united vocabulary: sources that read alike stay as they are", "[core][pipeline]") {
  const Model first = random_for(*kFirst, 1), other = random_for(*kFirst, 2);
  const MergedHandles same = united_handles({handle_of("first", first, kFirst), handle_of("other", other, with_ids_permuted(*kFirst, 0))}, 0);
  CHECK(same.sources[1].held_rows_V.defined());  // the same tokens under other ids
  CHECK(same.sources[1].held_rows_V.all().item<bool>());
  const MergedHandles alike = united_handles({handle_of("first", first, kFirst), handle_of("other", other, kFirst)}, 0);
  CHECK_FALSE(alike.sources[1].held_rows_V.defined());
  CHECK(vocabulary_identity(alike.sources).is_null());
}

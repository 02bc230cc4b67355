// Category `eval`: a suite that measures a model on held-out text. Results must not depend on batch size; every row carries the standard error of its value
// over windows or items, NaN where it has none (a largest value, a count of experts, a similarity of experts).
// Core asks every suite about every model and source, suites that need experts or sources about merged models alone, and suites about the
// sources themselves once a run, before any training.
#pragma once

#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/data/tokenizer.hpp"
#include "core/model/language_model.hpp"
#include "core/model/predictor.hpp"
#include "core/plugin/context.hpp"
#include "core/score/windows.hpp"

namespace symphony {

/// One number of a result table.
struct EvalRow {
  std::string task;      ///< "code", "in_domain", "layer 2"
  std::string metric;    ///< "bits_per_byte"
  double value = 0.0;
  double std_error = std::nan("");  ///< NaN when it has none
  std::int64_t n = 0;    ///< units that the standard error rests on; where it is NaN, what was measured
  std::string unit;      ///< "bits", "1"
  enum class Better { lower, higher, neither } better = Better::neither;
  std::string filter = "none";      ///< how an answer was taken out of generated text
  std::int64_t shots = 0;           ///< worked examples before each question
};

/// Held-out text of one domain, cut into windows.
struct EvalDomain {
  std::string name;
  bool out_of_distribution = false;
  WindowSet windows;
  torch::Tensor stream = {};        ///< all of it, int64 [S], BOS first: for suites that cut their own windows or items
};

/// A source of the merge. Its tensors are read when they are asked for.
struct EvalSource {
  std::string name;
  std::string domain;               ///< which it was trained on, "" if none
  Model original;
  Model aligned;                    ///< the same function in the anchor's basis
};

struct Subject {
  const Predictor& predictor;
  const LanguageModel* model = nullptr;          ///< none for ensembles and other wrappers
  std::vector<std::string> expert_sources = {};  ///< of an MoE: the source name behind each expert, "" if none
  std::vector<std::string> expert_domains = {};  ///< and the domain which that source was trained on, "" if none
  std::vector<EvalSource> sources = {};          ///< where the suite asked for them
  std::size_t anchor = 0;                        ///< of `sources`
  std::shared_ptr<const Tokenizer> tokenizer = nullptr;  ///< of the experiment's text; never null when core asks
  std::vector<std::int64_t> end_tokens = {};     ///< with which the model ends a text, beside its tokenizer's own
  std::map<std::string, std::string> files = {}; ///< what inputs() named, by path
};

class Eval {
 public:
  virtual ~Eval();
  /// Raised whenever the same model and text would give other numbers; part of every row's identity.
  virtual int version() const = 0;
  /// True for suites about experts and routing: core then asks them about Mixtures-of-Experts alone.
  virtual bool needs_experts() const;
  /// True for suites that compare a merged model with its sources: core then fills Subject::sources.
  virtual bool needs_sources() const;
  /// True for suites about the sources and their alignment, whatever is made of them: asked once, with the anchor as the model.
  virtual bool about_sources() const;
  /// What tells two uses of the suite in one experiment apart: the task that it asks about, "" for suites that ask about everything. Its
  /// records lie in a group of that name.
  virtual std::string label() const;
  /// Paths of the files that the suite reads. Core opens them, and their contents are part of the key.
  virtual std::vector<std::string> inputs() const;
  /// Whether the suite can measure this subject; what it cannot measure gives no rows. By default whatever needs_experts() allows.
  virtual bool applies_to(const Subject& subject) const;
  virtual std::vector<EvalRow> evaluate(const Subject& subject, const std::vector<EvalDomain>& domains, const Context& context) const = 0;
};

}  // namespace symphony

// Category `eval`: a suite that measures a model on held-out text. Results must not depend on batch size; every row carries its uncertainty.
#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <vector>

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
  std::int64_t n = 0;    ///< how many units the standard error rests on
  std::string unit;      ///< "bits", "1"
  enum class Better { lower, higher, neither } better = Better::neither;
};

/// Held-out text of one domain, cut into windows.
struct EvalDomain {
  std::string name;
  bool out_of_distribution = false;
  WindowSet windows;
};

struct Subject {
  const Predictor& predictor;
  const LanguageModel* model = nullptr;          ///< none for ensembles and other wrappers
  std::vector<std::string> expert_sources;       ///< of an MoE: the source name behind each expert, "" if none
  std::vector<std::string> expert_domains;       ///< and the domain which that source was trained on, "" if none
};

class Eval {
 public:
  virtual ~Eval();
  /// Raised whenever the same model and text would give other numbers; part of every row's identity.
  virtual int version() const = 0;
  /// True for suites about experts and routing: core then asks them about Mixtures-of-Experts alone.
  virtual bool needs_experts() const;
  /// Whether the suite can measure this subject; what it cannot measure gives no rows. By default whatever needs_experts() allows.
  virtual bool applies_to(const Subject& subject) const;
  virtual std::vector<EvalRow> evaluate(const Subject& subject, const std::vector<EvalDomain>& domains, const Context& context) const = 0;
};

}  // namespace symphony

// Category `edit`: a change of the assembled model before training, as a view: repair, expert scales, later compression. An experiment lists
// edits in the order in which they apply; each sees the model as the ones before it left it.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include <torch/types.h>

#include "core/model/model_spec.hpp"
#include "core/model/router.hpp"
#include "core/plugin/context.hpp"

namespace symphony {

struct EditProblem {
  const Model& model;                  ///< assembled, router initialised
  const std::vector<Model>& sources;   ///< aligned
  std::size_t anchor = 0;
  std::vector<std::size_t> expert_sources;   ///< of an MoE, whose FFN each expert is
  std::shared_ptr<const Router> router;      ///< of an MoE
  torch::Tensor tokens_NT;                   ///< calibration windows, int64; defined for fit() of an edit that needs_tokens()
  TensorMap fitted;                          ///< for edit(): what fit() returned
};

class Edit {
 public:
  virtual ~Edit();
  virtual bool needs_tokens() const;
  /// What the edit learns from the model and calibration tokens; called once, stored with the assembly, and handed to every edit().
  virtual TensorMap fit(const EditProblem& problem, const Context& context) const;
  /// A model that reads through `problem.model`; it may change the spec.
  virtual Model edit(const EditProblem& problem, const Context& context) const = 0;
};

}  // namespace symphony

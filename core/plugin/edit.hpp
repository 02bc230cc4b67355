// Category `edit`: a change of the assembled model before training, as a view: repair, expert scales, later compression. An experiment lists
// edits in the order in which they apply.
#pragma once

#include <vector>

#include "core/model/model_spec.hpp"
#include "core/plugin/context.hpp"

namespace symphony {

struct EditProblem {
  const Model& model;                  ///< assembled, router initialised
  const std::vector<Model>& sources;   ///< aligned
  std::size_t anchor = 0;
};

class Edit {
 public:
  virtual ~Edit();
  /// A model that reads through `problem.model`; it may change the spec.
  virtual Model edit(const EditProblem& problem, const Context& context) const = 0;
};

}  // namespace symphony

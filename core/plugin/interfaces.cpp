// Destructors and default behaviour of the category interfaces. They are out of line so that each interface's vtable and type information
// live once, in the core library, whichever plugins are open.
#include "core/plugin/alignment.hpp"
#include "core/plugin/edit.hpp"
#include "core/plugin/eval.hpp"
#include "core/plugin/experts.hpp"
#include "core/plugin/fusion.hpp"
#include "core/plugin/router_init.hpp"

namespace symphony {

AlignmentStatistics::~AlignmentStatistics() = default;

Alignment::~Alignment() = default;
bool Alignment::approximate() const { return false; }
bool Alignment::unties() const { return false; }

std::vector<TransformSet> PairwiseAlignment::align(const AlignmentProblem& problem, const Context& context) const {
  const std::size_t num_sources = problem.sources.size();
  SYMPHONY_ASSERT(problem.anchor < num_sources);
  std::vector<TransformSet> result(num_sources);
  const double num_pairs = static_cast<double>(num_sources - 1);
  std::size_t num_done = 0;
  for (std::size_t source_idx = 0; source_idx < num_sources; ++source_idx) {
    if (source_idx == problem.anchor) continue;  // the empty set: identity
    Context inner = context;
    inner.progress = [&](double share) { context.progress((static_cast<double>(num_done) + share) / num_pairs); };
    result[source_idx] = align_pair(problem, source_idx, inner);
    ++num_done;
    context.progress(static_cast<double>(num_done) / num_pairs);
  }
  return result;
}

Fusion::~Fusion() = default;
FusionNeeds Fusion::needs() const { return {}; }
void Fusion::check(std::size_t, const std::vector<std::string>&) const {}

Experts::~Experts() = default;

RouterInit::~RouterInit() = default;
bool RouterInit::needs_statistics() const { return false; }

Edit::~Edit() = default;
bool Edit::needs_tokens() const { return false; }
TensorMap Edit::fit(const EditProblem&, const Context&) const { return {}; }

Eval::~Eval() = default;
bool Eval::needs_experts() const { return false; }
bool Eval::needs_sources() const { return false; }
bool Eval::about_sources() const { return false; }
std::string Eval::label() const { return {}; }
std::vector<std::string> Eval::inputs() const { return {}; }
bool Eval::applies_to(const Subject& subject) const { return !needs_experts() || (subject.model && subject.model->spec().moe); }

}  // namespace symphony

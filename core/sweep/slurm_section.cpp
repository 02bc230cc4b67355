// Reading `slurm`.
#include "core/sweep/slurm_section.hpp"

#include "core/base/text.hpp"
#include "core/config/document.hpp"
#include "core/config/overrides.hpp"
#include "core/sweep/sweep_section.hpp"

namespace symphony {

SlurmSettings take_slurm_section(Node& document, Mistakes& mistakes) {
  const auto given = take(document, "slurm");
  if (!given) return {};
  Node section = Node::empty(Node::Kind::map, given->value.mark);
  section.entries.push_back(*given);
  Node& values = section.entries.front().value;
  for (Node::Entry& entry : values.entries) {
    const bool may_be_number = entry.key == "time" || entry.key == "memory";
    if (may_be_number && entry.value.scalar.is_int()) entry.value.scalar = std::to_string(entry.value.scalar.as_int());
  }
  SlurmSettings settings;
  SchemaIssues issues = Schema::of<SlurmSettings>()->assign(&settings, values.value());
  if (issues.empty()) issues = check_slurm(settings);
  for (SchemaIssue& issue : issues) {
    issue.path.insert(issue.path.begin(), "slurm");
    mistakes.add(section, issue);
  }
  return settings;
}

std::vector<std::string> apply_slurm_overrides(Node& document, const std::vector<std::string>& overrides) {
  std::vector<std::string> others;
  for (const std::string& text : overrides) {
    const std::size_t start = text.starts_with('+') ? 1 : 0;
    const std::size_t equals = text.find('=');
    if (!text.substr(start).starts_with("slurm.") || equals == std::string::npos) {
      others.push_back(text);
      continue;
    }
    const std::string who = fmt::format("override {}", quoted(text));
    Node value = parse_inline(text.substr(equals + 1), Mark{std::make_shared<const std::string>(who)});
    set_path(document, text.substr(start, equals - start), std::move(value), Presence::any, who);
  }
  return others;
}

}  // namespace symphony

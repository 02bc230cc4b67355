// The settings and the forms of their values, which are those of sbatch(1).
#include "core/sweep/slurm_settings.hpp"

#include <algorithm>
#include <charconv>

#include "core/base/text.hpp"

namespace symphony {

namespace {

constexpr std::string_view kDigits = "0123456789";

/// Whole numbers of at most eight digits between colons.
std::optional<std::vector<std::int64_t>> clock_parts(std::string_view text) {
  std::vector<std::int64_t> parts;
  for (const std::string& part : split(text, ':')) {
    const bool is_number = !part.empty() && part.size() <= 8 && part.find_first_not_of(kDigits) == std::string::npos;
    if (!is_number) return std::nullopt;
    std::int64_t number = 0;
    std::from_chars(part.data(), part.data() + part.size(), number);
    parts.push_back(number);
  }
  return parts;
}

bool is_memory(std::string_view text) {
  if (!text.empty() && std::string_view("KMGT").find(text.back()) != std::string_view::npos) text.remove_suffix(1);
  return !text.empty() && text.find_first_not_of(kDigits) == std::string_view::npos;
}

/// What would end a #SBATCH line.
bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char byte) { return byte < ' ' || byte == 0x7f; });
}

}  // namespace

void SlurmSettings::describe(Schema& s) {
  s.field<&SlurmSettings::partition>("partition", "where the tasks run; empty: the cluster's default");
  s.field<&SlurmSettings::time>("time", "wall time of a task: 90 (minutes), 1:30:00 or 1-12:00:00; empty: the partition's limit");
  s.field<&SlurmSettings::cpus>("cpus", "cores of a task; 0: the experiment's threads").range(0, 4096);
  s.field<&SlurmSettings::memory>("memory", "memory of a task: 8G, 500M; empty: the cluster's default");
  s.field<&SlurmSettings::gpus>("gpus", "accelerators of a task").range(0, 1024);
  s.field<&SlurmSettings::throttle>("throttle", "tasks that may run at once; 0: any number").at_least(0);
  s.field<&SlurmSettings::notice>("notice", "before the time limit, when a task saves and goes back into the queue").in("seconds").range(1, 65535);
  s.field<&SlurmSettings::restarts>("restarts", "times that a task which ran out of time goes back into the queue").at_least(0);
  s.field<&SlurmSettings::options>("options", "further options of sbatch, such as --account=moe");
}

std::optional<std::int64_t> slurm_seconds(std::string_view time) {
  constexpr std::int64_t kMinute = 60, kHour = 60 * kMinute, kDay = 24 * kHour;
  const std::size_t dash = time.find('-');
  const bool has_days = dash != std::string_view::npos;
  const auto clock = clock_parts(has_days ? time.substr(dash + 1) : time);
  const auto days = clock_parts(has_days ? time.substr(0, dash) : "0");
  if (!clock || !days || days->size() != 1 || clock->size() > 3) return std::nullopt;
  // After days the first number counts hours; alone or before one other it counts minutes.
  std::int64_t seconds = days->front() * kDay;
  std::int64_t unit = has_days || clock->size() == 3 ? kHour : kMinute;
  for (const std::int64_t part : *clock) {
    seconds += part * unit;
    unit /= 60;
  }
  return seconds;
}

SchemaIssues check_slurm(const SlurmSettings& settings) {
  SchemaIssues issues;
  const auto add = [&issues](const char* key, std::string message) { issues.push_back({{key}, std::move(message)}); };
  if (has_control(settings.partition) || settings.partition.find(' ') != std::string::npos) add("partition", fmt::format("got {}, expected a partition's name (see sinfo)", quoted(settings.partition)));
  if (!settings.memory.empty() && !is_memory(settings.memory))
    add("memory", fmt::format("got {}, expected a whole number and K, M, G or T, such as 8G; without a letter it counts MiB", quoted(settings.memory)));
  for (const std::string& option : settings.options)
    if (!option.starts_with("--") || has_control(option)) add("options", fmt::format("got {}, expected long options of sbatch, such as --account=moe", quoted(option)));
  if (settings.time.empty()) return issues;
  const auto seconds = slurm_seconds(settings.time);
  if (!seconds)
    add("time", fmt::format("got {}, expected MINUTES, MINUTES:SECONDS, HOURS:MINUTES:SECONDS, DAYS-HOURS, DAYS-HOURS:MINUTES or DAYS-HOURS:MINUTES:SECONDS",
                            quoted(settings.time)));
  // Slurm may give the notice up to a minute early.
  else if (*seconds <= settings.notice + 60)
    add("time", fmt::format("got {}, which is {}; expected more than a minute above slurm.notice, which is {}", quoted(settings.time),
                            human_seconds(static_cast<double>(*seconds)), human_seconds(static_cast<double>(settings.notice))));
  return issues;
}

}  // namespace symphony

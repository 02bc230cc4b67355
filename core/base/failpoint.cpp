// Striking once at each named place.
#include "core/base/failpoint.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include <fcntl.h>

#include "core/base/descriptor.hpp"
#include "core/base/files.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

struct Orders {
  int signal = 0;                    ///< 0: none given
  std::vector<std::string> places;   ///< "fsync", "optimiser_step=17"
  std::string ledger;
};

Orders read_orders() {
  Orders orders;
  const char* text = std::getenv("SYMPHONY_FAILPOINT");
  const char* ledger = std::getenv("SYMPHONY_FAILPOINT_LEDGER");
  if (!text || !ledger) return orders;
  orders.places = split(text, ' ');
  orders.ledger = ledger;
  const std::string name = orders.places.empty() ? "" : orders.places.front();
  const std::map<std::string, int> signals{{"ABRT", SIGABRT}, {"KILL", SIGKILL}, {"SEGV", SIGSEGV}, {"STOP", SIGSTOP}, {"TERM", SIGTERM}};
  const auto found = signals.find(name);
  if (found == signals.end()) fail<ConfigError>("SYMPHONY_FAILPOINT", "got {}, expected ABRT, KILL, SEGV, STOP or TERM and then places", quoted(text));
  orders.signal = found->second;
  orders.places.erase(orders.places.begin());
  return orders;
}

/// The detail without what differs from run to run: hashes become '*', other numbers (process ids, steps) '#'.
std::string what_it_is(std::string_view detail) {
  constexpr std::size_t kHashDigits = 32;
  constexpr std::string_view kDigits = "0123456789", kHexDigits = "0123456789abcdef";
  const auto length_of = [&](std::string_view digits) { return std::min(detail.find_first_not_of(digits), detail.size()); };
  std::string result;
  while (!detail.empty()) {
    std::size_t taken = 1;
    if (length_of(kHexDigits) == kHashDigits) {
      taken = kHashDigits;
      result += '*';
    } else if (length_of(kDigits) > 0) {
      taken = length_of(kDigits);
      result += '#';
    } else {
      result += detail.front();
    }
    detail.remove_prefix(taken);
  }
  return result;
}

}  // namespace

void failpoint(std::string_view place, std::string_view detail) {
  const Orders orders = read_orders();
  if (orders.signal == 0) return;
  const std::string line = fmt::format("{} {}", place, what_it_is(detail));
  const auto names_it = [&](const std::string& named) { return named == place || named == fmt::format("{}={}", place, detail); };
  if (std::none_of(orders.places.begin(), orders.places.end(), names_it)) return;
  if (std::filesystem::exists(orders.ledger)) {
    const auto struck = split(read_text(orders.ledger), '\n');
    if (std::find(struck.begin(), struck.end(), line) != struck.end()) return;
  }
  const Descriptor ledger(::open(orders.ledger.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  const std::string entry = line + "\n";
  if (!ledger || ::write(ledger.get(), entry.data(), entry.size()) != static_cast<ssize_t>(entry.size())) fail_with_errno(orders.ledger, "cannot be written");
  std::raise(orders.signal);
}

}  // namespace symphony

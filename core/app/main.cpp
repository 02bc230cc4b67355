// The runner: one verb a run. Without a verb, `runner --exp F` means `runner run --exp F`.
#include <exception>
#include <iostream>

#include <c10/util/Exception.h>

#include "core/app/command.hpp"
#include "core/base/error.hpp"
#include "core/base/process.hpp"
#include "core/base/text.hpp"
#include "core/plugin/build_tag.hpp"

namespace symphony {

namespace {

std::vector<Command> all_commands() {
  return {make_run(),           make_plan_command(), make_check(),  make_list(),   make_describe(), make_status(),
          make_table_command(), make_diff(),         make_report(), make_export(), make_generate(),
          make_prune()};
}

void print_help(const std::vector<Command>& commands, std::ostream& out) {
  out << "usage: runner VERB ...        runner VERB --help        runner --version\n"
         "       runner --exp FILE ...  the same as runner run --exp FILE ...\n\n";
  for (const Command& command : commands) out << fmt::format("  {:<10} {}\n", command.name, command.summary);
}

int dispatch(std::vector<std::string> args) {
  const auto commands = all_commands();
  if (args.empty()) {
    print_help(commands, std::cerr);
    return ConfigError("").exit_code();
  }
  if (args.front() == "--help" || args.front() == "-h" || args.front() == "help") {
    print_help(commands, std::cout);
    return 0;
  }
  if (args.front() == "--version") {
    std::cout << "symphony " SYMPHONY_VERSION " (" << core_build_tag() << ")\n";
    return 0;
  }
  if (args.front().starts_with("--")) args.insert(args.begin(), "run");
  std::vector<std::string> names;
  for (const Command& command : commands) {
    if (command.name == args.front()) return command.run(command, {args.begin() + 1, args.end()});
    names.push_back(command.name);
  }
  fail<ConfigError>("runner", "unknown verb {}; {}", quoted(args.front()), name_hint(args.front(), names));
}

int report(std::string_view message, int exit_code) {
  std::cerr << "error: " << message << '\n';
  return exit_code;
}

}  // namespace

}  // namespace symphony

int main(int argc, char** argv) {
  using namespace symphony;
  return_large_blocks();
  try {
    return dispatch({argv + 1, argv + argc});
  } catch (const Error& error) {
    return report(error.what(), error.exit_code());
  } catch (const c10::Error& error) {
    return report(error.what_without_backtrace(), 1);
  } catch (const std::exception& error) {
    return report(error.what(), 1);
  }
}

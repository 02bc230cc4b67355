// Reading a domain: find its documents (files in a shuffled order, or one command's output), clean each, stop at the size limit, divide.
// Item i of n (a file or a chunk) is held out when floor((i + 1) s) > floor(i s) for the share s: evenly spaced, the first never.
#include "core/data/domain.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/base/error.hpp"
#include "core/base/hash.hpp"
#include "core/base/inflate.hpp"
#include "core/base/process.hpp"
#include "core/base/random.hpp"
#include "core/base/text.hpp"
#include "core/data/glob.hpp"
#include "core/data/package_files.hpp"
#include "core/data/text_clean.hpp"

namespace symphony {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargestSource = std::size_t{256} << 20;  ///< bytes of one file or command before cleaning
constexpr double kCommandSeconds = 60.0;

void check(const std::string& where, const DomainRecipe& recipe) {
  const int sources = !recipe.paths.empty() + !recipe.command.empty() + !recipe.files.empty() + recipe.arithmetic.has_value();
  if (sources != 1)
    fail<ConfigError>(where, "got {} of the keys 'paths', 'command', 'files' and 'arithmetic', expected exactly one of them", sources);
  if (!recipe.paths.empty() && recipe.package.empty())
    fail<ConfigError>(where, "'paths' are looked up in a package's file list, but 'package' is missing; use 'files' for files of your own");
  if (!recipe.command.empty() && recipe.split.by == "file")
    fail<ConfigError>(where, "the output of a command is one text; expected split: {{ by: chunk }}");
}

bool matches_any(const std::vector<std::string>& patterns, const std::string& path) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) { return glob_matches(pattern, path); });
}

/// Regular files that the package itself owns: a link may lead outside it, or nowhere.
std::vector<std::string> package_candidates(const std::string& where, const DomainRecipe& recipe, const fs::path& dpkg_info) {
  std::vector<std::string> found;
  for (const std::string& package : recipe.package)
    for (const std::string& path : package_paths(where, package, dpkg_info)) {
      std::error_code error;
      if (matches_any(recipe.paths, path) && fs::symlink_status(path, error).type() == fs::file_type::regular) found.push_back(path);
    }
  return found;
}

std::vector<std::string> user_candidates(const DomainRecipe& recipe) {
  std::vector<std::string> found;
  for (const std::string& pattern : recipe.files)
    for (const fs::path& path : glob_files(pattern)) found.push_back(path.string());
  return found;
}

std::vector<std::string> shuffled_files(const std::string& where, const DomainRecipe& recipe, const fs::path& dpkg_info) {
  std::vector<std::string> found = recipe.paths.empty() ? user_candidates(recipe) : package_candidates(where, recipe, dpkg_info);
  std::erase_if(found, [&](const std::string& path) {
    std::error_code error;
    const auto size = fs::file_size(path, error);
    return error || (recipe.largest_file > 0 && size > static_cast<std::uintmax_t>(recipe.largest_file)) || matches_any(recipe.exclude, path);
  });
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  if (found.empty())
    fail<DataError>(where, "no file matches {}", quoted(join(recipe.paths.empty() ? recipe.files : recipe.paths, ", ")));
  Random random(static_cast<std::uint64_t>(recipe.shuffle_seed), "domain.file_order");
  std::vector<std::string> shuffled;
  for (const std::int64_t file_idx : random.permutation(static_cast<std::int64_t>(found.size())))
    shuffled.push_back(found[static_cast<std::size_t>(file_idx)]);
  return shuffled;
}

std::string cleaned(const DomainRecipe& recipe, std::string text) {
  text.erase(0, static_cast<std::size_t>(recipe.skip_bytes));
  for (const std::string& step : recipe.clean) text = apply_clean_step(step, std::move(text));
  if (recipe.cut_file > 0 && text.size() > static_cast<std::size_t>(recipe.cut_file)) text.resize(static_cast<std::size_t>(recipe.cut_file));
  if (!text.empty() && text.back() != '\n') text += '\n';
  return text;
}

/// A source is read a little beyond what the limits can use; cleaning only shortens.
std::size_t bytes_to_read(const DomainRecipe& recipe) {
  return std::min(kLargestSource, static_cast<std::size_t>(recipe.skip_bytes + 2 * recipe.max_bytes));
}

std::vector<std::string> read_documents(const std::string& where, const DomainRecipe& recipe, const fs::path& dpkg_info) {
  if (!recipe.command.empty()) {
    for (const std::string& package : recipe.package) package_paths(where, package, dpkg_info);
    CommandOptions options;
    options.max_seconds = kCommandSeconds;
    options.max_output_bytes = kLargestSource;
    options.environment = {{"LC_ALL", "C"}};  // the text must not depend on the user's language
    return {cleaned(recipe, run_command(recipe.command, options, where).out)};
  }
  std::vector<std::string> documents;
  std::set<std::string> seen;
  std::size_t total = 0;
  for (const std::string& path : shuffled_files(where, recipe, dpkg_info)) {
    if (total >= static_cast<std::size_t>(recipe.max_bytes)) break;
    std::string text = cleaned(recipe, read_text_file(path, bytes_to_read(recipe)));
    if (text.empty() || !seen.insert(sha256_hex(text)).second) continue;  // a copy could lie on both sides of the split
    total += text.size();
    documents.push_back(std::move(text));
  }
  return documents;
}

bool is_held_out(std::size_t item, double share) {
  constexpr double kRounding = 1e-9;
  const auto held_before = [&](std::size_t count) { return std::floor(static_cast<double>(count) * share + kRounding); };
  return held_before(item + 1) > held_before(item);
}

void cut_to_limit(std::vector<std::string>& documents, std::size_t limit) {
  std::size_t total = 0;
  for (std::string& document : documents) {
    if (total + document.size() > limit) document.resize(limit - total);
    total += document.size();
  }
}

DomainText divide(const std::vector<std::string>& documents, const DomainSplit& split) {
  DomainText text;
  text.num_files = static_cast<std::int64_t>(documents.size());
  if (split.by == "file") {
    for (std::size_t file_idx = 0; file_idx < documents.size(); ++file_idx)
      (is_held_out(file_idx, split.held_out) ? text.held_out : text.training) += documents[file_idx];
    return text;
  }
  std::string whole;
  for (const std::string& document : documents) whole += document;
  const auto chunk = static_cast<std::size_t>(split.chunk_bytes);
  for (std::size_t chunk_idx = 0; chunk_idx * chunk < whole.size(); ++chunk_idx)
    (is_held_out(chunk_idx, split.held_out) ? text.held_out : text.training).append(whole, chunk_idx * chunk, chunk);
  return text;
}

DomainText make_text(const std::string& where, const DomainRecipe& recipe, const fs::path& dpkg_info) {
  if (recipe.arithmetic) {
    ArithmeticText made = arithmetic_text(*recipe.arithmetic, recipe.split.held_out, static_cast<std::size_t>(recipe.max_bytes), where);
    return {std::move(made.training), std::move(made.held_out), {}, 1};
  }
  std::vector<std::string> documents = read_documents(where, recipe, dpkg_info);
  cut_to_limit(documents, static_cast<std::size_t>(recipe.max_bytes));
  return divide(documents, recipe.split);
}

}  // namespace

void DomainSplit::describe(Schema& s) {
  s.field<&DomainSplit::by>("by", "what is held out whole").one_of({"file", "chunk"});
  s.field<&DomainSplit::chunk_bytes>("chunk_bytes", "size of a chunk of consecutive text").at_least(1).in("bytes");
  s.field<&DomainSplit::held_out>("held_out", "share of the files or chunks kept from training").range(0.001, 0.5);
}

void DomainRecipe::describe(Schema& s) {
  s.field<&DomainRecipe::version>("version", "raised when the same packages give another text").at_least(1);
  s.field<&DomainRecipe::package>("package", "Debian packages that must be installed");
  s.field<&DomainRecipe::paths>("paths", "globs over the packages' own file lists");
  s.field<&DomainRecipe::command>("command", "program and arguments, run without a shell, whose output is the text");
  s.field<&DomainRecipe::files>("files", "globs over files of your own");
  s.field<&DomainRecipe::arithmetic>("arithmetic", "sums made here, one a line; training and held-out problems are disjoint");
  s.field<&DomainRecipe::exclude>("exclude", "globs of files to leave out");
  s.field<&DomainRecipe::largest_file>("largest_file", "larger files are left out; 0: no limit").at_least(0).in("bytes");
  s.field<&DomainRecipe::cut_file>("cut_file", "cleaned text kept of each file; 0: all").at_least(0).in("bytes");
  s.field<&DomainRecipe::skip_bytes>("skip_bytes", "left out at the beginning of every file, before cleaning").range(0, 1e8).in("bytes");
  s.field<&DomainRecipe::max_bytes>("max_bytes", "cleaned text in all, both parts").range(1, 1e8).in("bytes");
  s.field<&DomainRecipe::shuffle_seed>("shuffle_seed", "of the order of the files").at_least(0);
  s.field<&DomainRecipe::clean>("clean", "clean-up steps, in order").one_of(clean_step_names());
  s.field<&DomainRecipe::split>("split", "training and held-out text");
  s.field<&DomainRecipe::ood>("ood", "out of distribution: no source is trained on it");
  s.field<&DomainRecipe::sha256>("sha256", "expected hash of the text; empty: any text");
}

DomainText read_domain(const std::string& name, const DomainRecipe& recipe, const fs::path& dpkg_info) {
  const std::string where = fmt::format("domain '{}'", name);
  check(where, recipe);
  DomainText text = make_text(where, recipe, dpkg_info);
  if (text.training.empty() || text.held_out.empty())
    fail<DataError>(where, "{} files give {} bytes of training and {} bytes of held-out text, expected some of both; "
                    "try split: {{ by: chunk }} with smaller chunks, or a larger share held_out",
                    text.num_files, text.training.size(), text.held_out.size());
  text.sha256 = hex(Sha256().update(text.training).update(std::string_view("\0", 1)).update(text.held_out).finish());
  if (!recipe.sha256.empty() && recipe.sha256 != text.sha256)
    fail<DataError>(where, "the text has SHA-256 {}, expected {}; another version of the package or of the recipe gives another text",
                    text.sha256, recipe.sha256);
  return text;
}

}  // namespace symphony

// Domains: cleaning, division without overlap, links, limits and messages, on a made-up package in a temporary folder.
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "core/base/error.hpp"
#include "core/base/inflate.hpp"
#include "core/base/process.hpp"
#include "core/data/domain.hpp"
#include "core/data/glob.hpp"
#include "core/data/text_clean.hpp"

using namespace symphony;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

/// A folder with files and a dpkg file list that names them; removed at the end.
class Package {
 public:
  Package() : root_(fs::temp_directory_path() / fmt::format("symphony_domain_{}_{}", ::getpid(), next_++)) {
    fs::create_directories(root_ / "info");
    fs::create_directories(root_ / "share/deep");
  }
  ~Package() { fs::remove_all(root_); }

  std::string add(const std::string& name, const std::string& text) {
    std::ofstream(root_ / "share" / name, std::ios::binary) << text;
    return list(name);
  }
  std::string list(const std::string& name) {
    const std::string path = (root_ / "share" / name).string();
    std::ofstream(root_ / "info/made-up:amd64.list", std::ios::app) << path << "\n";
    return path;
  }
  fs::path share() const { return root_ / "share"; }
  fs::path info() const { return root_ / "info"; }
  DomainRecipe recipe(const std::string& pattern) const {
    DomainRecipe made;
    made.package = {"made-up"};
    made.paths = {(root_ / "share").string() + "/" + pattern};
    return made;
  }

 private:
  inline static int next_ = 0;
  fs::path root_;
};

std::string line(int number) { return fmt::format("line number {} of the text\n", number); }

}  // namespace

TEST_CASE("domain: chunks of the text go to one part only and keep their order", "[core][data]") {
  Package package;
  std::string text;
  for (int number = 0; number < 500; ++number) text += line(number);
  package.add("all.txt", text);
  DomainRecipe recipe = package.recipe("*.txt");
  recipe.split = {"chunk", 100, 0.25};
  const DomainText domain = read_domain("made", recipe, package.info());
  // Every fourth chunk is held out: putting the chunks back must give the text.
  std::string rebuilt;
  std::size_t training_at = 0, held_at = 0;
  for (std::size_t chunk = 0; rebuilt.size() < text.size(); ++chunk) {
    const bool held = chunk % 4 == 3;
    const std::string& part = held ? domain.held_out : domain.training;
    std::size_t& at = held ? held_at : training_at;
    rebuilt += part.substr(at, 100);
    at += std::min<std::size_t>(100, part.size() - at);
  }
  CHECK(rebuilt == text);
  CHECK(training_at == domain.training.size());
  CHECK(held_at == domain.held_out.size());
}

TEST_CASE("domain: a file is held out whole and a copy of it is not read", "[core][data]") {
  Package package;
  for (int number = 0; number < 40; ++number) package.add(fmt::format("f{}.txt", number), line(number));
  for (int number = 0; number < 40; ++number) package.add(fmt::format("deep/copy{}.txt", number), line(number));
  DomainRecipe recipe = package.recipe("**.txt");
  recipe.split = {"file", 1, 0.2};
  const DomainText domain = read_domain("made", recipe, package.info());
  CHECK(domain.num_files == 40);
  int held = 0;
  for (int number = 0; number < 40; ++number) {
    const bool in_training = domain.training.find(line(number)) != std::string::npos;
    const bool in_held_out = domain.held_out.find(line(number)) != std::string::npos;
    CHECK(in_training != in_held_out);
    held += in_held_out;
  }
  CHECK(held == 8);
}

TEST_CASE("domain: reading twice gives the same text and hash, another order another", "[core][data]") {
  Package package;
  for (int number = 0; number < 20; ++number) package.add(fmt::format("f{}.txt", number), line(number));
  DomainRecipe recipe = package.recipe("*.txt");
  recipe.split = {"file", 1, 0.2};
  const DomainText first = read_domain("made", recipe, package.info());
  const DomainText second = read_domain("made", recipe, package.info());
  CHECK(first.training == second.training);
  CHECK(first.sha256 == second.sha256);
  recipe.shuffle_seed = 2;
  CHECK(read_domain("made", recipe, package.info()).sha256 != first.sha256);
}

TEST_CASE("domain: links out of the package and broken links are skipped", "[core][data]") {
  Package package;
  for (int number = 0; number < 10; ++number) package.add(fmt::format("f{}.txt", number), line(number));
  std::ofstream(package.share().parent_path() / "outside") << "secret\n";
  fs::create_symlink(package.share().parent_path() / "outside", package.share() / "link.txt");
  fs::create_symlink("nowhere", package.share() / "broken.txt");
  package.list("link.txt");
  package.list("broken.txt");
  package.list("removed.txt");
  DomainRecipe recipe = package.recipe("*.txt");
  recipe.split = {"file", 1, 0.2};
  const DomainText domain = read_domain("made", recipe, package.info());
  CHECK(domain.num_files == 10);
  CHECK((domain.training + domain.held_out).find("secret") == std::string::npos);
}

TEST_CASE("domain: limits on files and on the whole hold", "[core][data]") {
  Package package;
  package.add("large.txt", std::string(5000, 'x'));
  package.add("keep.txt", std::string(900, 'k'));
  package.add("out.txt", std::string(900, 'o'));
  DomainRecipe recipe = package.recipe("*.txt");
  recipe.largest_file = 1000;
  recipe.exclude = {"**/out.*"};
  recipe.cut_file = 800;
  recipe.skip_bytes = 50;
  recipe.max_bytes = 700;
  recipe.split = {"chunk", 100, 0.5};
  const DomainText domain = read_domain("made", recipe, package.info());
  CHECK(domain.training + domain.held_out == std::string(700, 'k'));
}

TEST_CASE("domain: compressed files are read through", "[core][data]") {
  Package package;
  std::string text;
  for (int number = 0; number < 300; ++number) text += line(number);
  CommandOptions options;
  options.input = text;
  const std::string path = package.add("text.dict.dz", run_command({"gzip", "-c"}, options, "test").out);
  DomainRecipe recipe = package.recipe("*.dz");
  recipe.split = {"chunk", 64, 0.5};
  const DomainText domain = read_domain("made", recipe, package.info());
  CHECK(domain.training.substr(0, 64) == text.substr(0, 64));
  CHECK(domain.training.size() + domain.held_out.size() == text.size());
  CHECK(read_text_file(path, 10) == text.substr(0, 10));

  fs::resize_file(path, fs::file_size(path) / 2);
  CHECK_THROWS_AS(read_domain("made", recipe, package.info()), DataError);
}

TEST_CASE("domain: a command's output is a domain and its failure an error", "[core][data]") {
  DomainRecipe recipe;
  recipe.command = {"seq", "1", "1000"};
  recipe.split = {"chunk", 100, 0.1};
  const DomainText domain = read_domain("numbers", recipe);
  CHECK(domain.training.substr(0, 8) == "1\n2\n3\n4\n");
  CHECK(domain.training.size() + domain.held_out.size() == 3893);
  recipe.command = {"no-such-program-anywhere"};
  CHECK_THROWS_WITH(read_domain("numbers", recipe), Contains("domain 'numbers'") && Contains("no-such-program-anywhere"));
}

TEST_CASE("domain: messages name the place and the way out", "[core][data]") {
  Package package;
  package.add("one.txt", line(1));
  DomainRecipe recipe = package.recipe("*.txt");

  SECTION("a missing package") {
    recipe.package = {"libmissing-dev"};
    CHECK_THROWS_WITH(read_domain("code", recipe, package.info()),
                      Contains("domain 'code'") && Contains("'libmissing-dev' is not installed") && Contains("apt-get install libmissing-dev"));
  }
  SECTION("no file matches") {
    recipe.paths = {"/nowhere/**.hpp"};
    CHECK_THROWS_WITH(read_domain("code", recipe, package.info()), Contains("no file matches '/nowhere/**.hpp'"));
  }
  SECTION("another text than expected") {
    recipe.split = {"chunk", 5, 0.5};
    recipe.sha256 = std::string(64, '0');
    CHECK_THROWS_WITH(read_domain("code", recipe, package.info()), Contains(recipe.sha256) && Contains("another version of the package"));
    recipe.sha256 = read_domain("code", [&] { auto any = recipe; any.sha256.clear(); return any; }(), package.info()).sha256;
    CHECK_NOTHROW(read_domain("code", recipe, package.info()));
  }
  SECTION("too little text to divide") {
    CHECK_THROWS_WITH(read_domain("code", recipe, package.info()), Contains("expected some of both"));
  }
  SECTION("two sources of text") {
    recipe.files = {"/tmp/*"};
    CHECK_THROWS_WITH(read_domain("code", recipe, package.info()), Contains("got 2 of the keys 'paths', 'command', 'files' and 'arithmetic'"));
  }
}

TEST_CASE("domain: a recipe is read from an experiment's tree", "[core][data]") {
  const Value tree = ValueMap{{"package", "x"}, {"paths", ValueList{"/a/*"}}, {"clean", ValueList{"byte_filter"}}, {"split", ValueMap{{"by", "file"}}}, {"ood", true}};
  const auto recipe = from_value<DomainRecipe>(tree, "test");
  CHECK(recipe.package == std::vector<std::string>{"x"});
  CHECK(recipe.split.by == "file");
  CHECK(recipe.ood);
  CHECK_THROWS_WITH(from_value<DomainRecipe>(ValueMap{{"clean", "byte_filtre"}}, "test"), Contains("byte_filter"));
  CHECK_THROWS_WITH(from_value<DomainRecipe>(ValueMap{{"paht", "x"}}, "test"), Contains("unknown key 'paht'"));
}

TEST_CASE("clean: each step does what its line says", "[core][data]") {
  CHECK(apply_clean_step("byte_filter", "a\tb\r\n\xc3\xa9z\x7f\x01~") == "a\tb\nz~");
  CHECK(apply_clean_step("tidy_lines", "\n\na  \n\n \n\nb\t\nc") == "a\n\nb\nc\n");
  CHECK(apply_clean_step("drop_leading_comment", "// one\n\n/* two\n three */\n#if 1\n// kept\n") == "#if 1\n// kept\n");
  CHECK(apply_clean_step("drop_leading_comment", "/* never closed") == "");
  CHECK(apply_clean_step("drop_leading_comment", "// only") == "");
  CHECK(apply_clean_step("drop_verse_reference", "Ge1:1 In the beginning\n1Ki12:13 And 2:3 x\nNone here: 4\n") ==
        "In the beginning\nAnd 2:3 x\nNone here: 4\n");
  CHECK_THROWS_WITH(apply_clean_step("byte_filtr", ""), Contains("did you mean 'byte_filter'"));
}

TEST_CASE("glob: stars stay in a name, double stars cross folders", "[core][data]") {
  CHECK(glob_matches("/a/*.hpp", "/a/x.hpp"));
  CHECK_FALSE(glob_matches("/a/*.hpp", "/a/b/x.hpp"));
  CHECK(glob_matches("/a/**.hpp", "/a/b/c/x.hpp"));
  CHECK(glob_matches("/a/**/x.hpp", "/a/x.hpp"));
  CHECK(glob_matches("/a/**/x.hpp", "/a/b/c/x.hpp"));
  CHECK_FALSE(glob_matches("/a/**/x.hpp", "/a/bx.hpp"));
  CHECK(glob_matches("/a/?.c", "/a/x.c"));
  CHECK_FALSE(glob_matches("/a?x", "/a/x"));
  CHECK_FALSE(glob_matches("/a/*", "/a"));
  CHECK(glob_matches("**", "/any/thing"));
}

TEST_CASE("glob: files on disk are found in sorted order", "[core][data]") {
  Package package;
  package.add("b.txt", "1");
  package.add("a.txt", "1");
  package.add("deep/c.txt", "1");
  const std::string share = package.share().string();
  CHECK(glob_files(share + "/*.txt") == std::vector<fs::path>{share + "/a.txt", share + "/b.txt"});
  CHECK(glob_files(share + "/**.txt").size() == 3);
  CHECK(glob_files(share + "/a.txt").size() == 1);
  CHECK(glob_files("/no/such/folder/*").empty());
}

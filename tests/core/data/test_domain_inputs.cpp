// What a stage key knows of a domain's text.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/data/domain_inputs.hpp"

using namespace symphony;
namespace fs = std::filesystem;

namespace {

struct Folder {
  fs::path path = make_temporary_directory(fs::temp_directory_path(), "symphony_inputs");
  ~Folder() { remove_tree(path); }
};

constexpr const char* kStatus =
    "Package: alpha\nStatus: install ok installed\nVersion: 1.2-3\n\n"
    "Package: beta\nStatus: deinstall ok config-files\nVersion: 9\n\n";

}  // namespace

TEST_CASE("a package counts by its installed version", "[core][data]") {
  const Folder folder;
  atomic_write(folder.path / "status", kStatus);
  DomainRecipe recipe;
  recipe.package = {"alpha"};
  CHECK(domain_inputs("d", recipe, folder.path / "status").find("package alpha")->as_string() == "1.2-3");
}

TEST_CASE("a package that is not or no longer installed is named with the command that installs it", "[core][data]") {
  const Folder folder;
  atomic_write(folder.path / "status", kStatus);
  for (const char* package : {"beta", "gamma"}) {
    DomainRecipe recipe;
    recipe.package = {package};
    CHECK_THROWS_WITH(domain_inputs("d", recipe, folder.path / "status"), Catch::Contains(std::string("apt-get install ") + package));
  }
}

TEST_CASE("the user's own files and scripts count by content", "[core][data]") {
  const Folder folder;
  atomic_write(folder.path / "text.txt", "one");
  DomainRecipe files, script;
  files.files = {(folder.path / "*.txt").string()};
  script.command = {"/bin/cat", (folder.path / "text.txt").string()};
  const Value before_files = domain_inputs("d", files), before_script = domain_inputs("d", script);
  CHECK(domain_inputs("d", files) == before_files);
  atomic_write(folder.path / "text.txt", "two");
  CHECK_FALSE(domain_inputs("d", files) == before_files);
  CHECK_FALSE(domain_inputs("d", script) == before_script);
}

// Finding methods, checking their parameters, and crossing the boundary between core and a library.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>

#include "core/base/error.hpp"
#include "core/plugin/build_tag.hpp"
#include "core/plugin/fusion.hpp"
#include "core/plugin/registry.hpp"

using namespace symphony;
namespace fs = std::filesystem;

namespace {

const fs::path kSamples = SYMPHONY_BINARY_DIR "/sample_plugins";

const PluginRegistry& samples() {
  static const auto registry = PluginRegistry::load({kSamples});
  return registry;
}

template <typename E, typename F>
std::string message_of(F&& body) {
  try {
    body();
  } catch (const E& error) {
    return error.what();
  }
  return "nothing thrown";
}

/// An empty folder for one test, gone afterwards.
struct TemporaryFolder {
  fs::path path;
  TemporaryFolder() {
    std::string pattern = (fs::temp_directory_path() / "symphony_registry_XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()));
    path = pattern;
  }
  ~TemporaryFolder() { fs::remove_all(path); }
};

}  // namespace

TEST_CASE("registry: a library is known by its folder and file name", "[core][plugin]") {
  const PluginEntry& entry = samples().find("fusion", "sample");
  CHECK(entry.id == "fusion.sample");
  CHECK(entry.library == kSamples / "fusion" / "sample.so");
  CHECK(entry.refusal.empty());
  CHECK(entry.header->revision == 3);
  CHECK(entry.library_hash.size() == 64);
  CHECK(std::string(entry.header->build_tag) == core_build_tag());
  CHECK(samples().names("fusion") == std::vector<std::string>{"sample"});
}

TEST_CASE("registry: an unknown method is refused with the nearest name", "[core][plugin]") {
  const auto text = message_of<ConfigError>([] { samples().find("fusion", "smaple"); });
  CHECK(text == "fusion: unknown method 'smaple'; did you mean 'sample'? (see runner list)");
  const auto none = message_of<ConfigError>([] { samples().find("router", "top_k"); });
  CHECK(none == "router: unknown method 'top_k'; no router plugin was found (see runner list)");
}

TEST_CASE("registry: all mistakes in the parameters are reported at once", "[core][plugin]") {
  const Method method{"sample", ValueMap{{"share", 2.0}, {"rounds", "three"}, {"norm", "unti"}, {"wieghts", 1}}};
  const auto text = message_of<ConfigError>([&] { samples().create<Fusion>(method); });
  CHECK(text ==
        "fusion.sample: share: got 2, expected between 0 and 1\n"
        "fusion.sample: rounds: expected an integer, got the string 'three'\n"
        "fusion.sample: norm: got 'unti', expected one of: none, unit; did you mean 'unit'?\n"
        "fusion.sample: wieghts: unknown key 'wieghts'; did you mean 'weights'?");
  const SchemaIssues issues = samples().check("fusion", method);
  REQUIRE(issues.size() == 4);
  CHECK(issues[3].path == std::vector<std::string>{"wieghts"});
  CHECK(issues[3].about_key);
}

TEST_CASE("registry: the canonical form has every parameter in declared order", "[core][plugin]") {
  const Method method = samples().canonical("fusion", {"sample", ValueMap{{"rounds", 2}}});
  CHECK(method.params == Value(ValueMap{{"share", 0.5}, {"rounds", 2}, {"norm", "none"}, {"weights", ValueList{}}}));
  CHECK(samples().canonical("fusion", method) == method);
}

TEST_CASE("registry: an object computes with its own parameters", "[core][plugin]") {
  const auto half = samples().create<Fusion>({"sample", ValueMap{}});
  const auto tenth = samples().create<Fusion>({"sample", ValueMap{{"share", 0.1}}});
  const std::vector<TensorRows> sources{torch::ones({2}), torch::ones({2})};
  const SpecTensor tensor{"x", TensorKind::norm, -1, -1, {2}};
  const std::vector<std::string> names{"a", "b"};
  const FusionInput input{tensor, sources, {}, {}, {}, 0, names};
  CHECK(half->fuse(input)[0].item<float>() == 1.5f);
  CHECK(tenth->fuse(input)[0].item<float>() == 1.1f);
}

TEST_CASE("registry: exceptions keep their type across the library's boundary", "[core][plugin]") {
  const auto sample = samples().create<Fusion>({"sample", ValueMap{}});
  CHECK_THROWS_AS(sample->check(0, {}), DataError);
  CHECK_THROWS_AS(sample->check(0, {}), Error);
  CHECK_THROWS_AS(sample->check(1, {}), std::out_of_range);
  CHECK_NOTHROW(sample->check(2, {}));
}

TEST_CASE("registry: an object outlives the registry that made it", "[core][plugin]") {
  std::unique_ptr<Fusion> sample;
  std::shared_ptr<const Schema> schema;
  {
    const auto registry = PluginRegistry::load({kSamples});
    sample = registry.create<Fusion>({"sample", ValueMap{}});
    schema = registry.schema("fusion", "sample");
  }
  CHECK_THROWS_AS(sample->check(0, {}), DataError);
  CHECK(schema->names() == std::vector<std::string>({"share", "rounds", "norm", "weights"}));
}

TEST_CASE("registry: a library that is dropped into a folder is known at the next start", "[core][plugin]") {
  const TemporaryFolder folder;
  CHECK(PluginRegistry::load({folder.path}).entries().empty());
  fs::create_directories(folder.path / "fusion");
  fs::copy(kSamples / "fusion" / "sample.so", folder.path / "fusion" / "sample.so");
  const auto registry = PluginRegistry::load({folder.path});
  REQUIRE(registry.entries().size() == 1);
  CHECK(registry.create<Fusion>({"sample", ValueMap{}}));
}

TEST_CASE("registry: the first folder that has an id wins", "[core][plugin]") {
  const TemporaryFolder folder;
  fs::create_directories(folder.path / "fusion");
  fs::copy(kSamples / "fusion" / "sample.so", folder.path / "fusion" / "sample.so");
  const auto registry = PluginRegistry::load({folder.path, kSamples});
  REQUIRE(registry.entries().size() == 1);
  CHECK(registry.entries().front().library == folder.path / "fusion" / "sample.so");
}

TEST_CASE("registry: a library in a folder that is no category is refused by name", "[core][plugin]") {
  const TemporaryFolder folder;
  fs::create_directories(folder.path / "fuson");
  fs::copy(kSamples / "fusion" / "sample.so", folder.path / "fuson" / "sample.so");
  const auto registry = PluginRegistry::load({folder.path});
  REQUIRE(registry.entries().size() == 1);
  CHECK(registry.entries().front().refusal == "'fuson' is no plugin category; did you mean 'fusion'?");
}

TEST_CASE("registry: a search folder that does not exist is refused, saying who asked for it", "[core][plugin]") {
  CHECK(message_of<ConfigError>([] { PluginRegistry::search_path({"/no/such/folder"}); }) ==
        "--plugins: no folder '/no/such/folder', expected one that holds <category>/<name>.so");
  REQUIRE(setenv("SYMPHONY_PLUGIN_PATH", "/nor/this", 1) == 0);
  const auto text = message_of<ConfigError>([] { PluginRegistry::search_path({}); });
  REQUIRE(unsetenv("SYMPHONY_PLUGIN_PATH") == 0);
  CHECK(text == "SYMPHONY_PLUGIN_PATH: no folder '/nor/this', expected one that holds <category>/<name>.so");
}

TEST_CASE("registry: the search path keeps the order given, environment, beside the program", "[core][plugin]") {
  const TemporaryFolder first, second;
  REQUIRE(setenv("SYMPHONY_PLUGIN_PATH", second.path.c_str(), 1) == 0);
  const auto path = PluginRegistry::search_path({first.path});
  REQUIRE(unsetenv("SYMPHONY_PLUGIN_PATH") == 0);
  REQUIRE(path.size() >= 2);
  CHECK(path[0] == first.path);
  CHECK(path[1] == second.path);
}

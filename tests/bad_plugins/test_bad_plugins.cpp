// Every way in which a library can be unusable: refused with both values, a row in the list, and fatal only to who names it.
#include <catch2/catch.hpp>

#include <fstream>

#include "core/base/error.hpp"
#include "core/plugin/build_tag.hpp"
#include "core/plugin/fusion.hpp"
#include "core/plugin/loader.hpp"
#include "core/plugin/registry.hpp"

using namespace symphony;
namespace fs = std::filesystem;

namespace {

const fs::path kBadPlugins = SYMPHONY_BINARY_DIR "/bad_plugins";

std::string refusal(const std::string& name) {
  const LoadedPlugin loaded = load_plugin(kBadPlugins / "fusion" / (name + ".so"), "fusion");
  CHECK_FALSE(loaded.header);
  return loaded.refusal;
}

struct TemporaryFolder {
  fs::path path;
  TemporaryFolder() {
    std::string pattern = (fs::temp_directory_path() / "symphony_bad_XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()));
    path = pattern;
  }
  ~TemporaryFolder() { fs::remove_all(path); }
};

PluginHeader sound_header() {
  return {kPluginMagic, kPluginAbi, sizeof(PluginHeader), category_version("fusion"), 1, core_build_tag(), "fusion", "x", "a summary", "a source"};
}

}  // namespace

TEST_CASE("loader: a wrong magic number is refused with both", "[bad_plugins]") {
  CHECK(refusal("wrong_magic") == "magic is 0xdeadbeef, expected 0x53594d50");
}

TEST_CASE("loader: an old header layout is refused with both numbers", "[bad_plugins]") {
  CHECK(refusal("old_abi") == fmt::format("plugin abi is {}, this build has {}; rebuild the plugin", kPluginAbi - 1, kPluginAbi));
}

TEST_CASE("loader: a header of another size is refused with both sizes", "[bad_plugins]") {
  CHECK(refusal("wrong_size") ==
        fmt::format("header size is {} bytes, this build has {}; rebuild the plugin", sizeof(PluginHeader) + 8, sizeof(PluginHeader)));
}

TEST_CASE("loader: another interface version is refused with both versions", "[bad_plugins]") {
  const std::uint32_t ours = category_version("fusion");
  CHECK(refusal("wrong_interface") ==
        fmt::format("version of the interface 'fusion' is {}, this build has {}; rebuild the plugin", ours + 1, ours));
}

TEST_CASE("loader: another build is refused with both tags", "[bad_plugins]") {
  CHECK(refusal("wrong_build") == fmt::format("build is 'gcc 9; c++ 201402L; cxx11-abi 0; libtorch 1.4.0; debug', this build is '{}'; "
                                              "rebuild the plugin", core_build_tag()));
}

TEST_CASE("loader: a renamed library is refused with both ids", "[bad_plugins]") {
  CHECK(refusal("misnamed") == "declares the id 'fusion.another_name', its folder and file name say 'fusion.misnamed'");
}

TEST_CASE("loader: a library without the symbol is refused by its name", "[bad_plugins]") {
  CHECK(refusal("missing_symbol") == "has no symbol 'symphony_plugin', expected one SYMPHONY_PLUGIN(...) in the library");
}

TEST_CASE("loader: files that are no libraries are refused with the system's reason", "[bad_plugins]") {
  const TemporaryFolder folder;
  const fs::path text = folder.path / "text.so", empty = folder.path / "empty.so";
  std::ofstream(text) << "This is a text file that somebody named .so, longer than the header of an ELF file is.\n";
  std::ofstream(empty).close();
  CHECK_THAT(load_plugin(text, "fusion").refusal, Catch::StartsWith("cannot be opened: ") && Catch::Contains("invalid ELF header"));
  CHECK_THAT(load_plugin(empty, "fusion").refusal, Catch::StartsWith("cannot be opened: ") && Catch::Contains("file too short"));
  CHECK_THAT(load_plugin(folder.path / "absent.so", "fusion").refusal, Catch::StartsWith("cannot be opened: "));
}

TEST_CASE("loader: a header that says nothing of itself is refused", "[bad_plugins]") {
  CHECK(check_header(sound_header(), "fusion", "x").empty());
  PluginHeader header = sound_header();
  SECTION("summary") {
    header.summary = "";
    CHECK(check_header(header, "fusion", "x") == "summary is empty, expected one line");
  }
  SECTION("source") {
    header.source = nullptr;
    CHECK(check_header(header, "fusion", "x") == "source is empty, expected author, year and title or identifier");
  }
  SECTION("revision") {
    header.revision = 0;
    CHECK(check_header(header, "fusion", "x") == "revision is 0, expected at least 1");
  }
  SECTION("category") {
    header.category = nullptr;
    CHECK(check_header(header, "fusion", "x") == "declares the id '.x', its folder and file name say 'fusion.x'");
  }
}

TEST_CASE("loader: mismatches are reported in order, the layout first", "[bad_plugins]") {
  PluginHeader header = sound_header();
  header.revision = 0;
  header.name = "y";
  header.build_tag = "other";
  header.interface_version += 1;
  header.header_size = 1;
  header.abi = 0;
  header.magic = 0;
  const auto reason = [&] { return check_header(header, "fusion", "x"); };
  CHECK_THAT(reason(), Catch::StartsWith("magic"));
  header.magic = kPluginMagic;
  CHECK_THAT(reason(), Catch::StartsWith("plugin abi"));
  header.abi = kPluginAbi;
  CHECK_THAT(reason(), Catch::StartsWith("header size"));
  header.header_size = sizeof(PluginHeader);
  CHECK_THAT(reason(), Catch::StartsWith("version of the interface"));
  header.interface_version -= 1;
  CHECK_THAT(reason(), Catch::StartsWith("build is"));
  header.build_tag = core_build_tag();
  CHECK_THAT(reason(), Catch::StartsWith("declares the id"));
  header.name = "x";
  CHECK_THAT(reason(), Catch::StartsWith("revision"));
}

TEST_CASE("registry: broken libraries are rows, and fatal only to who names one", "[bad_plugins]") {
  const TemporaryFolder folder;
  fs::create_directories(folder.path / "fusion");
  fs::copy(SYMPHONY_BINARY_DIR "/sample_plugins/fusion/sample.so", folder.path / "fusion" / "sample.so");
  fs::copy(kBadPlugins / "fusion" / "old_abi.so", folder.path / "fusion" / "old_abi.so");
  std::ofstream(folder.path / "fusion" / "text.so") << "no library\n";
  const auto registry = PluginRegistry::load({folder.path});
  REQUIRE(registry.entries().size() == 3);
  CHECK(registry.names("fusion") == std::vector<std::string>{"sample"});
  CHECK(registry.create<Fusion>({"sample", ValueMap{}}));
  CHECK_THROWS_WITH(registry.create<Fusion>(Method{"old_abi", ValueMap{}}),
                    "fusion.old_abi: " + (folder.path / "fusion" / "old_abi.so").string() + " cannot be used: plugin abi is 0, this build has 1; "
                    "rebuild the plugin");
  CHECK_THROWS_AS(registry.find("fusion", "text"), PluginError);
}

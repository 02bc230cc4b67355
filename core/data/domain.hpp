// Text domains: a recipe names text that lies on every Debian system with the right packages (or the user's own files) and how it is cleaned
// and split; reading it gives training and held-out text that never overlap. Recipes are data: they appear in experiments as
//
//   domains:
//     code: { package: libboost1.74-dev, paths: ["/usr/include/boost/**.hpp"], clean: [drop_leading_comment, byte_filter] }
//
// The text depends on the recipe and the installed package alone, never on an experiment's seed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/base/schema.hpp"
#include "core/data/arithmetic.hpp"

namespace symphony {

/// How a domain's text is divided.
struct DomainSplit {
  std::string by = "chunk";          ///< "file" or "chunk"
  std::int64_t chunk_bytes = 16384;  ///< of consecutive cleaned text
  double held_out = 1.0 / 12.0;      ///< share of the files or chunks, evenly spaced in their order
  static void describe(Schema& s);
};

/// Exactly one of `paths`, `command`, `files` and `arithmetic` says where the text comes from. Arithmetic divides problems: of the keys that
/// follow it only max_bytes, split.held_out, ood and sha256 then count.
struct DomainRecipe {
  std::int64_t version = 1;            ///< raised when the same packages give another text
  std::vector<std::string> package;    ///< Debian packages that must be installed; `paths` looks in their own file lists
  std::vector<std::string> paths;      ///< globs: '*' and '?' within a name, '**' across folders
  std::vector<std::string> command;    ///< program and arguments, run without a shell; its standard output is the text
  std::vector<std::string> files;      ///< globs over the file system
  std::optional<ArithmeticRecipe> arithmetic;  ///< made here
  std::vector<std::string> exclude;    ///< globs; what they match is left out
  std::int64_t largest_file = 0;       ///< bytes on disk; larger files are left out; 0: no limit
  std::int64_t cut_file = 0;           ///< bytes of cleaned text kept of each file; 0: all
  std::int64_t skip_bytes = 0;         ///< bytes left out at the beginning of the source text, before cleaning
  std::int64_t max_bytes = 4'000'000;  ///< of cleaned text in all
  std::int64_t shuffle_seed = 1;       ///< of the order of the files
  std::vector<std::string> clean;      ///< steps of clean_step_names(), in order
  DomainSplit split;
  bool ood = false;                    ///< no source is trained on it
  std::string sha256;                  ///< expected DomainText::sha256; empty: anything
  static void describe(Schema& s);
};

struct DomainText {
  std::string training, held_out;
  std::string sha256;          ///< of both parts
  std::int64_t num_files = 0;  ///< files that the text was taken from; 1 for a command
};

/// Reads the domain called `name`. Deterministic. .gz and .dz files are decompressed; symbolic links, unreadable links and exact duplicates
/// of an earlier file are skipped. `dpkg_info` is the folder with the packages' file lists.
/// Throws ConfigError for a recipe that contradicts itself, DataError for a missing package (with the command that installs it), no text,
/// a failing command, or a text other than `sha256`.
DomainText read_domain(const std::string& name, const DomainRecipe& recipe,
                       const std::filesystem::path& dpkg_info = "/var/lib/dpkg/info");

}  // namespace symphony

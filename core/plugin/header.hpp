// What a plugin library says of itself before anything in it is called. Plain data, constant-initialised, no code runs at load.
// The loader compares every field with its own build and refuses a mismatch naming both values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/base/schema.hpp"

namespace symphony {

inline constexpr std::uint32_t kPluginMagic = 0x53594d50;  // "SYMP"
inline constexpr std::uint32_t kPluginAbi = 1;             ///< raised when the layout of PluginHeader changes
inline constexpr const char* kPluginSymbol = "symphony_plugin";

/// The first three members keep their place in every abi, so that any loader can read them in any library.
struct PluginHeader {
  std::uint32_t magic;
  std::uint32_t abi;
  std::uint64_t header_size;
  std::uint32_t interface_version;   ///< of the category, see category.hpp
  std::int32_t revision;             ///< >= 1; raised when the same inputs give other numbers
  const char* build_tag;             ///< compiler, standard, libstdc++ ABI, LibTorch version, build type
  const char* category;
  const char* name;                  ///< id = category.name = folder + file stem
  const char* summary;
  const char* source;                ///< author, year, title or identifier
  std::shared_ptr<const Schema> (*schema)();
  /// Reads `params` into the method's parameter struct and returns it whole, defaults included. Appends every mistake to `issues`.
  Value (*canonical)(const Value& params, SchemaIssues& issues);
  /// A new object of the category's interface, to be owned by the caller. Throws ConfigError listing every mistake in `params`.
  void* (*create)(const Value& params);
};

/// What the getter of a plugin library is; the alias kPluginSymbol leads to it.
using PluginGetter = const PluginHeader*();

}  // namespace symphony

// The plugin categories: name and interface version of each. A version is raised by a commit of its own when the interface changes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace symphony {

class Alignment;
class Fusion;
class Experts;
class Router;
class RouterInit;
class Edit;
class Eval;

/// Specialised for each interface: `name` is the folder, the first part of the id and the key in an experiment.
template <typename Interface>
struct Category;

template <> struct Category<Alignment> { static constexpr const char* name = "alignment"; static constexpr std::uint32_t version = 2; };
template <> struct Category<Fusion> { static constexpr const char* name = "fusion"; static constexpr std::uint32_t version = 2; };
template <> struct Category<Experts> { static constexpr const char* name = "experts"; static constexpr std::uint32_t version = 2; };
template <> struct Category<Router> { static constexpr const char* name = "router"; static constexpr std::uint32_t version = 1; };
template <> struct Category<RouterInit> { static constexpr const char* name = "router_init"; static constexpr std::uint32_t version = 1; };
template <> struct Category<Edit> { static constexpr const char* name = "edit"; static constexpr std::uint32_t version = 2; };
template <> struct Category<Eval> { static constexpr const char* name = "eval"; static constexpr std::uint32_t version = 4; };

/// All category names, in the order in which `runner list` prints them.
const std::vector<std::string>& category_names();
/// The interface version of a category, 0 when there is no such category.
std::uint32_t category_version(std::string_view category);

}  // namespace symphony

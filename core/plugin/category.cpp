// The table of categories, from the one specialisation that each interface has.
#include "core/plugin/category.hpp"

#include <array>

namespace symphony {

namespace {

struct CategoryRow {
  const char* name;
  std::uint32_t version;
};

template <typename... Interfaces>
constexpr std::array<CategoryRow, sizeof...(Interfaces)> rows() {
  return {CategoryRow{Category<Interfaces>::name, Category<Interfaces>::version}...};
}

// In the order in which an experiment goes through them.
constexpr auto kCategories = rows<Alignment, Fusion, Experts, Router, RouterInit, Edit, Eval>();

}  // namespace

const std::vector<std::string>& category_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> result;
    for (const CategoryRow& row : kCategories) result.emplace_back(row.name);
    return result;
  }();
  return names;
}

std::uint32_t category_version(std::string_view category) {
  for (const CategoryRow& row : kCategories)
    if (category == row.name) return row.version;
  return 0;
}

}  // namespace symphony

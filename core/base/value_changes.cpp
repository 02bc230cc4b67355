// Comparing and patching trees.
#include "core/base/value_changes.hpp"

#include <algorithm>

#include "core/base/error.hpp"

namespace symphony {

namespace {

bool have_same_keys(const ValueMap& a, const ValueMap& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) { return x.first == y.first; });
}

void collect(const Value& base, const Value& other, ValueList& path, ValueList& changes) {
  if (base.is_map() && other.is_map() && have_same_keys(base.as_map(), other.as_map())) {
    for (std::size_t index = 0; index < base.as_map().size(); ++index) {
      path.emplace_back(base.as_map()[index].first);
      collect(base.as_map()[index].second, other.as_map()[index].second, path, changes);
      path.pop_back();
    }
  } else if (!(base == other)) {
    changes.emplace_back(ValueList{path, other});
  }
}

}  // namespace

Value changes_between(const Value& base, const Value& other) {
  ValueList path, changes;
  collect(base, other, path, changes);
  return changes;
}

Value apply_changes(Value base, const Value& changes) {
  const auto refuse = [](std::string_view what) { fail<DataError>("changes of a tree", "{}", what); };
  if (!changes.is_list()) refuse("expected a list, got " + changes.describe());
  for (const Value& change : changes.as_list()) {
    if (!change.is_list() || change.as_list().size() != 2 || !change.as_list()[0].is_list()) refuse("expected pairs of a path and a value");
    Value* place = &base;
    for (const Value& part : change.as_list()[0].as_list()) {
      place = place->is_map() && part.is_string() ? place->find(part.as_string()) : nullptr;
      if (!place) refuse("the tree has no " + part.describe());
    }
    *place = change.as_list()[1];
  }
  return base;
}

}  // namespace symphony

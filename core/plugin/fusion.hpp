// Category `fusion`: one tensor out of the corresponding tensors of several sources. Called whenever a tensor of the
// merged model is read, one at a time and in any order, possibly from several threads; arithmetic in float32 or better, rounded once. Deterministic.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model/model_spec.hpp"
#include "core/plugin/context.hpp"
#include "core/tensor/tensor_rows.hpp"

namespace symphony {

/// What a method needs beside the tensors; core refuses an experiment that cannot provide it. Bits of one byte: methods that were built when there was
/// only the first leave the others unset.
struct FusionNeeds {
  bool base : 1 = false;          ///< the common ancestor, `sources.base`
  /// The method reads tensors by rows, in whatever floating-point type they are stored in. Without it each source's is copied into float32 first, which
  /// takes the memory of as many tensors as there are sources.
  bool stored_types : 1 = false;
};
static_assert(sizeof(FusionNeeds) == 1);

struct FusionInput {
  const SpecTensor& tensor;
  /// One a source in configured order, same shape; float32 and in memory unless needs().stored_types. For embedding and head rows some sources may lack
  /// rows, see `row_masks`.
  const std::vector<TensorRows>& sources;
  /// Empty, or one bool tensor [V] a source: which rows it holds.
  const std::vector<torch::Tensor>& row_masks;
  std::optional<TensorRows> base;  ///< like `sources`; there iff needs().base
  torch::Tensor base_mask;         ///< bool [V]: which rows of embedding and head the base holds; undefined: all
  std::size_t anchor = 0;
  const std::vector<std::string>& source_names;  ///< the same as check() saw
};

class Fusion {
 public:
  virtual ~Fusion();
  virtual FusionNeeds needs() const;
  /// Throws ConfigError when the parameters do not fit `num_sources` (weights of another length, fewer than two models, ...).
  virtual void check(std::size_t num_sources, const std::vector<std::string>& source_names) const;
  /// A tensor of the sources' shape, float32. Must not modify its inputs. Throws DataError naming the tensor.
  virtual torch::Tensor fuse(const FusionInput& input) const = 0;
};

}  // namespace symphony

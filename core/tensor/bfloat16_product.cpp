// The matrix unit is driven by oneDNN, whose matmul takes bfloat16 and adds to float32; without one, the values are widened for LibTorch's float32 product,
// some tokens at a time. oneDNN's bfloat16 kernels for processors without the unit are left alone: they have no advantage over its float32 ones.
#include "core/tensor/bfloat16_product.hpp"

#include <algorithm>

#ifdef SYMPHONY_ONEDNN
#include <oneapi/dnnl/dnnl.hpp>
#endif

#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

constexpr std::int64_t kWidenedTokens = 1024;  // at a time, so that the copies stay small

bool is_matrix(const torch::Tensor& tensor, torch::ScalarType type) { return tensor.dim() == 2 && tensor.scalar_type() == type && tensor.is_contiguous(); }

#ifdef SYMPHONY_ONEDNN
void add_on_unit(torch::Tensor& sum_AB, const torch::Tensor& a_TA, const torch::Tensor& b_TB) {
  using dnnl::memory;
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const memory::dim tokens = a_TA.size(0), rows = a_TA.size(1), columns = b_TB.size(1);
  const memory::desc a_AT({rows, tokens}, memory::data_type::bf16, memory::dims{1, rows});
  const memory::desc b({tokens, columns}, memory::data_type::bf16, memory::dims{columns, 1});
  const memory::desc sum({rows, columns}, memory::data_type::f32, memory::dims{columns, 1});
  dnnl::post_ops add_to_result;
  add_to_result.append_sum(1.0F);
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(add_to_result);
  const dnnl::matmul product({{a_AT, b, sum}, attributes, engine});  // oneDNN keeps the generated code of recent shapes
  dnnl::stream stream(engine);
  product.execute(stream, {{DNNL_ARG_SRC, memory(a_AT, engine, a_TA.data_ptr())},
                           {DNNL_ARG_WEIGHTS, memory(b, engine, b_TB.data_ptr())},
                           {DNNL_ARG_DST, memory(sum, engine, sum_AB.data_ptr())}});
  stream.wait();
}
#else
void add_on_unit(torch::Tensor&, const torch::Tensor&, const torch::Tensor&) { fail<NumericError>("bfloat16 product", "built without oneDNN"); }
#endif

}  // namespace

bool has_bfloat16_unit() {
#ifdef SYMPHONY_ONEDNN
  return dnnl::get_effective_cpu_isa() == dnnl::cpu_isa::avx512_core_amx;
#else
  return false;
#endif
}

void add_bfloat16_product(torch::Tensor& sum_AB, const torch::Tensor& a_TA, const torch::Tensor& b_TB, bool on_unit) {
  if (!is_matrix(a_TA, torch::kBFloat16) || !is_matrix(b_TB, torch::kBFloat16) || !is_matrix(sum_AB, torch::kFloat32) ||
      a_TA.size(0) != b_TB.size(0) || sum_AB.size(0) != a_TA.size(1) || sum_AB.size(1) != b_TB.size(1))
    fail<NumericError>("bfloat16 product", "got {} {} and {} {} for a sum {} {}, expected contiguous bfloat16 [T, A] and [T, B] for float32 [A, B]",
                       torch::toString(a_TA.scalar_type()), shape_text(a_TA.sizes().vec()), torch::toString(b_TB.scalar_type()),
                       shape_text(b_TB.sizes().vec()), torch::toString(sum_AB.scalar_type()), shape_text(sum_AB.sizes().vec()));
  if (on_unit && sum_AB.is_cpu()) return add_on_unit(sum_AB, a_TA, b_TB);
  for (std::int64_t first = 0; first < a_TA.size(0); first += kWidenedTokens) {
    const std::int64_t count = std::min(kWidenedTokens, a_TA.size(0) - first);
    sum_AB.addmm_(a_TA.narrow(0, first, count).to(torch::kFloat32).t(), b_TB.narrow(0, first, count).to(torch::kFloat32));
  }
}

}  // namespace symphony

// Files of one tokenizer that were written by different programs differ in flags without meaning.
#include "core/data/tokenizer_spec.hpp"

namespace symphony {

TokenizerSpec without_inert_flags(TokenizerSpec spec) {
  for (PreTokenizerStep& step : spec.pre_tokenizer)
    if (auto* bytes = std::get_if<ByteLevel>(&step)) bytes->trim_offsets = ByteLevel{}.trim_offsets;
  for (PostProcessorStep& step : spec.post_processor)
    if (auto* bytes = std::get_if<ByteLevel>(&step)) *bytes = {};
  for (DecoderStep& step : spec.decoder)
    if (auto* bytes = std::get_if<ByteLevel>(&step)) *bytes = {};
  return spec;
}

bool reads_alike(const TokenizerSpec& a, const TokenizerSpec& b) { return a == b || without_inert_flags(a) == without_inert_flags(b); }

}  // namespace symphony

// zlib's gzFile reads gzip (dictzip files are gzip files with an index in the header) and plain files alike, stopping at the limit, so that
// a small compressed file cannot fill the memory.
#include "core/base/inflate.hpp"

#include <algorithm>
#include <memory>

#include <zlib.h>

#include "core/base/error.hpp"

namespace symphony {

std::string read_text_file(const std::filesystem::path& path, std::size_t max_bytes) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  if (!file) fail<DataError>(path.string(), "cannot be opened for reading");
  std::string text;
  constexpr std::size_t kBlock = 1 << 18;
  while (text.size() < max_bytes) {
    const std::size_t held = text.size();
    const std::size_t wanted = std::min(kBlock, max_bytes - held);
    text.resize(held + wanted);
    const int got = gzread(file.get(), text.data() + held, static_cast<unsigned>(wanted));
    int status = Z_OK;
    const char* reason = gzerror(file.get(), &status);
    if (got < 0 || (status != Z_OK && status != Z_STREAM_END)) fail<DataError>(path.string(), "damaged compressed data: {}", reason);
    text.resize(held + static_cast<std::size_t>(got));
    if (got == 0) break;
  }
  return text;
}

}  // namespace symphony

// Times Tokenizer::encode, for bench_tokenizer.py: bench_tokenizer TOKENIZER_JSON TEXT. Prints CPU seconds of loading and of encoding, the number of
// tokens, and the SHA-256 of the ids as decimal lines.
#include <cstdio>
#include <ctime>

#include "core/base/files.hpp"
#include "core/base/hash.hpp"
#include "core/data/tokenizer.hpp"

namespace {

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: bench_tokenizer TOKENIZER_JSON TEXT\n", stderr);
    return 2;
  }
  const std::string text = symphony::read_text(argv[2]);
  const double start = cpu_seconds();
  const auto tokenizer = symphony::load_tokenizer(argv[1]);
  const double loaded = cpu_seconds();
  const auto ids = tokenizer->encode(text);
  const double encoded = cpu_seconds();
  std::string lines;
  for (const std::int64_t id : ids) lines += std::to_string(id) + "\n";
  std::printf("%.4f %.4f %zu %s\n", loaded - start, encoded - loaded, ids.size(), symphony::sha256_hex(lines).c_str());
  return 0;
}

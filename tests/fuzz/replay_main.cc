// A main for fuzz targets where there is no libFuzzer: runs the target once on every file of the arguments
// (files, or directories with everything below them), in the order of their names. A missing argument or an
// empty directory is a failure, so that a lost corpus is seen.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

// The regular files at or below a path; none if it cannot be read.
std::vector<fs::path> files_at(const fs::path& path) {
  std::error_code error;
  if (fs::is_regular_file(path, error)) return {path};
  std::vector<fs::path> files;
  for (fs::recursive_directory_iterator it(path, error), end; !error && it != end; it.increment(error))
    if (it->is_regular_file(error)) files.push_back(it->path());
  if (error) {
    std::fprintf(stderr, "reading '%s': %s\n", path.c_str(), error.message().c_str());
    return {};
  }
  std::ranges::sort(files);
  return files;
}

bool replay(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
  if (!stream.is_open() || stream.bad()) {
    std::fprintf(stderr, "cannot read '%s'\n", file.c_str());
    return false;
  }
  // The name comes first, so that it stands above the report of a crash.
  std::printf("%s (%zu bytes)\n", file.c_str(), bytes.size());
  std::fflush(stdout);
  // A copy of the exact size lets AddressSanitizer see a read past the end.
  const std::vector<std::uint8_t> exact(bytes.begin(), bytes.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  bool good = argc > 1;
  if (!good) std::fprintf(stderr, "usage: %s FILE_OR_DIRECTORY...\n", argv[0]);
  for (int i = 1; i < argc; ++i) {
    const std::vector<fs::path> files = files_at(argv[i]);
    if (files.empty()) {
      std::fprintf(stderr, "no files in '%s'\n", argv[i]);
      good = false;
    }
    for (const fs::path& file : files) good = replay(file) && good;
  }
  return good ? 0 : 1;
}

// Golden files: expected texts below tests/golden, rewritten by running a test with UPDATE_GOLDEN=1.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

namespace agena::testing {

// The bytes of a file; a test failure and an empty text if it cannot be read.
inline std::string read_test_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  EXPECT_TRUE(stream.is_open()) << "cannot read " << path;
  return {std::istreambuf_iterator<char>(stream), {}};
}

// The bytes of a golden file, named relative to tests/golden.
inline std::string read_golden(const std::string& name) {
  return read_test_file(std::filesystem::path(AGENA_GOLDEN_DIR) / name);
}

// Expects the text to equal the golden file's, or rewrites the file with UPDATE_GOLDEN=1.
inline void expect_golden(const std::string& name, const std::string& text) {
  const std::filesystem::path path = std::filesystem::path(AGENA_GOLDEN_DIR) / name;
  const char* update = std::getenv("UPDATE_GOLDEN");
  if (update != nullptr && std::string(update) == "1") {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return;
  }
  EXPECT_EQ(text, read_test_file(path)) << "differs from " << path << " (UPDATE_GOLDEN=1 rewrites it)";
}

}  // namespace agena::testing

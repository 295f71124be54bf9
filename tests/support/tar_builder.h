// Tar archives made in tests, header by header; nothing is checked, so that they can be as wrong as a test
// needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

namespace agena::testing {

// One member; fields that are not set get harmless values.
struct TarMemberSpec {
  std::string name;
  char type = '0';
  std::string data;
  std::string link;
  std::uint32_t mode = 0644;
  std::uint64_t uid = 0;
  std::uint64_t gid = 0;
  std::int64_t mtime = 1'700'000'000;
  std::uint32_t dev_major = 0;
  std::uint32_t dev_minor = 0;
};

class TarBuilder {
 public:
  static constexpr std::size_t kBlock = 512;
  using Records = std::vector<std::pair<std::string, std::string>>;

  // A ustar header for a member of the given size, with its checksum; changes may be made before `seal`.
  static std::string header(const TarMemberSpec& spec, std::uint64_t size) {
    std::string block(kBlock, '\0');
    put(block, 0, spec.name.substr(0, 100));
    put(block, 100, fmt::format("{:07o}", spec.mode));
    put(block, 108, fmt::format("{:07o}", spec.uid));
    put(block, 116, fmt::format("{:07o}", spec.gid));
    put(block, 124, fmt::format("{:011o}", size));
    put(block, 136, fmt::format("{:011o}", spec.mtime));
    block[156] = spec.type;
    put(block, 157, spec.link.substr(0, 100));
    put(block, 257, std::string_view("ustar\00000", 8));
    put(block, 329, fmt::format("{:07o}", spec.dev_major));
    put(block, 337, fmt::format("{:07o}", spec.dev_minor));
    seal(block);
    return block;
  }
  static void put(std::string& block, std::size_t at, std::string_view text) {
    block.replace(at, text.size(), text);
  }
  // Sets the checksum of a header.
  static void seal(std::string& block) {
    put(block, 148, "        ");
    unsigned sum = 0;
    for (const char c : block) sum += static_cast<unsigned char>(c);
    put(block, 148, fmt::format("{:06o}", sum));
    block[154] = '\0';
  }
  static std::string padded(std::string data) {
    data.append((kBlock - (data.size() % kBlock)) % kBlock, '\0');
    return data;
  }
  // "LENGTH KEY=VALUE\n", the length counting its own digits.
  static std::string record(const std::string& key, const std::string& value) {
    const std::string rest = " " + key + "=" + value + "\n";
    std::size_t length = rest.size() + 1;
    while (std::to_string(length).size() + rest.size() != length) ++length;
    return std::to_string(length) + rest;
  }

  TarBuilder& raw(std::string_view bytes) {
    out_.append(bytes);
    return *this;
  }
  TarBuilder& add(const TarMemberSpec& spec) {
    return raw(header(spec, spec.data.size())).raw(padded(spec.data));
  }
  TarBuilder& file(std::string name, std::string data = {}) {
    return add({.name = std::move(name), .data = std::move(data), .link = {}});
  }
  TarBuilder& dir(std::string name, std::uint32_t mode = 0755) {
    return add({.name = std::move(name), .type = '5', .data = {}, .link = {}, .mode = mode});
  }
  TarBuilder& symlink(std::string name, std::string target) {
    return add({.name = std::move(name), .type = '2', .data = {}, .link = std::move(target), .mode = 0777});
  }
  TarBuilder& link(std::string name, std::string target) {
    return add({.name = std::move(name), .type = '1', .data = {}, .link = std::move(target)});
  }
  // An extension member: x, g, L or K.
  TarBuilder& extension(char type, std::string content) {
    return add({.name = "extension", .type = type, .data = std::move(content), .link = {}});
  }
  TarBuilder& pax(const Records& records, char type = 'x') {
    std::string content;
    for (const auto& [key, value] : records) content += record(key, value);
    return extension(type, content);
  }

  // The archive with its end marker.
  std::string done(std::size_t end_blocks = 2) const { return out_ + std::string(end_blocks * kBlock, '\0'); }

 private:
  std::string out_;
};

}  // namespace agena::testing

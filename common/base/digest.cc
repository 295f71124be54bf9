#include "common/base/digest.h"

#include <array>

#include "common/base/strings.h"
#include "common/base/table.h"

namespace agena {
namespace {

struct Algorithm {
  std::string_view name;
  std::size_t hex_length;
};
constexpr std::array kAlgorithms = {Algorithm{"sha256", 64}, Algorithm{"sha512", 128}};
static_assert(sorted_by_name(kAlgorithms));

}  // namespace

Result<Digest> Digest::parse(std::string_view text) {
  const Cut parts = cut(text, ':');
  if (!parts.found)
    return fail(ErrorKind::kInvalidInput, "'{}' is not a digest (expected algorithm:hex)", printable(text));
  const auto* algorithm = find_by_name(kAlgorithms, parts.before);
  if (algorithm == nullptr)
    return fail(ErrorKind::kInvalidInput, "digest algorithm '{}' is not supported (sha256 and sha512 are)",
                printable(parts.before));
  if (parts.after.size() != algorithm->hex_length || !is_lower_hex(parts.after))
    return fail(ErrorKind::kInvalidInput, "digest '{}' must have {} lower-case hex digits", printable(text),
                algorithm->hex_length);
  return Digest(std::string(parts.before), std::string(parts.after));
}

Result<Digest> Digest::from_bytes(std::string_view algorithm, std::string_view bytes) {
  return parse(fmt::format("{}:{}", algorithm, to_hex(bytes)));
}

}  // namespace agena

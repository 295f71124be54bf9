// Image references as users type them: never a crash, and what is accepted holds together.
#include "stage0/image/reference.h"
#include "stage0/store/docker_name.h"
#include "tests/fuzz/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agena::stage0;
  const std::string_view text = agena::fuzz::text_of(data, size);
  for (const bool is_file : {false, true}) {
    const auto reference = parse_reference(text, [&](const std::string&) { return is_file; });
    if (!reference) {
      FUZZ_CHECK(!reference.error().message().empty());
      continue;
    }
    FUZZ_CHECK(reference->text == text);
    const bool has_path = reference->kind == ReferenceKind::kAciFile ||
                          reference->kind == ReferenceKind::kOciLayout ||
                          reference->kind == ReferenceKind::kDockerArchive;
    FUZZ_CHECK(has_path == !reference->path.empty());
    FUZZ_CHECK(reference->path.find('\0') == std::string::npos);
    const bool has_name =
        reference->kind == ReferenceKind::kImageId || reference->kind == ReferenceKind::kName;
    FUZZ_CHECK(!has_name || !reference->name.empty());
    FUZZ_CHECK((reference->kind == ReferenceKind::kRegistry) == !reference->repository.empty());
    FUZZ_CHECK(!reference->digest || reference->tag.empty());
    FUZZ_CHECK(!reference->index || reference->tag.empty());
  }
  // A full name is its own full name.
  if (const auto name = parse_docker_name(text)) {
    const auto again = parse_docker_name(name->str());
    FUZZ_CHECK(again && *again == *name);
  }
  return 0;
}

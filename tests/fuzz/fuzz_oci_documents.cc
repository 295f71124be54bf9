// The JSON documents of OCI images and docker archives, and what is derived from a config.
#include "manifests/codec/image_manifest.h"
#include "stage0/image/derive_manifest.h"
#include "stage0/image/formats/docker_archive.h"
#include "stage0/image/formats/oci_documents.h"
#include "tests/fuzz/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agena::stage0;
  const std::string_view text = agena::fuzz::text_of(data, size);
  const auto index = parse_oci_index(text);
  const auto manifest = parse_oci_manifest(text);
  // No document may be both: who takes it for the one sees another image than who takes it for the other.
  FUZZ_CHECK(!(index && manifest));
  if (manifest) FUZZ_CHECK(manifest->layers.size() <= kMaxLayers);
  (void)parse_docker_manifest(text);
  const auto config = parse_oci_config(text);
  if (!config) return 0;
  LayeredImage image{.id = "sha512-0", .config = *config};
  image.names.source = "fuzz";
  const auto derived =
      derive_manifest(image, [&](const std::string&) -> agena::Result<std::optional<std::string>> {
        return std::optional<std::string>("root:x:0:0::/:\nu:x:1:2::/:\n");
      });
  if (!derived) return 0;
  const auto written = agena::codec::write_image_manifest(*derived);
  FUZZ_CHECK(written);
  const auto read = agena::codec::parse_image_manifest(*written);
  FUZZ_CHECK(read && *read == *derived);
  return 0;
}

// Images made on the spot for tests of imports: OCI layouts, docker archives and ACIs of a few files.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/sys/fs.h"
#include "stage0/image/importer.h"
#include "stage0/image/reference.h"
#include "stage0/store/store.h"
#include "stage0/unpack/hash.h"
#include "tests/support/compress.h"
#include "tests/support/result_matchers.h"
#include "tests/support/tar_builder.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {

using agena::testing::TarBuilder;

inline std::string sha256_text(const std::string& bytes) {
  return hash_of(HashAlgorithm::kSha256, bytes).str();
}

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

// A layer with one file in a directory.
inline std::string one_file(const std::string& name, const std::string& content) {
  return TarBuilder().dir("d/").file("d/" + name, content).done();
}

// An OCI layout below `root`, of images made of uncompressed tars (bottom first), stored gzipped.
class LayoutBuilder {
 public:
  explicit LayoutBuilder(std::filesystem::path root) : root_(std::move(root)) {
    write_bytes(root_ / "oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
    write_index();
  }

  // Adds an image under a tag; returns the reference to it.
  std::string add(const std::string& tag, const std::vector<std::string>& tars,
                  const std::string& config = "{}") {
    std::string layers;
    std::string diff_ids;
    for (const std::string& tar : tars) {
      const std::string blob = agena::testing::gzip(tar);
      layers += (layers.empty() ? "" : ",") + descriptor("application/vnd.oci.image.layer.v1.tar+gzip", blob);
      diff_ids += (diff_ids.empty() ? "\"" : ",\"") + sha256_text(tar) + "\"";
    }
    const std::string image_config = R"({"os":"linux","architecture":")" + host_platform().arch +
                                     R"(","config":)" + config +
                                     R"(,"rootfs":{"type":"layers","diff_ids":[)" + diff_ids + "]}}";
    const std::string manifest = R"({"schemaVersion":2,"config":)" +
                                 descriptor("application/vnd.oci.image.config.v1+json", image_config) +
                                 R"(,"layers":[)" + layers + "]}";
    std::string entry = descriptor("application/vnd.oci.image.manifest.v1+json", manifest);
    entry.insert(entry.size() - 1, R"(,"annotations":{"org.opencontainers.image.ref.name":")" + tag + "\"}");
    entries_ += (entries_.empty() ? "" : ",") + entry;
    write_index();
    return "oci:" + root_.string() + ":" + tag;
  }

 private:
  // Stores a blob and describes it.
  std::string descriptor(const std::string& media_type, const std::string& blob) {
    const std::string digest = sha256_text(blob);
    write_bytes(root_ / "blobs/sha256" / digest.substr(7), blob);
    return R"({"mediaType":")" + media_type + R"(","digest":")" + digest + R"(","size":)" +
           std::to_string(blob.size()) + "}";
  }
  void write_index() {
    write_bytes(root_ / "index.json", R"({"schemaVersion":2,"manifests":[)" + entries_ + "]}");
  }

  std::filesystem::path root_;
  std::string entries_;
};

// The bytes of an ACI with these files; `members` are further members of its manifest, each with a leading
// comma.
inline std::string aci_bytes(const std::string& name,
                             const std::vector<std::pair<std::string, std::string>>& files,
                             const std::string& members = "") {
  const std::string arch = host_platform().arch == "arm64" ? "aarch64" : host_platform().arch;
  TarBuilder tar;
  tar.file("manifest", R"({"acKind":"ImageManifest","acVersion":"0.8.11","name":")" + name +
                           R"(","labels":[{"name":"version","value":"1"},{"name":"os","value":"linux"},)" +
                           R"({"name":"arch","value":")" + arch + R"("}])" + members + "}");
  tar.dir("rootfs/");
  for (const auto& [path, content] : files) tar.file("rootfs/" + path, content);
  return tar.done();
}

inline Result<ImageRecord> import_text(Store& store, const std::string& reference) {
  return import_image(store, TRY(parse_reference(reference)));
}

// Whether everything in a store fits together: each record is found through the index, has its layers, and
// these are as they were unpacked; nothing is left over after cleaning. Returns what is wrong.
inline std::string find_faults(const std::string& data_dir) {
  auto store = Store::open(data_dir, Store::Mode::kReadWrite);
  if (!store) return store.error().to_string();
  ErrorList broken;
  const auto images = store->list_images(&broken);
  if (!images) return images.error().to_string();
  std::string faults;
  for (const Error& error : broken.errors()) faults += error.to_string() + "\n";
  for (const ImageRecord& image : *images) {
    const auto by_id = store->find_image(image.id.substr(0, 40));
    if (!by_id) faults += image.id + " is not in the index: " + by_id.error().to_string() + "\n";
    const auto by_name = store->find_image(image.manifest.name.str());
    if (!by_name)
      faults += image.manifest.name.str() + " is not in the index: " + by_name.error().to_string() + "\n";
    const auto verdicts = store->verify_image(image);
    if (!verdicts) faults += verdicts.error().to_string() + "\n";
    if (verdicts)
      for (const LayerVerdict& verdict : *verdicts)
        if (verdict.state != LayerVerdict::State::kIntact)
          faults += image.id + ": " + verdict.key.str() + " " + verdict.detail + "\n";
  }
  const auto cleaned = store->empty_trash();
  if (!cleaned) faults += cleaned.error().to_string() + "\n";
  for (const char* directory : {"staging", "trash"}) {
    const auto names = sys::list_dir(sys::at_cwd(), data_dir + "/cas/" + directory);
    for (const std::string& name : names ? *names : std::vector<std::string>{"unreadable"})
      faults += std::string(directory) + "/" + name + " is left over\n";
  }
  const auto layers = sys::list_dir(sys::at_cwd(), data_dir + "/cas/layers");
  for (const std::string& name : layers ? *layers : std::vector<std::string>{}) {
    const auto key = LayerKey::parse(name);
    if (!key || !store->has_layer(*key).value_or(false)) faults += "layers/" + name + " is half a layer\n";
  }
  return faults;
}

}  // namespace agena::stage0

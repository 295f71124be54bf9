// Fetches one ACI with everything that it needs: its signature, the keys to check it with, and the images
// that it depends on. Internal to stage0/fetch.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "manifests/schema/image_manifest.h"
#include "stage0/fetch/aci_web.h"
#include "stage0/fetch/fetch_options.h"
#include "stage0/fetch/signature_gate.h"
#include "stage0/image/importer.h"
#include "stage0/store/partials.h"
#include "stage0/store/remotes.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

// What an image must turn out to be; what is empty may be anything.
struct WantedImage {
  std::string name = {};
  std::map<std::string, std::string> labels = {};
  std::string id = {};  // "sha512-" and 64 digits
};

class AciFetcher {
 public:
  // All must outlive it.
  AciFetcher(Store& store, const FetchSettings& settings, const FetchOptions& options,
             const ProgressCallback& progress);

  // The ACI in a local file.
  Result<ImageRecord> from_file(const Reference& reference);
  // The ACI at a URL; the store knows it by the name afterwards.
  Result<ImageRecord> from_url(const std::string& url, const std::string& name);
  // The ACI that discovery finds for a name.
  Result<ImageRecord> from_name(const std::string& name, std::map<std::string, std::string> labels);

 private:
  // An ACI on the web.
  struct RemoteAci {
    std::string url;
    std::string signature_url;
    WantedImage wanted;
    std::string store_name = {};  // that the store is to know it by; empty: none
  };
  struct Signature {
    std::string bytes;  // empty: the server will have it later
    std::string source;
  };

  Result<ImageRecord> discover(const WantedImage& wanted);
  Result<> offer_keys(const std::string& name);

  Result<ImageRecord> fetch(const RemoteAci& remote);
  Result<ImageRecord> fetch_once(const RemoteAci& remote);
  void remember(const std::string& url, const RemoteEntry& entry);
  static void forget(PartialFile& file);
  Result<PartialFile> open_partial(const RemoteAci& remote, bool& waited);
  // The image that came from there before, if it still counts; it may have to be confirmed by the server.
  std::optional<ImageRecord> known_image(const std::optional<RemoteEntry>& entry) const;
  bool is_enough() const;
  bool is_signature_given() const;
  Result<std::optional<Signature>> signature_of(const RemoteAci& remote, bool last);
  Result<HttpHeaders> download(const RemoteAci& remote, const RemoteEntry* known, PartialFile& file,
                               bool& unchanged);
  Result<ImageRecord> import(const RemoteAci& remote, const PartialFile& file,
                             const std::optional<Signature>& signature, bool& good);
  Result<ImageRecord> reuse(const RemoteAci& remote, const ImageRecord& image);

  ImportOptions import_options(std::optional<SignatureGate>& gate) const;
  bool counts(const ImageRecord& image) const;
  Result<ImageTrust> check(const AciCandidate& image, const WantedImage& wanted, const SignatureGate* gate);
  // What decides, with the manifest at hand, whether an image is committed.
  Result<ImageTrust> accept(const AciCandidate& image, const WantedImage& wanted, const SignatureGate* gate);
  Result<> fetch_dependencies(const schema::ImageManifest& manifest);
  Result<> fetch_dependency(const schema::Dependency& dependency);
  std::string chain_to(const std::string& last) const;

  Store& store_;
  const FetchSettings& settings_;
  const FetchOptions& options_;
  const ProgressCallback& progress_;
  AciWeb web_;
  // Of dependencies: those of a local file are only fetched if they are not there.
  PullPolicy policy_;
  // Whether what is being fetched is verified: then what it needs must be, too.
  bool strict_ = false;
  // Images that are being fetched, each needed by the one before.
  std::vector<const schema::ImageManifest*> chain_;
  std::vector<std::string> urls_;  // where these come from, as far as they do from the web
  std::set<std::string> done_;     // dependencies that this fetch has seen to
};

}  // namespace agena::stage0

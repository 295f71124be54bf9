#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "manifests/schema/image_id.h"
#include "stage0/store/docker_name.h"
#include "stage0/store/index.h"
#include "stage0/store/internal.h"
#include "stage0/store/layout.h"
#include "stage0/store/store.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kMaxRecordBytes = 8U << 20U;
constexpr Nanoseconds kTouchEvery = 60 * kSecond;

// A name with version and labels as users type it: "example.com/app:1.0,arch=amd64".
struct AppQuery {
  std::string name;
  std::vector<std::pair<std::string, std::string>> labels;
};

Result<AppQuery> parse_query(std::string_view text) {
  AppQuery query;
  const std::vector<std::string> parts = split(text, ',');
  // The version's colon follows the last slash: one before it belongs to a host and its port.
  const std::string& head = parts.front();
  const std::size_t slash = head.rfind('/');
  const std::size_t colon = head.find(':', slash == std::string::npos ? 0 : slash);
  query.name = head.substr(0, colon);
  if (colon != std::string::npos) query.labels.emplace_back("version", head.substr(colon + 1));
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const Cut label = cut(parts[i], '=');
    if (!label.found || label.before.empty())
      return fail(ErrorKind::kInvalidInput, "label '{}' in '{}' is not of the form NAME=VALUE",
                  printable(parts[i]), printable(text));
    query.labels.emplace_back(label.before, label.after);
  }
  return query;
}

bool matches(const ImageRecord& record, const AppQuery& query) {
  return record.manifest.name == query.name && std::ranges::all_of(query.labels, [&](const auto& label) {
           const std::string* value = record.manifest.labels.find(label.first);
           return value != nullptr && *value == label.second;
         });
}

// Whether a record that could not be read may be written anew.
bool is_gone_or_damaged(const Error& error) {
  return error.kind() == ErrorKind::kNotFound || error.kind() == ErrorKind::kInvalidInput ||
         error.kind() == ErrorKind::kVerification;
}

// "docker://busybox" and "oci://busybox" are found as "busybox".
std::string_view without_transport(std::string_view text) {
  for (const std::string_view transport : {"docker://", "oci://"})
    if (text.starts_with(transport)) return text.substr(transport.size());
  return text;
}

bool is_url(std::string_view text) { return text.starts_with("http://") || text.starts_with("https://"); }

// "localhost:5000/app:1" and "localhost:5000/app@sha256:…" as "localhost:5000/app".
std::string without_tag(std::string_view name) {
  name = cut(name, '@').before;
  const std::size_t slash = name.rfind('/');
  const std::size_t colon = name.find(':', slash == std::string_view::npos ? 0 : slash);
  return std::string(name.substr(0, colon));
}

}  // namespace

std::string image_path(const std::string& id) { return fmt::format("{}/{}", layout::kImages, id); }

void merge_names(std::vector<ImageName>& names, const std::vector<ImageName>& more) {
  for (const ImageName& name : more) {
    auto it = std::ranges::find(names, name.name, &ImageName::name);
    if (it == names.end())
      names.push_back(name);
    else
      it->time = std::max(it->time, name.time);
  }
}

bool is_pinned(std::string_view name) { return name.find("@sha256:") != std::string_view::npos; }

Result<ImageRecord> read_record(const sys::DirFd& cas, const std::string& id) {
  const std::string path = image_path(id);
  if (!is_image_id(id)) return fail(ErrorKind::kInvalidInput, "'{}' is not an image id", printable(id));
  const auto fd = sys::open_at(cas, path, O_RDONLY | O_NOFOLLOW);
  if (!fd && fd.error().kind() == ErrorKind::kNotFound)
    return fail(ErrorKind::kNotFound, "image '{}' is not in the store", id);
  if (!fd) return std::unexpected(fd.error());
  struct stat st{};
  if (::fstat(fd->get(), &st) != 0) return sys_fail("reading attributes of image record '{}'", id);
  const std::string bytes = TRY_CTX(sys::read_all(fd->get(), kMaxRecordBytes), "image record '{}'", id);
  auto record = TRY_CTX(image_record_from_json(bytes), "image '{}'", id);
  if (record.id != id)
    return fail(ErrorKind::kVerification, "image '{}': its record is that of '{}'", id, record.id);
  record.last_used = sys::mtime_of(st);
  return record;
}

Result<ImageRecord> Store::read_image(const std::string& id) const {
  if (!cas_) return fail(ErrorKind::kNotFound, "image '{}' is not in the store", printable(id));
  return read_record(cas_, id);
}

Result<std::vector<ImageRecord>> Store::list_images(ErrorList* broken) const {
  std::vector<ImageRecord> records;
  if (!cas_) return records;
  for (const std::string& name : TRY(sys::list_dir(cas_, layout::kImages))) {
    auto record = read_record(cas_, name);
    if (record)
      records.push_back(*std::move(record));
    else if (broken != nullptr && record.error().kind() != ErrorKind::kNotFound)
      broken->add(std::move(record).error());
  }
  std::ranges::sort(records, [](const ImageRecord& a, const ImageRecord& b) {
    return std::tie(a.import_time, a.id) < std::tie(b.import_time, b.id);
  });
  return records;
}

namespace {
// The first of these that is still there and suits; kNotFound if none does.
template <class Suits>
Result<ImageRecord> first_of(const sys::DirFd& cas, const std::vector<std::string>& ids, Suits suits) {
  for (const std::string& id : ids) {
    auto record = read_record(cas, id);
    if (!record && record.error().kind() == ErrorKind::kNotFound) continue;
    if (!record || suits(*record)) return record;
  }
  return fail(ErrorKind::kNotFound, "no such image in the store");
}
}  // namespace

Result<ImageRecord> Store::find_by_id(const std::string& prefix) {
  if (is_image_id(prefix)) {
    auto record = read_image(prefix);
    if (record || record.error().kind() != ErrorKind::kNotFound) return record;
    return fail(ErrorKind::kNotFound, "no image IDs found for '{}'", prefix);
  }
  const auto ids = TRY(TRY(index())->find_by_id(prefix, 2));
  if (ids.empty()) return fail(ErrorKind::kNotFound, "no image IDs found for '{}'", prefix);
  if (ids.size() > 1) return fail(ErrorKind::kInvalidInput, "ambiguous image ID: '{}'", prefix);
  return read_image(ids.front());
}

Result<ImageRecord> Store::find_by_digest(std::string_view prefix) {
  constexpr std::size_t kFewestDigits = 12;
  const std::string_view digits = cut(prefix, ':').after;
  if (!is_lower_hex(digits)) return fail(ErrorKind::kInvalidInput, "'{}' is not a digest", printable(prefix));
  if (digits.size() < kFewestDigits)
    return fail(ErrorKind::kInvalidInput, "digest '{}' is too short ({} digits are needed)", prefix,
                kFewestDigits);
  const auto ids = TRY(TRY(index())->find_by_digest(prefix, 2));
  if (ids.empty()) return fail(ErrorKind::kNotFound, "no image with the digest '{}' in the store", prefix);
  if (ids.size() > 1) return fail(ErrorKind::kInvalidInput, "ambiguous digest: '{}'", prefix);
  return read_image(ids.front());
}

// Another image may have a config with this digest, which a hostile registry has seen to.
Result<std::optional<ImageRecord>> Store::find_by_manifest(const Digest& manifest) {
  constexpr int kMost = 64;
  if (!cas_ || manifest.algorithm() != "sha256") return std::nullopt;
  auto record =
      first_of(cas_, TRY(TRY(index())->find_by_digest(manifest.str(), kMost)),
               [&](const ImageRecord& one) { return one.oci && one.oci->manifest_digest == manifest; });
  if (record) return *std::move(record);
  if (record.error().kind() == ErrorKind::kNotFound) return std::nullopt;
  return std::unexpected(std::move(record).error());
}

Result<std::optional<std::string>> Store::fetched_name(std::string_view text) {
  if (!cas_) return std::nullopt;
  text = without_transport(text);
  if (schema::looks_like_image_id(text) || text.starts_with("sha256:")) return std::nullopt;
  std::vector<std::string> names = {std::string(text)};
  for (std::string& name : docker_name_candidates(text)) names.push_back(std::move(name));
  for (std::string& name : names) {
    const auto found = first_of(cas_, TRY(TRY(index())->find_by_fetched_name(name)),
                                [](const ImageRecord&) { return true; });
    if (found) return std::move(name);
    if (found.error().kind() != ErrorKind::kNotFound) return std::unexpected(found.error());
  }
  return std::nullopt;
}

// The name may bear a tag, which the digest overrules.
Result<ImageRecord> Store::find_by_name_and_digest(std::string_view name, std::string_view digest) {
  const Digest wanted = TRY_CTX(Digest::parse(digest), "image '{}@{}'", printable(name), printable(digest));
  const std::vector<std::string> full = docker_name_candidates(name);
  for (const std::string& candidate : full) {
    const std::string pinned = without_tag(candidate) + "@" + wanted.str();
    auto record = first_of(cas_, TRY(TRY(index())->find_by_fetched_name(pinned)),
                           [](const ImageRecord&) { return true; });
    if (record || record.error().kind() != ErrorKind::kNotFound) return record;
  }
  return first_of(cas_, TRY(TRY(index())->find_by_digest(wanted.str(), 2)), [&](const ImageRecord& record) {
    if (!record.oci || record.oci->manifest_digest != wanted) return false;
    return std::ranges::any_of(record.names, [&](const ImageName& held) {
      return std::ranges::any_of(
          full, [&](const std::string& one) { return without_tag(one) == without_tag(held.name); });
    });
  });
}

Result<ImageRecord> Store::find_by_name(const std::string& name, const ImageFilter& suits) {
  auto record = first_of(cas_, TRY(TRY(index())->find_by_fetched_name(name)),
                         [&](const ImageRecord& one) { return !suits || suits(one); });
  if (record || record.error().kind() != ErrorKind::kNotFound) return record;
  return fail(ErrorKind::kNotFound, "no image '{}' in the store", printable(name));
}

Result<ImageRecord> Store::find_image(std::string_view text, const ImageFilter& suits) {
  const auto may_be = [&](const ImageRecord& record) { return !suits || suits(record); };
  if (!cas_) return fail(ErrorKind::kNotFound, "no image '{}' in the store", printable(text));
  if (is_url(text)) return find_by_name(std::string(text), suits);
  text = without_transport(text);
  if (schema::looks_like_image_id(text)) return find_by_id(TRY(schema::parse_image_id_prefix(text)));
  if (text.starts_with("sha256:")) return find_by_digest(text);
  auto absent = [&]() -> Result<ImageRecord> {
    return fail(ErrorKind::kNotFound, "no image '{}' in the store", printable(text));
  };
  if (const Cut pinned = cut(text, '@'); pinned.found) {
    auto record = find_by_name_and_digest(pinned.before, pinned.after);
    return record || record.error().kind() != ErrorKind::kNotFound ? std::move(record) : absent();
  }
  if (const auto name = TRY(fetched_name(text))) {
    auto record = first_of(cas_, TRY(TRY(index())->find_by_fetched_name(*name)), may_be);
    if (record || record.error().kind() != ErrorKind::kNotFound) return record;
  }
  const AppQuery query = TRY(parse_query(text));
  auto record = first_of(cas_, TRY(TRY(index())->find_by_app_name(query.name)),
                         [&](const ImageRecord& one) { return matches(one, query) && may_be(one); });
  return record || record.error().kind() != ErrorKind::kNotFound ? std::move(record) : absent();
}

Result<ImageRecord> Store::find_app_image(const schema::AcIdentifier& name, const schema::Labels& labels,
                                          const ImageFilter& suits) {
  AppQuery query{.name = name.str(), .labels = {}};
  for (const schema::Label& label : labels) query.labels.emplace_back(label.name.str(), label.value);
  auto record =
      first_of(cas_, TRY(TRY(index())->find_by_app_name(query.name)), [&](const ImageRecord& candidate) {
        return matches(candidate, query) && (!suits || suits(candidate));
      });
  if (record || record.error().kind() != ErrorKind::kNotFound) return record;
  std::string wanted = query.name;
  for (const auto& [key, value] : query.labels) wanted += fmt::format(",{}={}", key, printable(value));
  return fail(ErrorKind::kNotFound, "no image '{}' in the store", wanted);
}

Result<> Store::touch_last_used(const std::string& id) const {
  const std::string path = image_path(id);
  struct stat st{};
  // An image may be removed while its pods go on.
  if (::fstatat(cas_.get(), path.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    return sys_fail("noting the use of image '{}'", id);
  }
  const Nanoseconds age = now() - sys::mtime_of(st);
  if (age >= 0 && age < kTouchEvery) return {};
  const std::array<timespec, 2> times = {timespec{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
                                         timespec{.tv_sec = 0, .tv_nsec = UTIME_NOW}};
  if (::utimensat(cas_.get(), path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0 && errno != ENOENT)
    return sys_fail("noting the use of image '{}'", id);
  return {};
}

Result<bool> Store::is_complete(const ImageRecord& record) const {
  const auto complete = check_complete(record);
  if (!complete && complete.error().kind() != ErrorKind::kNotFound) return std::unexpected(complete.error());
  return complete.has_value();
}

Result<> Store::check_complete(const ImageRecord& record) const {
  for (const auto* list : {&record.layers, &record.sources})
    for (const LayerUse& layer : *list)
      if (!TRY(has_layer(layer.key)))
        return fail(ErrorKind::kNotFound, "layer '{}' of image '{}' is not in the store", layer.key.str(),
                    record.id);
  if (!record.oci) return {};
  for (const auto& digest : {record.oci->manifest_digest, record.oci->config_digest})
    if (digest && !TRY(sys::exists(cas_, fmt::format("{}/{}", layout::kBlobs, digest->hex()))))
      return fail(ErrorKind::kNotFound, "document '{}' of image '{}' is not in the store", digest->str(),
                  record.id);
  return {};
}

Result<ImageRecord> Store::commit_image(const ImageRecord& record, std::span<const Document> documents) {
  if (!is_image_id(record.id))
    return fail(ErrorKind::kInternal, "'{}' is not an image id", printable(record.id));
  const Staging staging = TRY(stage());
  // Shared, so that no sweep takes a layer or a document away before the record is there that keeps it.
  const sys::FileLock lock = TRY(lock_prepare(sys::LockMode::kShared));
  for (const Document& document : documents) TRY(put_blob(document.digest, document.bytes));
  TRY(check_complete(record));
  ImageRecord merged = record;
  TRY(TRY(index())->change_records([&]() -> Result<Index::Changed> {
    const std::vector<ImageName> names = TRY(names_to_get(record));
    merged.names = names;
    const auto present = read_image(record.id);
    // A damaged record is mended by being replaced. One by a newer program, or that cannot be read now, has
    // names and signers that would be lost.
    if (!present && !is_gone_or_damaged(present.error())) return std::unexpected(present.error());
    if (present) {
      merged.names = present->names;
      merge_names(merged.names, names);
      // Who vouched for it did so for what it is made of.
      if (merged.layers == present->layers) merged.trust.add(present->trust);
      for (const std::string& origin : present->origins)
        if (std::ranges::find(merged.origins, origin) == merged.origins.end())
          merged.origins.push_back(origin);
      if (merged.origins.size() > kMaxOrigins) merged.origins.resize(kMaxOrigins);
    }
    const std::string bytes = TRY(image_record_to_json(merged));
    TRY(write_shared_file(cas_, staging, "record", bytes));
    TRY(sys::rename_at(staging.dir(), "record", cas_, image_path(record.id)));
    // Here and not at the end, where somebody may have removed it again.
    merged = TRY(read_image(record.id));
    std::vector<ImageRecord> changed = {merged};
    for (const ImageName& name : names)
      if (!is_pinned(name.name))
        TRY(take_name(name.name, record.id, std::numeric_limits<Nanoseconds>::max(), staging, changed));
    return Index::Changed{.changed = std::move(changed), .removed = {}};
  }));
  TRY(sys::sync_dir(cas_, layout::kImages));
  return merged;
}

}  // namespace agena::stage0

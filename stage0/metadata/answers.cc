#include "stage0/metadata/answers.h"

#include <algorithm>
#include <array>
#include <expected>

#include "common/base/json_text.h"
#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/lock.h"
#include "stage0/config/base64.h"
#include "stage0/metadata/request_path.h"

namespace agena::stage0 {
namespace {

using json_text::Json;

constexpr int kOk = 200;
constexpr int kBadRequest = 400;
constexpr int kUnauthorized = 401;
constexpr int kForbidden = 403;
constexpr int kNotFound = 404;
constexpr int kMethodNotAllowed = 405;
constexpr int kConflict = 409;
constexpr int kTooLarge = 413;
constexpr int kUnsupportedType = 415;
constexpr int kServerError = 500;
constexpr int kUnavailable = 503;

constexpr std::string_view kFormType = "application/x-www-form-urlencoded";
constexpr std::size_t kMaxNetInfo = 1U << 20U;

MetadataAnswer text_answer(int status, std::string text) {
  return {.status = status, .body = std::move(text)};
}
MetadataAnswer refusal(int status, const std::string& text) { return text_answer(status, text + "\n"); }

MetadataAnswer json_answer(std::string text, const char* type = "application/json") {
  return {.status = kOk, .type = type, .body = std::move(text)};
}

MetadataAnswer annotations_answer(const schema::Annotations& annotations) {
  Json list = Json::array();
  for (const schema::Annotation& item : annotations)
    list.push_back(Json{{"name", item.name.str()}, {"value", item.value}});
  auto text = json_text::dump(list);
  if (!text) return refusal(kServerError, "the annotations are not UTF-8");
  // UTF-8 is what JSON is in; appc's text has us-ascii, whose every document is also that.
  return json_answer(*std::move(text), "application/json; charset=utf-8");
}

MetadataAnswer annotation_answer(const schema::Annotations& annotations, const std::string& name) {
  const std::string* value = annotations.find(name);
  if (value == nullptr) return refusal(kNotFound, "there is no such annotation");
  return {.status = kOk, .type = "text/plain; charset=utf-8", .body = *value};
}

// Of an app: its image's annotations, as the pod manifest changes and extends them.
schema::Annotations merged_annotations(const schema::RuntimeApp& app, const schema::ImageManifest& image) {
  schema::Annotations merged = image.annotations;
  for (const schema::Annotation& item : app.annotations) merged.set(item.name, item.value);
  return merged;
}

std::string field(const Form& form, std::string_view name) {
  const auto it = form.find(name);
  return it == form.end() ? "" : it->second;
}

MetadataAnswer sign(const Signer& signer, const RegisteredPod& pod, const Form& form) {
  const std::string content = field(form, "content");
  if (content.empty()) return refusal(kBadRequest, "the field 'content' is missing or empty");
  const auto signature = signer.sign(pod.uuid, content);
  if (!signature) return refusal(kServerError, signature.error().message());
  return text_answer(kOk, base64_encode(*signature));
}

MetadataAnswer verify(const Signer& signer, const Form& form) {
  // "uid" in the text of appc, "uuid" in rkt.
  const std::string uid = field(form, "uid");
  const auto uuid = Uuid::parse(uid.empty() ? field(form, "uuid") : uid);
  if (!uuid) return refusal(kBadRequest, "the field 'uid' is missing or no UUID");
  const std::string content = field(form, "content");
  if (content.empty()) return refusal(kBadRequest, "the field 'content' is missing or empty");
  const auto signature = base64_decode(field(form, "signature"));
  if (!signature || signature->empty())
    return refusal(kBadRequest, "the field 'signature' is missing or not base64");
  const auto verified = signer.verify(*uuid, content, *signature);
  if (!verified) return refusal(kServerError, verified.error().message());
  return *verified ? text_answer(kOk, "") : refusal(kForbidden, "the signature is not that pod's");
}

MetadataAnswer signature_answer(const Signer& signer, const RegisteredPod& pod, const MetadataPath& path,
                                const MetadataRequest& request) {
  const auto form = parse_form(request.body);
  if (!form) return refusal(kBadRequest, form.error().message());
  return path.entry == MetadataEntry::kSign ? sign(signer, pod, *form) : verify(signer, *form);
}

// What an entry is about. The app and its image are there for entries of apps only.
struct Subject {
  const RegisteredPod& pod;
  const schema::RuntimeApp* app;
  const Document<schema::ImageManifest>* image;
  const std::string& annotation;
};

struct EntryRow {
  MetadataEntry entry;
  bool of_app;
  MetadataAnswer (*answer)(const Subject&);
};
constexpr std::array kEntries = {
    EntryRow{MetadataEntry::kPodAnnotations, false,
             [](const Subject& of) { return annotations_answer(of.pod.pod.manifest.annotations); }},
    EntryRow{
        MetadataEntry::kPodAnnotation, false,
        [](const Subject& of) { return annotation_answer(of.pod.pod.manifest.annotations, of.annotation); }},
    EntryRow{MetadataEntry::kPodManifest, false,
             [](const Subject& of) { return json_answer(of.pod.pod.text); }},
    EntryRow{MetadataEntry::kPodUuid, false,
             [](const Subject& of) { return text_answer(kOk, of.pod.uuid.str()); }},
    EntryRow{MetadataEntry::kAppAnnotations, true,
             [](const Subject& of) {
               return annotations_answer(merged_annotations(*of.app, of.image->manifest));
             }},
    EntryRow{MetadataEntry::kAppAnnotation, true,
             [](const Subject& of) {
               return annotation_answer(merged_annotations(*of.app, of.image->manifest), of.annotation);
             }},
    EntryRow{MetadataEntry::kImageManifest, true,
             [](const Subject& of) { return json_answer(of.image->text); }},
    EntryRow{MetadataEntry::kImageId, true,
             [](const Subject& of) { return text_answer(kOk, of.app->image.id.str()); }},
};

MetadataAnswer entry_answer(const RegisteredPod& pod, const MetadataPath& path) {
  const auto row = std::ranges::find(kEntries, path.entry, &EntryRow::entry);
  if (row == kEntries.end()) return refusal(kNotFound, "there is no such entry");
  Subject subject{.pod = pod, .app = nullptr, .image = nullptr, .annotation = path.annotation};
  if (row->of_app) {
    subject.app = schema::find_app(pod.pod.manifest, path.app);
    const auto image = pod.apps.find(path.app);
    if (subject.app == nullptr || image == pod.apps.end()) return refusal(kNotFound, "there is no such app");
    subject.image = &image->second;
  }
  return row->answer(subject);
}

bool is_signature(MetadataEntry entry) {
  return entry == MetadataEntry::kSign || entry == MetadataEntry::kVerify;
}

// A request whose asker may ask, and asks in the right way.
struct Admitted {
  MetadataPath path;
  PodRegistry::Known pod;
};

// By all but the body.
std::expected<Admitted, MetadataAnswer> admit(const PodRegistry& pods, const MetadataRequest& request) {
  const auto refuse = [](int status, const std::string& text) {
    return std::unexpected(refusal(status, text));
  };
  auto path = parse_metadata_path(request.path);
  if (!path) return refuse(kNotFound, path.error().message());
  if (request.flavor != kFlavor)
    return refuse(kBadRequest, fmt::format("the header '{}: {}' is missing", kFlavorHeader, kFlavor));
  PodRegistry::Known pod = pods.find(path->token);
  if (pod == nullptr || !request.source || !may_use_token(*pod, *request.source))
    return refuse(kUnauthorized, "unauthorized");
  if (is_signature(path->entry)) {
    if (request.method != "POST") return refuse(kMethodNotAllowed, "signatures are asked for by POST");
    if (!to_lower(trim(cut(request.content_type, ';').before)).starts_with(kFormType))
      return refuse(kUnsupportedType, "the form must be of the type " + std::string(kFormType));
  } else if (request.method != "GET" && request.method != "HEAD") {
    return refuse(kMethodNotAllowed, "metadata are asked for by GET");
  }
  return Admitted{.path = *std::move(path), .pod = std::move(pod)};
}

struct StatusRow {
  ErrorKind kind;
  int status;
};
constexpr std::array kStatus = {
    StatusRow{ErrorKind::kInvalidInput, kBadRequest}, StatusRow{ErrorKind::kNotFound, kNotFound},
    StatusRow{ErrorKind::kAlreadyExists, kConflict}, StatusRow{ErrorKind::kBusy, kUnavailable}};

int status_of(const Error& error) {
  const auto row = std::ranges::find(kStatus, error.kind(), &StatusRow::kind);
  return row == kStatus.end() ? kServerError : row->status;
}

Result<PodRegistration> read_registration(const MetadataRequest& request) {
  const Form query = TRY(parse_form(request.query));
  PodRegistration registration{.token = field(query, "token"),
                               .source = TokenSource::kAnywhere,
                               .directory = field(query, "dir"),
                               .manifest = request.body};
  if (!registration.directory.empty() && !registration.directory.starts_with('/'))
    return fail(ErrorKind::kInvalidInput, "the directory is not absolute");
  const std::string network = field(query, "network");
  if (network == "host")
    registration.source = TokenSource::kLoopback;
  else if (network == "pod" && !registration.directory.empty())
    registration.source = TokenSource::kPod;
  else if (!network.empty())
    return fail(ErrorKind::kInvalidInput, "'network' is 'host', or 'pod' with a directory");
  return registration;
}

Result<> carry_out(PodRegistry& pods, const MetadataRequest& request) {
  const RegistrationPath path = TRY(parse_registration_path(request.path));
  if (request.method == "PUT") {
    if (!path.app.empty()) return pods.put_app(path.uuid, path.app, request.body);
    return pods.put_pod(path.uuid, TRY(read_registration(request)));
  }
  if (request.method != "DELETE" || !path.app.empty())
    return fail(ErrorKind::kInvalidInput, "'{}' is not done here", printable(request.method));
  if (TRY(pods.remove(path.uuid, field(TRY(parse_form(request.query)), "token")))) return {};
  return fail(ErrorKind::kNotFound, "pod '{}' is not registered", path.uuid.str());
}

// Every address of the pod that its network set-up has told of: the values of "ip", with or without a prefix,
// and of "ips".
bool has_address(const Json& network, const IpAddress& address) {
  const auto is_it = [&](const Json& value) {
    if (!value.is_string()) return false;
    const auto parsed = IpAddress::parse(cut(value.get_ref<const std::string&>(), '/').before);
    return parsed && *parsed == address;
  };
  if (!network.is_object()) return false;
  if (const auto ip = network.find("ip"); ip != network.end() && is_it(*ip)) return true;
  const auto ips = network.find("ips");
  if (ips == network.end() || !ips->is_array()) return false;
  return std::ranges::any_of(*ips, [&](const Json& element) {
    if (!element.is_object()) return is_it(element);
    const auto member = element.find("address");
    return member != element.end() && is_it(*member);
  });
}

// Whoever runs a pod holds the lock of its directory, from before it is registered until its end, whichever
// that is. A pod that is collected has its directory elsewhere.
bool is_running(const RegisteredPod& pod) {
  if (pod.directory.empty()) return true;
  auto dir = sys::open_dir(pod.directory);
  if (!dir) return false;
  const auto lock = sys::FileLock::try_now(*std::move(dir), sys::LockMode::kShared);
  return lock && !*lock;
}

}  // namespace

bool may_use_token(const RegisteredPod& pod, const IpAddress& source) {
  if (!is_running(pod)) return false;
  if (pod.source == TokenSource::kAnywhere) return true;
  if (pod.source == TokenSource::kLoopback) return source.is_loopback();
  // Who registered it cannot know that this flavour is in the host's network whatever it is told.
  if (const auto flavor = sys::read_link(sys::at_cwd(), pod.directory + "/" + contract::pod_paths::kFlavor);
      flavor && *flavor == "fly")
    return source.is_loopback();
  const auto text =
      sys::read_file(sys::at_cwd(), pod.directory + "/" + contract::pod_paths::kNetInfo, kMaxNetInfo);
  if (!text) {
    log::debug("pod '{}': {}", pod.uuid.str(), text.error().to_string());
    return false;
  }
  const auto networks = json_text::parse(*text);
  return networks && networks->is_array() &&
         std::ranges::any_of(*networks, [&](const Json& network) { return has_address(network, source); });
}

MetadataAnswer answer_metadata(const PodRegistry& pods, const MetadataRequest& request) {
  const auto admitted = admit(pods, request);
  if (!admitted) return admitted.error();
  const auto& [path, pod] = *admitted;
  if (is_signature(path.entry)) return signature_answer(pods.signer(), *pod, path, request);
  return entry_answer(*pod, path);
}

std::optional<MetadataAnswer> refuse_metadata_body(const PodRegistry& pods, const MetadataRequest& request) {
  const auto admitted = admit(pods, request);
  if (!admitted) return admitted.error();
  if (!is_signature(admitted->path.entry))
    return refusal(kTooLarge, "only signatures are asked for by a form");
  return std::nullopt;
}

MetadataAnswer answer_registration(PodRegistry& pods, const MetadataRequest& request, std::uint16_t port) {
  const auto done = carry_out(pods, request);
  MetadataAnswer answer =
      done ? text_answer(kOk, "") : refusal(status_of(done.error()), done.error().to_string());
  answer.port = port;
  return answer;
}

}  // namespace agena::stage0

#include "stage0/cli/flag_values.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "common/base/ip.h"
#include "common/base/options.h"
#include "common/base/strings.h"
#include "manifests/schema/port_map.h"
#include "stage0/pod/port_request.h"

namespace agena::stage0 {
namespace {

// rkt reads these values as URL queries, so a comma inside a value is written %2C. A '%' that no two hex
// digits follow stays as it is.
std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    const std::string_view digits = text[i] == '%' ? text.substr(i + 1, 2) : std::string_view();
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (digits.size() == 2 && error == std::errc{} && end == digits.data() + 2) {
      decoded += static_cast<char>(byte);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

struct KeyedValue {
  std::string key;
  std::string value;
};

// "key=value,key=value"; a key twice is an error.
Result<std::vector<KeyedValue>> parse_keyed_values(std::string_view text) {
  std::vector<KeyedValue> values;
  for (const std::string& part : split(text, ',')) {
    const Cut parts = cut(part, '=');
    if (!parts.found || parts.before.empty())
      return fail(ErrorKind::kInvalidInput, "expected KEY=VALUE, found '{}'", printable(part));
    if (std::ranges::find(values, parts.before, &KeyedValue::key) != values.end())
      return fail(ErrorKind::kInvalidInput, "'{}' is given twice", printable(parts.before));
    values.push_back({std::string(parts.before), percent_decoded(parts.after)});
  }
  return values;
}

// A row sets one key of a T.
template <class T>
struct KeyRow {
  std::string_view key;
  Result<> (*set)(T& target, const std::string& value);
};

template <class T, std::size_t N>
Error unknown_key(const std::array<KeyRow<T>, N>& rows, const std::string& key) {
  Error error(ErrorKind::kInvalidInput, fmt::format("unknown parameter '{}'", printable(key)));
  std::vector<std::string> names;
  for (const KeyRow<T>& row : rows) names.emplace_back(row.key);
  const std::string best = closest(key, names);
  return std::move(error).with_hint(best.empty() ? "there are: " + join(names, ", ")
                                                 : fmt::format("did you mean '{}'?", best));
}

template <class T, std::size_t N>
Result<> set_keys(const std::array<KeyRow<T>, N>& rows, const std::vector<KeyedValue>& values, T& target) {
  for (const KeyedValue& value : values) {
    const auto row = std::ranges::find(rows, value.key, &KeyRow<T>::key);
    if (row == rows.end()) return std::unexpected(unknown_key(rows, value.key));
    TRY_CTX(row->set(target, value.value), "{}", value.key);
  }
  return {};
}

Result<> check_absolute(const std::string& path) {
  if (!path.starts_with('/'))
    return fail(ErrorKind::kInvalidInput, "'{}' is not an absolute path", printable(path));
  if (path.contains('\0')) return fail(ErrorKind::kInvalidInput, "'{}' contains a NUL", printable(path));
  return {};
}

Result<std::uint32_t> parse_id(std::string_view text) {
  // The all-ones id means "no change" to chown(2).
  return static_cast<std::uint32_t>(TRY(parse_uint(text, UINT32_MAX - 1)));
}

Result<std::uint32_t> parse_mode(std::string_view text) {
  std::uint32_t mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error != std::errc{} || end != text.data() + text.size() || mode > 07777)
    return fail(ErrorKind::kInvalidInput, "'{}' is not an octal mode", printable(text));
  return mode;
}

// docker's recursive forms ("rslave") mean the same: all mounts of a volume are alike.
Result<schema::Propagation> parse_propagation(std::string_view text) {
  using enum schema::Propagation;
  if (text == "private" || text == "rprivate") return kPrivate;
  if (text == "slave" || text == "rslave") return kSlave;
  if (text == "shared" || text == "rshared") return kShared;
  return fail(ErrorKind::kInvalidInput, "'{}' is none of: private, slave, shared", printable(text));
}

constexpr std::array<KeyRow<VolumeRequest>, 9> kVolumeKeys = {{
    {"kind",
     [](VolumeRequest& volume, const std::string& value) -> Result<> {
       if (value != "host" && value != "empty")
         return fail(ErrorKind::kInvalidInput, "'{}' is neither 'host' nor 'empty'", printable(value));
       volume.kind = value == "host" ? VolumeRequest::Kind::kHost : VolumeRequest::Kind::kEmpty;
       return {};
     }},
    {"source",
     [](VolumeRequest& volume, const std::string& value) -> Result<> {
       TRY(check_absolute(value));
       volume.source = value;
       return {};
     }},
    {"readOnly",
     [](VolumeRequest& volume, const std::string& value) -> Result<> {
       volume.read_only = TRY(parse_bool(value));
       return {};
     }},
    {"recursive",
     [](VolumeRequest& volume, const std::string& value) -> Result<> {
       volume.recursive = TRY(parse_bool(value));
       return {};
     }},
    {"mode",
     [](VolumeRequest& volume, const std::string& value) -> Result<> {
       volume.mode = TRY(parse_mode(value));
       return {};
     }},
    {"uid",
     [](VolumeRequest& volume, const std::string& value) -> Result<> {
       volume.uid = TRY(parse_id(value));
       return {};
     }},
    {"gid",
     [](VolumeRequest& volume, const std::string& value) -> Result<> {
       volume.gid = TRY(parse_id(value));
       return {};
     }},
    {"propagation",
     [](VolumeRequest& volume, const std::string& value) -> Result<> {
       volume.propagation = TRY(parse_propagation(value));
       return {};
     }},
    {"idmap",
     [](VolumeRequest& volume, const std::string& value) -> Result<> {
       volume.map_ids = TRY(parse_bool(value));
       return {};
     }},
}};

constexpr std::array<KeyRow<MountRequest>, 2> kMountKeys = {{
    {"volume",
     [](MountRequest& mount, const std::string& value) -> Result<> {
       mount.volume = value;
       return {};
     }},
    {"target",
     [](MountRequest& mount, const std::string& value) -> Result<> {
       TRY(check_absolute(value));
       mount.target = value;
       return {};
     }},
}};

}  // namespace

Result<NameValue> parse_name_value(std::string_view text) {
  const Cut parts = cut(text, '=');
  if (!parts.found || parts.before.empty())
    return fail(ErrorKind::kInvalidInput, "expected NAME=VALUE, found '{}'", printable(text));
  return NameValue{std::string(parts.before), std::string(parts.after)};
}

Result<> add_name_value(std::vector<NameValue>& list, std::string_view text) {
  NameValue pair = TRY(parse_name_value(text));
  if (std::ranges::find(list, pair.name, &NameValue::name) != list.end())
    return fail(ErrorKind::kInvalidInput, "'{}' is already set", printable(pair.name));
  list.push_back(std::move(pair));
  return {};
}

Result<std::vector<NameValue>> parse_env_file(std::string_view content) {
  std::vector<NameValue> variables;
  std::size_t number = 0;
  for (const std::string& raw : split(content, '\n')) {
    ++number;
    const std::string_view line = trim(raw);
    if (line.empty() || line.starts_with('#') || line.starts_with(';')) continue;
    TRY_CTX(add_name_value(variables, line), "line {}", number);
  }
  return variables;
}

namespace {

// docker's "/srv/data:/data" as it is written here.
std::string hint_at_volume(std::string_view text) {
  const Cut parts = cut(text, ':');
  const Cut target = cut(parts.after, ':');
  if (!parts.found || !parts.before.starts_with('/'))
    return "as in --volume=data,kind=host,source=/srv/data --mount=volume=data,target=/data";
  return fmt::format("--volume=data,kind=host,source={}{} --mount=volume=data,target={}",
                     printable(parts.before), target.after == "ro" ? ",readOnly=true" : "",
                     printable(target.before));
}

}  // namespace

Result<VolumeRequest> parse_volume(std::string_view text) {
  const Cut parts = cut(text, ',');
  VolumeRequest volume;
  volume.name = parts.before;
  if (volume.name.empty() || volume.name.contains('='))
    return std::unexpected(
        Error(ErrorKind::kInvalidInput,
              fmt::format("expected NAME,kind=host|empty,…, found '{}'", printable(text)))
            .with_hint("as in --volume=data,kind=host,source=/srv/data --mount=volume=data,target=/data"));
  const auto values = parts.found ? TRY(parse_keyed_values(parts.after)) : std::vector<KeyedValue>();
  if (std::ranges::find(values, "kind", &KeyedValue::key) == values.end())
    return std::unexpected(
        Error(ErrorKind::kInvalidInput,
              fmt::format("volume '{}' has no kind (host or empty)", printable(volume.name)))
            .with_hint(hint_at_volume(text)));
  TRY_CTX(set_keys(kVolumeKeys, values, volume), "volume '{}'", printable(volume.name));
  const bool is_host = volume.kind == VolumeRequest::Kind::kHost;
  if (is_host && volume.source.empty())
    return fail(ErrorKind::kInvalidInput, "volume '{}' of kind host has no source", printable(volume.name));
  if (is_host && (volume.mode || volume.uid || volume.gid))
    return fail(ErrorKind::kInvalidInput, "volume '{}' of kind host cannot have mode, uid or gid",
                printable(volume.name));
  if (volume.read_only.value_or(false) &&
      volume.propagation.value_or(schema::Propagation::kPrivate) != schema::Propagation::kPrivate)
    return fail(
        ErrorKind::kInvalidInput,
        "volume '{}' is read-only, so it can only be private: what is mounted below it later would be "
        "writable",
        printable(volume.name));
  if (!is_host && volume.propagation)
    return fail(ErrorKind::kInvalidInput, "volume '{}' of kind empty cannot have a propagation",
                printable(volume.name));
  if (!is_host && volume.map_ids)
    return fail(ErrorKind::kInvalidInput,
                "volume '{}' of kind empty cannot have idmap: its files are the pod's already",
                printable(volume.name));
  if (!is_host && !volume.source.empty())
    return fail(ErrorKind::kInvalidInput, "volume '{}' of kind empty cannot have a source",
                printable(volume.name));
  return volume;
}

Result<MountRequest> parse_mount(std::string_view text) {
  MountRequest mount;
  auto values = parse_keyed_values(text);
  if (!values)
    return std::unexpected(std::move(values).error().with_hint("as in --mount=volume=data,target=/data"));
  TRY(set_keys(kMountKeys, *values, mount));
  if (mount.volume.empty()) return fail(ErrorKind::kInvalidInput, "'{}' names no volume", printable(text));
  if (mount.target.empty()) return fail(ErrorKind::kInvalidInput, "'{}' names no target", printable(text));
  return mount;
}

namespace {

Result<std::string> parse_host_address(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  const auto address = IpAddress::parse(text);
  if (!address) return fail(ErrorKind::kInvalidInput, "'{}' is not an IP address", printable(text));
  TRY(schema::check_forwarded_from(*address));
  return std::string(text);
}

Result<std::uint16_t> parse_port_number(std::string_view text, std::string_view what) {
  return static_cast<std::uint16_t>(TRY_CTX(parse_int(text, 1, 65535), "{}", what));
}

}  // namespace

Result<PortRequest> parse_pod_port(std::string_view text) {
  // What is left of the first three colons and right of the last is the address, which may have some itself.
  const Cut name = cut(text, ':');
  const Cut protocol = cut(name.after, ':');
  const Cut pod_port = cut(protocol.after, ':');
  const std::size_t last = pod_port.after.rfind(':');
  if (name.before.empty() || last == std::string_view::npos)
    return fail(ErrorKind::kInvalidInput, "expected NAME:PROTO:PORT:HOSTIP:HOSTPORT, found '{}'",
                printable(text));
  PortRequest port;
  port.name = name.before;
  port.protocol = protocol.before;
  if (!schema::is_forwarded_protocol(port.protocol))
    return fail(ErrorKind::kInvalidInput, "unknown protocol '{}' (tcp, udp, sctp)", printable(port.protocol));
  port.pod_port = TRY(parse_port_number(pod_port.before, "port of the pod"));
  if (last != 0) port.host_ip = TRY(parse_host_address(pod_port.after.substr(0, last)));
  port.host_port = TRY(parse_port_number(pod_port.after.substr(last + 1), "host port"));
  return port;
}

Result<PortRequest> parse_port(std::string_view text) {
  const std::size_t first = text.find(':');
  const std::size_t last = text.rfind(':');
  if (first == std::string_view::npos || first == 0)
    return std::unexpected(
        Error(ErrorKind::kInvalidInput,
              fmt::format("expected NAME:[HOSTIP:]HOSTPORT, found '{}'", printable(text)))
            .with_hint("port 80 of the pod from port 8080 of the host: --port=80-tcp:8080"));
  PortRequest port;
  port.name = text.substr(0, first);
  if (is_port_by_number(port.name) && !schema::AcName::parse(port.name)) TRY(parse_port_by_number(port.name));
  if (first != last) {
    auto address = parse_host_address(text.substr(first + 1, last - first - 1));
    if (!address)
      return std::unexpected(std::move(address).error().with_hint(
          "port 80 of the pod from port 8080 of the host: --port=80-tcp:8080"));
    port.host_ip = *std::move(address);
  }
  port.host_port = TRY(parse_port_number(text.substr(last + 1), "host port"));
  return port;
}

Result<> add_networks(std::vector<NetworkRequest>& list, std::string_view text) {
  const auto stands_alone = [](std::string_view name) { return name == "host" || name == "none"; };
  for (const std::string& part : split(text, ',')) {
    const Cut parts = cut(part, ':');
    const NetworkRequest network{std::string(parts.before), std::string(parts.after)};
    if (network.name.empty())
      return fail(ErrorKind::kInvalidInput, "empty network name in '{}'", printable(text));
    if (std::ranges::find(list, network.name, &NetworkRequest::name) != list.end())
      return fail(ErrorKind::kInvalidInput, "network '{}' is given twice", printable(network.name));
    if (!network.args.empty() && (stands_alone(network.name) || network.name == "all"))
      return fail(ErrorKind::kInvalidInput, "network '{}' takes no arguments", network.name);
    list.push_back(network);
  }
  const auto alone = std::ranges::find_if(list, stands_alone, &NetworkRequest::name);
  if (list.size() > 1 && alone != list.end())
    return fail(ErrorKind::kInvalidInput, "network '{}' cannot be combined with others", alone->name);
  return {};
}

Result<> add_dns(DnsRequest& dns, std::string_view text) {
  const bool is_mode = text == "host" || text == "none";
  if (dns.mode == DnsRequest::Mode::kHost || dns.mode == DnsRequest::Mode::kNone ||
      (is_mode && dns.mode != DnsRequest::Mode::kDefault))
    return fail(ErrorKind::kInvalidInput, "'host' and 'none' cannot be combined with other values");
  if (is_mode) {
    dns.mode = text == "host" ? DnsRequest::Mode::kHost : DnsRequest::Mode::kNone;
    return {};
  }
  for (std::string& server : TRY(parse_list(text))) {
    if (!IpAddress::parse(server))
      return fail(ErrorKind::kInvalidInput, "'{}' is not an IP address", printable(server));
    dns.servers.push_back(std::move(server));
  }
  dns.mode = DnsRequest::Mode::kStage0;
  return {};
}

Result<> add_hosts_entries(HostsRequest& hosts, std::string_view text) {
  if (hosts.mode == HostsRequest::Mode::kHost || (text == "host" && !hosts.entries.empty()))
    return fail(ErrorKind::kInvalidInput, "'host' cannot be combined with other values");
  if (text == "host") {
    hosts.mode = HostsRequest::Mode::kHost;
    return {};
  }
  for (const std::string& part : split(text, ',')) {
    const Cut entry = cut(part, '=');
    if (!entry.found || entry.after.empty())
      return fail(ErrorKind::kInvalidInput, "expected IP=NAME, found '{}'", printable(part));
    if (!IpAddress::parse(entry.before))
      return fail(ErrorKind::kInvalidInput, "'{}' is not an IP address", printable(entry.before));
    if (entry.after.find_first_of(" \t\r\n#") != std::string_view::npos)
      return fail(ErrorKind::kInvalidInput, "'{}' is not a host name", printable(entry.after));
    auto known = std::ranges::find(hosts.entries, entry.before, &HostsEntry::address);
    if (known == hosts.entries.end())
      known = hosts.entries.insert(known, HostsEntry{std::string(entry.before), {}});
    known->names.emplace_back(entry.after);
  }
  hosts.mode = HostsRequest::Mode::kStage0;
  return {};
}

Result<std::vector<std::string>> parse_list(std::string_view text) {
  std::vector<std::string> parts = split(text, ',');
  if (std::ranges::find(parts, "") != parts.end())
    return fail(ErrorKind::kInvalidInput, "empty element in '{}'", printable(text));
  return parts;
}

Result<std::vector<std::uint32_t>> parse_ids(std::string_view text) {
  std::vector<std::uint32_t> ids;
  for (const std::string& part : split(text, ',')) ids.push_back(TRY(parse_id(part)));
  return ids;
}

namespace {

template <class Rows>
Error unknown_insecure_option(std::string_view text, const Rows& rows) {
  std::vector<std::string> names;
  for (const auto& row : rows) names.emplace_back(row.name);
  const std::string best = closest(text, names);
  return Error(ErrorKind::kInvalidInput, fmt::format("unknown insecure option '{}'", printable(text)))
      .with_hint(best.empty() ? "there are: " + join(names, ", ") : fmt::format("did you mean '{}'?", best));
}

}  // namespace

Result<> add_insecure_options(InsecureOptions& options, std::string_view text) {
  struct Row {
    std::string_view name;
    InsecureOptions adds;
  };
  static constexpr InsecureOptions kAllFetch{.image = true, .tls = true, .http = true, .pubkey = true};
  static constexpr InsecureOptions kAllRun{.capabilities = true,
                                           .paths = true,
                                           .seccomp = true,
                                           .limits = true,
                                           .lsm = true,
                                           .image_isolators = true};
  static constexpr std::array kRows = {
      Row{"none", {}},
      Row{"image", {.image = true}},
      Row{"tls", {.tls = true}},
      Row{"ondisk", {}},
      Row{"http", {.http = true}},
      Row{"pubkey", {.pubkey = true}},
      Row{"capabilities", {.capabilities = true}},
      Row{"paths", {.paths = true}},
      Row{"seccomp", {.seccomp = true}},
      Row{"limits", {.limits = true}},
      Row{"lsm", {.lsm = true}},
      Row{"image-isolators", {.image_isolators = true}},
      Row{"all-fetch", kAllFetch},
      Row{"all-run", kAllRun},
      Row{"all",
          {.image = true,
           .tls = true,
           .http = true,
           .pubkey = true,
           .capabilities = true,
           .paths = true,
           .seccomp = true,
           .limits = true,
           .lsm = true,
           .image_isolators = true}},
  };
  static constexpr std::array kMembers = {&InsecureOptions::image,        &InsecureOptions::tls,
                                          &InsecureOptions::http,         &InsecureOptions::pubkey,
                                          &InsecureOptions::capabilities, &InsecureOptions::paths,
                                          &InsecureOptions::seccomp,      &InsecureOptions::limits,
                                          &InsecureOptions::lsm,          &InsecureOptions::image_isolators};
  for (const std::string& part : split(text, ',')) {
    const auto row = std::ranges::find(kRows, part, &Row::name);
    if (row == kRows.end()) return std::unexpected(unknown_insecure_option(part, kRows));
    for (const auto member : kMembers) options.*member = options.*member || row->adds.*member;
  }
  return {};
}

Result<PullPolicy> parse_pull_policy(std::string_view text) {
  if (text == "never") return PullPolicy::kNever;
  if (text == "new") return PullPolicy::kNew;
  if (text == "update") return PullPolicy::kUpdate;
  return fail(ErrorKind::kInvalidInput, "'{}' is none of: never, new, update", printable(text));
}

}  // namespace agena::stage0

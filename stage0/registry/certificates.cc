#include "stage0/registry/certificates.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/sys/fs.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kMaxCertificate = 1U << 20U;

Result<TlsSettings> read_directory(const sys::DirFd& directory, const std::string& path) {
  TlsSettings settings;
  const std::vector<std::string> names = TRY(sys::list_dir(directory));
  const auto has = [&](const std::string& name) { return std::ranges::find(names, name) != names.end(); };
  for (const std::string& name : names) {
    if (name.ends_with(".crt")) {
      settings.ca_pem += TRY_CTX(sys::read_file(directory, name, kMaxCertificate), "certificate '{}/{}'",
                                 printable(path), printable(name));
      settings.ca_pem += "\n";
    } else if (name.ends_with(".cert")) {
      const std::string key = name.substr(0, name.size() - 5) + ".key";
      if (!has(key))
        return fail(ErrorKind::kInvalidInput, "certificate '{}/{}' has no '{}' beside it", printable(path),
                    printable(name), printable(key));
      // Of several, the last: a connection shows one.
      settings.client_cert = path + "/" + name;
      settings.client_key = path + "/" + key;
    } else if (name.ends_with(".key") && !has(name.substr(0, name.size() - 4) + ".cert")) {
      return fail(ErrorKind::kInvalidInput, "key '{}/{}' has no certificate (*.cert) beside it",
                  printable(path), printable(name));
    }
  }
  return settings;
}

}  // namespace

Result<std::optional<TlsSettings>> read_certificates(const std::vector<std::string>& directories,
                                                     const std::string& host) {
  // The name becomes part of a path.
  if (host.empty() || host.starts_with('.') || host.find('/') != std::string::npos) return std::nullopt;
  for (const std::string& base : directories) {
    const std::string path = base + "/" + host;
    const auto directory = sys::open_dir(path);
    if (!directory && directory.error().kind() == ErrorKind::kNotFound) continue;
    if (!directory) return std::unexpected(directory.error());
    TlsSettings settings = TRY(read_directory(*directory, path));
    if (!settings.ca_pem.empty() || !settings.client_cert.empty()) return settings;
  }
  return std::nullopt;
}

}  // namespace agena::stage0

// What unpacking an image costs at the least, for tests/bench/images.py: reads layers that are gzip, inflates
// them with ISA-L, takes SHA-256 of both forms, and creates what the tar archives list, as fast as these
// libraries and the kernel do it. No checks, no limits, no whiteouts, no records, nothing is synced; for
// archives that can be trusted only.
//
//   image_floor TARGET LAYER...     each layer below TARGET/N, two threads
#define OPENSSL_SUPPRESS_DEPRECATED
#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kBlock = 512;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

// Bytes of a gzip file, inflated piece by piece; both forms are hashed.
class Inflated {
 public:
  explicit Inflated(const char* path) : fd_(::open(path, O_RDONLY)), in_(128 << 10), out_(256 << 10) {
    if (fd_ < 0) die(path);
    isal_inflate_init(&state_);
    state_.crc_flag = ISAL_GZIP;
    SHA256_Init(&packed_);
    SHA256_Init(&plain_);
  }
  ~Inflated() { ::close(fd_); }

  // The next at most n bytes; fewer only at the end of a piece.
  std::pair<const char*, std::size_t> take(std::size_t n) {
    if (at_ == end_) refill();
    const std::size_t size = std::min(n, end_ - at_);
    at_ += size;
    return {out_.data() + at_ - size, size};
  }
  void read(char* to, std::size_t n) {
    while (n > 0) {
      const auto [bytes, size] = take(n);
      if (size == 0) die("unexpected end");
      std::memcpy(to, bytes, size);
      to += size;
      n -= size;
    }
  }
  void skip(std::size_t n) {
    while (n > 0) n -= take(n).second;
  }
  void drain() {
    while (take(out_.size()).second > 0) {
    }
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256_Final(digest, &packed_);
    SHA256_Final(digest, &plain_);
  }

 private:
  void refill() {
    at_ = end_ = 0;
    while (end_ == 0) {
      if (state_.avail_in == 0) {
        const ssize_t n = ::read(fd_, in_.data(), in_.size());
        if (n < 0) die("read");
        if (n == 0) return;
        SHA256_Update(&packed_, in_.data(), static_cast<std::size_t>(n));
        state_.next_in = reinterpret_cast<std::uint8_t*>(in_.data());
        state_.avail_in = static_cast<std::uint32_t>(n);
      }
      state_.next_out = reinterpret_cast<std::uint8_t*>(out_.data());
      state_.avail_out = static_cast<std::uint32_t>(out_.size());
      if (isal_inflate(&state_) < 0) die("inflate");
      end_ = out_.size() - state_.avail_out;
      if (state_.block_state == ISAL_BLOCK_FINISH && end_ == 0) return;
    }
    SHA256_Update(&plain_, out_.data(), end_);
  }

  int fd_;
  std::vector<char> in_;
  std::vector<char> out_;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  inflate_state state_{};
  SHA256_CTX packed_{};
  SHA256_CTX plain_{};
};

std::uint64_t number(const char* field, std::size_t width) {
  if ((static_cast<unsigned char>(field[0]) & 0x80U) != 0) {
    std::uint64_t value = static_cast<unsigned char>(field[0]) & 0x7fU;
    for (std::size_t i = 1; i < width; ++i) value = value << 8U | static_cast<unsigned char>(field[i]);
    return value;
  }
  return std::strtoull(std::string(field, width).c_str(), nullptr, 8);
}

// What an extended header says of the member that follows.
struct Extended {
  std::string path;
  std::string link;
  std::vector<std::pair<std::string, std::string>> xattrs;
};

void parse_pax(const std::string& text, Extended& more) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = std::strtoull(text.c_str() + at, nullptr, 10);
    const std::size_t space = text.find(' ', at);
    const std::size_t equals = text.find('=', space);
    const std::string key = text.substr(space + 1, equals - space - 1);
    std::string value = text.substr(equals + 1, at + length - equals - 2);
    if (key == "path" || key == "GNU.sparse.name") more.path = value;
    if (key == "linkpath") more.link = value;
    if (key.starts_with("SCHILY.xattr.")) more.xattrs.emplace_back(key.substr(13), std::move(value));
    at += length;
  }
}

void finish(int fd, const char* header, const Extended& more) {
  const auto mode = static_cast<mode_t>(number(header + 100, 8));
  if (::fchown(fd, static_cast<uid_t>(number(header + 108, 8)),
               static_cast<gid_t>(number(header + 116, 8))) != 0)
    die("chown");
  if (::fchmod(fd, mode) != 0) die("chmod");
  for (const auto& [name, value] : more.xattrs) ::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0);
  const timespec time{.tv_sec = static_cast<time_t>(number(header + 136, 12)), .tv_nsec = 0};
  const timespec times[2] = {time, time};
  ::futimens(fd, times);
}

void write_file(Inflated& archive, int fd, std::uint64_t size) {
  while (size > 0) {
    const auto [bytes, n] = archive.take(size);
    if (n == 0) die("unexpected end");
    if (::write(fd, bytes, n) != static_cast<ssize_t>(n)) die("write");
    size -= n;
  }
}

void unpack(const std::string& target, const char* layer) {
  ::mkdir(target.c_str(), 0755);
  const int root = ::open(target.c_str(), O_PATH | O_DIRECTORY);
  Inflated archive(layer);
  char header[kBlock];
  Extended more;
  // The last directory is kept open: the members of one follow each other.
  std::string parent;
  int dir = ::dup(root);
  while (true) {
    archive.read(header, kBlock);
    if (header[0] == 0) break;
    const std::uint64_t size = number(header + 124, 12);
    const std::uint64_t padding = (kBlock - size % kBlock) % kBlock;
    const char kind = header[156];
    if (kind == 'x' || kind == 'g') {
      std::string text(size, '\0');
      archive.read(text.data(), size);
      archive.skip(padding);
      if (kind == 'x') parse_pax(text, more);
      continue;
    }
    std::string path(header, ::strnlen(header, 100));
    if (header[345] != 0) path = std::string(header + 345, ::strnlen(header + 345, 155)) + "/" + path;
    if (!more.path.empty()) path = more.path;
    while (path.ends_with('/')) path.pop_back();
    std::string link(header + 157, ::strnlen(header + 157, 100));
    if (!more.link.empty()) link = more.link;
    const std::size_t slash = path.rfind('/');
    const std::string above = slash == std::string::npos ? "" : path.substr(0, slash);
    if (above != parent) {
      ::close(dir);
      dir = above.empty() ? ::dup(root) : ::openat(root, above.c_str(), O_PATH | O_DIRECTORY);
      if (dir < 0) die(path.c_str());
      parent = above;
    }
    const std::string name = path.substr(slash + 1);
    if (kind == '5') {
      ::mkdirat(dir, name.c_str(), 0755);
      const int fd = ::openat(dir, name.c_str(), O_RDONLY | O_DIRECTORY);
      finish(fd, header, more);
      ::close(fd);
    } else if (kind == '2') {
      ::symlinkat(link.c_str(), dir, name.c_str());
    } else if (kind == '1') {
      ::linkat(root, link.c_str(), dir, name.c_str(), 0);
    } else if (kind == '3' || kind == '4' || kind == '6') {
      ::mknodat(dir, name.c_str(), kind == '3' ? S_IFCHR : kind == '4' ? S_IFBLK : S_IFIFO, 0);
    } else {
      const int fd = ::openat(dir, name.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      if (fd < 0) die(path.c_str());
      write_file(archive, fd, size);
      finish(fd, header, more);
      ::close(fd);
      archive.skip(padding);
    }
    more = {};
  }
  archive.drain();
  ::close(dir);
  ::close(root);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  ::umask(0);
  std::atomic<int> next = 2;
  auto work = [&] {
    for (int i = next++; i < argc; i = next++)
      unpack(std::string(argv[1]) + "/" + std::to_string(i - 2), argv[i]);
  };
  std::thread helper(work);
  work();
  helper.join();
}

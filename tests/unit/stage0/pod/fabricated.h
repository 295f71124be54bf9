// Pod directories made by hand, in any state of completeness.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "common/contract/app_life_file.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "stage0/pod/pod.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0::test_pods {

namespace paths = contract::pod_paths;
using test::ok;

// A pod manifest with apps of these names, all of one image named example.com/NAME:1.
inline std::string manifest(const std::vector<std::string>& apps, bool is_mutable = false) {
  std::string text;
  for (const std::string& app : apps)
    text += (text.empty() ? "" : ",") + std::string(R"({"name":")") + app + R"(","image":{"id":"sha512-)" +
            std::string(64, 'a') + R"(","name":"example.com/)" + app +
            R"(","labels":[{"name":"version","value":"1"}]},"app":{"exec":["/x"],"user":"0","group":"0",)" +
            R"("mountPoints":[{"name":"data","path":"/data","readOnly":true}]}})";
  return R"({"acKind":"PodManifest","acVersion":"0.8.11","apps":[)" + text +
         R"(],"volumes":[{"name":"data","kind":"host","source":"/srv"}],)" +
         R"("annotations":[{"name":"coreos.com/rkt/stage1/mutable","value":")" +
         (is_mutable ? "true" : "false") + R"("}]})";
}

class Fabric {
 public:
  Fabric() : pods_(Pods::create(temp_.path() + "/data").value()) {}

  const Pods& pods() const { return pods_; }
  std::string data_dir() const { return temp_.path() + "/data"; }

  // An empty pod directory.
  sys::DirFd bare(PodDirectory directory, const std::string& uuid) const {
    const std::string path = Pods::path_of(directory, Uuid::parse(uuid).value());
    EXPECT_TRUE(ok(sys::make_dir(pods_.dir(), path)));
    return sys::open_dir(pods_.dir(), path).value();
  }
  // A pod as stage0 prepares it, overlay form.
  sys::DirFd whole(PodDirectory directory, const std::string& uuid,
                   const std::vector<std::string>& apps) const {
    sys::DirFd pod = bare(directory, uuid);
    put(pod, paths::kManifest, manifest(apps));
    put(pod, paths::kCreated, "");
    put(pod, paths::kOverlayPrepared, "");
    EXPECT_TRUE(ok(sys::make_dirs(pod, std::string(paths::kStage1Upper) + "/" + paths::kStatusDir)));
    EXPECT_TRUE(ok(sys::make_dirs(pod, paths::kStage1Root)));
    return pod;
  }
  // A mutable one, whose apps were added.
  sys::DirFd sandbox(PodDirectory directory, const std::string& uuid,
                     const std::vector<std::string>& apps) const {
    sys::DirFd pod = whole(directory, uuid, apps);
    put(pod, paths::kManifest, manifest(apps, true));
    EXPECT_TRUE(ok(sys::make_dirs(pod, std::string(paths::kStage1Upper) + "/" + paths::kLifeDir)));
    for (const std::string& app : apps) {
      EXPECT_TRUE(ok(sys::make_dirs(pod, paths::app_info(app))));
      put(pod, paths::app_image_manifest(app), "{}");
    }
    return pod;
  }
  // What the supervisor tells of an app.
  static void lived(const sys::DirFd& pod, const std::string& app, const contract::AppLifeStatus& life) {
    EXPECT_TRUE(ok(contract::write_app_life(sys::open_dir(pod, paths::kStage1Upper).value(), app, life)));
  }
  static void put(const sys::DirFd& dir, const std::string& path, const std::string& text,
                  mode_t mode = 0644) {
    EXPECT_TRUE(ok(sys::write_file(dir, path, text, mode)));
  }
  // The app ended with this code.
  static void exited(const sys::DirFd& pod, const std::string& app, const std::string& code) {
    put(pod, std::string(paths::kStage1Upper) + "/" + paths::app_status(app), code);
  }

 private:
  test::TempDir temp_;
  Pods pods_;
};

// Makes a UUID that begins with this digit.
inline std::string uuid_of(char digit) { return std::string(8, digit) + "-0000-4000-8000-000000000000"; }

}  // namespace agena::stage0::test_pods

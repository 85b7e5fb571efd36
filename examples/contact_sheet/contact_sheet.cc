#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <hearth/hearth.h>

// A page with all pictures of a bucket, a hundred at a time:
//
//   GET /              the page; ?after=KEY: the next one
//   GET /?picture=KEY  one picture
//
// BUCKET in the environment names the bucket, which the function mounts.

namespace {

using hearth::Context;
using hearth::HttpEvent;
using hearth::HttpResponse;

namespace fs = std::filesystem;

constexpr std::size_t kPicturesOfPage = 100;
constexpr std::size_t kFilesMax = 100'000;         // looked at for one page
constexpr std::size_t kPictureBytesMax = 3 << 20;  // an answer has 6 MB, and bytes travel in it as base64

std::string BucketName() {
  const char* name = std::getenv("BUCKET");
  if (name == nullptr || *name == '\0')
    throw hearth::FunctionError("Configuration",
                                "BUCKET is not set; name the bucket whose pictures are shown");
  return name;
}

// By how it begins, whatever it is called. A page of ours shows nothing else.
std::string_view TypeOf(std::string_view bytes) {
  if (bytes.starts_with("\xff\xd8\xff")) return "image/jpeg";
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return "image/png";
  if (bytes.starts_with("GIF87a") || bytes.starts_with("GIF89a")) return "image/gif";
  if (bytes.size() >= 12 && bytes.starts_with("RIFF") && bytes.substr(8, 4) == "WEBP") return "image/webp";
  return {};
}

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string InQuery(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '-' || c == '.' || c == '_' || c == '/';
    const auto byte = static_cast<unsigned char>(c);
    if (plain) {
      out += c;
    } else {
      out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return out;
}

bool IsShown(const fs::directory_entry& entry) {
  const std::string name = entry.path().filename().string();
  if (name.starts_with('.') || entry.is_symlink() || !entry.is_regular_file()) return false;
  const std::string extension = entry.path().extension().string();
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png" || extension == ".webp" ||
         extension == ".gif";
}

struct Page {
  std::vector<std::string> keys;  // in the order of their bytes
  bool has_more = false;
};

Page ReadPage(const fs::path& folder, const std::string& after) {
  std::vector<std::string> keys;
  std::size_t looked_at = 0;
  for (fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied), end;
       at != end; ++at) {
    if (++looked_at > kFilesMax) {
      throw hearth::FunctionError("BucketTooLarge", "the bucket has more than " + std::to_string(kFilesMax) +
                                                        " files; a page of so many is not made");
    }
    if (at->is_directory() && at->path().filename().string().starts_with('.')) {
      at.disable_recursion_pending();
    } else if (IsShown(*at)) {
      std::string key = at->path().lexically_relative(folder).string();
      if (key > after) keys.push_back(std::move(key));
    }
  }
  const std::size_t count = std::min(keys.size(), kPicturesOfPage);
  std::partial_sort(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(count), keys.end());
  const bool has_more = keys.size() > count;
  keys.resize(count);
  return {std::move(keys), has_more};
}

// No script, nothing from elsewhere.
const std::map<std::string, std::string>& SafeHeaders() {
  static const std::map<std::string, std::string> headers = {
      {"content-security-policy", "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'"},
      {"x-content-type-options", "nosniff"},
      {"referrer-policy", "no-referrer"}};
  return headers;
}

HttpResponse Answer(std::string body, std::string_view type, int status = 200) {
  HttpResponse response{.status_code = status, .headers = SafeHeaders(), .body = std::move(body)};
  response.headers["content-type"] = type;
  return response;
}

HttpResponse Refuse(int status, std::string why) {
  return Answer(std::move(why) + "\n", "text/plain; charset=utf-8", status);
}

HttpResponse ShowPage(const std::string& bucket, const std::string& after) {
  const Page page = ReadPage(hearth::BucketsRoot() / bucket, after);
  std::string html =
      "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>" +
      Escaped(bucket) +
      "</title><style>body{font:14px sans-serif;margin:1rem;background:#222;color:#ddd}a{color:#9cf}"
      "main{display:grid;grid-template-columns:repeat(auto-fill,minmax(11rem,1fr));gap:1rem}figure{margin:0}"
      "img{width:100%;height:9rem;object-fit:contain;background:#111}figcaption{overflow-wrap:anywhere}</"
      "style><h1>" +
      Escaped(bucket) + "</h1><main>";
  for (const std::string& key : page.keys) {
    html += "<figure><img loading=\"lazy\" alt=\"" + Escaped(key) + "\" src=\"?picture=" + InQuery(key) +
            "\"><figcaption>" + Escaped(key) + "</figcaption></figure>";
  }
  html += "</main>";
  if (page.keys.empty()) html += after.empty() ? "<p>No pictures yet.</p>" : "<p>No more pictures.</p>";
  if (page.has_more) html += "<p><a href=\"?after=" + InQuery(page.keys.back()) + "\">more</a></p>";
  return Answer(hearth::internal::ToUtf8(html), "text/html; charset=utf-8");
}

struct Close {
  void operator()(int* fd) const { ::close(*fd); }
};

HttpResponse ShowPicture(const std::string& bucket, const std::string& key) {
  const fs::path path = hearth::BucketPath(bucket, key);  // throws where it would lead out
  int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return Refuse(404, "there is no such picture");
  const std::unique_ptr<int, Close> owned(&fd);
  struct stat st {};
  if (::fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return Refuse(404, "there is no such picture");
  const auto size = static_cast<std::size_t>(st.st_size);
  if (size > kPictureBytesMax) {
    return Refuse(413, "the picture has " + std::to_string(size) + " bytes; at most " +
                           std::to_string(kPictureBytesMax) + " are shown: make thumbnails first");
  }
  std::string bytes(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n = ::read(fd, bytes.data() + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  bytes.resize(done);
  const std::string_view type = TypeOf(bytes);
  if (type.empty()) return Refuse(415, "the file is no JPEG, PNG, WebP or GIF");
  return Answer(std::move(bytes), type);
}

HttpResponse Sheet(const HttpEvent& event) {
  if (event.method() != "GET" && event.method() != "HEAD") return Refuse(405, "only GET is answered here");
  const std::string bucket = BucketName();
  try {
    if (const auto key = event.query("picture")) return ShowPicture(bucket, *key);
  } catch (const hearth::EventError&) {
    return Refuse(404, "there is no such picture");
  }
  return ShowPage(bucket, event.query("after").value_or(""));
}

}  // namespace

HEARTH_HANDLER(Sheet);

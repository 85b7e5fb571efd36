#include "thumbnail.h"

#include <memory>
#include <vector>
#include <vips/vips8>

#include <hearth/error.h>

namespace image_resize {
namespace {

using hearth::FunctionError;
using vips::VImage;

constexpr int kQuality = 82;  // of JPEG and WebP: no visible loss at the size of a thumbnail

// libvips reads dozens of formats, some through parsers of doubtful fame. A file gets as far as these four
// only.
bool IsSupported(std::string_view image) {
  const bool jpeg = image.starts_with("\xff\xd8\xff");
  const bool png = image.starts_with("\x89PNG\r\n\x1a\n");
  const bool webp = image.size() >= 12 && image.starts_with("RIFF") && image.substr(8, 4) == "WEBP";
  const bool gif = image.starts_with("GIF87a") || image.starts_with("GIF89a");
  return jpeg || png || webp || gif;
}

// How many frames are unpacked.
int CheckSize(std::string_view image, Frames frames) {
  const VImage header = VImage::new_from_buffer(image.data(), image.size(), "");  // reads no pixels
  const int all = header.get_typeof("n-pages") != 0 ? header.get_int("n-pages") : 1;
  const int unpacked = frames == Frames::kAll ? all : 1;
  if (unpacked > kFramesMax) {
    throw FunctionError("TooManyFrames", "the picture has " + std::to_string(all) + " frames; at most " +
                                             std::to_string(kFramesMax) + " are made smaller");
  }
  const long long pixels = 1LL * header.width() * header.height() * unpacked;
  if (pixels <= kPixelsMax) return unpacked;
  throw FunctionError("ImageTooLarge",
                      std::to_string(header.width()) + "x" + std::to_string(header.height()) + " pixels" +
                          (unpacked > 1 ? " in each of " + std::to_string(unpacked) + " frames" : "") +
                          "; at most " + std::to_string(kPixelsMax) + " are unpacked");
}

// Stops the work on a picture at a time. libvips asks between two strips of it.
class Deadline {
 public:
  Deadline(const VImage& image, std::chrono::steady_clock::time_point at) : image_(image), at_(at) {
    if (at == std::chrono::steady_clock::time_point::max()) return;
    vips_image_set_progress(image_.get_image(), TRUE);
    handler_ = g_signal_connect(image_.get_image(), "eval", G_CALLBACK(&Deadline::OnProgress), this);
  }
  ~Deadline() {
    if (handler_ == 0) return;
    g_signal_handler_disconnect(image_.get_image(), handler_);
    vips_image_set_progress(image_.get_image(), FALSE);
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

 private:
  static void OnProgress(VipsImage* image, VipsProgress*, Deadline* self) {
    if (std::chrono::steady_clock::now() >= self->at_) vips_image_set_kill(image, TRUE);
  }
  VImage image_;
  const std::chrono::steady_clock::time_point at_;
  gulong handler_ = 0;
};

void CheckTime(std::chrono::steady_clock::time_point deadline) {
  if (std::chrono::steady_clock::now() < deadline) return;
  throw FunctionError("ImageTooSlow", "the picture takes longer than MAX_SECONDS allows");
}

VImage Shrink(std::string_view image, int long_edge, int frames) {
  // The blob borrows the bytes; libvips counts references to it, not to them.
  const std::unique_ptr<VipsBlob, void (*)(VipsBlob*)> blob(
      vips_blob_new(nullptr, image.data(), image.size()), [](VipsBlob* b) { vips_area_unref(VIPS_AREA(b)); });
  // "fail_on" goes through the loader's option string: libvips 8.14 does not pass thumbnail's own option of
  // that name on, and would make a picture of which the rest is grey.
  return VImage::thumbnail_buffer(
      blob.get(), long_edge,
      VImage::option()
          ->set("height", long_edge)
          ->set("size", VIPS_SIZE_DOWN)
          ->set("export_profile", "srgb")
          ->set("option_string", frames > 1 ? "n=-1,fail_on=error" : "fail_on=error"));
}

VImage OnWhite(const VImage& image) {
  if (!image.has_alpha()) return image;
  const double white = image.format() == VIPS_FORMAT_USHORT ? 65535 : 255;
  return image.flatten(VImage::option()->set("background", std::vector<double>{white}));
}

Thumbnail Encode(const VImage& image, Format format, int long_edge, int frames,
                 std::chrono::steady_clock::time_point deadline) {
  void* data = nullptr;
  std::size_t size = 0;
  auto* options = VImage::option()->set("strip", true);
  if (format != Format::kPng) options->set("Q", kQuality);
  const VImage opaque = format == Format::kJpeg ? OnWhite(image) : image;
  const Deadline limit(opaque, deadline);
  opaque.write_to_buffer(ExtensionOf(format).data(), &data, &size, options);
  const std::unique_ptr<void, void (*)(void*)> owned(data, g_free);
  return {std::string(static_cast<const char*>(data), size), long_edge, image.width(),
          image.height() / frames, frames};
}

}  // namespace

std::string_view ExtensionOf(Format format) {
  switch (format) {
    case Format::kJpeg:
      return ".jpg";
    case Format::kPng:
      return ".png";
    case Format::kWebp:
      return ".webp";
  }
  return ".jpg";
}

void StartLibrary() {
  if (VIPS_INIT("image_resize") != 0) throw FunctionError("VipsInit", vips_error_buffer());
  vips_block_untrusted_set(TRUE);
  vips_concurrency_set(
      1);  // the platform makes more workers; one picture needs no more than one core's threads
  vips_cache_set_max(0);  // no two invocations have a picture in common
}

std::vector<Thumbnail> MakeThumbnails(std::string_view image, const Settings& settings) {
  if (!IsSupported(image)) {
    throw FunctionError("UnsupportedImage", "the file begins like neither JPEG, PNG, WebP nor GIF");
  }
  try {
    const int frames = CheckSize(image, settings.format == Format::kWebp ? settings.frames : Frames::kFirst);
    std::vector<Thumbnail> thumbnails;
    for (const int long_edge : settings.long_edges) {
      CheckTime(settings.deadline);
      thumbnails.push_back(
          Encode(Shrink(image, long_edge, frames), settings.format, long_edge, frames, settings.deadline));
    }
    return thumbnails;
  } catch (const vips::VError& error) {
    const std::string message = error.what();  // one line for each layer that noticed, often the same
    vips_error_clear();  // its buffer is the process's, and would grow from picture to picture
    CheckTime(settings.deadline);
    throw FunctionError("BadImage", message.substr(0, message.find('\n')));
  }
}

}  // namespace image_resize

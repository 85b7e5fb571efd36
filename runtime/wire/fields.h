#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "runtime/wire/codec.h"

// One list of fields a frame, used for both directions, so that writing and reading cannot drift apart. A
// frame says its fields in wire order:
//
//   template <> struct FieldsOf<HelloFrame> {
//     static auto Tie(auto& f) { return std::tie(f.isolation_level, f.report); }
//   };

namespace hearth {

template <class Frame>
struct FieldsOf;

template <class T>
void WriteFields(FrameWriter& out, const T& value);
template <class T>
void ReadFields(FrameReader& in, T& value);

inline void WriteField(FrameWriter& out, uint8_t v) { out.U8(v); }
inline void WriteField(FrameWriter& out, uint32_t v) { out.U32(v); }
inline void WriteField(FrameWriter& out, int32_t v) { out.I32(v); }
inline void WriteField(FrameWriter& out, uint64_t v) { out.U64(v); }
inline void WriteField(FrameWriter& out, int64_t v) { out.I64(v); }
inline void WriteField(FrameWriter& out, const std::string& v) { out.String(v); }
inline void WriteField(FrameWriter& out, std::string_view v) { out.String(v); }
template <class T>
void WriteField(FrameWriter& out, const std::vector<T>& list) {
  out.U32(static_cast<uint32_t>(list.size()));
  for (const T& item : list) WriteField(out, item);
}
template <class T>
requires std::is_class_v<T>
void WriteField(FrameWriter& out, const T& frame) { WriteFields(out, frame); }

inline void ReadField(FrameReader& in, uint8_t& v) { v = in.U8(); }
inline void ReadField(FrameReader& in, uint32_t& v) { v = in.U32(); }
inline void ReadField(FrameReader& in, int32_t& v) { v = in.I32(); }
inline void ReadField(FrameReader& in, uint64_t& v) { v = in.U64(); }
inline void ReadField(FrameReader& in, int64_t& v) { v = in.I64(); }
inline void ReadField(FrameReader& in, std::string& v) { v = in.String(); }
// A count that lies costs nothing: each item takes bytes, so the reader fails when the packet's are used up.
template <class T>
void ReadField(FrameReader& in, std::vector<T>& list) {
  const uint32_t count = in.U32();
  for (uint32_t i = 0; i < count && in.ok(); ++i) ReadField(in, list.emplace_back());
}
template <class T>
requires std::is_class_v<T>
void ReadField(FrameReader& in, T& frame) { ReadFields(in, frame); }

template <class T>
void WriteFields(FrameWriter& out, const T& value) {
  std::apply([&out](const auto&... field) { (WriteField(out, field), ...); }, FieldsOf<T>::Tie(value));
}

template <class T>
void ReadFields(FrameReader& in, T& value) {
  std::apply([&in](auto&... field) { (ReadField(in, field), ...); }, FieldsOf<T>::Tie(value));
}

}  // namespace hearth

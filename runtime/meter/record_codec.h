#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/meter/entry_bytes.h"
#include "runtime/model/invocation_record.h"

namespace hearth {

// The bytes of an invocation record in the ledger; docs/ledger-format.md, "The meter's entries". About 120
// bytes.
//
// A version only ever adds fields at the end; the decoder reads every version up to its own and leaves what a
// record does not have at its default.
inline constexpr uint8_t kRecordVersion = 3;  // of records of a restore or a snapshot
inline constexpr uint8_t kRecordVersionOfOthers = 2;

// What a record is written into. Tag, flags, three choices, four names, a fixed number, and the numbers.
inline constexpr size_t kRecordNumbers = 14;
inline constexpr size_t kRecordBytesMax =
    8 + 4 * (1 + kEntryNameBytesMax) + 8 + kRecordNumbers * kEntryNumberBytesMax;
using RecordWriter = EntryWriter<kRecordBytesMax>;

// The bytes lie in the writer, which is a new one. kInvalidArgument when a name is empty or over 255 bytes.
Result<std::string_view> EncodeRecord(const InvocationRecord& record, RecordWriter& writer);
// Of an attempt that begins: what its record will be, should the daemon die before it ends. Not billed.
Result<std::string_view> EncodeOpening(const InvocationRecord& opening, RecordWriter& writer);
Result<std::string> EncodeRecord(const InvocationRecord& record);
// kUnsupported names a newer version; kCorrupt says which field; kNotFound: an account event.
Result<InvocationRecord> DecodeRecord(std::string_view bytes);

}  // namespace hearth

#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace hearth {

// Runs a seccomp program as the kernel would: classic BPF, as far as filters use it. Empty: it does something
// that the kernel refuses (another instruction, a jump or a read beyond the end, no return).
inline std::optional<uint32_t> RunBpf(const std::string& program, const seccomp_data& data) {
  std::vector<sock_filter> code(program.size() / sizeof(sock_filter));
  if (!code.empty()) std::memcpy(code.data(), program.data(), code.size() * sizeof(sock_filter));
  uint32_t accumulator = 0;
  for (size_t at = 0; at < code.size(); ++at) {
    const sock_filter& step = code[at];
    const auto jump = [&](bool taken) { at += taken ? step.jt : step.jf; };
    switch (step.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (step.k % 4 != 0 || step.k > sizeof data - 4) return std::nullopt;
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + step.k, 4);
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        accumulator &= step.k;
        break;
      case BPF_JMP | BPF_JA:
        at += step.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        jump(accumulator == step.k);
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        jump(accumulator > step.k);
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        jump(accumulator >= step.k);
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        jump((accumulator & step.k) != 0);
        break;
      case BPF_RET | BPF_K:
        return step.k;
      default:
        return std::nullopt;
    }
  }
  return std::nullopt;
}

// What comes of a stack of filters, the newest last: the most severe; of equals, the newest's.
inline std::optional<uint32_t> RunStack(const std::vector<std::string>& programs, const seccomp_data& data) {
  std::optional<uint32_t> verdict;
  for (auto program = programs.rbegin(); program != programs.rend(); ++program) {
    const auto said = RunBpf(*program, data);
    if (!said) return std::nullopt;
    const auto severity = [](uint32_t action) {
      return static_cast<int32_t>(action & SECCOMP_RET_ACTION_FULL);
    };
    if (!verdict || severity(*said) < severity(*verdict)) verdict = said;
  }
  return verdict;
}

}  // namespace hearth

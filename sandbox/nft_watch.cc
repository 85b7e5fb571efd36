#include "sandbox/nft_watch.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace hearth {
namespace {

constexpr int kNew = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE;
constexpr int kGone = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE;

// The table's name, which is the first of its attributes; "": another family's.
std::string_view TableOf(std::string_view message) {
  nfgenmsg about{};
  nlattr name{};
  if (message.size() < sizeof about + sizeof name) return {};
  memcpy(&about, message.data(), sizeof about);
  memcpy(&name, message.data() + sizeof about, sizeof name);
  message.remove_prefix(sizeof about);
  const bool whole = name.nla_len > sizeof name && name.nla_len <= message.size();
  if (about.nfgen_family != NFPROTO_INET || name.nla_type != NFTA_TABLE_NAME || !whole) return {};
  return message.substr(sizeof name, name.nla_len - sizeof name - 1);  // without its 0
}

}  // namespace

Result<NftWatch> NftWatch::Create(std::string table) {
  UniqueFd kernel(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER));
  sockaddr_nl all{};
  all.nl_family = AF_NETLINK;
  all.nl_groups = 1U << (NFNLGRP_NFTABLES - 1);
  if (!kernel || bind(kernel.get(), reinterpret_cast<const sockaddr*>(&all), sizeof all) != 0)
    return ErrnoError("watch the host's rules");
  return NftWatch(std::move(kernel), std::move(table));
}

std::optional<bool> NftWatch::IsThere() {
  std::optional<bool> there;
  char news[16 * 1024];
  for (;;) {
    const ssize_t size = recv(kernel_.get(), news, sizeof news, 0);
    if (size < 0 && errno == EAGAIN) return there;
    if (size < 0 && errno != EINTR) there = false;  // ENOBUFS: some were lost
    std::string_view rest(news, size > 0 ? static_cast<size_t>(size) : 0);
    while (rest.size() >= sizeof(nlmsghdr)) {
      nlmsghdr header{};
      memcpy(&header, rest.data(), sizeof header);
      if (header.nlmsg_len < sizeof header || header.nlmsg_len > rest.size()) break;
      const std::string_view body = rest.substr(sizeof header, header.nlmsg_len - sizeof header);
      const bool about_table = header.nlmsg_type == kNew || header.nlmsg_type == kGone;
      if (about_table && TableOf(body) == table_) there = header.nlmsg_type == kNew;
      rest.remove_prefix(std::min<size_t>(NLMSG_ALIGN(header.nlmsg_len), rest.size()));
    }
  }
}

}  // namespace hearth

#include "sandbox/links.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <net/route.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/base/files.h"

namespace hearth {
namespace {

// One request of rtnetlink, with attributes within attributes.
class LinkRequest final {
 public:
  LinkRequest(uint16_t type, uint16_t flags) {
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    Append(header);
    Append(ifinfomsg{});
  }

  LinkRequest& Text(uint16_t type, const std::string& text) {
    return Bytes(type, text.c_str(), text.size() + 1);
  }
  LinkRequest& Number(uint16_t type, uint32_t number) { return Bytes(type, &number, sizeof number); }
  // What follows, up to End(), is inside.
  LinkRequest& Begin(uint16_t type) {
    open_.push_back(bytes_.size());
    Append(rtattr{0, type});
    return *this;
  }
  LinkRequest& BeginPeer() {
    Begin(VETH_INFO_PEER);
    Append(ifinfomsg{});
    return *this;
  }
  LinkRequest& End() {
    rtattr header;
    memcpy(&header, &bytes_[open_.back()], sizeof header);
    header.rta_len = static_cast<uint16_t>(bytes_.size() - open_.back());
    memcpy(&bytes_[open_.back()], &header, sizeof header);
    open_.pop_back();
    return *this;
  }

  // errno as the kernel acknowledges it; 0: done.
  int Send() {
    const auto size = static_cast<uint32_t>(bytes_.size());
    memcpy(bytes_.data(), &size, sizeof size);
    const UniqueFd kernel(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (!kernel) return errno;
    sockaddr_nl to{};
    to.nl_family = AF_NETLINK;
    if (sendto(kernel.get(), bytes_.data(), bytes_.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to) <
        0)
      return errno;
    struct {
      nlmsghdr header;
      nlmsgerr verdict;
      char request[512];
    } answer{};
    if (recv(kernel.get(), &answer, sizeof answer, 0) < 0) return errno;
    return answer.header.nlmsg_type == NLMSG_ERROR ? -answer.verdict.error : EBADMSG;
  }

 private:
  LinkRequest& Bytes(uint16_t type, const void* data, size_t size) {
    Append(rtattr{static_cast<uint16_t>(RTA_LENGTH(size)), type});
    bytes_.append(static_cast<const char*>(data), size);
    bytes_.resize(RTA_ALIGN(bytes_.size()));
    return *this;
  }
  template <class T>
  void Append(const T& part) {
    bytes_.append(reinterpret_cast<const char*>(&part), sizeof part);
  }

  std::string bytes_;
  std::vector<size_t> open_;
};

Status Named(const std::string& what, int error) { return error == 0 ? Ok() : ErrnoError(what, error); }

sockaddr AddressOf(Ipv4Address address) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(address.bits);
  sockaddr any{};
  memcpy(&any, &in, sizeof in);
  return any;
}

Status Control(const std::string& what, unsigned long request, void* argument) {
  const UniqueFd any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!any) return ErrnoError("socket");
  return ioctl(any.get(), request, argument) == 0 ? Ok() : Status(ErrnoError(what));
}

ifreq RequestFor(const std::string& name) {
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  return request;
}

}  // namespace

Status MakeVethPair(const std::string& name, const std::string& peer, pid_t other) {
  LinkRequest request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  request.Text(IFLA_IFNAME, name)
      .Begin(IFLA_LINKINFO)
      .Text(IFLA_INFO_KIND, "veth")
      .Begin(IFLA_INFO_DATA)
      .BeginPeer()
      .Text(IFLA_IFNAME, peer)
      .Number(IFLA_NET_NS_PID, static_cast<uint32_t>(other))
      .End()
      .End()
      .End();
  return Named("make veth pair " + name, request.Send());
}

Status DeleteLink(const std::string& name) {
  LinkRequest request(RTM_DELLINK, 0);
  return Named("delete interface " + name, request.Text(IFLA_IFNAME, name).Send());
}

Status SetAddress(const std::string& name, Ipv4Address address, unsigned prefix) {
  ifreq request = RequestFor(name);
  request.ifr_addr = AddressOf(address);
  HEARTH_TRY(Control("set address of " + name, SIOCSIFADDR, &request));
  request.ifr_netmask = AddressOf({Ipv4Range{address, prefix}.mask()});
  return Control("set mask of " + name, SIOCSIFNETMASK, &request);
}

Status BringUp(const std::string& name) {
  ifreq request = RequestFor(name);
  request.ifr_flags = IFF_UP;
  return Control("bring up " + name, SIOCSIFFLAGS, &request);
}

Status AddDefaultRoute(Ipv4Address gateway) {
  rtentry route{};
  route.rt_dst = route.rt_genmask = AddressOf({0});
  route.rt_gateway = AddressOf(gateway);
  route.rt_flags = RTF_UP | RTF_GATEWAY;
  return Control("add default route", SIOCADDRT, &route);
}

std::vector<std::string> LinksNamed(const std::string& prefix) {
  std::vector<std::string> names;
  struct if_nameindex* const all = if_nameindex();
  for (auto each = all; each != nullptr && each->if_name != nullptr; ++each) {
    if (std::string_view(each->if_name).starts_with(prefix)) names.emplace_back(each->if_name);
  }
  if (all != nullptr) if_freenameindex(all);
  return names;
}

std::vector<Ipv4Address> LocalAddresses(const std::string& but_of_prefix) {
  std::vector<Ipv4Address> addresses;
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return addresses;
  for (const ifaddrs* each = all; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET) continue;
    if (std::string_view(each->ifa_name).starts_with(but_of_prefix)) continue;
    sockaddr_in in{};
    memcpy(&in, each->ifa_addr, sizeof in);
    addresses.push_back({ntohl(in.sin_addr.s_addr)});
  }
  freeifaddrs(all);
  return addresses;
}

Status DisableIpv6(const std::string& interface) {
  const std::string setting = "/proc/sys/net/ipv6/conf/" + interface + "/disable_ipv6";
  if (!PathExists(setting)) return Ok();
  HEARTH_ASSIGN(const UniqueFd file, OpenFile(setting, O_WRONLY));
  return WriteAll(file.get(), "1");
}

}  // namespace hearth

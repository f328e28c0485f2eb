// SPDX-License-Identifier: GPL-2.0-or-later
//
// ip, tcp, udp: packets on their way through the stack, as the kernel's own structures: args[] have the places of
// DTrace's pktinfo_t, csinfo_t, ipinfo_t and so on. What is not there at such a place is NULL: the headers of a packet
// that is still being made, the socket of one that has not been looked up yet.
#include "probe/stable.h"

#define S(n) "((" DV_SKB ")" n ")"
#define HDR(type, n, which) "(" type ")(" S(n) "->head + " S(n) "->" which ")"
#define NIL "(void *)0"
#define TCP "((" DV_SOCK ")arg0)->sk_protocol == 6"
// Big-endian, as it is in the packet: 0x86dd.
#define IPV6 S("arg1") "->protocol == 0xdd86"

#define IP4(n) {{DV_SKB, n, "pktinfo_t *"}, {DV_SOCK, S(n) "->sk", "csinfo_t *"},                                     \
		{"void *", HDR("void *", n, "network_header"), "ipinfo_t *"},                                         \
		{"struct net_device *", S(n) "->dev", "ifinfo_t *"},                                                  \
		{"struct iphdr *", HDR("struct iphdr *", n, "network_header"), "ipv4info_t *"},                       \
		{"struct ipv6hdr *", NIL, "ipv6info_t *"}}
#define IP6(n) {{DV_SKB, n, "pktinfo_t *"}, {DV_SOCK, S(n) "->sk", "csinfo_t *"},                                     \
		{"void *", HDR("void *", n, "network_header"), "ipinfo_t *"},                                         \
		{"struct net_device *", S(n) "->dev", "ifinfo_t *"}, {"struct iphdr *", NIL, "ipv4info_t *"},         \
		{"struct ipv6hdr *", HDR("struct ipv6hdr *", n, "network_header"), "ipv6info_t *"}}

static const struct dv_stable_row ip_rows[] = {
	{"send", DV_AT_ENTRY, "ip_finish_output2", .expect = {{2, DV_SKB}}, .args = IP4("arg2")},
	{"send", DV_AT_ENTRY, "ip6_finish_output2", true, .expect = {{2, DV_SKB}}, .args = IP6("arg2")},
	{"receive", DV_AT_ENTRY, "ip_rcv", .expect = {{0, DV_SKB}}, .args = IP4("arg0")},
	{"receive", DV_AT_ENTRY, "ipv6_rcv", true, .expect = {{0, DV_SKB}}, .args = IP6("arg0")},
};

#define TCP_ARGS(skb, sk, ip) TCP_ARGS_T(skb, sk, "void *", ip)
#define TCP_ARGS_T(skb, sk, type, ip)                                                                                 \
	{{DV_SKB, skb, "pktinfo_t *"}, {DV_SOCK, sk, "csinfo_t *"}, {type, ip, "ipinfo_t *"},                         \
	 {"struct tcp_sock *", sk, "tcpsinfo_t *"},                                                                   \
	 {"struct tcphdr *", HDR("struct tcphdr *", skb, "transport_header"), "tcpinfo_t *"}}
// A segment that has no IP header yet is known by TCP's own part of the packet.
#define SENT TCP_ARGS_T("arg1", "arg0", "struct tcp_skb_cb *", "(struct tcp_skb_cb *)" S("arg1") "->cb")
#define STATE_ARGS(last)                                                                                              \
	{{"void *", NIL}, {DV_SOCK, "arg0", "csinfo_t *"}, {"void *", NIL},                                           \
	 {"struct tcp_sock *", "arg0", "tcpsinfo_t *"}, {"void *", NIL}, {"int", last, "tcplsinfo_t *"}}

#define STATE "((" DV_SOCK ")arg0)->__sk_common.skc_state"
#define STATES .expect = {{0, DV_SOCK}, {1, "int"}, {2, "int"}}
#define NO_PACKET                                                                                                     \
	{{"void *", NIL}, {DV_SOCK, "arg0", "csinfo_t *"}, {DV_SOCK, "arg0", "ipinfo_t *"},                           \
	 {"struct tcp_sock *", "arg0", "tcpsinfo_t *"}, {DV_SOCK, "arg0", "tcpinfo_t *"}}
#define SEGMENT HDR("struct tcphdr *", "arg1", "transport_header")
// A reset that is no answer has no segment.
#define SYN "arg1 && (" SEGMENT ")->syn && !(" SEGMENT ")->ack"

static const struct dv_stable_row tcp_rows[] = {
	// The segment is made, the IP header is not.
	{"send", DV_AT_ENTRY, "__ip_queue_xmit", .expect = {{0, DV_SOCK}, {1, DV_SKB}}, .guard = TCP,
	 .args = SENT},
	{"send", DV_AT_ENTRY, "inet6_csk_xmit", true, .expect = {{0, DV_SOCK}, {1, DV_SKB}}, .guard = TCP,
	 .args = SENT},
	// What comes for a socket. IPv4's packets for sockets of IPv6 go through both.
	{"receive", DV_AT_ENTRY, "tcp_v4_do_rcv", .expect = {{0, DV_SOCK}, {1, DV_SKB}},
	 .args = TCP_ARGS("arg1", "arg0", HDR("void *", "arg1", "network_header"))},
	{"receive", DV_AT_ENTRY, "tcp_v6_do_rcv", true, .expect = {{0, DV_SOCK}, {1, DV_SKB}}, .guard = IPV6,
	 .args = TCP_ARGS("arg1", "arg0", HDR("void *", "arg1", "network_header"))},

	// A host tells of a connection by its states alone: 1 established, 2 SYN sent, 3 SYN received, 7 closed.
	{"connect-request", DV_AT_TRACEPOINT, "inet_sock_set_state", STATES, .guard = TCP " && arg2 == 2", .args = NO_PACKET},
	{"connect-request", DV_AT_ENTRY, "tcp_connect", .expect = {{0, DV_SOCK}}, .args = NO_PACKET},
	{"connect-established", DV_AT_TRACEPOINT, "inet_sock_set_state", STATES, .guard = TCP " && arg1 == 2 && arg2 == 1",
	 .args = NO_PACKET},
	{"connect-established", DV_AT_ENTRY, "tcp_finish_connect", .expect = {{0, DV_SOCK}, {1, DV_SKB}},
	 .args = TCP_ARGS("arg1", "arg0", HDR("void *", "arg1", "network_header"))},
	// ECONNREFUSED: a reset came; else it was given up.
	{"connect-refused", DV_AT_TRACEPOINT, "inet_sock_set_state", STATES,
	 .guard = TCP " && arg1 == 2 && arg2 == 7 && ((" DV_SOCK ")arg0)->sk_err == 111", .args = NO_PACKET},
	{"connect-refused", DV_AT_ENTRY, "tcp_reset", .expect = {{0, DV_SOCK}, {1, DV_SKB}}, .guard = STATE " == 2",
	 .args = TCP_ARGS("arg1", "arg0", HDR("void *", "arg1", "network_header"))},
	{"connect-refused", DV_AT_ENTRY, "tcp_reset", .expect = {{0, DV_SOCK}}, .guard = STATE " == 2", .args = NO_PACKET},
	{"accept-established", DV_AT_TRACEPOINT, "inet_sock_set_state", STATES, .guard = TCP " && arg1 == 3 && arg2 == 1",
	 .args = NO_PACKET},
	{"accept-established", DV_AT_ENTRY, "tcp_set_state", .expect = {{0, DV_SOCK}, {1, "int"}},
	 .guard = STATE " == 3 && (int)arg1 == 1", .args = NO_PACKET},
	// The answer to a SYN for which nobody listens; there is no socket. The tracepoint passes these since it passes a
	// reason, too (6.10).
	{"accept-refused", DV_AT_TRACEPOINT, "tcp_send_reset", .expect = {{2, "enum sk_rst_reason"}}, .guard = SYN,
	 .args = TCP_ARGS("arg1", NIL, HDR("void *", "arg1", "network_header"))},
	{"accept-refused", DV_AT_ENTRY, "tcp_v4_send_reset", .expect = {{1, DV_SKB}}, .guard = SYN,
	 .args = TCP_ARGS("arg1", NIL, HDR("void *", "arg1", "network_header"))},
	{"accept-refused", DV_AT_ENTRY, "tcp_v6_send_reset", true, .expect = {{1, DV_SKB}}, .guard = SYN,
	 .args = TCP_ARGS("arg1", NIL, HDR("void *", "arg1", "network_header"))},

	{"state-change", DV_AT_TRACEPOINT, "inet_sock_set_state", .expect = {{0, DV_SOCK}, {1, "int"}, {2, "int"}},
	 .guard = TCP, .args = STATE_ARGS("(int)arg1")},
	{"state-change", DV_AT_ENTRY, "tcp_set_state", .expect = {{0, DV_SOCK}, {1, "int"}},
	 .args = STATE_ARGS(STATE)},
};

#define UDP_ARGS(skb, sk, ip, udp)                                                                                    \
	{{DV_SKB, skb, "pktinfo_t *"}, {DV_SOCK, sk, "csinfo_t *"}, {"void *", ip, "ipinfo_t *"},                     \
	 {"struct udp_sock *", sk, "udpsinfo_t *"}, {"struct udphdr *", udp, "udpinfo_t *"}}

static const struct dv_stable_row udp_rows[] = {
	// The data is there, no header is.
	{"send", DV_AT_ENTRY, "udp_send_skb", .expect = {{0, DV_SKB}}, .args = UDP_ARGS("arg0", S("arg0") "->sk", NIL, NIL)},
	{"send", DV_AT_ENTRY, "udp_v6_send_skb", true, .expect = {{0, DV_SKB}},
	 .args = UDP_ARGS("arg0", S("arg0") "->sk", NIL, NIL)},
	{"receive", DV_AT_ENTRY, "udp_queue_rcv_skb", .expect = {{0, DV_SOCK}, {1, DV_SKB}},
	 .args = UDP_ARGS("arg1", "arg0", HDR("void *", "arg1", "network_header"),
			  HDR("struct udphdr *", "arg1", "transport_header"))},
	{"receive", DV_AT_ENTRY, "udpv6_queue_rcv_skb", true, .expect = {{0, DV_SOCK}, {1, DV_SKB}},
	 .args = UDP_ARGS("arg1", "arg0", HDR("void *", "arg1", "network_header"),
			  HDR("struct udphdr *", "arg1", "transport_header"))},
};

const struct dv_provider dv_prov_ip = DV_STABLE("ip", ip_rows);
const struct dv_provider dv_prov_tcp = DV_STABLE("tcp", tcp_rows);
const struct dv_provider dv_prov_udp = DV_STABLE("udp", udp_rows);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Networking: pktinfo_t, csinfo_t, ifinfo_t, and the headers of IP, TCP and UDP, from sk_buffs, socks and headers.
 * Numbers are in the host's byte order; addresses are text.
 */
inline uint16_t net16[uint16_t n] = n >> 8 | n << 8;
inline uint32_t net32[uint32_t n] = n >> 24 | n >> 8 & 0xff00 | n << 8 & 0xff0000 | n << 24;
/* As text, where the compiler knows how. */
inline string ip4_text[uint32_t *a] = defined(inet_ntoa(a)) ? inet_ntoa(a) : "<unknown>";
inline string ip6_text[struct in6_addr *a] = defined(inet_ntoa6(a)) ? inet_ntoa6(a) : "<unknown>";

typedef struct in6_addr in6_addr_t;

typedef struct pktinfo { uintptr_t pkt_addr; } pktinfo_t;
translator pktinfo_t < struct sk_buff *S > { pkt_addr = (uintptr_t)S; };

typedef struct csinfo { uintptr_t cs_addr; uint64_t cs_cid; pid_t cs_pid; zoneid_t cs_zoneid; } csinfo_t;
translator csinfo_t < struct sock *S > { cs_addr = (uintptr_t)S; cs_cid = (uint64_t)S; };

typedef struct ifinfo { string if_name; int8_t if_local; uintptr_t if_addr; } ifinfo_t;
translator ifinfo_t < struct net_device *D > {
	if_name = D == NULL ? "<none>" : stringof(D->name);
	if_local = D == NULL ? 1 : (D->flags & 8) != 0;
	if_addr = (uintptr_t)D;
};

typedef struct ipv4info {
	uint8_t ipv4_ver, ipv4_ihl, ipv4_tos;
	uint16_t ipv4_length, ipv4_ident;
	uint8_t ipv4_flags;
	uint16_t ipv4_offset;
	uint8_t ipv4_ttl, ipv4_protocol;
	string ipv4_protostr;
	uint16_t ipv4_checksum;
	ipaddr_t ipv4_src, ipv4_dst;
	string ipv4_saddr, ipv4_daddr;
	uintptr_t ipv4_hdr;
} ipv4info_t;
inline string proto_text[int p] =
	p == 1 ? "ICMP" : p == 2 ? "IGMP" : p == 6 ? "TCP" : p == 17 ? "UDP" : p == 41 ? "IPV6" : p == 58 ? "ICMPV6" :
	p == 132 ? "SCTP" : "<unknown>";
translator ipv4info_t < struct iphdr *I > {
	ipv4_ver = I->version;
	ipv4_ihl = I->ihl * 4;
	ipv4_tos = I->tos;
	ipv4_length = net16[I->tot_len];
	ipv4_ident = net16[I->id];
	ipv4_flags = net16[I->frag_off] >> 13;
	ipv4_offset = net16[I->frag_off] & 0x1fff;
	ipv4_ttl = I->ttl;
	ipv4_protocol = I->protocol;
	ipv4_protostr = proto_text[I->protocol];
	ipv4_checksum = net16[I->check];
	ipv4_src = I->saddr;
	ipv4_dst = I->daddr;
	ipv4_saddr = ip4_text[&I->saddr];
	ipv4_daddr = ip4_text[&I->daddr];
	ipv4_hdr = (uintptr_t)I;
};

typedef struct ipv6info {
	uint8_t ipv6_ver, ipv6_tclass;
	uint32_t ipv6_flow;
	uint16_t ipv6_plen;
	uint8_t ipv6_nexthdr;
	string ipv6_nextstr;
	uint8_t ipv6_hlim;
	string ipv6_saddr, ipv6_daddr;
	uintptr_t ipv6_hdr;
} ipv6info_t;
translator ipv6info_t < struct ipv6hdr *I > {
	ipv6_ver = I->version;
	ipv6_tclass = I->priority << 4 | I->flow_lbl[0] >> 4;
	ipv6_flow = (I->flow_lbl[0] & 0xf) << 16 | I->flow_lbl[1] << 8 | I->flow_lbl[2];
	ipv6_plen = net16[I->payload_len];
	ipv6_nexthdr = I->nexthdr;
	ipv6_nextstr = proto_text[I->nexthdr];
	ipv6_hlim = I->hop_limit;
	ipv6_saddr = ip6_text[&I->saddr];
	ipv6_daddr = ip6_text[&I->daddr];
	ipv6_hdr = (uintptr_t)I;
};

/* Which version of IP a packet is of: the first half byte of its header. */
inline uint8_t *skb_ip[struct sk_buff *S] = (uint8_t *)S->head + S->network_header;
inline struct iphdr *skb_ip4[struct sk_buff *S] = (struct iphdr *)(S->head + S->network_header);
inline struct ipv6hdr *skb_ip6[struct sk_buff *S] = (struct ipv6hdr *)(S->head + S->network_header);
typedef struct ipinfo {
	uint8_t ip_ver;
	uint32_t ip_plength;      /* bytes of payload */
	string ip_saddr, ip_daddr;
} ipinfo_t;
translator ipinfo_t < struct sk_buff *S > {
	ip_ver = *skb_ip[S] >> 4;
	ip_plength = *skb_ip[S] >> 4 == 4 ? net16[skb_ip4[S]->tot_len] - skb_ip4[S]->ihl * 4 : net16[skb_ip6[S]->payload_len];
	ip_saddr = *skb_ip[S] >> 4 == 4 ? ip4_text[&skb_ip4[S]->saddr] : ip6_text[&skb_ip6[S]->saddr];
	ip_daddr = *skb_ip[S] >> 4 == 4 ? ip4_text[&skb_ip4[S]->daddr] : ip6_text[&skb_ip6[S]->daddr];
};
translator ipinfo_t < struct iphdr *I > {
	ip_ver = 4;
	ip_plength = net16[I->tot_len] - I->ihl * 4;
	ip_saddr = ip4_text[&I->saddr];
	ip_daddr = ip4_text[&I->daddr];
};
translator ipinfo_t < struct ipv6hdr *I > {
	ip_ver = 6;
	ip_plength = net16[I->payload_len];
	ip_saddr = ip6_text[&I->saddr];
	ip_daddr = ip6_text[&I->daddr];
};
translator ipinfo_t < struct sock *S > {
	ip_ver = S->__sk_common.skc_family == 2 ? 4 : 6;
	ip_plength = 0;
	ip_saddr = S->__sk_common.skc_family == 2 ? ip4_text[&S->__sk_common.skc_rcv_saddr] :
		defined(S->__sk_common.skc_v6_rcv_saddr) ? ip6_text[&S->__sk_common.skc_v6_rcv_saddr] : "<unknown>";
	ip_daddr = S->__sk_common.skc_family == 2 ? ip4_text[&S->__sk_common.skc_daddr] :
		defined(S->__sk_common.skc_v6_daddr) ? ip6_text[&S->__sk_common.skc_v6_daddr] : "<unknown>";
};

/* A segment on its way to IP: it has no header of IP yet, but what is in it, and its socket, say what there will be. */
inline struct sk_buff *cb_skb[struct tcp_skb_cb *C] = (struct sk_buff *)((uintptr_t)C - offsetof(struct sk_buff, cb));
translator ipinfo_t < struct tcp_skb_cb *C > {
	ip_ver = cb_skb[C]->sk->__sk_common.skc_family == 2 ? 4 : 6;
	ip_plength = cb_skb[C]->len;
	ip_saddr = xlate <ipinfo_t> (cb_skb[C]->sk).ip_saddr;
	ip_daddr = xlate <ipinfo_t> (cb_skb[C]->sk).ip_daddr;
};

/* A header of either version, if there is one at this place. */
translator ipinfo_t < void *H > {
	ip_ver = H == NULL ? 0 : *(uint8_t *)H >> 4;
	ip_plength = H == NULL ? 0 : *(uint8_t *)H >> 4 == 4 ?
		net16[((struct iphdr *)H)->tot_len] - ((struct iphdr *)H)->ihl * 4 : net16[((struct ipv6hdr *)H)->payload_len];
	ip_saddr = H == NULL ? "<unknown>" : *(uint8_t *)H >> 4 == 4 ?
		ip4_text[&((struct iphdr *)H)->saddr] : ip6_text[&((struct ipv6hdr *)H)->saddr];
	ip_daddr = H == NULL ? "<unknown>" : *(uint8_t *)H >> 4 == 4 ?
		ip4_text[&((struct iphdr *)H)->daddr] : ip6_text[&((struct ipv6hdr *)H)->daddr];
};

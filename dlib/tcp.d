/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TCP and UDP: headers and connections. States are DTrace's numbers. */
inline uint8_t TH_FIN = 0x01;
inline uint8_t TH_SYN = 0x02;
inline uint8_t TH_RST = 0x04;
inline uint8_t TH_PUSH = 0x08;
inline uint8_t TH_ACK = 0x10;
inline uint8_t TH_URG = 0x20;
inline uint8_t TH_ECE = 0x40;
inline uint8_t TH_CWR = 0x80;

inline int32_t TCP_STATE_CLOSED = -6;
inline int32_t TCP_STATE_IDLE = -5;
inline int32_t TCP_STATE_BOUND = -4;
inline int32_t TCP_STATE_LISTEN = -3;
inline int32_t TCP_STATE_SYN_SENT = -2;
inline int32_t TCP_STATE_SYN_RECEIVED = -1;
inline int32_t TCP_STATE_ESTABLISHED = 0;
inline int32_t TCP_STATE_CLOSE_WAIT = 1;
inline int32_t TCP_STATE_FIN_WAIT_1 = 2;
inline int32_t TCP_STATE_CLOSING = 3;
inline int32_t TCP_STATE_LAST_ACK = 4;
inline int32_t TCP_STATE_FIN_WAIT_2 = 5;
inline int32_t TCP_STATE_TIME_WAIT = 6;

/* From the kernel's numbers: ESTABLISHED 1, SYN_SENT, SYN_RECV, FIN_WAIT1, FIN_WAIT2, TIME_WAIT, CLOSE, CLOSE_WAIT,
   LAST_ACK, LISTEN, CLOSING 11, NEW_SYN_RECV. */
inline int32_t tcp_state[int s] =
	s == 1 ? TCP_STATE_ESTABLISHED : s == 2 ? TCP_STATE_SYN_SENT : s == 3 || s == 12 ? TCP_STATE_SYN_RECEIVED :
	s == 4 ? TCP_STATE_FIN_WAIT_1 : s == 5 ? TCP_STATE_FIN_WAIT_2 : s == 6 ? TCP_STATE_TIME_WAIT :
	s == 8 ? TCP_STATE_CLOSE_WAIT : s == 9 ? TCP_STATE_LAST_ACK : s == 10 ? TCP_STATE_LISTEN :
	s == 11 ? TCP_STATE_CLOSING : TCP_STATE_CLOSED;
inline string tcp_state_string[int32_t s] =
	s == TCP_STATE_CLOSED ? "state-closed" : s == TCP_STATE_IDLE ? "state-idle" : s == TCP_STATE_BOUND ? "state-bound" :
	s == TCP_STATE_LISTEN ? "state-listen" : s == TCP_STATE_SYN_SENT ? "state-syn-sent" :
	s == TCP_STATE_SYN_RECEIVED ? "state-syn-received" : s == TCP_STATE_ESTABLISHED ? "state-established" :
	s == TCP_STATE_CLOSE_WAIT ? "state-close-wait" : s == TCP_STATE_FIN_WAIT_1 ? "state-fin-wait-1" :
	s == TCP_STATE_CLOSING ? "state-closing" : s == TCP_STATE_LAST_ACK ? "state-last-ack" :
	s == TCP_STATE_FIN_WAIT_2 ? "state-fin-wait-2" : s == TCP_STATE_TIME_WAIT ? "state-time-wait" : "<unknown>";

typedef struct tcpinfo {
	uint16_t tcp_sport, tcp_dport;
	uint32_t tcp_seq, tcp_ack;
	uint8_t tcp_offset, tcp_flags;
	uint16_t tcp_window, tcp_checksum, tcp_urgent;
	uintptr_t tcp_hdr;
} tcpinfo_t;
translator tcpinfo_t < struct tcphdr *T > {
	tcp_sport = net16[T->source];
	tcp_dport = net16[T->dest];
	tcp_seq = net32[T->seq];
	tcp_ack = net32[T->ack_seq];
	tcp_offset = T->doff * 4;
	tcp_flags = T->fin | T->syn << 1 | T->rst << 2 | T->psh << 3 | T->ack << 4 | T->urg << 5 | T->ece << 6 | T->cwr << 7;
	tcp_window = net16[T->window];
	tcp_checksum = net16[T->check];
	tcp_urgent = net16[T->urg_ptr];
	tcp_hdr = (uintptr_t)T;
};
/* Of a socket without a segment: its ports. */
translator tcpinfo_t < struct sock *S > {
	tcp_sport = S->__sk_common.skc_num;
	tcp_dport = net16[S->__sk_common.skc_dport];
	tcp_seq = 0;
	tcp_ack = 0;
	tcp_offset = 0;
	tcp_flags = 0;
	tcp_window = 0;
	tcp_checksum = 0;
	tcp_urgent = 0;
	tcp_hdr = 0;
};
inline struct tcphdr *skb_tcp[struct sk_buff *S] = (struct tcphdr *)(S->head + S->transport_header);
translator tcpinfo_t < struct sk_buff *S > {
	tcp_sport = net16[skb_tcp[S]->source];
	tcp_dport = net16[skb_tcp[S]->dest];
	tcp_seq = net32[skb_tcp[S]->seq];
	tcp_ack = net32[skb_tcp[S]->ack_seq];
	tcp_offset = skb_tcp[S]->doff * 4;
	tcp_flags = xlate <tcpinfo_t> (skb_tcp[S]).tcp_flags;
	tcp_window = net16[skb_tcp[S]->window];
	tcp_checksum = net16[skb_tcp[S]->check];
	tcp_urgent = net16[skb_tcp[S]->urg_ptr];
	tcp_hdr = (uintptr_t)skb_tcp[S];
};

typedef struct tcpsinfo {
	uintptr_t tcps_addr;
	int tcps_local, tcps_active;
	uint16_t tcps_lport, tcps_rport;
	string tcps_laddr, tcps_raddr;
	int32_t tcps_state;
	uint32_t tcps_iss, tcps_suna, tcps_snxt, tcps_rack, tcps_rnxt;
	uint32_t tcps_swnd, tcps_rwnd, tcps_cwnd, tcps_cwnd_ssthresh;
	uint32_t tcps_mss, tcps_rto;
	int tcps_retransmit;
} tcpsinfo_t;
translator tcpsinfo_t < struct sock *S > {
	tcps_addr = (uintptr_t)S;
	tcps_lport = S->__sk_common.skc_num;
	tcps_rport = net16[S->__sk_common.skc_dport];
	tcps_laddr = xlate <ipinfo_t> (S).ip_saddr;
	tcps_raddr = xlate <ipinfo_t> (S).ip_daddr;
	tcps_state = tcp_state[S->__sk_common.skc_state];
	tcps_suna = ((struct tcp_sock *)S)->snd_una;
	tcps_snxt = ((struct tcp_sock *)S)->snd_nxt;
	tcps_rnxt = ((struct tcp_sock *)S)->rcv_nxt;
	tcps_swnd = ((struct tcp_sock *)S)->snd_wnd;
	tcps_rwnd = ((struct tcp_sock *)S)->rcv_wnd;
	tcps_cwnd = ((struct tcp_sock *)S)->snd_cwnd * ((struct tcp_sock *)S)->mss_cache;
	tcps_cwnd_ssthresh = ((struct tcp_sock *)S)->snd_ssthresh * ((struct tcp_sock *)S)->mss_cache;
	tcps_mss = ((struct tcp_sock *)S)->mss_cache;
	tcps_retransmit = ((struct inet_connection_sock *)S)->icsk_retransmits != 0;
};
translator tcpsinfo_t < struct tcp_sock *T > {
	tcps_addr = xlate <tcpsinfo_t> ((struct sock *)T).tcps_addr;
	tcps_lport = xlate <tcpsinfo_t> ((struct sock *)T).tcps_lport;
	tcps_rport = xlate <tcpsinfo_t> ((struct sock *)T).tcps_rport;
	tcps_laddr = xlate <tcpsinfo_t> ((struct sock *)T).tcps_laddr;
	tcps_raddr = xlate <tcpsinfo_t> ((struct sock *)T).tcps_raddr;
	tcps_state = xlate <tcpsinfo_t> ((struct sock *)T).tcps_state;
	tcps_suna = xlate <tcpsinfo_t> ((struct sock *)T).tcps_suna;
	tcps_snxt = xlate <tcpsinfo_t> ((struct sock *)T).tcps_snxt;
	tcps_rnxt = xlate <tcpsinfo_t> ((struct sock *)T).tcps_rnxt;
	tcps_swnd = xlate <tcpsinfo_t> ((struct sock *)T).tcps_swnd;
	tcps_rwnd = xlate <tcpsinfo_t> ((struct sock *)T).tcps_rwnd;
	tcps_cwnd = xlate <tcpsinfo_t> ((struct sock *)T).tcps_cwnd;
	tcps_cwnd_ssthresh = xlate <tcpsinfo_t> ((struct sock *)T).tcps_cwnd_ssthresh;
	tcps_mss = xlate <tcpsinfo_t> ((struct sock *)T).tcps_mss;
	tcps_retransmit = xlate <tcpsinfo_t> ((struct sock *)T).tcps_retransmit;
};
typedef struct tcplsinfo { int32_t tcps_state; } tcplsinfo_t;
translator tcplsinfo_t < int I > { tcps_state = tcp_state[I]; };

typedef struct udpinfo {
	uint16_t udp_sport, udp_dport, udp_length, udp_checksum;
	uintptr_t udp_hdr;
} udpinfo_t;
translator udpinfo_t < struct udphdr *U > {
	udp_sport = net16[U->source];
	udp_dport = net16[U->dest];
	udp_length = net16[U->len];
	udp_checksum = net16[U->check];
	udp_hdr = (uintptr_t)U;
};
typedef struct udpsinfo {
	uintptr_t udps_addr;
	uint16_t udps_lport, udps_fport;
	string udps_laddr, udps_faddr;
} udpsinfo_t;
translator udpsinfo_t < struct sock *S > {
	udps_addr = (uintptr_t)S;
	udps_lport = S->__sk_common.skc_num;
	udps_fport = net16[S->__sk_common.skc_dport];
	udps_laddr = xlate <ipinfo_t> (S).ip_saddr;
	udps_faddr = xlate <ipinfo_t> (S).ip_daddr;
};
translator udpsinfo_t < struct udp_sock *U > {
	udps_addr = xlate <udpsinfo_t> ((struct sock *)U).udps_addr;
	udps_lport = xlate <udpsinfo_t> ((struct sock *)U).udps_lport;
	udps_fport = xlate <udpsinfo_t> ((struct sock *)U).udps_fport;
	udps_laddr = xlate <udpsinfo_t> ((struct sock *)U).udps_laddr;
	udps_faddr = xlate <udpsinfo_t> ((struct sock *)U).udps_faddr;
};

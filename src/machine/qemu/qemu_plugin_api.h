/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DV_MACHINE_QEMU_PLUGIN_API_H
#define DV_MACHINE_QEMU_PLUGIN_API_H
/**
 * What dvirt uses of QEMU's TCG plugin interface, levels 4 (QEMU 9.2 to 11.0, whose own are 4, 5 and 6) and 7 (from 11.1
 * on, which accepts no other). No distribution packages QEMU's own header, so the binary interface is declared here from
 * its documentation.
 *
 * Level 7 hands a pointer of the plugin's to each callback, behind the other arguments and in the place of the plugin's id.
 * Registering takes that pointer as a last argument, which the functions of earlier levels do not look at.
 *
 * All functions are weak: in a QEMU without one of them the plugin still loads, and can say what is wrong.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#define DV_QEMU_API	4
#define DV_QEMU_API_LAST 7

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_register;

struct qemu_plugin_info {
	const char *target_name;
	struct {
		int min, cur;
	} version;
	bool system_emulation;
	struct {
		int smp_vcpus, max_vcpus;
	} system;
};
/** What they all begin with; level 5 has more: an array says itself how large its elements are. */
struct qemu_plugin_reg_desc {
	struct qemu_plugin_register *handle;
	const char *name, *feature;
};
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_CB_R_REGS, QEMU_PLUGIN_CB_RW_REGS };

struct qemu_plugin_scoreboard;
typedef struct {
	struct qemu_plugin_scoreboard *score;
	size_t offset;
} qemu_plugin_u64;
enum qemu_plugin_cond {
	QEMU_PLUGIN_COND_NEVER, QEMU_PLUGIN_COND_ALWAYS, QEMU_PLUGIN_COND_EQ, QEMU_PLUGIN_COND_NE, QEMU_PLUGIN_COND_LT,
	QEMU_PLUGIN_COND_LE, QEMU_PLUGIN_COND_GT, QEMU_PLUGIN_COND_GE
};

/** A callback whose arguments are those of the level. */
typedef void (*qemu_plugin_cb)(void);
typedef void (*qemu_plugin_vcpu_udata_cb)(unsigned vcpu, void *userdata);

#define DV_QEMU __attribute__((weak, visibility("default")))
DV_QEMU void qemu_plugin_reset(qemu_plugin_id_t id, qemu_plugin_cb cb, void *userdata);
DV_QEMU void qemu_plugin_register_vcpu_init_cb(qemu_plugin_id_t id, qemu_plugin_cb cb, void *userdata);
DV_QEMU void qemu_plugin_register_vcpu_exit_cb(qemu_plugin_id_t id, qemu_plugin_cb cb, void *userdata);
DV_QEMU void qemu_plugin_register_vcpu_idle_cb(qemu_plugin_id_t id, qemu_plugin_cb cb, void *userdata);
DV_QEMU void qemu_plugin_register_vcpu_resume_cb(qemu_plugin_id_t id, qemu_plugin_cb cb, void *userdata);
DV_QEMU void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, qemu_plugin_cb cb, void *userdata);
DV_QEMU void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, qemu_plugin_cb cb, void *userdata);
DV_QEMU size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
DV_QEMU uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
DV_QEMU struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
DV_QEMU uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
DV_QEMU size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
DV_QEMU size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *dst, size_t size);
DV_QEMU void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, qemu_plugin_vcpu_udata_cb cb,
                                                    enum qemu_plugin_cb_flags flags, void *userdata);
DV_QEMU void qemu_plugin_register_vcpu_tb_exec_cond_cb(struct qemu_plugin_tb *tb, qemu_plugin_vcpu_udata_cb cb,
                                                       enum qemu_plugin_cb_flags flags, enum qemu_plugin_cond cond,
                                                       qemu_plugin_u64 entry, uint64_t imm, void *userdata);
DV_QEMU struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size);
DV_QEMU void *qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard *score, unsigned vcpu);
DV_QEMU GArray *qemu_plugin_get_registers(void);
/** Appends to @p buf. What it answers is a size or -1 up to level 5, true or false from 6 on: the buffer tells. From level 5
 *  on it does nothing outside of callbacks. */
DV_QEMU int qemu_plugin_read_register(struct qemu_plugin_register *handle, GByteArray *buf);
DV_QEMU bool qemu_plugin_read_memory_vaddr(uint64_t addr, GByteArray *data, size_t size);

#endif

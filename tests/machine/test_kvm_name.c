// SPDX-License-Identifier: GPL-2.0-or-later
// What virtual machines are called by the command lines of their VMMs.
#include "lib/test.h"
#include "machine/kvm/find.h"

struct row {
	const char *args; // arguments end with '|'
	const char *name;
};

static const struct row rows[] = {
	{"qemu-system-x86_64|-name|web|-m|512|", "web"},
	{"/usr/bin/qemu-system-x86_64|-m|512|-name|guest=web,debug-threads=on|", "web"},
	{"qemu-system-x86_64|-name|debug-threads=on,guest=web,process=x|", "web"},
	{"qemu-system-x86_64|-name|web,debug-threads=on|", "web"},
	{"qemu-system-x86_64|--name|web|", "web"},
	{"/usr/libexec/qemu-kvm|-name|guest=web|", "web"},
	{"kvm|-name|web|", "web"},
	{"qemu-system-x86_64|-name|first|-name|second|", "second"},
	{"qemu-system-x86_64|-name|a,,b|", "a_b"},
	{"qemu-system-x86_64|-name|process=x|", "comm-7"},
	{"qemu-system-x86_64|-name|guest=|", "comm-7"},
	{"qemu-system-x86_64|-name||", "comm-7"},
	{"qemu-system-x86_64|-name|", "comm-7"},
	{"qemu-system-x86_64|-name", "comm-7"},
	{"qemu-system-x86_64|-id|a|--id|b|", "comm-7"},
	{"qemu-system-x86_64|-name|guest=my vm (1)|", "my_vm__1_"},
	{"qemu-system-x86_64|-name|.hidden|", "_hidden"},
	{"qemu-system-x86_64|-name|a\033[31mb|", "a__31mb"},
	{"qemu-system-x86_64|-name|\xc3\xbc|", "__"},
	{"qemu-system-x86_64|-name|,,,,|", "__"},
	{"qemu-system-x86_64|-name|"
	 "0123456789012345678901234567890123456789012345678901234567890123456789|",
	 "012345678901234567890123456789012345678901234567890123456789012"},
	{"/firecracker|--id|fc-1|--api-sock|/x|", "fc-1"},
	{"/firecracker|--id=fc-1|", "fc-1"},
	{"firecracker|--id|fc-1|--|--id|other|", "fc-1"},
	{"firecracker|--identity|x|", "comm-7"},
	{"firecracker|--id|", "comm-7"},
	{"crosvm|run|--name|vm|kernel|", "vm"},
	{"lkvm|run|-n|vm|", "vm"},
	{"crosvm|run|-n|vm|", "comm-7"},
	{"cloud-hypervisor|--kernel|x|", "comm-7"},
	{"", "comm-7"},
	{"|", "comm-7"},
	{"noend", "comm-7"},
};

static void parse(const char *args, const char *comm, int pid, char ret[DV_KVM_NAME])
{
	char bytes[512];
	size_t n = strlen(args);

	REQUIRE(n < sizeof(bytes));
	for (size_t i = 0; i < n; i++)
		bytes[i] = args[i] == '|' ? '\0' : args[i];
	dv_kvm_name(bytes, n, comm, pid, ret);
}

int main(void)
{
	char name[DV_KVM_NAME], long_name[512 + 64] = "qemu|-name|";

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		parse(rows[i].args, "comm", 7, name);
		CHECK_STR(name, rows[i].name);
	}
	parse("x|", "odd comm:1", 123456, name);
	CHECK_STR(name, "odd_comm_1-123456");
	parse("x|", "", 3, name);
	CHECK_STR(name, "kvm-3");
	// A suffix takes the place of the end.
	memset(long_name + strlen(long_name), 'a', 100);
	long_name[111] = '|';
	parse(long_name, "comm", 7, name);
	dv_kvm_name_suffix(name, "-99");
	CHECK(strlen(name) == 63 && !strcmp(name + 60, "-99"));
	strcpy(name, "web");
	dv_kvm_name_suffix(name, "-99");
	CHECK_STR(name, "web-99");
	return test_done();
}

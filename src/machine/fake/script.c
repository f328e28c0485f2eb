/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading the text of a scripted machine (see fake.h). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "machine/fake/fake.h"

#define MEMORY_MAX (1ull << 30)

static const char *const reg_name[DV_REG_COUNT] = {
	"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
	"rip", "eflags", "cs", "ss", "ds", "es", "fs", "gs", "fs_base", "gs_base", "k_gs_base", "cr0", "cr2", "cr3",
	"cr4", "efer",
};

static bool number(const char *s, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = s ? strtoull(s, &end, 0) : 0;
	return s && *s && *s != '-' && !*end && !errno;
}

/* "REG=VALUE" */
static bool reg_set(const char *word, uint64_t *regs)
{
	const char *eq = strchr(word, '=');

	for (int r = 0; eq && r < DV_REG_COUNT; r++)
		if (strlen(reg_name[r]) == (size_t)(eq - word) && strncmp(word, reg_name[r], (size_t)(eq - word)) == 0)
			return number(eq + 1, &regs[r]);
	return false;
}

static const char *add_file(const char *script, uint64_t gpa, const char *name, struct dv_fake_script *s)
{
	char path[1024];
	const char *slash = strrchr(script, '/');
	struct dv_fake_piece p = {.gpa = gpa};
	long size;

	if (strchr(name, '/') || !slash)
		snprintf(path, sizeof(path), "%s", name);
	else
		snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - script), script, name);
	FILE *f = fopen(path, "re");
	if (!f)
		return "cannot open the file";
	if (fseek(f, 0, SEEK_END) < 0 || (size = ftell(f)) <= 0 || (uint64_t)size > MEMORY_MAX ||
	    fseek(f, 0, SEEK_SET) < 0) {
		fclose(f);
		return "the file is empty or too large";
	}
	p.size = (uint64_t)size;
	p.bytes = dv_xcalloc(1, p.size);
	size_t n = fread(p.bytes, 1, p.size, f);
	fclose(f);
	*DV_PUSH(&s->pieces) = p;
	return n == p.size ? NULL : "cannot read the file";
}

static void add_word(uint64_t gpa, uint64_t value, struct dv_fake_script *s)
{
	struct dv_fake_piece p = {gpa, 8, dv_xcalloc(1, 8)};

	memcpy(p.bytes, &value, 8);
	*DV_PUSH(&s->pieces) = p;
}

static const char *add_event(bool is_return, const char *ms, char **words, struct dv_fake_script *s)
{
	struct dv_fake_event e = {.is_return = is_return};
	uint64_t x;

	memcpy(e.reg, s->reg, sizeof(e.reg));
	if (!number(ms, &x) || x > 3600000)
		return "how many milliseconds?";
	e.ms = (uint32_t)x;
	for (char *w; (w = strtok_r(NULL, " \t", words));) {
		if (strncmp(w, "at=", 3) == 0 && strlen(w) < sizeof(e.place) + 3) {
			strcpy(e.place, w + 3);
		} else if (strncmp(w, "cpu=", 4) == 0 && number(w + 4, &x) && x < DV_MACH_MAX * 8) {
			e.cpu = (uint32_t)x;
		} else if (strncmp(w, "level=", 6) == 0 && number(w + 6, &x) && x < 8) {
			e.level = (uint32_t)x;
		} else if (strncmp(w, "tid=", 4) == 0 && number(w + 4, &x) && x <= INT32_MAX) {
			e.tid = (int32_t)x;
		} else if (!reg_set(w, e.reg)) {
			return "not understood";
		}
	}
	if (!e.place[0])
		return "an event needs at=PLACE";
	*DV_PUSH(&s->events) = e;
	return NULL;
}

static const char *read_line(const char *path, char *line, struct dv_fake_script *s)
{
	char *words, *kind = strtok_r(line, " \t", &words), *a, *b;
	uint64_t x, y;

	if (!kind)
		return NULL;
	if (strcmp(kind, "regs") == 0) {
		for (char *w; (w = strtok_r(NULL, " \t", &words));)
			if (!reg_set(w, s->reg))
				return "no such register, or no number";
		return NULL;
	}
	if (strcmp(kind, "local") == 0) {
		s->local = true;
		strcpy(s->name, "host");
		return NULL;
	}
	if (strcmp(kind, "why") == 0) {
		snprintf(s->why, sizeof(s->why), "%s", words ? words : "");
		return NULL;
	}
	a = strtok_r(NULL, " \t", &words);
	if (strcmp(kind, "event") == 0 || strcmp(kind, "return") == 0)
		return add_event(kind[0] == 'r', a, &words, s);
	if (strcmp(kind, "name") == 0 && a && strlen(a) < sizeof(s->name)) {
		strcpy(s->name, a);
		return NULL;
	}
	if (!number(a, &x))
		return "not understood";
	if (strcmp(kind, "vcpus") == 0 && x && x <= 64) {
		s->vcpus = (uint32_t)x;
		return NULL;
	}
	if (strcmp(kind, "pid") == 0 && x && x <= INT32_MAX) {
		s->pid = (int)x;
		while ((b = strtok_r(NULL, " \t", &words)) && number(b, &y) && y <= INT32_MAX && s->tid_count < 64)
			s->tids[s->tid_count++] = (int32_t)y;
		return b ? "not a thread's id" : NULL;
	}
	if (strcmp(kind, "levels") == 0 && x && x <= 8) {
		s->levels = (uint32_t)x;
		return NULL;
	}
	if (strcmp(kind, "repeat") == 0 && x <= UINT32_MAX) {
		s->repeat = (uint32_t)x;
		return NULL;
	}
	b = strtok_r(NULL, " \t", &words);
	if (strcmp(kind, "memory") == 0 && b)
		return add_file(path, x, b, s);
	if (strcmp(kind, "word") == 0 && number(b, &y)) {
		add_word(x, y, s);
		return NULL;
	}
	return "not understood";
}

struct dv_error *dv_fake_read(const char *path, struct dv_fake_script *ret)
{
	struct dv_fake_script s = {.name = "fake", .vcpus = 1, .levels = 1, .repeat = 1};
	char line[4096];
	int n = 0;
	FILE *f = fopen(path, "re");

	if (!f)
		return dv_error_sys(errno, "cannot open '%s'", path);
	while (fgets(line, sizeof(line), f)) {
		n++;
		line[strcspn(line, "#\n")] = 0;
		const char *why = read_line(path, line, &s);
		if (why) {
			fclose(f);
			dv_fake_deinit(&s);
			return dv_error_create(DV_ERR_SYNTAX, "'%s', line %d: %s", path, n, why);
		}
	}
	fclose(f);
	*ret = s;
	return NULL;
}

void dv_fake_deinit(struct dv_fake_script *s)
{
	for (size_t i = 0; i < s->pieces.count; i++)
		free(s->pieces.data[i].bytes);
	DV_VEC_FREE(&s->pieces);
	DV_VEC_FREE(&s->events);
}

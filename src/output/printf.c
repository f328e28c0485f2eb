/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * printf() and printa() formats: C's conversions and D's own. A value's size and sign come from its type in the script,
 * so that %d prints an integer of any width, and an unsigned one as unsigned.
 */
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "output/out.h"

void out_type_int(const struct dv_type *t, unsigned *size, bool *sgn)
{
	t = t ? dv_type_resolve(t) : NULL;
	*size = 8;
	*sgn = true;
	if (!t)
		return;
	if (t->kind == DV_TYPE_INT || t->kind == DV_TYPE_ENUM) {
		if (t->size == 1 || t->size == 2 || t->size == 4)
			*size = (unsigned)t->size;
		*sgn = t->is_signed;
	} else {
		*sgn = false;
	}
}

static uint64_t cut(uint64_t v, unsigned size, bool sgn)
{
	unsigned shift = 64 - 8 * size;

	if (size >= 8)
		return v;
	return sgn ? (uint64_t)((int64_t)(v << shift) >> shift) : v << shift >> shift;
}

/** "%" with the flags, width and precision of @p c, then @p tail. */
static void c_format(char *to, size_t size, const struct dv_conv *c, int width, int prec, const char *tail)
{
	char w[16] = "", p[16] = "";

	if (width)
		snprintf(w, sizeof(w), "%d", width < 0 ? -width : width);
	if (prec > 0) // as dtrace: a precision of 0 is none
		snprintf(p, sizeof(p), ".%d", prec);
	snprintf(to, size, "%%%s%s%s%s%s%s%s%s%s", c->alt ? "#" : "", c->zero && !c->left ? "0" : "",
		 c->left || width < 0 ? "-" : "", c->plus ? "+" : "", c->thousands ? "'" : "", c->blank ? " " : "", w,
		 p, tail);
}

static void put_int(FILE *f, const struct dv_conv *c, int width, int prec, uint64_t value, unsigned size, bool sgn)
{
	char fmt[64], tail[4] = {'l', 'l', c->letter, 0};

	if (!strcmp(c->size, "hh"))
		size = 1;
	else if (c->size[0] == 'h' && size > 2)
		size = 2;
	switch (c->letter) {
	case 'd':
	case 'i':
		if (!sgn)
			tail[2] = 'u';
		break;
	case 'p':
		tail[2] = 'x';
		sgn = false;
		break;
	case 'o':
	case 'u':
	case 'x':
	case 'X':
		sgn = false;
		break;
	default: // a letter for text, or for floating point, which D does not have
		tail[2] = sgn ? 'd' : 'u';
		break;
	}
	value = cut(value, size, sgn);
	c_format(fmt, sizeof(fmt), c, width, prec, tail);
	fprintf(f, fmt, (unsigned long long)value);
}

bool out_is_float(const struct dv_type *t)
{
	return t && dv_type_resolve(t)->kind == DV_TYPE_FLOAT;
}

// A long double is shown as a double: the bytes may be a guest's, and not all of them are numbers that printf knows.
void out_float(FILE *f, const struct dv_conv *c, int width, int prec, const struct dv_value *v)
{
	static const struct dv_conv plain = {.letter = 'g'};
	long double l = 0;
	float s = 0;
	double d = 0;
	char fmt[64];

	if (v->size == sizeof(s)) {
		memcpy(&s, v->bytes, sizeof(s));
		d = s;
	} else if (v->size == sizeof(d)) {
		memcpy(&d, v->bytes, sizeof(d));
	} else if (v->size == sizeof(l)) {
		memcpy(&l, v->bytes, sizeof(l));
		d = (double)l;
	}
	if (!c || !strchr("eEfgG", c->letter))
		c = &plain;
	c_format(fmt, sizeof(fmt), c, width, prec, (char[]){c->letter, 0});
	fprintf(f, fmt, d);
}

static void put_text(FILE *f, const struct dv_conv *c, int width, char *text)
{
	out_pad(f, text, width < 0 ? -width : width, c->left || width < 0);
	free(text);
}

static void put_time(FILE *f, const struct dv_conv *c, int width, uint64_t ns)
{
	time_t t = (time_t)((int64_t)ns / 1000000000);
	char text[80] = "";
	struct tm tm;

	if (!localtime_r(&t, &tm) ||
	    !strftime(text, sizeof(text), c->letter == 'Y' ? "%Y %b %e %H:%M:%S" : "%a, %d %b %G %T %Z", &tm))
		snprintf(text, sizeof(text), "%lld", (long long)ns);
	put_text(f, c, width, dv_xstrdup(text));
}

// %A of a bare number (a key): whose it is nobody knows.
static void put_address(struct dv_output *o, const struct dv_conv *c, int width, uint64_t addr, uint32_t machine)
{
	struct dv_addr a = {.machine = machine, .kernel = DV_KERNEL_LATEST, .user = c->letter == 'A', .addr = addr};

	put_text(o->f, c, width, out_address(o, &a));
}

static void put_bytes(FILE *f, const struct dv_conv *c, int width, int prec, const struct dv_value *v)
{
	size_t n = strnlen(v->bytes, v->size);

	if (prec > 0 && (size_t)prec < n)
		n = (size_t)prec;
	if (c->letter == 'S')
		put_text(f, c, width, out_escape_c(v->bytes, n));
	else if (!width)
		out_data(f, v->bytes, n, 0, false);
	else
		put_text(f, c, width, out_escape(v->bytes, n));
}

/** Nothing that a shell acts on, whatever quotes stand around it. */
static bool shell_safe(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (!(c >= '0' && c <= '9') && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && c < 0x80 &&
		    !strchr("_@%+=:,./- ", c))
			return false;
	}
	return true;
}

void out_value(struct dv_output *o, const struct dv_conv *c, int width, int prec, const struct dv_value *v,
	       const struct dv_type *type, uint32_t machine)
{
	unsigned size;
	char ch;
	bool sgn;

	if (v->kind == DV_VALUE_BLOCK ||
	    (v->kind == DV_VALUE_BYTES && type && dv_type_resolve(type)->kind == DV_TYPE_STACK)) {
		out_stack_format(o, c, width, v, machine);
		return;
	}
	if (v->kind == DV_VALUE_BYTES && out_is_float(type)) {
		out_float(o->f, c, width, prec, v);
		return;
	}
	if (v->kind == DV_VALUE_BYTES) {
		put_bytes(o->f, c, width, prec, v);
		return;
	}
	switch (c->letter) {
	case 'c':
	case 'C':
		ch = (char)v->i;
		put_text(o->f, c, width, c->letter == 'c' ? out_escape(&ch, 1) : out_escape_c(&ch, 1));
		break;
	case 'Y':
	case 'T':
		put_time(o->f, c, width, v->i);
		break;
	case 'a':
	case 'A':
		put_address(o, c, width, v->i, machine);
		break;
	default:
		out_type_int(type, &size, &sgn);
		put_int(o->f, c, width, prec, v->i, size, sgn);
		break;
	}
}

/** The int of a "*". */
static bool star(struct out_args *args, int *ret)
{
	const struct dv_type *type;
	struct dv_value v;
	int64_t i;

	if (!args->next(args, &v, &type) || v.kind != DV_VALUE_INT)
		return false;
	i = (int32_t)v.i;
	*ret = (int)(i > OUT_WIDTH_MAX ? OUT_WIDTH_MAX : i < -OUT_WIDTH_MAX ? -OUT_WIDTH_MAX : i);
	return true;
}

bool out_format(struct dv_output *o, const struct dv_conv *convs, size_t count, struct out_args *args)
{
	for (size_t i = 0; i < count; i++) {
		const struct dv_conv *c = &convs[i];
		const struct dv_type *type = NULL;
		int width = c->ptr_width ? 16 : c->width, prec = c->has_prec ? c->prec : 0;
		struct dv_value v;

		fwrite(c->text, 1, c->text_len, o->f);
		if (!c->letter)
			continue;
		if (c->width_star && !star(args, &width))
			return false;
		if (c->prec_star && !star(args, &prec))
			return false;
		if (c->agg && args->agg) {
			args->agg(args, c, width, prec);
			continue;
		}
		if (!args->next(args, &v, &type))
			return false;
		if (args->guard && v.kind == DV_VALUE_BYTES)
			args->unsafe |= !shell_safe(v.bytes, strnlen(v.bytes, v.size));
		out_value(o, c, width, prec, &v, type, args->machine);
	}
	return true;
}

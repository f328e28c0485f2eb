/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * print(): a value as C would write it, members one to a line, each with its type. What is all zero is left out, as the
 * kernel's own printer of typed data does, and dtrace on Linux with it. Types come from a guest and may be wrong on
 * purpose: every member must lie within the bytes at hand, depth and the number of lines are bounded.
 */
#include <ctype.h>
#include <string.h>

#include "output/out.h"

#define DEPTH_MAX 16
#define LINES_MAX 20000

struct printer {
	FILE *f;
	const uint8_t *bytes;
	uint64_t bits; /**< of @p bytes */
	unsigned indent, lines, depth;
};

static void value(struct printer *p, const struct dv_type *t, uint64_t bit, uint32_t bit_size);

static bool is_zero(const struct printer *p, uint64_t bit, uint64_t size)
{
	for (uint64_t i = bit / 8; i < (bit + size + 7) / 8; i++)
		if (p->bytes[i])
			return false;
	return true;
}

/** An integer of @p size bits, extended by sign. The caller has checked that it lies within. */
static uint64_t bits_at(const struct printer *p, uint64_t bit, uint32_t size, bool sgn)
{
	uint64_t v = 0;

	for (uint32_t i = 0; i < size; i++)
		v |= (uint64_t)(p->bytes[(bit + i) / 8] >> ((bit + i) % 8) & 1) << i;
	if (sgn && size < 64 && size && (v >> (size - 1) & 1))
		v |= ~0ull << size;
	return v;
}

/** "int", "struct list_head", "union", "char [16]", in parentheses. */
static void type_name(struct printer *p, const struct dv_type *t)
{
	char name[256];
	const struct dv_type *e = t;
	char dims[128] = "";

	for (int i = 0; i < 8 && e && e->kind == DV_TYPE_ARRAY; i++, e = e->ref) {
		size_t n = strlen(dims);

		snprintf(dims + n, sizeof(dims) - n, "[%u]", e->count);
	}
	if (!e)
		e = t;
	if ((e->kind == DV_TYPE_STRUCT || e->kind == DV_TYPE_UNION || e->kind == DV_TYPE_ENUM) &&
	    (!e->name || !e->name[0]))
		snprintf(name, sizeof(name), "%s",
			 e->kind == DV_TYPE_STRUCT  ? "struct"
			 : e->kind == DV_TYPE_UNION ? "union"
						    : "enum");
	else
		dv_type_name(e, name, sizeof(name));
	fputc('(', p->f);
	out_data(p->f, name, strlen(name), 0, false);
	fprintf(p->f, "%s%s)", dims[0] ? " " : "", dims);
}

static bool new_line(struct printer *p)
{
	if (p->lines > LINES_MAX)
		return false;
	fprintf(p->f, "%*s", (int)p->indent, "");
	if (p->lines++ < LINES_MAX)
		return true;
	fputs("...\n", p->f);
	return false;
}

static void members(struct printer *p, const struct dv_type *t, uint64_t bit)
{
	for (uint32_t i = 0; i < t->count; i++) {
		const struct dv_member *m = &t->members[i];
		const struct dv_type *mt = dv_type_complete(m->type);
		uint64_t size = m->bit_size ? m->bit_size : mt->size * 8, at = bit + m->bit_off;

		if (!size || at > p->bits || size > p->bits - at || is_zero(p, at, size))
			continue;
		// A whole byte may be non-zero for the sake of a neighbouring bit-field.
		if (m->bit_size && (m->bit_size > 64 || !bits_at(p, at, m->bit_size, false)))
			continue;
		if (!new_line(p))
			return;
		if (m->name && m->name[0]) {
			fputc('.', p->f);
			out_data(p->f, m->name, strlen(m->name), 0, false);
			fputs(" = ", p->f);
		}
		value(p, m->type, at, m->bit_size);
		fputs(",\n", p->f);
	}
}

static void elements(struct printer *p, const struct dv_type *t, uint64_t bit)
{
	const struct dv_type *e = dv_type_complete(t->ref);
	uint64_t size = e->size * 8;
	bool text = e->kind == DV_TYPE_INT && e->size == 1 && dv_type_is_string(t);

	for (uint32_t i = 0; i < t->count && size; i++, bit += size) {
		if (bit > p->bits || size > p->bits - bit)
			return;
		if (is_zero(p, bit, size)) {
			if (text)
				return;
			continue;
		}
		if (!new_line(p))
			return;
		value(p, t->ref, bit, 0);
		fputs(",\n", p->f);
	}
}

static void nested(struct printer *p, const struct dv_type *t, const struct dv_type *r, uint64_t bit)
{
	bool array = r->kind == DV_TYPE_ARRAY;

	type_name(p, t);
	fprintf(p->f, " %c\n", array ? '[' : '{');
	p->indent++;
	if (++p->depth > DEPTH_MAX)
		fprintf(p->f, "%*s...\n", (int)p->indent, "");
	else if (array)
		elements(p, r, bit);
	else
		members(p, r, bit);
	p->depth--;
	p->indent--;
	fprintf(p->f, "%*s%c", (int)p->indent, "", array ? ']' : '}');
}

static void enum_value(struct printer *p, const struct dv_type *r, uint64_t v)
{
	for (uint32_t i = 0; i < r->count; i++) {
		if ((uint64_t)r->enums[i].value == v) {
			out_data(p->f, r->enums[i].name, strlen(r->enums[i].name), 0, false);
			return;
		}
	}
	fprintf(p->f, r->is_signed ? "%lld" : "%llu", (long long)v);
}

static void scalar(struct printer *p, const struct dv_type *t, const struct dv_type *r, uint64_t v)
{
	type_name(p, t);
	if (r->kind == DV_TYPE_PTR)
		fprintf(p->f, "0x%llx", (unsigned long long)v);
	else if (r->kind == DV_TYPE_ENUM)
		enum_value(p, r, v);
	else if (r->is_char && v < 0x80 && isprint((int)v))
		fprintf(p->f, "'%c'", (int)v);
	else
		fprintf(p->f, r->is_signed ? "%lld" : "%llu", (long long)v);
}

static void text(struct printer *p, const struct dv_type *t, const char *bytes, size_t size)
{
	char *safe = out_escape_c(bytes, strnlen(bytes, size));

	type_name(p, t);
	fprintf(p->f, "\"%s\"", safe);
	free(safe);
}

static void value(struct printer *p, const struct dv_type *t, uint64_t bit, uint32_t bit_size)
{
	const struct dv_type *r = dv_type_complete(t);
	uint64_t size = bit_size ? bit_size : r->size * 8;

	switch (r->kind) {
	case DV_TYPE_STRUCT:
	case DV_TYPE_UNION:
	case DV_TYPE_ARRAY:
		nested(p, r->kind == DV_TYPE_ARRAY ? r : t, r, bit);
		return;
	case DV_TYPE_INT:
	case DV_TYPE_ENUM:
	case DV_TYPE_PTR:
		if (size && size <= 64 && bit <= p->bits && size <= p->bits - bit) {
			scalar(p, t, r, bits_at(p, bit, (uint32_t)size, r->is_signed && r->kind != DV_TYPE_PTR));
			return;
		}
		break;
	case DV_TYPE_STRING:
		if (!(bit % 8) && bit <= p->bits && size <= p->bits - bit) {
			text(p, t, (const char *)p->bytes + bit / 8, size / 8);
			return;
		}
		break;
	case DV_TYPE_FLOAT:
		if (!(bit % 8) && bit <= p->bits && size <= p->bits - bit) {
			const struct dv_value v = {
			    .kind = DV_VALUE_BYTES, .bytes = (const char *)p->bytes + bit / 8, .size = (uint32_t)(size / 8)};

			type_name(p, t);
			out_float(p->f, NULL, 0, 0, &v);
			return;
		}
		break;
	default:
		break;
	}
	type_name(p, t);
	fputs("?", p->f);
}

void out_print(struct dv_output *o, const struct dv_type *t, const uint8_t *bytes, uint32_t size, const uint64_t *addr,
	       unsigned indent)
{
	struct printer p = {.f = o->f, .bytes = bytes, .bits = (uint64_t)size * 8, .indent = indent};

	if (o->printsize && size > o->printsize)
		p.bits = (uint64_t)o->printsize * 8;
	if (addr)
		fprintf(o->f, "0x%llx = *\n%*s", (unsigned long long)*addr, (int)indent, "");
	value(&p, t, 0, 0);
	fputc('\n', o->f);
}

void out_print_value(struct dv_output *o, const struct dv_type *t, const struct dv_value *v)
{
	struct printer p = {.f = o->f};

	if (v->kind == DV_VALUE_INT)
		scalar(&p, t, dv_type_resolve(t), v->i);
	else
		text(&p, t, v->bytes, v->size);
	fputc('\n', o->f);
}

void out_bytes(FILE *f, const uint8_t *bytes, size_t n)
{
	if (!n)
		return;
	fprintf(f, "\n%11s", "");
	for (int i = 0; i < 16; i++)
		fprintf(f, "  %x", i);
	fputs("  0123456789abcdef\n", f);
	for (size_t i = 0; i < n; i += 16) {
		size_t end = n - i < 16 ? n - i : 16;

		fprintf(f, "     %5zx:", i);
		for (size_t j = 0; j < 16; j++) {
			if (j < end)
				fprintf(f, " %02x", bytes[i + j]);
			else
				fputs("   ", f);
		}
		fputs("  ", f);
		for (size_t j = 0; j < end; j++)
			fputc(bytes[i + j] >= ' ' && bytes[i + j] <= '~' ? bytes[i + j] : '.', f);
		fputc('\n', f);
	}
}

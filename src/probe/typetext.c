// SPDX-License-Identifier: GPL-2.0-or-later
//
// Types by their names in C, of the kind that prototypes have: words, then stars.
#include "probe/probe.h"

#include <string.h>

#define STARS_MAX 4
#define TEXT_MAX  128

// Drop a word wherever it stands alone.
static void drop(char *text, const char *word)
{
	size_t n = strlen(word);

	for (char *p = text; (p = strstr(p, word));) {
		bool start = p == text || p[-1] == ' ' || p[-1] == '*', end = !p[n] || p[n] == ' ' || p[n] == '*';

		if (start && end)
			memmove(p, p + n, strlen(p + n) + 1);
		else
			p += n;
	}
}

static const struct dv_type *find(struct dv_universe *u, const char *name)
{
	static const struct {
		const char *prefix;
		enum dv_type_kind kind;
	} tags[] = {{"struct ", DV_TYPE_STRUCT}, {"union ", DV_TYPE_UNION}, {"enum ", DV_TYPE_ENUM}};
	const struct dv_type *t;

	for (size_t i = 0; i < DV_COUNT(tags); i++) {
		size_t n = strlen(tags[i].prefix);

		if (!strncmp(name, tags[i].prefix, n)) {
			name += n + strspn(name + n, " ");
			return u->ops ? u->ops->find(u->ctx, tags[i].kind, name, NULL) : NULL;
		}
	}
	if (!strcmp(name, "void"))
		return dv_type_void();
	t = dv_type_base_by_name(name);
	return t ? t : u->ops ? u->ops->find(u->ctx, DV_TYPE_TYPEDEF, name, NULL) : NULL;
}

const struct dv_type *dv_type_by_text(struct dv_universe *u, const char *name, bool user)
{
	static const char *const qualifiers[] = {"const", "volatile", "restrict", "__user"};
	char buf[TEXT_MAX], *text = buf, *end;
	const struct dv_type *t;
	unsigned stars = 0;

	if (strlen(name) >= sizeof(buf))
		return NULL;
	strcpy(buf, name);
	for (size_t i = 0; i < DV_COUNT(qualifiers); i++)
		drop(text, qualifiers[i]);
	for (end = text + strlen(text); end > text && (end[-1] == ' ' || end[-1] == '*'); end--)
		stars += end[-1] == '*';
	*end = '\0';
	text += strspn(text, " ");
	t = find(u, text);
	if (!t && stars)
		t = dv_type_void();
	if (!t || stars > STARS_MAX)
		return NULL;
	for (unsigned i = 0; i < stars; i++) {
		struct dv_type *p;

		if (!user) {
			t = dv_type_ptr(t);
			continue;
		}
		p = dv_type_new(u, DV_TYPE_PTR, NULL, 8);
		p->ref = t;
		p->is_user = true;
		t = p;
	}
	return t;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text from data. A guest chooses the names of its processes and files, and the reader's terminal obeys escape
 * sequences; so nothing that a terminal acts on gets through, but newline and tab.
 */
#include <string.h>

#include "base/mem.h"
#include "output/out.h"

/** Bytes of the UTF-8 character at @p s that may pass as it is; 0: none does. */
static size_t utf8_printable(const unsigned char *s, size_t n)
{
	uint32_t c;
	size_t len;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] < 0xe0) {
		len = 2;
		c = s[0] & 0x1f;
	} else if ((s[0] & 0xf0) == 0xe0) {
		len = 3;
		c = s[0] & 0x0f;
	} else if (s[0] >= 0xf0 && s[0] < 0xf5) {
		len = 4;
		c = s[0] & 0x07;
	} else {
		return 0;
	}
	if (n < len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if ((len == 3 && c < 0x800) || (len == 4 && c < 0x10000) || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	// C1 controls; and marks that turn the direction of a line's text around.
	if (c < 0xa0 || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
		return 0;
	return len;
}

static char *octal(char *to, unsigned char c)
{
	*to++ = '\\';
	*to++ = (char)('0' + (c >> 6));
	*to++ = (char)('0' + (c >> 3 & 7));
	*to++ = (char)('0' + (c & 7));
	return to;
}

char *out_escape(const char *bytes, size_t n)
{
	char *text = dv_xcalloc(n + 1, 4), *to = text;

	for (size_t i = 0; i < n;) {
		unsigned char c = (unsigned char)bytes[i];
		size_t len = 1;

		if ((c >= ' ' && c < 0x7f) || c == '\n' || c == '\t')
			*to++ = (char)c;
		else if (c < 0x80 || !(len = utf8_printable((const unsigned char *)bytes + i, n - i)))
			to = octal(to, c);
		else
			to = (char *)memcpy(to, bytes + i, len) + len;
		i += len ? len : 1;
	}
	*to = 0;
	return text;
}

char *out_escape_c(const char *bytes, size_t n)
{
	static const char plain[] = "\a\b\f\n\r\t\v\"\\", letter[] = "abfnrtv\"\\";
	char *text = dv_xcalloc(n + 1, 4), *to = text;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)bytes[i];
		const char *p = c ? strchr(plain, c) : NULL;

		if (p) {
			*to++ = '\\';
			*to++ = letter[p - plain];
		} else if (c >= ' ' && c < 0x7f) {
			*to++ = (char)c;
		} else {
			to = octal(to, c);
		}
	}
	*to = 0;
	return text;
}

void out_pad(FILE *f, const char *text, int width, bool left)
{
	if (width)
		fprintf(f, left ? "%-*s" : "%*s", width, text);
	else
		fputs(text, f);
}

static bool is_plain(const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i] < ' ' || bytes[i] == 0x7f)
			return false;
	return true;
}

void out_data(FILE *f, const char *bytes, size_t n, int width, bool left)
{
	char *text;

	if (!width && is_plain(bytes, n)) {
		fwrite(bytes, 1, n, f);
		return;
	}
	text = out_escape(bytes, n);
	out_pad(f, text, width, left);
	free(text);
}

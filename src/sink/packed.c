// SPDX-License-Identifier: BSD-2-Clause
#include "sink/packed.h"

#include <errno.h>
#include <zlib.h>
#include <zstd.h>

#include "base/io.h"
#include "base/macro.h"

/* Both as IO Tracer has them. */
#define GZIP_LEVEL 6
#define ZSTD_LEVEL 3
/* What zlib takes for "a gzip header, please", added to the largest window. */
#define GZIP_WINDOW (MAX_WBITS + 16)

struct packed {
	int fd;
	enum packing how;
	z_stream gzip;
	ZSTD_CCtx *zstd;
	char out[64 << 10];
};

int packed_open(int fd, enum packing how, struct packed **ret)
{
	struct packed *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->fd = fd;
	p->how = how;
	if (how == PACKED_ZSTD) {
		p->zstd = ZSTD_createCCtx();
		if (!p->zstd)
			goto fail;
		(void)ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
	}
	if (how == PACKED_GZIP && deflateInit2(&p->gzip, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW,
					       MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		goto fail;
	*ret = p;
	return 0;
fail:
	free(p);
	return -ENOMEM;
}

static int write_out(const struct packed *p, const void *data, size_t len, struct diag *d)
{
	int r = io_write_all(p->fd, data, len);

	return r < 0 ? diag_errno(d, r, "cannot write the rows") : 0;
}

static int write_gzip(struct packed *p, const void *data, size_t len, bool is_end, struct diag *d)
{
	int r = 0;

	p->gzip.next_in = (Bytef *)data;
	p->gzip.avail_in = (uInt)len;
	do {
		p->gzip.next_out = (Bytef *)p->out;
		p->gzip.avail_out = sizeof(p->out);
		(void)deflate(&p->gzip, is_end ? Z_FINISH : Z_NO_FLUSH);
		r = write_out(p, p->out, sizeof(p->out) - p->gzip.avail_out, d);
	} while (!r && !p->gzip.avail_out);
	return r;
}

static int write_zstd(struct packed *p, const void *data, size_t len, bool is_end, struct diag *d)
{
	ZSTD_inBuffer in = { data, len, 0 };
	size_t left;
	int r;

	do {
		ZSTD_outBuffer out = { p->out, sizeof(p->out), 0 };

		left = ZSTD_compressStream2(p->zstd, &out, &in,
					    is_end ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return diag_err(d, -ENOMEM, "cannot compress the rows: %s",
					ZSTD_getErrorName(left));
		r = write_out(p, p->out, out.pos, d);
	} while (!r && (is_end ? left : in.pos < in.size));
	return r;
}

static int put(struct packed *p, const void *data, size_t len, bool is_end, struct diag *d)
{
	switch (p->how) {
	case PACKED_GZIP:
		return write_gzip(p, data, len, is_end, d);
	case PACKED_ZSTD:
		return write_zstd(p, data, len, is_end, d);
	default:
		return write_out(p, data, len, d);
	}
}

int packed_write(struct packed *p, const void *data, size_t len, struct diag *d)
{
	return put(p, data, len, false, d);
}

int packed_close(struct packed *p, struct diag *d)
{
	int r;

	if (!p)
		return 0;
	r = put(p, NULL, 0, true, d);
	if (p->how == PACKED_GZIP)
		(void)deflateEnd(&p->gzip);
	(void)ZSTD_freeCCtx(p->zstd);
	free(p);
	return r;
}

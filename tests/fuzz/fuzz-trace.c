// SPDX-License-Identifier: BSD-2-Clause
/*
 * Any bytes as a part of a trace. The first byte chooses the event whose columns
 * are asked for. With a directory in SONDE_FUZZ_SEEDS, writes seeds there: a small
 * part of every event.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "schema/batch.h"
#include "trace/parquet_decoder.h"
#include "trace/parquet_encoder.h"
#include "trace/parquet_file.h"
#include "trace/parquet_writer.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* Reads every column of the batch as its users do: whatever is out of bounds shows here. */
static u64 use_column(const struct column *c, u32 nr)
{
	u64 sum = 0;
	size_t len;

	for (u32 row = 0; row < nr; row++) {
		if (column_is_null(c, row))
			continue;
		sum += column_num(c, row);
		if (c->rep != SN_STRING)
			continue;
		const char *s = strings_get(&c->dict, (u32)column_num(c, row), &len);

		for (size_t i = 0; i < len; i++)
			sum += (u8)s[i];
	}
	return sum;
}

static void read_group(struct parquet_decoder *d, const struct parquet_file *f, u32 group,
		       const struct sn_event *ev)
{
	static volatile u64 sink;
	u32 nr = f->groups[group].nr_rows;
	void *data = malloc(8 * (size_t)nr + 1);
	u8 *valid = malloc(nr + 1);

	for (u32 i = 0; i < ev->nr_columns; i++) {
		const struct sn_column *desc = &ev->columns[i];
		bool is_text = parquet_column(desc).type == PARQUET_BYTE_ARRAY;
		struct column c = { .rep = is_text ? SN_STRING : desc->rep,
				    .width = is_text ? 4 : desc->width,
				    .data = data };
		int field = parquet_file_field(f, desc->name);

		if (field < 0 || !parquet_decoder_takes(&f->fields[field], desc))
			continue;
		if (parquet_decoder_column(d, f, group, (u32)field, desc, &c, valid) == 0)
			sink += use_column(&c, nr);
		strings_done(&c.dict);
	}
	free(data);
	free(valid);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct parquet_decoder *d;
	struct parquet_file *f;
	char path[64];
	int fd;

	if (!d)
		d = parquet_decoder_new();
	if (!size)
		return 0;
	fd = memfd_create("part", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data + 1, size - 1) != (ssize_t)size - 1)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (parquet_file_open(AT_FDCWD, path, &f, NULL) == 0) {
		for (u32 i = 0; i < f->nr_groups; i++)
			read_group(d, f, i, schema_event(data[0] % SN_NR_EVENTS));
		parquet_file_free(f);
	}
	(void)close(fd);
	return 0;
}

/* A part of some rows, their fields counted up so that each encoding has its use. */
static void write_seed(const char *dir, const struct sn_event *ev, u32 nr, u32 nr_groups)
{
	struct parquet_encoder *e = parquet_encoder_new(1);
	struct parquet_writer *w = parquet_writer_new(ev);
	struct batch *b = batch_new(ev, nr);
	struct buf out = {};
	u8 rec[1024];
	char path[512];
	FILE *file;

	buf_putc(&out, (char)ev->slot);
	for (u32 g = 0; g < nr_groups; g++) {
		batch_clear(b);
		for (u32 row = 0; row < nr; row++) {
			for (u32 i = 0; i < sizeof(rec); i++)
				rec[i] =
					(u8)(i % 4 ? (row >> i % 3) * (i % 5 == 0) : row * (i % 7));
			for (u32 i = 0; i < ev->nr_columns; i++)
				if (ev->columns[i].source == SN_FROM_TEXT)
					memcpy(rec + ev->columns[i].off,
					       &(struct sn_str){ ev->size, (u16)(row % 9) }, 4);
			(void)batch_append(b, rec, sizeof(rec), NULL);
		}
		if (parquet_writer_add(w, e, b, &out) == 0)
			parquet_writer_commit(w);
	}
	(void)snprintf(path, sizeof(path), "%s/%s-%u-%u", dir, ev->name, nr, nr_groups);
	file = fopen(path, "we");
	if (!file || fwrite(out.data, 1, out.len, file) != out.len || fclose(file))
		abort();
	buf_done(&out);
	batch_free(b);
	parquet_writer_free(w);
	parquet_encoder_free(e);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *dir = getenv("SONDE_FUZZ_SEEDS");

	for (u32 i = 0; dir && i < SN_NR_EVENTS; i++) {
		write_seed(dir, schema_event(i), 3, 1);
		write_seed(dir, schema_event(i), 60, 2);
		write_seed(dir, schema_event(i), 300, 1);
	}
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of `sonde export` share. */
#ifndef SONDE_CMD_EXPORT_H
#define SONDE_CMD_EXPORT_H

#include "cmd/cmd.h"
#include "cmd/select.h"
#include "sink/sink.h"
#include "trace/reader.h"
#include "trace/wall.h"

/* In the order of the words that --to takes. */
enum export_format { EXPORT_CSV, EXPORT_JSONL, EXPORT_IOTRACER };

struct export_opts {
	struct cmd_common common;
	const char *trace;
	int format;      /* enum export_format, or -1: not said */
	int layout;      /* enum iotracer_layout, or -1: not said */
	const char *dir; /* NULL: standard output */
	struct opt_strings streams;
	struct opt_strings fields;
	u64 since_ns, until_ns;
	bool force, wall;
};

struct export
{
	const struct export_opts *o;
	struct trace *trace;
	struct fields fields;
	bool has_wall;
	struct wall wall;
	u64 events; /* bit per slot */
	u64 asked;  /* the same, with those that have no rows */
	u64 from_ns, to_ns;
	struct diag *d;
	struct diag *
		damage; /* why rows could not be read: those that can be are written all the same */
};

/* The rows of these events, a bit per slot, in order of time. */
int export_merged(const struct export *x, u64 events, struct sink *s);

/* The instant that --since and --until count from: when the recording began. -ENODATA: nobody knows. */
int export_start(const struct export *x, u64 *ret_ns);

/* The directory that was asked for, made if need be. A descriptor. */
int export_open_dir(const struct export *x);

/* A file below the directory, whose name is told in sentences; --force writes over one. A descriptor. */
int export_create(const struct export *x, int dir_fd, const char *name);

/* The files of --to iotracer, into the directory. */
int export_iotracer(struct export *x);

#endif

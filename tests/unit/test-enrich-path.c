// SPDX-License-Identifier: BSD-2-Clause
/* Names of files. */
#include <errno.h>
#include <stdio.h>

#include "enrich-help.h"

/* The same for a name in the directory dir_ino, all on device 8 and of generation 9. */
static void learn_in_dir(u64 ino, u64 dir_ino, const char *name)
{
	struct sn_paths *r = begin(SN_EV_paths, SEC, 1, 1);

	r->ino = ino;
	r->dev = 8;
	r->gen = 9;
	r->how = SN_KNOWN_exact;
	sn_set(r, dir_ino, dir_ino);
	sn_set(r, dir_dev, 8);
	sn_set(r, dir_gen, 9);
	add(&r->name, name, strlen(name));
	check_eq(learn(), 0);
}

TEST(paths_and_how_they_are_known)
{
	static const struct {
		u32 how;
		bool truncated, unlinked;
		const char *known;
	} cases[] = {
		{ SN_KNOWN_exact, false, false, "exact" },
		{ SN_KNOWN_exact, true, false, "exact-truncated" },
		{ SN_KNOWN_dictionary, false, false, "dictionary" },
		{ SN_KNOWN_dictionary, true, false, "dictionary-truncated" },
		{ SN_KNOWN_snapshot, false, false, "snapshot" },
		{ SN_KNOWN_unlinked, false, false, "unlinked" },
		{ SN_KNOWN_exact, false, true, "unlinked" },
		{ SN_KNOWN_dictionary, true, true, "unlinked-truncated" },
	};

	restart(NULL);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		learn_path(7, 8, 9, cases[i].how, cases[i].truncated, "/some/file");
		row_file(7, 8, 9, cases[i].unlinked);
		check_path("/some/file", cases[i].known);
	}
	learn_path(7, 8, 9, SN_KNOWN_exact, false, "/renamed");
	row_file(7, 8, 9, false);
	check_path("/renamed", "exact");
	/* Gone: the last name is kept, and said to be the last. */
	learn_path(7, 8, 9, SN_KNOWN_unlinked, false, NULL);
	row_file(7, 8, 9, false);
	check_path("/renamed", "unlinked");

	/* Each part of the key counts; objects without a name are known to have none. */
	row_file(6, 8, 9, false);
	check_path("(null)", "unknown");
	row_file(7, 7, 9, false);
	check_path("(null)", "unknown");
	row_file(7, 8, 10, true);
	check_path("(null)", "unknown");
	learn_path(20, 8, 0, SN_KNOWN_unknown, false, NULL);
	row_file(20, 8, 0, false);
	check_path("(null)", "unknown");
	row(2 * SEC, 1, 1);
	check_path("(null)", "unknown");
	learn_path(7, 8, 0, SN_KNOWN_exact, false, "/no/generation");
	for (u32 known = 0; known < 4; known++) {
		struct sn_vfs_read *r = begin(SN_EV_vfs_read, 2 * SEC, 1, 1);

		sn_set(r, ino, 7);
		sn_set(r, dev, 8);
		if (!(known & 1))
			r->hdr.valid &= ~SN_VALID_BIT(struct sn_vfs_read, ino);
		if (!(known & 2))
			r->hdr.valid &= ~SN_VALID_BIT(struct sn_vfs_read, dev);
		name();
		check_str(text(SN_D_path_known), known == 3 ? "exact" : "unknown");
	}
	begin(SN_EV_proc_rename, 2 * SEC, 1, 1);
	name();
	check(!names.str[SN_D_path_known]);

	/* A snapshot without a generation stands for any, an exact entry with 0 does not. */
	learn_path(30, 8, 0, SN_KNOWN_snapshot, false, "/open/at/start");
	learn_path(31, 8, 0, SN_KNOWN_exact, false, "/generation/0");
	row_file(30, 8, 5, false);
	check_path("/open/at/start", "snapshot");
	row_file(31, 8, 5, false);
	check_path("(null)", "unknown");
	learn_path(30, 8, 5, SN_KNOWN_exact, false, "/exact");
	row_file(30, 8, 5, false);
	check_path("/exact", "exact");
}

TEST(two_files_of_a_row)
{
	struct sn_vfs_copy *r;

	restart(NULL);
	learn_path(1, 8, 9, SN_KNOWN_exact, false, "/from");
	learn_path(2, 8, 9, SN_KNOWN_exact, true, "to");
	for (u32 known = 0; known < 2; known++) {
		r = begin(SN_EV_vfs_copy, 2 * SEC, 1, 1);
		sn_set(r, ino, 1);
		sn_set(r, dev, 8);
		sn_set(r, gen, 9);
		r->to_unlinked = 1;
		r->to_ino = 2;
		r->to_dev = 8;
		r->to_gen = 9;
		if (known)
			r->hdr.valid |= SN_VALID_BIT(struct sn_vfs_copy, to_ino) |
					SN_VALID_BIT(struct sn_vfs_copy, to_dev) |
					SN_VALID_BIT(struct sn_vfs_copy, to_gen);
		name();
		check_path("/from", "exact");
		check_str(text(SN_D_to_path), known ? "to" : "(null)");
		check_str(text(SN_D_to_path_known), known ? "unlinked-truncated" : "unknown");
	}
	row_file(1, 8, 9, false);
	check(!names.str[SN_D_to_path] && !names.str[SN_D_to_path_known]);
}

TEST(names_in_a_directory)
{
	restart(NULL);
	learn_path(1, 8, 9, SN_KNOWN_exact, false, "/");
	learn_path(2, 8, 9, SN_KNOWN_exact, false, "/home/me");
	learn_path(3, 8, 9, SN_KNOWN_exact, true, "deep/inside");
	learn_in_dir(10, 1, "top");
	learn_in_dir(11, 2, "notes");
	learn_in_dir(12, 3, "far");
	row_file(10, 8, 9, false);
	check_path("/top", "exact");
	row_file(11, 8, 9, false);
	check_path("/home/me/notes", "exact");
	row_file(12, 8, 9, false);
	check_path("deep/inside/far", "exact-truncated");

	/* The directory's new name is that of what is told from now on. */
	learn_path(2, 8, 9, SN_KNOWN_exact, false, "/home/you");
	learn_in_dir(13, 2, "more");
	row_file(13, 8, 9, false);
	check_path("/home/you/more", "exact");
	row_file(11, 8, 9, false);
	check_path("/home/me/notes", "exact");
	learn_in_dir(11, 2, "notes");
	row_file(11, 8, 9, false);
	check_path("/home/you/notes", "exact");

	/* A directory that is not known: an old name would be wrong. */
	learn_in_dir(11, 4, "notes");
	row_file(11, 8, 9, false);
	check_path("(null)", "unknown");
}

/* A rename's row; dir 0: none is known. */
static void row_renamed(const char *from, u64 dir, bool in_dir, const char *to, u64 to_dir,
			bool to_in_dir)
{
	struct sn_vfs_rename *r = begin(SN_EV_vfs_rename, 2 * SEC, 1, 1);

	sn_set(r, ino, 70);
	sn_set(r, dev, 8);
	sn_set(r, gen, 9);
	r->in_dir = in_dir;
	r->to_in_dir = to_in_dir;
	if (dir) {
		sn_set(r, dir_ino, dir);
		sn_set(r, dir_dev, 8);
		sn_set(r, dir_gen, 9);
	}
	if (to_dir) {
		sn_set(r, to_dir_ino, to_dir);
		sn_set(r, to_dir_dev, 8);
		sn_set(r, to_dir_gen, 9);
	}
	add(&r->name, from, from ? strlen(from) : 0);
	add(&r->to_name, to, to ? strlen(to) : 0);
	name();
}

TEST(names_that_calls_give)
{
	static const struct {
		const char *name;
		u64 dir;
		bool in_dir;
		const char *path, *known;
	} cases[] = {
		{ "x", 2, false, "/home/me/x", "joined" },
		{ "x/../y/", 2, false, "/home/me/x/../y/", "joined" },
		{ "x", 1, false, "/x", "joined" },
		{ "x", 3, false, "deep/inside/x", "joined-truncated" },
		{ "/a/b", 0, false, "/a/b", "given" },
		{ "x", 0, false, "(null)", "unknown" },
		{ "x", 5, false, "(null)", "unknown" },
		{ NULL, 2, false, "(null)", "unknown" },
		/* Where the kernel found that it leads. */
		{ "x", 2, true, "/home/me/x", "exact" },
		{ "/a/link/../x//", 2, true, "/home/me/x", "exact" },
		{ "y/x", 1, true, "/x", "exact" },
		{ "/x", 3, true, "deep/inside/x", "exact-truncated" },
		{ "/a/x", 5, true, "(null)", "unknown" },
		{ NULL, 2, true, "(null)", "unknown" },
	};

	restart(NULL);
	learn_path(1, 8, 9, SN_KNOWN_exact, false, "/");
	learn_path(2, 8, 9, SN_KNOWN_exact, false, "/home/me");
	learn_path(3, 8, 9, SN_KNOWN_exact, true, "deep/inside");
	/* The row's name is the one it had, whatever the file's is. */
	learn_path(70, 8, 9, SN_KNOWN_exact, false, "/home/me/new");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		row_renamed(cases[i].name, cases[i].dir, cases[i].in_dir, "/other", 2, false);
		check_path(cases[i].path, cases[i].known);
		check_str(text(SN_D_to_path), "/other");
		row_renamed("/other", 2, false, cases[i].name, cases[i].dir, cases[i].in_dir);
		check_path("/other", "given");
		check_str(text(SN_D_to_path), cases[i].path);
		check_str(text(SN_D_to_path_known), cases[i].known);
	}
	/* What one name needs room for is not taken from the row's other one. */
	for (int i = 0; i < 20000; i++) {
		char from[32], to[32];

		(void)snprintf(from, sizeof(from), "/from/%d", i);
		(void)snprintf(to, sizeof(to), "/to/%d", i);
		row_renamed(from, 0, false, to, 0, false);
		check_path(from, "given");
		check_str(text(SN_D_to_path), to);
	}
	row_renamed("old", 2, true, "new", 2, true);
	check_path("/home/me/old", "exact");
	check_str(text(SN_D_to_path), "/home/me/new");
}

TEST(disk_rows_use_the_files_device)
{
	struct sn_block_io *r;

	restart(NULL);
	learn_path(7, 8, 9, SN_KNOWN_exact, false, "/data");
	r = begin(SN_EV_block_io, 2 * SEC, 1, 1);
	r->dev = 8;
	name();
	check_path("(null)", "unknown");
	r = begin(SN_EV_block_io, 2 * SEC, 1, 1);
	r->dev = 1;
	sn_set(r, ino, 7);
	sn_set(r, file_dev, 8);
	sn_set(r, gen, 9);
	name();
	check_path("/data", "exact");
}

static void open_failed(const char *file, u64 dir_ino)
{
	struct sn_vfs_open *r = begin(SN_EV_vfs_open, 2 * SEC, 1, 1);

	r->ret = -ENOENT;
	if (dir_ino) {
		sn_set(r, dir_ino, dir_ino);
		sn_set(r, dir_dev, 8);
		sn_set(r, dir_gen, 9);
	}
	add(&r->name, file, strlen(file));
	name();
}

TEST(failed_opens_have_the_callers_name)
{
	char file[64];

	restart(NULL);
	learn_path(1, 8, 9, SN_KNOWN_exact, false, "/");
	learn_path(2, 8, 9, SN_KNOWN_exact, false, "/home/me");
	learn_path(3, 8, 9, SN_KNOWN_exact, true, "deep/inside");
	open_failed("/etc/absent", 0);
	check_path("/etc/absent", "given"); /* in a chroot it is another file's name */
	open_failed("absent", 2);
	check_path("/home/me/absent", "joined");
	open_failed("../absent", 2);
	check_path("/home/me/../absent", "joined");
	open_failed("absent", 1);
	check_path("/absent", "joined");
	open_failed("absent", 3);
	check_path("deep/inside/absent", "joined-truncated");
	open_failed("absent", 4);
	check_path("(null)", "unknown");
	open_failed("absent", 0);
	check_path("(null)", "unknown");
	open_failed("", 2);
	check_path("(null)", "unknown");

	enrich_get_stats(e, &stats);
	for (int i = 0; i < 100000; i++) {
		(void)snprintf(file, sizeof(file), "/search/path/number/%d", i);
		open_failed(file, 0);
		check_path(file, "given");
	}
	check(stats.name_bytes < 64 << 10);
	enrich_get_stats(e, &stats);
	check(stats.name_bytes < 256 << 10);
}

TESTS(paths_and_how_they_are_known, two_files_of_a_row, names_in_a_directory, names_that_calls_give,
      disk_rows_use_the_files_device, failed_opens_have_the_callers_name)

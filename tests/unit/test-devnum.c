// SPDX-License-Identifier: BSD-2-Clause
/* Block devices by name, path and number, in a sysfs made here and in this machine's. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/devnum.h"
#include "base/disknames.h"
#include "test.h"

#define WHOLE 0, UINT64_MAX

static char root[] = "/tmp/sonde-test-devnum-XXXXXX";
static char sysfs[64];
static struct devnum dev;
static struct diag said;

static void make_dir(const char *path)
{
	char full[256];

	(void)snprintf(full, sizeof(full), "%s/%s", sysfs, path);
	if (mkdir(full, 0755) < 0)
		abort();
}

static void make_file(const char *dir, const char *file, const char *text)
{
	char full[256];
	FILE *f;

	(void)snprintf(full, sizeof(full), "%s/%s/%s", sysfs, dir, file);
	f = fopen(full, "we");
	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
}

static void make_link(const char *dir, const char *name, const char *to)
{
	char full[256], target[256];

	(void)snprintf(full, sizeof(full), "%s/%s/%s", sysfs, dir, name);
	(void)snprintf(target, sizeof(target), "../../%s", to);
	if (symlink(target, full) < 0)
		abort();
}

/* A device's folder as the kernel has it, and both links to it. */
static void make_device(const char *dir, const char *number)
{
	char line[32];

	make_dir(dir);
	(void)snprintf(line, sizeof(line), "%s\n", number);
	make_file(dir, "dev", line);
	make_link("class/block", strrchr(dir, '/') + 1, dir);
	make_link("dev/block", number, dir);
}

static void make_partition(const char *dir, const char *number, const char *start, const char *size)
{
	make_device(dir, number);
	make_file(dir, "partition", "1\n");
	make_file(dir, "start", start);
	make_file(dir, "size", size);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

static void remove_tree(void)
{
	(void)nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_tree(void)
{
	static bool made;

	if (made)
		return;
	made = true;
	if (!mkdtemp(root))
		abort();
	(void)atexit(remove_tree);
	(void)snprintf(sysfs, sizeof(sysfs), "%s/sys", root);
	make_dir("");
	make_dir("devices");
	make_dir("class");
	make_dir("class/block");
	make_dir("dev");
	make_dir("dev/block");
	make_device("devices/sda", "8:0");
	make_partition("devices/sda/sda1", "8:1", "2048\n", "1000\n");
	make_partition("devices/sda/sda2", "8:2", "3048\n", "1\n");
	make_device("devices/nvme0n1", "259:74565");
	make_partition("devices/nvme0n1/nvme0n1p2", "259:0", "0\n", "18446744073709551615\n");
	make_device("devices/cciss!c0d0", "104:0");
	/* What no kernel writes. */
	make_partition("devices/sda/bad1", "8:3", "2048\n", "0\n");
	make_partition("devices/sda/bad2", "8:4", "2048\n", "18446744073709551615\n");
	make_partition("devices/sda/bad3", "8:5", "-1\n", "10\n");
	make_partition("devices/sda/bad4", "8:6", "", "10\n");
	make_device("devices/bad5", "4096:0");
	make_device("devices/bad6", "8:1048576");
	make_device("devices/bad7", "8");
	make_dir("devices/gone");
	make_link("class/block", "gone", "devices/gone");
	make_link("class/block", "dangling", "devices/nowhere");
}

static int parse(const char *text)
{
	make_tree();
	memset(&said, 0, sizeof(said));
	memset(&dev, 0x55, sizeof(dev));
	return devnum_parse(text, sysfs, &dev, &said);
}

static void check_device(const char *text, u32 major_nr, u32 minor_nr, u64 first, u64 last)
{
	int r = parse(text);

	if (r < 0)
		printf("# %s\n", said.text);
	check_eq(r, 0);
	check_eq(dev.dev, major_nr << 20 | minor_nr);
	check_eq(dev.first_sector, first);
	check_eq(dev.last_sector, last);
}

TEST(disks)
{
	check_device("sda", 8, 0, WHOLE);
	check_device("8:0", 8, 0, WHOLE);
	check_device("nvme0n1", 259, 0x12345, WHOLE);
	check_device("259:74565", 259, 0x12345, WHOLE);
	check_device("cciss!c0d0", 104, 0, WHOLE);
	check_device("008:00", 8, 0, WHOLE);
}

TEST(partitions_are_ranges_of_their_disk)
{
	check_device("sda1", 8, 0, 2048, 3047);
	check_device("8:1", 8, 0, 2048, 3047);
	check_device("sda2", 8, 0, 3048, 3048);
	check_device("nvme0n1p2", 259, 0x12345, 0, UINT64_MAX - 1);
	check_device("259:0", 259, 0x12345, 0, UINT64_MAX - 1);
}

TEST(what_file_systems_may_lie_on_a_device)
{
	u32 parts[8] = {}, nr;

	check_eq(parse("8:1"), 0);
	check_eq(devnum_parts(&dev, sysfs, parts, 8), 1);
	check_eq(parts[0], 8u << 20 | 1);

	check_eq(parse("nvme0n1"), 0);
	check_eq(devnum_parts(&dev, sysfs, parts, 8), 2);
	check_eq(parts[0], 259u << 20 | 0x12345);
	check_eq(parts[1], 259u << 20);

	/* sda has some, in any order; there may not be room for all. */
	check_eq(parse("sda"), 0);
	nr = devnum_parts(&dev, sysfs, parts, 8);
	check(nr >= 6);
	check_eq(parts[0], 8u << 20);
	for (u32 i = 1; i < nr; i++)
		check(parts[i] > 8u << 20 && parts[i] <= (8u << 20 | 15));
	check_eq(devnum_parts(&dev, sysfs, parts, 3), 3);
	check_eq(devnum_parts(&dev, sysfs, parts, 0), 0);
}

static void check_error(const char *text, int error, const char *sentence)
{
	struct devnum untouched;

	memset(&untouched, 0x55, sizeof(untouched));
	check_eq(parse(text), error);
	check_str(said.text, sentence);
	check(!memcmp(&dev, &untouched, sizeof(dev)));
}

TEST(what_is_not_there)
{
	static const char *const none[] = {
		"xyz",
		"",
		"8:9",
		"8:",
		":0",
		"8:0 ",
		" 8:0",
		"*",
		"all",
		".",
		"..",
		"0x8:0",
		"-8:0",
		"4096:0",
		"8:0:0",
		"gone",
		"dangling",
		"8:1048576",
		"268435464:0",
		"4294967304:0",
		"18446744073709551624:0",
	};
	char sentence[128], name[5000];

	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		(void)snprintf(sentence, sizeof(sentence), "there is no block device \"%s\"",
			       none[i]);
		check_error(none[i], -ENODEV, sentence);
		check_str(said.hint, "lsblk lists those there are");
	}
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	check_eq(parse(name), -ENODEV);
	name[0] = '/';
	check_eq(parse(name), -ENODEV);
	check_eq(devnum_parse("xyz", sysfs, &dev, NULL), -ENODEV);
}

TEST(paths_that_are_no_device)
{
	check_error("/dev/there/is/none", -ENODEV,
		    "there is no block device \"/dev/there/is/none\"");
	check_error("/dev/null/x", -ENODEV, "there is no block device \"/dev/null/x\"");
	check_error("/dev/null", -ENOTBLK, "\"/dev/null\" is no block device");
	check_error("/", -ENOTBLK, "\"/\" is no block device");
}

TEST(a_sysfs_that_lies)
{
	static const char *const bad[] = { "bad1", "bad2", "bad3", "bad4", "bad5", "bad6", "bad7" };
	char sentence[128];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		(void)snprintf(sentence, sizeof(sentence),
			       "cannot read what sysfs says of the block device \"%s\": %s", bad[i],
			       strerror(EBADMSG));
		check_error(bad[i], -EBADMSG, sentence);
	}
}

TEST(no_sysfs)
{
	memset(&said, 0, sizeof(said));
	check_eq(devnum_parse("sda", "/nowhere", &dev, &said), -ENOENT);
	check_str(said.text, "cannot look for block devices in /nowhere/class/block: "
			     "No such file or directory");
}

TEST(numbers_as_the_kernel_has_them)
{
	static const u32 parts[] = { 0, 1, 7, 8, 255, 256, 259, 4095, 4096, 0x12345, 0xfffff };
	u32 number;

	for (size_t i = 0; i < ARRAY_SIZE(parts) && parts[i] <= DEVNUM_MAX_MAJOR; i++) {
		for (size_t j = 0; j < ARRAY_SIZE(parts); j++) {
			number = devnum_make(parts[i], parts[j]);
			check_eq(number, (parts[i] << 20) + parts[j]);
			check_eq(devnum_major(number), parts[i]);
			check_eq(devnum_minor(number), parts[j]);
			check_eq(devnum_from_stat(makedev(parts[i], parts[j])), number);
		}
	}
}

static bool same(const struct devnum *a, const struct devnum *b)
{
	return a->dev == b->dev && a->first_sector == b->first_sector &&
	       a->last_sector == b->last_sector;
}

/* Each way to name a device of this machine, also by a link elsewhere, is the same device. */
TEST(devices_of_this_machine)
{
	DIR *dir = opendir("/sys/class/block");
	char path[300], link[300], number[32];
	struct devnum by_name, by_path;
	struct dirent *entry;
	struct stat st;
	int nr = 0;

	if (!dir)
		skip("no /sys/class/block");
	make_tree();
	while ((entry = readdir(dir))) {
		(void)snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		if (entry->d_name[0] == '.' || stat(path, &st) < 0 || !S_ISBLK(st.st_mode))
			continue;
		check_eq(devnum_parse(entry->d_name, "/sys", &by_name, NULL), 0);
		check_eq(devnum_parse(path, "/sys", &by_path, NULL), 0);
		check(same(&by_name, &by_path));

		(void)snprintf(link, sizeof(link), "%s/%s", root, entry->d_name);
		check_eq(symlink(path, link), 0);
		check_eq(devnum_parse(link, "/sys", &by_path, NULL), 0);
		check(same(&by_name, &by_path));

		(void)snprintf(number, sizeof(number), "%u:%u", major(st.st_rdev),
			       minor(st.st_rdev));
		check_eq(devnum_parse(number, "/sys", &by_path, NULL), 0);
		check(same(&by_name, &by_path));
		nr++;
	}
	(void)closedir(dir);
	if (!nr)
		skip("no block device here");
	printf("# %d devices\n", nr);
}

static void make_disk(const char *dir, const char *number)
{
	make_dir(dir);
	make_file(dir, "dev", number);
}

static void lose_disk(const char *dir)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s/dev", sysfs, dir);
	check_eq(unlink(path), 0);
}

static const char *name_of(const struct disk_names *n, u32 number)
{
	for (u32 i = 0; i < n->nr; i++)
		if (n->at[i].dev == number)
			return n->at[i].name;
	return "";
}

TEST(names_of_disks_that_come_and_go)
{
	struct disk_names names = {};

	make_tree();
	disk_names_look(&names, "/nowhere");
	check_eq(names.nr, 0);
	make_dir("block");
	make_disk("block/vda", "254:0\n");
	make_disk("block/ram0", "4095:1048575\n");
	make_disk("block/odd", "what?\n");
	disk_names_look(&names, sysfs);
	check_eq(names.nr, 2);
	check_str(name_of(&names, devnum_make(254, 0)), "vda");
	check_str(name_of(&names, devnum_make(4095, 1048575)), "ram0");

	/* One is gone, its number is another's now; the other stays known. */
	lose_disk("block/vda");
	lose_disk("block/ram0");
	make_disk("block/cciss!c0d1", "254:0\n");
	disk_names_look(&names, sysfs);
	check_eq(names.nr, 2);
	check_str(name_of(&names, devnum_make(254, 0)), "cciss/c0d1");
	check_str(name_of(&names, devnum_make(4095, 1048575)), "ram0");
	disk_names_done(&names);
}

TESTS(names_of_disks_that_come_and_go, disks, partitions_are_ranges_of_their_disk,
      what_file_systems_may_lie_on_a_device, what_is_not_there, paths_that_are_no_device,
      a_sysfs_that_lies, no_sysfs, numbers_as_the_kernel_has_them, devices_of_this_machine)

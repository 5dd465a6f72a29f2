/* SPDX-License-Identifier: MIT */
/*
 * The identity of the main thread, read off its status in /proc, given to the calling thread by the system calls that change
 * one thread alone. The order is what the kernel's rules ask for: groups as the effective user 0, users after them, and the
 * capabilities last, because a change of users changes these.
 */
#include "os/identity.h"

#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* As many as can stand in what is read of a status: a digit and a blank each. */
#define GROUPS_MAX (sizeof(((struct egi_status *)NULL)->text) / 2)

#define UNCHANGED ((id_t)-1)

/* The system calls with all bits of an id, where older ones have the name. */
#ifdef SYS_setresuid32
#define SET_USERS SYS_setresuid32
#define SET_GROUP_IDS SYS_setresgid32
#define SET_GROUPS SYS_setgroups32
#else
#define SET_USERS SYS_setresuid
#define SET_GROUP_IDS SYS_setresgid
#define SET_GROUPS SYS_setgroups
#endif

enum { REAL, EFFECTIVE, SAVED, FILES, IDS };

static bool read_ids(const struct egi_status *status, const char *name, id_t ids[IDS])
{
	uint64_t numbers[IDS];

	if (egi_status_numbers(status, name, 10, numbers, IDS) != IDS)
		return false;
	for (int i = 0; i < IDS; i++)
		ids[i] = (id_t)numbers[i];
	return true;
}

static bool take_ids(const id_t ids[IDS], long call, int (*set_for_files)(id_t))
{
	if (syscall(call, ids[REAL], ids[EFFECTIVE], ids[SAVED]) != 0)
		return false;
	/* It follows the effective one, and tells nothing of whether it was changed. */
	if (ids[FILES] != ids[EFFECTIVE])
		(void)set_for_files(ids[FILES]);
	return true;
}

static EGI_NOINLINE bool take_groups(const struct egi_status *main_thread)
{
	uint64_t numbers[GROUPS_MAX];
	gid_t groups[GROUPS_MAX];
	int count = egi_status_numbers(main_thread, "Groups", 10, numbers, GROUPS_MAX);

	if (count < 0)
		return true;
	for (int i = 0; i < count; i++)
		groups[i] = (gid_t)numbers[i];
	return syscall(SET_GROUPS, (size_t)count, groups) == 0;
}

/* Those of the main thread, as far as they have not been given up for good. */
static bool take_capabilities(const struct egi_status *main_thread)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}};
	uint64_t permitted, effective, inheritable;
	bool all = true;

	if (egi_status_numbers(main_thread, "CapPrm", 16, &permitted, 1) != 1 ||
	    egi_status_numbers(main_thread, "CapEff", 16, &effective, 1) != 1 ||
	    egi_status_numbers(main_thread, "CapInh", 16, &inheritable, 1) != 1 ||
	    syscall(SYS_capget, &header, data) != 0)
		return true;
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		uint32_t wanted = (uint32_t)(permitted >> (32 * i)), had = data[i].permitted;

		all = all && (wanted & ~had) == 0;
		data[i].permitted = wanted & had;
		data[i].effective = (uint32_t)(effective >> (32 * i)) & data[i].permitted;
		data[i].inheritable = (uint32_t)(inheritable >> (32 * i)) & (data[i].inheritable | had);
	}
	return syscall(SYS_capset, &header, data) == 0 && all;
}

static bool differ(const struct egi_status *main_thread, const struct egi_status *own)
{
	static const char *const names[] = {"Uid", "Gid", "Groups", "CapPrm", "CapEff", "CapInh"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (egi_status_differ(main_thread, own, names[i]))
			return true;
	return false;
}

/*
 * The user last, with whom most rights come and go; but only root may change groups, so whoever may be root is until
 * then.
 */
static bool take_all(const struct egi_status *main_thread, const struct egi_status *own)
{
	id_t users[IDS], groups[IDS];
	bool taken = true;

	if (!read_ids(main_thread, "Uid", users) || !read_ids(main_thread, "Gid", groups))
		return true;
	if (egi_status_differ(main_thread, own, "Gid") || egi_status_differ(main_thread, own, "Groups")) {
		(void)syscall(SET_USERS, UNCHANGED, (id_t)0, UNCHANGED);
		if (egi_status_differ(main_thread, own, "Groups"))
			taken = take_groups(main_thread);
		taken = take_ids(groups, SET_GROUP_IDS, setfsgid) && taken;
	}
	taken = take_ids(users, SET_USERS, setfsuid) && taken;
	return take_capabilities(main_thread) && taken;
}

bool egi_identity_take(struct egi_status *main_thread, struct egi_status *own)
{
	sigset_t every, before;
	bool taken;

	if (!differ(main_thread, own))
		return true;
	memset(&every, 0xff, sizeof(every));
	sigemptyset(&before);
	if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &every, &before, _NSIG / 8) != 0)
		return false;
	taken = !egi_status_read_main(main_thread) || !egi_status_read_own(own) || take_all(main_thread, own);
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, _NSIG / 8);
	return taken;
}

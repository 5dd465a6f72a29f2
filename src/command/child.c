/* SPDX-License-Identifier: MIT */
/*
 * Starting a program, and what becomes of it.
 *
 * posix_spawn(3) neither copies the process's memory nor runs its fork handlers, and says why a program could not be started.
 * The program begins as if the main thread had started it: with the signals blocked that the process blocks, and every action
 * the default one, also where the process ignores a signal. SIGHUP alone is left ignored if it is, for nohup(1). Descriptors
 * other than the three are closed: those that the program's own threads make are not all close-on-exec, and a pipe that leaks
 * into a program that runs for long is one whose end never comes.
 *
 * Its end is seen by a pidfd, beside the pipes. Where the kernel has none (before Linux 5.3), does not allow it, or has no
 * descriptor left, the child is asked now and then. Neither takes the status of any other child, and SIGCHLD is left alone.
 *
 * A program that reaps all its children, by wait(2), may take ours. Its number may be another process's then, so before a
 * signal is sent it is looked whether the child is there.
 */
#include "command/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/thread.h"

extern char **environ;

static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t mask = egi_thread_spawn_mask(), defaults;
	struct sigaction hangup;
	int err;

	sigfillset(&defaults);
	if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler == SIG_IGN)
		sigdelset(&defaults, SIGHUP);
	err = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						       POSIX_SPAWN_SETPGROUP);
	if (!err)
		err = posix_spawnattr_setsigmask(attributes, &mask);
	if (!err)
		err = posix_spawnattr_setsigdefault(attributes, &defaults);
	return err ? err : posix_spawnattr_setpgroup(attributes, 0);
}

/* In order: what is merged has its source replaced by then. */
static int add_actions(posix_spawn_file_actions_t *actions, const struct eg_command *command,
		       const struct egi_streams *streams)
{
	int err = 0;

	for (int i = 0; i < EGI_STREAMS && !err; i++) {
		if (streams->kind[i] == EGI_STREAM_NULL)
			err = posix_spawn_file_actions_addopen(actions, i, "/dev/null",
							       i == STDIN_FILENO ? O_RDONLY : O_WRONLY, 0);
		else if (streams->kind[i] == EGI_STREAM_MERGED)
			err = posix_spawn_file_actions_adddup2(actions, STDOUT_FILENO, i);
		else
			err = posix_spawn_file_actions_adddup2(actions, streams->theirs[i], i);
	}
	if (!err && command->dir)
		err = posix_spawn_file_actions_addchdir_np(actions, command->dir);
	if (!err && (command->flags & EG_COMMAND_KEEP_FDS) == 0)
		err = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
	return err;
}

/* Return: an errno. */
static int spawn(const struct eg_command *command, const struct egi_streams *streams, pid_t *ret_pid)
{
	/* exec(2) promises not to write there. */
	char *const *argv = (char *const *)(uintptr_t)command->argv;
	char *const *envp = command->envp ? (char *const *)(uintptr_t)command->envp : environ;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int err = posix_spawnattr_init(&attributes);

	if (err)
		return err;
	err = posix_spawn_file_actions_init(&actions);
	if (!err) {
		err = set_attributes(&attributes);
		if (!err)
			err = add_actions(&actions, command, streams);
		if (!err)
			err = posix_spawnp(ret_pid, argv[0], &actions, &attributes, argv, envp);
		posix_spawn_file_actions_destroy(&actions);
	}
	posix_spawnattr_destroy(&attributes);
	return err;
}

/* What has a standard number would be closed or replaced by programs that lack those. */
static int fd_raise(int fd)
{
	int raised;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	raised = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	close(fd);
	return raised;
}

int egi_child_start(const struct eg_command *command, const struct egi_streams *streams,
		    struct egi_child *ret_child)
{
	pid_t pid;
	int err = spawn(command, streams, &pid);

	if (err)
		return -err;
	ret_child->pid = pid;
	ret_child->fd = fd_raise((int)syscall(SYS_pidfd_open, pid, 0));
	return 0;
}

enum state { RUNS, ENDED, NOT_OURS };

static enum state state_of(const struct egi_child *child)
{
	siginfo_t info = {.si_pid = 0};
	int result;

	do {
		result = waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT);
	} while (result < 0 && errno == EINTR);
	if (result < 0)
		return NOT_OURS;
	return info.si_pid == child->pid ? ENDED : RUNS;
}

bool egi_child_has_ended(const struct egi_child *child)
{
	return state_of(child) != RUNS;
}

void egi_child_signal(const struct egi_child *child, int signal)
{
	if (state_of(child) == NOT_OURS)
		return;
	if (kill(-child->pid, signal) < 0)
		(void)kill(child->pid, signal);
}

int egi_child_reap(struct egi_child *child, int *ret_status, struct rusage *ret_usage)
{
	pid_t pid;
	int err;

	do {
		pid = wait4(child->pid, ret_status, 0, ret_usage);
	} while (pid < 0 && errno == EINTR);
	err = pid < 0 ? -errno : 0;
	if (child->fd >= 0)
		close(child->fd);
	child->fd = -1;
	return err;
}

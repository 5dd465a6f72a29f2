/* SPDX-License-Identifier: MIT */
/*
 * Nothing here has one of the three standard numbers. The program's are set one after the other, and one that is to be the
 * source of another must not have been replaced by then:
 *
 *     given: output to 2, errors to 1            a copy of 2, and of 1, above the three
 *     2 becomes 1                                the copy of 2 becomes 1
 *     1, which is 2 by now, becomes 2            the copy of 1 becomes 2
 *
 * And whoever prints in a program whose standard descriptors are closed must not print into our pipes.
 */
#include "command/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/*
 * Pipes that get such numbers keep them taken until one has others. They are closed for writing first: whoever prints there
 * meanwhile must not get SIGPIPE.
 */
static int pipe_open(int ends[2])
{
	int low[STDERR_FILENO + 1][2], count = 0, err = 0;

	for (;;) {
		if (pipe2(ends, O_CLOEXEC) < 0) {
			err = -errno;
			break;
		}
		if (ends[0] > STDERR_FILENO && ends[1] > STDERR_FILENO)
			break;
		low[count][0] = ends[0];
		low[count++][1] = ends[1];
	}
	while (count > 0) {
		close(low[--count][1]);
		close(low[count][0]);
	}
	return err;
}

static int stream_open_pipe(struct egi_streams *streams, int number)
{
	int ends[2], err = pipe_open(ends), is_output = number != STDIN_FILENO;

	if (err)
		return err;
	streams->theirs[number] = ends[is_output];
	streams->is_own[number] = true;
	streams->ours[number] = ends[!is_output];
	/* Each end has flags of its own. */
	return fcntl(ends[!is_output], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int stream_open_given(struct egi_streams *streams, int number, int fd)
{
	streams->theirs[number] = fd;
	if (fd > STDERR_FILENO || fd == number)
		return 0;
	streams->theirs[number] = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	streams->is_own[number] = streams->theirs[number] >= 0;
	return streams->is_own[number] ? 0 : -errno;
}

int egi_streams_open(struct egi_streams *streams, const int given[EGI_STREAMS])
{
	int err = 0;

	for (int i = 0; i < EGI_STREAMS; i++) {
		streams->theirs[i] = streams->ours[i] = -1;
		streams->is_own[i] = false;
	}
	for (int i = 0; i < EGI_STREAMS && err == 0; i++) {
		if (streams->kind[i] == EGI_STREAM_PIPE)
			err = stream_open_pipe(streams, i);
		else if (streams->kind[i] == EGI_STREAM_GIVEN)
			err = stream_open_given(streams, i, given[i]);
	}
	if (err) {
		egi_streams_close_theirs(streams);
		egi_streams_close_ours(streams);
	}
	return err;
}

void egi_streams_close_theirs(struct egi_streams *streams)
{
	for (int i = 0; i < EGI_STREAMS; i++)
		if (streams->is_own[i]) {
			close(streams->theirs[i]);
			streams->is_own[i] = false;
		}
}

void egi_streams_close_ours(struct egi_streams *streams)
{
	for (int i = 0; i < EGI_STREAMS; i++)
		if (streams->ours[i] >= 0) {
			close(streams->ours[i]);
			streams->ours[i] = -1;
		}
}

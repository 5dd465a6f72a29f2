/* SPDX-License-Identifier: MIT */
#include "books.h"

struct job jobs[JOBS_MAX];
unsigned jobs_limit;
bool jobs_are_ordered;

static unsigned active;
static unsigned begun;

int job_run(eg_ctx *ctx, void *arg)
{
	struct job *job = arg;
	int slot = eg_task_slot();

	(void)ctx;
	explore_touch(&active, "begins job", job->number);
	EXPLORE_REQUIRE(job->ran == 0);
	job->ran++;
	active++;
	EXPLORE_REQUIRE(jobs_limit == 0 || active <= jobs_limit);
	EXPLORE_REQUIRE(slot >= 0 && (jobs_limit == 0 || slot < (int)jobs_limit));
	EXPLORE_REQUIRE(!jobs_are_ordered || job->number == begun);
	begun++;
	if (job->takes_ns)
		explore_pass_time(job->takes_ns);
	if (job->body)
		job->body(job);
	explore_touch(&active, "ends job", job->number);
	active--;
	job->ended = true;
	return job->result;
}

int job_submit(eg_group *group, unsigned number)
{
	int err;

	jobs[number].number = number;
	/* The function, not the macro: it registers no call site, which would stay. */
	err = (eg_group_go)(group, job_run, &jobs[number]);
	jobs[number].accepted = err == 0;
	return err;
}

static int job_each(eg_ctx *ctx, void *first, size_t index)
{
	return job_run(ctx, (struct job *)first + index);
}

int jobs_submit_each(eg_group *group, unsigned from, unsigned to)
{
	int err;

	for (unsigned i = from; i < to; i++)
		jobs[i].number = i;
	err = (eg_group_go_each)(group, to - from, job_each, &jobs[from]);
	for (unsigned i = from; i < to; i++)
		jobs[i].accepted = err == 0;
	return err;
}

unsigned jobs_ran(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < JOBS_MAX; i++)
		count += jobs[i].ran;
	return count;
}

unsigned jobs_accepted(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < JOBS_MAX; i++)
		count += jobs[i].accepted;
	return count;
}

void jobs_check_all_ran(void)
{
	EXPLORE_REQUIRE(active == 0);
	for (unsigned i = 0; i < JOBS_MAX; i++)
		if (jobs[i].ran != jobs[i].accepted)
			explore_fail("job %u was %s and ran %u times", i,
				     jobs[i].accepted ? "accepted" : "not accepted", jobs[i].ran);
}

/* SPDX-License-Identifier: MIT */
#include "crew.h"

#include <stdlib.h>

#include "atomic.h"
#include "board.h"
#include "clock.h"
#include "fence.h"
#include "park.h"
#include "pool.h"
#include "thread.h"
#include "verify.h"

#define TICK_MIN (50 * EGI_MICROSECOND)
#define TICK_MAX (1 * EGI_MILLISECOND)
#define LINGER (1 * EGI_MILLISECOND)     /* how long the sentinel goes on after the last post */
#define GROW_BUSY (10 * EGI_MILLISECOND) /* how often a busy process gets one more thread */
#define IDLE_MAX (5 * EGI_SECOND)        /* how long an idle thread stays */

struct member {
	pthread_t thread;
	uint32_t wake; /* raised for a sleeping member; lowered by itself under the lock */
	bool awaited;  /* egi_crew_stop joins it */
	LIST_ENTRY(member) link;
};

LIST_HEAD(members, member);

/* Everything is under the lock. */
static struct {
	struct egi_mutex lock;
	struct members idle;     /* asleep until woken, last in first out */
	struct member *sentinel; /* asleep until `tick_due` */
	int64_t tick, tick_due;
	int64_t last_post;
	uint32_t has_work; /* read without the lock: the sentinel saw tasks waiting when it last looked */
	int64_t looked_at,
	    used_then;   /* the time, and the CPU time of the process, at the last look at the board */
	int64_t grew_at; /* when a thread beyond the CPUs was last allowed */
	int cpus;        /* 0 until something is posted */
	int threads;
	int serving;
	int waking;   /* woken or started, and not yet awake */
	bool missing; /* a thread was wanted and could not be had, and none has come free since */
	bool
	    watching; /* somebody is going to look at what is shown; egi_crew_watching says who may rely on it */
	bool stopping;
} crew = {
    .lock = EGI_MUTEX_INIT,
    .idle = LIST_HEAD_INITIALIZER(crew.idle),
    .tick = TICK_MIN,
};

uint32_t egi_crew_watching;

/* How many CPUs the process may use, counted when something is first posted; 0 before. */
static uint32_t counted_cpus;

/* Without the lock, because it reads files. Two that count at once count the same. */
static int count_cpus(void)
{
	uint32_t cpus = egi_load_relaxed_u32(&counted_cpus);

	if (cpus == 0) {
		cpus = (uint32_t)egi_thread_cpus();
		egi_store_relaxed_u32(&counted_cpus, cpus);
	}
	return (int)cpus;
}

static void *member_main(void *arg);

/* How many threads may serve before posts have to wait for the sentinel. */
static int eager_max(void)
{
	return crew.cpus > 1 ? crew.cpus - 1 : 1;
}

static bool may_serve_now(void)
{
	return egi_board.urgent > 0 || crew.serving + crew.waking < eager_max();
}

/* Whether something was posted or shown a moment ago. */
static bool is_busy_time(void)
{
	return eg_clock_now_ns() - crew.last_post < LINGER;
}

static int member_start(void)
{
	struct member *member = calloc(1, sizeof(*member));
	int err = -1;

	if (member)
		err = egi_thread_create(&member->thread, member_main, member);
	if (err)
		free(member);
	return err;
}

/*
 * Under lock: somebody is going to look at what is shown. Who shows a group relies on it behind a fence that costs
 * nothing, only where membarrier(2) is.
 */
static void watch(void)
{
	bool asymmetric = egi_load_relaxed_u32(&egi_fence_is_asymmetric) != 0;

	crew.watching |= asymmetric;
	egi_store_release_u32(&egi_crew_watching, asymmetric);
}

/* Under lock: nobody is, whoever shows a group from now on has to call, and what was shown before can be looked at. */
static void unwatch(void)
{
	bool relied = egi_crew_is_watching();

	crew.watching = false;
	egi_store_relaxed_u32(&egi_crew_watching, 0);
	if (relied)
		egi_fence_heaviest(); /* [N2] before the look at all notices; pairs with [N1] */
}

/* Under lock, after that: something is shown, and is to be looked at although it was in vain this time. */
static void watch_on(void)
{
	watch();
	crew.watching = true;
}

/*
 * Brings one thread to the board. False if there is none to bring and none could be started. It counts as watching from
 * now on: before it serves or sleeps it looks at the notices.
 */
static bool bring_thread(void)
{
	struct member *member = LIST_FIRST(&crew.idle);

	if (crew.stopping)
		return false;
	if (!member) {
		if (member_start())
			return false;
		crew.threads++;
	} else {
		LIST_REMOVE(member, link);
		egi_flag_raise(&member->wake);
	}
	crew.waking++;
	watch();
	return true;
}

/*
 * Sees to it that somebody looks at the board: at once, if a thread may serve now, or else when the sentinel's
 * time comes. A sentinel that is to look soon anyway is left asleep.
 */
static void attend_board(int64_t now)
{
	/* Those on their way are enough for what is posted. */
	if (egi_board.posts <= crew.waking)
		return;
	if (crew.sentinel) {
		if (egi_board.urgent == 0 && (!may_serve_now() || crew.tick_due - now <= TICK_MIN))
			return;
		/* It serves; a new sentinel is found when it does. */
		egi_flag_raise(&crew.sentinel->wake);
		crew.sentinel = NULL;
		crew.waking++;
		return;
	}
	if (!may_serve_now() && crew.waking > 0)
		return;
	if (!bring_thread()) {
		crew.missing = crew.waking == 0;
		if (crew.missing)
			egi_board_abandon_all();
	}
}

/*
 * Under lock: a CPU has come free. A sentinel that sleeps long because everything moved looks again now.
 */
static void nudge(int64_t now)
{
	crew.tick = TICK_MIN;
	if (!crew.sentinel || crew.tick_due - now <= TICK_MIN)
		return;
	egi_flag_raise(&crew.sentinel->wake);
	crew.sentinel = NULL;
	crew.waking++;
}

void egi_crew_sleeps(void)
{
	if (!egi_load_relaxed_u32(&crew.has_work))
		return;
	egi_mutex_lock(&crew.lock);
	nudge(eg_clock_now_ns());
	egi_mutex_unlock(&crew.lock);
}

void egi_crew_call(struct egi_post *post, bool urgent)
{
	int64_t now = eg_clock_now_ns();
	int cpus = count_cpus();

	egi_mutex_lock(&crew.lock);
	crew.cpus = cpus;
	if (!post->on_board)
		egi_board_add(post);
	if (urgent)
		egi_board_make_urgent(post);
	crew.last_post = now;
	attend_board(now);
	egi_mutex_unlock(&crew.lock);
}

void egi_crew_forget(struct egi_post *post)
{
	egi_mutex_lock(&crew.lock);
	if (post->on_board)
		egi_board_remove(post);
	egi_mutex_unlock(&crew.lock);
}

void egi_crew_take_over(struct egi_notices *notices)
{
	egi_mutex_lock(&crew.lock);
	egi_board_drop_notices(notices);
	attend_board(eg_clock_now_ns());
	egi_mutex_unlock(&crew.lock);
}

bool egi_crew_is_missing(void)
{
	bool missing;

	egi_mutex_lock(&crew.lock);
	missing = crew.missing;
	egi_mutex_unlock(&crew.lock);
	return missing;
}

bool egi_crew_has_cpus(void)
{
	return egi_load_relaxed_u32(&counted_cpus) > 1;
}

/* A thread that ends its life inside a task does not come back here: its place is given up for it. */
static void member_is_lost(void *arg)
{
	egi_mutex_lock(&crew.lock);
	crew.serving--;
	crew.threads--;
	attend_board(eg_clock_now_ns());
	egi_mutex_unlock(&crew.lock);
	pthread_detach(pthread_self());
	free(arg);
}

/* Under lock, which is given up meanwhile: sleeps, and returns false at the deadline if nobody called. */
static bool member_sleep(struct member *member, int64_t deadline)
{
	bool called;

	egi_store_relaxed_u32(&member->wake, 0);
	egi_mutex_unlock(&crew.lock);
	egi_flag_wait(&member->wake, deadline);
	egi_mutex_lock(&crew.lock);
	called = egi_load_relaxed_u32(&member->wake) != 0;
	if (called)
		crew.waking--;
	return called;
}

/*
 * Under lock: unless another thread watches, whoever shows a group from now on has to call. False, and nothing changed,
 * if tasks wait in what has been shown before.
 */
static bool may_unwatch(void)
{
	if (crew.sentinel || !crew.watching)
		return true;
	unwatch();
	if (!egi_board_is_shown_waiting())
		return true;
	watch_on();
	return false;
}

/*
 * Under lock, which may be given up meanwhile: the calling thread is going to serve. Somebody else watches instead if
 * there is anything to watch; if no thread can be had for that, what is shown goes to the board.
 */
static void member_hand_over(struct member *member)
{
	/* Groups are being made: the next one is about to come. */
	if (is_busy_time() && egi_crew_is_watching() && !crew.sentinel && (crew.waking > 0 || bring_thread()))
		return;
	while (!may_unwatch()) {
		crew.last_post = eg_clock_now_ns();
		if (crew.waking > 0 || bring_thread())
			return;
		unwatch();
		if (egi_board_adopt_all())
			return;
		/* A group is busy for an instant, unless its thread has lost its CPU. */
		watch_on();
		member_sleep(member, egi_clock_after(TICK_MIN));
	}
}

/* Under lock, which is given up meanwhile. Returns whether there was work for longer than the sentinel sleeps. */
static bool member_serve(struct member *member, struct egi_post *post)
{
	uint32_t fork_count = egi_thread_fork_count;
	int64_t begin = eg_clock_now_ns();

	crew.serving++;
	member_hand_over(member);
	attend_board(begin);
	egi_mutex_unlock(&crew.lock);
	egi_thread_be_usual();
	pthread_cleanup_push(member_is_lost, member);
	post->customer->serve(post);
	pthread_cleanup_pop(0);
	/* In a forked child only this thread is left, of a crew that is none. */
	if (fork_count != egi_thread_fork_count)
		pthread_exit(NULL);
	egi_mutex_lock(&crew.lock);
	crew.serving--;
	return eg_clock_now_ns() - begin > TICK_MIN;
}

/*
 * Under lock: whether one more thread might help a group in which nothing starts. While this process keeps all its CPUs
 * busy, somebody is probably at work on what the group waits for: groups within groups look like that. But tasks may
 * also wait for each other by spinning.
 */
static bool may_grow(void)
{
	int64_t now = eg_clock_now_ns(), used = egi_clock_process_ns();
	int64_t wall = now - crew.looked_at, busy = used - crew.used_then;

	crew.looked_at = now;
	crew.used_then = used;
	if (busy >= wall * crew.cpus - wall / 4 && now - crew.grew_at < GROW_BUSY)
		return false;
	crew.grew_at = now;
	return true;
}

/* Under lock. Returns a post to serve, or NULL when the round brought none. */
static struct egi_post *member_watch(struct member *member)
{
	struct egi_post *post;
	bool called, active, waiting;

	egi_thread_be_punctual();
	crew.tick_due = egi_clock_after(crew.tick);
	crew.sentinel = member;
	watch();
	called = member_sleep(member, crew.tick_due);
	if (!called)
		crew.sentinel = NULL;
	if (crew.stopping)
		return NULL;
	egi_board_look_at_notices(may_serve_now(), &active, &waiting);
	egi_store_relaxed_u32(&crew.has_work, waiting || egi_board.posts > 0);
	if (active || waiting)
		crew.last_post = eg_clock_now_ns();
	post = egi_board_look(crew.serving < crew.cpus, may_serve_now(), may_grow());
	/* Everything moves: look less often. Something new: look soon. */
	if (post || called || (egi_board.posts == 0 && !waiting))
		crew.tick = TICK_MIN;
	else if (crew.tick < TICK_MAX)
		crew.tick *= 2;
	return post;
}

/* Under lock: whether there is something to watch for. */
static bool sentinel_is_wanted(void)
{
	if (crew.sentinel)
		return false;
	return egi_board.posts > 0 || is_busy_time();
}

/* Under lock, which is given up meanwhile. False when the member has been idle for long and should go. */
static bool member_rest(struct member *member)
{
	bool called;

	if (!may_unwatch()) {
		crew.last_post = eg_clock_now_ns();
		return true;
	}
	if ((egi_board.posts > 0 && !crew.sentinel) || crew.stopping)
		return true;
	if (egi_thread_self.is_odd)
		return false;
	LIST_INSERT_HEAD(&crew.idle, member, link);
	called = member_sleep(member, egi_clock_after(IDLE_MAX));
	if (!called)
		LIST_REMOVE(member, link);
	return called;
}

/* What a member did last. */
enum member_deed { MEMBER_CAME, MEMBER_WORKED, MEMBER_LOOKED_IN };

/*
 * Under lock: a post for the calling thread to serve, or NULL. A thread that worked takes the next post instead of
 * another; it adds to no crowd. One that found next to nothing takes none until the next look: whoever posts such groups,
 * one after the other, is better left alone with them.
 */
static struct egi_post *member_find(enum member_deed before)
{
	struct egi_post *post = NULL;
	bool active, waiting;

	if (before == MEMBER_WORKED || (before == MEMBER_CAME && may_serve_now()))
		post = egi_board_enlist();
	else if (crew.sentinel)
		attend_board(eg_clock_now_ns());
	if (!post && before == MEMBER_WORKED) {
		egi_board_look_at_notices(true, &active, &waiting);
		post = egi_board_enlist();
		if (!post)
			nudge(eg_clock_now_ns());
	}
	return post;
}

static void *member_main(void *arg)
{
	struct member *member = arg;
	enum member_deed before = MEMBER_CAME;
	bool stays = true;

	egi_thread_self.is_crew = true;
	egi_mutex_lock(&crew.lock);
	crew.waking--;
	while (stays && !crew.stopping) {
		struct egi_post *post;

		crew.missing = false;
		post = member_find(before);
		before = MEMBER_CAME;
		if (!post && sentinel_is_wanted())
			post = member_watch(member);
		else if (!post)
			stays = member_rest(member);
		if (post)
			before = member_serve(member, post) ? MEMBER_WORKED : MEMBER_LOOKED_IN;
	}
	crew.threads--;
	if (!member->awaited)
		pthread_detach(pthread_self());
	egi_mutex_unlock(&crew.lock);
	/* The process has been idle for long, or ends. */
	egi_pool_drain();
	free(member);
	return NULL;
}

void egi_crew_stop(void)
{
	struct member *member;
	pthread_t thread;

	egi_mutex_lock(&crew.lock);
	crew.stopping = true;
	crew.watching = false;
	egi_store_relaxed_u32(&egi_crew_watching, 0);
	while (crew.sentinel || (member = LIST_FIRST(&crew.idle)) != NULL) {
		if (crew.sentinel) {
			member = crew.sentinel;
			crew.sentinel = NULL;
		} else {
			LIST_REMOVE(member, link);
		}
		thread = member->thread;
		member->awaited = true;
		crew.waking++;
		egi_flag_raise(&member->wake);
		egi_mutex_unlock(&crew.lock);
		pthread_join(thread, NULL);
		egi_mutex_lock(&crew.lock);
	}
	egi_mutex_unlock(&crew.lock);
}

void egi_crew_lock(void)
{
	egi_mutex_lock(&crew.lock);
}

void egi_crew_unlock(void)
{
	egi_mutex_unlock(&crew.lock);
}

void egi_crew_start_child(void)
{
	egi_board_start_child(egi_thread_self.notices);
	LIST_INIT(&crew.idle);
	crew.sentinel = NULL;
	crew.threads = crew.serving = crew.waking = 0;
	crew.missing = crew.watching = false;
	egi_store_relaxed_u32(&egi_crew_watching, 0);
}

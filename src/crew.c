/* SPDX-License-Identifier: MIT */
#include "crew.h"

#include <stdlib.h>

#include "atomic.h"
#include "clock.h"
#include "park.h"
#include "thread.h"
#include "verify.h"

#define TICK_MIN (50 * EGI_MICROSECOND)
#define TICK_MAX (1 * EGI_MILLISECOND)
#define LINGER (1 * EGI_MILLISECOND) /* how long the sentinel goes on after the last post */
#define IDLE_MAX (5 * EGI_SECOND)    /* how long an idle thread stays */
#define LOOKS_MAX 16                 /* posts that the sentinel looks at in one round */

struct member {
	pthread_t thread;
	uint32_t wake; /* raised for a sleeping member; lowered by itself under the lock */
	bool awaited;  /* egi_crew_stop joins it */
	LIST_ENTRY(member) link;
};

TAILQ_HEAD(board, egi_crew_post);
LIST_HEAD(members, member);

/* Everything is under the lock. */
static struct {
	struct egi_mutex lock;
	struct board board;
	struct members idle;     /* asleep until woken, last in first out */
	struct member *sentinel; /* asleep until `tick_due` */
	int64_t tick, tick_due;
	int64_t last_post;
	int cpus;
	int threads;
	int serving;
	int waking;   /* woken or started, and not yet awake */
	int posts;    /* on the board */
	int urgent;   /* those of them that want a thread beyond the CPUs */
	bool missing; /* a thread was wanted and could not be had, and none has come free since */
	bool stopping;
} crew = {
    .lock = EGI_MUTEX_INIT,
    .board = TAILQ_HEAD_INITIALIZER(crew.board),
    .idle = LIST_HEAD_INITIALIZER(crew.idle),
    .cpus = 1,
};

static void *member_main(void *arg);

/* How many threads may serve before posts have to wait for the sentinel. */
static int eager_max(void)
{
	return crew.cpus > 1 ? crew.cpus - 1 : 1;
}

static bool may_serve_now(void)
{
	return crew.urgent > 0 || crew.serving + crew.waking < eager_max();
}

static void board_add(struct egi_crew_post *post)
{
	TAILQ_INSERT_TAIL(&crew.board, post, link);
	post->on_board = true;
	post->is_urgent = false;
	crew.posts++;
}

static void board_remove(struct egi_crew_post *post)
{
	TAILQ_REMOVE(&crew.board, post, link);
	post->on_board = false;
	crew.posts--;
	crew.urgent -= post->is_urgent;
}

/* To the end, so that the others get their turn. */
static void board_rotate(struct egi_crew_post *post)
{
	TAILQ_REMOVE(&crew.board, post, link);
	TAILQ_INSERT_TAIL(&crew.board, post, link);
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

/* Brings one thread to the board. False if there is none to bring and none could be started. */
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
	return true;
}

/*
 * Sees to it that somebody looks at the board: at once, if a thread may serve now, or else when the sentinel's
 * time comes. A sentinel that is to look soon anyway is left asleep.
 */
static void attend_board(int64_t now)
{
	/* Those on their way are enough for what is posted. */
	if (crew.posts <= crew.waking)
		return;
	if (crew.sentinel) {
		if (crew.urgent == 0 && (!may_serve_now() || crew.tick_due - now <= TICK_MIN))
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
		struct egi_crew_post *post;

		crew.missing = crew.waking == 0;
		if (crew.missing) {
			for (post = TAILQ_FIRST(&crew.board); post; post = TAILQ_NEXT(post, link))
				post->customer->abandon(post);
		}
	}
}

void egi_crew_call(struct egi_crew_post *post, bool urgent)
{
	int64_t now = eg_clock_now_ns();

	egi_mutex_lock(&crew.lock);
	if (!post->on_board)
		board_add(post);
	if (urgent && !post->is_urgent) {
		post->is_urgent = true;
		crew.urgent++;
	}
	crew.last_post = now;
	attend_board(now);
	egi_mutex_unlock(&crew.lock);
}

void egi_crew_forget(struct egi_crew_post *post)
{
	egi_mutex_lock(&crew.lock);
	if (post->on_board)
		board_remove(post);
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
	/* Written once, at load. */
	return crew.cpus > 1;
}

/* Takes a post off the board for the calling thread to serve. NULL if no post has a place. */
static struct egi_crew_post *board_enlist(void)
{
	struct egi_crew_post *post;

	while ((post = TAILQ_FIRST(&crew.board)) != NULL) {
		board_remove(post);
		if (post->customer->enlist(post))
			return post;
	}
	return NULL;
}

/* The sentinel's round: takes down what is done, and returns a post to serve, enlisted, or NULL. */
static struct egi_crew_post *board_look(void)
{
	for (int i = 0; i < LOOKS_MAX; i++) {
		struct egi_crew_post *post = TAILQ_FIRST(&crew.board);
		enum egi_crew_look look;

		if (!post)
			break;
		look = post->customer->look(post, crew.serving < crew.cpus);
		if (look == EGI_CREW_MOVING && !may_serve_now()) {
			board_rotate(post);
			continue;
		}
		board_remove(post);
		if (look != EGI_CREW_DONE && post->customer->enlist(post))
			return post;
		if (look == EGI_CREW_DONE && post->customer->retire(post))
			board_add(post);
	}
	return NULL;
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

/* Under lock, which is given up meanwhile. Returns whether there was work for longer than the sentinel sleeps. */
static bool member_serve(struct member *member, struct egi_crew_post *post)
{
	uint32_t fork_count = egi_thread_fork_count;
	int64_t begin = eg_clock_now_ns();

	crew.serving++;
	attend_board(begin);
	egi_mutex_unlock(&crew.lock);
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

/* Under lock. Returns a post to serve, or NULL when the round brought none. */
static struct egi_crew_post *member_watch(struct member *member)
{
	struct egi_crew_post *post;
	bool called;

	crew.tick_due = egi_clock_after(crew.tick);
	crew.sentinel = member;
	called = member_sleep(member, crew.tick_due);
	if (!called)
		crew.sentinel = NULL;
	if (crew.stopping)
		return NULL;
	post = board_look();
	/* Everything moves: look less often. Something new: look soon. */
	if (post || called || TAILQ_EMPTY(&crew.board))
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
	return !TAILQ_EMPTY(&crew.board) || eg_clock_now_ns() - crew.last_post < LINGER;
}

/* Under lock. False when the member has been idle for long and should go. */
static bool member_idle(struct member *member)
{
	bool called;

	LIST_INSERT_HEAD(&crew.idle, member, link);
	called = member_sleep(member, egi_clock_after(IDLE_MAX));
	if (!called)
		LIST_REMOVE(member, link);
	return called;
}

static void *member_main(void *arg)
{
	struct member *member = arg;
	bool stays = true;
	enum { CAME, WORKED, LOOKED_IN } before = CAME;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	egi_thread_be_punctual();
	egi_mutex_lock(&crew.lock);
	crew.waking--;
	while (stays && !crew.stopping) {
		struct egi_crew_post *post = NULL;

		crew.missing = false;
		/*
		 * A thread that worked takes the next post instead of another; it adds to no crowd. One that found
		 * next to nothing takes none until the next look: whoever posts such groups, one after the other,
		 * is better left alone with them.
		 */
		if (before == WORKED || (before == CAME && may_serve_now()))
			post = board_enlist();
		else if (crew.sentinel)
			attend_board(eg_clock_now_ns());
		before = CAME;
		if (!post && sentinel_is_wanted())
			post = member_watch(member);
		else if (!post)
			stays = member_idle(member);
		if (post)
			before = member_serve(member, post) ? WORKED : LOOKED_IN;
	}
	crew.threads--;
	if (!member->awaited)
		pthread_detach(pthread_self());
	egi_mutex_unlock(&crew.lock);
	free(member);
	return NULL;
}

void egi_crew_start(void)
{
	crew.cpus = egi_thread_cpus();
	crew.tick = TICK_MIN;
}

void egi_crew_stop(void)
{
	struct member *member;
	pthread_t thread;

	egi_mutex_lock(&crew.lock);
	crew.stopping = true;
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
	TAILQ_INIT(&crew.board);
	LIST_INIT(&crew.idle);
	crew.sentinel = NULL;
	crew.threads = crew.serving = crew.waking = crew.posts = crew.urgent = 0;
	crew.missing = false;
}

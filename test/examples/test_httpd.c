/* SPDX-License-Identifier: MIT */
/*
 * The server of docs/examples/httpd in this process, over and over: whatever ends it ends all of it, with the right cause,
 * and leaves nothing behind.
 */

#include "support.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "services.h"

enum ending { BY_SHUTDOWN, BY_SIGNAL, BY_SOCKET, ENDINGS };

struct visit {
	enum ending ending;
	bool idles; /* a connection without a request stays open */
	int idle_fd;
	int listen_fd;
	struct sockaddr_in address;
	struct tally listening;
};

static int note_listening(const struct server *server, void *arg)
{
	struct visit *visit = arg;
	socklen_t length = sizeof(visit->address);

	visit->listen_fd = server->listen_fd;
	CHECK(getsockname(server->listen_fd, (struct sockaddr *)&visit->address, &length) == 0);
	tally_add(&visit->listening, 1);
	return 0;
}

static int connect_to(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	CHECK(connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0);
	return fd;
}

/* Asks for a page and checks that the answer ends with a text. */
static void ask(const struct sockaddr_in *address, const char *page, const char *expected)
{
	char text[1024];
	size_t used = 0, length = strlen(expected);
	ssize_t got;
	int fd = connect_to(address);

	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n", page);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	while ((got = read(fd, text + used, sizeof(text) - used)) > 0)
		used += (size_t)got;
	CHECK(used >= length && memcmp(text + used - length, expected, length) == 0);
	close(fd);
}

static void *visit_main(void *arg)
{
	struct visit *visit = arg;

	tally_await(&visit->listening, 1);
	visit->idle_fd = visit->idles ? connect_to(&visit->address) : -1;
	ask(&visit->address, "/ping", "pong");
	if (visit->ending == BY_SHUTDOWN)
		ask(&visit->address, "/shutdown", "stopping\n");
	else if (visit->ending == BY_SIGNAL)
		CHECK(kill(getpid(), SIGTERM) == 0);
	else
		CHECK(shutdown(visit->listen_fd, SHUT_RDWR) == 0);
	return NULL;
}

static void address_loopback(struct address *ret_address)
{
	assert_null(address_parse("127.0.0.1:0", ret_address));
}

/* One server from start to end. */
static void run_once(enum ending ending, bool idles, int64_t grace_ns)
{
	static const int codes[] = {SERVICES_SHUTDOWN, EG_ESIGNAL(SIGTERM), -ENOTCONN};
	static const char *const messages[] = {"/shutdown was requested", "signal SIGTERM",
					       "the listening socket has failed"};
	struct visit visit = {.ending = ending, .idles = idles, .listening = TALLY_INIT};
	struct services_end end = {NULL, 1};
	struct services services = {.grace_ns = grace_ns, .listening = note_listening, .arg = &visit};
	struct address address;
	pthread_t thread;

	address_loopback(&address);
	services.address = &address;
	assert_int_equal(pthread_create(&thread, NULL, visit_main, &visit), 0);
	assert_int_equal(services_run(&services, &end), 0);
	pthread_join(thread, NULL);
	assert_int_equal(eg_error_code(end.cause), codes[ending]);
	assert_string_equal(eg_error_message(end.cause), messages[ending]);
	assert_int_equal(end.dropped, 0);
	eg_error_unref(end.cause);
	if (visit.idle_fd >= 0)
		close(visit.idle_fd);
}

#define A_DAY_NS (INT64_C(86400) * 1000000000)

static void whatever_ends_the_server_is_the_cause(void **state)
{
	(void)state;
	for (enum ending ending = 0; ending < ENDINGS; ending++)
		run_once(ending, false, A_DAY_NS);
}

/* The grace is longer than this test may take. */
static void a_connection_without_a_request_does_not_delay_the_end(void **state)
{
	(void)state;
	for (enum ending ending = 0; ending < ENDINGS; ending++)
		run_once(ending, true, A_DAY_NS);
}

static void a_port_that_is_taken_ends_the_other_services(void **state)
{
	struct services_end end = {NULL, 0};
	struct services services = {.listening = note_listening};
	char text[ADDRESS_TEXT_SIZE];
	struct address address;
	int fd;

	(void)state;
	address_loopback(&address);
	fd = address_listen(&address, text);
	assert_true(fd >= 0);
	assert_null(address_parse(text, &address));
	services.address = &address;
	assert_int_equal(services_run(&services, &end), 0);
	assert_int_equal(eg_error_code(end.cause), -EADDRINUSE);
	eg_error_unref(end.cause);
	close(fd);
}

static int descriptors_now(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

#define CYCLES 1000
#define WINDOWS_MAX 10

/*
 * The library keeps threads and the states of groups for the next ones. After some rounds it has what it is going to have,
 * and then a thousand servers take less than a byte each.
 */
static void a_thousand_servers_leave_no_descriptor_no_thread_and_no_byte(void **state)
{
	long cycles = scaled(CYCLES), threads;
	size_t heap;
	int windows = 0, descriptors;

	(void)state;
	run_once(BY_SIGNAL, true, A_DAY_NS);
	descriptors = descriptors_now();
	do {
		threads = threads_now();
		heap = heap_in_use();
		for (long i = 0; i < cycles; i++)
			run_once((enum ending)(i % ENDINGS), i % 2 == 0, A_DAY_NS);
		assert_int_equal(descriptors_now(), descriptors);
	} while ((threads_now() > threads || heap_in_use() > heap + CYCLES) && ++windows < WINDOWS_MAX);
	print_message("# %d descriptors, %ld threads, then %ld; %zu bytes, then %zu\n", descriptors, threads,
		      threads_now(), heap, heap_in_use());
	assert_true(windows < WINDOWS_MAX);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(whatever_ends_the_server_is_the_cause),
	    TEST(a_connection_without_a_request_does_not_delay_the_end),
	    TEST(a_port_that_is_taken_ends_the_other_services),
	    TEST(a_thousand_servers_leave_no_descriptor_no_thread_and_no_byte),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_events.c: streams of events, ticks, losses and listings to the tracker. The input is a sequence of operations,
 * of one byte and what it needs. Events that are made have few cookies and addresses, so that they meet, and their
 * enums are brought into range, so that the tracker is reached; others are raw, and reach it where event_check() lets
 * them.
 *
 * What holds after every step stands in tracker_checks.h; each report also has to survive the way to JSON and back.
 */
#include "fuzz.h"
#include "report/report_read.h"
#include "report/report_writer.h"
#include "sample_event.h"
#include "tracker_checks.h"

#define NS_PER_MS   1000000ULL
#define START_NS    (1000000 * NS_PER_MS)
#define SPAN_NS     (1ULL << 50) /* 13 days: later, a stream stands still */
#define COOKIES     16
#define REQUEST     100 /* cookies of requests begin here */
#define SEED        7
#define CONNECTIONS 1000
#define FEW         16

struct run {
	struct fuzz_bytes bytes;
	struct tracker *tracker;
	bool roomy;
	uint64_t now_ns;
	uint64_t reports, handshakes, lost, told;
	struct report_writer *writer;
	struct text text;
};

static const struct report_context context = {.host = "host"};

/* ---- reports ------------------------------------------------------------------------------------- */

static void report_goes_and_comes(struct run *run, const struct connection_report *report)
{
	struct connection_report read;
	char why[160];
	json_t *object;

	text_clear(&run->text);
	assert_int_equal(report_writer_report(run->writer, &run->text, report), 0);
	object = report_line_load(run->text.data, run->text.length, why, sizeof(why));
	if (!object)
		fail_msg("%s: %.*s", why, (int)run->text.length, run->text.data);
	assert_int_equal(report_read(object, &read), 0);
	assert_int_equal(read.cookie, report->cookie);
	assert_int_equal(read.class, report->class);
	assert_int_equal(read.cause, report->cause);
	json_decref(object);
}

static void take_report(void *arg, const struct connection_report *report)
{
	struct run *run = arg;

	report_enums_check(report);
	report_verdict_check(report);
	assert_true(report->revision > 0);
	assert_true(report->state_count <= REPORT_STATES_MAX && report->note_count <= REPORT_NOTES_MAX);
	run->reports += report->revision == 1;
	run->handshakes += report->revision == 1 && report->cookie >= REQUEST;
	report_goes_and_comes(run, report);
}

/* ---- events -------------------------------------------------------------------------------------- */

static void state_fit(uint8_t *state)
{
	*state = (uint8_t)(TCP_ESTABLISHED + *state % (TCP_STATES - TCP_ESTABLISHED));
}

static void family_fit(uint8_t *family)
{
	*family = *family % 4 ? 4 : 6;
}

/* One of eight pairs of ends, from either side, in one of two namespaces, the local port perhaps not known yet. */
static void tuple_fit(struct event_tuple *tuple)
{
	uint8_t which = tuple->local[0];
	uint16_t port = which & 32 ? 0 : (uint16_t)(40000 + which % 4);

	*tuple = (struct event_tuple){.netns = which & 64 ? 2 : 1};
	tuple->local[3] = which & 8 ? 2 : 1;
	tuple->remote[3] = which & 8 ? 1 : 2;
	tuple->local_port = which & 16 ? 80 : port;
	tuple->remote_port = which & 16 ? port : 80;
}

static void existing_fit(struct event_existing *existing)
{
	state_fit(&existing->state);
	if (existing->substate)
		state_fit(&existing->substate);
	family_fit(&existing->family);
	existing->source %= EXISTING_NETNS + 1;
	tuple_fit(&existing->tuple);
	existing->comm[EVENT_COMM_BYTES - 1] = '\0';
}

static void birth_fit(struct event_birth *birth)
{
	state_fit(&birth->old_state);
	state_fit(&birth->new_state);
	family_fit(&birth->family);
	tuple_fit(&birth->tuple);
	birth->socket %= COOKIES;
	birth->comm[EVENT_COMM_BYTES - 1] = '\0';
}

static void states_fit(union sample_event *event)
{
	state_fit(&event->state.old_state);
	state_fit(&event->state.new_state);
	if (event->header.kind == EVENT_CLOSE)
		event->state.new_state = TCP_CLOSE;
	event->close.comm[EVENT_COMM_BYTES - 1] = '\0';
	event->state_task.comm[EVENT_COMM_BYTES - 1] = '\0';
}

/* No kernel has counted further, and a reader of JSON could not. */
static void bytes_fit(union sample_event *event)
{
	if (event->header.kind != EVENT_CLOSE)
		return;
	event->close.bytes_sent &= INT64_MAX;
	event->close.bytes_received &= INT64_MAX;
}

static void body_fit(union sample_event *event)
{
	switch (event->header.kind) {
	case EVENT_BIRTH: birth_fit(&event->birth); break;
	case EVENT_STATE:
	case EVENT_STATE_TASK:
	case EVENT_CLOSE:
		states_fit(event);
		bytes_fit(event);
		break;
	case EVENT_RETRANSMIT_SYNACK:
		family_fit(&event->synack.family);
		tuple_fit(&event->synack.tuple);
		event->synack.request = REQUEST + event->synack.request % COOKIES;
		break;
	case EVENT_RESET_SENT:
		event->reset_sent.state %= TCP_STATES;
		event->reset_sent.reason %= RESET_REASONS;
		event->reset_sent.family = event->reset_sent.family % 3 * 2;
		if (event->reset_sent.family == 2)
			event->reset_sent.family = 6;
		tuple_fit(&event->reset_sent.tuple);
		break;
	case EVENT_TIME_WAIT:
		event->time_wait.change %= TIME_WAIT_RESET + 1;
		if (event->time_wait.substate)
			state_fit(&event->time_wait.substate);
		break;
	case EVENT_ACCEPT: event->accept.comm[EVENT_COMM_BYTES - 1] = '\0'; break;
	case EVENT_EXISTING: existing_fit(&event->existing); break;
	case EVENT_STACK:
		event->stack.call %= STACK_ACCEPT + 1;
		for (unsigned i = 0; i < EVENT_FRAMES_MAX; i++)
			event->stack.frames[i].kind %= FRAME_ADDRESS + 1;
		break;
	case EVENT_OOM_KILL: break;
	default: /* retransmission, reset received, error, probe: a state, and what kind of probe */
		state_fit(&event->bytes[sizeof(event->header)]);
		if (event->header.kind == EVENT_PROBE)
			event->probe.probe %= PROBE_WINDOW + 1;
	}
}

static void event_tell(struct run *run, const union sample_event *event)
{
	run->told++;
	tracker_event(run->tracker, &event->header);
}

static void event_make(struct run *run, unsigned kind)
{
	union sample_event event = {0};
	uint8_t who = fuzz_byte(&run->bytes), ago = fuzz_byte(&run->bytes);

	fuzz_take(&run->bytes, &event.header.flags, sizeof(event.header.flags));
	event.header.kind = (uint8_t)kind;
	event.header.version = EVENT_VERSION;
	event.header.cookie = who % COOKIES;
	event.header.pid = who / COOKIES;
	event.header.time_ns = run->now_ns - (ago < 128 ? 0 : ago * NS_PER_MS); /* mostly in order */
	fuzz_take(&run->bytes, event.bytes + sizeof(event.header), event_size(kind) - sizeof(event.header));
	body_fit(&event);
	assert_int_equal(event_check(&event.header, event_size(kind)), 0);
	event_tell(run, &event);
}

/* Any bytes of any length: only the check stands between them and the tracker. */
static void event_raw(struct run *run)
{
	uint8_t how = fuzz_byte(&run->bytes);
	size_t length = how == 255 ? EVENT_MAX_BYTES : how % (sizeof(struct event_existing) + 1);
	union sample_event event;

	memset(&event, 0xff, sizeof(event));
	fuzz_take(&run->bytes, event.bytes, length);
	if (event_check(&event.header, length))
		return;
	/* Where these stand, books and reports speak of them. */
	event.header.time_ns = run->now_ns - event.header.time_ns % NS_PER_MS;
	event.header.cookie %= COOKIES;
	if (event.header.kind == EVENT_RETRANSMIT_SYNACK)
		event.synack.request = REQUEST + event.synack.request % COOKIES;
	bytes_fit(&event);
	event_tell(run, &event);
}

/* ---- the rest of the stream ---------------------------------------------------------------------- */

static void time_pass(struct run *run)
{
	uint8_t amount = fuzz_byte(&run->bytes);

	run->now_ns += amount < 192 ? amount * NS_PER_MS : NS_PER_MS << (amount - 192) % 24; /* to 2.3 hours */
	if (run->now_ns > SPAN_NS)
		run->now_ns = SPAN_NS;
}

static void live_look(void *arg, const struct connection *connection)
{
	struct run *run = arg;
	const struct stack *stack = tracker_stack(run->tracker, connection);
	struct connection_report report;

	assert_true(!stack || (stack->users && stack->frame_count));
	tracker_report_live(run->tracker, connection, run->now_ns, &report);
	assert_int_equal(report.class, CLASS_UNKNOWN);
	assert_int_equal(report.revision, 0);
	report_enums_check(&report);
}

static void live_walk(struct run *run)
{
	uint32_t cursor = 0;

	while (tracker_walk(run->tracker, &cursor, 100, live_look, run))
		;
}

static void operation(struct run *run)
{
	uint8_t what = fuzz_byte(&run->bytes) % 32;

	switch (what) {
	case 0: event_raw(run); break;
	case 15: event_make(run, EVENT_STACK); break;
	case 16: time_pass(run); break;
	case 17:
		time_pass(run);
		tracker_tick(run->tracker, run->now_ns);
		break;
	case 18: tracker_tick(run->tracker, run->now_ns - fuzz_byte(&run->bytes) * NS_PER_MS); break;
	case 19:
		run->lost += what = fuzz_byte(&run->bytes);
		tracker_loss(run->tracker, what);
		break;
	case 20: tracker_resync_begin(run->tracker, run->now_ns); break;
	case 21: tracker_resync_end(run->tracker, run->now_ns); break;
	case 22: tracker_flush(run->tracker, run->now_ns); break;
	case 23: live_walk(run); break;
	default: event_make(run, what < EVENT_KINDS ? what : what - 23);
	}
}

static void stats_check(const struct run *run)
{
	const struct tracker_stats *stats = tracker_stats(run->tracker);
	uint32_t counts[CONNECTION_STATES], live = 0;

	tracker_live_by_state(run->tracker, counts);
	for (unsigned i = 0; i < CONNECTION_STATES; i++)
		live += counts[i];
	assert_int_equal(live, tracker_live(run->tracker));
	assert_int_equal(stats->events, run->told);
	assert_int_equal(stats->events_lost, run->lost);
	assert_int_equal(stats->reports, run->reports);
	assert_true(stats->existing <= stats->births);
	assert_true(stats->violations <= stats->transitions);
	tracker_books_check(run->tracker, run->roomy ? run->reports : TRACKER_NO_ROOM, run->handshakes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run run = {.bytes = {data, data + size}, .now_ns = START_NS};
	uint8_t how = fuzz_byte(&run.bytes);
	struct tracker_config config = {how % 4 ? CONNECTIONS : FEW, how % 8 * 250 * NS_PER_MS, 4 * NS_PER_MS, SEED,
					how & 64};

	run.roomy = how % 4;
	run.tracker = tracker_create(&config, take_report, &run);
	run.writer = report_writer_create(REPORT_JSON, &context, 0);
	assert_true(run.tracker && run.writer);
	while (run.bytes.at < run.bytes.end) {
		operation(&run);
		stats_check(&run);
	}
	tracker_flush(run.tracker, run.now_ns);
	stats_check(&run);
	tracker_destroy(run.tracker);
	report_writer_destroy(run.writer);
	text_free(&run.text);
	return 0;
}

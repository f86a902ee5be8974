// SPDX-License-Identifier: GPL-2.0-only
/*
 * machine_dot.c: the reference machine as a picture, in the language of graphviz; see machine_view.h.
 *
 * It is drawn as in RFC 9293, figure 5, CLOSE at the top and again at the bottom: an edge for each pair of states,
 * with all its inputs. Ends at once, which nearly every state has, would hide that; they are a table beneath it. What
 * changes no state is left out.
 */
#include "machine_text.h"
#include "machine_view.h"
#include "machine_words.h"

#define INK          "#1b1f24"
#define INK_LINUX    "#b4480c"
#define INK_REPLACED "#8b949e"
#define INK_UNSEEN   "#c6ccd2"
#define FILL_SMALL   "#fdf1e7" /* of what is no full socket */
#define MARK_RFC     "\u25cf"
#define MARK_LINUX   "\u25cb"

/* Where a state stands, from top to bottom. Edges that would lead far up end in a second drawing of their state. */
static const uint8_t levels[MACHINE_STATES] = {
	[TCP_CLOSE] = 0,     [TCP_LISTEN] = 1,      [TCP_NEW_SYN_RECV] = 2, [TCP_SYN_SENT] = 2,
	[TCP_SYN_RECV] = 3,  [TCP_ESTABLISHED] = 4, [TCP_FIN_WAIT1] = 5,    [TCP_CLOSE_WAIT] = 5,
	[TCP_FIN_WAIT2] = 6, [TCP_CLOSING] = 6,     [TCP_LAST_ACK] = 6,     [MACHINE_FIN_WAIT2_MINISOCK] = 7,
	[TCP_TIME_WAIT] = 8,
};
#define LEVELS 9
#define FAR_UP 3 /* levels */

/* One of the views of the machine, and where it is written to. */
struct drawing {
	const struct machine_view *view;
	struct text *text;
	uint32_t drawn; /* states that have edges */
	uint32_t again; /* states that are drawn a second time */
};

/* ---- what is drawn how ---------------------------------------------------------------------------- */

/* An end that is no part of the orderly life, which has its own edges to CLOSE. */
static bool is_end_at_once(const struct machine_rule *rule)
{
	bool orderly = rule->input == INPUT_CLOSE || rule->input == INPUT_ACK_OF_FIN ||
		       rule->input == INPUT_TIME_WAIT_TIMEOUT || rule->input == INPUT_FIN_WAIT2_TIMEOUT;

	return rule->to == TCP_CLOSE && rule->from != TCP_CLOSE && !orderly;
}

enum style { STYLE_RFC, STYLE_LINUX, STYLE_REPLACED };

static enum style style_of(const struct machine_rule *rule)
{
	const struct machine_rule *taken = machine_step(machine_reference(), rule->from, rule->input, 1);

	if (rule->verdict == CONFORMANCE_LINUX_VARIANT)
		return STYLE_LINUX;
	return taken->to == rule->to ? STYLE_RFC : STYLE_REPLACED;
}

static const struct machine_rule *rules_begin(void)
{
	return machine_reference()->rules;
}

static const struct machine_rule *rules_end(void)
{
	return machine_reference()->rules + machine_reference()->count;
}

static bool is_on_edge(const struct drawing *drawing, const struct machine_rule *rule, uint8_t from, uint8_t to)
{
	return rule->from == from && rule->to == to && machine_view_has(drawing->view, rule) && !is_end_at_once(rule);
}

#define ANY_INPUT INPUTS

/* How often an edge, or one input of it, was seen. False where nobody can tell, or nobody counted. */
static bool count_of(const struct drawing *drawing, uint8_t from, uint8_t to, unsigned input, uint64_t *times)
{
	bool counted = false;

	*times = 0;
	for (const struct machine_rule *rule = rules_begin(); rule < rules_end(); rule++) {
		if (rule->from != from || rule->to != to ||
		    (input == ANY_INPUT ? is_end_at_once(rule) : rule->input != input) ||
		    !machine_view_has(drawing->view, rule) || machine_countable(machine_reference(), rule) != COUNTABLE)
			continue;
		counted = true;
		*times += machine_view_seen(drawing->view, rule);
	}
	return counted && drawing->view->coverage;
}

static const char *ink_of(const struct drawing *drawing, const struct machine_rule *rule, unsigned input)
{
	static const char *const inks[] = {INK, INK_LINUX, INK_REPLACED};
	uint64_t times;

	return count_of(drawing, rule->from, rule->to, input, &times) && !times ? INK_UNSEEN : inks[style_of(rule)];
}

/* ---- text ------------------------------------------------------------------------------------------ */

static void write_str(const struct drawing *drawing, const char *string)
{
	text_append_str(drawing->text, string);
}

static void write_ink(const struct drawing *drawing, const char *ink, const char *words)
{
	write_str(drawing, "<FONT COLOR=\"");
	write_str(drawing, ink);
	write_str(drawing, "\">");
	write_str(drawing, words);
	write_str(drawing, "</FONT>");
}

/* ---- states ---------------------------------------------------------------------------------------- */

static void node_write(const struct drawing *drawing, uint8_t state, bool again)
{
	const char *name = machine_state_name(state);
	bool small = !machine_state_words(state)->rfc || !strcmp(machine_state_words(state)->held, "minisock");

	write_str(drawing, "\t");
	write_str(drawing, name);
	write_str(drawing, again ? "_again [label=\"" : " [label=\"");
	write_str(drawing, state == MACHINE_FIN_WAIT2_MINISOCK ? "FIN_WAIT2\\nMINISOCK" : name);
	write_str(drawing, "\"");
	if (small)
		write_str(drawing,
			  ", style=\"rounded,filled,dashed\", fillcolor=\"" FILL_SMALL "\", color=\"" INK_LINUX "\"");
	if (again)
		write_str(drawing, small ? ", fillcolor=white, fontcolor=\"#57606a\""
					 : ", style=\"rounded\", fontcolor=\"#57606a\"");
	write_str(drawing, "];\n");
}

/* Left and right on one level, as in the RFC. */
static const uint8_t neighbours[][2] = {
	{TCP_NEW_SYN_RECV, TCP_SYN_SENT},
	{TCP_FIN_WAIT1, TCP_CLOSE_WAIT},
	{TCP_CLOSING, TCP_FIN_WAIT2},
	{TCP_FIN_WAIT2, TCP_LAST_ACK},
};

static void neighbours_write(const struct drawing *drawing)
{
	for (size_t i = 0; i < sizeof(neighbours) / sizeof(neighbours[0]); i++) {
		uint32_t both = 1U << neighbours[i][0] | 1U << neighbours[i][1];

		if ((drawing->drawn & both) != both)
			continue;
		write_str(drawing, "\t{ rank=same; ");
		write_str(drawing, machine_state_name(neighbours[i][0]));
		write_str(drawing, " -> ");
		write_str(drawing, machine_state_name(neighbours[i][1]));
		write_str(drawing, " [style=invis]; }\n");
	}
	if (drawing->drawn & 1U << TCP_CLOSE)
		write_str(drawing, "\t{ rank=same; legend -> CLOSE [style=invis]; }\n");
}

static void nodes_write(const struct drawing *drawing)
{
	for (unsigned level = 0; level < LEVELS; level++) {
		write_str(drawing, "\t{ rank=same;\n");
		for (size_t i = 0; i < MACHINE_LIFE_STATES; i++)
			if (levels[machine_life[i]] == level && drawing->drawn >> machine_life[i] & 1)
				node_write(drawing, machine_life[i], false);
		write_str(drawing, "\t}\n");
	}
	write_str(drawing, "\t{ rank=same;\n");
	for (size_t i = 0; i < MACHINE_LIFE_STATES; i++)
		if (drawing->again >> machine_life[i] & 1)
			node_write(drawing, machine_life[i], true);
	write_str(drawing, "\t}\n");
	neighbours_write(drawing);
}

/* ---- edges ----------------------------------------------------------------------------------------- */

static void label_line_write(const struct drawing *drawing, const struct machine_rule *rule)
{
	uint64_t times;

	write_str(drawing, "&#160;<FONT COLOR=\"");
	write_str(drawing, ink_of(drawing, rule, rule->input));
	write_str(drawing, "\">");
	write_str(drawing, machine_input_name(rule->input));
	if (count_of(drawing, rule->from, rule->to, rule->input, &times)) {
		write_str(drawing, " \u00d7");
		text_append_u64(drawing->text, times);
	}
	write_str(drawing, "</FONT>");
}

/* What both do first; an input stands once. */
static void label_write(const struct drawing *drawing, uint8_t from, uint8_t to)
{
	uint64_t told = 0;

	for (unsigned style = STYLE_RFC; style <= STYLE_REPLACED; style++) {
		for (const struct machine_rule *rule = rules_begin(); rule < rules_end(); rule++) {
			if (!is_on_edge(drawing, rule, from, to) || style_of(rule) != style || told >> rule->input & 1)
				continue;
			write_str(drawing, told ? "<BR/>" : "");
			told |= 1ULL << rule->input;
			label_line_write(drawing, rule);
		}
	}
}

/* The entry that says how an edge looks; NULL: there is none. */
static const struct machine_rule *edge_find(const struct drawing *drawing, uint8_t from, uint8_t to)
{
	const struct machine_rule *best = NULL;

	for (const struct machine_rule *rule = rules_begin(); rule < rules_end() && from != to; rule++)
		if (is_on_edge(drawing, rule, from, to) && (!best || style_of(rule) < style_of(best)))
			best = rule;
	return best;
}

static bool is_far_up(uint8_t from, uint8_t to)
{
	return levels[from] >= levels[to] + FAR_UP;
}

static void edge_write(struct drawing *drawing, const struct machine_rule *rule)
{
	static const char *const styles[] = {"solid", "dashed", "dotted"};

	write_str(drawing, "\t");
	write_str(drawing, machine_state_name(rule->from));
	write_str(drawing, " -> ");
	write_str(drawing, machine_state_name(rule->to));
	write_str(drawing, is_far_up(rule->from, rule->to) ? "_again [style=" : " [style=");
	write_str(drawing, styles[style_of(rule)]);
	write_str(drawing, ", color=\"");
	write_str(drawing, ink_of(drawing, rule, ANY_INPUT));
	write_str(drawing, "\", label=<");
	label_write(drawing, rule->from, rule->to);
	write_str(drawing, ">];\n");
}

/* Calls `edge` for each pair of states that has one. */
static void edges_each(struct drawing *drawing, void (*edge)(struct drawing *, const struct machine_rule *))
{
	for (size_t from = 0; from < MACHINE_LIFE_STATES; from++) {
		for (size_t to = 0; to < MACHINE_LIFE_STATES; to++) {
			const struct machine_rule *rule = edge_find(drawing, machine_life[from], machine_life[to]);

			if (rule)
				edge(drawing, rule);
		}
	}
}

static void edge_mark(struct drawing *drawing, const struct machine_rule *rule)
{
	drawing->drawn |= 1U << rule->from;
	if (is_far_up(rule->from, rule->to))
		drawing->again |= 1U << rule->to;
	else
		drawing->drawn |= 1U << rule->to;
}

/* ---- ends at once: inputs down, states across ------------------------------------------------------- */

static const struct machine_rule *end_find(const struct drawing *drawing, uint8_t state, unsigned input)
{
	for (const struct machine_rule *rule = rules_begin(); rule < rules_end(); rule++)
		if (rule->from == state && rule->input == input && is_end_at_once(rule) &&
		    machine_view_has(drawing->view, rule))
			return rule;
	return NULL;
}

static bool input_ends(const struct drawing *drawing, unsigned input)
{
	for (size_t i = 0; i < MACHINE_LIFE_STATES; i++)
		if (end_find(drawing, machine_life[i], input))
			return true;
	return false;
}

static bool state_ends(const struct drawing *drawing, uint8_t state)
{
	for (unsigned input = 0; input < INPUTS; input++)
		if (end_find(drawing, state, input))
			return true;
	return false;
}

/* SYN_SENT on two lines: columns are narrow. */
static void heading_write(const struct drawing *drawing, uint8_t state)
{
	write_str(drawing, "<TD>");
	for (const char *at = machine_state_name(state); *at; at++) {
		if (*at == '_')
			write_str(drawing, "_<BR/>");
		else
			text_append_char(drawing->text, *at);
	}
	write_str(drawing, "</TD>");
}

static void end_write(const struct drawing *drawing, uint8_t state, unsigned input)
{
	const struct machine_rule *rule = end_find(drawing, state, input);
	struct text mark = {0};
	uint64_t times;

	write_str(drawing, "<TD>");
	if (rule && count_of(drawing, state, TCP_CLOSE, input, &times))
		text_append_u64(&mark, times);
	else if (rule)
		text_append_str(&mark, rule->verdict == CONFORMANCE_CONFORMANT ? MARK_RFC : MARK_LINUX);
	if (rule)
		write_ink(drawing, ink_of(drawing, rule, input), text_string(&mark));
	write_str(drawing, "</TD>");
	drawing->text->failed |= mark.failed;
	text_free(&mark);
}

static void end_line_write(const struct drawing *drawing, unsigned input)
{
	write_str(drawing, "\t\t<TR><TD ALIGN=\"LEFT\">");
	write_str(drawing, machine_input_name(input));
	write_str(drawing, "</TD>");
	for (size_t i = 0; i < MACHINE_LIFE_STATES; i++)
		if (state_ends(drawing, machine_life[i]))
			end_write(drawing, machine_life[i], input);
	write_str(drawing, "</TR>\n");
}

static void ends_write(const struct drawing *drawing)
{
	unsigned first = 0;

	while (first < INPUTS && !input_ends(drawing, first))
		first++;
	if (first == INPUTS)
		return;
	write_str(drawing,
		  "\tends [shape=plain, style=\"\", fontsize=10, label=<\n"
		  "\t\t<TABLE BORDER=\"0\" CELLBORDER=\"1\" CELLSPACING=\"0\" CELLPADDING=\"3\" COLOR=\"#d0d7de\">\n"
		  "\t\t<TR><TD ALIGN=\"LEFT\"><B>to CLOSE at once</B></TD>");
	for (size_t i = 0; i < MACHINE_LIFE_STATES; i++)
		if (state_ends(drawing, machine_life[i]))
			heading_write(drawing, machine_life[i]);
	write_str(drawing, "</TR>\n");
	for (unsigned input = first; input < INPUTS; input++)
		if (input_ends(drawing, input))
			end_line_write(drawing, input);
	write_str(drawing, "\t\t</TABLE>>];\n");
	if (drawing->again & 1U << TCP_CLOSE)
		write_str(drawing, "\tCLOSE_again -> ends [style=invis];\n");
}

static void legend_line_write(const struct drawing *drawing, const char *ink, const char *sample, const char *words)
{
	write_str(drawing, "\t\t<TR><TD ALIGN=\"LEFT\">");
	write_ink(drawing, ink, sample);
	write_str(drawing, "</TD><TD ALIGN=\"LEFT\">");
	write_ink(drawing, ink, words);
	write_str(drawing, "</TD></TR>\n");
}

static void legend_write(const struct drawing *drawing)
{
	write_str(drawing, "\tlegend [shape=plain, style=\"\", fontsize=10, label=<\n"
			   "\t\t<TABLE BORDER=\"0\" CELLSPACING=\"4\" CELLPADDING=\"1\">\n");
	legend_line_write(drawing, INK, "\u2014\u2014\u2014 " MARK_RFC, "RFC 9293, and so does Linux");
	legend_line_write(drawing, INK_LINUX, "\u2013 \u2013 \u2013 " MARK_LINUX, "only Linux");
	legend_line_write(drawing, INK_REPLACED, "\u00b7 \u00b7 \u00b7 \u00b7 " MARK_RFC,
			  "RFC 9293; Linux goes another way");
	write_str(drawing,
		  "\t\t<TR><TD BGCOLOR=\"" FILL_SMALL "\" BORDER=\"1\" STYLE=\"DASHED,ROUNDED\" COLOR=\"" INK_LINUX
		  "\"> </TD><TD ALIGN=\"LEFT\">a minisock or request socket, no full socket</TD></TR>\n"
		  "\t\t<TR><TD BORDER=\"1\" STYLE=\"ROUNDED\" COLOR=\"" INK "\"> </TD>"
		  "<TD ALIGN=\"LEFT\">a state from above, drawn again</TD></TR>\n");
	if (drawing->view->coverage)
		legend_line_write(drawing, INK_UNSEEN, "\u00d70", "not seen yet");
	write_str(drawing, "\t\t</TABLE>>];\n");
}

void machine_write_dot(const struct machine_view *view, struct text *text)
{
	struct drawing drawing = {.view = view, .text = text};

	write_str(&drawing, "digraph tcp {\n"
			    "\tgraph [rankdir=TB, nodesep=0.5, ranksep=0.5, fontname=\"Helvetica,Arial,sans-serif\"];\n"
			    "\tnode [shape=box, style=\"rounded,filled\", fillcolor=\"#eef2f6\", color=\"" INK
			    "\", fontcolor=\"" INK "\", fontsize=12, fontname=\"Helvetica,Arial,sans-serif\"];\n"
			    "\tedge [fontsize=10, arrowsize=0.7, fontname=\"Helvetica,Arial,sans-serif\"];\n");
	edges_each(&drawing, edge_mark);
	nodes_write(&drawing);
	edges_each(&drawing, edge_write);
	ends_write(&drawing);
	legend_write(&drawing);
	write_str(&drawing, "}\n");
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * time_text.c: see time_text.h.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "report/time_text.h"

#define US_PER_S   1000000LL
#define S_PER_DAY  86400
#define EPOCH_MIN  100000000LL /* 1973: less than that was meant to have a unit */
#define SPAN_S_MAX (1000LL * 366 * S_PER_DAY)

static const char no_time[] =
	"must be such as 2h, 30m or 7d (ago), 14:30, 2026-11-20, \"2026-11-20 14:30\", an instant of "
	"RFC 3339, or seconds since the epoch";

static int refuse(const char **why, const char *reason)
{
	*why = reason;
	return -EINVAL;
}

/* Exactly `count` digits; moves on behind them. */
static bool digits_read(const char **at, unsigned count, int *number)
{
	*number = 0;
	for (unsigned i = 0; i < count; i++, (*at)++) {
		if (!isdigit((unsigned char)**at))
			return false;
		*number = *number * 10 + (**at - '0');
	}
	return true;
}

static bool char_read(const char **at, char wanted)
{
	if (**at != wanted)
		return false;
	(*at)++;
	return true;
}

/* HH:MM or HH:MM:SS, the seconds with a fraction where `fraction_us` is wanted. */
static bool clock_read(const char **at, struct tm *tm, int *fraction_us)
{
	if (!digits_read(at, 2, &tm->tm_hour) || !char_read(at, ':') || !digits_read(at, 2, &tm->tm_min))
		return false;
	if (char_read(at, ':')) {
		if (!digits_read(at, 2, &tm->tm_sec))
			return false;
		if (char_read(at, '.')) {
			if (!isdigit((unsigned char)**at))
				return false;
			for (int unit = 100000; isdigit((unsigned char)**at); (*at)++, unit /= 10)
				*fraction_us += (**at - '0') * unit;
		}
	}
	return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 61;
}

static bool date_read(const char **at, struct tm *tm)
{
	int year, month;

	if (!digits_read(at, 4, &year) || !char_read(at, '-') || !digits_read(at, 2, &month) || !char_read(at, '-') ||
	    !digits_read(at, 2, &tm->tm_mday))
		return false;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	return year >= 1970 && month >= 1 && month <= 12 && tm->tm_mday >= 1;
}

/* Z or +HH:MM; *offset_s is what local time is ahead of UTC. */
static bool zone_read(const char **at, int *offset_s)
{
	bool east = **at == '+';
	int hours, minutes;

	*offset_s = 0;
	if (char_read(at, 'Z') || char_read(at, 'z'))
		return true;
	if (!char_read(at, '+') && !char_read(at, '-'))
		return false;
	if (!digits_read(at, 2, &hours) || !char_read(at, ':') || !digits_read(at, 2, &minutes) || hours > 23 ||
	    minutes > 59)
		return false;
	*offset_s = (hours * 60 + minutes) * (east ? 60 : -60);
	return true;
}

/* mktime() and timegm() make the 2nd of March of a 30th of February. */
static bool instant_make(struct tm tm, bool has_zone, int offset_s, int64_t *seconds)
{
	int day = tm.tm_mday;
	time_t made;

	tm.tm_isdst = -1;
	made = has_zone ? timegm(&tm) : mktime(&tm);
	*seconds = made - (has_zone ? offset_s : 0);
	return tm.tm_mday == day && *seconds >= 0;
}

static int dated_parse(const char *text, int64_t *wall_us, const char **why)
{
	struct tm tm = {0};
	int fraction_us = 0, offset_s = 0;
	bool has_zone = false;
	int64_t seconds;

	if (!date_read(&text, &tm))
		return refuse(why, no_time);
	if (*text == ' ' || *text == 'T' || *text == 't') {
		text++;
		if (!clock_read(&text, &tm, &fraction_us))
			return refuse(why, no_time);
		has_zone = *text != '\0';
		if (has_zone && !zone_read(&text, &offset_s))
			return refuse(why, no_time);
	}
	if (*text)
		return refuse(why, no_time);
	if (!instant_make(tm, has_zone, offset_s, &seconds))
		return refuse(why, "there is no such day");
	*wall_us = seconds * US_PER_S + fraction_us;
	return 0;
}

static int clock_parse(const char *text, int64_t now_us, int64_t *wall_us, const char **why)
{
	time_t now = (time_t)(now_us / US_PER_S);
	struct tm tm, today;
	int fraction_us = 0;
	int64_t seconds;

	if (!localtime_r(&now, &today))
		return refuse(why, no_time);
	tm = (struct tm){.tm_year = today.tm_year, .tm_mon = today.tm_mon, .tm_mday = today.tm_mday};
	if (!clock_read(&text, &tm, &fraction_us) || *text || !instant_make(tm, false, 0, &seconds))
		return refuse(why, no_time);
	*wall_us = seconds * US_PER_S + fraction_us;
	if (*wall_us <= now_us)
		return 0;
	tm.tm_mday--; /* mktime() knows the day before the first */
	tm.tm_isdst = -1;
	*wall_us = (int64_t)mktime(&tm) * US_PER_S + fraction_us;
	return 0;
}

static int64_t unit_seconds(char unit)
{
	switch (unit) {
	case 's': return 1;
	case 'm': return 60;
	case 'h': return 3600;
	case 'd': return S_PER_DAY;
	case 'w': return 7 * S_PER_DAY;
	default: return 0;
	}
}

static int number_parse(const char *text, int64_t now_us, int64_t *wall_us, const char **why)
{
	char *end;
	long long number;
	int64_t unit;

	errno = 0;
	number = strtoll(text, &end, 10);
	unit = *end ? unit_seconds(*end) : 0;
	if (errno || (*end && (!unit || end[1])))
		return refuse(why, no_time);
	if (!unit) {
		if (number < EPOCH_MIN)
			return refuse(
				why, "has no unit: 30m is half an hour ago; a number alone is seconds since the epoch");
		if (number > SPAN_S_MAX)
			return refuse(why, "is too far away");
		*wall_us = number * US_PER_S;
		return 0;
	}
	if (number > SPAN_S_MAX / unit || number * unit * US_PER_S > now_us)
		return refuse(why, "is too far away");
	*wall_us = now_us - number * unit * US_PER_S;
	return 0;
}

int time_text_parse(const char *text, int64_t now_us, int64_t *wall_us, const char **why)
{
	size_t digits = strspn(text, "0123456789");

	if (!digits)
		return refuse(why, no_time);
	if (text[digits] == '-')
		return dated_parse(text, wall_us, why);
	if (text[digits] == ':')
		return clock_parse(text, now_us, wall_us, why);
	return number_parse(text, now_us, wall_us, why);
}

package web

import (
	"math"
	"time"
)

// ago says how long ago t was, as a person would.
func (l *locale) ago(t time.Time) string {
	switch d := time.Since(t); {
	case d < 2*time.Minute:
		return l.say("words.now")
	case d < 2*time.Hour:
		return l.say("words.minutes_ago", "count", int(d.Minutes()))
	case d < 48*time.Hour:
		return l.say("words.hours_ago", "count", int(d.Hours()))
	}
	return l.date(t)
}

// date is the day of t, written out.
func (l *locale) date(t time.Time) string {
	t = t.UTC()
	return l.say("words.date", "day", t.Day(), "month", l.say("words.month_"+t.Format("01")), "year", t.Year())
}

// moment is t to the minute, in UTC: what the browser's zone is, only it knows.
func (l *locale) moment(t time.Time) string {
	return l.say("words.moment", "date", l.date(t), "time", t.UTC().Format("15:04"))
}

// wait rounds a time to wait up to what a person would say.
func (l *locale) wait(d time.Duration) string {
	switch s := int(math.Ceil(d.Seconds())); {
	case s < 90:
		return l.say("words.seconds", "count", max(1, s))
	case s < 90*60:
		return l.say("words.minutes", "count", (s+59)/60)
	default:
		return l.say("words.hours", "count", (s+3599)/3600)
	}
}

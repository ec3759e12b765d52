package rule

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/sallyport-auth/sallyport"
)

// Units of time, in milliseconds.
const (
	second = 1000
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// ParseTime reads a moment as Cedar's datetime("…") does (Cedar RFC 80 and 110):
// "2024-10-15", "2024-10-15T11:35:00Z", with milliseconds "2024-10-15T11:35:00.000Z"
// and with an offset "2024-10-15T11:35:00+0100". A year of nine digits has a sign.
func ParseTime(s string) (sallyport.Value, error) {
	ms, err := parseTime(s)
	if err != nil {
		return sallyport.Value{}, fmt.Errorf("%q is no time such as 2024-10-15T11:35:00Z: %w", s, err)
	}
	return sallyport.TimeMillis(ms), nil
}

func parseTime(s string) (int64, error) {
	p := &cursor{rest: s}
	year := p.year()
	p.skip('-')
	month := p.number(2, 1, 12, "month")
	p.skip('-')
	dayOfMonth := p.number(2, 1, 31, "day")
	date := time.Date(year, time.Month(month), dayOfMonth, 0, 0, 0, 0, time.UTC)
	if p.err == nil && date.Day() != dayOfMonth {
		p.fail("the month has no such day") // it would be a day of the next month
	}
	var ms int64
	if p.rest != "" {
		ms = p.clock()
	}
	if p.err == nil && p.rest != "" {
		p.fail("there is more behind it")
	}
	if p.err != nil {
		return 0, p.err
	}
	return sum(date.Unix(), ms)
}

// sum returns seconds and milliseconds in milliseconds, if they are a 64-bit
// integer.
func sum(seconds, ms int64) (int64, error) {
	days, rest := floor(seconds, day/second) // milliseconds of whole days alone may be too few by less than a day
	if days < math.MinInt64/day-1 || days > math.MaxInt64/day {
		return 0, errors.New("the time is out of range")
	}
	ms += rest * second
	if days < 0 {
		days, ms = days+1, ms-day
	}
	n, ok := calculate(Add, days*day, ms)
	if !ok {
		return 0, errors.New("the time is out of range")
	}
	return n, nil
}

// floor divides n by d and rounds down; rest is never negative.
func floor(n, d int64) (quotient, rest int64) {
	quotient, rest = n/d, n%d
	if rest < 0 {
		return quotient - 1, rest + d
	}
	return quotient, rest
}

// A cursor reads a time from left to right until something is wrong.
type cursor struct {
	rest string
	err  error
}

func (p *cursor) fail(reason string) {
	if p.err == nil {
		p.err = errors.New(reason)
	}
}

func (p *cursor) next() byte {
	if p.rest == "" {
		return 0
	}
	return p.rest[0]
}

func (p *cursor) skip(c byte) {
	if p.next() != c {
		p.fail(fmt.Sprintf("%q is missing", string(c)))
		return
	}
	p.rest = p.rest[1:]
}

// number reads exactly n digits.
func (p *cursor) number(n, least, most int, name string) int {
	if p.err != nil || len(p.rest) < n || !digits(p.rest[:n]) {
		p.fail(fmt.Sprintf("the %s needs %d digits", name, n))
		return 0
	}
	v, _ := strconv.Atoi(p.rest[:n])
	p.rest = p.rest[n:]
	if v < least || v > most {
		p.fail(fmt.Sprintf("the %s is not within %d and %d", name, least, most))
	}
	return v
}

func (p *cursor) year() int {
	switch c := p.next(); c {
	case '+', '-':
		p.skip(c)
		year := p.number(9, 0, 999_999_999, "year")
		if c == '-' {
			return -year
		}
		return year
	default:
		return p.number(4, 0, 9999, "year")
	}
}

// clock reads the time of day, in milliseconds since midnight UTC.
func (p *cursor) clock() int64 {
	p.skip('T')
	ms := p.number(2, 0, 23, "hour") * hour
	p.skip(':')
	ms += p.number(2, 0, 59, "minute") * minute
	p.skip(':')
	ms += p.number(2, 0, 59, "second") * second
	if p.next() == '.' {
		p.skip('.')
		ms += p.number(3, 0, 999, "millisecond")
	}
	return int64(ms - p.zone())
}

// zone reads Z or an offset from UTC.
func (p *cursor) zone() (ms int) {
	c := p.next()
	if c != '+' && c != '-' {
		p.skip('Z')
		return 0
	}
	p.skip(c)
	ms = p.number(2, 0, 23, "hour of the offset") * hour
	ms += p.number(2, 0, 59, "minute of the offset") * minute
	if c == '-' {
		return -ms
	}
	return ms
}

func offset(t, by sallyport.Value) (sallyport.Value, error) {
	n, ok := calculate(Add, t.Int(), by.Int())
	if !ok {
		return sallyport.Value{}, errOverflow
	}
	return sallyport.TimeMillis(n), nil
}

func durationSince(t, since sallyport.Value) (sallyport.Value, error) {
	n, ok := calculate(Sub, t.Int(), since.Int())
	if !ok {
		return sallyport.Value{}, errOverflow
	}
	return sallyport.DurationMillis(n), nil
}

// toDate returns the start of the day, also before 1970.
func toDate(t, _ sallyport.Value) (sallyport.Value, error) {
	_, rest := floor(t.Int(), day)
	n, ok := calculate(Sub, t.Int(), rest)
	if !ok {
		return sallyport.Value{}, errOverflow
	}
	return sallyport.TimeMillis(n), nil
}

// toTime returns the time since the start of the day.
func toTime(t, _ sallyport.Value) (sallyport.Value, error) {
	_, rest := floor(t.Int(), day)
	return sallyport.DurationMillis(rest), nil
}

// timeText writes a moment as ParseTime reads it.
func timeText(ms int64) string {
	t := time.UnixMilli(ms).UTC()
	clock := t.Format("-01-02T15:04:05.000Z")
	switch year := t.Year(); {
	case year < 0:
		return fmt.Sprintf("-%09d%s", -year, clock)
	case year > 9999:
		return fmt.Sprintf("+%09d%s", year, clock)
	default:
		return fmt.Sprintf("%04d%s", year, clock)
	}
}

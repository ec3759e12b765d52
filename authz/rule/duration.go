package rule

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/sallyport-auth/sallyport"
)

// The units of a duration, from the longest to the shortest.
var units = []struct {
	name string
	ms   uint64
}{{"d", day}, {"h", hour}, {"m", minute}, {"s", second}, {"ms", 1}}

// ParseDuration reads a time span as Cedar's duration("…") does: "1d2h3m4s5ms",
// each unit at most once and in this order, with a minus before all of it for a
// negative one.
func ParseDuration(s string) (sallyport.Value, error) {
	rest, negative := strings.CutPrefix(s, "-")
	limit := uint64(math.MaxInt64)
	if negative {
		limit++
	}
	var total uint64
	for unit, empty := 0, true; rest != "" || empty; empty = false {
		number, name, after := quantity(rest)
		for unit < len(units) && units[unit].name != name {
			unit++
		}
		if number == "" || unit == len(units) {
			return sallyport.Value{}, fmt.Errorf("%q is no duration such as 1d2h3m4s5ms", s)
		}
		n, err := strconv.ParseUint(number, 10, 64)
		if err != nil || n > (limit-total)/units[unit].ms {
			return sallyport.Value{}, fmt.Errorf("%q is out of the range of durations", s)
		}
		total += n * units[unit].ms
		rest = after
		unit++
	}
	if negative {
		total = -total
	}
	return sallyport.DurationMillis(int64(total)), nil
}

// quantity splits the first number and its unit off s.
func quantity(s string) (number, unit, after string) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	j := i
	for j < len(s) && s[j] >= 'a' && s[j] <= 'z' {
		j++
	}
	return s[:i], s[i:j], s[j:]
}

func durationIn(unit int64) *function {
	return method(func(a, _ sallyport.Value) (sallyport.Value, error) {
		return sallyport.IntValue(a.Int() / unit), nil
	}, sallyport.KindDuration)
}

// durationText writes a time span as ParseDuration reads it.
func durationText(ms int64) string {
	if ms == 0 {
		return "0ms"
	}
	text, rest := "", uint64(ms)
	if ms < 0 {
		text, rest = "-", -rest
	}
	for _, u := range units {
		if n := rest / u.ms; n > 0 {
			text += strconv.FormatUint(n, 10) + u.name
			rest %= u.ms
		}
	}
	return text
}

package sallyport

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// String returns the UID as policies write it: User::"usr_1".
func (u UID) String() string { return u.Type + "::" + quoted(u.ID) }

// String returns the value as policies write it: true, 42, "text", User::"usr_1",
// datetime("2026-01-02T15:04:05Z"), ["a", "b"]. What policies cannot write is
// "absent" or "not loaded".
func (v Value) String() string {
	switch v.kind {
	case KindBool:
		return strconv.FormatBool(v.Bool())
	case KindInt:
		return strconv.FormatInt(v.n, 10)
	case KindString:
		return quoted(v.s)
	case KindEntity:
		return v.UID().String()
	case KindTime:
		return datetime(v.n)
	case KindDuration:
		return `duration("` + span(v.n) + `")`
	case KindDecimal:
		return `decimal("` + decimal(v.n) + `")`
	case KindIP:
		return `ip("` + addresses(v.IP()) + `")`
	case KindSet:
		return "[" + list(v.Set(), Value.String) + "]"
	case KindRecord:
		fields := v.Record()
		names := slices.Sorted(maps.Keys(fields))
		return "{" + list(names, func(name string) string { return quoted(name) + ": " + fields[name].String() }) + "}"
	default:
		return v.kind.String()
	}
}

func list[E any](elements []E, write func(E) string) string {
	texts := make([]string, len(elements))
	for i, e := range elements {
		texts[i] = write(e)
	}
	return strings.Join(texts, ", ")
}

// datetime has no letters for years beyond four digits: those are so many
// milliseconds after 1970.
func datetime(ms int64) string {
	t := time.UnixMilli(ms).UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		return `datetime("1970-01-01T00:00:00Z").offset(duration("` + span(ms) + `"))`
	}
	if ms%1000 == 0 {
		return `datetime("` + t.Format("2006-01-02T15:04:05Z") + `")`
	}
	return `datetime("` + t.Format("2006-01-02T15:04:05.000Z") + `")`
}

// span writes 90061001 milliseconds as 1d1h1m1s1ms.
func span(ms int64) string {
	left := uint64(ms)
	var b []byte
	if ms < 0 {
		left, b = -left, append(b, '-')
	}
	signed := len(b)
	for _, unit := range []struct {
		name string
		ms   uint64
	}{{"d", 86_400_000}, {"h", 3_600_000}, {"m", 60_000}, {"s", 1000}, {"ms", 1}} {
		if n := left / unit.ms; n > 0 {
			b = append(strconv.AppendUint(b, n, 10), unit.name...)
		}
		left %= unit.ms
	}
	if len(b) == signed {
		return "0ms"
	}
	return string(b)
}

// decimal writes ten-thousandths with one to four decimal places.
func decimal(n int64) string {
	sign, left := "", uint64(n)
	if n < 0 {
		sign, left = "-", -left
	}
	whole, places := left/10000, fmt.Sprintf("%04d", left%10000)
	return sign + strconv.FormatUint(whole, 10) + "." + places[:1] + strings.TrimRight(places[1:], "0")
}

// addresses writes a single address without its length. Policies have no dots in
// an IPv6 address, not even in one that stands for an IPv4 address.
func addresses(p *netip.Prefix) string {
	text := p.Addr().String()
	if p.Addr().Is4In6() {
		b := p.Addr().As16()
		text = fmt.Sprintf("::ffff:%x:%x", b[12:14], b[14:])
	}
	if p.IsSingleIP() {
		return text
	}
	return text + "/" + strconv.Itoa(p.Bits())
}

// quoted writes text between quotes such that a policy's reader gets it back. What
// cannot be seen is written as an escape, so that no two texts look alike in a
// log. Text that is not UTF-8 has no form in policies: its stray bytes are written
// as U+FFFD.
func quoted(s string) string {
	if plain(s) {
		return `"` + s + `"`
	}
	b := make([]byte, 0, len(s)+2)
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r == 0:
			b = append(b, `\0`...)
		case unicode.IsPrint(r):
			b = utf8.AppendRune(b, r)
		default:
			b = append(b, `\u{`...)
			b = strconv.AppendInt(b, int64(r), 16)
			b = append(b, '}')
		}
	}
	return string(append(b, '"'))
}

// plain reports whether text is nothing but ASCII that stands for itself.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

package config

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/internal/outbound"
)

// A shape is how a value looks in TOML, and how the text of an environment
// variable or a flag becomes one.
type shape string

const (
	text    shape = "text"
	number  shape = "a whole number"
	boolean shape = "true or false"
	list    shape = "a list of text"
)

// lift turns text into a value of the shape. Lists are separated by commas.
func (s shape) lift(from string) any {
	switch s {
	case number:
		if n, err := strconv.ParseInt(from, 10, 64); err == nil {
			return n
		}
	case boolean:
		if from == "true" || from == "false" {
			return from == "true"
		}
	case list:
		items := []any{}
		for item := range strings.SplitSeq(from, ",") {
			if item = strings.TrimSpace(item); item != "" {
				items = append(items, item)
			}
		}
		return items
	}
	return from // which read refuses where it does not fit
}

// A kind is what values a setting takes: how they are read, and how they are
// written again.
type kind[T any] struct {
	shape    shape
	expected string // completes "expected …"
	read     func(any) (T, bool)
	write    func(T) any // string, int64, bool or []string
}

// plain reports whether s can be shown and stored as it is.
func plain(s string) bool { return utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0 }

func same[T any](v T) any { return v }

// texts are strings that pass the check; "" passes if it may be left out.
func texts(expected string, check func(string) bool) kind[string] {
	return kind[string]{text, expected, func(v any) (string, bool) {
		s, ok := v.(string)
		return s, ok && plain(s) && check(s)
	}, same[string]}
}

func orNone(check func(string) bool) func(string) bool {
	return func(s string) bool { return s == "" || check(s) }
}

var (
	anyText = texts("text", func(string) bool { return true })
	files   = texts("the path of a file", func(string) bool { return true })
	folders = texts("the path of a folder", func(s string) bool { return s != "" })

	addresses   = texts(`an address such as "127.0.0.1:8080"`, isAddress)
	urls        = texts(`a scheme and a host such as "https://example.com"`, orNone(isOrigin))
	paths       = texts(`a path such as "/auth"`, regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`).MatchString)
	domains     = texts(`a domain such as "example.com"`, orNone(isDomain))
	caches      = texts(`a URL such as "redis://host:6379"`, func(string) bool { return true })             // check says more
	mailServers = texts(`a URL such as "smtp://user:password@host:587"`, func(string) bool { return true }) // check says more
	gateways    = texts(`a URL such as "https://sms.example.com/send"`, func(string) bool { return true })  // check says more
	helps       = texts(`an address such as "https://example.com/help" or "mailto:help@example.com"`, orNone(isHelp))
	webPages    = texts(`an address such as "https://example.com/terms"`, orNone(isWebPage))
	ranges      = texts(`a URL such as "https://api.pwnedpasswords.com/range/"`, orNone(isRange))
	databases   = texts(`the URL of a PostgreSQL database such as "postgres://host/name"`, orNone(isDatabase))
)

func isAddress(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil || strings.ContainsAny(host, " /") {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

func isOrigin(s string) bool {
	u, err := url.Parse(strings.TrimSuffix(s, "/"))
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" &&
		u.Path == "" && u.RawQuery == "" && u.Fragment == "" && u.User == nil && !u.ForceQuery
}

func isHelp(s string) bool {
	u, err := url.Parse(s)
	return err == nil && slices.Contains([]string{"https", "http", "mailto"}, u.Scheme)
}

func isWebPage(s string) bool { return isHelp(s) && !strings.HasPrefix(s, "mailto:") }

func isRange(s string) bool { return outbound.CheckURL(s, false) == nil && strings.HasSuffix(s, "/") }

var domainForm = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

func isDomain(s string) bool { return len(s) <= 253 && domainForm.MatchString(s) }

func isDatabase(s string) bool {
	return strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://")
}

// oneOf is a choice among words.
func oneOf(words ...string) kind[string] {
	return texts("one of "+strings.Join(words, ", "), func(s string) bool { return slices.Contains(words, s) })
}

var booleans = kind[bool]{boolean, "true or false", func(v any) (bool, bool) { b, ok := v.(bool); return b, ok }, same[bool]}

func numbers(least, most int) kind[int] {
	return kind[int]{number, fmt.Sprintf("a whole number from %d to %d", least, most), func(v any) (int, bool) {
		n, ok := v.(int64)
		return int(n), ok && n >= int64(least) && n <= int64(most)
	}, func(n int) any { return int64(n) }}
}

// durations are at least least; most is 0 if there is no bound.
func durations(least, most time.Duration) kind[time.Duration] {
	expected := `a duration such as "15m", "12h" or "30d"`
	if least > 0 {
		expected += ", at least " + FormatDuration(least)
	}
	if most > 0 {
		expected += ", at most " + FormatDuration(most)
	}
	return kind[time.Duration]{text, expected, func(v any) (time.Duration, bool) {
		s, ok := v.(string)
		d, err := ParseDuration(s)
		return d, ok && err == nil && d >= least && (most == 0 || d <= most)
	}, func(d time.Duration) any { return FormatDuration(d) }}
}

// lists are lists whose items are each of one kind.
func lists[T any](what string, item func(string) (T, bool), write func(T) string) kind[[]T] {
	return kind[[]T]{list, "a list of " + what, func(v any) ([]T, bool) {
		items, ok := v.([]any)
		out := make([]T, 0, len(items))
		for _, i := range items {
			s, isText := i.(string)
			t, fits := item(s)
			ok = ok && isText && fits && plain(s)
			out = append(out, t)
		}
		return out, ok
	}, func(items []T) any {
		out := make([]string, 0, len(items))
		for _, i := range items {
			out = append(out, write(i))
		}
		return out
	}}
}

func itself(s string) string { return s }

var (
	names = lists(`names such as ["member"]`, func(s string) (string, bool) { return s, s != "" }, itself)
	perms = lists(`permissions such as ["post:read", "post:*"]`, func(s string) (string, bool) { return s, s != "" }, itself)
	hosts = lists(`origins such as ["https://app.example.com"]`, func(s string) (string, bool) {
		return s, isOrigin(s) && !strings.HasSuffix(s, "/")
	}, itself)
	networks = lists(`networks or addresses such as ["10.0.0.0/8", "192.0.2.7"]`, parseNetwork, netip.Prefix.String)
)

func parseNetwork(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}

var factorKinds = lists(`words such as ["totp", "email", "sms"]`, func(s string) (otp.Kind, bool) {
	return otp.Kind(s), slices.Contains([]otp.Kind{otp.TOTP, otp.Email, otp.SMS}, otp.Kind(s))
}, func(k otp.Kind) string { return string(k) })

var costForm = regexp.MustCompile(`^m=([0-9]{1,6}),t=([0-9]{1,4}),p=([0-9]{1,2})$`)

// costs are written as in a PHC string.
var costs = kind[password.Params]{text, `"m=…,t=…,p=…", with m from 8 to 262144, t to 1000 and p to 16`, func(v any) (p password.Params, ok bool) {
	s, _ := v.(string)
	m := costForm.FindStringSubmatch(s)
	if m == nil {
		return p, false
	}
	memory, _ := strconv.ParseUint(m[1], 10, 32) // as the form has it
	passes, _ := strconv.ParseUint(m[2], 10, 32)
	threads, _ := strconv.ParseUint(m[3], 10, 8)
	p = password.Params{Memory: uint32(memory), Time: uint32(passes), Threads: uint8(threads)}
	return p, memory >= 8 && memory <= 256*1024 && passes >= 1 && passes <= 1000 && threads >= 1 && threads <= 16
}, func(p password.Params) any { return fmt.Sprintf("m=%d,t=%d,p=%d", p.Memory, p.Time, p.Threads) }}

var algorithms = kind[token.Alg]{text, "one of EdDSA, ES256, RS256, PS256", func(v any) (token.Alg, bool) {
	s, _ := v.(string)
	return token.Alg(s), slices.Contains([]string{"EdDSA", "ES256", "RS256", "PS256"}, s)
}, func(a token.Alg) any { return string(a) }}

// anyAlgorithm is for a resource, which may share a secret with us.
var anyAlgorithm = kind[token.Alg]{text, "one of EdDSA, ES256, RS256, PS256, HS256", func(v any) (token.Alg, bool) {
	a, ok := algorithms.read(v)
	return a, ok || a == token.HS256
}, algorithms.write}

var levels = kind[slog.Level]{text, "one of debug, info, warn, error", func(v any) (l slog.Level, ok bool) {
	s, _ := v.(string)
	ok = slices.Contains([]string{"debug", "info", "warn", "error"}, s) && l.UnmarshalText([]byte(s)) == nil
	return l, ok
}, func(l slog.Level) any { return strings.ToLower(l.String()) }}

const day = 24 * time.Hour

var days = regexp.MustCompile(`^([0-9]{1,5})d`)

// ParseDuration reads what [time.ParseDuration] does, and days before it: "30d",
// "1d12h". It refuses what is negative.
func ParseDuration(s string) (time.Duration, error) {
	var whole time.Duration
	rest := s
	if m := days.FindStringSubmatch(s); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return 0, err
		}
		whole, rest = time.Duration(n)*day, s[len(m[0]):]
		if rest == "" {
			return whole, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || strings.HasPrefix(rest, "+") || whole+d < whole {
		return 0, errors.New(`a duration is written like "15m", "12h" or "30d"`)
	}
	return whole + d, nil
}

// FormatDuration writes what [ParseDuration] reads, as short as it can.
func FormatDuration(d time.Duration) string {
	var b strings.Builder
	if n := d / day; n > 0 {
		fmt.Fprintf(&b, "%dd", n)
		d -= n * day
	}
	if d > 0 || b.Len() == 0 {
		s := d.String()
		for _, zero := range []string{"m0s", "h0m"} {
			if strings.HasSuffix(s, zero) {
				s = strings.TrimSuffix(s, zero[1:])
			}
		}
		b.WriteString(s)
	}
	return b.String()
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

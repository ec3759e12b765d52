package sqldb

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/store"
)

// ms is a time as it is stored: milliseconds since 1970, 0 for the zero time.
func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// at is the inverse of ms.
func at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// encodeList writes a list as JSON; nil and empty stay different.
func encodeList(list []string) (string, error) {
	for _, s := range list {
		if !storable(s) { // encoding/json would replace it silently
			return "", fmt.Errorf("%w: %.40q", store.ErrText, s)
		}
	}
	b, err := json.Marshal(list)
	return string(b), err
}

func encodeMap(m map[string]string) (string, error) {
	if len(m) == 0 {
		return "", nil
	}
	for k, v := range m {
		if !storable(k) || !storable(v) {
			return "", fmt.Errorf("%w: %.40q", store.ErrText, k+"="+v)
		}
	}
	b, err := json.Marshal(m)
	return string(b), err
}

// decodeList reads what encodeList wrote.
func decodeList(column, s string, list *[]string) error {
	if s == "null" { // most often
		*list = nil
		return nil
	}
	return decode(column, s, list)
}

func decodeMap(column, s string, m *map[string]string) error {
	if s == "" {
		return nil
	}
	return decode(column, s, m)
}

func decode(column, s string, v any) error {
	if err := json.Unmarshal([]byte(s), v); err != nil {
		return fmt.Errorf("column %s: %w", column, err)
	}
	return nil
}

// bytes is a value for a BYTEA column, where nothing is empty and not NULL.
func bytes(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// tuples returns the placeholders of so many rows: "($1, $2), ($3, $4)".
func tuples(rows, columns int) string {
	var b strings.Builder
	for i := range rows * columns {
		switch {
		case i == 0:
			b.WriteString("(")
		case i%columns == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(i+1))
	}
	b.WriteString(")")
	return b.String()
}

// after returns the least text greater than every text that begins with prefix,
// byte by byte, and whether there is one.
func after(prefix string) (string, bool) {
	runes := []rune(prefix)
	for i := len(runes) - 1; i >= 0; i-- {
		switch r := runes[i]; {
		case r == 0x10FFFF:
			continue
		case r == 0xD7FF: // what follows is no character
			return string(runes[:i]) + "\uE000", true
		default:
			return string(runes[:i]) + string(r+1), true
		}
	}
	return "", false
}

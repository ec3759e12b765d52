package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// lines is an answer of names and values, one pair a line.
func lines(v any, pairs [][2]string) answer {
	return answer{v, func(w io.Writer) {
		for _, pair := range pairs {
			fmt.Fprintf(w, "%-10s %s\n", pair[0], printable(pair[1]))
		}
	}}
}

// printable keeps what others wrote, such as the name of a browser, from steering
// the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// shorten cuts a text to n characters.
func shorten(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// escape makes text fit to be part of a format.
func escape(s string) string { return strings.ReplaceAll(s, "%", "%%") }

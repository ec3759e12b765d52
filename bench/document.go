package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// What stands between these lines of a document is ours to write.
const (
	begin = "<!-- written by go run ./bench -->"
	end   = "<!-- end of what go run ./bench writes -->"
)

// document replaces what is ours in a text of Markdown.
func (r results) document(text string) (string, error) {
	before, rest, ok := strings.Cut(text, begin+"\n")
	_, after, closed := strings.Cut(rest, end+"\n")
	if !ok || !closed {
		return "", errors.New("the document lacks the lines " + begin + " and " + end)
	}
	return before + begin + "\n" + r.markdown() + end + "\n" + after, nil
}

func (r results) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s.\n\n", r.dates(), r.Machine)
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(head)
	b.WriteString(strings.Repeat("|---", len(head)) + "|\n")
	for _, s := range r.Sections {
		line(append([]string{"**" + s.Title + "**"}, make([]string, len(head)-1)...))
		for _, r := range s.Rows {
			line(r.cells("**no**"))
		}
	}
	return b.String()
}

// dates are the days of the first and the last measurement.
func (r results) dates() string {
	first, last := "", ""
	for _, s := range r.Sections {
		for _, row := range s.Rows {
			if first == "" || row.Date < first {
				first = row.Date
			}
			last = max(last, row.Date)
		}
	}
	if first == last {
		return first
	}
	return first + " to " + last
}

// write brings the document up to date.
func (r results) write(name string) error {
	old, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	text, err := r.document(string(old))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return os.WriteFile(name, []byte(text), 0o666)
}

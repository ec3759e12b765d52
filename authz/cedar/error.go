package cedar

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// An Error is one thing that is wrong with a file, and where.
type Error struct {
	File         string
	Line, Column int // from 1, in characters; 0 = the file as a whole
	Reason       string
	Suggestion   string // what was probably meant, "" if that cannot be told
}

// Error returns `posts.cedar:12:5: reason; did you mean "…"?`.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		b.WriteString(":" + strconv.Itoa(e.Line) + ":" + strconv.Itoa(e.Column))
	}
	b.WriteString(": " + e.Reason)
	if e.Suggestion != "" {
		quote := `"`
		if strings.Contains(e.Suggestion, quote) {
			quote = "`"
		}
		b.WriteString("; did you mean " + quote + e.Suggestion + quote + "?")
	}
	return b.String()
}

// problems collects what is wrong.
type problems []*Error

func (p *problems) add(errs ...*Error) {
	for _, e := range errs {
		if e != nil {
			*p = append(*p, e)
		}
	}
}

// err joins the problems in the order of their places, file by file in the order
// in which the files were first complained about; nil if there is none.
func (p problems) err() error {
	files := map[string]int{}
	for _, e := range p {
		if _, ok := files[e.File]; !ok {
			files[e.File] = len(files)
		}
	}
	slices.SortStableFunc(p, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(files[a.File], files[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	joined := make([]error, len(p))
	for i, e := range p {
		joined[i] = e
	}
	return errors.Join(joined...)
}

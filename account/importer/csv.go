package importer

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// A row is a record of a CSV file, by the names of its columns.
type row map[string]string

// csvRows reads a CSV file whose first row names the columns. A quoted field may hold line breaks; a quote that never ends costs one
// line, not the rest of the file.
func csvRows(r *bufio.Reader, read func(row) (*Record, error), columns func([]string) error) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		var head []string
		rest := &pushback{r: r}
		for {
			n, text, fields, err := rest.record()
			if errors.Is(err, io.EOF) {
				return
			}
			e := Entry{Number: n, raw: text, Err: err, Fatal: rest.broken}
			switch {
			case err != nil:
			case head == nil:
				head = fields
				if err := columns(head); err != nil {
					yield(Entry{Number: n, raw: text, Err: err, Fatal: true})
					return
				}
				continue
			case len(fields) != len(head):
				e.Err = fmt.Errorf("%d fields, but %d columns", len(fields), len(head))
			default:
				values := row{}
				for i, name := range head {
					values[name] = fields[i]
				}
				e.Record, e.Err = read(values)
			}
			if head == nil {
				e.Fatal = true // without names nothing behind it means anything
			}
			if (e.Record != nil || e.Err != nil) && !yield(e) || e.Fatal {
				return
			}
		}
	}
}

// A pushback reads CSV records, and lines again that turned out not to belong to one.
type pushback struct {
	r      *bufio.Reader
	lines  [][]byte // to be read again
	number int      // of the line that was read last
	broken bool     // the file cannot be read on
}

func (p *pushback) line() ([]byte, error) {
	if len(p.lines) > 0 {
		text := p.lines[0]
		p.lines = p.lines[1:]
		p.number++
		return text, nil
	}
	text, err := line(p.r)
	if err == nil || errors.Is(err, errTooLong) {
		p.number++
	} else {
		p.broken = !errors.Is(err, io.EOF)
	}
	return text, err
}

// record returns the number of the line that a record begins in, and its fields.
func (p *pushback) record() (number int, text []byte, fields []string, err error) {
	for len(bytes.TrimSpace(text)) == 0 {
		if text, err = p.line(); err != nil {
			return p.number, text, nil, err
		}
	}
	number = p.number
	var more [][]byte
	size := len(text)
	for whole := text; ; {
		if bytes.Count(whole, []byte(`"`))%2 == 0 {
			text = whole
			break
		}
		next, err := p.line()
		size += len(next) + 1
		if err != nil || size > MaxRecord || len(more) == 1000 {
			if err == nil {
				more = append(more, next)
			}
			// The quote opens nothing: what is behind it are lines of their own.
			p.lines, p.number = append(more, p.lines...), number
			return number, text, nil, errors.New("a quoted field does not end")
		}
		more = append(more, next)
		whole = bytes.Join(append([][]byte{text}, more...), []byte("\n"))
	}
	if err := checkLine(text); err != nil {
		return number, text, nil, err
	}
	reader := csv.NewReader(bytes.NewReader(text))
	reader.FieldsPerRecord = -1
	fields, err = reader.Read()
	if err != nil {
		return number, text, nil, errors.New("the quotes of a field are not those of CSV")
	}
	return number, text, fields, nil
}

// csvColumns are the columns of our own format, by what they set.
var csvColumns = map[string]func(r *Record, value string) error{
	"id":             func(r *Record, v string) error { r.ID = v; return nil },
	"username":       func(r *Record, v string) error { r.Username = v; return nil },
	"email":          func(r *Record, v string) error { r.Email = v; return nil },
	"email_verified": func(r *Record, v string) error { return yes(&r.EmailVerified, v) },
	"phone":          func(r *Record, v string) error { r.Phone = v; return nil },
	"phone_verified": func(r *Record, v string) error { return yes(&r.PhoneVerified, v) },
	"display_name":   func(r *Record, v string) error { r.DisplayName = v; return nil },
	"locale":         func(r *Record, v string) error { r.Locale = v; return nil },
	"roles":          func(r *Record, v string) error { r.Roles = words(v); return nil },
	"organizations": func(r *Record, v string) error {
		for _, o := range words(v) {
			r.Organizations = append(r.Organizations, Membership{Organization: o})
		}
		return nil
	},
	"status":        func(r *Record, v string) error { r.Status = v; return nil },
	"created_at":    func(r *Record, v string) (err error) { r.CreatedAt, err = parseTime(v); return err },
	"password_hash": func(r *Record, v string) error { r.PasswordHash = v; return nil },
	"totp":          func(r *Record, v string) (err error) { r.TOTP, err = parseTOTP(v); return err },
}

// readCSV reads our own format: the members of a Record that are not lists of objects. Roles and organizations are separated by spaces
// or semicolons; totp is a secret in base32 or an otpauth address.
func readCSV(r *bufio.Reader, _ *Options) iter.Seq[Entry] {
	return csvRows(r, func(values row) (*Record, error) {
		var rec Record
		for name, value := range values {
			if value == "" {
				continue
			}
			if err := csvColumns[name](&rec, value); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		return &rec, nil
	}, func(head []string) error {
		for i, name := range head {
			if csvColumns[name] == nil {
				return fmt.Errorf("the first line must name the columns: there is no column %q", name)
			}
			if slices.Contains(head[:i], name) {
				return fmt.Errorf("the column %q is there twice", name)
			}
		}
		return nil
	})
}

func words(v string) []string {
	return strings.FieldsFunc(v, func(r rune) bool { return r == ' ' || r == ';' })
}

func yes(to *bool, v string) error {
	switch strings.ToLower(v) {
	case "t", "yes", "y":
		*to = true
		return nil
	case "f", "no", "n":
		return nil
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		return errors.New("neither true nor false")
	}
	*to = b
	return nil
}

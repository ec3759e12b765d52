package importer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"
)

// values reads JSON values, one a person: an array, one object a line, or an object that has the array as the member of that name. read
// returns nil, nil for a value that is no person.
func values(member string, read func(v json.RawMessage, o *Options) (*Record, error)) func(*bufio.Reader, *Options) iter.Seq[Entry] {
	return func(r *bufio.Reader, o *Options) iter.Seq[Entry] {
		one := func(text []byte) (*Record, error) {
			rec, err := read(text, o)
			if err != nil {
				err = plainly(err)
			}
			return rec, err
		}
		if oneALine(r) {
			return lines(r, one)
		}
		return elements(r, member, one)
	}
}

// oneALine reports whether the first line is a JSON object by itself, and there are others.
func oneALine(r *bufio.Reader) bool {
	head, _ := r.Peek(r.Size())
	first, rest, found := bytes.Cut(bytes.TrimLeft(head, " \t\r\n"), []byte("\n"))
	if len(first) == 0 || first[0] != '{' {
		return false
	}
	if !found {
		// The first record is longer than what can be seen: a document would be indented, or have its array early.
		return len(head) == r.Size() && !bytes.Contains(first, []byte(`":[{`))
	}
	return json.Valid(first) && len(bytes.TrimSpace(rest)) > 0 && bytes.TrimSpace(rest)[0] == '{' || json.Valid(first) && !bytes.Contains(first, []byte(`":[{"`))
}

// elements reads the elements of an array, without keeping more than one of them.
func elements(r io.Reader, member string, read func([]byte) (*Record, error)) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		d := json.NewDecoder(r)
		if err := enter(d, member); err != nil {
			yield(Entry{Number: 1, Err: plainly(err), Fatal: true})
			return
		}
		for n := 1; d.More(); n++ {
			var v json.RawMessage
			err := d.Decode(&v)
			e := Entry{Number: n, raw: v, Err: err, Fatal: err != nil}
			switch {
			case err != nil:
				e.Err = plainly(err)
			case len(v) > MaxRecord:
				e.Err = errTooLong
			default:
				if e.Err = checkLine(v); e.Err == nil {
					e.Record, e.Err = read(v)
				}
			}
			if (e.Record != nil || e.Err != nil) && !yield(e) || e.Fatal {
				return
			}
		}
		if _, err := d.Token(); err != nil {
			yield(Entry{Number: 0, Err: errors.New("the JSON breaks off behind the last record"), Fatal: true})
		}
	}
}

// enter goes to the first element.
func enter(d *json.Decoder, member string) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	if t == json.Delim('[') {
		return nil
	}
	if t != json.Delim('{') || member == "" {
		return errors.New("not a JSON array")
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		if name == member {
			if t, err = d.Token(); err == nil && t != json.Delim('[') {
				err = errors.New(member + " is not an array")
			}
			return err
		}
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return err
		}
	}
	return errors.New("there is no member " + member)
}

// rows reads rows of a table, as CSV with the names of the columns in the first line, or as JSON objects.
func rows(read func(row) (*Record, error)) func(*bufio.Reader, *Options) iter.Seq[Entry] {
	return func(r *bufio.Reader, o *Options) iter.Seq[Entry] {
		head, _ := r.Peek(512)
		head = bytes.TrimLeft(head, " \t\r\n")
		if len(head) > 0 && head[0] != '[' && head[0] != '{' {
			return csvRows(r, read, func([]string) error { return nil })
		}
		return values("users", func(v json.RawMessage, _ *Options) (*Record, error) {
			var members map[string]json.RawMessage
			if err := json.Unmarshal(v, &members); err != nil {
				return nil, err
			}
			values := row{}
			for name, member := range members {
				values[name] = plain(member)
			}
			return read(values)
		})(r, o)
	}
}

// plain is a JSON value as a column would hold it.
func plain(v json.RawMessage) string {
	var s string
	switch {
	case string(v) == "null":
		return ""
	case json.Unmarshal(v, &s) == nil:
		return s
	}
	return string(v)
}

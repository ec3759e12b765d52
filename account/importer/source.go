package importer

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxRecord is the longest record that is read, in bytes. A longer one is skipped without being kept in memory where its end can be seen,
// which is in formats of lines.
const MaxRecord = 1 << 20

// An Entry is one record of a file, or what is wrong with it.
type Entry struct {
	Number int // from 1: of the line in formats of lines, of the record in others
	Record *Record
	Err    error // in words that contain nothing of the record
	Fatal  bool  // nothing behind it can be read

	raw []byte
}

// A Digest is the chain over all entries so far. Two files that begin with the same records have the same digest behind them.
type Digest [sha256.Size]byte

// Next is the digest behind one more entry.
func (d Digest) Next(e *Entry) Digest {
	h := sha256.New()
	h.Write(d[:])
	fmt.Fprintf(h, "%d %d\n", e.Number, len(e.raw))
	h.Write(e.raw)
	return Digest(h.Sum(nil))
}

// Options change how a file is read.
type Options struct {
	// HashConfig is the text with the parameters of the hashes that the console of Firebase shows.
	HashConfig string
	// EmailsVerified counts every address as verified: somebody vouches for them.
	EmailsVerified bool
}

// A format reads a file in one way.
type format struct {
	name string
	read func(r *bufio.Reader, o *Options) iter.Seq[Entry]
}

// formats are ours, and those of other systems. "jsonl" comes first: it is the default.
var formats = []format{
	{"jsonl", readJSONL},
	{"csv", readCSV},
	{"auth0", values("users", auth0)},
	{"firebase", values("users", firebase)},
	{"keycloak", values("users", keycloak)},
	{"kratos", values("identities", kratos)},
	{"supabase", rows(supabase)},
	{"better-auth", readBetterAuth},
	{"django", values("", django)},
	{"laravel", rows(laravel)},
}

// Formats are the names of the formats.
func Formats() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.name
	}
	return names
}

// Numbers says what an Entry's Number counts in a format: "line" or "record".
func Numbers(name string) string {
	if name == "jsonl" || name == "csv" {
		return "line"
	}
	return "record"
}

// Read returns the entries of a file in the named format. The error says that this is no such file at all. The last entry may
// be a fatal one.
func Read(r io.Reader, name string, o Options) (iter.Seq[Entry], error) {
	i := slices.IndexFunc(formats, func(f format) bool { return f.name == name })
	if i < 0 {
		return nil, fmt.Errorf("unknown format %q: it is one of %s", name, strings.Join(Formats(), ", "))
	}
	if name == "firebase" {
		if _, err := parseHashConfig(o.HashConfig); err != nil {
			return nil, err
		}
	}
	b := bufio.NewReaderSize(r, 64<<10)
	head, err := b.Peek(4096)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if err := checkText(head); err != nil {
		return nil, err
	}
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		b.Discard(3)
	}
	return finish(formats[i].read(b, &o), &o), nil
}

// checkText says how the beginning of a file shows that it is no text.
func checkText(head []byte) error {
	switch {
	case len(head) == 0:
		return errors.New("the file is empty")
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}), bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return errors.New("the file is compressed: unpack it first")
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}), bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return errors.New("the file is UTF-16: convert it to UTF-8 first")
	case bytes.IndexByte(head, 0) >= 0:
		return errors.New("the file is binary, not text")
	}
	return nil
}

// finish applies what is alike in all formats.
func finish(entries iter.Seq[Entry], o *Options) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for e := range entries {
			if r := e.Record; r != nil {
				r.EmailVerified = r.Email != "" && (r.EmailVerified || o.EmailsVerified)
				if err := r.settle(); err != nil {
					e.Record, e.Err = nil, err
				}
			}
			if !yield(e) || e.Fatal {
				return
			}
		}
	}
}

// settle leaves one text for the password, and an address in one place.
func (r *Record) settle() error {
	if r.Password != nil && r.PasswordHash != "" {
		return errors.New("password and password_hash are two of the same")
	}
	if r.Password != nil {
		text, err := r.Password.text()
		if err != nil {
			return fmt.Errorf("password: %w", err)
		}
		r.PasswordHash, r.Password = text, nil
	}
	// Many systems have the address as user name, too; here a name has no @.
	switch {
	case !strings.Contains(r.Username, "@"):
	case r.Email == "":
		r.Email, r.Username = r.Username, ""
	case strings.EqualFold(r.Email, r.Username):
		r.Username = ""
	}
	return nil
}

// errTooLong is what a record beyond MaxRecord is refused with.
var errTooLong = fmt.Errorf("longer than %d bytes", MaxRecord)

// line reads one line without its end, of at most MaxRecord bytes: of a longer one it returns the beginning and errTooLong, and is behind it.
func line(r *bufio.Reader) (text []byte, err error) {
	tooLong := false
	for {
		part, err := r.ReadSlice('\n')
		if len(text)+len(part) > MaxRecord {
			tooLong = true
			part = part[:max(0, min(len(part), MaxRecord-len(text)))]
		}
		text = append(text, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && (len(text) == 0 || !errors.Is(err, io.EOF)):
			return nil, err
		case tooLong:
			return text, errTooLong
		}
		return bytes.TrimRight(text, "\r\n"), nil
	}
}

// checkLine is for what no format may hold.
func checkLine(text []byte) error {
	switch {
	case !utf8.Valid(text):
		return errors.New("not valid UTF-8")
	case bytes.IndexByte(text, 0) >= 0:
		return errors.New("has a NUL byte")
	}
	return nil
}

// readJSONL reads one object a line. Empty lines are left out.
func readJSONL(r *bufio.Reader, _ *Options) iter.Seq[Entry] {
	return lines(r, func(text []byte) (*Record, error) {
		if text[0] == '[' {
			return nil, errors.New("a JSON array is not JSON Lines: write one object a line")
		}
		var rec Record
		if err := strictly(text, &rec); err != nil {
			return nil, err
		}
		return &rec, nil
	})
}

// lines reads a record from every line that is not empty.
func lines(r *bufio.Reader, read func(text []byte) (*Record, error)) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for n := 1; ; n++ {
			text, err := line(r)
			if errors.Is(err, io.EOF) {
				return
			}
			e := Entry{Number: n, raw: text, Err: err, Fatal: err != nil && !errors.Is(err, errTooLong)}
			if err == nil {
				if len(bytes.TrimSpace(text)) == 0 {
					continue
				}
				if e.Err = checkLine(text); e.Err == nil {
					e.Record, e.Err = read(bytes.TrimSpace(text))
				}
			}
			if (e.Record != nil || e.Err != nil) && !yield(e) || e.Fatal {
				return
			}
		}
	}
}

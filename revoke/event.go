package revoke

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxEvent bounds what one event of a feed may have: a policy is by far the largest.
const maxEvent = 32 << 20

var errTooLong = errors.New("an event is larger than 32 MiB")

// An event is one server-sent event.
type event struct {
	id, name string
	data     []byte
}

// events reads the events of a stream.
type events struct{ r *bufio.Reader }

func newEvents(r io.Reader) *events { return &events{bufio.NewReaderSize(r, 64<<10)} }

// next returns the next event with a name. What ends in the middle of one is
// [io.ErrUnexpectedEOF]: it does not count.
func (e *events) next() (ev event, err error) {
	size := 0
	for {
		line, err := e.line(maxEvent - size)
		switch {
		case err == io.EOF && size == 0:
			return ev, io.EOF
		case err == io.EOF:
			return ev, io.ErrUnexpectedEOF
		case err != nil:
			return ev, err
		}
		if len(line) == 0 {
			if ev.name != "" {
				return ev, nil
			}
			ev, size = event{}, 0 // of comments, or of no kind that we know
			continue
		}
		size += len(line)
		if err := ev.field(line); err != nil {
			return ev, err
		}
	}
}

// line returns a line without its end.
func (e *events) line(limit int) ([]byte, error) {
	var whole []byte
	for {
		part, err := e.r.ReadSlice('\n')
		if len(whole)+len(part) > limit {
			return nil, errTooLong
		}
		if err == nil && whole == nil {
			return bytes.TrimRight(part, "\r\n"), nil // valid until the next read
		}
		whole = append(whole, part...)
		switch {
		case err == nil:
			return bytes.TrimRight(whole, "\r\n"), nil
		case err == io.EOF && len(whole) > 0:
			return nil, io.ErrUnexpectedEOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

func (ev *event) field(line []byte) error {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "id":
		ev.id = string(value)
	case "event":
		ev.name = string(value)
	case "data":
		if ev.data != nil {
			ev.data = append(ev.data, '\n')
		}
		ev.data = append(ev.data, value...)
	case "", "retry": // a comment; and we decide for ourselves when to come back
	default:
		return fmt.Errorf("unknown field %.40q", name)
	}
	return nil
}

package sallytest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// A Mailbox is a mail server on this machine that takes every mail and keeps it. The
// server under test sends to it as to any other: its outbox, its words and its SMTP are
// those of production. Make one with [NewMailbox]; it is safe for concurrent use.
type Mailbox struct {
	listener net.Listener
	serving  sync.WaitGroup

	mu    sync.Mutex
	mails []Mail
	taken map[string]int // how many of an address [Mailbox.Next] has returned
	open  map[net.Conn]bool
	news  chan struct{} // closed when a mail comes
}

// A Mail is what somebody would find in their mailbox.
type Mail struct {
	From, To   string // addresses of the envelope
	Subject    string
	Text, HTML string
	Header     mail.Header
}

// NewMailbox opens a mailbox on a free port of the loopback address. Close it.
func NewMailbox() (*Mailbox, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &Mailbox{listener: l, taken: map[string]int{}, open: map[net.Conn]bool{}, news: make(chan struct{})}
	b.serving.Go(b.accept)
	return b, nil
}

// URL is what the server under test sends to: URL of server.Config.Mail, or the setting
// mail.url.
func (b *Mailbox) URL() string { return "smtp://" + b.listener.Addr().String() }

// Close ends the mailbox. What it has kept stays.
func (b *Mailbox) Close() error {
	err := b.listener.Close()
	b.mu.Lock()
	for c := range b.open {
		c.Close()
	}
	b.mu.Unlock()
	b.serving.Wait()
	return err
}

// To returns all mails to an address, the first one first.
func (b *Mailbox) To(address string) []Mail {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.to(address)
}

func (b *Mailbox) to(address string) (all []Mail) {
	for _, m := range b.mails {
		if m.To == address {
			all = append(all, m)
		}
	}
	return all
}

// Next returns the first mail to an address that Next has not returned before, and waits
// for it until ctx ends: mails are sent beside the requests that cause them.
func (b *Mailbox) Next(ctx context.Context, address string) (Mail, error) {
	for {
		b.mu.Lock()
		all, news := b.to(address), b.news
		if n := b.taken[address]; n < len(all) {
			b.taken[address]++
			b.mu.Unlock()
			return all[n], nil
		}
		b.mu.Unlock()
		select {
		case <-ctx.Done():
			return Mail{}, fmt.Errorf("waiting for a mail to %s: %w", address, ctx.Err())
		case <-news:
		}
	}
}

var (
	linkForm = regexp.MustCompile(`https?://\S+`)
	codeForm = regexp.MustCompile(`(?m)^\s*([0-9A-Z]{4}-[0-9A-Z]{4}|[0-9]{6})\s*$`)
)

// Link is the first address in the text, "" if there is none.
func (m *Mail) Link() string { return linkForm.FindString(m.Text) }

// Code is the code that stands on a line of its own in the text, "" if there is none.
func (m *Mail) Code() string {
	if found := codeForm.FindStringSubmatch(m.Text); found != nil {
		return found[1]
	}
	return ""
}

func (b *Mailbox) accept() {
	for {
		c, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		b.open[c] = true
		b.mu.Unlock()
		b.serving.Go(func() {
			b.serve(textproto.NewConn(c))
			c.Close()
			b.mu.Lock()
			delete(b.open, c)
			b.mu.Unlock()
		})
	}
}

// serve speaks as much SMTP (RFC 5321) as it takes to be sent mails.
func (b *Mailbox) serve(c *textproto.Conn) {
	var from string
	var to []string
	say := func(code int, text string) { c.PrintfLine("%d %s", code, text) }
	say(220, "mailbox ready")
	for {
		line, err := c.ReadLine()
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "EHLO", "HELO":
			c.PrintfLine("250-mailbox")
			say(250, "8BITMIME")
		case "MAIL":
			from, to = path(rest), nil
			say(250, "ok")
		case "RCPT":
			to = append(to, path(rest))
			say(250, "ok")
		case "DATA":
			say(354, "go on")
			content, err := io.ReadAll(c.DotReader())
			if err != nil {
				return
			}
			if err := b.keep(from, to, string(content)); err != nil {
				say(554, err.Error())
				continue
			}
			say(250, "kept")
		case "RSET", "NOOP":
			say(250, "ok")
		case "QUIT":
			say(221, "bye")
			return
		default:
			say(502, "not here")
		}
	}
}

// path is the address in "FROM:<ann@example.org> BODY=8BITMIME".
func path(s string) string {
	_, s, _ = strings.Cut(s, "<")
	s, _, _ = strings.Cut(s, ">")
	return s
}

func (b *Mailbox) keep(from string, to []string, content string) error {
	parsed, err := mail.ReadMessage(strings.NewReader(content))
	if err != nil {
		return errors.New("this is no mail")
	}
	m := Mail{From: from, Header: parsed.Header}
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject")); err != nil {
		return errors.New("the subject cannot be read")
	}
	if err := m.read(textproto.MIMEHeader(parsed.Header), parsed.Body); err != nil {
		return errors.New("the body cannot be read")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, address := range slices.Compact(slices.Sorted(slices.Values(to))) {
		m.To = address
		b.mails = append(b.mails, m)
	}
	close(b.news)
	b.news = make(chan struct{})
	return nil
}

// read takes in a body, or the parts that it has.
func (m *Mail) read(h textproto.MIMEHeader, body io.Reader) error {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			p, err := parts.NextRawPart()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := m.read(p.Header, p); err != nil {
				return err
			}
		}
	}
	if strings.EqualFold(h.Get("Content-Transfer-Encoding"), "quoted-printable") {
		body = quotedprintable.NewReader(body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	switch plain := strings.ReplaceAll(string(text), "\r\n", "\n"); kind {
	case "text/html":
		m.HTML = plain
	case "text/plain":
		m.Text = plain
	}
	return nil
}

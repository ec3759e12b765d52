// Package testmail is a mail server for tests. It keeps what it is given, and can be
// told to refuse, to hang, to greylist, or to lose the connection.
package testmail

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// A Mail is one that a Sink took.
type Mail struct {
	From, To string // of the envelope
	Header   mail.Header
	Text     string
	HTML     string
	Raw      []byte
	TLS      bool
	User     string // who had signed in
}

// A Sink is a mail server. Set its fields before Start.
type Sink struct {
	// Answer, if not nil, is asked at each step ("mail", "rcpt", "data", "end") how to
	// answer; nil goes on. It may block: that is a server that hangs.
	Answer func(step, value string) error
	// User and Password are asked for, if set.
	User, Password string
	NoTLS          bool // offers no STARTTLS
	Implicit       bool // speaks TLS from the first byte

	mu       sync.Mutex
	mails    []Mail
	sessions int
	arrived  chan struct{}
	server   *smtp.Server
	address  string
	listener net.Listener
	roots    *x509.CertPool
}

// Refuse is an answer such as Refuse(550, "no such user").
func Refuse(code int, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 0, 0}, Message: text}
}

// Start listens on loopback.
func (s *Sink) Start() error {
	s.arrived = make(chan struct{}, 1<<16)
	s.server = smtp.NewServer(s)
	s.server.Domain, s.server.AllowInsecureAuth, s.server.EnableSMTPUTF8 = "sink.example", true, true
	s.server.ErrorLog = log.New(io.Discard, "", 0)
	cert, err := s.certificate()
	if err != nil {
		return err
	}
	if !s.NoTLS {
		s.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.listener, s.address = l, l.Addr().String()
	if s.Implicit {
		l = tls.NewListener(l, s.server.TLSConfig)
	}
	go s.server.Serve(l)
	return nil
}

// certificate makes one for 127.0.0.1 and localhost, which Trust trusts.
func (s *Sink) certificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, err
	}
	s.roots = x509.NewCertPool()
	s.roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// Trust is the configuration of a client that trusts the sink.
func (s *Sink) Trust() *tls.Config {
	return &tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS12}
}

// Address is host and port.
func (s *Sink) Address() string { return s.address }

// URL is how to reach the sink.
func (s *Sink) URL() string {
	scheme, user := "smtp", ""
	if s.Implicit {
		scheme = "smtps"
	}
	if s.User != "" {
		user = s.User + ":" + s.Password + "@"
	}
	return scheme + "://" + user + s.address
}

// Close ends the server and its connections.
func (s *Sink) Close() error { return errors.Join(s.server.Close(), s.closeListener()) }

// closeListener is for a server that had not begun to listen.
func (s *Sink) closeListener() error {
	if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Mails returns what was taken, in order.
func (s *Sink) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mail(nil), s.mails...)
}

// Arrived receives once for each mail that was taken.
func (s *Sink) Arrived() <-chan struct{} { return s.arrived }

// Sessions returns how often somebody connected.
func (s *Sink) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions
}

// NewSession implements smtp.Backend.
func (s *Sink) NewSession(c *smtp.Conn) (smtp.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions++
	return &session{sink: s, conn: c}, nil
}

type session struct {
	sink           *Sink
	conn           *smtp.Conn
	user, from, to string
}

var errSignIn = &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "sign in first"}

func (x *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (x *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != x.sink.User || password != x.sink.Password {
			return errors.New("no")
		}
		x.user = user
		return nil
	}), nil
}

func (x *session) ask(step, value string) error {
	if x.sink.User != "" && x.user == "" {
		return errSignIn
	}
	if x.sink.Answer == nil {
		return nil
	}
	return x.sink.Answer(step, value)
}

func (x *session) Mail(from string, _ *smtp.MailOptions) error {
	x.from = from
	return x.ask("mail", from)
}
func (x *session) Rcpt(to string, _ *smtp.RcptOptions) error { x.to = to; return x.ask("rcpt", to) }

func (x *session) Data(r io.Reader) error {
	if err := x.ask("data", x.to); err != nil {
		return err
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := x.ask("end", x.to); err != nil {
		return err
	}
	m := Mail{From: x.from, To: x.to, Raw: raw, User: x.user}
	_, m.TLS = x.conn.TLSConnectionState()
	if err := m.read(); err != nil {
		return Refuse(554, err.Error())
	}
	x.sink.mu.Lock()
	x.sink.mails = append(x.sink.mails, m)
	x.sink.mu.Unlock()
	x.sink.arrived <- struct{}{}
	return nil
}

func (x *session) Reset()        {}
func (x *session) Logout() error { return nil }

// read takes the mail apart.
func (m *Mail) read() error {
	msg, err := mail.ReadMessage(bytes.NewReader(m.Raw))
	if err != nil {
		return err
	}
	m.Header = msg.Header
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		return errors.New("not a mail of several parts")
	}
	parts := multipart.NewReader(msg.Body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var body io.Reader = part
		if part.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
			body = quotedprintable.NewReader(part)
		}
		text, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		switch kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type")); kind {
		case "text/plain":
			m.Text = strings.ReplaceAll(string(text), "\r\n", "\n")
		case "text/html":
			m.HTML = string(text)
		}
	}
}

// Subject is the subject, decoded.
func (m *Mail) Subject() string {
	s, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return m.Header.Get("Subject")
	}
	return s
}

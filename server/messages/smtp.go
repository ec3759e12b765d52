package messages

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/internal/outbound"
)

// A Mail says which mail server takes what we send. The zero Mail is none.
type Mail struct {
	// URL is smtp://user:password@host:587, where the connection must turn to TLS, or
	// smtps://user:password@host:465. On loopback the server need not speak TLS.
	URL  string
	From string      // "Name <address>" or an address; "" = the user of URL, if that is an address
	TLS  *tls.Config // nil = trust whom the system trusts
}

// Check reports what is wrong.
func (m *Mail) Check() error {
	if m.URL == "" {
		return nil
	}
	_, err := m.server()
	return err
}

// An smtpServer is a Mail that was read.
type smtpServer struct {
	host, user, password string
	port                 int
	implicit             bool // TLS from the first byte
	from                 *netmail.Address
	tls                  *tls.Config
	at                   string // where it is found; "" = at its name. Set by tests only
}

func (m *Mail) server() (*smtpServer, error) {
	u, err := url.Parse(m.URL)
	switch {
	case err != nil:
		return nil, errors.New("the URL of the mail server is malformed") // err holds the password
	case u.Scheme != "smtp" && u.Scheme != "smtps":
		return nil, errors.New("the URL of the mail server must begin with smtp:// or smtps://")
	case u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the URL of the mail server must be a host, with a user and a port if need be")
	}
	s := &smtpServer{host: u.Hostname(), user: u.User.Username(), port: 587, implicit: u.Scheme == "smtps", tls: m.TLS}
	s.password, _ = u.User.Password()
	if s.implicit {
		s.port = 465
	}
	if p := u.Port(); p != "" {
		if s.port, err = strconv.Atoi(p); err != nil || s.port < 1 || s.port > 65535 {
			return nil, errors.New("the port of the mail server is no port")
		}
	}
	from := m.From
	if from == "" {
		from = s.user
	}
	if s.from, err = netmail.ParseAddress(from); err != nil {
		return nil, errors.New("mail needs an address to come from, such as Bulletin <no-reply@example.com>")
	}
	return s, nil
}

// policy is when the connection turns to TLS: always, but for a server on this
// machine, to which nobody listens in.
func (s *smtpServer) policy() mail.TLSPolicy {
	if outbound.Loopback(s.host) {
		return mail.TLSOpportunistic
	}
	return mail.TLSMandatory
}

const smtpStep = 15 * time.Second // of connecting, and of each message

func (s *smtpServer) client(ctx context.Context) (*mail.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.tls != nil {
		config = s.tls.Clone()
	}
	config.ServerName = s.host
	options := []mail.Option{
		mail.WithPort(s.port), mail.WithTimeout(smtpStep), mail.WithTLSConfig(config), mail.WithTLSPolicy(s.policy()),
		mail.WithDialContextFunc(func(_ context.Context, network, address string) (net.Conn, error) {
			return s.dial(ctx, network, address, config)
		}),
	}
	if s.implicit {
		options = append(options, mail.WithSSL())
	}
	if s.user != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(s.user), mail.WithPassword(s.password))
	}
	return mail.NewClient(s.host, options...)
}

// dial connects, and cuts the connection when ctx ends: a server that hangs in the
// middle must not hold us for longer.
func (s *smtpServer) dial(ctx context.Context, network, address string, config *tls.Config) (net.Conn, error) {
	address = cmp.Or(s.at, address)
	plain := &net.Dialer{Timeout: smtpStep}
	var c net.Conn
	var err error
	if s.implicit {
		c, err = (&tls.Dialer{NetDialer: plain, Config: config}).DialContext(ctx, network, address)
	} else {
		c, err = plain.DialContext(ctx, network, address)
	}
	if err == nil {
		context.AfterFunc(ctx, func() { c.Close() })
	}
	return c, err
}

// deliver hands a mail to the server.
func (s *smtpServer) deliver(ctx context.Context, m outbox.Message, to string, t Text) error {
	ctx, cancel := context.WithCancel(ctx) // closes the connection at the end, whatever happens
	defer cancel()
	msg, err := s.compose(m, to, t)
	if err != nil {
		return &outbox.RefusedError{Problem: hideAddresses(err.Error())}
	}
	c, err := s.client(ctx)
	if err != nil {
		return err
	}
	return outcome(c.DialAndSendWithContext(ctx, msg))
}

// compose writes the mail. Each attempt carries the same Message-ID, so that one that
// arrives twice can be seen to be the same.
func (s *smtpServer) compose(m outbox.Message, to string, t Text) (*mail.Msg, error) {
	recipient, err := netmail.ParseAddress(to)
	if err != nil || recipient.Address != to {
		return nil, errors.New("the recipient's is no mail address")
	}
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	msg.FromMailAddress(s.from)
	msg.ToMailAddress(recipient)
	_, domain, _ := strings.Cut(s.from.Address, "@")
	msg.SetMessageIDWithValue(m.ID + "@" + domain)
	msg.SetDateWithValue(m.CreatedAt)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 §5: nobody's absence notice is an answer
	msg.SetGenHeader("Content-Language", t.Lang)
	msg.Subject(oneLine(t.Subject))
	msg.SetBodyString(mail.TypeTextPlain, t.Plain)
	msg.AddAlternativeString(mail.TypeTextHTML, t.HTML)
	return msg, nil
}

// outcome says what an error means for the message: that it will never be taken, or
// that it may be at another time. What the server says of its own trouble, or of how
// we signed in, is for another time however firmly it says so.
func outcome(err error) error {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*mail.SendError](err)
	if !ok {
		return errors.New(hideAddresses(err.Error()))
	}
	problem := fmt.Sprintf("the mail server answered %d %s to %s", e.ErrorCode(), e.EnhancedStatusCode(), steps[e.Reason])
	switch {
	case e.ErrorCode() == 0:
		return errors.New(hideAddresses(err.Error()))
	case e.ErrorCode() < 500, e.ErrorCode() == 530, e.ErrorCode() == 535, e.ErrorCode() == 538:
		return errors.New(problem)
	case e.Reason == mail.ErrSMTPRcptTo, e.Reason == mail.ErrSMTPData, e.Reason == mail.ErrSMTPDataClose:
		return &outbox.RefusedError{Problem: problem}
	}
	return errors.New(problem)
}

var steps = map[mail.SendErrReason]string{
	mail.ErrSMTPMailFrom: "the sender", mail.ErrSMTPRcptTo: "the recipient", mail.ErrSMTPData: "the message", mail.ErrSMTPDataClose: "the message",
}

var addressLike = regexp.MustCompile(`\S*@\S*`)

// hideAddresses makes what a server said fit for the log.
func hideAddresses(s string) string {
	s = oneLine(addressLike.ReplaceAllString(s, "…"))
	const most = 300
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return s
}

package messages

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/internal/outbound"
)

// An SMS says which gateway takes text messages. The zero SMS is none.
type SMS struct {
	// URL is https://… of a webhook, or twilio://ACCOUNT:TOKEN@api.twilio.com?from=+15550100
	// for Twilio and those who speak like it.
	URL string
	// Secret is what requests to a webhook are signed with, at least 16 bytes: see
	// [Sign].
	Secret string
}

// Check reports what is wrong.
func (s *SMS) Check() error {
	if s.URL == "" {
		return nil
	}
	_, err := s.gateway()
	return err
}

// A gateway is an SMS that was read.
type gateway struct {
	url, secret string // of a webhook
	from        string // of Twilio; "" = it is a webhook
	user, token string
	client      *http.Client
}

const minSecret = 16

func (s *SMS) gateway() (*gateway, error) {
	u, err := url.Parse(s.URL)
	if err != nil {
		return nil, errors.New("the URL of the gateway is malformed") // err may hold a token
	}
	g := &gateway{url: s.URL, secret: s.Secret, client: outbound.Client(&http.Client{Transport: outbound.Transport(!outbound.Loopback(u.Hostname()))})}
	if u.Scheme == "twilio" {
		return g, g.twilio(u)
	}
	if err := outbound.CheckURL(s.URL, false); err != nil {
		return nil, fmt.Errorf("the URL of the gateway: %w", err)
	}
	if len(s.Secret) < minSecret {
		return nil, fmt.Errorf("a webhook needs a secret of at least %d characters, by which it knows that we ask", minSecret)
	}
	return g, nil
}

func (g *gateway) twilio(u *url.URL) error {
	g.user, g.from = u.User.Username(), u.Query().Get("from")
	g.token, _ = u.User.Password()
	if u.Hostname() == "" || g.user == "" || g.token == "" || g.from == "" || strings.Trim(u.Path, "/") != "" {
		return errors.New("the URL of the gateway must be like twilio://ACCOUNT:TOKEN@api.twilio.com?from=+15550100")
	}
	scheme := "https"
	if outbound.Loopback(u.Hostname()) {
		scheme = "http"
	}
	g.url = scheme + "://" + u.Host + "/2010-04-01/Accounts/" + url.PathEscape(g.user) + "/Messages.json"
	return nil
}

// deliver hands a text message to the gateway.
func (g *gateway) deliver(ctx context.Context, m outbox.Message, to string, t Text) error {
	r, err := g.request(ctx, m, to, t.Plain)
	if err != nil {
		return err
	}
	resp, err := g.client.Do(r)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the address, which may hold a token
		}
		return fmt.Errorf("the gateway was not reached: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, outbound.MaxBody)) // so that the connection can serve again
	problem := fmt.Sprintf("the gateway answered %d", resp.StatusCode)
	switch code := resp.StatusCode; {
	case code/100 == 2:
		return nil
	case code == http.StatusBadRequest || code == http.StatusGone || code == http.StatusUnprocessableEntity:
		return &outbox.RefusedError{Problem: problem} // it will never like this number or these words
	}
	return errors.New(problem)
}

func (g *gateway) request(ctx context.Context, m outbox.Message, to, text string) (*http.Request, error) {
	if g.from != "" {
		form := url.Values{"To": {to}, "From": {g.from}, "Body": {text}}.Encode()
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url, strings.NewReader(form))
		if err == nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth(g.user, g.token)
		}
		return r, err
	}
	body, err := json.Marshal(struct {
		ID   string `json:"id"` // the same in each attempt
		Kind string `json:"kind"`
		To   string `json:"to"`
		Text string `json:"text"`
	}{m.ID, string(m.Kind), to, text})
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url, bytes.NewReader(body))
	if err == nil {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Sallyport-Signature", Sign(g.secret, body, time.Now()))
	}
	return r, err
}

// Sign returns the header Sallyport-Signature of a request to a webhook:
// "t=SECONDS,v1=HEX", where HEX is HMAC-SHA-256 under the secret of SECONDS, a dot and
// the body. The receiver compares it, and refuses one that is more than a few minutes
// old: somebody may have kept it.
func Sign(secret string, body []byte, at time.Time) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(seconds + "."))
	h.Write(body)
	return "t=" + seconds + ",v1=" + hex.EncodeToString(h.Sum(nil))
}

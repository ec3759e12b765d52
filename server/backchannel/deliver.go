package backchannel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/internal/outbound"
	"github.com/sallyport-auth/sallyport/oauth"
)

// refused ends a message: no further attempt would do better.
func refused(format string, args ...any) error {
	return &outbox.RefusedError{Problem: fmt.Sprintf(format, args...)}
}

// mayWork reports whether an attempt failed that may do better the next time.
func mayWork(err error) bool {
	_, ends := errors.AsType[*outbox.RefusedError](err)
	return err != nil && !ends
}

// deliver makes one attempt to tell a client of the end of a session (Back-Channel Logout
// 1.0 §2.5). Where it is to be told, and how that is signed, is what is registered now.
func (n *Notifier) deliver(ctx context.Context, m outbox.Message, l outbox.Letter) error {
	var c oauth.Client
	err := n.c.Store.View(ctx, func(tx account.Tx) (err error) { c, err = tx.Clients.ByID(ctx, l.To); return err })
	switch {
	case errors.Is(err, oauth.ErrNotFound), err == nil && !c.Hears(m.CreatedAt):
		return refused("the client does not want to know any more")
	case err != nil:
		return err
	}
	t := oauth.LogoutToken{
		Issuer: n.c.Issuer, Subject: n.c.Pseudonyms.Subject(&c, l.User), Audience: c.ID, ID: m.ID,
		Session: n.c.Pseudonyms.Session(&c, l.Data["session"]), IssuedAt: time.Now(),
	}
	payload, err := t.Payload()
	if err != nil {
		return err
	}
	signed, err := n.c.Sign(c.IDTokenAlg, oauth.TypLogoutToken, payload)
	if err != nil {
		return fmt.Errorf("signing a logout token: %w", err)
	}
	return n.post(ctx, c.BackchannelLogout, signed)
}

func (n *Notifier) post(ctx context.Context, to, signed string) error {
	form := url.Values{"logout_token": {signed}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil {
		return refused("the address of the client is none")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	resp, err := outbound.Client(&http.Client{Transport: n.c.Transport}).Do(r)
	if err != nil {
		return errors.New(outbound.Cause(err))
	}
	defer resp.Body.Close()
	return answered(resp)
}

// answered reads what the client says (§2.8). 400 is that it does not take this token, or
// could not sign the person out: it has heard, and would say the same again. Anything else
// may come from whatever stands before it, and is a reason to try again.
func answered(resp *http.Response) error {
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can serve again
	switch resp.StatusCode {
	case http.StatusOK, http.StatusNoContent:
		return nil
	case http.StatusBadRequest:
		return refused("the client answered 400")
	}
	return fmt.Errorf("the client answered %d", resp.StatusCode)
}

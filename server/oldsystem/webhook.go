// Package oldsystem asks another system by HTTP about people who have not come over yet.
package oldsystem

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/sallyport-auth/sallyport/account/importer"
	"github.com/sallyport-auth/sallyport/internal/outbound"
	"github.com/sallyport-auth/sallyport/server/messages"
)

// A Webhook is asked with a POST of {"identifier", "password"}, signed like the requests
// to a gateway for text messages: see [messages.Sign]. It answers 200 with the person,
// as a line of an import is, or 404 for a name that it does not know and a wrong
// password alike. Every other answer means that nobody knows. It is safe for concurrent
// use; fill its fields before.
type Webhook struct {
	// URL is https, or http on loopback. It is on the public internet, unless PrivateNetwork.
	URL string
	// Secret is what requests are signed with, at least 16 bytes.
	Secret         string
	PrivateNetwork bool

	once   sync.Once
	client *http.Client
	slots  chan struct{}
}

const (
	minSecret = 16
	maxAtOnce = 32 // questions; more wait, so that a rush here is none there
)

// Check reports what is wrong.
func (h *Webhook) Check() error {
	if err := outbound.CheckURL(h.URL, false); err != nil {
		return fmt.Errorf("the URL of the old system: %w", err)
	}
	if len(h.Secret) < minSecret {
		return fmt.Errorf("the old system needs a secret of at least %d characters, by which it knows that we ask", minSecret)
	}
	return nil
}

// Ask is an account.OldSystem.
func (h *Webhook) Ask(ctx context.Context, identifier, password string) (*importer.Record, error) {
	h.once.Do(h.begin)
	ctx, cancel := context.WithTimeout(ctx, outbound.Timeout)
	defer cancel()
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	r, err := h.request(ctx, identifier, password)
	if err != nil {
		return nil, err
	}
	resp, err := h.client.Do(r)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the address, which may hold a token
		}
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, outbound.MaxBody+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > outbound.MaxBody:
		return nil, fmt.Errorf("it answered more than %d bytes", outbound.MaxBody)
	case resp.StatusCode == http.StatusNotFound:
		return nil, nil
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("it answered %d", resp.StatusCode)
	}
	return person(body)
}

func (h *Webhook) begin() {
	guarded := !h.PrivateNetwork
	if u, err := url.Parse(h.URL); err == nil && outbound.Loopback(u.Hostname()) {
		guarded = false
	}
	h.client = outbound.Client(&http.Client{Transport: outbound.Transport(guarded)})
	h.slots = make(chan struct{}, maxAtOnce)
}

func (h *Webhook) request(ctx context.Context, identifier, password string) (*http.Request, error) {
	body, err := json.Marshal(struct {
		Identifier string `json:"identifier"`
		Password   string `json:"password"`
	}{identifier, password})
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the URL of the old system is malformed")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "sallyport")
	r.Header.Set("Sallyport-Signature", messages.Sign(h.Secret, body, time.Now()))
	return r, nil
}

// person reads the one line that there must be.
func person(body []byte) (rec *importer.Record, err error) {
	var line bytes.Buffer
	if err := json.Compact(&line, body); err != nil { // it may be written in several
		return nil, errors.New("it answered no JSON")
	}
	entries, err := importer.Read(&line, "jsonl", importer.Options{})
	if err != nil {
		return nil, err
	}
	for e := range entries {
		rec, err = e.Record, e.Err
		break
	}
	if rec == nil && err == nil {
		err = errors.New("it answered no person")
	}
	return rec, err
}

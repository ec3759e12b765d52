package verifier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"

	"github.com/sallyport-auth/sallyport/internal/outbound"
	"github.com/sallyport-auth/sallyport/revoke"
)

// An issuer is the installation whose tokens are verified, as a client sees it.
type issuer struct {
	base string
	key  string
	http *http.Client
}

// connections is how many are kept for introspection beside the feed.
const connections = 16

// newIssuer follows no redirect: the key is for the address that was configured, and
// for no other.
func newIssuer(c *Config) *issuer {
	client := outbound.Client(c.Client)
	client.Timeout = 0 // the feed does not end
	if client.Transport == nil {
		t := outbound.Transport(false)
		t.MaxIdleConns, t.MaxIdleConnsPerHost = connections, connections
		client.Transport = t
	}
	return &issuer{base: c.base(), key: c.Key, http: client}
}

// feed opens the stream of revocations and policies at a cursor.
func (i *issuer) feed(ctx context.Context, cursor string) (io.ReadCloser, error) {
	at := i.base + "/revocations"
	if cursor != "" {
		at += "?cursor=" + url.QueryEscape(cursor)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := i.send(req)
	if err != nil {
		return nil, err
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode == http.StatusOK && kind == "text/event-stream" {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	switch err := refusal(resp); resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, fmt.Errorf("%w: %w", revoke.ErrNotEntitled, err)
	case http.StatusBadRequest:
		return nil, fmt.Errorf("%w: %w", revoke.ErrCursor, err)
	default:
		return nil, err
	}
}

func (i *issuer) send(req *http.Request) (*http.Response, error) {
	req.Header.Set("Authorization", "Bearer "+i.key)
	resp, err := i.http.Do(req)
	if err != nil {
		return nil, errors.Unwrap(err) // without the address, which holds a cursor
	}
	return resp, nil
}

// refusal is what an answer says that is not the one asked for.
func refusal(resp *http.Response) error {
	var p struct{ Code, Detail string }
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err == nil && json.Unmarshal(body, &p) == nil && p.Code != "" {
		return fmt.Errorf("the issuer answers %d %s: %s", resp.StatusCode, p.Code, p.Detail)
	}
	return fmt.Errorf("the issuer answers %d with %s", resp.StatusCode, resp.Header.Get("Content-Type"))
}

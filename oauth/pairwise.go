package oauth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sallyport-auth/sallyport/internal/outbound"
)

// A SubjectType is by what a client knows people (OpenID Connect Core 1.0 §8).
type SubjectType string

// The types: by their ids, as everybody does, or each by a name that other clients do not
// know them by, so that two of them cannot find out whom they have in common.
const (
	PublicSubjects   SubjectType = "public"
	PairwiseSubjects SubjectType = "pairwise"
)

// SubjectTypes are all of them.
var SubjectTypes = []SubjectType{PublicSubjects, PairwiseSubjects}

// Pairwise reports whether the client knows people by names of its own.
func (c *Client) Pairwise() bool { return c.Subjects == PairwiseSubjects }

// Sector is what clients have in common that know a person by the same name: a host
// (§8.1); "" = none can be told.
func (c *Client) Sector() string {
	if c.SectorURI != "" {
		return hostOf(c.SectorURI)
	}
	sector := ""
	for i, uri := range c.Redirects {
		host := hostOf(uri)
		if host == "" || i > 0 && host != sector {
			return ""
		}
		sector = host
	}
	return sector
}

// hostOf is the host of an https address, and "" for others: what loopback, or the scheme
// of an app, leads to is nobody's alone.
func hostOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "https" {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

func (c *Client) checkSubjects() error {
	if c.SectorURI != "" {
		if u, err := checkURI(c.SectorURI); err != nil || u.Scheme != "https" || u.Host == "" {
			return wrong("sector_identifier_uri", "must be an https address")
		}
	}
	switch {
	case c.Subjects != "" && !slices.Contains(SubjectTypes, c.Subjects):
		return wrong("subject_type", "must be one of %v", SubjectTypes)
	case !c.Pairwise():
		return nil
	case c.Format != Opaque:
		return wrong("access_token_format", "must be %s with the subject_type %s: out of another one the client could read who it is", Opaque, PairwiseSubjects)
	case c.Sector() == "":
		return wrong("sector_identifier_uri", "is needed with the subject_type %s, unless all redirect_uris are https and of one host", PairwiseSubjects)
	}
	return nil
}

// Pseudonyms are the names that clients with pairwise subjects know people and sessions by.
// Without the key nobody can tell whose they are, or whether two of them are of the same
// person. They are the same for as long as the key and the client's sector are.
type Pseudonyms struct {
	Key []byte // of at least 32 bytes; secret, and used for nothing else
}

// Subject is what the client calls the person of that id.
func (p *Pseudonyms) Subject(c *Client, user string) string { return p.of(c, "subject", user) }

// Session is what the client calls the session of that id; "" stays that.
func (p *Pseudonyms) Session(c *Client, id string) string { return p.of(c, "session", id) }

func (p *Pseudonyms) of(c *Client, what, id string) string {
	if !c.Pairwise() || id == "" {
		return id
	}
	mac := hmac.New(sha256.New, p.Key)
	for _, part := range []string{what, c.Sector(), id} {
		io.WriteString(mac, part+"\x00") // no part holds a zero byte
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Sectors reads who is of a sector. It is safe for concurrent use.
type Sectors struct {
	Transport http.RoundTripper // nil = the public internet
}

// Check makes sure that the sector that the client names has it as one of its own: that all
// of its addresses are in the list there (OpenID Connect Dynamic Client Registration 1.0
// §5). A client that names none is fine. The error is a *[FieldError].
func (s *Sectors) Check(ctx context.Context, c *Client) error {
	if c.SectorURI == "" {
		return nil
	}
	list, err := s.read(ctx, c.SectorURI)
	if err != nil {
		return wrong("sector_identifier_uri", "could not be read: %v", err)
	}
	if strange := Beyond(c.Redirects, list); len(strange) > 0 {
		return wrong("sector_identifier_uri", "leads to a list without the redirect_uri %s", strange[0])
	}
	return nil
}

func (s *Sectors) read(ctx context.Context, uri string) (list []string, err error) {
	transport := s.Transport
	if transport == nil {
		own := outbound.Transport(true)
		defer own.CloseIdleConnections()
		transport = own
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, errors.New("the address is none")
	}
	r.Header.Set("Accept", "application/json")
	resp, err := outbound.Client(&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return nil, errors.New(outbound.Cause(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, outbound.MaxBody+1))
	switch {
	case err != nil:
		return nil, errors.New(outbound.Cause(err))
	case len(body) > outbound.MaxBody:
		return nil, errors.New("the answer is too large")
	}
	if json.Unmarshal(body, &list) != nil {
		return nil, errors.New("the answer is no JSON list of addresses")
	}
	return list, nil
}

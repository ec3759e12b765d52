package oauth

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

// errClient is the one answer to a client that is not who it says, for whatever reason.
var errClient = oauth.Refuse(oauth.InvalidClient, "The client is unknown, or has not proved that it is this one.")

// A proof is what a request offers to show which client it is of.
type proof struct {
	method oauth.AuthMethod
	id     string
	value  string // secret or assertion
}

// offered reads it. A request proves the client in one way (RFC 6749 §2.3).
func offered(r *http.Request, p oauth.Params) (proof, error) {
	var v [4]string
	for i, name := range []string{"client_id", "client_secret", "client_assertion_type", "client_assertion"} {
		var err error
		if v[i], err = p.One(name); err != nil {
			return proof{}, err
		}
	}
	id, plain, kind, assertion := v[0], v[1], v[2], v[3]
	header := r.Header.Get("Authorization")
	basic := header != "" && !strings.HasPrefix(strings.ToLower(header), "dpop ")
	ways := 0
	for _, used := range []bool{basic, plain != "", assertion != "" || kind != ""} {
		if used {
			ways++
		}
	}
	if ways > 1 {
		return proof{}, oauth.Refuse(oauth.InvalidRequest, "The client is proved in more than one way.")
	}
	switch {
	case basic:
		named, value, ok := basicAuth(header)
		if !ok || id != "" && id != named {
			return proof{}, errClient
		}
		return proof{oauth.SecretBasic, named, value}, nil
	case kind != "" || assertion != "":
		if kind != oauth.JWTBearer || assertion == "" {
			return proof{}, oauth.Refuse(oauth.InvalidClient, "The client_assertion_type must be %s.", oauth.JWTBearer)
		}
		named := oauth.AssertedClient(assertion)
		if id != "" && id != named {
			return proof{}, errClient
		}
		return proof{oauth.PrivateKeyJWT, named, assertion}, nil
	case plain != "":
		return proof{oauth.SecretPost, id, plain}, nil
	}
	return proof{oauth.NoAuth, id, ""}, nil
}

// basicAuth reads a header in which both parts are encoded as in a form (RFC 6749
// §2.3.1).
func basicAuth(header string) (id, plain string, ok bool) {
	scheme, encoded, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "basic") {
		return "", "", false
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return "", "", false
	}
	user, password, found := strings.Cut(string(raw), ":")
	id, err1 := url.QueryUnescape(user)
	plain, err2 := url.QueryUnescape(password)
	return id, plain, found && err1 == nil && err2 == nil
}

// client returns the client of a request, which has proved that it is this one by the
// kind of credential that is registered for it.
func (h *Handler) client(r *http.Request, p oauth.Params) (c oauth.Client, err error) {
	o, err := offered(r, p)
	if err != nil {
		return c, err
	}
	if o.id == "" {
		return c, oauth.Refuse(oauth.InvalidClient, "The request does not say which client it is of.")
	}
	c, err = h.Accounts.Client(r.Context(), o.id)
	switch {
	case errors.Is(err, oauth.ErrNotFound):
		return c, errClient
	case err != nil:
		return c, err
	case o.method == oauth.NoAuth && byCertificate(c.Auth): // it is shown beside the request
		o.method = c.Auth
	}
	if c.Disabled || o.method != c.Auth && !(bySecret(o.method) && bySecret(c.Auth)) {
		return c, errClient
	}
	now := time.Now()
	switch o.method {
	case oauth.SecretBasic, oauth.SecretPost:
		if !c.Knows(o.value, now) {
			return c, errClient
		}
	case oauth.PrivateKeyJWT:
		return c, h.proved(r.Context(), &c, o.value, now)
	case oauth.TLSAuth, oauth.SelfSignedTLS:
		return c, h.certified(r, &c, now)
	}
	return c, nil
}

// certified finds out whether the certificate that the request shows is the client's
// (RFC 8705 §2).
func (h *Handler) certified(r *http.Request, c *oauth.Client, now time.Time) error {
	if c.Auth == oauth.TLSAuth {
		peer, err := h.Gate.Peer(r)
		switch {
		case err != nil && !isInvalid(err):
			return err
		case err != nil || !c.ProveByName(peer, now):
			return errClient
		}
		return nil
	}
	shown := h.Gate.Shown(r)
	if shown == nil {
		return errClient
	}
	keys, err := h.keysWith(r.Context(), c, shown)
	if err == nil && !oauth.ProveByKey(shown, keys, now) {
		err = errClient
	}
	return err
}

// keysWith finds the keys of a client among which that of a certificate may be.
func (h *Handler) keysWith(ctx context.Context, c *oauth.Client, shown *x509.Certificate) ([]*token.Key, error) {
	if c.JWKSURI == "" {
		set, err := token.ParseJWKS(c.JWKS)
		if err != nil {
			return nil, errClient
		}
		return set.Keys(), nil
	}
	key, err := h.remote.of(c.JWKSURI).CertifiedBy(ctx, shown)
	return published(key, err)
}

// published is a key that a client publishes, if it does.
func published(key *token.Key, err error) ([]*token.Key, error) {
	switch {
	case errors.Is(err, token.ErrInvalid):
		return nil, nil
	case err != nil:
		return nil, oauth.Refuse(oauth.InvalidClient, "The jwks_uri of the client does not answer with keys.")
	}
	return []*token.Key{key}, nil
}

// bySecret reports whether a client shows its secret. In which of the two ways makes no
// difference to anybody, and libraries choose for themselves.
func bySecret(m oauth.AuthMethod) bool { return m == oauth.SecretBasic || m == oauth.SecretPost }

func byCertificate(m oauth.AuthMethod) bool { return m == oauth.TLSAuth || m == oauth.SelfSignedTLS }

// proved verifies an assertion, and takes it once (RFC 7523 §3, jti).
func (h *Handler) proved(ctx context.Context, c *oauth.Client, assertion string, now time.Time) error {
	// The issuer is what RFC 7523bis wants; the endpoint is what it was before.
	audiences := []string{h.Issuer}
	if c.Profile != oauth.FAPI2 { // which wants nothing else (FAPI 2.0 Security Profile §5.3.2.1)
		for _, host := range []string{h.Issuer, cmp.Or(h.Certificates, h.Issuer)} {
			audiences = append(audiences, host+h.Base+"/oauth/token", host+h.Base+"/oauth/par")
		}
	}
	a, err := c.Prove(assertion, h.keysOf(ctx, c), audiences, now)
	if err != nil {
		return err
	}
	first, err := h.Accounts.Spend(ctx, secret.Hash("client assertion\n"+a.Replay), a.Until)
	if err == nil && !first {
		err = oauth.Refuse(oauth.InvalidClient, "The client_assertion was used before.")
	}
	return err
}

// keySets are the key sets that clients publish, by address.
type keySets struct {
	mu   sync.Mutex
	sets map[string]*token.RemoteKeySet
}

// maxKeySets bounds how many are remembered. Clients are registered by administrators.
const maxKeySets = 1000

// keysOf finds the keys of a client: among those that it has registered or, by name, those
// that it publishes.
func (h *Handler) keysOf(ctx context.Context, c *oauth.Client) func(token.Header) ([]*token.Key, error) {
	return func(head token.Header) ([]*token.Key, error) {
		if c.JWKSURI == "" {
			set, err := token.ParseJWKS(c.JWKS)
			if err != nil {
				return nil, errClient
			}
			return set.Candidates(head), nil
		}
		return published(h.remote.of(c.JWKSURI).Key(ctx, head.KeyID))
	}
}

func (k *keySets) of(address string) *token.RemoteKeySet {
	k.mu.Lock()
	defer k.mu.Unlock()
	set := k.sets[address]
	if set == nil {
		if len(k.sets) >= maxKeySets || k.sets == nil {
			k.sets = map[string]*token.RemoteKeySet{}
		}
		set = &token.RemoteKeySet{URL: address, PublicOnly: true}
		k.sets[address] = set
	}
	return set
}

// answerTokens answers with credentials (RFC 6749 §5.1).
func answerTokens(w http.ResponseWriter, v any) error {
	w.Header().Set("Pragma", "no-cache")
	return exchange.JSON(w, http.StatusOK, v)
}

package oauth

import (
	"cmp"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

// registered is what a client is told of itself (RFC 7591 §3.2.1, RFC 7592 §3).
type registered struct {
	oauth.Metadata
	IssuedAt int64  `json:"client_id_issued_at"`
	Expires  *int64 `json:"client_secret_expires_at,omitempty"` // with a secret: 0, never
	Token    string `json:"registration_access_token"`
	URI      string `json:"registration_client_uri"`
}

func (h *Handler) registered(c *oauth.Client, plain, tok string) registered {
	out := registered{
		Metadata: oauth.MetadataOf(c), IssuedAt: c.CreatedAt.Unix(), Token: tok, URI: h.Issuer + h.Base + "/oauth/register/" + c.ID,
	}
	if plain != "" {
		out.Secret, out.Expires = plain, new(int64)
	}
	return out
}

// bearer returns the token that a request shows. It is none of those that open doors.
func bearer(r *http.Request) (string, error) {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || value == "" {
		return "", sallyport.Unauthenticated("unauthenticated", "This needs an access token for registration.")
	}
	return value, nil
}

// notRegistered is the one answer to a token that does not do, for whatever reason.
func notRegistered() error {
	return sallyport.Unauthenticated("invalid_token", "The access token registers nobody, or no longer, or is of another client.")
}

// readMetadata reads the body of a registration.
func readMetadata(w http.ResponseWriter, r *http.Request) (m oauth.Metadata, err error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, exchange.MaxBody))
	if big, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return m, tooLarge{oauth.Refuse(oauth.InvalidRequest, "The body is larger than %d bytes.", big.Limit), big}
	}
	if err != nil {
		return m, oauth.Refuse(oauth.InvalidRequest, "The body could not be read.")
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return m, oauth.Refuse(oauth.InvalidClientMetadata, "Send the metadata as application/json.")
	}
	return oauth.ParseMetadata(body)
}

// register lets a program become a client by itself (RFC 7591).
func (h *Handler) register(w http.ResponseWriter, r *http.Request) error {
	m, malformed := readMetadata(w, r)
	if _, large := errors.AsType[tooLarge](malformed); large {
		return malformed
	}
	tok, err := bearer(r)
	if err != nil {
		return err
	}
	if malformed != nil { // which is said to those only who may register
		err := h.Accounts.MayRegister(r.Context(), tok)
		if errors.Is(err, oauth.ErrNoToken) {
			return notRegistered()
		}
		return cmp.Or(err, malformed)
	}
	m.ID, m.Secret = "", "" // which are ours to choose
	c, err := h.Accounts.RegisterClient(r.Context(), tok, m, exchange.Origin(h.Gate, r))
	switch {
	case errors.Is(err, oauth.ErrNoToken):
		return notRegistered()
	case err != nil:
		return ofProtocol(err)
	}
	h.MakeKeys(r.Context())
	return answerRegistered(w, http.StatusCreated, h.registered(&c.Client, c.Secret, c.Token))
}

// ofProtocol leaves errors of the protocol alone, and makes problems of the others.
func ofProtocol(err error) error {
	if _, ok := errors.AsType[*protocolError](err); ok {
		return err
	}
	return exchange.Problem(err)
}

func answerRegistered(w http.ResponseWriter, status int, v registered) error {
	w.Header().Set("Pragma", "no-cache")
	return exchange.JSON(w, status, v)
}

// registration shows a client what is registered of it (RFC 7592 §2.1): its secret is kept
// nowhere.
func (h *Handler) registration(w http.ResponseWriter, r *http.Request) error {
	tok, err := bearer(r)
	if err != nil {
		return err
	}
	c, err := h.Accounts.OwnClient(r.Context(), r.PathValue("client"), tok)
	if err != nil {
		return ofOwner(err)
	}
	return answerRegistered(w, http.StatusOK, h.registered(&c, "", tok))
}

// ofOwner tells nobody whether there is such a client (RFC 7592 §2.1).
func ofOwner(err error) error {
	if errors.Is(err, oauth.ErrNotFound) {
		return notRegistered()
	}
	return ofProtocol(err)
}

// setRegistration replaces what is registered of a client (RFC 7592 §2.2).
func (h *Handler) setRegistration(w http.ResponseWriter, r *http.Request) error {
	m, malformed := readMetadata(w, r)
	if _, large := errors.AsType[tooLarge](malformed); large {
		return malformed
	}
	tok, err := bearer(r)
	if err != nil {
		return err
	}
	if malformed != nil {
		if _, err := h.Accounts.OwnClient(r.Context(), r.PathValue("client"), tok); err != nil {
			return ofOwner(err)
		}
		return malformed
	}
	c, err := h.Accounts.SetOwnClient(r.Context(), r.PathValue("client"), tok, m, exchange.Origin(h.Gate, r))
	if err != nil {
		return ofOwner(err)
	}
	h.MakeKeys(r.Context())
	return answerRegistered(w, http.StatusOK, h.registered(&c, "", tok))
}

// removeRegistration ends a client at its own wish (RFC 7592 §2.3).
func (h *Handler) removeRegistration(w http.ResponseWriter, r *http.Request) error {
	tok, err := bearer(r)
	if err == nil {
		err = h.Accounts.RemoveOwnClient(r.Context(), r.PathValue("client"), tok, exchange.Origin(h.Gate, r))
	}
	if err != nil {
		return ofOwner(err)
	}
	return exchange.Done(w)
}

package oauth

import (
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

type protocolError = oauth.Error

// A refusal is what RFC 6749 §5.2 answers.
type refusal struct {
	Code string `json:"error"`
	Says string `json:"error_description"`
}

// tooLarge is a body of more than [exchange.MaxBody] bytes.
type tooLarge struct {
	*protocolError
	cause *http.MaxBytesError // from which the doors make a 413
}

func (e tooLarge) Unwrap() error { return e.protocolError }

// answering lets a handler return an error of the protocol.
func answering(f func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := f(w, r)
		e, ok := errors.AsType[*protocolError](err)
		if !ok {
			return err
		}
		status := http.StatusBadRequest
		switch _, large := errors.AsType[tooLarge](err); {
		case large:
			status = http.StatusRequestEntityTooLarge
		case e.Code == oauth.InvalidClient:
			status = http.StatusUnauthorized                                               // the only refusal that is not the doors' to give: RFC 6749 §5.2
			w.Header().Set("WWW-Authenticate", `Basic realm="sallyport", charset="UTF-8"`) // RFC 9110 §15.5.2
		}
		w.Header().Set("Pragma", "no-cache")
		return exchange.JSON(w, status, refusal{e.Code, e.Says})
	}
}

// asClient lets a handler serve a client that has proved which one it is, with the
// parameters that it sends.
func (h *Handler) asClient(f func(http.ResponseWriter, *http.Request, oauth.Client, oauth.Params) error) func(http.ResponseWriter, *http.Request) error {
	return answering(func(w http.ResponseWriter, r *http.Request) error {
		p, err := readForm(w, r)
		if err != nil {
			return err
		}
		c, err := h.client(r, p)
		if err != nil {
			return err
		}
		return f(w, r, c, p)
	})
}

// readForm reads the body, and only the body: what is secret does not belong into an
// address.
func readForm(w http.ResponseWriter, r *http.Request) (oauth.Params, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, exchange.MaxBody))
	if big, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge{oauth.Refuse(oauth.InvalidRequest, "The body is larger than %d bytes.", big.Limit), big}
	}
	if err != nil {
		return nil, oauth.Refuse(oauth.InvalidRequest, "The body could not be read.")
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, oauth.Refuse(oauth.InvalidRequest, "Send the parameters as application/x-www-form-urlencoded.")
	}
	return oauth.ParseParams(string(body))
}

// asQuery answers what is posted from another site by asking the same as a GET, with
// which the browser sends the session.
func (h *Handler) asQuery(path string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		p, err := readForm(w, r)
		if err != nil {
			return toPerson(err)
		}
		return exchange.See(w, r, h.Base+path+"?"+p.Encode())
	}
}

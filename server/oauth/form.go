package oauth

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport/server/exchange"
)

// A mistake in a request, as RFC 6749 §5.2 answers it.
type mistake struct {
	status int
	Code   string `json:"error"`
	Says   string `json:"error_description"` // for people; printable ASCII without quotes and backslashes
}

func (m *mistake) Error() string { return m.Code + ": " + m.Says }

func invalidRequest(says string) *mistake {
	return &mistake{http.StatusBadRequest, "invalid_request", says}
}

// answering lets a handler return a mistake.
func answering(f func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := f(w, r)
		if m, ok := errors.AsType[*mistake](err); ok {
			return exchange.JSON(w, m.status, m)
		}
		return err
	}
}

// A form is the parameters of a request. What the endpoint does not know it
// ignores (RFC 6749 §3.2).
type form url.Values

// readForm reads the body, and only the body: what is secret does not belong into
// an address. Its errors are mistakes.
func readForm(w http.ResponseWriter, r *http.Request) (form, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, invalidRequest("Send the parameters as application/x-www-form-urlencoded.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, exchange.MaxBody))
	if big, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, &mistake{http.StatusRequestEntityTooLarge, "invalid_request", fmt.Sprintf("The body is larger than %d bytes.", big.Limit)}
	}
	if err != nil {
		return nil, invalidRequest("The body could not be read.")
	}
	return parseForm(string(body))
}

func parseForm(body string) (form, error) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, invalidRequest("The form is malformed.")
	}
	return form(values), nil
}

// one returns the value of a parameter, "" if it is missing. One without a value
// counts as missing, and none may be there twice (RFC 6749 §3.2).
func (f form) one(name string) (string, error) {
	values := f[name]
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", invalidRequest("The parameter " + name + " is there twice.")
	case !utf8.ValidString(values[0]) || strings.ContainsRune(values[0], 0):
		return "", invalidRequest("The parameter " + name + " is not text.")
	}
	return values[0], nil
}

// need is one for a parameter that must be there.
func (f form) need(name string) (string, error) {
	value, err := f.one(name)
	if err == nil && value == "" {
		err = invalidRequest("The parameter " + name + " is missing.")
	}
	return value, err
}

package federation

import (
	"errors"
	"io"
	"net/http"

	"github.com/sallyport-auth/sallyport/internal/outbound"
)

// errTooLong means that an answer is longer than any that makes sense.
var errTooLong = errors.New("the answer is longer than a megabyte")

// client sends requests to a provider: for five seconds each, without following it
// anywhere, and without reading more than it may say. Even a provider that the operator
// chose names further addresses, which must not lead into our own network.
func client(c *Config) *http.Client {
	transport := c.Transport
	if transport == nil {
		transport = outbound.Transport(!c.PrivateNetwork)
	}
	return outbound.Client(&http.Client{Transport: bounded{transport}})
}

// bounded cuts answers off after [outbound.MaxBody] bytes.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = &boundedBody{resp.Body, outbound.MaxBody}
	}
	return resp, err
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

package main

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
)

func TestServeSaysWhereItIsInJSON(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r, w := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"serve", "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--json"}, nil, nil, w, io.Discard)
		w.Close()
	}()
	var said struct {
		Listening string            `json:"listening_on"`
		Pages     map[string]string `json:"pages"`
		Setup     struct {
			URL       string `json:"url"`
			ExpiresIn int    `json:"expires_in"`
		} `json:"setup"`
	}
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&said); err != nil {
		t.Fatal(err)
	}
	base := said.Listening + "/auth/"
	if !strings.HasPrefix(base, "http://127.0.0.1:") || said.Pages["sign_in"] != base+"login" || said.Pages["account"] != base ||
		!strings.HasPrefix(said.Setup.URL, base+"setup/") || said.Setup.ExpiresIn != 1800 {
		t.Errorf("it said %+v", said)
	}
	stop()
	if rest, err := io.ReadAll(io.MultiReader(d.Buffered(), r)); err != nil || strings.TrimSpace(string(rest)) != "" {
		t.Errorf("it said more: %q, %v", rest, err)
	}
	if got := <-code; got != done {
		t.Errorf("exit code %d", got)
	}
}

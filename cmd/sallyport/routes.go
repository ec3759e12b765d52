package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/store/memory"
)

type routes struct{}

func (*routes) Help() string {
	return "It looks at the configuration alone and needs no data folder."
}

// shownRoute is one line of the list.
type shownRoute struct {
	Pattern  string `json:"pattern"`
	Door     string `json:"door"`
	Action   string `json:"action,omitempty"`
	Type     string `json:"type,omitempty"`
	Limit    string `json:"limit,omitempty"`
	Fresh    int    `json:"fresh,omitempty"` // seconds
	Hide     bool   `json:"hide,omitempty"`
	NoCookie bool   `json:"no_cookie,omitempty"`
}

// Run assembles the server over an empty store in memory.
func (*routes) Run(ctx context.Context, p *program) error {
	c, err := p.settings(nil)
	if err != nil {
		return err
	}
	s := memory.New()
	settings := serverConfig(c, s, p.logger(c, slog.LevelWarn))
	settings.ManageOnly, settings.InsecureHTTP = true, true
	settings.BaseURL, settings.SealingKey = "http://localhost", secret.NewKey()
	srv, err := server.Open(ctx, settings)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	srv.MountRoot()
	return errors.Join(p.print(routesAnswer(srv.Routes)), srv.Close(), s.Close())
}

func routesAnswer(rt *sallyport.Routes) answer {
	out := exchange.List[shownRoute]{Items: []shownRoute{}}
	for r := range rt.All() {
		out.Items = append(out.Items, shownRoute{
			r.Pattern, r.Door, r.Action, r.Type, r.Limit, int(r.Fresh / time.Second), r.Hide, r.NoCookie,
		})
	}
	return answer{out, func(w io.Writer) { io.WriteString(w, rt.String()) }}
}

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/server/messages"
	"github.com/sallyport-auth/sallyport/server/web"
)

type mailPreview struct {
	Kind   string `arg:"" optional:"" help:"What the message is for; without, the kinds are listed."`
	Locale string `placeholder:"LANG" help:"Language, such as de. Default: en."`
	HTML   bool   `help:"Show the form for mail programs that show HTML."`
}

func (*mailPreview) Help() string {
	return "The values in it are made up, and nothing is sent. Nothing needs to be set up."
}

func (c *mailPreview) Run(_ context.Context, p *program) error {
	kind := outbox.Kind(c.Kind)
	if c.Kind == "" {
		return p.print(answer{outbox.Kinds, func(w io.Writer) {
			for _, k := range outbox.Kinds {
				fmt.Fprintln(w, k)
			}
		}})
	}
	if !slices.Contains(outbox.Kinds, kind) {
		return misused("there is no message %q; “sallyport mail preview” lists them", c.Kind)
	}
	if c.Locale != "" {
		if _, ok := web.Language(c.Locale); !ok {
			return misused("--locale: there are no messages in %q; the languages are %s", c.Locale, strings.Join(web.Languages(), ", "))
		}
	}
	t, err := c.render(p, kind)
	if err != nil {
		return err
	}
	v := struct {
		Lang    string `json:"lang"`
		Subject string `json:"subject,omitempty"`
		Text    string `json:"text"`
		HTML    string `json:"html,omitempty"`
	}{t.Lang, t.Subject, t.Plain, t.HTML}
	return p.print(answer{v, func(w io.Writer) {
		switch {
		case c.HTML && t.HTML != "":
			fmt.Fprint(w, t.HTML)
		case t.Subject != "":
			fmt.Fprintf(w, "Subject: %s\n\n%s", t.Subject, t.Plain)
		default:
			fmt.Fprintln(w, t.Plain)
		}
	}})
}

func (c *mailPreview) render(p *program, kind outbox.Kind) (t messages.Text, err error) {
	settings, err := p.settings(nil)
	if err != nil {
		return t, err
	}
	base, err := url.Parse(cmp.Or(settings.Server.BaseURL, "http://localhost:8080"))
	if err != nil {
		return t, err
	}
	pages, err := web.New(web.Config{Base: settings.Server.BasePath})
	if err != nil {
		return t, err
	}
	r := &messages.Renderer{Pages: pages, Service: cmp.Or(settings.Service.Name, base.Hostname()), Host: base.Hostname()}
	return r.Render(kind, r.Sample(kind, c.Locale, strings.TrimSuffix(base.String(), "/")+settings.Server.BasePath), time.Now())
}

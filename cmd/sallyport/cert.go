package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/clientcert"
	"github.com/sallyport-auth/sallyport/cmd/sallyport/config"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

type certAdd struct {
	User        string `required:"" placeholder:"USER" help:"Who it stands for: it may do what they may."`
	SPIFFE      string `name:"spiffe" placeholder:"ID" xor:"which" help:"SPIFFE ID of certificates, such as spiffe://example.org/billing."`
	DNS         string `name:"dns" placeholder:"HOST" xor:"which" help:"DNS name of certificates, such as robot.example.org."`
	Subject     string `placeholder:"NAME" xor:"which" help:"Whole subject of certificates, such as CN=robot,O=Example."`
	Fingerprint string `placeholder:"HEX" xor:"which" help:"SHA-256 of one certificate."`
	File        string `placeholder:"FILE" xor:"which" help:"One certificate (PEM), mapped by its fingerprint until it expires."`
	Name        string `placeholder:"NAME" help:"What it is for."`
	Service     bool   `help:"A program that acts for itself, with the roles of the user: rules see a Service."`
	Expires     string `placeholder:"DURATION" help:"When the mapping ends, such as 90d. Default: never, or with the certificate."`
}

func (*certAdd) Help() string {
	return "A certificate is known by its fingerprint, else by its SPIFFE ID, else by its DNS names, else by its subject; never by its common name alone. " +
		"Which CAs count is said in server.client_ca."
}

// want is what the flags ask for.
func (c *certAdd) want() (want account.NewCertificate, err error) {
	want = account.NewCertificate{Label: c.Name, Service: c.Service}
	if c.Expires != "" {
		d, err := config.ParseDuration(c.Expires)
		if err != nil || d == 0 {
			return want, misused(`--expires: expected a duration such as "90d", got %q`, c.Expires)
		}
		want.ExpiresAt = time.Now().Add(d)
	}
	if c.File != "" {
		err = c.read(&want)
		return want, err
	}
	for _, n := range []clientcert.Name{
		{Kind: clientcert.SPIFFE, Value: c.SPIFFE}, {Kind: clientcert.DNS, Value: c.DNS},
		{Kind: clientcert.Subject, Value: c.Subject}, {Kind: clientcert.Fingerprint, Value: c.Fingerprint},
	} {
		if n.Value == "" {
			continue
		}
		if want.Name, err = clientcert.ParseName(n.Kind, n.Value); err != nil {
			return want, misused("--%s: %v", n.Kind, err)
		}
		return want, nil
	}
	return want, misused("say which certificates: one of --spiffe, --dns, --subject, --fingerprint and --file")
}

// read asks for the certificate in the file.
func (c *certAdd) read(want *account.NewCertificate) error {
	text, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("reading the certificate: %w", err)
	}
	leaf, err := clientcert.ParsePEM(text)
	if err != nil {
		return fmt.Errorf("reading the certificate: %s: %w", c.File, err)
	}
	want.Name = clientcert.Names(leaf)[0]
	if want.ExpiresAt.IsZero() {
		want.ExpiresAt = leaf.NotAfter
	}
	return nil
}

func (c *certAdd) Run(ctx context.Context, p *program) error {
	want, err := c.want()
	if err != nil {
		return err
	}
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		u, err := in.named(ctx, c.User)
		if err != nil {
			return answer{}, err
		}
		if u.Status != account.Active {
			return answer{}, fmt.Errorf("%s is disabled", title(u))
		}
		m, err := in.Accounts.AddCertificate(ctx, u.ID, want, origin)
		return say(shown.NewCertificate(m), "certificates with the %s %s stand for %s (%s)", m.Name.Kind, m.Name.Value, title(u), m.ID), err
	})
}

type certList struct {
	User string `required:"" placeholder:"USER" help:"User name, e-mail address or id."`
}

func (c *certList) Run(ctx context.Context, p *program) error {
	return p.manage(ctx, func(in *installation) (answer, error) {
		u, err := in.named(ctx, c.User)
		if err != nil {
			return answer{}, err
		}
		all, err := in.Accounts.Certificates(ctx, u.ID)
		if err != nil {
			return answer{}, err
		}
		out := exchange.List[shown.Certificate]{Items: make([]shown.Certificate, 0, len(all))}
		var rows [][]string
		for _, m := range all {
			out.Items = append(out.Items, shown.NewCertificate(m))
			as := "user"
			if m.Service {
				as = "service"
			}
			rows = append(rows, []string{
				string(m.Name.Kind), m.Name.Value, m.Label, as, date(m.CreatedAt), momentOr(m.ExpiresAt, "never"), momentOr(m.LastUsedAt, "never"), m.ID,
			})
		}
		return table(out, title(u)+" has no certificates",
			[]string{"KIND", "VALUE", "NAME", "ACTS AS", "CREATED", "EXPIRES", "LAST USED", "ID"}, rows), nil
	})
}

type certRevoke struct {
	ID string `arg:"" help:"Id, as cert list shows it."`
}

func (c *certRevoke) Run(ctx context.Context, p *program) error {
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		err := in.Accounts.RemoveCertificate(ctx, c.ID, "", origin)
		if errors.Is(err, clientcert.ErrNotFound) {
			return answer{}, fmt.Errorf("no certificate has the id %q", shorten(c.ID, 40))
		}
		return say(identified{c.ID}, "the certificate %s is no credential any more", c.ID), err
	})
}

package config_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-auth/sallyport/authn/federation"
	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/cmd/sallyport/config"
	"github.com/sallyport-auth/sallyport/server/forward"
)

// load reads a file of that text, an environment and flags.
func load(file string, environ []string, flags map[string]string) (*config.Config, error) {
	return config.Load(config.Sources{Environ: environ, Flags: flags, ReadFile: func(path string) ([]byte, error) {
		switch {
		case path == config.DefaultFile && file != "":
			return []byte(file), nil
		case path == "secret.txt":
			return []byte("postgres://ann@db/app\n"), nil
		case path == "brand/logo.svg":
			return []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), nil
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}})
}

func TestDefaultsAreComplete(t *testing.T) {
	c, err := load("", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"server.addr": "127.0.0.1:8080", "store.data": "./sallyport-data", "session.idle": "7d", "token.access_lifetime": "15m",
		"token.algorithm": "EdDSA", "password.minimum": int64(15), "server.insecure_http": false, "log.level": "info",
		"service.default_roles": []string{},
	}
	for _, v := range c.Values() {
		if v.Source != "default" {
			t.Errorf("%s comes from %s", v.Key, v.Source)
		}
		if w, ok := want[v.Key]; ok {
			if diff := cmp.Diff(w, v.Value); diff != "" {
				t.Errorf("%s:\n%s", v.Key, diff)
			}
			delete(want, v.Key)
		}
	}
	for key := range want {
		t.Errorf("%s is not among the values", key)
	}
}

func TestLaterSourcesWin(t *testing.T) {
	const file = `
[server]
addr = "127.0.0.1:1"
base_path = "/one"
trusted_proxies = ["10.1.2.3/8", "192.0.2.7"]
base_url = "https://example.com"
[session]
idle = "1d12h"
[roles]
member = ["post:read"]
"post.editor" = ["post:*"]
[resources]
"https://api.example.com" = "ES256"
`
	c, err := load(file, []string{
		"SALLYPORT_SERVER__ADDR=127.0.0.1:2", "SALLYPORT_LOG__LEVEL=debug", "SALLYPORT_STORE__DATABASE_FILE=secret.txt",
		"SALLYPORT_ROLES__MODERATOR=post:delete, post:hide", "SALLYPORT_SERVICE__REGISTRATION=closed",
		"SALLYPORT_PASSWORD__MINIMUM=20", "SALLYPORT_KEY=sp_live_x", "SALLYPORT_TEST_LONG=1",
		"SALLYPORT_PORT_8080_TCP_ADDR=10.0.0.1", "PATH=/bin",
	}, map[string]string{"server.addr": "127.0.0.1:3"})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ key, source string }{
		{"server.addr", "--addr"}, {"server.base_path", "sallyport.toml:4"}, {"log.level", "SALLYPORT_LOG__LEVEL"},
		{"store.database", "SALLYPORT_STORE__DATABASE_FILE"}, {"roles.moderator", "SALLYPORT_ROLES__MODERATOR"},
		{"roles.post.editor", "sallyport.toml:11"}, {"session.absolute", "default"},
	} {
		if got := c.Source(x.key); got != x.source {
			t.Errorf("%s comes from %s, want %s", x.key, got, x.source)
		}
	}
	got := []any{
		c.Server.Addr, c.Server.BasePath, c.Server.TrustedProxies[0].String(), c.Server.TrustedProxies[1] == netip.MustParsePrefix("192.0.2.7/32"),
		c.Session.Idle, c.Log.Level, c.Store.Database, c.Roles["moderator"], c.Roles["post.editor"], c.Service.Closed(),
		c.Password.Minimum, c.Resources["https://api.example.com"],
	}
	want := []any{
		"127.0.0.1:3", "/one", "10.0.0.0/8", true,
		36 * time.Hour, slog.LevelDebug, "postgres://ann@db/app", []string{"post:delete", "post:hide"}, []string{"post:*"}, true,
		20, token.ES256,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestHowPagesLookAndWhatIsShownBesideAPassword(t *testing.T) {
	c, err := load(`
[theme]
logo = "brand/logo.svg"
light_accent = "#6b21a8"
[factors]
kinds = ["totp"]
required = ["*"]
[service]
help = "mailto:help@example.com"
terms = "https://example.com/terms"
[password]
cost = "m=65536,t=3,p=2"
`, []string{"SALLYPORT_THEME__DARK_ACCENT=#d8b4fe", "SALLYPORT_THEME__RADIUS=0"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if l := c.Theme.Logo; l == nil || l.Name != "logo.svg" || !strings.HasPrefix(string(l.Content), "<svg") || c.Theme.Favicon != nil {
		t.Errorf("logo %+v, favicon %+v", l, c.Theme.Favicon)
	}
	got := []any{
		c.Theme.Light.Accent, c.Theme.Dark.Accent, c.Theme.Radius, c.Factors.Kinds, c.Factors.RequiredOfAll(), c.Service.Help, c.Service.Terms,
		c.Hashing(), c.Source("theme.dark_accent"), c.Source("theme.light_text"),
	}
	want := []any{
		"#6b21a8", "#d8b4fe", "0", []otp.Kind{otp.TOTP}, true, "mailto:help@example.com", "https://example.com/terms",
		password.Params{Memory: 65536, Time: 3, Threads: 2}, "SALLYPORT_THEME__DARK_ACCENT", "default",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestProblemsNameTheKeyAndTheWayOut(t *testing.T) {
	for _, x := range []struct {
		name    string
		file    string
		environ []string
		flags   map[string]string
		want    []string
	}{
		{"unknown key", "[server]\nadr = \"x\"", nil, nil,
			[]string{`sallyport.toml:2: "server.adr" is not a setting; did you mean "server.addr"?`}},
		{"key without its section", "access_lifetime = \"5m\"", nil, nil,
			[]string{`sallyport.toml:1: "access_lifetime" is not a setting; did you mean "token.access_lifetime"?`}},
		{"key in another section", "[server]\ndatabase = \"x\"", nil, nil,
			[]string{`sallyport.toml:2: "server.database" is not a setting; did you mean "store.database"?`}},
		{"unknown section", "[sever]", nil, nil,
			[]string{`sallyport.toml:1: "sever" is not a section; did you mean "server"?`}},
		{"array of tables", "[[resources]]\naudience = \"x\"", nil, nil,
			[]string{`sallyport.toml:1: "resources" is not a setting; did you mean the section [resources]?`}},
		{"wrong type", "[server]\naddr = 8080", nil, nil,
			[]string{`sallyport.toml:2: server.addr: expected an address such as "127.0.0.1:8080", got 8080`}},
		{"wrong value", "[session]\nidle = \"a week\"", nil, nil,
			[]string{`sallyport.toml:2: session.idle: expected a duration such as "15m", "12h" or "30d", at least 1m, got "a week"`}},
		{"number out of range", "[password]\nminimum = 5", nil, nil,
			[]string{`sallyport.toml:2: password.minimum: expected a whole number from 8 to 256, got 5`}},
		{"item of a wrong type", "[service]\ndefault_roles = [1]", nil, nil,
			[]string{`sallyport.toml:2: service.default_roles: expected a list of names such as ["member"], got [1]`}},
		{"inline table", "server = {\n  adr = \"x\" }", nil, nil,
			[]string{`sallyport.toml:1: "server.adr" is not a setting; did you mean "server.addr"?`}},
		{"not TOML", "[server\naddr", nil, nil, []string{`sallyport.toml:1: `}},
		{"a key twice", "[log]\nlevel = \"info\"\nlevel = \"warn\"", nil, nil, []string{`sallyport.toml:`}},
		{"unknown variable", "", []string{"SALLYPORT_SERVER__ADRR=x"}, nil,
			[]string{`the environment variable SALLYPORT_SERVER__ADRR is not a setting; did you mean "SALLYPORT_SERVER__ADDR"?`}},
		{"variable with one underscore", "", []string{"SALLYPORT_SERVER_ADDR=x"}, nil,
			[]string{`the environment variable SALLYPORT_SERVER_ADDR is not a setting; did you mean "SALLYPORT_SERVER__ADDR"?`}},
		{"variable that is not a number", "", []string{"SALLYPORT_PASSWORD__MINIMUM=many"}, nil,
			[]string{`SALLYPORT_PASSWORD__MINIMUM: expected a whole number from 8 to 256, got "many"`}},
		{"variable that is not a truth value", "", []string{"SALLYPORT_SERVER__INSECURE_HTTP=yes"}, nil,
			[]string{`SALLYPORT_SERVER__INSECURE_HTTP: expected true or false, got "yes"`}},
		{"variable and its file", "", []string{"SALLYPORT_STORE__DATABASE=postgres://x", "SALLYPORT_STORE__DATABASE_FILE=secret.txt"}, nil,
			[]string{`SALLYPORT_STORE__DATABASE and SALLYPORT_STORE__DATABASE_FILE are both set; choose one`}},
		{"variable with a missing file", "", []string{"SALLYPORT_STORE__DATABASE_FILE=nowhere"}, nil,
			[]string{`SALLYPORT_STORE__DATABASE_FILE: open nowhere: file does not exist`}},
		{"secret is not repeated", "", []string{"SALLYPORT_STORE__DATABASE=mysql://ann:hunter2@db"}, nil,
			[]string{`SALLYPORT_STORE__DATABASE: expected the URL of a PostgreSQL database such as "postgres://host/name", got something else`}},
		{"no URL of a Redis", "", []string{"SALLYPORT_REDIS__URL=http://ann:hunter2@cache"}, nil,
			[]string{`redis.url: the URL of Redis must begin with redis:// or rediss://`}},
		{"a Redis without a host", "[redis]\nurl = \"redis://:hunter2@\"", nil, nil,
			[]string{`redis.url: the URL of Redis names no host`}},
		{"sealing key that is none", "", []string{"SALLYPORT_SEALING_KEY=hunter2"}, nil,
			[]string{`SALLYPORT_SEALING_KEY: a sealing key is 32 bytes in unpadded base64url (43 characters)`}},
		{"named file that is missing", "", []string{"SALLYPORT_CONFIG=nowhere.toml"}, nil,
			[]string{`reading the configuration: open nowhere.toml: file does not exist`}},
		{"flag", "", nil, map[string]string{"server.addr": "8080"},
			[]string{`--addr: expected an address such as "127.0.0.1:8080", got "8080"`}},
		{"certificate without key", "[server]\ntls_cert = \"x\"", nil, nil,
			[]string{`server.tls_cert and server.tls_key: one needs the other`}},
		{"proxy and no https", "[server]\ntrusted_proxies = [\"10.0.0.0/8\"]", nil, nil,
			[]string{`server.trusted_proxies: behind a proxy people come by https, so server.base_url must be an https address`}},
		{"client certificates without CAs", "[server]\nclient_certificates = \"required\"", nil, nil,
			[]string{`server.client_certificates: name the CAs that count in server.client_ca`}},
		{"client certificates that nobody can show", "[server]\nclient_ca = \"ca.pem\"", nil, nil,
			[]string{`server.client_ca: without server.tls_cert nobody can show a certificate here; if a proxy terminates TLS, say in server.client_certificates how it hands them on`}},
		{"client certificates of a proxy that is not named", "[server]\nclient_ca = \"ca.pem\"\nclient_certificates = \"envoy\"", nil, nil,
			[]string{`server.client_certificates: name the proxy that sends the header in server.trusted_proxies`}},
		{"client certificates in an unknown way", "[server]\nclient_certificates = \"haproxy\"", nil, nil,
			[]string{`sallyport.toml:2: server.client_certificates: expected one of optional, required, any, rfc9440, nginx, envoy, got "haproxy"`}},
		{"weak hashing", "[password]\ncost = \"m=64,t=2,p=1\"", nil, nil,
			[]string{`password.cost: the costs do not fit: argon2id: m=64,t=2 is weaker than m=7168,t=5`}},
		{"bad permission", "[roles]\nmember = [\"Post:Read\"]", nil, nil,
			[]string{`roles: role "member": permission "Post:Read" is not written like "post:delete", "post:*" or "*", in lower case`}},
		{"field of a provider that is almost one", "[[provider]]\nid = \"google\"\nclientid = \"c\"", nil, nil,
			[]string{`sallyport.toml:3: provider.google.clientid: "clientid" is no field of a provider; did you mean "client_id"?`}},
		{"field of a provider that does not fit", "[[provider]]\nid = \"google\"\nscopes = 7", nil, nil,
			[]string{`sallyport.toml:3: provider.google.scopes: expected a list such as ["openid", "email"]`}},
		{"provider without a name", "[[provider]]\nclient_id = \"c\"", nil, nil,
			[]string{`sallyport.toml:1: [[provider]] needs an id, such as "google"`}},
		{"provider twice", "[[provider]]\nid = \"a\"\n[[provider]]\nid = \"a\"", nil, nil,
			[]string{`sallyport.toml:3: [[provider]]: the id "a" is there twice`}},
		{"provider that lacks what it needs", "[[provider]]\nid = \"google\"", nil, nil, []string{
			`provider.google.client_id is missing: the provider gives it when you register there`,
			`provider.google.client_secret is missing: Google gives one to every client`,
		}},
		{"preset that is almost one", "[[provider]]\nid = \"corp\"\npreset = \"gogle\"\nclient_id = \"c\"\nissuer = \"https://id.example.com\"", nil, nil,
			[]string{`provider.corp.preset "gogle" is not known; did you mean "google"?`}},
		{"secret of a provider that does not fit", "[[provider]]\nid = \"google\"\nclient_id = \"c\"\nclient_secret = [\"hunter2\"]", nil, nil,
			[]string{`sallyport.toml:4: provider.google.client_secret: expected text`}},
		{"variable of a provider that is almost one", "", []string{"SALLYPORT_PROVIDER__GOOGLE__CLIENT_SECRTE=hunter2"}, nil,
			[]string{`SALLYPORT_PROVIDER__GOOGLE__CLIENT_SECRTE: "client_secrte" is no field of a provider; did you mean "client_secret"?`}},
		{"rule for no host", "[[forward]]\nrequire = \"public\"", nil, nil,
			[]string{`sallyport.toml:1: [[forward]] needs a host, such as "app.example.com"`}},
		{"field of a rule that is almost one", "[[forward]]\nhost = \"a.example\"\nrequires = \"public\"", nil, nil,
			[]string{`sallyport.toml:3: forward.1.requires: "requires" is no field of a rule; did you mean "require"?`}},
		{"field of a rule that does not fit", "[[forward]]\nhost = \"a.example\"\ntoken = 1", nil, nil,
			[]string{`sallyport.toml:3: forward.1.token: expected true or false`}},
		{"variable of a rule without a number", "", []string{"SALLYPORT_FORWARD__WIKI__HOST=a.example"}, nil,
			[]string{`SALLYPORT_FORWARD__WIKI__HOST: rules are numbered from 1 to 1000, as in forward.1.host`}},
		{"rules that say nothing", "[[forward]]\nhost = \"a b\"\nrequire = \"public\"\n[[forward]]\nhost = \"b.example\"", nil, nil, []string{
			`forward: say in server.base_url where people sign in, and in server.trusted_proxies which proxies ask`,
			`forward: rule 1 (a b): the host must look like app.example.com`,
			`forward: rule 2 (b.example): "" must be signed_in, public or a permission such as report:read`,
		}},
		{"cost that is none", "[password]\ncost = \"m=1,t=2\"", nil, nil,
			[]string{`sallyport.toml:2: password.cost: expected "m=…,t=…,p=…", with m from 8 to 262144, t to 1000 and p to 16, got "m=1,t=2"`}},
		{"a colour that cannot be read", "[theme]\nlight_text = \"#777777\"", nil, nil, []string{
			`theme.light_text: #777777 on the background #f4f5f7 has a contrast of 4.11, and needs 4.5`,
			`theme.light_text: #777777 on the surface #ffffff has a contrast of 4.48, and needs 4.5`,
		}},
		{"colours that are none", "[theme]\ndark_accent = \"cyan\"\ndark_text = \"white\"", nil, nil, []string{
			`theme.dark_text: colour "white" must look like #1b2a41`,
			`theme.dark_accent: colour "cyan" must look like #1b2a41`,
		}},
		{"part of a theme that is almost one", "", []string{"SALLYPORT_THEME__LIGHT_TEXTS=#000000"}, nil,
			[]string{`SALLYPORT_THEME__LIGHT_TEXTS: "light_texts" is no part of a theme; did you mean "light_text"?`}},
		{"part of a theme that does not fit", "[theme]\nradius = 7", nil, nil, []string{`sallyport.toml:2: theme.radius: expected text`}},
		{"radius and font that are none", "[theme]\nradius = \"big\"\nfont = \"a;b\"", nil, nil, []string{
			`theme.radius: "big" must look like 10px or 0.5rem`, `theme.font: "a;b" must be a list of font names`,
		}},
		{"logo that is missing", "[theme]\nlogo = \"nowhere.svg\"", nil, nil, []string{`theme.logo: open nowhere.svg: file does not exist`}},
		{"logo that is no picture", "[theme]\nlogo = \"secret.txt\"", nil, nil, []string{`theme.logo: secret.txt is not an SVG, PNG, JPEG, WebP or ICO picture`}},
		{"help that leads nowhere", "[service]\nhelp = \"call us\"", nil, nil,
			[]string{`sallyport.toml:2: service.help: expected an address such as "https://example.com/help" or "mailto:help@example.com", got "call us"`}},
		{"a factor that there is not", "[factors]\nkinds = [\"carrier pigeon\"]", nil, nil,
			[]string{`sallyport.toml:2: factors.kinds: expected a list of words such as ["totp", "email", "sms"], got [carrier pigeon]`}},
		{"text messages that nobody sends", "[factors]\nkinds = [\"totp\", \"sms\"]", nil, nil,
			[]string{`factors.kinds: codes by sms need a gateway: name it in sms.url`}},
		{"everybody and somebody", "[factors]\nrequired = [\"*\", \"editor\"]", nil, nil,
			[]string{`factors.required: "*" is everybody, so leave the roles out`}},
		{"role admin", "[roles]\nadmin = [\"post:read\"]", nil, nil,
			[]string{`roles.admin: this role is there already; it holds every permission`}},
		{"all at once", "[server]\nadr = 1\naddr = 2\n[log]\nlevel = \"loud\"", []string{"SALLYPORT_NO=1"}, nil, []string{
			`sallyport.toml:2: "server.adr" is not a setting; did you mean "server.addr"?`,
			`sallyport.toml:3: server.addr: expected an address such as "127.0.0.1:8080", got 2`,
			`sallyport.toml:5: log.level: expected one of debug, info, warn, error, got "loud"`,
			`the environment variable SALLYPORT_NO is not a setting`,
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, err := load(x.file, x.environ, x.flags)
			var e *config.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want a *config.Error", err)
			}
			same := slices.EqualFunc(e.Problems, x.want, func(got, want string) bool {
				return got == want || strings.HasSuffix(want, ": ") && strings.HasPrefix(got, want) ||
					want == "sallyport.toml:" && strings.HasPrefix(got, want)
			})
			if !same {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(e.Problems, "\n"), strings.Join(x.want, "\n"))
			}
		})
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	c, err := load("", []string{"SALLYPORT_STORE__DATABASE=postgres://ann:hunter2@db/app?sslpassword=hunter2"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range c.Values() {
		if strings.Contains(config.Format(v.Value), "hunter2") {
			t.Errorf("%s shows the password: %v", v.Key, v.Value)
		}
	}
}

func TestProviders(t *testing.T) {
	const file = `
[[provider]]
id = "corp"
name = "Example"
issuer = "https://id.example.com"
client_id = "c1"
scopes = ["openid", "groups"]
private_network = true
[[provider]]
preset = "github"
client_id = "c2"
`
	c, err := load(file, []string{
		"SALLYPORT_PROVIDER__GITHUB__CLIENT_SECRET=hunter2", "SALLYPORT_PROVIDER__CORP__CLIENT_SECRET_FILE=secret.txt",
		"SALLYPORT_PROVIDER__GOOGLE__CLIENT_ID=c3", "SALLYPORT_PROVIDER__GOOGLE__CLIENT_SECRET=hunter2",
		"SALLYPORT_PROVIDER__GOOGLE__SCOPES=openid, email",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []federation.Config{
		{ID: "corp", Name: "Example", Issuer: "https://id.example.com", ClientID: "c1", ClientSecret: "postgres://ann@db/app",
			Scopes: []string{"openid", "groups"}, PrivateNetwork: true},
		{ID: "github", Preset: "github", ClientID: "c2", ClientSecret: "hunter2"},
		{ID: "google", Preset: "google", ClientID: "c3", ClientSecret: "hunter2", Scopes: []string{"openid", "email"}},
	}
	if diff := cmp.Diff(want, c.Providers); diff != "" {
		t.Error(diff)
	}
	shown := map[string]any{}
	for _, v := range c.Values() {
		shown[v.Key] = v.Value
		if strings.Contains(config.Format(v.Value), "hunter2") {
			t.Errorf("%s shows the secret", v.Key)
		}
	}
	if shown["provider.github.client_secret"] != "(hidden)" || shown["provider.corp.name"] != "Example" {
		t.Errorf("shown: %v", shown)
	}
}

func TestForward(t *testing.T) {
	const file = `
[server]
base_url = "https://id.example.com"
trusted_proxies = ["127.0.0.1"]
[[forward]]
host = "wiki.example.com"
require = "signed_in"
[[forward]]
host = "wiki.example.com"
path = "/reports"
require = "report:read"
token = true
`
	c, err := load(file, []string{"SALLYPORT_FORWARD__3__HOST=files.example.com", "SALLYPORT_FORWARD__3__REQUIRE=public", "SALLYPORT_FORWARD__1__TOKEN=true"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []forward.Rule{
		{Host: "wiki.example.com", Require: "signed_in", Token: true},
		{Host: "wiki.example.com", Path: "/reports", Require: "report:read", Token: true},
		{Host: "files.example.com", Require: "public"},
	}
	if diff := cmp.Diff(want, c.Forward); diff != "" {
		t.Error(diff)
	}
	for _, v := range c.Values() {
		if v.Key == "forward.2.path" && (v.Value != "/reports" || v.Source != "sallyport.toml:10") {
			t.Errorf("shown: %+v", v)
		}
	}
}

func TestDurations(t *testing.T) {
	for _, x := range []struct {
		text string
		want time.Duration
		back string // "" = refused
	}{
		{"15m", 15 * time.Minute, "15m"},
		{"30d", 30 * 24 * time.Hour, "30d"},
		{"1d12h", 36 * time.Hour, "1d12h"},
		{"90s", 90 * time.Second, "1m30s"},
		{"48h", 48 * time.Hour, "2d"},
		{"1h30m", 90 * time.Minute, "1h30m"},
		{"1h0m", time.Hour, "1h"},
		{"250ms", 250 * time.Millisecond, "250ms"},
		{"0s", 0, "0s"},
		{"", 0, ""}, {"d", 0, ""}, {"-1h", 0, ""}, {"1d-1h", 0, ""}, {"+1h", 0, ""}, {"30", 0, ""}, {"1 day", 0, ""}, {"1h1d", 0, ""},
		{"99999d2540400h", 0, ""},
	} {
		got, err := config.ParseDuration(x.text)
		switch {
		case x.back == "" && err == nil:
			t.Errorf("%q is read as %v", x.text, got)
		case x.back != "" && (err != nil || got != x.want):
			t.Errorf("%q is read as %v, %v", x.text, got, err)
		case x.back != "" && config.FormatDuration(got) != x.back:
			t.Errorf("%q is written as %q, want %q", x.text, config.FormatDuration(got), x.back)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("[server]\naddr = \"127.0.0.1:1\"", "SALLYPORT_LOG__LEVEL=debug")
	f.Add("[roles]\nmember = [\"post:read\"]\n\"a.b\" = []", "SALLYPORT_ROLES__X=post:*")
	f.Add("server = {addr = 1, x = {y = 2}}\n[[a]]\nb = 1", "SALLYPORT___=")
	f.Add("resources.\"https://a\" = \"ES256\"\ntheme.radius = \"1px\"", "SALLYPORT_STORE__DATABASE_FILE=secret.txt")
	f.Add("[[provider]]\nid = \"google\"\nclient_id = \"c\"", "SALLYPORT_PROVIDER__GOOGLE__CLIENT_SECRET=s")
	f.Fuzz(func(t *testing.T, file, variable string) {
		c, err := load(file, []string{variable}, nil)
		if err != nil {
			var e *config.Error
			if !errors.As(err, &e) || len(e.Problems) == 0 {
				t.Fatalf("not a list of problems: %v", err)
			}
			return
		}
		// What is in force can be written down and read again, and is the same then.
		var again strings.Builder
		for _, v := range c.Values() {
			if secret(v.Key) {
				continue // redacted
			}
			section, key, _ := strings.Cut(v.Key, ".")
			again.WriteString(section + "." + quoteKey(key) + " = " + config.Format(v.Value) + "\n")
		}
		d, err := load(again.String(), nil, nil)
		if err != nil {
			t.Fatalf("reading what was written:\n%s\n%v", again.String(), err)
		}
		for i, v := range c.Values() {
			if w := d.Values()[i]; !secret(v.Key) && !cmp.Equal(v.Value, w.Value) {
				t.Errorf("%s was %v and is %v", v.Key, v.Value, w.Value)
			}
		}
	})
}

func secret(key string) bool { return key == "store.database" || key == "redis.url" }

func quoteKey(key string) string { return config.Format(key) }

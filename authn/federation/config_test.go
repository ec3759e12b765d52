package federation_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/authn/federation"
)

func TestAConfigurationNamesWhatIsWrong(t *testing.T) {
	good := federation.Config{ID: "up", Issuer: "https://id.example.com", ClientID: "c", ClientSecret: "hush hush"}
	for _, c := range []struct {
		name   string
		change func(*federation.Config)
		want   string // part of the error; "" = there is none
	}{
		{"a good one", func(c *federation.Config) {}, ""},
		{"a preset", func(c *federation.Config) { c.Preset, c.Issuer = "google", "" }, ""},
		{"no secret, with PKCE", func(c *federation.Config) { c.ClientSecret = "" }, ""},
		{"an issuer with a path", func(c *federation.Config) { c.Issuer += "/realms/main" }, ""},
		{"loopback, said so", func(c *federation.Config) { c.Issuer, c.PrivateNetwork = "http://127.0.0.1:9", true }, ""},
		{"no id", func(c *federation.Config) { c.ID = "" }, `id ""`},
		{"an id that is a path", func(c *federation.Config) { c.ID = "../x" }, `id "../x"`},
		{"no client", func(c *federation.Config) { c.ClientID = "" }, "client_id is missing"},
		{"no issuer", func(c *federation.Config) { c.Issuer = "" }, "issuer is missing"},
		{"plain http", func(c *federation.Config) { c.Issuer = "http://id.example.com" }, "plain http is for loopback only"},
		{"loopback, not said so", func(c *federation.Config) { c.Issuer = "http://127.0.0.1:9" }, "private_network"},
		{"an issuer with a query", func(c *federation.Config) { c.Issuer += "?x=1" }, "no query"},
		{"an issuer with a password", func(c *federation.Config) { c.Issuer = "https://a:b@id.example.com" }, "no user"},
		{"an issuer that is a name", func(c *federation.Config) { c.Issuer = "id.example.com" }, "issuer"},
		{"a preset that is almost one", func(c *federation.Config) { c.Preset = "gogle" }, `did you mean "google"?`},
		{"a preset without its secret", func(c *federation.Config) { c.Preset, c.ClientSecret = "github", "" }, "client_secret is missing"},
		{"a scope that is two", func(c *federation.Config) { c.Scopes = []string{"openid email"} }, "scopes"},
		{"apple without its names", func(c *federation.Config) { c.Preset = "apple" }, "team_id is missing"},
		{"apple without its key", func(c *federation.Config) { c.Preset, c.TeamID, c.KeyID = "apple", "t", "k" }, "client_secret must be the private key"},
		{"apple's names elsewhere", func(c *federation.Config) { c.TeamID = "t" }, "for apple only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := good
			c.change(&config)
			_, err := federation.New(config)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "hush") {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func FuzzParseAnswer(f *testing.F) {
	for _, s := range []string{
		"code=abc&state=xyz&iss=https%3A%2F%2Fid.example.com", "error=access_denied&state=xyz", "state=xyz", "code=a&code=b&state=x",
		"code=a&error=b&state=x", "code=%00&state=x", "code=a&state=x&user=%7B%22name%22%3A%7B%22firstName%22%3A%22Ann%22%7D%7D",
		"code=a&state=x&user=%7B%22name%22%3A7%7D", "code=ä&state=x", "%zz", "", "code=a&state=" + strings.Repeat("s", 65),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		form, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		in, err := federation.ParseAnswer(form)
		if err != nil {
			if in != (federation.Answer{}) {
				t.Errorf("failed with %+v", in)
			}
			return
		}
		if in.State == "" || (in.Code == "") == (in.Error == "") || len(in.Code) > 2048 || len([]rune(in.Name)) > 100 ||
			strings.ContainsAny(in.Code+in.State+in.Issuer+in.Error+in.Name, "\x00\r\n") {
			t.Errorf("read %+v", in)
		}
		if form.Get("state") != in.State || len(form["state"]) != 1 || len(form["code"]) > 1 {
			t.Errorf("read %+v out of %q", in, query)
		}
	})
}

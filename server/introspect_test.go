package server_test

import (
	"encoding/json"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

const introspection = "/auth/oauth/introspect"

// meaning is what an introspection answers.
type meaning struct {
	Active    bool
	TokenType string `json:"token_type"`
	Iss, Sub  string
	Aud       []string
	Client    string `json:"client_id"`
	Scope     *string
	Exp, Iat  int64
	Username  string

	JTI, SID, GID, KID, APIKey, Rev string

	Org, Plan string
	Roles     []string
	OrgRoles  []string `json:"org_roles"`
	AuthTime  int64    `json:"auth_time"`
	AMR       []string
	ACR       string
}

// ids are those that the log may name.
func (m *meaning) ids() revoke.IDs {
	return revoke.IDs{
		Token: m.JTI, Session: m.SID, Grant: m.GID, APIKey: m.APIKey, Subject: m.Sub, Client: m.Client, Org: m.Org, Key: m.KID,
	}
}

func (c *caller) introspect(value string) (m meaning) {
	c.h.Helper()
	a := c.asks(value).want(200)
	a.into(&m)
	if m.Active == (a.body == `{"active":false}`+"\n") {
		c.h.Fatalf("what is not active says something: %s", a.body)
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Type") != "application/json" {
		c.h.Errorf("%v", a.header)
	}
	return m
}

func (c *caller) asks(value string) *answer {
	c.h.Helper()
	return c.posts(url.Values{"token": {value}}.Encode())
}

func (c *caller) posts(form string) *answer {
	c.h.Helper()
	return c.with("Content-Type", "application/x-www-form-urlencoded").do("POST", introspection, form)
}

// service is another service of ours: an API key that may do nothing but introspect.
func (h *house) service(boss *caller) *caller {
	h.Helper()
	return boss.narrowed("token:introspect")
}

func TestIntrospection(t *testing.T) {
	h := open(t)
	boss := h.admin()
	service := h.service(boss)
	acme := h.organization(boss, "acme")
	ann := h.mailbox("ann")
	boss.do("PUT", api+"/organizations/"+acme+"/members/"+ann.id).want(204)
	boss.do("PUT", api+"/users/"+ann.id+"/roles/clerk?org="+acme).want(204)
	signedIn := h.nobody()
	signedIn.do("POST", "/auth/login", `{"username":"ann","password":"`+pass+`","org":"acme"}`).want(200).into(&signedIn.tokens)
	ann.do("POST", "/auth/organization", `{"org":"`+acme+`"}`).want(204)
	var key struct{ ID, Key string }
	expires := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	ann.do("POST", "/auth/api-keys", `{"name":"ci","scopes":["note:read","note:write"],"expires_at":"`+expires.Format(time.RFC3339)+`"}`).want(201).into(&key)

	t.Run("an access token", func(t *testing.T) {
		h.T = t
		m := service.introspect(signedIn.tokens.Access)
		if m.TokenType != "Bearer" || m.Iss != h.URL || m.Sub != ann.id || !slices.Equal(m.Aud, []string{h.URL}) || m.Client != "sallyport" ||
			m.Username != "ann" || m.Scope != nil || m.Org != acme || m.Plan != "free" || !slices.Equal(m.Roles, []string{"member"}) || !slices.Equal(m.OrgRoles, []string{"clerk"}) {
			t.Errorf("%+v", m)
		}
		if m.JTI == "" || m.SID == "" || m.KID == "" || m.APIKey != "" || m.AuthTime == 0 || !slices.Equal(m.AMR, []string{"pwd"}) || m.ACR != "aal1" {
			t.Errorf("%+v", m)
		}
		if m.Exp-m.Iat != 15*60 || time.Until(time.Unix(m.Exp, 0)) > 15*time.Minute {
			t.Errorf("from %d to %d", m.Iat, m.Exp)
		}
	})
	t.Run("an API key", func(t *testing.T) {
		h.T = t
		m := service.introspect(key.Key)
		if m.TokenType != "Bearer" || m.Iss != h.URL || m.Sub != ann.id || m.Aud != nil || m.Client != "" || m.Username != "ann" ||
			m.Scope == nil || *m.Scope != "note:read note:write" || m.Exp != expires.Unix() || m.Iat == 0 {
			t.Errorf("%+v", m)
		}
		if m.APIKey != key.ID || m.JTI != "" || m.SID != "" || m.Org != acme || m.Plan != "free" || !slices.Equal(m.OrgRoles, []string{"clerk"}) {
			t.Errorf("%+v", m)
		}
	})
	t.Run("a token for another service", func(t *testing.T) {
		h.T = t
		m := service.introspect(signed(h, ann.id, func(c *token.Claims) { c.Audience = []string{"https://api.example", "https://more.example"} }))
		if !slices.Equal(m.Aud, []string{"https://api.example", "https://more.example"}) {
			t.Errorf("%+v", m)
		}
	})
	t.Run("a token with fewer roles gains none", func(t *testing.T) {
		h.T = t
		m := service.introspect(signed(h, ann.id, func(c *token.Claims) { c.AllRoles, c.Roles = false, []string{"admin"} }))
		if !m.Active || len(m.Roles) != 0 {
			t.Errorf("%+v", m)
		}
	})
	t.Run("a token whose scope is empty", func(t *testing.T) {
		h.T = t
		if m := service.introspect(signed(h, ann.id, func(c *token.Claims) { c.Scopes = []string{} })); m.Scope == nil || *m.Scope != "" {
			t.Errorf("%+v", m)
		}
	})
	t.Run("a token of a program has no user name", func(t *testing.T) {
		h.T = t
		if m := service.introspect(signed(h, "worker", func(c *token.Claims) { c.ClientID = "worker" })); !m.Active || m.Username != "" || m.Client != "worker" {
			t.Errorf("%+v", m)
		}
	})
	t.Run("roles are those of now", func(t *testing.T) {
		h.T = t
		boss.do("PUT", api+"/users/"+ann.id+"/roles/editor").want(204)
		for _, value := range []string{signedIn.tokens.Access, key.Key} {
			if m := service.introspect(value); !slices.Equal(m.Roles, []string{"editor", "member"}) {
				t.Errorf("%+v", m)
			}
		}
		boss.do("DELETE", api+"/users/"+ann.id+"/roles/editor").want(204)
		for _, value := range []string{signedIn.tokens.Access, key.Key} {
			if m := service.introspect(value); !slices.Equal(m.Roles, []string{"member"}) {
				t.Errorf("%+v", m)
			}
		}
	})
}

func TestWhatIsNotActiveIsAllAlike(t *testing.T) {
	h := open(t)
	boss := h.admin()
	service := h.service(boss)
	ann := h.program("ann")
	var cookie string
	browser := h.browser("bob")
	for _, c := range browser.client.Jar.Cookies(mustURL(h.URL)) {
		cookie = c.Value
	}
	var key struct{ ID, Key string }
	browser.do("POST", "/auth/api-keys", `{"name":"ci","scopes":["*"]}`).want(201).into(&key)
	for name, value := range map[string]string{
		"garbage":                       "garbage",
		"something that is not ASCII":   "größe",
		"a token with a changed letter": flip(ann.tokens.Access),
		"an expired token": signed(h, ann.id, func(c *token.Claims) {
			c.IssuedAt, c.Expiry = time.Now().Add(-time.Hour), time.Now().Add(-time.Minute)
		}),
		"a token of another issuer":   signed(h, ann.id, func(c *token.Claims) { c.Issuer = "https://elsewhere.example" }),
		"a token without a position":  signed(h, ann.id, func(c *token.Claims) { c.Rev = "" }),
		"a token of another log":      signed(h, ann.id, func(c *token.Claims) { c.Rev = "elsewhere.0" }),
		"a token that is too long":    strings.Repeat("a", 9000),
		"a refresh token":             ann.tokens.Refresh,
		"a session cookie":            cookie,
		"the id of a key":             key.ID,
		"a key with a changed letter": key.Key[:len(key.Key)-1] + pickString(strings.HasSuffix(key.Key, "0"), "1", "0"),
		"a key with another's secret": "sp_live_" + strings.Repeat("A", 16) + key.Key[24:],
		"a key that is too long":      key.Key + strings.Repeat("a", 9000),
		"the beginning of a key":      "sp_live_",
	} {
		t.Run(name, func(t *testing.T) {
			h.T = t
			if m := service.introspect(value); m.Active {
				t.Errorf("%+v", m)
			}
		})
	}
}

func pickString(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// TestAnAnswerCanBeKeptUntilTheLogNamesIt: whatever changes what a token or a key
// means appends an entry past the answer's rev that names one of its ids.
func TestAnAnswerCanBeKeptUntilTheLogNamesIt(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "house.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	h := openOn(t, db)
	boss := h.admin()
	service := h.service(boss)
	acme := h.organization(boss, "acme")
	names := 0
	for _, tt := range []struct {
		name   string
		change func(who *caller, keyID string)
		token  bool // what becomes of it
		key    bool
	}{
		{"nothing", func(*caller, string) {}, true, true},
		{"signing out", func(who *caller, _ string) { who.do("POST", "/auth/logout").want(204) }, false, true},
		{"signing out everywhere", func(who *caller, _ string) { who.do("POST", "/auth/logout", `{"everywhere":true}`).want(204) }, false, true},
		{"revoking the key", func(who *caller, key string) { who.do("DELETE", "/auth/api-keys/"+key).want(204) }, true, false},
		{"disabling the user", func(who *caller, _ string) { boss.do("POST", api+"/users/"+who.id+"/disable").want(204) }, false, false},
		{"deleting the user", func(who *caller, _ string) { boss.do("DELETE", api+"/users/"+who.id).want(204) }, false, false},
		{"giving a role", func(who *caller, _ string) { boss.do("PUT", api+"/users/"+who.id+"/roles/editor").want(204) }, true, true},
		{"giving a role in the organization", func(who *caller, _ string) {
			boss.do("PUT", api+"/users/"+who.id+"/roles/clerk?org="+acme).want(204)
		}, true, true},
		{"removing the member", func(who *caller, _ string) {
			boss.do("DELETE", api+"/organizations/"+acme+"/members/"+who.id).want(204)
		}, false, true},
		{"another plan", func(who *caller, _ string) {
			boss.do("PATCH", api+"/organizations/"+acme, `{"plan":"gold"}`).want(200)
		}, true, true},
		{"a compromised signing key", func(*caller, string) {
			boss.do("DELETE", api+"/keys/"+firstOf(boss.do("GET", api+"/keys").want(200))).want(204)
		}, false, true},
		{"deleting the organization", func(*caller, string) { boss.do("DELETE", api+"/organizations/"+acme).want(204) }, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h.T = t
			names++
			name := "user" + string(rune('a'+names))
			who := h.mailbox(name)
			boss.do("PUT", api+"/organizations/"+acme+"/members/"+who.id).want(204)
			who.do("POST", "/auth/organization", `{"org":"`+acme+`"}`).want(204)
			var key struct{ ID, Key string }
			who.do("POST", "/auth/api-keys", `{"name":"ci","scopes":["*"]}`).want(201).into(&key)
			signedIn := h.nobody()
			signedIn.do("POST", "/auth/login", `{"username":"`+name+`","password":"`+pass+`","org":"acme"}`).want(200).into(&signedIn.tokens)
			signedIn = signedIn.bearer(signedIn.tokens.Access)
			signedIn.id = who.id
			tokenWas, keyWas := service.introspect(signedIn.tokens.Access), service.introspect(key.Key)
			if !tokenWas.Active || !keyWas.Active {
				t.Fatalf("before: %+v, %+v", tokenWas, keyWas)
			}
			tt.change(signedIn, key.ID)
			for _, c := range []struct {
				what   string
				value  string
				was    meaning
				active bool
			}{{"token", signedIn.tokens.Access, tokenWas, tt.token}, {"key", key.Key, keyWas, tt.key}} {
				is := service.introspect(c.value)
				if is.Active != c.active {
					t.Errorf("%s: active is %v", c.what, is.Active)
				}
				same := is
				same.Rev = c.was.Rev
				changed := mustJSON(same) != mustJSON(c.was)
				if touched := touchedSince(t, db, c.was.Rev, c.was.ids()); changed && !touched {
					t.Errorf("%s: the log after %s does not say so\nwas %+v\nis  %+v", c.what, c.was.Rev, c.was, is)
				}
				if position(t, is.Rev, c.was.Rev).Seq < position(t, c.was.Rev, "").Seq {
					t.Errorf("%s: rev went back from %s to %s", c.what, c.was.Rev, is.Rev)
				}
			}
		})
	}
}

func position(t *testing.T, rev, otherwise string) revoke.Position {
	t.Helper()
	if rev == "" {
		rev = otherwise
	}
	p, err := revoke.ParsePosition(rev)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// touchedSince asks the log as somebody does who keeps an answer.
func touchedSince(t *testing.T, db account.Store, rev string, ids revoke.IDs) bool {
	t.Helper()
	var entries []revoke.Entry
	err := db.View(t.Context(), func(tx account.Tx) (err error) {
		entries, err = tx.Log.Read(t.Context(), position(t, rev, "").Seq, 1000)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	id := map[revoke.Kind]string{
		revoke.Token: ids.Token, revoke.Session: ids.Session, revoke.Grant: ids.Grant, revoke.APIKey: ids.APIKey,
		revoke.Subject: ids.Subject, revoke.Client: ids.Client, revoke.Org: ids.Org, revoke.Key: ids.Key,
	}
	return slices.ContainsFunc(entries, func(e revoke.Entry) bool { return e.ID != "" && id[e.Kind] == e.ID })
}

// TestAnAnswerIsOlderThanWhatEndsTheToken: with answers being given all the time,
// none that says "active" has a position at or past the kill.
func TestAnAnswerIsOlderThanWhatEndsTheToken(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "house.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	h := openOn(t, db)
	boss := h.admin()
	service := h.service(boss)
	ann := h.browser("ann")
	for range 5 {
		signedIn := h.nobody()
		signedIn.do("POST", "/auth/login", `{"username":"ann","password":"`+pass+`"}`).want(200).into(&signedIn.tokens)
		var key struct{ ID, Key string }
		ann.do("POST", "/auth/api-keys", `{"name":"ci","scopes":["*"]}`).want(201).into(&key)
		var (
			mu   sync.Mutex
			last = map[string]int64{}
			wg   sync.WaitGroup
		)
		begun := make(chan struct{}, 4)
		for _, value := range []string{signedIn.tokens.Access, key.Key, signedIn.tokens.Access, key.Key} {
			wg.Go(func() {
				for i := 0; ; i++ {
					m := service.introspect(value)
					if i == 0 {
						begun <- struct{}{}
					}
					if !m.Active {
						return
					}
					seq := position(t, m.Rev, "").Seq
					mu.Lock()
					last[value] = max(last[value], seq)
					mu.Unlock()
				}
			})
		}
		for range 4 {
			<-begun
		}
		sid := service.introspect(signedIn.tokens.Access).SID
		signedIn.bearer(signedIn.tokens.Access).do("POST", "/auth/logout").want(204)
		ann.do("DELETE", "/auth/api-keys/"+key.ID).want(204)
		wg.Wait()
		for id, value := range map[string]string{sid: signedIn.tokens.Access, key.ID: key.Key} {
			if killed := killOf(t, db, id); last[value] >= killed {
				t.Errorf("active at %d, killed at %d", last[value], killed)
			}
		}
	}
}

func killOf(t *testing.T, db account.Store, id string) (seq int64) {
	t.Helper()
	err := db.View(t.Context(), func(tx account.Tx) error {
		entries, err := tx.Log.Read(t.Context(), 0, 10000)
		for _, e := range entries {
			if e.Effect == revoke.Kill && e.ID == id {
				seq = e.Seq
			}
		}
		return err
	})
	if err != nil || seq == 0 {
		t.Fatalf("kill of %q: %d, %v", id, seq, err)
	}
	return seq
}

func TestWhoMayIntrospect(t *testing.T) {
	h := open(t)
	boss := h.admin()
	ann := h.program("ann")
	value := ann.tokens.Access
	boss.asks(value).want(401, "unauthenticated") // a cookie does not count
	h.nobody().asks(value).want(401, "unauthenticated")
	h.nobody().bearer("garbage").asks(value).want(401, "invalid_token")
	ann.asks(value).want(403, "forbidden")
	boss.narrowed("note:read").asks(value).want(403, "insufficient_scope")
	if !h.service(boss).introspect(value).Active {
		t.Error("not active")
	}
	boss.do("PUT", api+"/roles/gateway", `{"permissions":["token:introspect"]}`).want(200)
	boss.do("PUT", api+"/users/"+ann.id+"/roles/gateway").want(204)
	if !ann.introspect(value).Active {
		t.Error("not active to who holds the permission")
	}
}

func TestACallerOfOneOrganizationLearnsNothingOfAnother(t *testing.T) {
	h := open(t)
	boss := h.admin()
	acme, beta := h.organization(boss, "acme"), h.organization(boss, "beta")
	boss.do("PUT", api+"/roles/gateway", `{"permissions":["token:introspect"]}`).want(200)
	key := func(name, org string) string {
		who := h.mailbox(name)
		if org != "" {
			boss.do("PUT", api+"/organizations/"+org+"/members/"+who.id).want(204)
			who.do("POST", "/auth/organization", `{"org":"`+org+`"}`).want(204)
		}
		var key struct{ Key string }
		who.do("POST", "/auth/api-keys", `{"name":"ci","scopes":["note:read"]}`).want(201).into(&key)
		return key.Key
	}
	ours, theirs, nobodys := key("ann", acme), key("bob", beta), key("cem", "")
	carol := h.mailbox("carol")
	for _, org := range []string{acme, beta} {
		boss.do("PUT", api+"/organizations/"+org+"/members/"+carol.id).want(204)
	}
	boss.do("PUT", api+"/users/"+carol.id+"/roles/gateway?org="+acme).want(204)
	carol.do("POST", "/auth/organization", `{"org":"`+acme+`"}`).want(204)
	gateway := carol.narrowed("token:introspect")
	service := h.service(boss)
	for _, tt := range []struct {
		name  string
		value string
		known bool
	}{
		{"their own", ours, true}, {"another's", theirs, false}, {"what acts in none", nobodys, false},
	} {
		if m := gateway.introspect(tt.value); m.Active != tt.known {
			t.Errorf("%s: %+v", tt.name, m)
		}
		if m := service.introspect(tt.value); !m.Active {
			t.Errorf("%s, to who may know of all: %+v", tt.name, m)
		}
	}
	carol.do("POST", "/auth/organization", `{"org":"`+beta+`"}`).want(204)
	carol.narrowed("token:introspect").asks(theirs).want(403, "forbidden")
	boss.do("DELETE", api+"/organizations/"+acme+"/members/"+carol.id).want(204)
	gateway.asks(ours).want(403, "forbidden")
	// Who holds it everywhere does so wherever they act.
	boss.do("PUT", api+"/organizations/"+acme+"/members/"+boss.id).want(204)
	boss.do("POST", "/auth/organization", `{"org":"`+acme+`"}`).want(204)
	for _, value := range []string{ours, theirs, nobodys} {
		if m := h.service(boss).introspect(value); !m.Active {
			t.Errorf("to an administrator who acts in acme: %+v", m)
		}
	}
}

func TestMistakesInAnIntrospection(t *testing.T) {
	h := open(t)
	boss := h.admin()
	service := h.service(boss)
	for _, tt := range []struct {
		name, kind, body string
		status           int
		says             string
	}{
		{"no token", "application/x-www-form-urlencoded", "token_type_hint=access_token", 400, "token is missing"},
		{"an empty token", "application/x-www-form-urlencoded", "token=", 400, "token is missing"},
		{"two tokens", "application/x-www-form-urlencoded", "token=a&token=b", 400, "twice"},
		{"two hints", "application/x-www-form-urlencoded", "token=a&token_type_hint=x&token_type_hint=y", 400, "twice"},
		{"a token that is no text", "application/x-www-form-urlencoded", "token=%ff", 400, "not text"},
		{"NUL", "application/x-www-form-urlencoded", "token=a%00", 400, "not text"},
		{"a malformed form", "application/x-www-form-urlencoded", "token=%zz", 400, "malformed"},
		{"a semicolon", "application/x-www-form-urlencoded", "token=a;b=c", 400, "malformed"},
		{"JSON", "application/json", `{"token":"a"}`, 400, "x-www-form-urlencoded"},
		{"a multipart form", "multipart/form-data; boundary=x", "--x--", 400, "x-www-form-urlencoded"},
		{"a media type that is none", ";", "token=a", 400, "x-www-form-urlencoded"},
		{"too much", "application/x-www-form-urlencoded", "token=" + strings.Repeat("a", 70<<10), 413, "65536"},
		{"an unknown parameter is ignored, however often", "application/x-www-form-urlencoded", "token=a&x=1&x=2&x=%ff", 200, ""},
		{"an unknown hint is ignored", "application/x-www-form-urlencoded; charset=UTF-8", "token=a&token_type_hint=saml", 200, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h.T = t
			a := service.with("Content-Type", tt.kind).do("POST", introspection, tt.body).want(tt.status)
			if tt.status == 200 {
				return
			}
			var m map[string]string
			if err := json.Unmarshal([]byte(a.body), &m); err != nil || len(m) != 2 || m["error"] != "invalid_request" || !strings.Contains(m["error_description"], tt.says) {
				t.Errorf("%s", a.body)
			}
			if a.header.Get("Content-Type") != "application/json" || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%v", a.header)
			}
		})
	}
	h.T = t
	if a := service.with("Content-Type", "application/x-www-form-urlencoded").do("POST", introspection+"?token=a").want(400); !strings.Contains(a.body, "missing") {
		t.Errorf("a token in the address: %s", a.body)
	}
	service.do("GET", introspection).want(405, "method_not_allowed")
}

func TestNobodyCanTellWithoutTheStore(t *testing.T) {
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "house.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	store := &breakable{Store: db}
	h := openOn(t, store, func(c *server.Config) {})
	boss := h.admin()
	service := h.service(boss)
	ann := h.program("ann")
	var key struct{ Key string }
	boss.do("POST", "/auth/api-keys", `{"name":"ci","scopes":["*"]}`).want(201).into(&key)
	for _, value := range []string{ann.tokens.Access, key.Key} {
		if !service.introspect(value).Active {
			t.Fatal("not active")
		}
	}
	store.down.Store(true)
	service.asks(key.Key).want(503, "unavailable")
	for { // beyond the bound nothing is told, not even who asks
		a := service.asks(ann.tokens.Access).want(503, "unavailable")
		if a.header.Get("Retry-After") == "" {
			t.Error("503 without Retry-After")
		}
		if _, err := h.Accounts.Follower.Mark(); err != nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	service.asks(ann.tokens.Access).want(503, "unavailable")
}

// driveIntrospection lets it give its answers.
func driveIntrospection(h *house, boss *caller) {
	h.Helper()
	service := h.service(boss)
	ina := h.program("ina")
	service.introspect(ina.tokens.Access)
	service.introspect("garbage")
	service.posts("token=" + strings.Repeat("a", 70<<10)).want(413)
	ina.asks("garbage").want(403, "forbidden")
}

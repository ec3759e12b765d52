package server_test

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-auth/sallyport/account"
)

// A chief administers one organization and holds nothing elsewhere.
func chiefOf(h *house, boss *caller, org string) *caller {
	h.Helper()
	chief := h.mailbox("chief-of-" + org[len(org)-4:])
	boss.do("PUT", api+"/organizations/"+org+"/members/"+chief.id).want(204)
	boss.do("PUT", api+"/users/"+chief.id+"/roles/chief?org="+org).want(204)
	chief.do("POST", "/auth/organization", `{"org":"`+org+`"}`).want(204)
	return chief
}

// Who may disable users may not shut out somebody who holds more, in whichever
// organization.
func TestAHelpdeskDoesNotShutOutAdministratorsOfOrganizations(t *testing.T) {
	t.Parallel()
	h := open(t)
	boss, desk := h.admin(), h.browser("desk")
	chief := chiefOf(h, boss, h.organization(boss, "acme"))
	boss.do("PUT", api+"/users/"+desk.id+"/roles/helpdesk").want(204)
	desk.do("POST", api+"/users/"+chief.id+"/disable").want(403, "forbidden")
	boss.do("POST", api+"/users/"+chief.id+"/disable").want(204)
}

func TestAnAdministratorOfAnOrganization(t *testing.T) {
	t.Parallel()
	h := open(t)
	boss := h.admin()
	acme, beta := h.organization(boss, "acme"), h.organization(boss, "beta")
	chief, ann, bob := chiefOf(h, boss, acme), h.mailbox("ann"), h.mailbox("bob")
	boss.do("PUT", api+"/organizations/"+beta+"/members/"+bob.id).want(204)
	boss.do("PUT", api+"/organizations/"+beta+"/members/"+chief.id).want(204)
	home, away := api+"/organizations/"+acme, api+"/organizations/"+beta
	role := func(user, role, org string) string { return api + "/users/" + user + "/roles/" + role + "?org=" + org }

	t.Run("manages the members and invitations of their own", func(t *testing.T) {
		h.T = t
		chief.do("GET", home).want(200)
		a := chief.do("POST", home+"/invitations", `{"email":"ann@b.example","role":"clerk"}`).want(201)
		ann.do("POST", h.linkOf(a)).want(200)
		if list := chief.do("GET", home+"/members").want(200).body; !strings.Contains(list, ann.id) || !strings.Contains(list, `"clerk"`) || strings.Contains(list, "@") {
			t.Error(list)
		}
		chief.do("DELETE", role(ann.id, "clerk", acme)).want(204)
		chief.do("PUT", role(ann.id, "clerk", acme)).want(204)
		chief.do("GET", api+"/assignments?user="+ann.id+"&org="+acme).want(200)
		chief.do("POST", home+"/invitations", `{"email":"kim@b.example"}`).want(201)
		pending := chief.do("GET", home+"/invitations").want(200)
		chief.do("DELETE", home+"/invitations/"+firstOf(pending)).want(204)
		chief.do("DELETE", home+"/members/"+ann.id).want(204)
		chief.do("PUT", home+"/members/"+ann.id).want(204)
	})
	t.Run("has no say in another, nor everywhere", func(t *testing.T) {
		h.T = t
		for _, tt := range []struct{ method, path, body string }{
			{"GET", away, ""}, {"GET", away + "/members", ""}, {"GET", away + "/invitations", ""},
			{"PUT", away + "/members/" + ann.id, ""}, {"DELETE", away + "/members/" + bob.id, ""},
			{"POST", away + "/invitations", `{"email":"ann@b.example"}`}, {"DELETE", away + "/invitations/inv_x", ""},
			{"PUT", role(bob.id, "clerk", beta), ""}, {"DELETE", role(bob.id, "clerk", beta), ""},
			{"PUT", role(ann.id, "clerk", ""), ""}, {"PUT", api + "/users/" + ann.id + "/roles/clerk", ""},
			{"PUT", api + "/users/" + chief.id + "/roles/chief", ""}, {"DELETE", api + "/users/" + ann.id + "/roles/member", ""},
			{"GET", api + "/assignments?user=" + bob.id, ""}, {"GET", api + "/assignments?user=" + bob.id + "&org=" + beta, ""},
			{"GET", api + "/organizations", ""}, {"POST", api + "/organizations", `{"slug":"mine"}`},
			{"PATCH", home, `{"plan":"gold"}`}, {"DELETE", home, ""}, {"PATCH", away, `{"plan":"gold"}`}, {"DELETE", away, ""},
			{"GET", api + "/users", ""}, {"GET", api + "/roles", ""}, {"GET", api + "/grants", ""}, {"GET", api + "/policies", ""},
			{"POST", "/notes", ""},
		} {
			var body []string
			if tt.body != "" {
				body = []string{tt.body}
			}
			chief.do(tt.method, tt.path, body...).want(403, "forbidden")
		}
	})
	t.Run("gives no more than they hold there", func(t *testing.T) {
		h.T = t
		chief.do("PUT", role(ann.id, "admin", acme)).want(403, "forbidden")
		chief.do("PUT", role(chief.id, "editor", acme)).want(403, "forbidden")
		chief.do("POST", home+"/invitations", `{"email":"kim@b.example","role":"admin"}`).want(403, "forbidden")
		boss.do("PUT", role(ann.id, "admin", acme)).want(204)
		chief.do("DELETE", home+"/members/"+ann.id).want(403, "forbidden")
		chief.do("DELETE", role(ann.id, "admin", acme)).want(403, "forbidden")
		boss.do("DELETE", role(ann.id, "admin", acme)).want(204)
	})
	t.Run("is none while they act in another, or in none", func(t *testing.T) {
		h.T = t
		for _, org := range []string{beta, ""} {
			chief.do("POST", "/auth/organization", `{"org":"`+org+`"}`).want(204)
			chief.do("GET", home+"/members").want(403, "forbidden")
			chief.do("PUT", role(ann.id, "clerk", acme)).want(403, "forbidden")
			chief.do("GET", away+"/members").want(403, "forbidden")
		}
		chief.do("POST", "/auth/organization", `{"org":"`+acme+`"}`).want(204)
		chief.do("GET", home+"/members").want(200)
	})
	t.Run("is none without the scope", func(t *testing.T) {
		h.T = t
		var key struct{ Key string }
		chief.do("POST", "/auth/api-keys", `{"name":"narrow","scopes":["member:read"]}`).want(201).into(&key)
		robot := h.nobody().bearer(key.Key)
		robot.do("GET", home+"/members").want(200)
		robot.do("PUT", home+"/members/"+ann.id).want(403, "insufficient_scope")
		robot.do("GET", away+"/members").want(403, "forbidden")
	})
	t.Run("who administers everywhere does so in each, wherever they act", func(t *testing.T) {
		h.T = t
		boss.do("PUT", home+"/members/"+boss.id).want(204)
		for _, org := range []string{acme, ""} {
			boss.do("POST", "/auth/organization", `{"org":"`+org+`"}`).want(204)
			for _, path := range []string{home, away} {
				boss.do("GET", path+"/members").want(200)
			}
			boss.do("PUT", role(bob.id, "clerk", beta)).want(204)
			boss.do("PUT", role(bob.id, "clerk", "")).want(204)
		}
	})
}

func TestATokenActsWhereItsSessionDid(t *testing.T) {
	h := open(t)
	boss := h.admin()
	acme := h.organization(boss, "acme")
	ann := h.program("ann")
	boss.do("PUT", api+"/organizations/"+acme+"/members/"+ann.id).want(204)
	boss.do("PUT", api+"/users/"+ann.id+"/roles/chief?org="+acme).want(204)
	members := api + "/organizations/" + acme + "/members"
	ann.do("POST", "/auth/organization", `{"org":"`+acme+`"}`).want(204)
	ann.do("GET", members).want(403, "forbidden")
	var next tokens
	h.nobody().do("POST", "/auth/refresh", fmt.Sprintf(`{"refresh_token":%q}`, ann.tokens.Refresh)).want(200).into(&next)
	there := ann.bearer(next.Access)
	there.do("GET", members).want(200)
	boss.do("DELETE", api+"/users/"+ann.id+"/roles/chief?org="+acme).want(204)
	there.do("GET", members).want(403, "forbidden")
	boss.do("DELETE", members+"/"+ann.id).want(204)
	there.do("GET", "/auth/me").want(401, "invalid_token")
	if a := ann.do("GET", "/auth/organizations").want(200); !strings.Contains(a.body, `"items":[]`) {
		t.Error(a.body)
	}
}

func TestASignInActsInAnOrganization(t *testing.T) {
	h := open(t)
	boss := h.admin()
	acme, beta := h.organization(boss, "acme"), h.organization(boss, "beta")
	ann := h.program("ann")
	boss.do("PUT", api+"/organizations/"+acme+"/members/"+ann.id).want(204)
	for _, c := range []struct {
		it, password, org string
		status            int
		code              string
		acts              string
	}{
		{"by slug", pass, "acme", 200, "", acme},
		{"by slug in capitals", pass, "ACME", 200, "", acme},
		{"by id", pass, acme, 200, "", acme},
		{"in none", pass, "", 200, "", ""},
		{"not where they are no member", pass, "beta", 403, "forbidden", ""},
		{"not where they are no member, by id", pass, beta, 403, "forbidden", ""},
		{"not where nothing is", pass, "gamma", 403, "forbidden", ""},
		{"not in what cannot be one", pass, "../acme", 403, "forbidden", ""},
		{"a wrong password is that, for a member", pass + "!", "acme", 401, "invalid_credentials", ""},
		{"a wrong password is that, for others", pass + "!", "beta", 401, "invalid_credentials", ""},
		{"a wrong password is that, for nothing", pass + "!", "gamma", 401, "invalid_credentials", ""},
	} {
		t.Run(c.it, func(t *testing.T) {
			h.T = t
			a := h.nobody().do("POST", "/auth/login", fmt.Sprintf(`{"username":"ann","password":%q,"org":%q}`, c.password, c.org))
			if c.status != 200 {
				a.want(c.status, c.code)
				return
			}
			var got tokens
			a.want(200).into(&got)
			var me struct{ Org string }
			ann.bearer(got.Access).do("GET", "/auth/me").want(200).into(&me)
			if me.Org != c.acts {
				t.Errorf("acts in %q", me.Org)
			}
		})
	}
}

func TestAnInvitation(t *testing.T) {
	h := open(t)
	boss := h.admin()
	acme := h.organization(boss, "acme")
	invite := func(email, role string) string {
		h.Helper()
		return h.linkOf(boss.do("POST", api+"/organizations/"+acme+"/invitations", `{"email":"`+email+`","role":"`+role+`"}`).want(201))
	}
	members := func() string { return boss.do("GET", api+"/organizations/"+acme+"/members").want(200).body }
	t.Run("is a page that works without JavaScript", func(t *testing.T) {
		h.T = t
		link := invite("ann@b.example", "clerk")
		visitor := form(h.nobody())
		to := visitor.do("GET", link).want(303).header.Get("Location")
		if to != "/auth/login?return_to="+url.QueryEscape(link) {
			t.Fatal(to)
		}
		h.mailbox("ann")
		visitor.do("GET", to).want(200)
		if back := visitor.do("POST", "/auth/login", "identifier=ann&password="+typed+"&return_to="+url.QueryEscape(link)).want(303).header.Get("Location"); back != link {
			t.Fatal(back)
		}
		for range 3 { // a scanner that follows links uses nothing up
			page := visitor.do("GET", link).want(200)
			if !strings.Contains(page.body, "Join acme") || !strings.Contains(page.body, `<form method="post">`) || strings.Contains(page.body, "<script>") || page.header.Get("Cache-Control") != "no-store" {
				t.Error(page.body)
			}
		}
		if home := visitor.do("POST", link).want(303).header.Get("Location"); home != "/auth/" {
			t.Error(home)
		}
		if page := visitor.do("GET", "/auth/organizations").want(200); !strings.Contains(page.body, "Act in it: acme") {
			t.Error(page.body)
		}
		visitor.do("POST", "/auth/organization", "org="+acme).want(303)
		if page := visitor.do("GET", "/auth/organizations").want(200); !strings.Contains(page.body, "Stop acting in it: acme") {
			t.Error(page.body)
		}
		visitor.do("POST", "/auth/organization", "").want(303)
		if page := visitor.do("POST", link).want(404); !strings.Contains(page.header.Get("Content-Type"), "text/html") {
			t.Error(page.header)
		}
		if strings.Contains(h.log.String(), link[len("/auth/invitations/"):]) {
			t.Error("the log holds the secret of the link")
		}
	})
	t.Run("is for the invited address alone", func(t *testing.T) {
		h.T = t
		link := invite("bob@b.example", "")
		mallory := h.mailbox("mallory")
		pretender := h.nobody()
		pretender.do("POST", "/auth/register", `{"username":"pretender","email":"bob@b.example","password":"`+pass+`","mode":"cookie"}`).want(201)
		for _, c := range []*caller{mallory, pretender, boss} {
			if a := c.do("GET", link).want(403, "forbidden"); strings.Contains(a.body, "bob") || strings.Contains(a.body, "acme") {
				t.Errorf("it tells whose it is: %s", a.body)
			}
			c.do("POST", link).want(403, "forbidden")
			if page := form(c).do("POST", link).want(403); !strings.Contains(page.body, "address that is not yours") {
				t.Error(page.body)
			}
		}
		h.nobody().do("GET", link).want(401, "unauthenticated")
		h.nobody().do("POST", link).want(401, "unauthenticated")
		bob := h.mailbox("bob")
		bob.with("Origin", "https://evil.example").do("POST", link).want(403, "cross_origin")
		bob.do("POST", link).want(200)
		if list := members(); !strings.Contains(list, bob.id) || strings.Contains(list, mallory.id) {
			t.Error(list)
		}
	})
	t.Run("works once, of several who try at once for one", func(t *testing.T) {
		h.T = t
		link, cleo := invite("cleo@b.example", "clerk"), h.mailbox("cleo")
		var wg sync.WaitGroup
		status := make([]int, 8)
		for i := range status {
			wg.Go(func() { status[i] = cleo.ask("POST", link) })
		}
		wg.Wait()
		if n := strings.Count(fmt.Sprint(status), "200"); n != 1 || strings.Count(fmt.Sprint(status), "404") != 7 {
			t.Error(status)
		}
	})
	t.Run("is dead once it is taken back or replaced", func(t *testing.T) {
		h.T = t
		dora := h.mailbox("dora")
		first := invite("dora@b.example", "")
		second := invite("dora@b.example", "")
		dora.do("POST", first).want(404, "not_found")
		dora.do("GET", second).want(200)
		boss.do("DELETE", api+"/organizations/"+acme+"/invitations/"+firstOf(boss.do("GET", api+"/organizations/"+acme+"/invitations").want(200))).want(204)
		dora.do("GET", second).want(404, "not_found")
		dora.do("POST", second).want(404, "not_found")
		dora.do("GET", "/auth/invitations/x").want(404, "not_found")
	})
	t.Run("needs a session and the scope to accept", func(t *testing.T) {
		h.T = t
		link, emil := invite("emil@b.example", ""), h.mailbox("emil")
		var key struct{ Key string }
		emil.do("POST", "/auth/api-keys", `{"name":"all","scopes":["*"]}`).want(201).into(&key)
		robot := h.nobody().bearer(key.Key)
		robot.do("GET", link).want(200)
		robot.do("POST", link).want(400, "invalid_request")
		robot.do("POST", "/auth/organization", `{"org":""}`).want(400, "invalid_request")
		emil.do("POST", "/auth/api-keys", `{"name":"read","scopes":["account:read"]}`).want(201).into(&key)
		h.nobody().bearer(key.Key).do("POST", link).want(403, "insufficient_scope")
		emil.do("POST", link).want(200)
	})
}

func TestOrganizationsArePaged(t *testing.T) {
	t.Parallel()
	h := open(t)
	boss := h.admin()
	for i := range 5 {
		h.organization(boss, fmt.Sprintf("team-%d", i))
	}
	h.organization(boss, "other")
	seen := pages(boss, api+"/organizations?q=TEAM", "slug")
	if fmt.Sprint(seen) != "[team-0 team-1 team-2 team-3 team-4]" {
		t.Error(seen)
	}
	acme := h.organization(boss, "acme")
	want := map[string]bool{}
	for i := range 5 {
		c := h.mailbox(fmt.Sprintf("p%d", i))
		want[c.id] = true
		boss.do("PUT", api+"/organizations/"+acme+"/members/"+c.id).want(204)
		boss.do("POST", api+"/organizations/"+acme+"/invitations", fmt.Sprintf(`{"email":"q%d@b.example"}`, i)).want(201)
	}
	for _, id := range pages(boss, api+"/organizations/"+acme+"/members?", "user") {
		delete(want, id)
	}
	if len(want) > 0 {
		t.Errorf("not listed: %v", want)
	}
	if n := len(pages(boss, api+"/organizations/"+acme+"/invitations?", "id")); n != 5 {
		t.Errorf("%d invitations", n)
	}
}

// pages goes through a list, two items a page, and returns one member of each item.
func pages(c *caller, path, member string) []string {
	c.h.Helper()
	var seen []string
	for cursor := ""; ; {
		var page struct {
			Items []map[string]any
			Next  string `json:"next_cursor"`
		}
		c.do("GET", path+"&limit=2&cursor="+url.QueryEscape(cursor)).want(200).into(&page)
		if len(page.Items) > 2 {
			c.h.Errorf("%s: %d items", path, len(page.Items))
		}
		for _, item := range page.Items {
			seen = append(seen, fmt.Sprint(item[member]))
		}
		if cursor = page.Next; cursor == "" {
			return seen
		}
	}
}

func TestGrantsAreListedAndLimited(t *testing.T) {
	t.Parallel()
	h := open(t)
	boss, desk, ann := h.admin(), h.browser("desk"), h.browser("ann")
	acme := h.organization(boss, "acme")
	boss.do("PUT", api+"/roles/giver", `{"permissions":["grant:*","note:read"]}`).want(200)
	boss.do("PUT", api+"/users/"+desk.id+"/roles/giver").want(204)
	put := func(c *caller, to, id, permissions string) *answer {
		h.Helper()
		return c.do("PUT", api+"/grants", `{`+to+`,"resource":{"type":"Note","id":"`+id+`"},"permissions":[`+permissions+`]}`)
	}
	toAnn, toRole, toOrg := `"subject":"`+ann.id+`"`, `"role":"editor"`, `"organization":"`+acme+`"`
	t.Run("nobody gives or takes more than they hold", func(t *testing.T) {
		h.T = t
		put(desk, toAnn, "1", `"note:read"`).want(204)
		put(desk, toAnn, "1", `"note:delete"`).want(403, "forbidden")
		put(desk, toAnn, "1", `"note:*"`).want(403, "forbidden")
		put(desk, toAnn, "1", `"*"`).want(403, "forbidden")
		put(boss, toAnn, "1", `"note:delete"`).want(204)
		desk.do("DELETE", api+"/grants", `{`+toAnn+`,"resource":{"type":"Note","id":"1"}}`).want(403, "forbidden")
		desk.do("DELETE", api+"/grants", `{`+toAnn+`,"resource":{"type":"Note","id":"1"},"permissions":["note:read"]}`).want(204)
		ann.do("DELETE", "/notes/1").want(200)
		ann.do("GET", api+"/grants").want(403, "forbidden")
	})
	t.Run("they are listed by grantee and by object", func(t *testing.T) {
		h.T = t
		for i := range 3 {
			for _, to := range []string{toAnn, toRole, toOrg} {
				put(boss, to, fmt.Sprint(i+10), `"note:read","note:write"`).want(204)
			}
		}
		for query, want := range map[string]int{
			"": 10, "&subject=" + ann.id: 4, "&role=editor": 3, "&organization=" + acme: 3, "&resource_type=Note": 10,
			"&resource_type=Note&resource_id=11": 3, "&resource_type=Note&resource_id=11&role=editor": 1, "&resource_type=Post": 0, "&role=nobody": 0,
		} {
			var list struct {
				Items []struct{ Permissions []string }
			}
			boss.do("GET", api+"/grants?limit=200"+query).want(200).into(&list)
			if len(list.Items) != want {
				t.Errorf("%q: %d grants, want %d", query, len(list.Items), want)
			}
		}
		if n := len(pages(boss, api+"/grants?role=editor", "role")); n != 3 { // two permissions each: a page each
			t.Error(n)
		}
	})
}

func TestADecisionIsExplained(t *testing.T) {
	h := open(t)
	boss, ann, reader := h.admin(), h.browser("ann"), h.browser("reader")
	boss.do("PUT", api+"/roles/reader", `{"permissions":["decision:read"]}`).want(200)
	boss.do("PUT", api+"/users/"+reader.id+"/roles/reader").want(204)
	const strict = `@id("strong") permit(principal, action == Action::"note:delete", resource == Note::"1") when { principal.credential == "certificate" };`
	boss.do("POST", api+"/policies", policy(strict)).want(201)
	id := decisionOf(ann.do("DELETE", "/notes/1").want(403, "forbidden"))
	boss.do("POST", api+"/policies", policy(`permit(principal, action, resource == Note::"1");`)).want(201)

	boss.logged(id)
	reader.do("GET", api+"/decisions/"+id).want(200)
	reader.do("GET", api+"/decisions/"+id+"?explain=true").want(403, "forbidden")
	var d struct {
		Allowed     bool
		Subject     string
		Resource    struct{ Type, ID string }
		Version     int64 `json:"policy_version"`
		Explanation struct {
			Allowed bool
			Version int64 `json:"policy_version"`
			Rules   []struct {
				Rule  string
				Fires bool
				Steps []struct{ Text string }
			}
			Would []string
		}
	}
	a := boss.do("GET", api+"/decisions/"+id+"?explain=true").want(200)
	a.into(&d)
	x := d.Explanation
	if d.Allowed || d.Subject != ann.id || d.Resource.ID != "1" || d.Version != 1 || x.Allowed || x.Version != 1 || len(x.Rules) != 1 || x.Rules[0].Rule != "strong" || x.Rules[0].Fires || len(x.Would) == 0 {
		t.Error(a.body)
	}
	if !strings.Contains(a.body, `credential`) || !strings.Contains(a.body, `session`) {
		t.Errorf("no values: %s", a.body)
	}
	for range 3 {
		boss.logged(decisionOf(ann.do("GET", api+"/users").want(403, "forbidden")))
	}
	if all := pages(boss, api+"/decisions?subject="+ann.id, "id"); len(all) != 4 || all[3] != id {
		t.Errorf("%q", all)
	}
	if all := pages(boss, api+"/decisions?action=note:delete&allowed=false", "id"); len(all) != 1 {
		t.Errorf("%q", all)
	}
	if all := pages(boss, api+"/decisions?allowed=true", "id"); len(all) != 0 {
		t.Errorf("%q", all)
	}

	var diff struct {
		Changes []any
		Flips   []struct{ ID string }
		Decided int
	}
	boss.do("POST", api+"/policies/diff", strings.TrimSuffix(policy(strict), "}")+`,"decisions":100}`).want(200).into(&diff)
	if diff.Decided < 5 || len(diff.Flips) != 1 || diff.Flips[0].ID != id || len(diff.Changes) == 0 {
		t.Errorf("%+v", diff)
	}
}

func TestWhoIsAddedHasTheAddressThatIsVouchedFor(t *testing.T) {
	t.Parallel()
	h := open(t)
	boss := h.admin()
	boss.do("POST", api+"/users", `{"username":"ann","email":"ann@b.example","email_verified":true,"password":"`+pass+`"}`).want(201)
	h.nobody().do("POST", "/auth/login", `{"email":"ann@b.example","password":"`+pass+`"}`).want(200)
	h.nobody().do("POST", "/auth/register", `{"username":"eve","email":"eve@b.example","email_verified":"true","password":"`+pass+`"}`).want(400, "invalid_request")
	u, err := h.Accounts.Register(t.Context(), account.Registration{Username: "eve", Email: "eve@b.example", EmailVerified: true, Password: pass}, account.SignIn{}, account.Origin{})
	if err != nil || u.User.EmailVerified {
		t.Errorf("%+v, %v", u, err)
	}
}

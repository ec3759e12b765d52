package server_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/internal/sqldb"
	"github.com/sallyport-auth/sallyport/internal/testdb"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/ssf"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// A set is a security event token as a receiver reads it, its signature verified.
type set struct {
	Issuer  string `json:"iss"`
	ID      string `json:"jti"`
	Issued  int64  `json:"iat"`
	Aud     string `json:"aud"`
	Txn     string `json:"txn"`
	Subject struct {
		Format, Iss, Sub, ID  string
		User, Session, Tenant *struct{ Format, Iss, Sub, ID string }
	} `json:"sub_id"`
	Events map[string]map[string]any `json:"events"`

	header map[string]string
	plain  string
}

// event is the type of the only event, without what all have in common.
func (s *set) event() (name string) {
	for uri := range s.Events {
		name = uri[strings.LastIndexByte(uri, '/')+1:]
	}
	return name
}

func (s *set) claims() map[string]any {
	for _, c := range s.Events {
		return c
	}
	return nil
}

// read verifies a token as a receiver does: by the published keys.
func (h *house) read(jws string) (*set, error) {
	parts := strings.Split(jws, ".")
	out := &set{plain: jws}
	header, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err == nil {
		err = json.Unmarshal(header, &out.header)
	}
	if err != nil {
		return nil, err
	}
	resp, err := h.http.Client().Get(h.http.URL + "/.well-known/jwks.json")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	keys, err := token.ParseJWKS(body)
	if err != nil {
		return nil, err
	}
	key, err := keys.Key(context.Background(), out.header["kid"])
	if err != nil {
		return nil, err
	}
	payload, err := token.VerifyJWS(jws, key)
	if err == nil {
		err = json.Unmarshal(payload, out)
	}
	if err == nil && (out.header["typ"] != "secevent+jwt" || out.ID == "" || out.Issued == 0 || len(out.Events) != 1) {
		err = fmt.Errorf("not a token of ours: %s", payload)
	}
	return out, err
}

// A receiver is somebody else's HTTPS server that events are pushed to.
type receiver struct {
	h      *house
	server *httptest.Server
	answer atomic.Pointer[http.HandlerFunc] // nil = 202
	sets   chan *set                        // acknowledged or not, in the order in which they came

	mu      sync.Mutex
	headers []http.Header
}

func (h *house) receiver() *receiver {
	h.Helper()
	r := &receiver{h: h, sets: make(chan *set, 10_000)}
	r.server = httptest.NewTLSServer(http.HandlerFunc(r.serve))
	h.Cleanup(r.server.Close)
	return r
}

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // it was cut off
	}
	s, err := r.h.read(string(body))
	if err != nil || req.Method != "POST" || req.Header.Get("Content-Type") != "application/secevent+jwt" {
		r.h.Errorf("pushed %s: %v, %v", body, req.Header, err)
		w.WriteHeader(400)
		return
	}
	r.mu.Lock()
	r.headers = append(r.headers, req.Header)
	r.mu.Unlock()
	f := r.answer.Load() // before anybody hears of the token, and then says how to answer the next
	r.sets <- s
	if f != nil {
		(*f)(w, req)
		return
	}
	w.WriteHeader(202)
}

func (r *receiver) answers(f http.HandlerFunc) { r.answer.Store(&f) }

// next waits for the next token.
func (r *receiver) next() *set {
	r.h.Helper()
	select {
	case s := <-r.sets:
		return s
	case <-time.After(time.Minute):
		r.h.Fatal("nothing was pushed")
		return nil
	}
}

// none makes sure that nothing more was pushed.
func (r *receiver) none() {
	r.h.Helper()
	select {
	case s := <-r.sets:
		r.h.Errorf("pushed: %s %v %v", s.event(), s.Subject, s.claims())
	default:
	}
}

// outgoing lets a house reach receivers, whose certificate nobody else trusts.
func outgoing(c *server.Config) {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	c.Outgoing(s.Client().Transport.(*http.Transport).Clone())
}

// soon shortens what would make tests wait for a node that died.
func soon(c *server.Config) { c.Lease(500 * time.Millisecond) }

// consumer is a program of an administrator that may have streams.
func (h *house) consumer() *caller {
	h.Helper()
	return h.consumerOf(h.admin())
}

func (h *house) consumerOf(owner *caller) *caller {
	h.Helper()
	var k struct{ Key string }
	owner.do("POST", "/auth/api-keys", `{"name":"receiver","scopes":["ssf:manage"]}`).want(201).into(&k)
	c := h.nobody().with("X-API-Key", k.Key)
	c.id = owner.id
	return c
}

type stream struct {
	ID        string   `json:"stream_id"`
	Iss       string   `json:"iss"`
	Aud       string   `json:"aud"`
	Supported []string `json:"events_supported"`
	Requested []string `json:"events_requested"`
	Delivered []string `json:"events_delivered"`
	Delivery  struct {
		Method   string
		Endpoint string `json:"endpoint_url"`
	}
	Interval    int `json:"min_verification_interval"`
	Description string
}

// pushes makes a stream to the receiver.
func (c *caller) pushes(r *receiver, more ...string) (s stream) {
	c.h.Helper()
	c.do("POST", "/auth/ssf/stream", `{"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"`+r.server.URL+`/events"`+strings.Join(more, "")+`}}`).want(201).into(&s)
	return s
}

// polls makes a stream that is polled; path is where.
func (c *caller) polls(more ...string) (s stream, path string) {
	c.h.Helper()
	c.do("POST", "/auth/ssf/stream", `{`+strings.Join(more, "")+`}`).want(201).into(&s)
	return s, strings.TrimPrefix(s.Delivery.Endpoint, c.h.URL)
}

// poll returns tokens in the order of their signals' numbers: of their ids, as the
// receiver may not rely on any.
func (c *caller) poll(path, body string) (sets []*set, more bool) {
	c.h.Helper()
	var out struct {
		Sets map[string]string
		More bool `json:"moreAvailable"`
	}
	c.do("POST", path, body).want(200).into(&out)
	for jti, jws := range out.Sets {
		s, err := c.h.read(jws)
		if err != nil || s.ID != jti {
			c.h.Fatalf("%s: %v", jti, err)
		}
		sets = append(sets, s)
	}
	slices.SortFunc(sets, func(a, b *set) int { return strings.Compare(a.ID, b.ID) })
	return sets, out.More
}

func ids(sets []*set) (all []string) {
	for _, s := range sets {
		all = append(all, s.ID)
	}
	return all
}

func ackOf(sets ...*set) string {
	return mustJSON(map[string]any{"ack": append([]string{}, ids(sets)...), "returnImmediately": true})
}

const now = `{"returnImmediately":true}`

func TestTheTransmitterSaysWhatItCanDo(t *testing.T) {
	h := open(t)
	var d struct {
		Version string   `json:"spec_version"`
		Issuer  string   `json:"issuer"`
		Keys    string   `json:"jwks_uri"`
		Methods []string `json:"delivery_methods_supported"`
		Config  string   `json:"configuration_endpoint"`
		Status  string   `json:"status_endpoint"`
		Verify  string   `json:"verification_endpoint"`
		Add     string   `json:"add_subject_endpoint"`
		Default string   `json:"default_subjects"`
		Schemes []struct {
			Spec string `json:"spec_urn"`
		} `json:"authorization_schemes"`
	}
	h.nobody().do("GET", "/.well-known/ssf-configuration").want(200).into(&d)
	if d.Version != "1_0" || d.Issuer != h.URL || d.Keys != h.URL+"/.well-known/jwks.json" || !slices.Equal(d.Methods, []string{"urn:ietf:rfc:8935", "urn:ietf:rfc:8936"}) ||
		d.Config != h.URL+"/auth/ssf/stream" || d.Status != h.URL+"/auth/ssf/status" || d.Verify != h.URL+"/auth/ssf/verification" || d.Add != "" || d.Default != "ALL" || len(d.Schemes) == 0 {
		t.Errorf("%+v", d)
	}
}

func TestEventsArePushed(t *testing.T) {
	h := open(t, outgoing, soon)
	boss := h.admin()
	c, r := h.consumerOf(boss), h.receiver()
	ann := h.browser("ann")
	ann.do("POST", "/auth/logout").want(204) // before there is a stream
	st := c.pushes(r, `,"authorization_header":"Bearer of good news"`)
	if st.Iss != h.URL || st.Aud != c.id || st.Delivery.Endpoint != r.server.URL+"/events" || len(st.Delivered) != 3 {
		t.Errorf("%+v", st)
	}
	ben := h.program("ben")
	user := "/auth/admin/api/users/" + ben.id
	boss.do("PUT", user+"/roles/editor").want(204)
	ben.do("POST", "/auth/password", `{"current_password":"`+pass+`","new_password":"a lighthouse made of cork"}`).want(204)
	ben.do("POST", "/auth/logout").want(204)
	boss.do("POST", user+"/disable").want(204)

	all := []*set{r.next()}
	for all[len(all)-1].claims()["reason_admin"] == nil || all[len(all)-1].claims()["reason_admin"].(map[string]any)["en"] != "user disabled" {
		all = append(all, r.next())
	}
	var got []string
	for _, s := range all {
		got = append(got, s.event())
		if s.Issuer != h.URL || s.Aud != c.id || s.Txn == "" || strings.Contains(s.plain, "\n") {
			t.Errorf("%+v", s)
		}
	}
	if strings.Join(got, " ") != "token-claims-change credential-change session-revoked session-revoked" {
		t.Errorf("%v", got)
	}
	first, last := all[0], all[len(all)-1]
	if first.event() != "token-claims-change" || first.Subject.Format != "iss_sub" || first.Subject.Sub != ben.id || first.Subject.Iss != h.URL ||
		fmt.Sprint(first.claims()["claims"]) != "map[roles:[editor member]]" || first.claims()["initiating_entity"] != "admin" {
		t.Errorf("the role: %v %v", first.Subject, first.claims())
	}
	out := all[len(all)-2]
	if out.event() != "session-revoked" || out.Subject.Format != "complex" || out.Subject.User.Sub != ben.id || out.Subject.Session.ID == "" || out.claims()["initiating_entity"] != "user" {
		t.Errorf("the session: %+v %v", out.Subject, out.claims())
	}
	if last.event() != "session-revoked" || last.Subject.Sub != ben.id || last.claims()["initiating_entity"] != "admin" {
		t.Errorf("the user: %v %v", last.Subject, last.claims())
	}
	for _, header := range r.headers {
		if header.Get("Authorization") != "Bearer of good news" || header.Get("Cookie") != "" {
			t.Errorf("%v", header)
		}
	}
	if body := c.do("GET", "/auth/ssf/stream?stream_id="+st.ID).want(200).body; strings.Contains(body, "good news") {
		t.Errorf("the header is shown: %s", body)
	}

	// None of them is a credential.
	for _, s := range []*set{first, out, last} {
		h.nobody().bearer(s.plain).do("GET", "/auth/me").want(401, "invalid_token")
		if a := boss.apiKeyFor("token:introspect").with("Content-Type", "application/x-www-form-urlencoded").do("POST", "/auth/oauth/introspect", "token="+s.plain); a.status != 200 || strings.Contains(a.body, "true") {
			t.Errorf("introspected: %d %s", a.status, a.body)
		}
	}
}

// apiKeyFor is a program of the caller with that permission.
func (c *caller) apiKeyFor(scope string) *caller {
	c.h.Helper()
	var k struct{ Key string }
	c.do("POST", "/auth/api-keys", `{"name":"k","scopes":["`+scope+`"]}`).want(201).into(&k)
	return c.h.nobody().with("X-API-Key", k.Key)
}

func TestAnInstallationChoosesTheAlgorithmOfEvents(t *testing.T) {
	h := open(t, soon, func(c *server.Config) {
		c.Keys.Resources = []token.Resource{{Audience: c.BaseURL + "/auth/ssf", Alg: token.RS256}}
	})
	boss := h.admin()
	c := h.consumerOf(boss)
	_, path := c.polls()
	boss.do("PUT", "/auth/admin/api/users/"+boss.id+"/roles/editor").want(204)
	sets, _ := c.poll(path, now)
	if len(sets) != 1 || sets[0].header["alg"] != "RS256" {
		t.Errorf("%+v", sets)
	}
	bad := server.Config{BaseURL: "https://id.example", Store: deaf{}, Keys: token.Schedule{Resources: []token.Resource{{Audience: "https://id.example/auth/ssf", Alg: token.HS256}}}}
	if _, err := server.Open(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "HS256 cannot sign events") {
		t.Errorf("%v", err)
	}
}

func TestEventsArePolled(t *testing.T) {
	h := open(t, soon)
	boss := h.admin()
	c := h.consumerOf(boss)
	_, path := c.polls()
	ann := h.browser("ann")
	user := "/auth/admin/api/users/" + ann.id
	if sets, more := c.poll(path, now); len(sets) != 0 || more {
		t.Fatalf("%v", sets)
	}
	for _, role := range []string{"editor", "helpdesk", "admin"} {
		boss.do("PUT", user+"/roles/"+role).want(204)
	}
	three, more := c.poll(path, now)
	if len(three) != 3 || more {
		t.Fatalf("%v", ids(three))
	}
	if again, _ := c.poll(path, now); !slices.Equal(ids(again), ids(three)) {
		t.Errorf("what was not acknowledged comes again: %v, before %v", ids(again), ids(three))
	}
	one, more := c.poll(path, `{"maxEvents":1,"returnImmediately":true}`)
	if len(one) != 1 || !more {
		t.Fatalf("%v %v", ids(one), more)
	}
	// Out of order, twice, and with what nobody knows.
	others := slices.DeleteFunc(slices.Clone(three), func(s *set) bool { return s.ID == one[0].ID })
	ack := mustJSON(map[string]any{"ack": []string{others[0].ID, others[0].ID, "unknown"}, "maxEvents": 0})
	if sets, more := c.poll(path, ack); len(sets) != 0 || more {
		t.Errorf("%v", ids(sets))
	}
	c.poll(path, ack)
	if two, _ := c.poll(path, now); len(two) != 2 || slices.Contains(ids(two), others[0].ID) {
		t.Errorf("%v of %v, without %s", ids(two), ids(three), others[0].ID)
	}
	// A refusal settles a token too, and is shown.
	refuse := mustJSON(map[string]any{"setErrs": map[string]any{one[0].ID: map[string]string{"err": "invalid_key", "description": "which?"}}, "returnImmediately": true})
	if left, _ := c.poll(path, refuse); len(left) != 1 || left[0].ID != others[1].ID {
		t.Errorf("%v", ids(left))
	}
	if sets, _ := c.poll(path, ackOf(others[1])); len(sets) != 0 {
		t.Errorf("%v", ids(sets))
	}
	var st struct {
		Refused int
		Problem string `json:"last_problem"`
	}
	c.do("GET", "/auth/ssf/status?stream_id="+path[strings.LastIndexByte(path, '/')+1:]).want(200).into(&st)
	if st.Refused != 1 || st.Problem != "invalid_key: which?" {
		t.Errorf("%+v", st)
	}

	// A poll that waits is answered when something happens.
	answered := make(chan []*set)
	go func() {
		sets, _ := c.poll(path, `{}`)
		answered <- sets
	}()
	time.Sleep(50 * time.Millisecond)
	boss.do("DELETE", user+"/roles/admin").want(204)
	if sets := <-answered; len(sets) != 1 || sets[0].event() != "token-claims-change" {
		t.Errorf("%v", sets)
	}
}

// Whoever may not read any more while a poll waits gets nothing.
func TestAPollThatWaitsIsLetInAgain(t *testing.T) {
	h := open(t, soon)
	owner := h.admin()
	other := h.browser("helper")
	if err := h.Accounts.Assign(t.Context(), other.id, account.AdminRole, "", account.Origin{}); err != nil {
		t.Fatal(err)
	}
	c := h.consumerOf(owner)
	_, path := c.polls()
	answered := make(chan *answer)
	go func() { answered <- c.do("POST", path, `{}`) }()
	time.Sleep(50 * time.Millisecond)
	other.do("POST", "/auth/admin/api/users/"+owner.id+"/disable").want(204)
	if a := <-answered; a.status != 401 || strings.Contains(a.body, "sets") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestAReceiverThatWasDownGetsEverythingInOrder(t *testing.T) {
	t.Parallel()
	h := open(t, outgoing, soon)
	boss := h.admin()
	c, r := h.consumerOf(boss), h.receiver()
	r.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	st := c.pushes(r)
	ann := h.browser("ann")
	user := "/auth/admin/api/users/" + ann.id
	for range 5 {
		boss.do("PUT", user+"/roles/editor").want(204)
		boss.do("DELETE", user+"/roles/editor").want(204)
	}
	refused := r.next()
	var s struct {
		Failures int
		Problem  string `json:"last_problem"`
		RetryAt  string `json:"retry_at"`
	}
	for s.Failures == 0 {
		c.do("GET", "/auth/ssf/status?stream_id="+st.ID).want(200).into(&s)
	}
	if s.Problem != "answered 500" || s.RetryAt == "" {
		t.Errorf("%+v", s)
	}
	r.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202) })
	before := ""
	for i := range 10 {
		got := r.next()
		for got.ID == before { // it was tried more than once
			got = r.next()
		}
		before = got.ID
		want := "map[roles:[editor member]]"
		if i%2 == 1 {
			want = "map[roles:[member]]"
		}
		if i == 0 && got.ID != refused.ID {
			t.Errorf("it came as %s first, and then as %s", refused.ID, got.ID)
		}
		if fmt.Sprint(got.claims()["claims"]) != want {
			t.Errorf("%d: %v, want %s", i, got.claims(), want)
		}
	}
}

func TestHowAPushIsAnswered(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		answer  http.HandlerFunc
		settled bool
		problem string
	}{
		{"202 acknowledges", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202) }, true, ""},
		{"200 does not", func(w http.ResponseWriter, _ *http.Request) {}, false, "answered 200"},
		{"400 with an error refuses", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
			io.WriteString(w, `{"err":"invalid_audience","description":"not for us"}`)
		}, true, "invalid_audience: not for us"},
		{"400 that does not know us is tried again", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
			io.WriteString(w, `{"err":"authentication_failed","description":"who are you"}`)
		}, false, "authentication_failed: who are you"},
		{"400 of somebody else is tried again", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "nginx", 400) }, false, "answered 400"},
		{"503 is tried again", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, false, "answered 503"},
		{"a redirect is not followed", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, false, "answered 307"},
		{"an endless answer is cut off", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(400)
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}, false, "answered 400"},
		{"a connection that breaks is tried again", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false, "not reached: EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := open(t, outgoing, soon)
			boss := h.admin()
			c, r := h.consumerOf(boss), h.receiver()
			r.answers(tt.answer)
			st := c.pushes(r)
			ann := h.browser("ann")
			boss.do("PUT", "/auth/admin/api/users/"+ann.id+"/roles/editor").want(204)
			first := r.next()
			if tt.settled {
				boss.do("DELETE", "/auth/admin/api/users/"+ann.id+"/roles/editor").want(204)
				r.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202) })
			}
			second := r.next()
			if (second.ID == first.ID) == tt.settled {
				t.Errorf("%s, then %s", first.ID, second.ID)
			}
			var s struct {
				Refused, Failures int
				Problem           string `json:"last_problem"`
			}
			c.do("GET", "/auth/ssf/status?stream_id="+st.ID).want(200).into(&s)
			if s.Problem != tt.problem || (s.Failures == 0) != tt.settled || (s.Refused > 0) != (tt.settled && tt.problem != "") {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A receiver that takes its time keeps nobody else waiting, nor a request.
func TestASlowReceiverHoldsNobodyUp(t *testing.T) {
	h := open(t, outgoing, soon)
	boss := h.admin()
	c, slow, quick := h.consumerOf(boss), h.receiver(), h.receiver()
	release := make(chan struct{})
	slow.answers(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	c.pushes(slow)
	c.pushes(quick)
	ann := h.browser("ann")
	for range 3 {
		boss.do("PUT", "/auth/admin/api/users/"+ann.id+"/roles/editor").want(204)
		boss.do("DELETE", "/auth/admin/api/users/"+ann.id+"/roles/editor").want(204)
	}
	slow.next()
	for range 6 {
		quick.next()
	}
	slow.none()
}

// dying is the store of a node that is killed: from then on nothing of it is written.
type dying struct {
	account.Store
	dead atomic.Bool
}

var errKilled = errors.New("killed")

func (d *dying) Update(ctx context.Context, f func(account.Tx) error) error {
	if d.dead.Load() {
		return errKilled
	}
	return d.Store.Update(ctx, f)
}

// A node dies after the receiver has taken a token and before that is written down:
// another one tells it again, as the same token, and goes on.
func TestANodeDiesBetweenDeliveryAndAcknowledgement(t *testing.T) {
	path := t.TempDir() + "/house.db"
	db, err := sqlite.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	mortal := &dying{Store: db}
	one := openOn(t, mortal, outgoing, soon)
	boss := one.admin()
	c, r := one.consumerOf(boss), one.receiver()
	r.answers(func(w http.ResponseWriter, _ *http.Request) {
		mortal.dead.Store(true)
		w.WriteHeader(202)
	})
	c.pushes(r)
	ann := one.browser("ann")
	boss.do("PUT", "/auth/admin/api/users/"+ann.id+"/roles/editor").want(204)
	first := r.next()
	r.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202) })
	openOn(t, db, outgoing, soon, func(c *server.Config) { c.BaseURL = one.URL })
	if again := r.next(); again.ID != first.ID || again.Txn != first.Txn {
		t.Errorf("%+v, then %+v", first, again)
	}
}

func TestOfTwoNodesOneDelivers(t *testing.T) {
	dsn := testdb.Postgres(t, sqldb.Key(), migrate)
	one, two := twoNodes(t, dsn, outgoing)
	boss := one.admin()
	c, r := one.consumerOf(boss), one.receiver()
	c.pushes(r)
	ann := one.browser("ann")
	there := boss.at(two)
	seen := map[string]bool{}
	for i := range 20 {
		who := boss
		if i%2 == 1 {
			who = there
		}
		who.do("PUT", "/auth/admin/api/users/"+ann.id+"/roles/editor").want(204)
		who.do("DELETE", "/auth/admin/api/users/"+ann.id+"/roles/editor").want(204)
	}
	for i := range 40 {
		s := r.next()
		want := "map[roles:[editor member]]"
		if i%2 == 1 {
			want = "map[roles:[member]]"
		}
		if seen[s.ID] || fmt.Sprint(s.claims()["claims"]) != want {
			t.Errorf("%d: %v, seen %v", i, s.claims(), seen[s.ID])
		}
		seen[s.ID] = true
	}
	r.none()
}

func TestWhereEventsMayBePushedTo(t *testing.T) {
	var reached atomic.Int64
	inside := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { reached.Add(1); w.WriteHeader(202) }))
	defer inside.Close()
	h := open(t, soon, func(c *server.Config) { c.BaseURL = "https://id.example" })
	boss, err := h.Accounts.Add(t.Context(), account.Registration{Username: "boss", Password: pass, Roles: []string{account.AdminRole}}, account.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := h.Accounts.CreateKey(t.Context(), boss.ID, account.NewKey{Name: "k", Scopes: []string{"ssf:manage"}}, account.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	c := h.nobody().with("X-API-Key", key)
	for _, url := range []string{
		inside.URL, "https://localhost/x", "https://10.1.2.3/", "https://169.254.169.254/", "https://[::1]/", "https://[::ffff:127.0.0.1]/",
		"http://receiver.example/", "https://ann@receiver.example/", "ftp://receiver.example/", "",
	} {
		c.do("POST", "/auth/ssf/stream", `{"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"`+url+`"}}`).want(400, "invalid_request")
	}
	// A name that turns out to be private is refused when it is dialled.
	_, port, _ := strings.Cut(strings.TrimPrefix(inside.URL, "https://"), ":")
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]"} {
		st := ssf.Stream{ID: ssf.NewID(), Owner: boss.ID, Method: ssf.Push, Endpoint: "https://" + host + ":" + port, Status: ssf.Enabled, Notices: []ssf.Notice{{JTI: "n", At: time.Now(), Event: ssf.Verification}}}
		if err := h.store().Update(t.Context(), func(tx account.Tx) error { return tx.Streams.Create(t.Context(), st) }); err != nil {
			t.Fatal(err)
		}
		var s struct {
			Problem string `json:"last_problem"`
		}
		for s.Problem == "" {
			c.do("GET", "/auth/ssf/status?stream_id="+st.ID).want(200).into(&s)
		}
		if s.Problem != "address is not on the public internet" && !strings.HasPrefix(s.Problem, "not reached") {
			t.Errorf("%s: %s", host, s.Problem)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("reached %d times", n)
	}
}

// store is where the house keeps everything.
func (h *house) store() account.Store { return h.Accounts.Store }

func TestAStreamIsItsOwnersOnly(t *testing.T) {
	h := open(t, soon)
	owner := h.admin()
	other := h.browser("helper")
	if err := h.Accounts.Assign(t.Context(), other.id, account.AdminRole, "", account.Origin{}); err != nil {
		t.Fatal(err)
	}
	mine, theirs := h.consumerOf(owner), h.consumerOf(other)
	st, path := mine.polls()
	body := `{"stream_id":"` + st.ID + `"`
	for _, r := range []struct{ method, path, body string }{
		{"GET", "/auth/ssf/stream?stream_id=" + st.ID, ""},
		{"PATCH", "/auth/ssf/stream", body + `}`},
		{"PUT", "/auth/ssf/stream", body + `,"delivery":{"method":"urn:ietf:rfc:8936"}}`},
		{"DELETE", "/auth/ssf/stream?stream_id=" + st.ID, ""},
		{"GET", "/auth/ssf/status?stream_id=" + st.ID, ""},
		{"POST", "/auth/ssf/status", body + `,"status":"disabled"}`},
		{"POST", "/auth/ssf/verification", body + `}`},
		{"POST", path, now},
		{"POST", path, `{"ack":["x"],"returnImmediately":true}`},
	} {
		if r.body == "" {
			theirs.do(r.method, r.path).want(404, "not_found")
		} else {
			theirs.do(r.method, r.path, r.body).want(404, "not_found")
		}
	}
	if a := theirs.do("GET", "/auth/ssf/stream").want(200); strings.TrimSpace(a.body) != "[]" {
		t.Errorf("%s", a.body)
	}
	if a := mine.do("GET", "/auth/ssf/stream").want(200); !strings.Contains(a.body, st.ID) {
		t.Errorf("%s", a.body)
	}
	// Without the permission, or its scope, there are no streams at all.
	h.program("eve").do("GET", "/auth/ssf/stream").want(403, "forbidden")
	owner.apiKeyFor("note:read").do("GET", "/auth/ssf/stream").want(403, "insufficient_scope")
	owner.do("GET", "/auth/ssf/stream").want(401) // a browser is no receiver
}

func TestAReceiverThatMayNotAnyMoreIsToldNothing(t *testing.T) {
	h := open(t, outgoing, soon)
	owner := h.browser("owner")
	other := h.admin()
	h.Accounts.Assign(t.Context(), owner.id, account.AdminRole, "", account.Origin{})
	c, r := h.consumerOf(owner), h.receiver()
	st := c.pushes(r)
	if err := h.Accounts.Unassign(t.Context(), owner.id, account.AdminRole, "", account.Origin{}); err != nil {
		t.Fatal(err)
	}
	s := r.next()
	if s.event() != "stream-updated" || s.claims()["status"] != "disabled" || s.Subject.ID != st.ID {
		t.Errorf("%v %v", s.Subject, s.claims())
	}
	for !strings.Contains(other.do("GET", "/auth/admin/api/audit?action=ssf.disable").want(200).body, st.ID) {
	}
	r.none()
}

func TestStatusOfAStream(t *testing.T) {
	h := open(t, soon)
	boss := h.admin()
	c := h.consumerOf(boss)
	st, path := c.polls()
	ann := h.browser("ann")
	happen := func() {
		boss.do("PUT", "/auth/admin/api/users/"+ann.id+"/roles/editor").want(204)
		boss.do("DELETE", "/auth/admin/api/users/"+ann.id+"/roles/editor").want(204)
	}
	set := func(status, reason string) {
		a := c.do("POST", "/auth/ssf/status", mustJSON(map[string]string{"stream_id": st.ID, "status": status, "reason": reason})).want(200)
		for _, a := range []*answer{a, c.do("GET", "/auth/ssf/status?stream_id="+st.ID).want(200)} {
			if !strings.Contains(a.body, `"status":"`+status+`"`) || reason != "" && !strings.Contains(a.body, reason) {
				t.Errorf("%s", a.body)
			}
		}
	}
	set("paused", "maintenance")
	happen()
	if sets, _ := c.poll(path, now); len(sets) != 0 {
		t.Errorf("paused: %v", sets)
	}
	c.do("POST", "/auth/ssf/verification", `{"stream_id":"`+st.ID+`"}`).want(400, "invalid_request")
	set("enabled", "")
	held, _ := c.poll(path, now)
	if len(held) != 2 {
		t.Errorf("held while paused: %v", held)
	}
	set("disabled", "")
	happen()
	if sets, _ := c.poll(path, now); len(sets) != 0 {
		t.Errorf("disabled: %v", sets)
	}
	set("enabled", "")
	if sets, _ := c.poll(path, now); len(sets) != 0 {
		t.Errorf("kept while disabled: %v", sets)
	}
	happen()
	if sets, _ := c.poll(path, now); len(sets) != 2 {
		t.Errorf("after it was enabled again: %v", sets)
	}
}

func TestVerification(t *testing.T) {
	h := open(t, outgoing, soon)
	boss := h.admin()
	c, r := h.consumerOf(boss), h.receiver()
	pushed := c.pushes(r)
	polled, path := c.polls(`"events_requested":[]`)
	for _, id := range []string{pushed.ID, polled.ID} {
		c.do("POST", "/auth/ssf/verification", `{"stream_id":"`+id+`","state":"VGhpcyBpcyBhbiBleGFtcGxl\n"}`).want(204)
		if a := c.do("POST", "/auth/ssf/verification", `{"stream_id":"`+id+`"}`).want(429, "rate_limited"); a.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	sets, _ := c.poll(path, now)
	if len(sets) != 1 {
		t.Fatalf("%v", sets)
	}
	for id, s := range map[string]*set{pushed.ID: r.next(), polled.ID: sets[0]} {
		if s.event() != "verification" || s.claims()["state"] != "VGhpcyBpcyBhbiBleGFtcGxl\n" || s.Subject.Format != "opaque" || s.Subject.ID != id {
			t.Errorf("%v %v", s.Subject, s.claims())
		}
	}
	if sets, _ := c.poll(path, ackOf(sets...)); len(sets) != 0 {
		t.Errorf("%v", sets)
	}
}

// However much happens that a stream does not carry, what it carries comes at once.
func TestWhatAStreamDoesNotCarryIsPassed(t *testing.T) {
	h := open(t, outgoing, soon)
	boss := h.admin()
	c, r := h.consumerOf(boss), h.receiver()
	only := `"events_requested":["` + ssf.CredentialChange + `"]`
	st, path := c.polls(only)
	c.do("POST", "/auth/ssf/stream", `{"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"`+r.server.URL+`"},`+only+`}`).want(201)
	ctx := t.Context()
	for range ssf.Window {
		for _, f := range []func(context.Context, string, string, string, account.Origin) error{h.Accounts.Assign, h.Accounts.Unassign} {
			if err := f(ctx, boss.id, "editor", "", account.Origin{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	c.do("POST", "/auth/ssf/verification", `{"stream_id":"`+st.ID+`"}`).want(204)
	boss.apiKeyFor("note:read")
	sets, more := c.poll(path, now)
	if len(sets) != 2 || more {
		t.Fatalf("%v, more: %v", sets, more)
	}
	if sets, _ := c.poll(path, ackOf(sets...)); len(sets) != 0 {
		t.Errorf("%v", sets)
	}
	if s := r.next(); s.event() != "credential-change" || s.claims()["credential_type"] != "api-key" || s.claims()["friendly_name"] != "k" {
		t.Errorf("%v", s.claims())
	}
	r.none()
}

// Beyond a window there is more once what is in it was acknowledged.
func TestAStreamThatIsFarBehind(t *testing.T) {
	h := open(t, soon)
	boss := h.admin()
	c := h.consumerOf(boss)
	_, path := c.polls()
	for range 150 {
		for _, f := range []func(context.Context, string, string, string, account.Origin) error{h.Accounts.Assign, h.Accounts.Unassign} {
			if err := f(t.Context(), boss.id, "editor", "", account.Origin{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	seen := map[string]bool{}
	sets, more := c.poll(path, now)
	for rounds := 0; len(sets) > 0; rounds++ {
		for _, s := range sets {
			if seen[s.ID] {
				t.Errorf("%s came again", s.ID)
			}
			seen[s.ID] = true
		}
		if !more && len(seen) < 300 || rounds > 10 {
			t.Fatalf("no more after %d", len(seen))
		}
		sets, more = c.poll(path, ackOf(sets...))
	}
	if len(seen) != 300 || more {
		t.Errorf("%d events, more: %v", len(seen), more)
	}
}

func TestConfigurationOfAStream(t *testing.T) {
	h := open(t, outgoing, soon)
	c := h.consumer()
	st, _ := c.polls(`"events_requested":["urn:x","` + ssf.CredentialChange + `"],"description":"first"`)
	if !slices.Equal(st.Delivered, []string{ssf.CredentialChange}) || len(st.Requested) != 2 || st.Description != "first" || st.Interval != 30 || st.Delivery.Method != "urn:ietf:rfc:8936" {
		t.Errorf("%+v", st)
	}
	edit := func(method, members string, want int) (s stream) {
		t.Helper()
		a := c.do(method, "/auth/ssf/stream", `{"stream_id":"`+st.ID+`"`+members+`}`).want(want)
		if want == 200 {
			a.into(&s)
		}
		return s
	}
	poll := `,"delivery":{"method":"urn:ietf:rfc:8936"}`
	if s := edit("PATCH", `,"description":"second"`, 200); s.Description != "second" || len(s.Requested) != 2 {
		t.Errorf("%+v", s)
	}
	if s := edit("PUT", poll, 200); s.Description != "" || s.Requested != nil || len(s.Delivered) != 3 {
		t.Errorf("%+v", s)
	}
	if s := edit("PATCH", `,"events_requested":[]`, 200); s.Requested == nil || len(s.Delivered) != 0 {
		t.Errorf("%+v", s)
	}
	// What was read can be written.
	body := strings.TrimSpace(c.do("GET", "/auth/ssf/stream?stream_id="+st.ID).want(200).body)
	for _, method := range []string{"PUT", "PATCH"} {
		if again := strings.TrimSpace(c.do(method, "/auth/ssf/stream", body).want(200).body); again != body {
			t.Errorf("%s: %s\n%s", method, body, again)
		}
	}
	for _, members := range []string{
		`,"iss":"https://evil.example"`, `,"aud":"usr_other"`, `,"events_supported":[]`, `,"events_delivered":["` + ssf.SessionRevoked + `"]`,
		`,"min_verification_interval":1`, `,"unknown":1`, `,"description":"` + strings.Repeat("x", 201) + `"`, `,"events_requested":[""]`,
		`,"delivery":{"method":"urn:x"}`, `,"delivery":{"method":"urn:ietf:rfc:8936","endpoint_url":"https://evil.example"}`,
		`,"delivery":{"method":"urn:ietf:rfc:8936","authorization_header":"x"}`, `,"delivery":{"method":"urn:ietf:rfc:8935"}`,
		`,"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://a.example","authorization_header":"a\nb"}`, `,"delivery":{}`,
	} {
		edit("PATCH", members, 400)
	}
	edit("PUT", "", 400) // no delivery
	for _, bad := range []string{`{}`, `{"stream_id":""}`} {
		c.do("PATCH", "/auth/ssf/stream", bad).want(400)
	}
	for _, bad := range []string{`{"stream_id":"stm_x"}`, `{"iss":"x"}`, `{"delivery":{"method":"urn:ietf:rfc:8936","endpoint_url":"https://a.example"}}`} {
		c.do("POST", "/auth/ssf/stream", bad).want(400)
	}
	for _, query := range []string{"?stream_id=", "?x=1", "?stream_id=a&stream_id=b"} {
		c.do("GET", "/auth/ssf/stream"+query).want(400)
	}
	c.do("DELETE", "/auth/ssf/stream").want(400)
	c.do("GET", "/auth/ssf/status").want(400)
	c.do("DELETE", "/auth/ssf/stream?stream_id="+st.ID).want(204)
	c.do("DELETE", "/auth/ssf/stream?stream_id="+st.ID).want(404)
	c.do("GET", "/auth/ssf/stream?stream_id="+st.ID).want(404)

	for range ssf.MaxStreams {
		c.polls()
	}
	c.do("POST", "/auth/ssf/stream", `{}`).want(409, "conflict")
	var all []stream
	c.do("GET", "/auth/ssf/stream").want(200).into(&all)
	if len(all) != ssf.MaxStreams {
		t.Errorf("%d streams", len(all))
	}
}

// A header that was given for one endpoint is never sent to another.
func TestTheAuthorizationStaysWithItsEndpoint(t *testing.T) {
	h := open(t, outgoing, soon)
	c, one, two := h.consumer(), h.receiver(), h.receiver()
	st := c.pushes(one, `,"authorization_header":"secret"`)
	c.do("PATCH", "/auth/ssf/stream", `{"stream_id":"`+st.ID+`","delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"`+two.server.URL+`"}}`).want(200)
	c.do("POST", "/auth/ssf/verification", `{"stream_id":"`+st.ID+`"}`).want(204)
	two.next()
	if got := two.headers[0].Get("Authorization"); got != "" {
		t.Errorf("sent %q", got)
	}
}

// A receiver that never comes is disabled, and says so, when its events are dropped.
func TestEventsThatNobodyTakesAreNotKeptForEver(t *testing.T) {
	db, err := sqlite.Open(t.TempDir() + "/house.db")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	before := openOn(t, db, soon)
	boss := before.admin()
	c := before.consumerOf(boss)
	st, path := c.polls()
	boss.do("PUT", "/auth/admin/api/users/"+boss.id+"/roles/editor").want(204)
	before.Server.Close()
	old := time.Now().Add(-ssf.Retention - time.Minute)
	err = db.Update(t.Context(), func(tx account.Tx) error {
		head, err := tx.Log.Head(t.Context())
		if err != nil {
			return err
		}
		return tx.Signals.Append(t.Context(), ssf.Signal{Seq: head.Seq + 1000, ID: "sig_old", At: old, Event: ssf.SessionRevoked, Subject: "usr_x"})
	})
	if err != nil {
		t.Fatal(err)
	}
	after := openOn(t, db, soon, func(c *server.Config) { c.BaseURL = before.URL })
	c, boss = c.at(after), boss.at(after)
	sets, _ := c.poll(path, now)
	if len(sets) != 2 { // the first that waits is young enough, and so counts the stream
		t.Fatalf("%v", ids(sets))
	}
	for _, s := range sets {
		if s.event() == "token-claims-change" {
			c.poll(path, ackOf(s))
		}
	}
	if err := after.Server.LookAfterStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	sets, _ = c.poll(path, now)
	if len(sets) != 1 || sets[0].event() != "stream-updated" || sets[0].claims()["status"] != "disabled" || sets[0].claims()["reason"] == nil {
		t.Fatalf("%v", sets)
	}
	if a := c.do("GET", "/auth/ssf/status?stream_id="+st.ID).want(200); !strings.Contains(a.body, "7 days") {
		t.Errorf("%s", a.body)
	}
	if a := boss.do("GET", "/auth/admin/api/audit?action=ssf.disable").want(200); !strings.Contains(a.body, st.ID) {
		t.Errorf("%s", a.body)
	}
	if sets, _ := c.poll(path, ackOf(sets...)); len(sets) != 0 {
		t.Errorf("%v", sets)
	}
}

// driveSignals gets every answer that is described.
func driveSignals(h *house, boss *caller) {
	h.Helper()
	c := h.consumerOf(boss)
	h.nobody().do("GET", "/.well-known/ssf-configuration").want(200)
	st, path := c.polls(`"description":"one"`)
	id := `{"stream_id":"` + st.ID + `"`
	c.do("GET", "/auth/ssf/stream").want(200)
	c.do("GET", "/auth/ssf/stream?stream_id="+st.ID).want(200)
	c.do("PATCH", "/auth/ssf/stream", id+`,"description":"two"}`).want(200)
	c.do("PUT", "/auth/ssf/stream", id+`,"delivery":{"method":"urn:ietf:rfc:8936"}}`).want(200)
	c.do("GET", "/auth/ssf/status?stream_id="+st.ID).want(200)
	c.do("POST", "/auth/ssf/status", id+`,"status":"enabled"}`).want(200)
	c.do("POST", "/auth/ssf/verification", id+`,"state":"x"}`).want(204)
	c.do("POST", "/auth/ssf/verification", id+`}`).want(429, "rate_limited")
	sets, _ := c.poll(path, now)
	c.poll(path, ackOf(sets...))
	c.poll(path, `{"setErrs":{"x":{"err":"invalid_key","description":"?"}},"maxEvents":0}`)
	for range ssf.MaxStreams - 1 {
		c.polls()
	}
	c.do("POST", "/auth/ssf/stream", `{}`).want(409, "conflict")
	var all []stream
	c.do("GET", "/auth/ssf/stream").want(200).into(&all)
	for _, s := range all {
		c.do("DELETE", "/auth/ssf/stream?stream_id="+s.ID).want(204)
	}
	gone := `{"stream_id":"stm_x"`
	c.do("GET", "/auth/ssf/stream?stream_id=stm_x").want(404, "not_found")
	c.do("PATCH", "/auth/ssf/stream", gone+`}`).want(404, "not_found")
	c.do("PUT", "/auth/ssf/stream", gone+`,"delivery":{"method":"urn:ietf:rfc:8936"}}`).want(404, "not_found")
	c.do("DELETE", "/auth/ssf/stream?stream_id=stm_x").want(404, "not_found")
	c.do("GET", "/auth/ssf/status?stream_id=stm_x").want(404, "not_found")
	c.do("POST", "/auth/ssf/status", gone+`,"status":"paused"}`).want(404, "not_found")
	c.do("POST", "/auth/ssf/verification", gone+`}`).want(404, "not_found")
	c.do("POST", path, `{}`).want(404, "not_found")
	member := h.program("signals")
	for _, o := range h.checked.document().Operations {
		if strings.HasPrefix(o.Path, "/auth/ssf/") {
			var bodies []string
			if o.HasBody() {
				bodies = []string{`{}`}
			}
			member.do(o.Method, strings.ReplaceAll(o.Path, "{stream}", "stm_x"), bodies...).want(403, "forbidden")
		}
	}
}

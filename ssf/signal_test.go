package ssf_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/ssf"
)

var at = time.Unix(1615304991, 643e6).UTC()

func entry(e revoke.Effect, k revoke.Kind, id, org string, roles ...string) revoke.Entry {
	return revoke.Entry{Effect: e, Kind: k, ID: id, Org: org, Overlay: roles, CreatedAt: at}
}

// told is what the only signal of an entry says, as it goes into a token.
func told(t *testing.T, about ssf.About, e revoke.Entry) string {
	t.Helper()
	signals := ssf.Derive(41, about, e)
	if len(signals) == 0 {
		return ""
	}
	s := signals[0]
	if len(signals) != 1 || s.Seq != 41 || s.ID == "" || s.Txn == "" || !s.At.Equal(at) {
		t.Fatalf("%+v", signals)
	}
	st := ssf.Stream{ID: "stm_1", Owner: "usr_receiver"}
	set := st.Set("https://id.example", &s)
	b, err := json.Marshal(struct {
		Sub    ssf.Subject
		Events map[string]map[string]any
	}{set.SubjectID, set.Events})
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("https://schemas.openid.net/secevent/caep/event-type/", "", `"`, "'").Replace(string(b))
}

func TestWhatAnEntryMeans(t *testing.T) {
	const ann = `{'format':'iss_sub','iss':'https://id.example','sub':'usr_ann'}`
	by := ssf.About{Subject: "usr_ann", By: ssf.Admin}
	for _, tt := range []struct {
		name  string
		about ssf.About
		entry revoke.Entry
		want  string
	}{
		{"a session that ends", ssf.About{Subject: "usr_ann", By: ssf.User, Reason: "signed out"}, entry(revoke.Kill, revoke.Session, "ses_1", ""),
			`{'Sub':{'format':'complex','user':` + ann + `,'session':{'format':'opaque','id':'ses_1'}},` +
				`'Events':{'session-revoked':{'event_timestamp':1615304991,'initiating_entity':'user','reason_admin':{'en':'signed out'}}}}`},
		{"everything of a user ends", by, entry(revoke.Kill, revoke.Subject, "usr_ann", ""),
			`{'Sub':` + ann + `,'Events':{'session-revoked':{'event_timestamp':1615304991,'initiating_entity':'admin'}}}`},
		{"a member leaves", by, entry(revoke.Kill, revoke.Subject, "usr_ann", "org_1"),
			`{'Sub':{'format':'complex','user':` + ann + `,'tenant':{'format':'opaque','id':'org_1'}},` +
				`'Events':{'session-revoked':{'event_timestamp':1615304991,'initiating_entity':'admin'}}}`},
		{"an organization ends", ssf.About{}, entry(revoke.Kill, revoke.Org, "org_1", ""),
			`{'Sub':{'format':'complex','tenant':{'format':'opaque','id':'org_1'}},'Events':{'session-revoked':{'event_timestamp':1615304991}}}`},
		{"roles change", by, entry(revoke.Overlay, revoke.Subject, "usr_ann", "", "editor", "member"),
			`{'Sub':` + ann + `,'Events':{'token-claims-change':{'claims':{'roles':['editor','member']},'event_timestamp':1615304991,'initiating_entity':'admin'}}}`},
		{"the last role is taken", by, entry(revoke.Overlay, revoke.Subject, "usr_ann", ""),
			`{'Sub':` + ann + `,'Events':{'token-claims-change':{'claims':{'roles':[]},'event_timestamp':1615304991,'initiating_entity':'admin'}}}`},
		{"roles in an organization change", by, entry(revoke.Overlay, revoke.Subject, "usr_ann", "org_1", "editor"),
			`{'Sub':{'format':'complex','user':` + ann + `,'tenant':{'format':'opaque','id':'org_1'}},` +
				`'Events':{'token-claims-change':{'claims':{'org':'org_1','org_roles':['editor']},'event_timestamp':1615304991,'initiating_entity':'admin'}}}`},
		{"a password changes", ssf.About{Subject: "usr_ann", By: ssf.User, Change: ssf.Update}, entry(revoke.Notice, revoke.Session, "ses_1", ""),
			`{'Sub':` + ann + `,'Events':{'credential-change':{'change_type':'update','credential_type':'password','event_timestamp':1615304991,'initiating_entity':'user'}}}`},
		{"a password is set", ssf.About{Subject: "usr_ann", By: ssf.Admin, Change: ssf.Create}, entry(revoke.Notice, revoke.Subject, "usr_ann", ""),
			`{'Sub':` + ann + `,'Events':{'credential-change':{'change_type':'create','credential_type':'password','event_timestamp':1615304991,'initiating_entity':'admin'}}}`},
		{"a certificate is mapped", ssf.About{Subject: "usr_ann", By: ssf.Admin, Credential: ssf.X509, Change: ssf.Create, Name: "robot"}, entry(revoke.Notice, revoke.Subject, "usr_ann", ""),
			`{'Sub':` + ann + `,'Events':{'credential-change':{'change_type':'create','credential_type':'x509','event_timestamp':1615304991,'friendly_name':'robot','initiating_entity':'admin'}}}`},
		{"an API key is made", ssf.About{Subject: "usr_ann", By: ssf.User, Name: "CI"}, entry(revoke.Notice, revoke.APIKey, "key_1", ""),
			`{'Sub':` + ann + `,'Events':{'credential-change':{'change_type':'create','credential_type':'api-key','event_timestamp':1615304991,'friendly_name':'CI','initiating_entity':'user'}}}`},
		{"an API key ends", by, entry(revoke.Kill, revoke.APIKey, "key_1", ""),
			`{'Sub':` + ann + `,'Events':{'credential-change':{'change_type':'revoke','credential_type':'api-key','event_timestamp':1615304991,'initiating_entity':'admin'}}}`},
		{"an API key of nobody ends", ssf.About{}, entry(revoke.Kill, revoke.APIKey, "key_1", ""), ""},
		{"a plan changes", by, entry(revoke.Notice, revoke.Subject, "usr_ann", ""), ""},
		{"a cookie is replaced", by, entry(revoke.Notice, revoke.Session, "ses_1", ""), ""},
		{"a policy is published", by, entry(revoke.Notice, revoke.Policy, "1", ""), ""},
		{"a signing key is compromised", by, entry(revoke.Kill, revoke.Key, "kid", ""), ""},
		{"the database was restored", by, entry(revoke.Kill, revoke.Global, "", ""), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := told(t, tt.about, tt.entry); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestSignalsHaveTheNumbersOfTheirEntriesAndOneTransaction(t *testing.T) {
	signals := ssf.Derive(10, ssf.About{Subject: "usr_ann", Change: ssf.Update},
		entry(revoke.Kill, revoke.Session, "ses_1", ""), entry(revoke.Notice, revoke.Policy, "1", ""), entry(revoke.Notice, revoke.Subject, "usr_ann", ""))
	if len(signals) != 2 || signals[0].Seq != 8 || signals[1].Seq != 10 || signals[0].Txn != signals[1].Txn || signals[0].ID == signals[1].ID {
		t.Errorf("%+v", signals)
	}
}

// A token says nothing that another kind of token would say, whatever happened.
func TestASetIsNoOtherToken(t *testing.T) {
	s := ssf.Signal{Seq: 1, ID: "sig_1", At: at, Event: ssf.SessionRevoked, Subject: "usr_ann", Txn: "txn_1"}
	one, two := ssf.Stream{ID: "stm_1", Owner: "usr_r"}, ssf.Stream{ID: "stm_2", Owner: "usr_r"}
	set := one.Set("https://id.example", &s)
	b, _ := json.Marshal(set)
	var claims map[string]any
	if err := json.Unmarshal(b, &claims); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sub", "exp", "client_id", "scope", "rev", "sid", "nonce"} {
		if _, there := claims[name]; there {
			t.Errorf("it has %s", name)
		}
	}
	if claims["iss"] != "https://id.example" || claims["aud"] != "usr_r" || claims["iat"] != float64(1615304991) || claims["txn"] != "txn_1" {
		t.Errorf("%s", b)
	}
	if again := one.Set("https://id.example", &s); again.ID != set.ID || two.JTI(&s) == set.ID {
		t.Errorf("jti %s, again %s, of another stream %s", set.ID, again.ID, two.JTI(&s))
	}
	typ := ""
	out, err := set.Sign(func(typ_ string, payload []byte) (string, error) { typ = typ_; return string(payload), nil })
	if err != nil || typ != "secevent+jwt" || out != string(b) {
		t.Errorf("%s %v", typ, err)
	}
}

func TestNotices(t *testing.T) {
	st := ssf.Stream{ID: "stm_1", Owner: "usr_r"}
	for _, tt := range []struct {
		notice ssf.Notice
		want   string
	}{
		{ssf.Notice{JTI: "n", At: at, Event: ssf.Verification, State: "s"}, `{"https://schemas.openid.net/secevent/ssf/event-type/verification":{"state":"s"}}`},
		{ssf.Notice{JTI: "n", At: at, Event: ssf.Verification}, `{"https://schemas.openid.net/secevent/ssf/event-type/verification":{}}`},
		{ssf.Notice{JTI: "n", At: at, Event: ssf.StreamUpdated, Status: ssf.Paused, Reason: "why"},
			`{"https://schemas.openid.net/secevent/ssf/event-type/stream-updated":{"reason":"why","status":"paused"}}`},
	} {
		set := st.NoticeSet("https://id.example", &tt.notice)
		b, _ := json.Marshal(set.Events)
		if string(b) != tt.want || set.ID != "n" || set.SubjectID != (ssf.Subject{Format: "opaque", ID: "stm_1"}) {
			t.Errorf("%s, %+v", b, set)
		}
	}
}

func TestShorten(t *testing.T) {
	for in, want := range map[string]string{
		"": "", " a\nb\x00c\xff ": "a b c", strings.Repeat("ä", 400): strings.Repeat("ä", 150),
	} {
		if got := ssf.Shorten(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestParseRefusal(t *testing.T) {
	for _, tt := range []struct {
		body          string
		refusal, ofIt bool
		want          string
	}{
		{`{"err":"invalid_audience","description":"not ours"}`, true, true, "invalid_audience: not ours"},
		{`{"err":"invalid_state"}`, true, true, "invalid_state:"},
		{`{"err":"authentication_failed","description":"who?"}`, true, false, "authentication_failed: who?"},
		{`{"err":"access_denied"}`, true, false, "access_denied:"},
		{`{"error":"invalid_audience"}`, false, false, ""},
		{`{"err":""}`, false, false, ""},
		{`<html>`, false, false, ""},
		{``, false, false, ""},
		{`null`, false, false, ""},
		{`{"err":1}`, false, false, ""},
	} {
		r, ok := ssf.ParseRefusal([]byte(tt.body))
		if ok != tt.refusal || ok && (r.OfToken() != tt.ofIt || r.String() != tt.want) {
			t.Errorf("%s: %v %v %q", tt.body, r, ok, r)
		}
	}
}

func FuzzParseRefusal(f *testing.F) {
	f.Add([]byte(`{"err":"invalid_key","description":"a\u0000b"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if r, ok := ssf.ParseRefusal(body); ok {
			if s := r.String(); strings.ContainsAny(s, "\x00\n\r\x7f") || len(s) > 300 || s != strings.ToValidUTF8(s, "?") {
				t.Errorf("%q", s)
			}
		}
	})
}

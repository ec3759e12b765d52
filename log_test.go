package sallyport_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport"
)

// The cause of a refusal is for the log, and never for the client.
func TestLogsHoldTheCauseAndBodiesDoNot(t *testing.T) {
	for _, tt := range []struct {
		name    string
		door    sallyport.Door
		request *http.Request
		level   string
		cause   string
	}{
		{"an expired credential", sallyport.SignedIn(), request("GET /", "Authorization: Bearer expired"), "INFO", "expired yesterday"},
		{"a malformed one", sallyport.SignedIn(), request("GET /", "Authorization: Bearer"), "INFO", "malformed"},
		{"two cookies", sallyport.SignedIn(), request("GET /", annCookie, annCookie), "INFO", "two session cookies"},
		{"none", sallyport.SignedIn(), request("GET /"), "DEBUG", "no credential"},
		{"a store that is down", sallyport.SignedIn(), request("GET /", "Authorization: Bearer down"), "ERROR", "connection refused"},
		{"a denial names its rule and the object", posts.May("write", load), request("GET /?post=1", annBearer), "INFO", "write on Post 1 denied by rule 7"},
		{"a denial by nothing in particular", sallyport.May("fly"), request("GET /", annBearer), "INFO", "fly on no object denied by default"},
		{"a hidden denial", posts.May("write", load).Hide(), request("GET /?post=1", annBearer), "DEBUG", "denied by rule 7"},
		{"a policy that cannot tell", sallyport.May("undecided"), request("GET /", annBearer), "ERROR", "connection refused"},
		{"a limit that nobody keeps", sallyport.SignedIn().Limit("broken"), request("GET /", annBearer), "ERROR", "connection refused"},
		{"a quota", sallyport.SignedIn().Limit("spent"), request("GET /", annBearer), "INFO", "rate_limited"},
		{"another origin", sallyport.SignedIn(), request("POST /", annCookie, crossSite), "INFO", "cross-origin request detected"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, log := newGate()
			w := serve(g, tt.door, tt.request)
			line := log.String()
			if strings.Count(line, "\n") != 1 || !strings.Contains(line, "level="+tt.level+" ") || !strings.Contains(line, tt.cause) {
				t.Errorf("log: %s", line)
			}
			if d := problem(t, w); !strings.Contains(line, "trace_id="+d.TraceID) || d.DecisionID != "" && !strings.Contains(line, "decision_id="+d.DecisionID) {
				t.Errorf("log without what the client was told to quote (%+v): %s", d, line)
			}
			if tt.cause != "rate_limited" && strings.Contains(w.Body.String(), tt.cause) {
				t.Errorf("the client was told why: %s", w.Body)
			}
		})
	}
}

func TestLogNamesTheSubjectAndTheHiddenDecision(t *testing.T) {
	g, log := newGate()
	serve(g, posts.May("write", load).Hide(), request("GET /?post=1", annBearer))
	if line := log.String(); !strings.Contains(line, "subject=usr_ann") || !strings.Contains(line, "decision_id=dec_1") {
		t.Errorf("log: %s", line)
	}
}

// A set-up link or a reset code is part of a path; the pattern says enough.
func TestLogNamesTheRouteAndNotThePath(t *testing.T) {
	g, log := newGate()
	rt := &sallyport.Routes{Gate: g}
	rt.Func("GET /setup/{code}", sallyport.Public(), func(http.ResponseWriter, *http.Request) error { return sallyport.ErrNotFound })
	rt.ServeHTTP(httptest.NewRecorder(), request("GET /setup/"+secretMarker))
	if line := log.String(); !strings.Contains(line, `route="GET /setup/{code}"`) || strings.Contains(line, secretMarker) {
		t.Errorf("log: %s", line)
	}
	log.Reset()
	serve(g, sallyport.SignedIn(), request("GET /plain"))
	if line := log.String(); !strings.Contains(line, "route=/plain") {
		t.Errorf("without a pattern: %s", line)
	}
}

func TestSecretsAreNeverLoggedOrAnswered(t *testing.T) {
	g, log := newGate()
	var answers strings.Builder
	for _, prefix := range []string{"ann-", "expired-", "down-", "nobody-", "unknown-", "busy-", ""} {
		for _, header := range [][]string{
			{"Authorization: Bearer " + prefix + secretMarker},
			{"Authorization: " + prefix + secretMarker},
			{"Authorization: " + prefix + secretMarker + " x"},
			{"Authorization: Bearer " + prefix + secretMarker + "\x01"},
			{"Authorization: DPoP " + prefix + secretMarker, "DPoP: " + secretMarker},
			{"X-API-Key: " + prefix + secretMarker},
			{"Cookie: __Host-sallyport=" + prefix + secretMarker},
			{"Cookie: __Host-sallyport=" + prefix + secretMarker, "Cookie: __Host-sallyport=" + secretMarker},
			{"Cookie: __Host-sallyport=" + prefix + secretMarker, "X-API-Key: " + secretMarker},
			{"Cookie: __Host-sallyport=" + prefix + secretMarker, crossSite},
			{"Authorization: Bearer " + prefix + secretMarker, "X-API-Key: " + secretMarker},
		} {
			for _, target := range []string{"POST /", "POST /?access_token=" + secretMarker} {
				for _, door := range []sallyport.Door{sallyport.SignedIn(), sallyport.May("write"), sallyport.May("undecided"), sallyport.Public().Limit("spent")} {
					w := serve(g, door, request(target, header...))
					answers.WriteString(w.Body.String())
					w.Header().Write(&answers)
				}
			}
		}
	}
	if log.Len() == 0 || answers.Len() == 0 {
		t.Fatal("nothing was refused")
	}
	if strings.Contains(strings.ToLower(log.String()), secretMarker) {
		t.Error("a secret was logged")
	}
	if strings.Contains(strings.ToLower(answers.String()), secretMarker) {
		t.Error("a secret was answered")
	}
}

func TestAClientThatWentAwayIsNoError(t *testing.T) {
	g, log := newGate()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g.Error(httptest.NewRecorder(), request("GET /").WithContext(ctx), ctx.Err())
	if !strings.Contains(log.String(), "level=DEBUG") {
		t.Errorf("log: %s", log)
	}
	log.Reset()
	g.Error(httptest.NewRecorder(), request("GET /"), context.Canceled) // somebody else's context
	if !strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("log: %s", log)
	}
}

func TestWithoutALogOfItsOwnTheGateUsesTheDefault(t *testing.T) {
	var buf bytes.Buffer
	before := slog.Default()
	defer slog.SetDefault(before)
	slog.SetDefault(slog.New(slog.NewTextHandler(&buf, nil)))
	g := new(sallyport.Gate)
	g.Error(httptest.NewRecorder(), request("GET /"), errStoreDown)
	g.Error(httptest.NewRecorder(), request("GET /"), sallyport.ErrNoCredential) // below its level
	if strings.Count(buf.String(), "\n") != 1 || !strings.Contains(buf.String(), "connection refused") {
		t.Errorf("log: %s", &buf)
	}
}

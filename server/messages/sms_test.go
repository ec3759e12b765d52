package messages_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/internal/outbound"
	"github.com/sallyport-auth/sallyport/server/messages"
)

var code = outbox.Message{ID: "msg_7", Kind: outbox.CodeBySMS, Channel: outbox.SMS, CreatedAt: written}

const number = "+4930901820"

func TestAWebhookGetsWhatItCanVerify(t *testing.T) {
	const secret = "0123456789abcdef"
	var got *http.Request
	var body []byte
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	}))
	defer srv.Close()
	if err := messages.DeliverSMS(t.Context(), messages.SMS{URL: srv.URL + "/send", Secret: secret}, code, number, messages.Text{Plain: "428913 is your code"}); err != nil {
		t.Fatal(err)
	}
	if want := `{"id":"msg_7","kind":"code_sms","to":"+4930901820","text":"428913 is your code"}`; string(body) != want {
		t.Errorf("body %s", body)
	}
	signature := got.Header.Get("Sallyport-Signature")
	seconds, _, _ := strings.Cut(strings.TrimPrefix(signature, "t="), ",")
	at, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || time.Since(time.Unix(at, 0)).Abs() > time.Hour {
		t.Errorf("time of %q", signature)
	}
	if want := messages.Sign(secret, body, time.Unix(at, 0)); signature != want {
		t.Errorf("signature %q, want %q", signature, want)
	}
	if got.URL.Path != "/send" || got.Method != "POST" {
		t.Errorf("%s %s", got.Method, got.URL)
	}
}

// Made by: printf '1764527100.{"id":"msg_7"}' | openssl dgst -sha256 -hmac 0123456789abcdef
func TestSignature(t *testing.T) {
	const want = "t=1764527100,v1=403f8b4df0bd0512e344eed517868b19a780970ec7319e579a68c41bb6da2c54"
	if got := messages.Sign("0123456789abcdef", []byte(`{"id":"msg_7"}`), time.Unix(1764527100, 0)); got != want {
		t.Errorf("got %s", got)
	}
}

func TestTwilio(t *testing.T) {
	var form map[string][]string
	var user, token, path string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		form, path = r.PostForm, r.URL.Path
		user, token, _ = r.BasicAuth()
		w.WriteHeader(201)
	}))
	defer srv.Close()
	to := messages.SMS{URL: "twilio://AC1:t0ken@" + strings.TrimPrefix(srv.URL, "http://") + "?from=%2B15550100"}
	if err := messages.DeliverSMS(t.Context(), to, code, number, messages.Text{Plain: "428913"}); err != nil {
		t.Fatal(err)
	}
	if user != "AC1" || token != "t0ken" || path != "/2010-04-01/Accounts/AC1/Messages.json" {
		t.Errorf("%s %s %s", user, token, path)
	}
	if form["To"][0] != number || form["From"][0] != "+15550100" || form["Body"][0] != "428913" {
		t.Errorf("%v", form)
	}
}

func TestWhatAGatewayAnswersMeans(t *testing.T) {
	for status, never := range map[int]bool{
		200: false, 202: false, 302: false, 400: true, 401: false, 403: false, 404: false, 410: true, 422: true, 429: false, 500: false, 503: false,
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		}))
		err := messages.DeliverSMS(t.Context(), messages.SMS{URL: srv.URL, Secret: "0123456789abcdef"}, code, number, messages.Text{Plain: "x"})
		srv.Close()
		if _, refused := errors.AsType[*outbox.RefusedError](err); refused != never || (err == nil) != (status/100 == 2) {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestAGatewayIsPublicOrOnThisMachine(t *testing.T) {
	err := messages.DeliverSMS(t.Context(), messages.SMS{URL: "https://192.168.1.1/x", Secret: "0123456789abcdef"}, code, number, messages.Text{Plain: "x"})
	if !errors.Is(err, outbound.ErrPrivate) {
		t.Errorf("%v", err)
	}
}

func TestSMSCheck(t *testing.T) {
	for _, c := range []struct {
		name string
		sms  messages.SMS
		ok   bool
	}{
		{"none", messages.SMS{}, true},
		{"a webhook", messages.SMS{URL: "https://sms.example.com/send", Secret: "0123456789abcdef"}, true},
		{"a webhook on this machine", messages.SMS{URL: "http://127.0.0.1:9/send", Secret: "0123456789abcdef"}, true},
		{"a short secret", messages.SMS{URL: "https://sms.example.com/send", Secret: "0123456789"}, false},
		{"plain http", messages.SMS{URL: "http://sms.example.com/send", Secret: "0123456789abcdef"}, false},
		{"Twilio", messages.SMS{URL: "twilio://AC1:hunter2@api.twilio.com?from=%2B15550100"}, true},
		{"Twilio from nobody", messages.SMS{URL: "twilio://AC1:hunter2@api.twilio.com"}, false},
		{"Twilio without a token", messages.SMS{URL: "twilio://AC1@api.twilio.com?from=1"}, false},
		{"malformed", messages.SMS{URL: "twilio://AC1:hunter2@[::1"}, false},
	} {
		err := c.sms.Check()
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error shows the token", c.name)
		}
	}
}

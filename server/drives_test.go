package server_test

import (
	"net/url"
	"time"

	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/internal/passkeytest"
)

// The answers of [TestEveryOperationDoesWhatIsDescribed] that take more than a request.

func driveFactorPages(h *house) {
	carol := h.browser("carol-pages")
	phone, _ := carol.app()
	begin := url.Values{"channel": {"sms"}, "phone": {"+49 30 123458"}}
	carol.visit("POST", "/auth/otp/enrol", begin).want(200)
	carol.visit("POST", "/auth/otp/confirm", url.Values{"channel": {"sms"}, "code": {h.message(outbox.CodeBySMS)}}).want(303)
	carol.visit("POST", "/auth/factors/remove", url.Values{"kind": {"sms"}}).want(303)

	late := h.nobody() // whose ticket has expired
	late.visit("POST", "/auth/totp", url.Values{"ticket": {"x"}}).want(303)
	late.visit("POST", "/auth/totp/confirm", url.Values{"ticket": {"x"}, "code": {"123456"}}).want(303)
	begin.Set("ticket", "x")
	late.visit("POST", "/auth/otp/enrol", begin).want(303)

	narrow := h.nobody().bearer(signed(h, carol.id, func(cl *token.Claims) { cl.Scopes, cl.AuthTime = []string{"note:read"}, time.Now() }))
	garbage := h.nobody().bearer("garbage")
	garbage.do("GET", "/auth/otp/sms").want(401, "invalid_token")
	narrow.do("GET", "/auth/otp/sms").want(403, "insufficient_scope")
	narrow.do("GET", "/auth/totp").want(403, "insufficient_scope")
	narrow.do("POST", "/auth/otp/enrol", `{"channel":"sms","phone":"+49 30 123459"}`).want(403, "insufficient_scope")
	narrow.do("POST", "/auth/otp/confirm", `{"channel":"sms","code":"123456"}`).want(403, "insufficient_scope")

	step := h.nobody().firstStep("carol-pages")
	h.nobody().do("POST", "/auth/passkeys/factor/options", `{"ticket":"`+step.Ticket+`"}`).want(404, "not_found")
	mfa := func(code string) *answer {
		return h.nobody().do("POST", "/auth/mfa", `{"ticket":"`+h.nobody().firstStep("carol-pages").Ticket+`","method":"totp","code":"`+code+`"}`)
	}
	for range 5 {
		mfa("000000").want(401, "invalid_credentials")
	}
	mfa(phone.code(1)).want(429, "rate_limited")
}

func drivePasskeys(h *house) {
	ann, d := h.browser("ann-passkeys"), h.device()
	ann.do("POST", "/auth/passkeys/step-up/options", "{}").want(404, "not_found")
	var first, second struct{ ID string }
	var id []byte
	d.Wrong = func(a *passkeytest.Answer) { id = a.ID }
	ann.make(d).want(201).into(&first)
	twin := h.device() // that says it is the first one
	twin.Wrong = func(a *passkeytest.Answer) { a.ID = id }
	ann.make(twin).want(409, "passkey_taken")
	c := h.nobody()
	c.do("POST", "/auth/passkeys/login", answering(c.choose(d))(`,"org":"not-hers"`)).want(403, "forbidden")

	ann.do("POST", "/auth/passkeys/"+first.ID+"/rename", `{"name":"Key ring"}`).want(200)
	ann.do("POST", "/auth/passkeys/pky_0/rename", `{"name":"Key ring"}`).want(404, "not_found")
	ann.make(h.device()).want(201).into(&second)
	ann.do("POST", "/auth/passkeys/"+second.ID+"/remove").want(204)
	ann.do("POST", "/auth/passkeys/"+second.ID+"/remove").want(404, "not_found")
	h.forgetPassword(ann.id)
	ann.do("POST", "/auth/passkeys/"+first.ID+"/remove").want(409, "last_way_in")

	const most = 32
	for range most - 2 {
		ann.make(h.device()).want(201)
	}
	_, options := ann.do("POST", "/auth/passkeys/options", "{}").asked()
	late, err := h.device().Create(options)
	if err != nil {
		h.Fatal(err)
	}
	ann.make(h.device()).want(201)
	ann.do("POST", "/auth/passkeys", `{"credential":`+string(late)+`}`).want(409, "too_many_passkeys")
	ann.do("POST", "/auth/passkeys/options", "{}").want(409, "too_many_passkeys")
}

func driveAccountPages(h *house, boss *caller) {
	dave := h.browser("dave-pages")
	form(dave).do("POST", "/auth/api-keys", "name=page&scopes=note:read&days=1").want(200)
	key := firstOf(dave.do("GET", "/auth/api-keys").want(200))
	dave.do("POST", "/auth/api-keys/"+key+"/revoke", "{}").want(204)
	dave.do("POST", "/auth/api-keys/"+key+"/revoke", "{}").want(404, "not_found")

	h.again("dave-pages")
	dave.do("POST", "/auth/sessions/end", "{}").want(204)
	h.again("dave-pages")
	var list struct {
		Items []struct {
			ID      string
			Current bool
		}
	}
	dave.do("GET", "/auth/sessions").want(200).into(&list)
	for _, s := range list.Items {
		if !s.Current {
			dave.do("POST", "/auth/sessions/"+s.ID+"/end", "{}").want(204)
			dave.do("POST", "/auth/sessions/"+s.ID+"/end", "{}").want(404, "not_found")
		}
	}
	boss.do("POST", "/auth/leave", "{}").want(409, "conflict") // the last administrator

	for range 5 {
		dave.do("POST", "/auth/step-up", `{"method":"password","password":"wrong"}`).want(401, "invalid_credentials")
	}
	dave.do("POST", "/auth/step-up", `{"method":"password","password":"wrong"}`).want(429, "rate_limited")
}

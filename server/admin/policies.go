package admin

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/cedar"
	"github.com/sallyport-auth/sallyport/authz/rulebook"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

// policies lists the versions, the newest first, without what they say.
func (h *Handler) policies(w http.ResponseWriter, r *http.Request) error {
	limit, cursor, err := pageOf(r)
	if err != nil {
		return err
	}
	below := int64(0)
	if cursor != "" {
		if below, err = strconv.ParseInt(cursor, 10, 64); err != nil || below < 1 {
			return errCursor
		}
	}
	found, err := h.Accounts.PolicyHistory(r.Context(), below, limit+1)
	if err != nil {
		return exchange.Problem(err)
	}
	page := make([]shown.PolicyVersion, 0, len(found))
	for _, v := range found {
		page = append(page, shown.NewPolicyVersion(v))
	}
	return exchange.JSON(w, http.StatusOK, exchange.NewPage(page, limit, func(v shown.PolicyVersion) string {
		return strconv.FormatInt(v.Number, 10)
	}))
}

// currentPolicy shows what is in force here, also if it is the program's own.
func (h *Handler) currentPolicy(w http.ResponseWriter, r *http.Request) error {
	return exchange.JSON(w, http.StatusOK, shown.NewPolicyVersion(h.Rules.Current().Version))
}

func (h *Handler) policy(w http.ResponseWriter, r *http.Request) error {
	number, err := versionIn(r)
	if err != nil {
		return err
	}
	v, err := h.Accounts.PolicyVersion(r.Context(), number)
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.JSON(w, http.StatusOK, shown.NewPolicyVersion(v))
}

// versionIn is the number in the path.
func versionIn(r *http.Request) (int64, error) {
	number, err := strconv.ParseInt(r.PathValue("version"), 10, 64)
	if err != nil || number < 1 {
		return 0, exchange.Problem(authz.ErrNoVersion)
	}
	return number, nil
}

type policyRequest struct {
	draft
	Comment  string `json:"comment"`
	Expected *int64 `json:"expected"` // version that it was made from; nil: whatever is in force
}

func (h *Handler) publish(w http.ResponseWriter, r *http.Request) error {
	var in policyRequest
	if err := exchange.ReadPolicy(w, r, &in); err != nil {
		return err
	}
	switch {
	case h.Rules.Fixed():
		return errOwn
	case len(in.Files) == 0:
		return exchange.Invalid("Name at least one file.")
	}
	expected := int64(account.AnyVersion)
	if in.Expected != nil {
		if expected = *in.Expected; expected < 0 {
			return exchange.Invalid("The member expected is the number of a version, or 0 for none.")
		}
	}
	v := in.version()
	v.Comment = in.Comment
	v, err := h.Accounts.PublishPolicy(r.Context(), v, expected, h.fit(r), exchange.Origin(h.Gate, r))
	return h.published(w, v, err)
}

type rollbackRequest struct {
	Comment string `json:"comment"`
}

func (h *Handler) rollback(w http.ResponseWriter, r *http.Request) error {
	var in rollbackRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	if h.Rules.Fixed() {
		return errOwn
	}
	number, err := versionIn(r)
	if err != nil {
		return err
	}
	v, err := h.Accounts.RollbackPolicy(r.Context(), number, in.Comment, h.fit(r), exchange.Origin(h.Gate, r))
	return h.published(w, v, err)
}

// published answers without what the version says: whoever published it knows.
func (h *Handler) published(w http.ResponseWriter, v authz.Version, err error) error {
	if err != nil {
		return exchange.Problem(err)
	}
	v.Schema, v.Files = "", nil
	w.Header().Set("Location", h.Base+"/admin/api/policies/"+strconv.FormatInt(v.Number, 10))
	return exchange.JSON(w, http.StatusCreated, shown.NewPolicyVersion(v))
}

// errOwn is the answer to who would publish where nothing can be.
var errOwn = &sallyport.Problem{
	Status: http.StatusConflict, Code: "conflict",
	Detail: "Nothing can be published: " + rulebook.ErrOwn.Error() + ".",
}

// fit refuses a policy that cannot be in force, and one under which whoever
// publishes it could not publish the next: nobody could mend it from outside.
func (h *Handler) fit(r *http.Request) func(authz.Version) error {
	again := sallyport.Query{
		Principal: sallyport.From(r.Context()), Action: "policy:publish", Context: sallyport.Context{Addr: h.Gate.Addr(r)},
	}
	return func(v authz.Version) error {
		e, err := h.Rules.Check(v)
		if err != nil {
			return invalidPolicy(err)
		}
		d, err := h.with(authz.Rules{Set: e.Set}).Decide(r.Context(), again)
		if err == nil && !d.Allow {
			err = &sallyport.Problem{Status: http.StatusConflict, Code: "conflict",
				Detail: "Under these rules you could not publish any others. What decides is " + d.Rule + "."}
		}
		return err
	}
}

// A mistake is one thing that is wrong with a policy.
type mistake struct {
	File       string `json:"file,omitempty"`
	Line       int    `json:"line,omitempty"`
	Column     int    `json:"column,omitempty"`
	Reason     string `json:"reason"`
	Suggestion string `json:"suggestion,omitempty"`
}

// invalidPolicy lists everything that is wrong.
func invalidPolicy(err error) *sallyport.Problem {
	return &sallyport.Problem{
		Status: http.StatusUnprocessableEntity, Code: "invalid_policy", Detail: "The policy cannot be in force, and the one before stays.",
		Extra: map[string]any{"errors": mistakes(nil, err)},
	}
}

// mistakes appends what err joins.
func mistakes(to []mistake, err error) []mistake {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			to = mistakes(to, e)
		}
		return to
	}
	if e, ok := errors.AsType[*cedar.Error](err); ok {
		return append(to, mistake(*e))
	}
	m := mistake{Reason: err.Error()}
	if errors.Is(err, rulebook.ErrNoSchema) {
		m.File = rulebook.SchemaFile
	}
	return append(to, m)
}

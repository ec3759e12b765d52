package account_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/clientcert"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/ssf"
)

func host(name string) clientcert.Name { return clientcert.Name{Kind: clientcert.DNS, Value: name} }

func TestACertificateIsAddedAndRemoved(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		n := h.on(t)
		n.update(func(tx account.Tx) error {
			return tx.Streams.Create(t.Context(), ssf.Stream{ID: "stm_1", Owner: "usr_receiver", Method: ssf.Poll, Status: ssf.Enabled})
		})
		ann := n.member().User
		before := n.head()
		name := host(newName() + ".example.org")
		m, err := n.AddCertificate(t.Context(), ann.ID, account.NewCertificate{Name: name, Label: "ci", Service: true}, origin("boss"))
		n.must(err)
		n.obeys("AddCertificate")
		found, err := n.Certificate(t.Context(), name)
		n.must(err)
		if diff := cmp.Diff(m, found); diff != "" || found.Owner != ann.ID || !found.Service || !found.ExpiresAt.IsZero() {
			t.Errorf("%+v (-want +got):\n%s", found, diff)
		}
		n.must(n.RemoveCertificate(t.Context(), m.ID, ann.ID, origin("boss")))
		n.obeys("RemoveCertificate")
		_, err = n.Certificate(t.Context(), name)
		n.wants(err, clientcert.ErrNotFound, "after it is removed")
		n.wants(n.RemoveCertificate(t.Context(), m.ID, ann.ID, origin("boss")), clientcert.ErrNotFound, "again")

		for action, want := range map[string]int{"certificate.add": 1, "certificate.remove": 1} {
			es := n.audited(action, ann.ID)
			if len(es) != want || es[0].Actor != "boss" || es[0].Detail["value"] != name.Value || es[0].Detail["name"] != "ci" {
				t.Errorf("%s: %+v", action, es)
			}
		}
		for _, e := range n.entries(before) {
			if e.Effect != revoke.Notice {
				t.Errorf("it ends something: %+v", e)
			}
		}
		var signals []ssf.Signal
		n.view(func(tx account.Tx) (err error) {
			signals, err = tx.Signals.Read(t.Context(), before.Seq, 10)
			return err
		})
		if len(signals) != 2 || signals[0].Credential != ssf.X509 || signals[0].Change != ssf.Create || signals[1].Change != ssf.Revoke || signals[0].Name != "ci" {
			t.Errorf("%+v", signals)
		}
	})
}

func TestWhatIsNoCertificate(t *testing.T) {
	n := newHouse(t, backends[0])
	ann := n.member().User
	closed := n.member().User
	n.must(n.Disable(t.Context(), closed.ID, origin("boss")))
	taken := account.NewCertificate{Name: host("taken.example.org")}
	m, err := n.AddCertificate(t.Context(), ann.ID, taken, origin("boss"))
	n.must(err)
	invalid := func(member string) func(error) bool {
		return func(err error) bool {
			e, ok := errors.AsType[*account.InvalidError](err)
			return ok && e.Member == member
		}
	}
	is := func(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }
	for _, tt := range []struct {
		name  string
		owner string
		in    account.NewCertificate
		want  func(error) bool
	}{
		{"a name that is taken", ann.ID, taken, is(clientcert.ErrTaken)},
		{"a wildcard", ann.ID, account.NewCertificate{Name: host("*.example.org")}, invalid("value")},
		{"no kind", ann.ID, account.NewCertificate{}, invalid("value")},
		{"a label that is a novel", ann.ID, account.NewCertificate{Name: host("a.example.org"), Label: strings.Repeat("x", 101)}, invalid("name")},
		{"a label with a line break", ann.ID, account.NewCertificate{Name: host("a.example.org"), Label: "a\nb"}, invalid("name")},
		{"the past", ann.ID, account.NewCertificate{Name: host("a.example.org"), ExpiresAt: time.Now().Add(-time.Second)}, invalid("expires_at")},
		{"nobody", "usr_x", account.NewCertificate{Name: host("a.example.org")}, is(account.ErrNotFound)},
		{"somebody disabled", closed.ID, account.NewCertificate{Name: host("a.example.org")}, is(account.ErrNotFound)},
	} {
		if _, err := n.AddCertificate(t.Context(), tt.owner, tt.in, origin("boss")); !tt.want(err) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	n.wants(n.RemoveCertificate(t.Context(), m.ID, closed.ID, origin("boss")), clientcert.ErrNotFound, "as another's")
	n.wants(n.RemoveCertificate(t.Context(), "crt\x00", "", origin("boss")), clientcert.ErrNotFound, "by an id that is none")
	all, err := n.Certificates(t.Context(), ann.ID)
	n.must(err)
	if len(all) != 1 || all[0].ID != m.ID {
		t.Errorf("%+v", all)
	}
}

// Of many who add and remove one name at once, and disable its owner, nobody leaves
// door one with an answer that the store does not give.
func TestCertificatesAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		n := h.on(t)
		name := host(newName() + ".example.org")
		owners := []account.User{n.member().User, n.member().User, n.member().User}
		many(12, func(i int) {
			owner := owners[i%3]
			m, err := n.AddCertificate(t.Context(), owner.ID, account.NewCertificate{Name: name}, origin("boss"))
			switch {
			case errors.Is(err, clientcert.ErrTaken):
				return
			case err != nil:
				t.Error(err)
				return
			}
			if i%2 == 0 {
				if err := n.RemoveCertificate(t.Context(), m.ID, "", origin("boss")); err != nil {
					t.Error(err)
				}
			}
		})
		n.obeys("the last of them")
		var kept int
		for _, u := range owners {
			all, err := n.Certificates(t.Context(), u.ID)
			n.must(err)
			kept += len(all)
		}
		added, removed := 0, 0
		for _, u := range owners {
			added += len(n.audited("certificate.add", u.ID))
			removed += len(n.audited("certificate.remove", u.ID))
		}
		if kept > 1 || added-removed != kept {
			t.Errorf("%d kept, %d added, %d removed", kept, added, removed)
		}
	})
}

func TestADeletedUserLeavesNoCertificate(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		n := h.on(t)
		ann, bob := n.member().User, n.member().User
		name := host(newName() + ".example.org")
		_, err := n.AddCertificate(t.Context(), ann.ID, account.NewCertificate{Name: name}, origin("boss"))
		n.must(err)
		n.must(n.Delete(t.Context(), ann.ID, origin("boss")))
		n.obeys("Delete")
		_, err = n.Certificate(t.Context(), name)
		n.wants(err, clientcert.ErrNotFound, "of a deleted user")
		_, err = n.AddCertificate(t.Context(), bob.ID, account.NewCertificate{Name: name}, origin("boss"))
		n.wants(err, nil, "the name is free")
	})
}

// A remembered certificate is forgotten before the change that ends it returns.
func TestARemovedCertificateIsNoCredential(t *testing.T) {
	n := newHouse(t, backends[0])
	ann := n.member().User
	m, err := n.AddCertificate(t.Context(), ann.ID, account.NewCertificate{Name: host("robot.example.org")}, origin("boss"))
	n.must(err)
	cache := revoke.NewCache[[32]byte, *sallyport.Principal](n.Follower, 8)
	read := 0
	look := func() {
		_, err := cache.Find([32]byte{1}, func() (*sallyport.Principal, revoke.IDs, time.Time, error) {
			read++
			return &sallyport.Principal{}, revoke.IDs{Subject: ann.ID, Client: clientcert.Everybody}, time.Now().Add(time.Minute), nil
		})
		n.must(err)
	}
	look()
	look()
	if read != 1 {
		t.Fatalf("%d look-ups", read)
	}
	n.must(n.RemoveCertificate(t.Context(), m.ID, "", origin("boss")))
	look()
	if read != 2 {
		t.Errorf("%d look-ups after it was removed", read)
	}
	if es := n.audited("certificate.remove", ann.ID); !slices.ContainsFunc(es, func(e audit.Entry) bool { return e.Detail["certificate"] == m.ID }) {
		t.Errorf("%+v", es)
	}
}

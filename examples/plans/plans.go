package main

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/netip"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// A Document belongs to an organization.
type Document struct {
	ID     string `json:"id"`
	Org    string `json:"org"`
	Author string `json:"author"` // subject
	Title  string `json:"title"`
}

// documents tells the policy about documents. The attribute "org" is what keeps
// organizations apart.
var documents = sallyport.TypeOf("Document", func(d *Document) string { return d.ID },
	sallyport.Org(func(d *Document) string { return d.Org }),
	sallyport.Subject("author", func(d *Document) string { return d.Author }))

const tables = `
	CREATE TABLE IF NOT EXISTS document (id INTEGER PRIMARY KEY, org TEXT NOT NULL, author TEXT NOT NULL, title TEXT NOT NULL);
	CREATE INDEX IF NOT EXISTS document_org ON document (org)`

// An archive keeps documents beside the accounts, in the same file.
type archive struct {
	db   *sqlite.DB
	auth *server.Server
}

// mount registers the archive's routes. Who may pass is said here, and nowhere else.
func mount(ctx context.Context, auth *server.Server, db *sqlite.DB) error {
	a := &archive{db, auth}
	auth.Gate.Limiter = tiers{auth.Gate.Limiter}
	auth.Routes.Func("GET /documents", sallyport.SignedIn().Limit("lists"), a.list)
	auth.Routes.Func("POST /documents", documents.May("document:write", blank), a.create)
	auth.Routes.Func("GET /documents/{id}", documents.May("document:read", a.load), a.show)
	auth.Routes.Func("GET /documents/{id}/export", documents.May("document:export", a.load), a.export)
	auth.Routes.Func("DELETE /documents/{id}", documents.May("document:delete", a.load), a.delete)
	return db.Exec(ctx, tables)
}

// tiers make limits out of plans: a door that names the limit "lists" spends of
// "lists.free" or "lists.pro".
type tiers struct{ sallyport.Limiter }

func (t tiers) Spend(ctx context.Context, limit string, p *sallyport.Principal, addr netip.Addr) error {
	return t.Limiter.Spend(ctx, limit+"."+cmp.Or(p.Plan, "free"), p, addr)
}

// list shows the documents of the organization that somebody acts in.
func (a *archive) list(w http.ResponseWriter, r *http.Request) error {
	mine, err := a.auth.Gate.Filter(r.Context(), "document:read", documents)
	if err != nil {
		return err
	}
	rows, err := a.db.Read.QueryContext(r.Context(), `SELECT id, org, author, title FROM document WHERE `+
		mine.SQL(sallyport.SQLite, 1)+` ORDER BY id LIMIT 100`, mine.Args()...)
	if err != nil {
		return err
	}
	defer rows.Close()
	all := []Document{}
	for rows.Next() {
		var d Document
		if err := rows.Scan(&d.ID, &d.Org, &d.Author, &d.Title); err != nil {
			return err
		}
		all = append(all, d)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return answer(w, http.StatusOK, all)
}

// blank is the document that is about to be written, in the organization that its
// author acts in.
func blank(r *http.Request) (*Document, error) {
	p := sallyport.From(r.Context())
	return &Document{Org: p.Org, Author: p.Subject}, nil
}

func (a *archive) create(w http.ResponseWriter, r *http.Request) error {
	d := documents.From(r.Context())
	var in struct{ Title string }
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&in) != nil || in.Title == "" {
		return &sallyport.Problem{Status: http.StatusBadRequest, Code: "invalid_request", Detail: `Send {"title": "…"}.`}
	}
	d.Title = in.Title
	err := a.db.Write(r.Context(), func(tx *sqlite.Tx) error {
		return tx.QueryRowContext(r.Context(), `INSERT INTO document (org, author, title) VALUES ($1, $2, $3) RETURNING id`,
			d.Org, d.Author, d.Title).Scan(&d.ID)
	})
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, d)
}

// load finds the document that a route is about; no row becomes 404. It looks in
// the reader's organization only: door two would refuse all others, but with 403,
// and that would tell that there is such a document.
func (a *archive) load(r *http.Request) (*Document, error) {
	d := new(Document)
	return d, a.db.Read.QueryRowContext(r.Context(), `SELECT id, org, author, title FROM document WHERE id = $1 AND org = $2`,
		r.PathValue("id"), sallyport.From(r.Context()).Org).Scan(&d.ID, &d.Org, &d.Author, &d.Title)
}

func (a *archive) show(w http.ResponseWriter, r *http.Request) error {
	return answer(w, http.StatusOK, documents.From(r.Context()))
}

func (a *archive) export(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Disposition", "attachment")
	return a.show(w, r)
}

func (a *archive) delete(w http.ResponseWriter, r *http.Request) error {
	if err := a.db.Exec(r.Context(), `DELETE FROM document WHERE id = $1`, documents.From(r.Context()).ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func answer(w http.ResponseWriter, status int, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(v)
}

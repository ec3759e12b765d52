package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// A Post is one message on the board.
type Post struct {
	ID     string    `json:"id"`
	Author string    `json:"author"` // subject
	Text   string    `json:"text"`
	At     time.Time `json:"at"`
}

// A board keeps posts beside the accounts, in the same file.
type board struct {
	db *sqlite.DB
}

// mount registers the board's routes. Who may pass is said here, and nowhere else.
func mount(ctx context.Context, auth *server.Server, db *sqlite.DB) error {
	b := &board{db}
	err := db.Exec(ctx, `CREATE TABLE IF NOT EXISTS post
		(id INTEGER PRIMARY KEY AUTOINCREMENT, author TEXT NOT NULL, text TEXT NOT NULL, at BIGINT NOT NULL)`)
	if err != nil {
		return err
	}
	auth.Routes.Func("GET /posts", sallyport.Public(), b.list)
	auth.Routes.Func("POST /posts", sallyport.May("post:create"), b.create)
	auth.Routes.Func("DELETE /posts/{id}", posts.May("post:delete", b.load), b.delete)
	return nil
}

func (b *board) list(w http.ResponseWriter, r *http.Request) error {
	rows, err := b.db.Read.QueryContext(r.Context(), `SELECT id, author, text, at FROM post ORDER BY id DESC LIMIT 50`)
	if err != nil {
		return err
	}
	defer rows.Close()
	all := []Post{}
	for rows.Next() {
		var p Post
		var at int64
		if err := rows.Scan(&p.ID, &p.Author, &p.Text, &at); err != nil {
			return err
		}
		p.At = time.UnixMilli(at).UTC()
		all = append(all, p)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return answer(w, http.StatusOK, all)
}

func (b *board) create(w http.ResponseWriter, r *http.Request) error {
	var in struct{ Text string }
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&in)
	if err != nil || strings.TrimSpace(in.Text) == "" {
		return &sallyport.Problem{Status: http.StatusBadRequest, Code: "invalid_request", Detail: `Send {"text": "…"}.`}
	}
	p := Post{Author: sallyport.From(r.Context()).Subject, Text: in.Text, At: time.Now().UTC()}
	err = b.db.Write(r.Context(), func(tx *sqlite.Tx) error {
		return tx.QueryRowContext(r.Context(), `INSERT INTO post (author, text, at) VALUES ($1, $2, $3) RETURNING id`,
			p.Author, p.Text, p.At.UnixMilli()).Scan(&p.ID)
	})
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, p)
}

// load finds the post that a route is about; no row becomes 404.
func (b *board) load(r *http.Request) (*Post, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return nil, sallyport.ErrNotFound
	}
	p := &Post{ID: r.PathValue("id")}
	return p, b.db.Read.QueryRowContext(r.Context(), `SELECT author FROM post WHERE id = $1`, id).Scan(&p.Author)
}

func (b *board) delete(w http.ResponseWriter, r *http.Request) error {
	if err := b.db.Exec(r.Context(), `DELETE FROM post WHERE id = $1`, posts.From(r.Context()).ID); err != nil {
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

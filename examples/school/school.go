package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// A Grade is what a student got in a class.
type Grade struct {
	ID      string `json:"id"`
	Class   string `json:"class"`
	Teacher string `json:"-"`       // subject: of the class
	Student string `json:"student"` // subject
	Mark    int    `json:"mark"`
}

// grades tells the policy about grades, and where a SELECT from gradesFrom has
// what it asks for.
var grades = sallyport.TypeOf("Grade", func(g *Grade) string { return g.ID },
	sallyport.Subject("student", func(g *Grade) string { return g.Student }).Column("g.student"),
	sallyport.Subject("teacher", func(g *Grade) string { return g.Teacher }).Column("c.teacher"),
).KeyColumn("g.id")

const (
	gradesFrom = `grade g JOIN class c ON c.id = g.class`
	listGrades = `SELECT g.id, g.class, g.student, g.mark FROM ` + gradesFrom + ` WHERE `
)

const tables = `
	CREATE TABLE IF NOT EXISTS class (id TEXT PRIMARY KEY, teacher TEXT NOT NULL);
	CREATE TABLE IF NOT EXISTS grade (id INTEGER PRIMARY KEY, class TEXT NOT NULL REFERENCES class, student TEXT NOT NULL, mark INTEGER NOT NULL);
	CREATE INDEX IF NOT EXISTS class_teacher ON class (teacher);
	CREATE INDEX IF NOT EXISTS grade_class ON grade (class);
	CREATE INDEX IF NOT EXISTS grade_student ON grade (student)`

// A school keeps classes and grades beside the accounts, in the same file.
type school struct {
	db   *sqlite.DB
	auth *server.Server
}

// mount registers the school's routes. Who may pass is said here, and nowhere else.
func mount(ctx context.Context, auth *server.Server, db *sqlite.DB) error {
	s := &school{db, auth}
	auth.Routes.Func("PUT /classes/{class}", sallyport.May("class:write"), s.putClass)
	auth.Routes.Func("POST /classes/{class}/grades", grades.May("grade:write", s.blank), s.give)
	auth.Routes.Func("GET /grades/{id}", grades.May("grade:read", s.load).Hide(), s.show)
	auth.Routes.Func("GET /grades", sallyport.SignedIn(), s.list)
	return db.Exec(ctx, tables)
}

// list shows everybody what they may read: the rules became a condition of SQL.
func (s *school) list(w http.ResponseWriter, r *http.Request) error {
	mine, err := s.auth.Gate.Filter(r.Context(), "grade:read", grades)
	if err != nil {
		return err
	}
	rows, err := s.db.Read.QueryContext(r.Context(), listGrades+mine.SQL(sallyport.SQLite, 1)+` LIMIT 100`, mine.Args()...)
	if err != nil {
		return err
	}
	defer rows.Close()
	all := []Grade{}
	for rows.Next() {
		var g Grade
		if err := rows.Scan(&g.ID, &g.Class, &g.Student, &g.Mark); err != nil {
			return err
		}
		all = append(all, g)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return answer(w, http.StatusOK, all)
}

// load finds the grade that a route is about; no row becomes 404.
func (s *school) load(r *http.Request) (*Grade, error) {
	g := new(Grade)
	return g, s.db.Read.QueryRowContext(r.Context(), `SELECT g.id, g.class, c.teacher, g.student, g.mark FROM `+gradesFrom+` WHERE g.id = $1`,
		r.PathValue("id")).Scan(&g.ID, &g.Class, &g.Teacher, &g.Student, &g.Mark)
}

// blank is the grade that is about to be given: its class is known, and so its
// teacher.
func (s *school) blank(r *http.Request) (*Grade, error) {
	g := &Grade{Class: r.PathValue("class")}
	return g, s.db.Read.QueryRowContext(r.Context(), `SELECT teacher FROM class WHERE id = $1`, g.Class).Scan(&g.Teacher)
}

func (s *school) show(w http.ResponseWriter, r *http.Request) error {
	return answer(w, http.StatusOK, grades.From(r.Context()))
}

func (s *school) give(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Student string // by name
		Mark    int
	}
	if err := read(w, r, &in); err != nil {
		return err
	}
	student, err := s.find(r.Context(), in.Student)
	if err != nil {
		return err
	}
	g := grades.From(r.Context())
	g.Student, g.Mark = student, in.Mark
	err = s.db.Write(r.Context(), func(tx *sqlite.Tx) error {
		return tx.QueryRowContext(r.Context(), `INSERT INTO grade (class, student, mark) VALUES ($1, $2, $3) RETURNING id`,
			g.Class, g.Student, g.Mark).Scan(&g.ID)
	})
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, g)
}

func (s *school) putClass(w http.ResponseWriter, r *http.Request) error {
	var in struct{ Teacher string } // by name
	if err := read(w, r, &in); err != nil {
		return err
	}
	teacher, err := s.find(r.Context(), in.Teacher)
	if err != nil {
		return err
	}
	err = s.db.Exec(r.Context(), `INSERT INTO class (id, teacher) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET teacher = excluded.teacher`,
		r.PathValue("class"), teacher)
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// find returns the subject of the user with that name.
func (s *school) find(ctx context.Context, name string) (string, error) {
	u, err := s.auth.Accounts.Find(ctx, name)
	if errors.Is(err, account.ErrNotFound) {
		return "", invalid("There is nobody of that name.")
	}
	return u.ID, err
}

func read(w http.ResponseWriter, r *http.Request, v any) error {
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(v) != nil {
		return invalid("The body is not the JSON that belongs here.")
	}
	return nil
}

func invalid(detail string) error {
	return &sallyport.Problem{Status: http.StatusBadRequest, Code: "invalid_request", Detail: detail}
}

func answer(w http.ResponseWriter, status int, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(v)
}

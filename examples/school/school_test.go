package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/internal/process"
	"github.com/sallyport-auth/sallyport/sallytest"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// TestREADME runs exactly the lines that the README prints.
func TestREADME(t *testing.T) {
	school := process.Start(t, process.Build(t, "."), "-addr", "127.0.0.1:0")
	link := school.WaitFor(context.Background(), "/auth/setup/")
	setup := link[strings.Index(link, "http"):]

	lines := process.Lines(t, "URL="+school.URL, "SETUP="+setup)
	process.Expect(t, lines,
		`"roles":["admin"]`,
		"",
		"204 204 204 204 204",
		"204 204",
		`"id":"2","class":"5a"`,
		`"id":"3","class":"5b"`,
		`"status":401`,
		`"id":"3"`,
		`"id":"2"`,
		`"id":"3"`,
		`"status":404`,
		`"when":["==",["r","student"],["e","User",`,
		`"detail":"Only the teacher of a class gives grades in it.","status":403`,
		`"condition":"resource.teacher == principal","truth":"false"`,
		`"decision_id":"dec_`,
		"204",
		`"status":403`,
	)
	for i, want := range map[int]int{7: 2, 8: 2, 9: 3, 16: 0} {
		if got := strings.Count(lines[i].Answer, `"class"`); got != want {
			t.Errorf("line %d lists %d grades, want %d: %s", i+1, got, want, lines[i].Answer)
		}
	}
	if t.Failed() {
		t.Log(school.Output())
	}
}

// open opens a school with two classes and a grade in each.
func open(t *testing.T) *school {
	ctx := t.Context()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "school.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	auth, err := server.Open(ctx, config("http://127.0.0.1:8080", db))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { auth.Close() })
	if err := mount(ctx, auth, db); err != nil {
		t.Fatal(err)
	}
	err = db.Exec(ctx, `INSERT INTO class (id, teacher) VALUES ('5a', 'tom'), ('5b', 'ida');
		INSERT INTO grade (class, student, mark) VALUES ('5a', 'mia', 1), ('5b', 'kai', 2)`)
	if err != nil {
		t.Fatal(err)
	}
	return &school{db, auth}
}

// TestListsUseIndexes asks SQLite how it finds what somebody may read.
func TestListsUseIndexes(t *testing.T) {
	s := open(t)
	for _, tt := range []struct {
		name, subject string
		roles         []string
		want          string
	}{
		{"students by student", "mia", []string{"student"}, "SEARCH g USING INDEX grade_student (student=?)"},
		{"teachers by class", "tom", []string{"teacher"}, "SEARCH c USING INDEX class_teacher (teacher=?)|SEARCH g USING INDEX grade_class (class=?)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := sallyport.NewContext(t.Context(), &sallyport.Principal{Kind: sallyport.User, Subject: tt.subject, Roles: tt.roles})
			mine, err := s.auth.Gate.Filter(ctx, "grade:read", grades)
			if err != nil {
				t.Fatal(err)
			}
			plan := explain(t, s.db, listGrades+mine.SQL(sallyport.SQLite, 1)+" LIMIT 100", mine.Args()...)
			for _, step := range strings.Split(tt.want, "|") {
				if !strings.Contains(plan, step) || strings.Contains(plan, "SCAN") {
					t.Errorf("%s\nis found by\n%swant %s", mine.SQL(sallyport.SQLite, 1), plan, step)
				}
			}
		})
	}
}

func explain(t *testing.T, db *sqlite.DB, query string, args ...any) (plan string) {
	rows, err := db.Read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		plan += step + "\n"
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestColumnsHoldWhatAttributesRead(t *testing.T) {
	s := open(t)
	g := &Grade{ID: "1", Class: "5a", Teacher: "tom", Student: "mia", Mark: 1}
	if err := sallytest.Columns(t.Context(), s.db.Read, gradesFrom, grades.Of(g)); err != nil {
		t.Error(err)
	}
}

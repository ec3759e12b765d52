package testdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	_ "github.com/jackc/pgx/v5/stdlib" // registers "pgx" with database/sql
)

// Durability says whether a commit waits for the disk.
type Durability int

const (
	// Fast never waits: a crash of the machine loses the cluster, a crash of a client loses nothing. Right for almost all
	// tests.
	Fast Durability = iota
	// Durable is as in production.
	Durable
)

// A Cluster is a running PostgreSQL in a temporary folder, reachable through a Unix socket in that folder and by nobody else
// than the user who owns it (and root). When the process that started it is gone, even by kill -9, the cluster stops and its
// folder is removed.
type Cluster struct {
	server *server
}

// oldestMajor is the oldest PostgreSQL that Sallyport supports.
const oldestMajor = 15

// StartCluster makes a new cluster, waits until it answers, and returns it.
func StartCluster(d Durability) (*Cluster, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	f, err := newFolder("postgres")
	if err != nil {
		return nil, err
	}
	data := f.path("data")
	if err := f.run(filepath.Join(bin, "initdb"), "--pgdata="+data, "--username=postgres", "--auth=trust",
		"--encoding=UTF8", "--locale=C", "--no-sync"); err != nil {
		return nil, errors.Join(err, f.remove())
	}
	s, err := f.keep(append([]string{filepath.Join(bin, "postgres"), "-D", data}, settings(f, d)...)...)
	if err != nil {
		return nil, err
	}
	c := &Cluster{server: s}
	if err := s.wait(c.ping); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return c, nil
}

// settings returns the command line of postgres. There is no TCP, so there is no port to be taken by another.
func settings(f *folder, d Durability) []string {
	args := []string{
		"-c", "listen_addresses=",
		"-c", "unix_socket_directories=" + f.dir,
		"-c", "max_connections=300",
		"-c", "logging_collector=off",
	}
	if d == Fast {
		args = append(args, "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off")
	}
	return args
}

// DSN returns the URL of the cluster's first database, as its superuser.
func (c *Cluster) DSN() string {
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres"}
	u.RawQuery = url.Values{"host": {c.server.folder.dir}}.Encode()
	return u.String()
}

// Stop disconnects everybody, stops the cluster and removes its folder. It returns when that is done.
func (c *Cluster) Stop() error {
	return c.server.stop()
}

// Crash kills one of the processes that serve connections. PostgreSQL then ends all the others, because what they share may
// be damaged, recovers from its log as after a power cut, and takes connections again a moment later.
func (c *Cluster) Crash() error {
	db, err := sql.Open("pgx", c.DSN())
	if err != nil {
		return err
	}
	defer db.Close()
	var pid int
	if err := db.QueryRow("SELECT pg_backend_pid()").Scan(&pid); err != nil {
		return err
	}
	victim, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return victim.Kill()
}

func (c *Cluster) ping() error {
	db, err := sql.Open("pgx", c.DSN())
	if err != nil {
		return err
	}
	defer db.Close()
	return db.PingContext(context.Background())
}

// postgresBin returns the folder that holds initdb and postgres: the one on PATH, else the newest where Debian puts them.
func postgresBin() (string, error) {
	var folders []string
	if p, err := exec.LookPath("postgres"); err == nil {
		// initdb looks for postgres beside itself, so a link in /usr/local/bin is followed first.
		if p, err = filepath.EvalSymlinks(p); err == nil {
			folders = append(folders, filepath.Dir(p))
		}
	}
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is well formed
	slices.SortFunc(debian, func(a, b string) int { return majorOfPath(b) - majorOfPath(a) })
	for _, dir := range append(folders, debian...) {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
			continue
		}
		if major(filepath.Join(dir, "postgres")) >= oldestMajor {
			return dir, nil
		}
	}
	return "", fmt.Errorf("PostgreSQL %d or newer is %w (Debian package: postgresql)", oldestMajor, errNotInstalled)
}

func majorOfPath(bin string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin))) // 0 sorts last
	return n
}

var version = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// major returns the major version of a postgres program, 0 if it does not tell.
func major(postgres string) int {
	out, err := exec.Command(postgres, "--version").Output()
	if err != nil {
		return 0
	}
	m := version.FindSubmatch(out)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n
}

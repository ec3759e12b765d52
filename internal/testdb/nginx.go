package testdb

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Nginx starts an nginx that only this test uses, and returns its port on loopback. http returns what stands in its block http,
// for a folder that holds the files and for that port, on which it must listen. It stops when the test ends.
//
// It is no database; but it is a server for a test like the others here, with the same keeper.
func Nginx(t testing.TB, files map[string][]byte, http func(folder string, port int) string) (port int) {
	t.Helper()
	program, err := nginxProgram()
	if err != nil {
		unavailable(t, err)
	}
	s, port, err := startNginx(program, files, http)
	if err != nil {
		t.Fatalf("testdb: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of nginx:\n%s", s.log())
		}
		if err := s.stop(); err != nil {
			t.Errorf("testdb: stopping nginx: %v", err)
		}
	})
	return port
}

// startNginx starts one on a port that was free; if another program was quicker, on the next one.
func startNginx(program string, files map[string][]byte, http func(string, int) string) (*server, int, error) {
	for {
		port, err := freePort()
		if err != nil {
			return nil, 0, err
		}
		s, err := startNginxOn(program, port, files, http)
		if err != nil && strings.Contains(err.Error(), "Address already in use") {
			continue
		}
		return s, port, err
	}
}

// nginxPID is written once it listens.
const nginxPID = "nginx.pid"

func startNginxOn(program string, port int, files map[string][]byte, http func(string, int) string) (*server, error) {
	f, err := newFolder("nginx")
	if err != nil {
		return nil, err
	}
	const config = "nginx.conf"
	text := fmt.Sprintf("daemon off;\nworker_processes 1;\npid %s;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n", f.path(nginxPID))
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		text += fmt.Sprintf("%s_temp_path %s;\n", name, f.path(name))
	}
	all := map[string][]byte{config: []byte(text + http(f.dir, port) + "\n}\n")}
	for name, content := range files {
		all[name] = content
	}
	for name, content := range all {
		err := os.WriteFile(f.path(name), content, 0o600)
		if err == nil {
			err = f.as.own(f.path(name))
		}
		if err != nil {
			return nil, errors.Join(err, f.remove())
		}
	}
	s, err := f.keep(program, "-e", "stderr", "-p", f.dir, "-c", f.path(config))
	if err != nil {
		return nil, err
	}
	if err := s.wait(func() error { _, err := os.Stat(f.path(nginxPID)); return err }); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func nginxProgram() (string, error) {
	if p, err := exec.LookPath("nginx"); err == nil {
		return p, nil
	}
	const debian = "/usr/sbin/nginx" // which is not on everybody's PATH
	if _, err := os.Stat(debian); err == nil {
		return debian, nil
	}
	return "", fmt.Errorf("nginx is %w (Debian package: nginx-light)", errNotInstalled)
}

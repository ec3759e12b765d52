package testdb

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// redisSocket is the name of the Unix socket in a Redis server's folder. Over it we know that we talk to our own server, which
// over a port that was free a moment ago we would not.
const redisSocket = "redis.sock"

// Redis returns the address (host:port) of an empty Redis or Valkey that only this test uses, on a free loopback port. It keeps
// nothing on disk and stops when the test ends. A server for each test, because databases within one server share its
// pub/sub channels and FLUSHALL.
//
// Redis is safe for concurrent use by parallel tests.
func Redis(t testing.TB) (addr string) {
	t.Helper()
	s, addr, err := startRedis()
	if err != nil {
		unavailable(t, err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Errorf("testdb: stopping Redis: %v", err)
		}
	})
	return addr
}

// startRedis starts a server on a port that was free; if another program was quicker, on the next one.
func startRedis() (*server, string, error) {
	program, err := redisProgram()
	if err != nil {
		return nil, "", err
	}
	for {
		port, err := freePort()
		if err != nil {
			return nil, "", err
		}
		s, err := startRedisOn(program, port)
		if err != nil && strings.Contains(err.Error(), "Address already in use") {
			continue
		}
		return s, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
	}
}

func startRedisOn(program string, port int) (*server, error) {
	f, err := newFolder("redis")
	if err != nil {
		return nil, err
	}
	s, err := f.keep(program, "--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", f.dir,
		"--unixsocket", f.path(redisSocket), "--save", "", "--appendonly", "no", "--daemonize", "no")
	if err != nil {
		return nil, err
	}
	if err := s.wait(func() error { return ping(f.path(redisSocket)) }); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func redisProgram() (string, error) {
	for _, name := range []string{"redis-server", "valkey-server"} {
		if p, err := exec.LookPath(name); err == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("Redis is %w (Debian package: redis-server)", errNotInstalled)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func ping(socket string) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := fmt.Fprint(conn, "PING\r\n"); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && line != "+PONG\r\n" {
		err = fmt.Errorf("redis answered %q", line)
	}
	return err
}

// shutdownRedis stops the server behind a socket, if there is one.
func shutdownRedis(socket string) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprint(conn, "SHUTDOWN NOSAVE\r\n")
	bufio.NewReader(conn).ReadString('\n') // returns when the server has closed the connection, that is, ended
}

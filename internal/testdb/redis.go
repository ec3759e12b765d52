package testdb

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// redisSocket is the name of the Unix socket in a Redis server's folder. Over it we know that we talk to our own server, which
// over a port that was free a moment ago we would not.
const redisSocket = "redis.sock"

// redisPID is where it writes its process id.
const redisPID = "redis.pid"

// Redis returns the address (host:port) of an empty Redis or Valkey that only this test uses, on a free loopback port. It keeps
// nothing on disk and stops when the test ends. A server for each test, because databases within one server share its
// pub/sub channels and FLUSHALL.
//
// Redis is safe for concurrent use by parallel tests.
func Redis(t testing.TB) (addr string) {
	t.Helper()
	return NewRedis(t).Addr
}

// A RedisServer is a Redis or Valkey that a test stops, starts again and freezes.
type RedisServer struct {
	Addr string // host:port, the same after every start

	t       testing.TB
	program string
	args    []string
	port    int
	server  *server // nil = stopped
}

// NewRedis returns a server that is like that of [Redis], with more arguments if there are any.
func NewRedis(t testing.TB, args ...string) *RedisServer {
	t.Helper()
	r := &RedisServer{t: t, args: args}
	var err error
	if r.program, err = redisProgram(); err != nil {
		unavailable(t, err)
	}
	if r.server, r.port, err = startRedis(r.program, args); err != nil {
		t.Fatalf("testdb: %v", err)
	}
	r.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port))
	t.Cleanup(r.Stop)
	return r
}

// Stop ends the server, and what it held is lost.
func (r *RedisServer) Stop() {
	r.t.Helper()
	if r.server == nil {
		return
	}
	if err := r.server.stop(); err != nil {
		r.t.Errorf("testdb: stopping Redis: %v", err)
	}
	r.server = nil
}

// Start starts an empty server where the stopped one was.
func (r *RedisServer) Start() {
	r.t.Helper()
	var err error
	if r.server, err = startRedisOn(r.program, r.port, r.args); err != nil {
		r.t.Fatalf("testdb: starting Redis again: %v", err)
	}
}

// Freeze stops the server's clock: connections stay, new ones are even taken, and nothing is ever answered.
func (r *RedisServer) Freeze() { r.t.Helper(); r.signal(freeze) }

// Thaw lets it go on.
func (r *RedisServer) Thaw() { r.t.Helper(); r.signal(thaw) }

func (r *RedisServer) signal(send func(pid int) error) {
	r.t.Helper()
	text, err := os.ReadFile(r.server.folder.path(redisPID))
	if err != nil {
		r.t.Fatalf("testdb: %v", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err == nil {
		err = send(pid)
	}
	if err != nil {
		r.t.Fatalf("testdb: signalling Redis: %v", err)
	}
}

// startRedis starts a server on a port that was free; if another program was quicker, on the next one.
func startRedis(program string, args []string) (*server, int, error) {
	for {
		port, err := freePort()
		if err != nil {
			return nil, 0, err
		}
		s, err := startRedisOn(program, port, args)
		if err != nil && strings.Contains(err.Error(), "Address already in use") {
			continue
		}
		return s, port, err
	}
}

func startRedisOn(program string, port int, args []string) (*server, error) {
	f, err := newFolder("redis")
	if err != nil {
		return nil, err
	}
	s, err := f.keep(append([]string{program, "--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", f.dir,
		"--unixsocket", f.path(redisSocket), "--pidfile", f.path(redisPID), "--save", "", "--appendonly", "no", "--daemonize", "no"}, args...)...)
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
	if err == nil && line != "+PONG\r\n" && !strings.HasPrefix(line, "-NOAUTH") {
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

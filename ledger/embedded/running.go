package embedded

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Running is the URL of the private server that some process runs in a directory; empty if none
// does. It holds what lets its owner in, and is made of files that only the directory's owner can
// read.
func Running(dir string) string {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	c := &cockroach{dir: dir}
	if cockroachProcess(c.pidFile()) != 0 {
		if at, err := c.address(); err == nil {
			at.Path = "/" + databaseName
			return at.String()
		}
	}
	p := &postgres{dir: dir}
	password, err := os.ReadFile(p.passwordFile())
	if err != nil {
		return ""
	}
	word, err := os.ReadFile(filepath.Join(p.data(), "postmaster.pid"))
	const portLine = 3 // from 0: of PostgreSQL's lock file
	lines := strings.Split(string(word), "\n")
	if err != nil || len(lines) <= portLine {
		return ""
	}
	port, err := strconv.Atoi(strings.TrimSpace(lines[portLine]))
	if err != nil {
		return ""
	}
	return postgresURL(string(password), port).String()
}

// postgresURL is how the private PostgreSQL is reached.
func postgresURL(password string, port int) *url.URL {
	return &url.URL{
		Scheme: "postgres", User: url.UserPassword(databaseName, password), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		Path: "/" + databaseName, RawQuery: "sslmode=disable",
	}
}

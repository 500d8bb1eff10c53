package embedded_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/signal"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/ledger/embedded"
)

// cockroachName is the name under which the test binary plays a cockroach program. Files
// beside it say how it behaves and what it saw.
const (
	cockroachName = "cockroach"
	modeFile      = "mode" // empty or absent: a node; else "hangs" or "fails"
	runsFile      = "runs"
)

// aRun is what one run of it saw.
type aRun struct {
	Args []string
	Env  []string
	PID  int
}

// fakeCockroach takes the commands that the real one documents. Its node is a PostgreSQL
// that asks for the certificates it was given.
func fakeCockroach(args []string) int {
	home := filepath.Dir(os.Args[0])
	line, err := json.Marshal(aRun{args, os.Environ(), os.Getpid()})
	if err == nil {
		err = appendTo(filepath.Join(home, runsFile), append(line, '\n'))
	}
	flags := map[string]string{}
	for _, arg := range args {
		if name, value, ok := strings.Cut(arg, "="); ok {
			flags[name] = value
		}
	}
	switch {
	case err != nil:
	case args[0] == "cert":
		err = certificate(args[1], args[2], flags["--certs-dir"], flags["--ca-key"])
	case args[0] == "start-single-node":
		err = node(home, flags)
	default:
		err = fmt.Errorf("unknown command %q", args[0])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "ERROR:", err)
		return 3
	}
	return 0
}

func appendTo(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
}

// certificate makes a pair as "cockroach cert" does.
func certificate(command, name, dir, caKey string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), BasicConstraintsValid: true,
	}
	certFile, keyFile := filepath.Join(dir, "ca.crt"), caKey
	parent, parentKey := template, key
	switch command {
	case "create-ca":
		template.Subject.CommonName, template.IsCA, template.KeyUsage = "Cockroach CA", true, x509.KeyUsageCertSign
	case "create-node", "create-client":
		user, base := "node", "node"
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
		template.IPAddresses, template.DNSNames = []net.IP{net.ParseIP(name)}, []string{"localhost"}
		if command == "create-client" {
			user, base, template.IPAddresses, template.DNSNames = name, "client."+name, nil, nil
		}
		template.Subject = pkix.Name{CommonName: user}
		certFile, keyFile = filepath.Join(dir, base+".crt"), filepath.Join(dir, base+".key")
		if parent, parentKey, err = authority(filepath.Join(dir, "ca.crt"), caKey); err != nil {
			return err
		}
	default:
		return fmt.Errorf("unknown command cert %q", command)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
}

func authority(certFile, keyFile string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	var blocks [2]*pem.Block
	for i, path := range []string{certFile, keyFile} {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, err
		}
		blocks[i], _ = pem.Decode(text)
	}
	cert, err := x509.ParseCertificate(blocks[0].Bytes)
	if err != nil {
		return nil, nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(blocks[1].Bytes)
	private, ok := key.(*ecdsa.PrivateKey)
	if err != nil || !ok {
		return nil, nil, fmt.Errorf("the authority's key: %w", err)
	}
	return cert, private, nil
}

// node serves until it is asked to end.
func node(home string, flags map[string]string) error {
	mode, _ := os.ReadFile(filepath.Join(home, modeFile))
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	switch string(mode) {
	case "fails":
		return errors.New("cannot open the store")
	case "hangs":
		<-asked
		return nil
	}
	ctx, store := context.Background(), flags["--store"]
	if err := prepare(ctx, store); err != nil {
		return err
	}
	settings := maps.Clone(small)
	settings["ssl"], settings["hba_file"] = "on", filepath.Join(store, "hba.conf")
	for name, file := range map[string]string{"ssl_ca_file": "ca.crt", "ssl_cert_file": "node.crt", "ssl_key_file": "node.key"} {
		settings[name] = filepath.Join(store, file)
		if err := hand(filepath.Join(flags["--certs-dir"], file), settings[name]); err != nil {
			return err
		}
	}
	rules := "hostssl all root 127.0.0.1/32 cert\nhost all citycard 127.0.0.1/32 scram-sha-256\n"
	if err := os.WriteFile(settings["hba_file"], []byte(rules), 0o644); err != nil {
		return err
	}
	database, err := embedded.Open(ctx, embedded.Options{Dir: store, PostgreSQL: true, Settings: settings})
	if err != nil {
		return err
	}
	at, err := url.Parse(database.URL)
	if err == nil {
		err = errors.Join(
			os.WriteFile(flags["--listening-url-file"], []byte("postgresql://root@"+at.Host+"/defaultdb?sslmode=require\n"), 0o644),
			os.WriteFile(flags["--pid-file"], []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644))
	}
	fmt.Println("node startup completed")
	full := make(chan os.Signal, 1)
	signal.Notify(full, syscall.SIGUSR1)
	select {
	case <-asked:
	case <-full: // as a node ends whose store has no room
		_ = database.Close()
		os.Exit(10)
	}
	return errors.Join(err, database.Close())
}

// prepare makes what a node has from the beginning: the user root and a first database.
func prepare(ctx context.Context, store string) error {
	database, err := embedded.Open(ctx, embedded.Options{Dir: store, PostgreSQL: true, Settings: small})
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, database.URL)
	if err != nil {
		return errors.Join(err, database.Close())
	}
	var there bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'root')").Scan(&there)
	if err == nil && !there {
		_, err = conn.Exec(ctx, "CREATE ROLE root SUPERUSER LOGIN")
		if err == nil {
			_, err = conn.Exec(ctx, "CREATE DATABASE defaultdb")
		}
	}
	return errors.Join(err, conn.Close(ctx), database.Close())
}

// hand copies a file to where the server's user may read it.
func hand(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.WriteFile(to, data, 0o600); err != nil || os.Geteuid() != 0 {
		return err
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		return err
	}
	return os.Chown(to, uid, -1)
}
